/** Calls of functions, aggregates and window functions; calls that are really columns or casts. */
import type { FuncCall, Node, WindowDef } from 'libpg-query';
import {
  noteCast,
  noteCoercion,
  noteFunctions,
  noteType,
  noteUnknownFunction,
  possibleFunctions,
  splitName,
} from './calls.ts';
import type { CatalogFunction } from './catalog.ts';
import { columnOfRow, columnReference, fieldsOf, resolveColumn } from './columns.ts';
import { type Argument, type Context, findFunctions, findType } from './context.ts';
import { listOf, strings } from './nodes.ts';
import { isPure } from './pure-functions.ts';
import { fieldNamed, type Scope } from './scope.ts';
import { noteSetting, noteUnknownSetting } from './session-settings.ts';
import { isReadableSetting, settingName, splitPathText } from './settings.ts';
import { anyType, typeOid } from './types.ts';
import { computed, isParameter, mergeSources, type Sources, type Value } from './value.ts';
import { isWritten } from './written-equality.ts';

/** expressions.ts, which imports this. */
interface Evaluator {
  evaluate(node: Node | undefined, scope: Scope, context: Context): Value;
  evaluateAll(nodes: readonly Node[] | undefined, scope: Scope, context: Context): readonly Value[];
}

export interface Call {
  readonly value: Value;
  /** What it is passed, and looks at beside. */
  readonly given: Sources;
  /** The functions that may run; empty when the call is really a column or a cast. */
  readonly functions: readonly CatalogFunction[];
}

export const evaluateCall = (call: FuncCall, scope: Scope, context: Context, evaluator: Evaluator): Value => {
  const { value, given, functions } = callFunction(call, scope, context, evaluator);
  // A function that returns rows in a select list multiplies the row: its arguments show in how many there are.
  if (functions.some((one) => one.returnsSet)) context.findings.condition(given);
  return value;
};

export function callFunction(call: FuncCall, scope: Scope, context: Context, evaluator: Evaluator): Call {
  const parts = strings(call.funcname);
  const { schema, name } = splitName(parts);
  if (
    call.funcformat === 'COERCE_SQL_SYNTAX' &&
    name === 'system_user' &&
    context.catalog.serverVersion < 160000
  ) {
    // A keyword since PostgreSQL 16; before, a column's name.
    const column: Node = { ColumnRef: { fields: [{ String: { sval: name } }] } };
    return asPassed(evaluator.evaluate(column, scope, context));
  }
  const argumentValues = evaluateArguments(call, scope, context, evaluator);
  const [first] = argumentValues;
  const isPlain = call.agg_star !== true && call.over === undefined && call.func_variadic !== true;
  if (isPlain && argumentValues.length === 1 && first !== undefined && schema === undefined) {
    const column = asColumn(first, columnOfRow(call.args?.[0], name, scope), name, context);
    if (column !== null) return asPassed(column);
  }
  for (const value of argumentValues) context.findings.read(value.sources);
  const others = [
    ...(call.agg_within_group === true ? [] : evaluator.evaluateAll(call.agg_order, scope, context)),
    ...(call.agg_filter === undefined ? [] : [evaluator.evaluate(call.agg_filter, scope, context)]),
  ];
  if (call.agg_filter !== undefined) {
    noteCoercion(context, others.at(-1)?.type ?? anyType, typeOid.bool, 'assignment');
  }
  noteWindow(call.over, scope, context, evaluator);
  const given = argumentValues.map((value) => value.type);
  const named = listOf(call.args).some((node) => 'NamedArgExpr' in node);
  const positional = !named && call.func_variadic !== true;
  const possible = possibleFunctions(context, { schema, name, given, positional });
  const all = [...argumentValues, ...others];
  if (possible.length === 0) return asPassed(callUnknown(call, parts, argumentValues, all, context));
  if (possible.every((one) => one.schema === 'pg_catalog')) {
    const asked = settingCall(call, name, all, context);
    if (asked !== null) return asPassed(asked);
    notePopulated(name, given, context);
  }
  const type = noteFunctions(context, possible, given);
  if (first !== undefined && given.length === 1) noteCastByName(context, schema, name, first);
  const written = {
    node: call,
    arguments: argumentValues.map((value, at) => argument(value, call.args?.[at])),
    positional,
    others,
  };
  const value = context.queries.call(possible, written, type, context);
  return { value, given: mergeSources(all), functions: possible.map((one) => one.function) };
}

/** No call: what comes of it is all that it is passed. */
const asPassed = (value: Value): Call => ({ value, given: value.sources, functions: [] });

function argument(value: Value, node: Node | undefined): Argument {
  const named = node !== undefined && 'NamedArgExpr' in node ? node.NamedArgExpr : null;
  const [source, ...more] = value.sources;
  const isOneParameter = source !== undefined && more.length === 0 && isParameter(source) && !value.derived;
  const written = isOneParameter || isWritten(named === null ? node : named.arg);
  return { name: named?.name ?? null, value, written };
}

/** Without noting a lone column argument as read: `ssn(u)` may want one field of the row. */
function evaluateArguments(
  call: FuncCall,
  scope: Scope,
  context: Context,
  evaluator: Evaluator,
): readonly Value[] {
  const [only] = listOf(call.args);
  const reference = listOf(call.args).length === 1 ? columnReference(only) : null;
  const direct =
    reference === null
      ? evaluator.evaluateAll(call.args, scope, context)
      : [resolveColumn(reference, scope, context)];
  // percentile_cont(0.5) WITHIN GROUP (ORDER BY x) is a function of both.
  return call.agg_within_group === true
    ? [...direct, ...evaluator.evaluateAll(call.agg_order, scope, context)]
    : direct;
}

/**
 * `ssn(u)` is `u.ssn` unless a function of that name takes such a row.
 * @param named u's column, where it is known by this name in the query
 */
function asColumn(row: Value, named: Value | undefined, name: string, context: Context): Value | null {
  if (row.row === null && !context.types.isComposite(row.type)) return null;
  const taken = findFunctions(context, undefined, name).some(
    (one) =>
      one.argumentTypes.length >= 1 && context.types.coercible(row.type, one.argumentTypes[0] ?? anyType),
  );
  if (taken) return null;
  const fields = fieldsOf(row, context);
  const column = named ?? (fields === null ? undefined : fieldNamed(fields, name));
  if (column === undefined) return null;
  context.findings.read(column.sources);
  return column;
}

/** What windows order and group by shows in ranks and counts. */
export function noteWindow(
  window: WindowDef | undefined,
  scope: Scope,
  context: Context,
  evaluator: Evaluator,
): void {
  if (window === undefined) return;
  const nodes = [
    ...listOf(window.partitionClause),
    ...listOf(window.orderClause),
    ...[window.startOffset, window.endOffset].flatMap((node) => node ?? []),
  ];
  context.findings.condition(mergeSources(evaluator.evaluateAll(nodes, scope, context)));
}

/** `mytype(x)` is a cast where no function takes precedence; both are noted. */
function noteCastByName(context: Context, schema: string | undefined, name: string, argument: Value): number {
  const type = findType(context, schema, name);
  if (type === null) return anyType;
  noteCast(context, argument.type, type.oid);
  return type.oid;
}

function callUnknown(
  call: FuncCall,
  parts: readonly string[],
  argumentValues: readonly Value[],
  all: readonly Value[],
  context: Context,
): Value {
  const { schema, name } = splitName(parts);
  const [only] = argumentValues;
  if (only !== undefined && argumentValues.length === 1 && findType(context, schema, name) !== null) {
    return computed(all, noteCastByName(context, schema, name, only));
  }
  if (call.funcformat === 'COERCE_SQL_SYNTAX' && schema === 'pg_catalog' && isPure(name)) {
    // Newer syntax (NORMALIZE(x) before PostgreSQL 13): the server looks for a function of that name, or knows it by another.
    for (const one of findFunctions(context, undefined, name)) context.findings.call(one);
    return computed(all, anyType);
  }
  noteUnknownFunction(context, parts);
  return computed(all, anyType);
}

const populating = new Set([
  'json_populate_record',
  'json_populate_recordset',
  'jsonb_populate_record',
  'jsonb_populate_recordset',
]);

/** These make values of their first argument's type, checks and all. */
function notePopulated(name: string, given: readonly number[], context: Context): void {
  if (!populating.has(name)) return;
  const [type] = given;
  if (type === undefined || type === anyType) context.findings.callNamed(`pg_catalog.${name}`);
  else noteType(context, type);
}

/** The built-ins that are SET and SHOW by another name; null when the call is something else. */
function settingCall(call: FuncCall, name: string, all: readonly Value[], context: Context): Value | null {
  if (name !== 'set_config' && name !== 'current_setting') return null;
  const [nameNode, valueNode] = listOf(call.args);
  if (name === 'set_config') context.findings.setsMeaning = true;
  const setting = constantText(nameNode);
  if (setting === null) {
    if (name === 'set_config') noteUnknownSetting(context);
    return null;
  }
  if (name === 'current_setting') {
    if (!isReadableSetting(settingName(setting))) {
      context.findings.callNamed('pg_catalog.current_setting', settingName(setting));
    }
    return computed(all, typeOid.text);
  }
  const value = constantText(valueNode);
  const values =
    value === null ? null : settingName(setting) === 'search_path' ? splitPathText(value) : [value];
  noteSetting(context, setting, values);
  // The server tells the client the new value of some parameters, whatever column it came from.
  context.findings.store(mergeSources(all));
  return computed(all, typeOid.text);
}

function constantText(node: Node | undefined): string | null {
  if (node === undefined) return null;
  if ('TypeCast' in node) return constantText(node.TypeCast.arg);
  return 'A_Const' in node ? (node.A_Const.sval?.sval ?? null) : null;
}
