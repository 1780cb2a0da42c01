/** Column references -> where their values come from. */
import type { ColumnRef, Node } from 'libpg-query';
import { noteFunctions, possibleFunctions } from './calls.ts';
import type { Relation } from './catalog.ts';
import type { Context } from './context.ts';
import { listOf, strings } from './nodes.ts';
import { type Columns, fieldNamed, type RangeItem, type Scope } from './scope.ts';
import { anyType, typeOid } from './types.ts';
import { anything, computed, constant, type Field, rowOf, type Value, withType } from './value.ts';

/** Columns that every table has; they tell where a row lies, not what is in it. `oid` was one of them up to PostgreSQL 11. */
const systemColumns = new Set(['ctid', 'xmin', 'xmax', 'cmin', 'cmax', 'tableoid']);

export const isStar = (reference: ColumnRef): boolean => {
  const last = reference.fields?.at(-1);
  return last !== undefined && 'A_Star' in last;
};

/** Does not note that the column is read: of a whole row, the caller may want one field. */
export function resolveColumn(reference: ColumnRef, scope: Scope, context: Context): Value {
  const parts = strings(reference.fields);
  context.budget.spend(1);
  // count(u.*), row_to_json(u.*): the row, as without the star.
  if (isStar(reference)) return parts.length === 0 ? anything : wholeRow(parts, scope, context);
  const name = parts.at(-1) ?? '';
  if (parts.length === 1) return unqualified(name, scope, context);
  const item = findItem(parts.slice(0, -1), scope);
  if (item === null) {
    context.findings.opaque('unknown-column');
    return anything;
  }
  const value = columnOf(item, name) ?? functionOf(item, name, context);
  return orVariable(value, parts[0] ?? '', item, scope);
}

/** Where the name may be a variable's too, its type is not known: what is called with it may be another overload. */
const orVariable = (value: Value, name: string, item: RangeItem, { variables }: Scope): Value =>
  variables?.names.has(name) === true && !variables.items.includes(item) ? withType(value, anyType) : value;

function unqualified(name: string, scope: Scope, context: Context): Value {
  const open: Value[] = [];
  for (let level: Scope | null = scope; level !== null; level = level.parent) {
    context.budget.spend(level.items.length);
    for (const item of level.items) {
      if (!item.columnsVisible) continue;
      const value = fieldNamed(item.fields, name) ?? systemColumn(item, name);
      if (value === undefined) continue;
      return orVariable(
        open.length === 0 ? value : computed([value, ...open], value.type),
        name,
        item,
        scope,
      );
    }
    for (const item of level.items) if (item.columnsVisible && item.open !== null) open.push(item.open);
  }
  const item = findItem([name], scope);
  if (item !== null) return rowValue(item, context);
  if (open.length > 0) return computed(open, 0);
  context.findings.opaque('unknown-column');
  return anything;
}

const systemColumn = (item: RangeItem, name: string): Value | undefined =>
  item.relation !== null && systemColumns.has(name) ? constant(typeOid.oid) : undefined;

const columnOf = (item: RangeItem, name: string): Value | undefined =>
  fieldNamed(item.fields, name) ?? systemColumn(item, name) ?? item.open ?? undefined;

/** `o.wipe` is `wipe(o)` where o has no column of that name. */
function functionOf(item: RangeItem, name: string, context: Context): Value {
  const row = rowValue(item, context);
  return callOnRow(row, name, context) ?? unknownColumn(context);
}

function unknownColumn(context: Context): Value {
  context.findings.opaque('unknown-column');
  return anything;
}

/** A function called on a row as if it were its column; null when there is none. */
export function callOnRow(row: Value, name: string, context: Context): Value | null {
  const possible = possibleFunctions(context, {
    schema: undefined,
    name,
    given: [row.type],
    positional: true,
  });
  if (possible.length === 0) return null;
  context.findings.read(row.sources);
  const type = noteFunctions(context, possible, [row.type]);
  const argument = { name: null, value: row, written: false };
  const call = { node: row, arguments: [argument], positional: true, others: [] };
  return context.queries.call(possible, call, type, context);
}

function wholeRow(parts: readonly string[], scope: Scope, context: Context): Value {
  const item = findItem(parts, scope);
  return item === null ? unknownColumn(context) : rowValue(item, context);
}

/**
 * `(t).a` and `a(t)`, where `t` is in FROM and `a` what this query calls one of its columns (`AS t(a, b)`); undefined for all others, whose
 * fields go by the names of their type.
 */
export function columnOfRow(node: Node | undefined, name: string, scope: Scope): Value | undefined {
  const reference = columnReference(node);
  const parts = strings(reference?.fields);
  const [only = ''] = parts;
  if (reference === null || parts.length !== 1 || (!isStar(reference) && mayBeColumn(only, scope))) {
    return undefined;
  }
  const item = findItem(parts, scope);
  return item === null ? undefined : fieldNamed(item.fields, name);
}

function mayBeColumn(name: string, scope: Scope): boolean {
  for (let level: Scope | null = scope; level !== null; level = level.parent) {
    for (const item of level.items) {
      if (item.columnsVisible && columnOf(item, name) !== undefined) return true;
    }
  }
  return false;
}

export function rowValue({ fields, open, rowType }: RangeItem, context: Context): Value {
  // `AS t(a, b)` renames columns, not the fields of the row's type, by which others name them: which is which is not followed.
  const type = relationOfType(rowType, context);
  const isRenamed = type !== null && fields.some(({ name }, at) => name !== type.columns[at]?.column);
  if (open === null && !isRenamed) return rowOf(fields, rowType);
  return computed([...(open === null ? [] : [open]), ...fields.map((field) => field.value)], rowType);
}

/** The item of FROM that is called so: `t`, `schema.t` or `database.schema.t`. */
export function findItem(parts: readonly string[], scope: Scope): RangeItem | null {
  const name = parts.at(-1);
  const schema = parts.at(-2);
  for (let level: Scope | null = scope; level !== null; level = level.parent) {
    for (const item of level.items) {
      if (!item.nameVisible || item.name !== name) continue;
      if (schema === undefined || (!item.aliased && item.relation?.schema === schema)) return item;
    }
  }
  return null;
}

/** The fields that a star stands for: `*`, `t.*`. Null when they cannot be known one by one. */
function expandStar(reference: ColumnRef, scope: Scope, context: Context): Columns {
  const parts = strings(reference.fields);
  const items =
    parts.length === 0 ? scope.items.filter((item) => item.columnsVisible) : [findItem(parts, scope)];
  const fields: Field[] = [];
  const open: Value[] = [];
  for (const item of items) {
    if (item === null) {
      context.findings.opaque('unknown-column');
      open.push(anything);
      continue;
    }
    context.budget.spend(item.fields.length + 1);
    for (const field of item.fields) {
      fields.push(field);
      context.findings.read(field.value.sources);
    }
    if (item.open !== null) open.push(rowValue(item, context));
  }
  return { fields, open: open.length === 0 ? null : computed(open, 0) };
}

/** What stands for several values in a list of them: `*`, `t.*`, `(expression).*`. Null when the node is one value. */
export function starColumns(
  node: Node | undefined,
  scope: Scope,
  context: Context,
  evaluate: Evaluate,
): Columns | null {
  const reference = columnReference(node);
  if (reference !== null) return isStar(reference) ? expandStar(reference, scope, context) : null;
  const steps = node !== undefined && 'A_Indirection' in node ? listOf(node.A_Indirection.indirection) : [];
  const last = steps.at(-1);
  if (last === undefined || !('A_Star' in last)) return null;
  const row = evaluate(node, scope, context);
  const fields = fieldsOf(row, context);
  return fields === null ? { fields: [], open: computed([row], anyType) } : { fields, open: null };
}

/** expressions.ts, which imports this. */
type Evaluate = (node: Node | undefined, scope: Scope, context: Context) => Value;

/** The fields of a row's value: what `(expression).*` stands for; null when they cannot be known. */
export function fieldsOf(value: Value, context: Context): readonly Field[] | null {
  if (value.row !== null) return value.row;
  const relation = relationOfType(value.type, context);
  if (relation === null) return null;
  return relation.columns.map((column) => ({
    name: column.column,
    // A part of a value is none that stands as it is.
    value: computed([value], column.type),
  }));
}

export function relationOfType(type: number, context: Context): Relation | null {
  const { types, catalog } = context;
  return catalog.relationsByOid.get(types.get(types.base(type))?.relation ?? 0) ?? null;
}

export const columnReference = (node: Node | undefined): ColumnRef | null =>
  node !== undefined && 'ColumnRef' in node ? node.ColumnRef : null;
