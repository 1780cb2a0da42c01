/** Two small protocols, so that these tests hang on no real one: `sql` is shaped like Postgres, `pods` like Kubernetes. */
import { z } from 'zod';
import type { Effect } from '../../../services/core/model/action.ts';
import type { Mask } from '../../../services/core/model/decision.ts';
import { listenerName, targetName } from '../../../services/core/model/ids.ts';
import { matchesGlob } from '../../../services/core/model/principal-pattern.ts';
import type { WordsOf } from '../../../services/core/policy/define-policy.ts';
import type { ProtocolWords, Vocabulary } from '../../../services/core/policy/vocabulary.ts';

export interface SqlEffect extends Effect {
  readonly relation: string | null;
  readonly conditionColumns: readonly string[];
  /** One for each value that a column is compared with. */
  readonly guessedColumns: readonly string[];
  /** The parameter whose items the guessed columns are compared with. */
  readonly guessedList?: number;
  readonly derivedColumns: readonly string[];
  readonly function: string | null;
}

// as: only `sql` actions are decided by `sql` words, and these tests make them with `sqlEffect`
const sql = (effect: Effect): SqlEffect => effect as SqlEffect;

const patterns = z.array(z.string().min(1));

/** A condition that one of the patterns matches this text of the effect. */
const condition = (textOf: (effect: Effect) => string | null) => ({
  schema: patterns,
  compile(value: unknown) {
    const wanted = patterns.parse(value);
    return (effect: Effect): boolean => {
      const text = textOf(effect);
      return text !== null && wanted.some((pattern) => matchesGlob(pattern, text));
    };
  },
});

export const sqlWords = {
  verbs: ['connect', 'select', 'insert', 'update', 'delete', 'drop', 'call'],
  opaqueReasons: ['unknown-function', 'procedural-code'],
  conditions: {
    tables: condition((effect) => sql(effect).relation),
    functions: condition((effect) => sql(effect).function),
  },
  guesses: (masks: readonly Mask[], effect: Effect) => {
    const isMasked = (column: string): boolean =>
      masks.some(({ fields }) => fields.some((field) => matchesGlob(field, column)));
    const { conditionColumns, guessedColumns } = sql(effect);
    return conditionColumns.some(isMasked) ? Infinity : guessedColumns.filter(isMasked).length;
  },
  guessedLists: (_: readonly Mask[], effect: Effect) => {
    const { guessedList } = sql(effect);
    return guessedList === undefined ? [] : [guessedList];
  },
  masksDerived: true,
  returnsDerived: ({ fields }: Mask, effect: Effect) =>
    fields.some((field) => sql(effect).derivedColumns.some((column) => matchesGlob(field, column))),
  onlyReads: (effects: readonly Effect[]) => effects.every(({ verb }) => verb === 'select'),
  fieldProblem: (pattern: string) =>
    pattern.split('.').length === 3 ? null : `"${pattern}" must be schema.table.column`,
  readsAnswers: true,
  countsRows: true,
} as const satisfies ProtocolWords;

export const podWords = {
  verbs: ['connect', 'get', 'delete', 'exec'],
  opaqueReasons: ['unknown-subresource'],
  conditions: {
    resources: condition((effect) => effect.resource),
  },
  guesses: () => 0,
  masksDerived: true,
  returnsDerived: () => false,
  fieldProblem: (pattern: string) =>
    pattern.startsWith('/') ? null : `"${pattern}" must begin with a slash`,
  readsAnswers: true,
  countsRows: true,
} as const satisfies ProtocolWords;

export type SqlWords = WordsOf<
  typeof sqlWords,
  { readonly detectors: 'email' | 'card'; readonly transforms: 'full' | 'email' | 'last4' }
>;

export const shop = targetName('shop');
export const billing = targetName('billing');
export const cluster = targetName('cluster');

export const vocabulary: Vocabulary = {
  protocols: { sql: sqlWords, pods: podWords },
  reachedBy: { sql: 'sql', pods: 'pods' },
  targets: [
    { name: shop, protocol: 'sql' },
    { name: billing, protocol: 'sql' },
    { name: cluster, protocol: 'pods' },
  ],
  listeners: [
    { name: listenerName('inside'), protocol: 'sql' },
    { name: listenerName('outside'), protocol: 'sql' },
    { name: listenerName('pods'), protocol: 'pods' },
  ],
  detectors: ['email', 'card'],
  transforms: ['full', 'email', 'last4', 'null'],
};
