/** Expressions -> where their values come from, and what evaluating them runs. */
import type { A_Expr, A_Indirection, CaseExpr, Node, SubLink, TypeName } from 'libpg-query';
import {
  commonType,
  noteCast,
  noteCoercion,
  noteFunction,
  noteJson,
  noteOperator,
  noteType,
  prefix,
  resolveType,
} from './calls.ts';
import { callOnRow, columnOfRow, columnReference, fieldsOf, resolveColumn, starColumns } from './columns.ts';
import { type Context, findFunctions } from './context.ts';
import { evaluateCall } from './function-calls.ts';
import { itemsOf, kindOf, listOf, type NodeBody, type NodeKind, strings } from './nodes.ts';
import { fieldNamed, type Scope } from './scope.ts';
import { anyType, typeOid } from './types.ts';
import { anything, computed, constant, literal, mergeSources, rowOf, type Value, withType } from './value.ts';

type Handlers = {
  readonly [Kind in NodeKind]?: (body: NodeBody<Kind>, scope: Scope, context: Context) => Value;
};

export function evaluate(node: Node | undefined, scope: Scope, context: Context): Value {
  const kind = node === undefined ? null : kindOf(node);
  if (node === undefined || kind === null) return literal;
  context.budget.spend(1);
  context.budget.enter();
  const handler = handlers[kind];
  if (handler === undefined) {
    context.findings.opaque('unknown-statement');
    evaluateParts(node, scope, context);
    context.budget.leave();
    return anything;
  }
  // The table's type says that the handler of a kind takes that kind's body; TypeScript cannot follow it through `kind`.
  const value = (handler as (body: unknown, scope: Scope, context: Context) => Value)(
    (node as Readonly<Record<string, unknown>>)[kind],
    scope,
    context,
  );
  context.budget.leave();
  return value;
}

/** An expression that chooses, joins or orders rows, or is stored: its columns show otherwise than as output. */
export function evaluateCondition(node: Node | undefined, scope: Scope, context: Context): Value {
  const value = evaluate(node, scope, context);
  context.findings.condition(value.sources);
  return value;
}

/** WHERE, HAVING, ON: a condition in the narrow sense too. */
export function evaluateBoolean(node: Node | undefined, scope: Scope, context: Context): Value {
  const value = evaluateCondition(node, scope, context);
  noteCoercion(context, value.type, typeOid.bool, 'assignment');
  return value;
}

export const evaluateAll = (
  nodes: readonly Node[] | undefined,
  scope: Scope,
  context: Context,
): readonly Value[] => listOf(nodes).map((node) => evaluate(node, scope, context));

/** The items of ROW(...) and of VALUES, in which `u.*` is as many values as u has columns. `open` is what cannot be counted. */
export function evaluateList(
  nodes: readonly Node[] | undefined,
  scope: Scope,
  context: Context,
): { readonly values: readonly Value[]; readonly open: Value | null } {
  const values: Value[] = [];
  const open: Value[] = [];
  for (const node of listOf(nodes)) {
    const star = starColumns(node, scope, context, evaluate);
    values.push(
      ...(star === null ? [evaluate(node, scope, context)] : star.fields.map((field) => field.value)),
    );
    if (star !== null && star.open !== null) open.push(star.open);
  }
  return { values, open: open.length === 0 ? null : computed([...values, ...open], anyType) };
}

/**
 * Every expression within a node whose own meaning does not matter here, however deep: JSON's constructors, the clauses of DDL.
 * A type that is named is one that values are made of, unless it is only `declared`, as a column's is.
 */
export function evaluateParts(
  part: unknown,
  scope: Scope,
  context: Context,
  types: 'made' | 'declared' = 'made',
): readonly Value[] {
  if (typeof part !== 'object' || part === null) return [];
  if (Array.isArray(part)) return part.flatMap((item: unknown) => evaluateParts(item, scope, context, types));
  context.budget.spend(1);
  context.budget.enter();
  const values: Value[] = [];
  for (const [key, child] of Object.entries(part)) {
    if (key === 'typeName' || key === 'TypeName') {
      if (types === 'made') noteType(context, resolveType(context, child as TypeName)); // the grammar has nothing else under this key
    } else if (Object.hasOwn(handlers, key)) {
      values.push(evaluate(part as Node, scope, context)); // a key that is a kind of expression is a node's only key
    } else if (key === 'SelectStmt') {
      for (const field of context.queries.query(part as Node, scope, context).fields)
        values.push(field.value);
    } else {
      values.push(...evaluateParts(child, scope, context, types));
    }
  }
  context.budget.leave();
  return values;
}

const handlers: Handlers = {
  A_Const: (body) => {
    if (body.isnull === true || body.sval !== undefined) return literal;
    if (body.boolval !== undefined) return constant(typeOid.bool);
    if (body.fval !== undefined) return constant(numberType(body.fval.fval ?? ''));
    return constant(body.bsval === undefined ? typeOid.int4 : typeOid.bit);
  },
  // The client may give a parameter any type, so every overload stays possible.
  ParamRef: (body, _, context) => context.parameters?.[(body.number ?? 0) - 1] ?? anything,
  ColumnRef: (body, scope, context) => {
    const value = resolveColumn(body, scope, context);
    context.findings.read(value.sources);
    return value;
  },
  A_Expr: evaluateOperator,
  TypeCast: (body, scope, context) => {
    const value = evaluate(body.arg, scope, context);
    const type = resolveType(context, body.typeName);
    noteCast(context, value.type, type);
    if (value.type === type && (body.typeName?.typmods ?? []).length === 0) return value;
    return computed([value], type);
  },
  CollateClause: (body, scope, context) => {
    const value = evaluate(body.arg, scope, context);
    // Not the column as it stands: under another collation other values are equal to it.
    return computed([value], value.type);
  },
  FuncCall: (body, scope, context) => evaluateCall(body, scope, context, evaluator),
  A_Indirection: evaluateIndirection,
  A_ArrayExpr: (body, scope, context) => {
    const values = evaluateAll(body.elements, scope, context);
    const item = commonType(context, values);
    const array = context.types.isArray(item) ? item : context.types.arrayOf(literalAsText(item));
    return computed(values, array);
  },
  SubLink: evaluateSubLink,
  BoolExpr: (body, scope, context) => {
    const values = evaluateAll(body.args, scope, context);
    for (const value of values) noteCoercion(context, value.type, typeOid.bool, 'assignment');
    return computed(values, typeOid.bool);
  },
  NullTest: (body, scope, context) => computed([evaluate(body.arg, scope, context)], typeOid.bool),
  BooleanTest: (body, scope, context) => {
    const value = evaluate(body.arg, scope, context);
    noteCoercion(context, value.type, typeOid.bool, 'assignment');
    return computed([value], typeOid.bool);
  },
  CaseExpr: evaluateCase,
  CoalesceExpr: (body, scope, context) => common(evaluateAll(body.args, scope, context), context),
  MinMaxExpr: (body, scope, context) => common(evaluateAll(body.args, scope, context), context),
  SQLValueFunction: (body) => constant(valueFunctionTypes[body.op ?? ''] ?? typeOid.name),
  XmlExpr: (body, scope, context) => {
    const values = [
      ...evaluateAll(body.named_args, scope, context),
      ...evaluateAll(body.args, scope, context),
    ];
    return computed(values, body.op === 'IS_DOCUMENT' ? typeOid.bool : typeOid.xml);
  },
  XmlSerialize: (body, scope, context) => {
    const type = resolveType(context, body.typeName);
    noteType(context, type);
    return computed([evaluate(body.expr, scope, context)], type);
  },
  ResTarget: (body, scope, context) => evaluate(body.val, scope, context),
  RowExpr: (body, scope, context) => {
    const { values, open } = evaluateList(body.args, scope, context);
    if (open !== null) return computed([...values, open], typeOid.record);
    return rowOf(
      values.map((value, at) => ({ name: `f${at + 1}`, value })),
      typeOid.record,
    );
  },
  GroupingFunc: (body, scope, context) => {
    evaluateAll(body.args, scope, context);
    return constant(typeOid.int4);
  },
  SetToDefault: () => literal,
  CurrentOfExpr: () => constant(typeOid.bool),
  NamedArgExpr: (body, scope, context) => evaluate(body.arg, scope, context),
  MultiAssignRef: (body, scope, context) => evaluate(body.source, scope, context),
  SortBy: (body, scope, context) => {
    const value = evaluate(body.node, scope, context);
    if ((body.useOp ?? []).length > 0) noteOperator(context, strings(body.useOp), value.type, value.type);
    return value;
  },
  // A name in a list of options: GENERATED ... (SEQUENCE NAME app.s).
  String: () => literal,
  List: (body, scope, context) =>
    rowOf(
      evaluateAll(body.items, scope, context).map((value) => ({ name: '', value })),
      typeOid.record,
    ),
  MergeSupportFunc: (_, __, context) => newSyntax(context, 'merge_action', 170000, [], typeOid.text),
  JsonIsPredicate: (body, scope, context) => computed(evaluateParts(body, scope, context), typeOid.bool),
  JsonParseExpr: (body, scope, context) => json('json', 170000, body, scope, context),
  JsonScalarExpr: (body, scope, context) => json('json_scalar', 170000, body, scope, context),
  JsonSerializeExpr: (body, scope, context) => json('json_serialize', 170000, body, scope, context),
  JsonFuncExpr: (body, scope, context) =>
    json(jsonFunctions[body.op ?? ''] ?? 'json_value', 170000, body, scope, context),
  JsonObjectConstructor: (body, scope, context) => json('json_object', 160000, body, scope, context),
  JsonArrayConstructor: (body, scope, context) => json('json_array', 160000, body, scope, context),
  JsonArrayQueryConstructor: (body, scope, context) => json('json_array', 160000, body, scope, context),
  JsonObjectAgg: (body, scope, context) => json('json_objectagg', 160000, body, scope, context),
  JsonArrayAgg: (body, scope, context) => json('json_arrayagg', 160000, body, scope, context),
};

export const evaluator = { evaluate, evaluateAll } as const;

const jsonFunctions: Readonly<Record<string, string>> = {
  JSON_EXISTS_OP: 'json_exists',
  JSON_QUERY_OP: 'json_query',
  JSON_VALUE_OP: 'json_value',
};

function json(name: string, since: number, body: unknown, scope: Scope, context: Context): Value {
  const values = evaluateParts(body, scope, context);
  noteJson(
    context,
    values.map((value) => value.type),
  );
  return newSyntax(context, name, since, values, anyType);
}

/**
 * Syntax that our parser knows and an older server does not: there it is a call of whatever function has this name.
 * JSON_VALUE(...) on PostgreSQL 16 runs app.json_value.
 */
function newSyntax(
  context: Context,
  name: string,
  since: number,
  values: readonly Value[],
  type: number,
): Value {
  if (context.catalog.serverVersion < since) {
    for (const one of findFunctions(context, undefined, name)) noteFunction(context, one);
  }
  return computed(values, type);
}

const valueFunctionTypes: Readonly<Record<string, number>> = {
  SVFOP_CURRENT_DATE: typeOid.date,
  SVFOP_CURRENT_TIME: typeOid.timetz,
  SVFOP_CURRENT_TIME_N: typeOid.timetz,
  SVFOP_CURRENT_TIMESTAMP: typeOid.timestamptz,
  SVFOP_CURRENT_TIMESTAMP_N: typeOid.timestamptz,
  SVFOP_LOCALTIME: typeOid.time,
  SVFOP_LOCALTIME_N: typeOid.time,
  SVFOP_LOCALTIMESTAMP: typeOid.timestamp,
  SVFOP_LOCALTIMESTAMP_N: typeOid.timestamp,
};

/** make_const: what does not fit an int4 is an int8, and what does not fit that or has a fraction is numeric. */
function numberType(text: string): number {
  if (!/^\d+$/.test(text)) return typeOid.numeric;
  const value = BigInt(text);
  return value < 2n ** 31n ? typeOid.int4 : value < 2n ** 63n ? typeOid.int8 : typeOid.numeric;
}

/** A literal that nothing gives a type is text in the end. */
export const literalAsText = (type: number): number => (type === typeOid.unknown ? typeOid.text : type);

const common = (values: readonly Value[], context: Context): Value =>
  computed(values, literalAsText(commonType(context, values)));

/** Operators in a row (`a || b || c`) make a tree as deep as they are many: they are taken one after the other. */
function evaluateOperator(body: A_Expr, scope: Scope, context: Context): Value {
  const chain: A_Expr[] = [];
  let next: A_Expr = body;
  while (next.kind === 'AEXPR_OP' && next.lexpr !== undefined && 'A_Expr' in next.lexpr) {
    chain.push(next);
    next = next.lexpr.A_Expr;
  }
  context.budget.spend(chain.length);
  const left = next.lexpr === undefined ? null : evaluate(next.lexpr, scope, context);
  let value = evaluateOne(next, left, scope, context);
  for (const one of chain.reverse()) value = evaluateOne(one, value, scope, context);
  return value;
}

function evaluateOne(body: A_Expr, left: Value | null, scope: Scope, context: Context): Value {
  const operator = strings(body.name);
  if (left === null) {
    const right = evaluate(body.rexpr, scope, context);
    return computed([right], noteOperator(context, operator, prefix, right.type));
  }
  switch (body.kind) {
    case 'AEXPR_IN': {
      const items = itemsOf(body.rexpr).map((item) => evaluate(item, scope, context));
      noteComparisons(context, operator, left, items);
      return computed([left, ...items], typeOid.bool);
    }
    case 'AEXPR_BETWEEN':
    case 'AEXPR_NOT_BETWEEN':
    case 'AEXPR_BETWEEN_SYM':
    case 'AEXPR_NOT_BETWEEN_SYM': {
      const bounds = itemsOf(body.rexpr).map((item) => evaluate(item, scope, context));
      for (const comparison of ['>=', '<=', '<', '>']) noteComparisons(context, [comparison], left, bounds);
      return computed([left, ...bounds], typeOid.bool);
    }
    case 'AEXPR_OP_ANY':
    case 'AEXPR_OP_ALL': {
      const array = evaluate(body.rexpr, scope, context);
      const item = array.type === typeOid.unknown ? array.type : context.types.elementOf(array.type);
      noteOperator(context, operator, left.type, item);
      return computed([left, array], typeOid.bool);
    }
    case 'AEXPR_NULLIF': {
      const right = evaluate(body.rexpr, scope, context);
      noteOperator(context, operator, left.type, right.type);
      return computed([left, right], left.type);
    }
    default: {
      const right = evaluate(body.rexpr, scope, context);
      return computed([left, right], noteComparison(context, operator, left, right));
    }
  }
}

/** A row is compared field by field. */
function noteComparison(context: Context, operator: readonly string[], left: Value, right: Value): number {
  const pairs = left.row?.length === right.row?.length ? left.row : null;
  if (pairs === null || left.type !== typeOid.record) {
    return noteOperator(context, operator, left.type, right.type);
  }
  for (const [at, field] of pairs.entries()) {
    noteOperator(context, operator, field.value.type, right.row?.[at]?.value.type ?? anyType);
  }
  return typeOid.bool;
}

/** Compares with each; thousands of constants of one type are looked at once. */
function noteComparisons(
  context: Context,
  operator: readonly string[],
  left: Value,
  items: readonly Value[],
): void {
  const seen = new Set<number>();
  for (const item of items) {
    if (item.row === null && seen.has(item.type)) continue;
    seen.add(item.type);
    noteComparison(context, operator, left, item);
  }
  // The server may bring different types to a common one first.
  if (seen.size > 1 && commonType(context, items) === anyType) {
    noteOperator(context, operator, left.type, anyType);
  }
}

function evaluateCase(body: CaseExpr, scope: Scope, context: Context): Value {
  const values: Value[] = [];
  const results: Value[] = [];
  const compared = body.arg === undefined ? null : evaluate(body.arg, scope, context);
  if (compared !== null) values.push(compared);
  for (const node of listOf(body.args)) {
    if (!('CaseWhen' in node)) continue;
    const when = evaluate(node.CaseWhen.expr, scope, context);
    if (compared === null) noteCoercion(context, when.type, typeOid.bool, 'assignment');
    // The server makes text of a literal here.
    else noteComparison(context, ['='], withType(compared, literalAsText(compared.type)), when);
    values.push(when);
    results.push(evaluate(node.CaseWhen.result, scope, context));
  }
  if (body.defresult !== undefined) results.push(evaluate(body.defresult, scope, context));
  return computed([...values, ...results], literalAsText(commonType(context, results)));
}

function evaluateIndirection(body: A_Indirection, scope: Scope, context: Context): Value {
  const reference = columnReference(body.arg);
  // Of a whole row only the field that is wanted counts as read.
  let value =
    reference === null ? evaluate(body.arg, scope, context) : resolveColumn(reference, scope, context);
  for (const [at, step] of listOf(body.indirection).entries()) {
    if ('String' in step) {
      const name = step.String.sval ?? '';
      const column = at === 0 ? columnOfRow(body.arg, name, scope) : undefined;
      value = column ?? fieldOf(value, name, context);
    }
    if ('A_Indices' in step) value = itemOf(value, step.A_Indices, scope, context);
  }
  context.findings.read(value.sources);
  return value;
}

function fieldOf(row: Value, name: string, context: Context): Value {
  const fields = fieldsOf(row, context);
  const found = fields === null ? undefined : fieldNamed(fields, name);
  if (found !== undefined) return found;
  const called = callOnRow(row, name, context);
  if (called !== null) return called;
  // A record's fields are known only when it runs; a composite type's are known, and this is none of them.
  if (fields !== null && row.type !== typeOid.record) context.findings.opaque('unknown-column');
  return computed([row], anyType);
}

function itemOf(array: Value, indices: NodeBody<'A_Indices'>, scope: Scope, context: Context): Value {
  const bounds = [indices.lidx, indices.uidx].flatMap((node) =>
    node === undefined ? [] : [evaluate(node, scope, context)],
  );
  for (const bound of bounds) noteCoercion(context, bound.type, typeOid.int4, 'assignment');
  const item = indices.is_slice === true ? array.type : context.types.elementOf(array.type);
  return computed([array, ...bounds], item);
}

function evaluateSubLink(body: SubLink, scope: Scope, context: Context): Value {
  const columns =
    body.subselect === undefined
      ? { fields: [], open: null }
      : context.queries.query(body.subselect, scope, context);
  const values = columns.fields.map((field) => field.value);
  if (columns.open !== null) values.push(columns.open);
  const [first] = values;
  switch (body.subLinkType) {
    case 'EXISTS_SUBLINK':
      return constant(typeOid.bool);
    case 'ARRAY_SUBLINK':
      return computed(values, context.types.arrayOf(literalAsText(first?.type ?? anyType)));
    case 'EXPR_SUBLINK':
      if (first === undefined) return anything;
      if (values.length === 1) return withType(first, literalAsText(first.type));
      return rowOf(columns.fields, typeOid.record);
    default: {
      // IN, ANY, ALL: the sub-query's values choose rows, even where the test itself is shown.
      const test = evaluate(body.testexpr, scope, context);
      const operator = (body.operName ?? []).length > 0 ? strings(body.operName) : ['='];
      const right =
        values.length === 1 && first !== undefined ? first : rowOf(columns.fields, typeOid.record);
      noteComparison(context, operator, test, right);
      context.findings.condition(mergeSources(values));
      return computed([test, ...values], typeOid.bool);
    }
  }
}
