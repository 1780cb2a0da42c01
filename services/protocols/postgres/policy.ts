import { z } from 'zod';
import type { Effect } from '../../core/model/action.ts';
import type { Mask, RuleOutcome } from '../../core/model/decision.ts';
import type { EffectCondition, PolicyWords } from '../protocol.ts';
import {
  type OpaqueReason,
  opaqueReasons,
  type PostgresEffect,
  type RowChoice,
  rowChoices,
  type Verb,
  verbs,
} from './sql/analysis.ts';
import { isSystemSchema } from './sql/catalog.ts';
import { namePart, splitDotted } from './sql/names.ts';

/** A dotted name with stars: `app.*`, `*.secrets`, `app.users.email`; a lone `*` is everything. */
interface NamePattern {
  /** Null is everything, whatever its parts. */
  readonly parts: readonly PatternPart[] | null;
}

interface PatternPart {
  readonly text: string;
  /** A quoted part is a name as it stands, stars and all. */
  readonly expression: RegExp | null;
}

const quotedPart = /^"(?:[^"]|"")*"$/;

/** Parts between dots, quoted ones whole. Null when a part is empty or a quote stands alone. */
function splitPattern(text: string): readonly string[] | null {
  if (splitDotted(text) === null) return null;
  return text.match(/"(?:[^"]|"")*"|[^."]+/g);
}

function parsePattern(text: string): NamePattern | null {
  if (text === '*') return { parts: null };
  const parts = splitPattern(text);
  return parts === null ? null : { parts: parts.map(parsePart) };
}

function parsePart(part: string): PatternPart {
  if (quotedPart.test(part)) return { text: part.slice(1, -1).replaceAll('""', '"'), expression: null };
  return { text: part, expression: part.includes('*') ? globExpression(part, '') : null };
}

/** A star is any run of characters. */
const globExpression = (glob: string, flags: string): RegExp =>
  new RegExp(`^${glob.split('*').map(escapeExpression).join('.*')}$`, `s${flags}`);

const escapeExpression = (text: string): string => text.replaceAll(/[$()*+.?[\\\]^{|}]/g, String.raw`\$&`);

const matchesPart = ({ text, expression }: PatternPart, name: string): boolean =>
  expression === null ? text === name : expression.test(name);

/**
 * In an allow rule a star at the beginning of the schema stands for the database's own schemas, never for pg_catalog and
 * information_schema: pg_authid, pg_stats and pg_read_file are allowed by those who name them.
 */
function matchesName(pattern: NamePattern, name: readonly string[], outcome: RuleOutcome): boolean {
  const { parts } = pattern;
  const schemaPattern = parts?.[0]?.text ?? '*';
  const schema = name[0] ?? '';
  if (outcome === 'allow' && name.length > 1 && isSystemSchema(schema) && schemaPattern.startsWith('*')) {
    return false;
  }
  if (parts === null) return true;
  return parts.length === name.length && parts.every((part, at) => matchesPart(part, name[at] ?? ''));
}

/** Names come from the analysis, which quotes what needs it; one that does not split is of nothing that a pattern can mean. */
const nameParts = (name: string): readonly string[] => splitDotted(name) ?? [name];

const patternSchema = (partNames: readonly string[], example: string) =>
  z.string().superRefine((text, context) => {
    const problem = patternProblem(text, partNames, example);
    if (problem !== null) context.addIssue({ code: 'custom', message: problem });
  });

function patternProblem(text: string, partNames: readonly string[], example: string): string | null {
  const pattern = parsePattern(text);
  const wanted = `${partNames.join('.')}, as in ${example}`;
  const plain = splitPattern(text)?.map(withoutNeedlessQuotes).join('.');
  // One spelling for one name: effects quote only what needs it.
  if (plain !== undefined && plain !== text) return `"${text}" needs no quotes; write ${plain}`;
  if (pattern === null) return `"${text}" is not a name or pattern; write ${wanted}`;
  if (pattern.parts === null || pattern.parts.length === partNames.length) return null;
  return `"${text}" has ${pattern.parts.length} parts; write ${wanted}`;
}

const withoutNeedlessQuotes = (part: string): string =>
  quotedPart.test(part) ? namePart(part.slice(1, -1).replaceAll('""', '"')) : part;

/** Effects of this protocol come from its own analysis. */
const asPostgres = (effect: Effect): PostgresEffect => effect as PostgresEffect;

/** `value` has passed the condition's schema: a list of strings. */
const listed = (value: unknown): readonly string[] => z.array(z.string()).parse(value);

const patternsOf = (value: unknown): readonly NamePattern[] =>
  listed(value).flatMap((text) => parsePattern(text) ?? []);

/** A condition on one name of the effect. */
const nameCondition = (
  partNames: readonly string[],
  example: string,
  nameOf: (effect: PostgresEffect) => string | null,
): EffectCondition => ({
  schema: z.array(patternSchema(partNames, example)),
  compile(value: unknown, outcome: RuleOutcome) {
    const patterns = patternsOf(value);
    return (effect) => {
      const name = nameOf(asPostgres(effect));
      if (name === null) return false;
      const parts = nameParts(name);
      return patterns.some((pattern) => matchesName(pattern, parts, outcome));
    };
  },
});

const columnParts = ['schema', 'table', 'column'];
const columnExample = 'app.users.email or app.*.email';

const columns: EffectCondition = {
  schema: z.array(patternSchema(columnParts, columnExample)),
  compile(value: unknown, outcome: RuleOutcome) {
    const patterns = patternsOf(value);
    const matches = (name: readonly string[]): boolean =>
      patterns.some((pattern) => matchesName(pattern, name, outcome));
    return (effect) => {
      const { verb, relation, columns: named } = asPostgres(effect);
      if (relation === null) return false;
      if (outcome !== 'allow') return named.some((column) => matches(nameParts(column)));
      if (named.length > 0) return named.every((column) => matches(nameParts(column)));
      // SELECT count(*) names no column: as in PostgreSQL, whoever may read one column may count the rows.
      const table = nameParts(relation);
      return verb === 'select' && patterns.some((pattern) => matchesTableOf(pattern, table, outcome));
    };
  },
};

const matchesTableOf = ({ parts }: NamePattern, table: readonly string[], outcome: RuleOutcome): boolean =>
  matchesName({ parts: parts === null ? null : parts.slice(0, 2) }, table, outcome);

const settings: EffectCondition = {
  schema: z.array(z.string().min(1)),
  compile(value: unknown) {
    // Parameter names are compared without case, and a custom one has a dot in it.
    const expressions = listed(value).map((glob) => globExpression(glob, 'i'));
    return (effect) => {
      const { setting } = asPostgres(effect);
      return setting !== null && expressions.some((expression) => expression.test(setting));
    };
  },
};

const objects: EffectCondition = {
  schema: z.array(z.string().min(1)),
  compile(value: unknown) {
    const kinds = new Set(listed(value).map((kind) => kind.toLowerCase()));
    return (effect) => {
      const { objectKind } = asPostgres(effect);
      return objectKind !== null && kinds.has(objectKind);
    };
  },
};

const chosenBy: EffectCondition = {
  schema: z.array(z.enum(rowChoices)).min(1),
  compile(value: unknown) {
    const wanted = new Set(z.array(z.enum(rowChoices)).parse(value));
    return (effect) => {
      const { rowsChosenBy } = asPostgres(effect);
      return rowsChosenBy !== null && wanted.has(rowsChosenBy);
    };
  },
};

const maskPatterns = new WeakMap<Mask, readonly NamePattern[]>();

function patternsOfMask(mask: Mask): readonly NamePattern[] {
  let patterns = maskPatterns.get(mask);
  if (patterns === undefined) {
    patterns = patternsOf(mask.fields);
    maskPatterns.set(mask, patterns);
  }
  return patterns;
}

/** Whether a name (`app.users`) fits a pattern that has passed its condition's schema. */
export function nameMatcher(pattern: string): (name: string) => boolean {
  const patterns = patternsOf([pattern]);
  return (name) => patterns.some((each) => matchesName(each, nameParts(name), 'deny'));
}

/**
 * Where ANALYZE keeps values of columns, whichever they are of: https://www.postgresql.org/docs/current/view-pg-stats.html
 */
const valueStatistics: ReadonlySet<string> = new Set(
  [
    ...['pg_stats', 'pg_stats_ext', 'pg_stats_ext_exprs'].flatMap((view) =>
      ['most_common_vals', 'histogram_bounds', 'most_common_elems', 'range_bounds_histogram'].map(
        (column) => `${view}.${column}`,
      ),
    ),
    ...[1, 2, 3, 4, 5].map((slot) => `pg_statistic.stavalues${slot}`),
    'pg_statistic_ext_data.stxdmcv',
    'pg_statistic_ext_data.stxdexpr',
  ].map((column) => `pg_catalog.${column}`),
);

/** Whether one of the mask's field patterns names this column (`app.users.email`), or it may hold values of such a column. */
export function isMaskedColumn(mask: Mask, column: string): boolean {
  if (valueStatistics.has(column)) return mask.fields.length > 0;
  const name = nameParts(column);
  return patternsOfMask(mask).some((pattern) => matchesName(pattern, name, 'deny'));
}

/** The same of a column of the effect: the masks of partitions are their parents' too. */
export function isMaskedFor(mask: Mask, { descendants }: PostgresEffect, column: string): boolean {
  if (isMaskedColumn(mask, column)) return true;
  if (descendants.size === 0) return false;
  // A column's own name may hold dots.
  for (let at = column.lastIndexOf('.'); at > 0; at = column.lastIndexOf('.', at - 1)) {
    const names = descendants.get(column.slice(0, at)) ?? [];
    if (names.some((name) => isMaskedColumn(mask, `${name}${column.slice(at)}`))) return true;
  }
  return false;
}

/** What is written for each condition of a rule: patterns of names, for `settings` and `objects` plain words. */
export interface PostgresConditions {
  /** `app.users`, `app.*` */
  readonly tables: readonly string[];
  /** `app.users.email`, `app.*.email` */
  readonly columns: readonly string[];
  /** `app.cleanup`, `pg_catalog.pg_get_*` */
  readonly functions: readonly string[];
  /** `statement_timeout`, `app.*` */
  readonly settings: readonly string[];
  /** `table`, `view`, `function`, `role` */
  readonly objects: readonly string[];
  /** How `update`, `delete` and `truncate` choose their rows */
  readonly rowsChosenBy: readonly RowChoice[];
}

/** These rename, move, publish, or hand rows to somebody's code (sql/exposed.ts). */
const onDefinitions: ReadonlySet<string> = new Set<Verb>(['create', 'alter', 'replicate', 'maintain']);

const reading: ReadonlySet<string> = new Set<Verb>(['select', 'call', 'set']);

export const postgresPolicy: PolicyWords = {
  verbs,
  opaqueReasons,
  conditions: {
    tables: nameCondition(['schema', 'table'], 'app.users, app.* or *.secrets', (effect) => effect.relation),
    columns,
    functions: nameCondition(
      ['schema', 'function'],
      'app.cleanup or pg_catalog.pg_get_*',
      (effect) => effect.function,
    ),
    settings,
    objects,
    rowsChosenBy: chosenBy,
  } satisfies Readonly<Record<keyof PostgresConditions, EffectCondition>>,
  guesses(masks, effect) {
    const { conditionColumns, guesses } = asPostgres(effect);
    const isMasked = (column: string): boolean =>
      masks.some((mask) => isMaskedFor(mask, asPostgres(effect), column));
    if (conditionColumns.some(isMasked)) return Infinity;
    return guesses.reduce((sum, { columns, values }) => (columns.some(isMasked) ? sum + values : sum), 0);
  },
  guessedLists(masks, effect) {
    const isMasked = (column: string): boolean =>
      masks.some((mask) => isMaskedFor(mask, asPostgres(effect), column));
    return asPostgres(effect).guesses.flatMap(({ columns, array }) =>
      array !== null && columns.some(isMasked) ? [array] : [],
    );
  },
  masksDerived: true,
  returnsDerived: (mask, effect) =>
    asPostgres(effect).derivedColumns.some((column) => isMaskedFor(mask, asPostgres(effect), column)),
  untraced: {
    reason: 'untraced-function' satisfies OpaqueReason,
    mayReturn(mask, effect) {
      const { untraced } = asPostgres(effect);
      if (untraced === 'anything') return mask.fields.length > 0;
      return untraced.some((column) => isMaskedFor(mask, asPostgres(effect), column));
    },
  },
  unmasks: ({ verb }) => onDefinitions.has(verb),
  // A unique index and a foreign key answer who writes, whatever may be read; and an owner may read what is hidden from the session.
  onlyReads: (effects) => effects.every((effect) => reading.has(effect.verb) && !asPostgres(effect).asOwner),
  fieldProblem: (pattern) => patternProblem(pattern, columnParts, columnExample),
  readsAnswers: true,
  countsRows: true,
};
