/** FROM clauses -> the names that the rest of the query may use. */
import type {
  Alias,
  FuncCall,
  JoinExpr,
  JsonTable,
  JsonTableColumn,
  Node,
  RangeFunction,
  RangeSubselect,
  RangeTableFunc,
  RangeTableSample,
  RangeVar,
} from 'libpg-query';
import type { Verb } from './analysis.ts';
import {
  commonType,
  noteFunction,
  noteOperator,
  noteType,
  noteUnknownFunction,
  resolveType,
  splitName,
} from './calls.ts';
import type { CatalogFunction, Relation } from './catalog.ts';
import { columnName } from './column-names.ts';
import { relationOfType } from './columns.ts';
import { type Context, findFunctions, findRelation, unknownRelationName } from './context.ts';
import { evaluate, evaluateBoolean, evaluateCondition, evaluateParts, evaluator } from './expressions.ts';
import { callFunction } from './function-calls.ts';
import { dotted } from './names.ts';
import { itemsOf, listOf, strings } from './nodes.ts';
import { noteRead } from './relation-effects.ts';
import { type Columns, fieldNamed, type RangeItem, Scope } from './scope.ts';
import { anyType, typeOid } from './types.ts';
import { anything, computed, constant, type Field, mergeSources, oneOf, type Value } from './value.ts';

/** `outer` is the query's own scope (its WITH clause, and what is around it). */
export function fromItems(
  nodes: readonly Node[] | undefined,
  outer: Scope,
  context: Context,
  before: readonly RangeItem[] = [],
): readonly RangeItem[] {
  const items = [...before];
  for (const node of listOf(nodes)) items.push(...fromItem(node, items, outer, context).items);
  return items;
}

interface FromItem {
  readonly items: readonly RangeItem[];
  /** All its columns, for a join that merges or renames them. */
  readonly columns: Columns;
}

/** `left` are the items to its left, which LATERAL and function arguments may use. */
function fromItem(node: Node, left: readonly RangeItem[], outer: Scope, context: Context): FromItem {
  context.budget.spend(1);
  context.budget.enter();
  const item = fromNode(node, left, outer, context);
  context.budget.leave();
  return item;
}

function fromNode(node: Node, left: readonly RangeItem[], outer: Scope, context: Context): FromItem {
  const lateral = new Scope(outer, left);
  if ('RangeVar' in node) return single(fromRelation(node.RangeVar, outer, context));
  if ('RangeSubselect' in node) return single(fromSubselect(node.RangeSubselect, lateral, outer, context));
  if ('RangeFunction' in node) return single(fromFunction(node.RangeFunction, lateral, context));
  if ('RangeTableFunc' in node) return single(fromXmlTable(node.RangeTableFunc, lateral, context));
  if ('JsonTable' in node) return single(fromJsonTable(node.JsonTable, lateral, context));
  if ('RangeTableSample' in node) return fromSample(node.RangeTableSample, left, outer, context);
  if ('JoinExpr' in node) return fromJoin(node.JoinExpr, left, outer, context);
  context.findings.opaque('unknown-statement');
  return single(item(null, { fields: [], open: anything }));
}

const single = (one: RangeItem): FromItem => ({ items: [one], columns: one });

const item = (name: string | null, { fields, open }: Columns, more: Partial<RangeItem> = {}): RangeItem => ({
  name,
  fields,
  open,
  relation: null,
  aliased: true,
  rowType: typeOid.record,
  columnsVisible: true,
  nameVisible: name !== null,
  ...more,
});

/** `AS t(a, b)` renames the first columns. */
function renamed(columns: Columns, alias: Alias | undefined, context: Context): Columns {
  const names = strings(alias?.colnames);
  if (names.length === 0) return columns;
  const { fields, open } = columns;
  // The server would refuse it: what is here is not what it takes it for.
  if (names.length > fields.length && open === null) context.findings.opaque('unknown-column');
  const first = names.map((name, at) => ({ name, value: fields[at]?.value ?? open ?? anything }));
  return { fields: [...first, ...fields.slice(names.length)], open };
}

export function fromRelation(range: RangeVar, outer: Scope, context: Context): RangeItem {
  const name = range.relname ?? '';
  const alias = range.alias?.aliasname;
  const table = range.schemaname === undefined ? outer.commonTable(name) : null;
  if (table !== null) return item(alias ?? name, renamed(table.columns(), range.alias, context));
  const relation = findRelation(context, range.schemaname, name);
  if (relation === null) {
    noteUnknownRelation('select', range, context);
    return item(alias ?? name, renamed({ fields: [], open: anything }, range.alias, context));
  }
  noteRead(relation, range.inh !== true, context);
  return relationItem(relation, range, context);
}

export function relationItem(relation: Relation, range: RangeVar, context: Context): RangeItem {
  const alias = range.alias?.aliasname;
  const columns = context.queries.relationColumns(relation, range.inh !== true, context);
  return item(alias ?? relation.name, renamed(columns, range.alias, context), {
    relation,
    aliased: alias !== undefined,
    rowType: relation.rowType || typeOid.record,
  });
}

/** A name of no relation: as written, so that a refusal tells it. */
export function noteUnknownRelation(verb: Verb, range: RangeVar, context: Context): void {
  const { schemaname, relname = '' } = range;
  const written = dotted(...(schemaname === undefined ? [relname] : [schemaname, relname]));
  context.findings.opaque('unknown-relation');
  context.findings.object(verb, null, written, unknownRelationName(context, schemaname, relname));
}

function fromSubselect(range: RangeSubselect, lateral: Scope, outer: Scope, context: Context): RangeItem {
  const scope = range.lateral === true ? lateral : outer;
  const columns =
    range.subquery === undefined
      ? { fields: [], open: anything }
      : context.queries.query(range.subquery, scope, context);
  return item(range.alias?.aliasname ?? null, renamed(columns, range.alias, context));
}

function fromSample(
  range: RangeTableSample,
  left: readonly RangeItem[],
  outer: Scope,
  context: Context,
): FromItem {
  const scope = new Scope(outer, left);
  for (const node of [...listOf(range.args), ...(range.repeatable === undefined ? [] : [range.repeatable])]) {
    evaluateCondition(node, scope, context);
  }
  const method = strings(range.method);
  const { schema, name } = splitName(method);
  const handlers = findFunctions(context, schema, name);
  for (const one of handlers) if (one.schema !== 'pg_catalog') noteFunction(context, one);
  if (handlers.length === 0) noteUnknownFunction(context, method);
  return range.relation === undefined
    ? single(item(null, { fields: [], open: anything }))
    : fromItem(range.relation, left, outer, context);
}

function fromXmlTable(range: RangeTableFunc, lateral: Scope, context: Context): RangeItem {
  // The document decides how many rows there are.
  const values = [range.docexpr, range.rowexpr, ...listOf(range.namespaces)].map((node) =>
    evaluateCondition(node, lateral, context),
  );
  const source = computed(values, typeOid.xml);
  const fields = listOf(range.columns).flatMap((node): readonly Field[] => {
    if (!('RangeTableFuncCol' in node)) return [];
    const column = node.RangeTableFuncCol;
    const type = column.for_ordinality === true ? typeOid.int4 : resolveType(context, column.typeName);
    noteType(context, type);
    const parts = [column.colexpr, column.coldefexpr].map((part) => evaluate(part, lateral, context));
    return [{ name: column.colname ?? '', value: computed([source, ...parts], type) }];
  });
  return item(range.alias?.aliasname ?? 'xmltable', renamed({ fields, open: null }, range.alias, context));
}

function fromJsonTable(range: JsonTable, lateral: Scope, context: Context): RangeItem {
  if (context.catalog.serverVersion < 170000) {
    for (const one of findFunctions(context, undefined, 'json_table')) noteFunction(context, one);
  }
  const values = evaluateParts([range.context_item, range.passing, range.on_error], lateral, context);
  context.findings.condition(mergeSources(values));
  const source = computed(values, anyType);
  const fields: Field[] = [];
  const waiting = [...listOf(range.columns)];
  for (const node of waiting) {
    if (!('JsonTableColumn' in node)) continue;
    const column: JsonTableColumn = node.JsonTableColumn;
    waiting.push(...listOf(column.columns));
    if (column.coltype === 'JTC_NESTED') continue;
    const type = column.typeName === undefined ? typeOid.int4 : resolveType(context, column.typeName);
    noteType(context, type);
    const parts = evaluateParts([column.on_empty, column.on_error], lateral, context);
    fields.push({ name: column.name ?? '', value: computed([source, ...parts], type) });
  }
  return item(range.alias?.aliasname ?? 'json_table', renamed({ fields, open: null }, range.alias, context));
}

function fromFunction(range: RangeFunction, lateral: Scope, context: Context): RangeItem {
  const fields: Field[] = [];
  const open: Value[] = [];
  const calls = listOf(range.functions).flatMap(splitUnnest);
  const alias = range.alias?.aliasname;
  let name = alias ?? null;
  let rowType: number = typeOid.record;
  for (const { node, definitions } of calls) {
    const defined = [...definitions, ...listOf(range.coldeflist)];
    const columns = functionColumns(node, defined, calls.length === 1 ? alias : undefined, lateral, context);
    fields.push(...columns.fields);
    if (columns.open !== null) open.push(columns.open);
    name ??= columnName(node);
    rowType = calls.length === 1 ? columns.rowType : typeOid.record;
  }
  if (range.ordinality === true) {
    fields.push({ name: 'ordinality', value: constant(typeOid.int8) });
    rowType = typeOid.record;
  }
  const columns = { fields, open: open.length === 0 ? null : computed(open, anyType) };
  return item(name, renamed(columns, range.alias, context), { rowType });
}

interface FunctionItem {
  readonly node: Node;
  readonly definitions: readonly Node[];
}

/** Each item is a list of the call and its column definitions. `unnest(a, b)` in FROM is two calls side by side. */
function splitUnnest(listed: Node): readonly FunctionItem[] {
  const [node, definitions] = itemsOf(listed);
  if (node === undefined) return [];
  const call = 'FuncCall' in node ? node.FuncCall : null;
  const parts = strings(call?.funcname);
  const argumentNodes = listOf(call?.args);
  if (call !== null && parts.length === 1 && parts[0] === 'unnest' && argumentNodes.length > 1) {
    return argumentNodes.map((argument) => ({
      node: { FuncCall: { ...call, args: [argument] } },
      definitions: [],
    }));
  }
  return [{ node, definitions: itemsOf(definitions) }];
}

/** A function's columns: as defined beside it, as it declares them, or one of its own name. */
function functionColumns(
  node: Node,
  definitions: readonly Node[],
  alias: string | undefined,
  lateral: Scope,
  context: Context,
): Columns & { readonly rowType: number } {
  const called =
    'FuncCall' in node ? callFunction(node.FuncCall as FuncCall, lateral, context, evaluator) : null;
  const value = called?.value ?? evaluate(node, lateral, context);
  const functions = called?.functions ?? [];
  // How many rows come back shows what went in.
  context.findings.condition(called?.given ?? value.sources);
  const columns = definitions.flatMap((node) => ('ColumnDef' in node ? [node.ColumnDef] : []));
  const row = value.row?.length === columns.length ? value.row : null;
  const defined = columns.map(({ typeName, colname = '' }, at): Field => {
    const type = resolveType(context, typeName);
    noteType(context, type);
    const known = row?.[at]?.value;
    return { name: colname, value: known?.type === type ? known : computed([known ?? value], type) };
  });
  if (defined.length > 0) return { fields: defined, open: null, rowType: typeOid.record };
  if (value.row !== null) return { fields: value.row, open: null, rowType: value.type };
  const outputs = sameOutputs(functions);
  if (outputs !== null && outputs.length > 1) {
    const fields = outputs.map(({ name, type }) => ({ name, value: computed([value], type) }));
    return { fields, open: null, rowType: typeOid.record };
  }
  const relation = relationOfType(value.type, context);
  if (relation !== null) {
    const fields = relation.columns.map((column) => ({
      name: column.column,
      value: computed([value], column.type),
    }));
    return { fields, open: null, rowType: value.type };
  }
  const name = outputs?.[0]?.name ?? alias ?? columnName(node);
  const fields = [{ name, value }];
  const isScalar = value.type !== anyType && value.type !== typeOid.record;
  return { fields, open: isScalar ? null : computed([value], anyType), rowType: value.type };
}

/** The declared output columns, when all functions that may run declare the same. */
function sameOutputs(functions: readonly CatalogFunction[]): CatalogFunction['outputs'] {
  const [first] = functions;
  if (first === undefined) return null;
  const text = (one: CatalogFunction) => (one.outputs ?? []).map((output) => output.name).join();
  return functions.every((one) => text(one) === text(first)) ? first.outputs : null;
}

function fromJoin(join: JoinExpr, left: readonly RangeItem[], outer: Scope, context: Context): FromItem {
  const leftSide: FromItem = join.larg === undefined ? nothing : fromItem(join.larg, left, outer, context);
  const rightSide: FromItem =
    join.rarg === undefined ? nothing : fromItem(join.rarg, [...left, ...leftSide.items], outer, context);
  const inner = [...leftSide.items, ...rightSide.items];
  evaluateBoolean(join.quals, new Scope(outer, inner), context);
  const names =
    join.isNatural === true ? commonNames(leftSide.columns, rightSide.columns) : strings(join.usingClause);
  const merged = names.map((name) => mergedField(name, join, leftSide.columns, rightSide.columns, context));
  const rest = [...leftSide.columns.fields, ...rightSide.columns.fields].filter(
    (field) => !names.includes(field.name),
  );
  context.budget.spend(rest.length);
  const columns: Columns = {
    fields: [...merged, ...rest],
    open: eitherOpen(leftSide.columns, rightSide.columns),
  };
  // Where a side's columns are not all known, any of them may be joined by.
  if (join.isNatural === true && columns.open !== null) {
    context.findings.condition(mergeSources([columns.open, ...columns.fields.map((field) => field.value)]));
  }
  if (join.alias !== undefined) {
    const renamedColumns = renamed(columns, join.alias, context);
    return { items: [item(join.alias.aliasname ?? null, renamedColumns)], columns: renamedColumns };
  }
  if (names.length === 0) return { items: inner, columns };
  const hidden = inner.map((one) => ({ ...one, columnsVisible: false }));
  const usingAlias = join.join_using_alias?.aliasname;
  const aliased =
    usingAlias === undefined
      ? []
      : [item(usingAlias, { fields: merged, open: null }, { columnsVisible: false })];
  return { items: [...hidden, ...aliased, item(null, columns)], columns };
}

const nothing: FromItem = { items: [], columns: { fields: [], open: null } };

const commonNames = (left: Columns, right: Columns): readonly string[] => [
  ...new Set(
    left.fields.map((field) => field.name).filter((name) => fieldNamed(right.fields, name) !== undefined),
  ),
];

function eitherOpen(left: Columns, right: Columns): Value | null {
  const open = [left.open, right.open].flatMap((value) => value ?? []);
  return open.length === 0 ? null : computed(open, anyType);
}

/** The column of USING or NATURAL JOIN: both sides are compared, and one or both shown. */
function mergedField(name: string, join: JoinExpr, left: Columns, right: Columns, context: Context): Field {
  const leftValue = fieldNamed(left.fields, name) ?? left.open ?? unknownField(context);
  const rightValue = fieldNamed(right.fields, name) ?? right.open ?? unknownField(context);
  context.findings.condition(leftValue.sources);
  context.findings.condition(rightValue.sources);
  noteOperator(context, ['='], leftValue.type, rightValue.type);
  if (join.jointype === 'JOIN_FULL') {
    return { name, value: oneOf([leftValue, rightValue], commonType(context, [leftValue, rightValue])) };
  }
  return { name, value: join.jointype === 'JOIN_RIGHT' ? rightValue : leftValue };
}

function unknownField(context: Context): Value {
  context.findings.opaque('unknown-column');
  return anything;
}
