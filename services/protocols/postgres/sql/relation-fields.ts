import type { CatalogColumn, Relation } from './catalog.ts';
import type { Context } from './context.ts';
import { ancestorsOf, inheritingFrom } from './relatives.ts';
import type { Field } from './value.ts';

const known = new WeakMap<Relation, readonly Field[]>();
const knownAlone = new WeakMap<Relation, readonly Field[]>();

/**
 * A relation's columns as values. A partition's column is also its parent's; a table's rows are also those of tables that
 * inherit from it, unless the statement says ONLY. Views come from views.ts.
 */
export function relationFields(relation: Relation, context: Context, only = false): readonly Field[] {
  const memo = only ? knownAlone : known;
  let fields = memo.get(relation);
  if (fields === undefined) {
    const family = [...ancestorsOf(relation), ...(only ? [] : inheritingFrom(relation))];
    context.budget.spend(family.length * relation.columns.length + 1);
    fields = relation.columns.map((column) => {
      // A generated column tells what it was computed from.
      const from = relation.generated.get(column.column) ?? [];
      const sources = [column, ...from].flatMap((one) => [one, ...sameColumn(family, one)]);
      return {
        name: column.column,
        value: { sources, derived: from.length > 0, type: column.type, row: null },
      };
    });
    memo.set(relation, fields);
  }
  return fields;
}

const sameColumn = (family: readonly Relation[], column: CatalogColumn): readonly CatalogColumn[] =>
  family.flatMap((relation) => relation.column(column.column) ?? []);
