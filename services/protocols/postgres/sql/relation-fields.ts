import type { CatalogColumn, Relation } from './catalog.ts';
import type { Context } from './context.ts';
import { maxInheritanceChildren } from './limits.ts';
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

/** Parents, grandparents and so on: what a partition's rows belong to. */
export const ancestorsOf = (relation: Relation): readonly Relation[] =>
  closure(relation, (one) => one.parents);

/** Tables that inherit from this one; partitions are left out, since they hold their parent's rows and no others. */
export const inheritingFrom = (relation: Relation): readonly Relation[] =>
  closure(relation, (one) => one.children.filter((child) => !child.partition)).slice(
    0,
    maxInheritanceChildren,
  );

/** Partitions and inheriting tables: whose triggers fire too. */
export const descendantsOf = (relation: Relation): readonly Relation[] =>
  closure(relation, (one) => one.children);

function closure(relation: Relation, next: (one: Relation) => readonly Relation[]): readonly Relation[] {
  const found = new Set<Relation>();
  const waiting = [...next(relation)];
  for (const one of waiting) {
    if (found.has(one)) continue;
    found.add(one);
    waiting.push(...next(one));
  }
  return [...found];
}
