/**
 * Whoever writes a unique column asks whether its value is there already, and whoever writes a foreign key whether it is where the key
 * leads: an error says so, and a rollback takes back what was written.
 */
import { type CatalogColumn, descendantsOf, type Relation } from './catalog.ts';
import type { Context } from './context.ts';
import { fieldNamed } from './scope.ts';
import type { Sources } from './value.ts';
import { viewFacts } from './views.ts';

/** How many values are written to a column at most; null where nobody can count them. */
export type ValuesWritten = (column: CatalogColumn) => number | null;

/** @param asking tells this statement from others */
export function noteKeys(
  event: 'insert' | 'update',
  asking: object,
  relation: Relation,
  columns: readonly CatalogColumn[],
  valuesWritten: ValuesWritten,
  context: Context,
): void {
  if (relation.isView) {
    // Its trigger writes what it likes, and nothing is known of that.
    if (relation.insteadOf.has(event)) return;
    const base = relation.system ? null : (viewFacts(relation, context)?.base ?? null);
    const values = greatest(columns.map(valuesWritten));
    // Which of its columns these are does not matter much: any key may be asked for.
    if (base !== null) noteKeys(event, asking, base, base.columns, () => values, context);
    return;
  }
  const byName = new Map(columns.map((column) => [column.column, column]));
  const asked = new Set<CatalogColumn>();
  const counts: (number | null)[] = [];
  const note = (keyColumns: readonly CatalogColumn[], askedColumns: readonly CatalogColumn[]): void => {
    const written = keyColumns.flatMap(({ column }) => byName.get(column) ?? []);
    if (written.length === 0) return;
    counts.push(...written.map(valuesWritten));
    for (const source of sourcesOf(askedColumns, context)) asked.add(source);
  };
  for (const one of [relation, ...descendantsOf(relation).filter(({ partition }) => partition)]) {
    context.budget.spend(one.uniqueKeys.length + one.references.length + 1);
    for (const key of one.uniqueKeys) note(key.columns, key.columns);
    for (const key of one.references) note(key.dependentColumns, key.referencedColumns);
  }
  context.findings.ask(event, relation, asking, [...asked], greatest(counts));
}

const greatest = (counts: readonly (number | null)[]): number | null =>
  counts.includes(null) ? null : Math.max(0, ...counts.map((count) => count ?? 0));

function sourcesOf(columns: readonly CatalogColumn[], context: Context): Sources {
  const relation = context.catalog.relationsByOid.get(columns[0]?.relationOid ?? 0);
  if (relation === undefined) return columns;
  const { fields } = context.queries.relationColumns(relation, false, context);
  return columns.flatMap(({ column }) => fieldNamed(fields, column)?.sources ?? []);
}
