/** What an analysis has found, for whoever writes policies: `sallyport policy explain`. */
import type { Intent } from '../../core/model/action.ts';
import type { Obligations } from '../../core/model/decision.ts';
import type { Understanding } from '../protocol.ts';
import { isMaskedColumn, postgresPolicy } from './policy.ts';
import { type RingExplanation, ringLines } from './ring/explain.ts';
import type { OpaqueReason, OutputColumn, PostgresEffect, StatementFacts } from './sql/analysis.ts';
import type { Catalog, CatalogFunction } from './sql/catalog.ts';
import { mergeEffects } from './sql/merge-effects.ts';
import { columnText } from './sql/names.ts';

/** What each reason means for the statement that has it. */
const reasonTexts: Readonly<Record<OpaqueReason, string>> = {
  'unknown-relation':
    'it names a table or view that the catalog does not have, or a view that could not be read',
  'unknown-column': 'it names a column that its tables do not have',
  'unknown-function': 'it calls a function that the catalog does not have',
  'unknown-type': 'it names a type that the catalog does not have',
  'unknown-operator': 'it uses an operator that the catalog does not have for such values',
  'unknown-name': 'it runs a prepared statement or cursor that the gateway has not seen being made',
  'procedural-code':
    'it carries code (DO, a function body) of which not all could be read, or which others will run',
  'dynamic-sql': 'it calls a function that runs SQL handed to it as text, or reads the table that it is told',
  'security-definer': 'it calls a function that runs with the rights of its owner',
  'untraced-function': 'it calls a function that may return masked columns in a way that cannot be followed',
  'untrusted-language': 'it calls a function in a language that can do whatever the server can',
  'unseen-cascade': 'what goes along with it could not be found out',
  'rewrite-rule': 'a rewrite rule makes something else of it',
  'unknown-statement': 'this version of the gateway does not know such statements',
};

/** What becomes of the statements under somebody's masks. */
export interface UnderMasks {
  /** What becomes of an output column; null when it stays as it is. */
  maskOf(output: OutputColumn): string | null;
  readonly guesses: Guesses;
  /** Null where sessions are in none. */
  readonly ring: RingExplanation | null;
}

export function understanding(
  statements: readonly StatementFacts[],
  catalog: Catalog,
  { maskOf, guesses, ring }: UnderMasks,
): Understanding {
  const through = new Map<string, Set<string>>();
  for (const { relation, view } of statements.flatMap((statement) => statement.through)) {
    through.set(relation, (through.get(relation) ?? new Set()).add(view));
  }
  const effects = mergeEffects(statements).filter(({ relation }) => relation !== null);
  const tables = effects.map((effect) => tableOf(effect, [...(through.get(effect.relation ?? '') ?? [])]));
  const functions = functionsOf(statements, catalog);
  const columns = statements.map(({ outputs }) =>
    outputs === null ? null : outputs.map((output) => columnOf(output, catalog, maskOf(output))),
  );
  const consequences = [...new Set(statements.flatMap((statement) => statement.consequences))];
  const reasons = [...new Set(statements.flatMap(({ opaque }): readonly OpaqueReason[] => opaque))].map(
    (reason) => ({
      reason,
      means: reasonTexts[reason],
    }),
  );
  const sections = [
    { title: 'Tables', lines: tables.flatMap(tableLines) },
    { title: 'Functions', lines: functions.map(({ name, about }) => `${name} (${about})`) },
    ...columns.map((listed, at) => ({
      title: `Columns that come back${statements.length > 1 ? ` from statement ${at + 1}` : ''}`,
      lines: listed === null ? unknownColumns(statements[at]) : listed.map(columnLine),
    })),
    { title: 'Along with it', lines: consequences },
    { title: 'Masking ring', lines: ring === null ? [] : ringLines(ring) },
    { title: 'Guesses', lines: guessLines(guesses) },
    { title: 'Why it is not understood', lines: reasons.map(({ reason, means }) => `${reason}: ${means}`) },
  ];
  return {
    sections: sections.filter(({ lines }) => lines.length > 0),
    json: { tables, functions, columns, consequences, ring, guesses, reasons },
  };
}

/** Comparisons of masked columns with values, each of which counts against a limit. */
export interface Guesses {
  readonly comparisons: readonly {
    /** `app.users.email`; a view's column before its table's. */
    readonly columns: readonly string[];
    /** With how many values. */
    readonly values: number;
    /** The parameter, from 1, whose items are the values; null where they are in the text. */
    readonly itemsOf: number | null;
  }[];
  readonly perMinute: number;
  /** In the ring, and nothing is changed: conditions see masks, so nothing is told of what they hide. */
  readonly seesMasks: boolean;
}

export function guessesIn({ effects }: Intent, { masks, limits }: Obligations, inRing: boolean): Guesses {
  const guessable = masks.filter((mask) => mask.inConditions === 'equality');
  const isGuessable = (column: string): boolean => guessable.some((mask) => isMaskedColumn(mask, column));
  const comparisons = effects.flatMap((effect) =>
    (effect as PostgresEffect).guesses // this protocol's own
      .filter(({ columns }) => columns.some(isGuessable))
      .map(({ columns, values, array }) => ({ columns, values, itemsOf: array === null ? null : array + 1 })),
  );
  const seesMasks = inRing && postgresPolicy.onlyReads?.(effects) === true;
  return { comparisons, perMinute: limits.guessesPerMinute, seesMasks };
}

function guessLines({ comparisons, perMinute, seesMasks }: Guesses): readonly string[] {
  if (comparisons.length === 0) return [];
  const lines = comparisons.map(({ columns, values, itemsOf }) => {
    const count =
      itemsOf === null ? `${values} ${values === 1 ? 'value' : 'values'}` : `the items of $${itemsOf}`;
    return `${columns.join(', ')} is compared with ${count}`;
  });
  const limit = seesMasks
    ? 'none of them counts: in the ring, conditions see masks'
    : `each value counts, and ${perMinute} a minute pass (guessesPerMinute)`;
  return [...lines, limit];
}

const tableOf = (effect: PostgresEffect, through: readonly string[]) => ({
  effect: effect.verb,
  relation: effect.relation,
  through,
  columns: effect.columns,
  conditionColumns: effect.conditionColumns,
  rowsChosenBy: effect.rowsChosenBy,
});

/** Columns go by their own names here: the relation stands before them. */
function tableLines(table: ReturnType<typeof tableOf>): readonly string[] {
  const { effect, relation, through, columns, conditionColumns, rowsChosenBy } = table;
  const names = (listed: readonly string[]): string =>
    listed.map((column) => column.slice((relation ?? '').length + 1)).join(', ');
  return [
    `${effect} ${relation}${through.length === 0 ? '' : ` through ${through.join(', ')}`}`,
    ...(columns.length === 0 ? [] : [`  columns: ${names(columns)}`]),
    ...(conditionColumns.length === 0 ? [] : [`  beside output: ${names(conditionColumns)}`]),
    ...(rowsChosenBy === null ? [] : [`  rows chosen by: ${rowsChosenBy}`]),
  ];
}

function functionsOf(statements: readonly StatementFacts[], catalog: Catalog) {
  const effects = mergeEffects(statements).filter((effect) => effect.function !== null);
  const called = new Set(effects.flatMap((effect) => effect.function ?? []));
  return [...called].map((name) => {
    const overloads = [...catalog.functionsByOid.values()].filter((one) => one.text === name);
    const about = [...new Set(overloads.map(functionText))];
    const said = about.length === 0 ? 'not in the catalog' : about.join('; or ');
    const untraced = effects.filter((effect) => effect.function === name).map(untracedText);
    return { name, about: [said, ...untraced].join('') };
  });
}

function untracedText({ untraced }: PostgresEffect): string {
  if (untraced === 'anything') return '; what it reads is not known';
  return untraced.length === 0 ? '' : `; may return ${untraced.join(', ')}`;
}

const functionText = ({ language, volatility, securityDefiner }: CatalogFunction): string =>
  [language, volatility, ...(securityDefiner ? ['security definer'] : [])].join(', ');

function columnOf({ name, sources, derived }: OutputColumn, catalog: Catalog, mask: string | null) {
  // A view's own column stands beside those that it leads to.
  const isView = (oid: number): boolean => catalog.relationsByOid.get(oid)?.isView === true;
  const base = sources.filter((source) => !isView(source.relationOid));
  return {
    name,
    from: (base.length === 0 ? sources : base).map(columnText),
    through: [...new Set(sources.filter((source) => isView(source.relationOid)).map(columnText))],
    derived,
    mask,
  };
}

function columnLine({ name, from, through, derived, mask }: ReturnType<typeof columnOf>): string {
  const origin = from.length === 0 ? 'no column' : `${derived ? 'computed from ' : ''}${from.join(', ')}`;
  const views = through.filter((column) => !from.includes(column));
  const way = views.length === 0 ? '' : ` through ${views.join(', ')}`;
  return `${name} <- ${origin}${way}${mask === null ? '' : `; masked: ${mask}`}`;
}

const givingRows: ReadonlySet<string> = new Set([
  'SELECT',
  'INSERT',
  'UPDATE',
  'DELETE',
  'MERGE',
  'COPY',
  'EXECUTE',
  'FETCH',
  'CALL',
]);

/** Of a statement that may give rows, and of which too little is known. */
const unknownColumns = (statement: StatementFacts | undefined): readonly string[] =>
  statement === undefined || statement.opaque.length === 0 || !givingRows.has(statement.command)
    ? []
    : ['not known: each counts as computed from all that the statement touches'];
