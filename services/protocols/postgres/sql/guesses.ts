/**
 * Comparisons that ask a column whether it has a value that somebody wrote, and nothing more: they can be counted. A policy lets so
 * many of them through where the column is masked.
 */
import type { A_Expr, FuncCall, Node } from 'libpg-query';
import type { Guess } from './analysis.ts';
import { possibleFunctions, possibleOperators, resolveType, splitName } from './calls.ts';
import { isStar, resolveColumn } from './columns.ts';
import type { Context } from './context.ts';
import { listOf, strings } from './nodes.ts';
import type { Scope } from './scope.ts';
import { anyType, typeOid } from './types.ts';
import { isParameter, type Value } from './value.ts';
import { isWritten, writtenEquality } from './written-equality.ts';

export interface ColumnGuess extends Omit<Guess, 'columns'> {
  readonly column: Value;
  /** Of the parse tree, by which one is told from another. */
  readonly comparison: object;
}

/** Null where it is anything else. Notes nothing. */
export function guessOf(comparison: A_Expr, scope: Scope, context: Context): ColumnGuess | null {
  const equality = writtenEquality(withoutFolds(comparison, context));
  const asked = equality === null ? null : askedColumn(equality.asked, scope, context);
  if (equality === null || asked === null || !equalsAreBuiltIn(comparison, asked.type, context)) return null;
  const { column } = asked;
  const { values, array } = equality;
  if (array !== null) {
    const parameter = arrayParameter(array, context);
    return parameter === null ? null : { column, values: 1, array: parameter, comparison: array };
  }
  if (!values.every((value) => isPlain(value, context))) return null;
  return { column, values: values.length, array: null, comparison: values[0] ?? comparison };
}

/** What is compared: a column, or what is as different for different values of it. */
interface Asked {
  readonly column: Value;
  readonly type: number;
}

function askedColumn(node: Node, scope: Scope, context: Context): Asked | null {
  if ('ColumnRef' in node) {
    const column = isStar(node.ColumnRef) ? null : resolveColumn(node.ColumnRef, scope, context);
    return column !== null && isGuessable(column, context) ? { column, type: column.type } : null;
  }
  if ('TypeCast' in node) {
    const { arg, typeName } = node.TypeCast;
    const asked = arg === undefined ? null : askedColumn(arg, scope, context);
    // A length would cut off what differs.
    if (asked === null || listOf(typeName?.typmods).length > 0) return null;
    const type = resolveType(context, typeName);
    return keepsApart(asked.type, type, context) ? { column: asked.column, type } : null;
  }
  if (!('FuncCall' in node)) return null;
  const argument = foldedArgument(node.FuncCall);
  const asked = argument === undefined ? null : askedColumn(argument, scope, context);
  if (asked === null || !isText(asked.type, context)) return null;
  return foldsCase(node.FuncCall, asked.type, context) ? { column: asked.column, type: typeOid.text } : null;
}

/**
 * Types of so many values, and whose `=` tells two of them apart so surely, that an answer says little more than yes or no. Not among
 * them: booleans and enums, of which one answer tells much; arrays, rows and shapes, whose `=` compares parts or areas.
 */
const guessed: ReadonlySet<number> = new Set([
  typeOid.text,
  typeOid.varchar,
  typeOid.bpchar,
  typeOid.name,
  typeOid.bytea,
  typeOid.int2,
  typeOid.int4,
  typeOid.int8,
  typeOid.numeric,
  typeOid.float4,
  typeOid.float8,
  typeOid.date,
  typeOid.time,
  typeOid.timestamp,
  typeOid.timestamptz,
  typeOid.uuid,
  typeOid.inet,
  typeOid.jsonb,
]);

/** Whether it is a column as it stands that can be asked one question at a time, which is answered with yes or no. */
function isGuessable({ derived, row, sources, type }: Value, context: Context): boolean {
  if (derived || row !== null || sources.length === 0 || sources.some(isParameter)) return false;
  if (!sources.every((source) => source.deterministic)) return false;
  return guessed.has(context.types.base(type)) || isCitext(type, context);
}

/** The extension's type of texts whose case does not count; it is not in pg_catalog, and its name anybody may use. */
function isCitext(type: number, { types, catalog }: Context): boolean {
  const base = types.get(types.base(type));
  return base?.name === 'citext' && catalog.functionsByOid.get(base.input)?.fromExtension === true;
}

const texts: ReadonlySet<number> = new Set([typeOid.text, typeOid.varchar, typeOid.bpchar, typeOid.name]);

const isText = (type: number, context: Context): boolean =>
  texts.has(context.types.base(type)) || isCitext(type, context);

/** From the type before to those behind it, a number stays what it is. */
const wholeNumbers: readonly number[] = [typeOid.int2, typeOid.int4, typeOid.int8, typeOid.numeric];

/** Whether values that differ are still different after this cast, but for their case. */
function keepsApart(from: number, to: number, context: Context): boolean {
  const { types, catalog } = context;
  const source = types.base(from);
  // A domain has checks of its own.
  if (types.base(to) !== to) return false;
  if (source === to) return true;
  if (isCitext(to, context)) return source === typeOid.text || source === typeOid.varchar;
  if (catalog.foreignCasts.some((cast) => cast.source === source && cast.target === to)) return false;
  // How many digits of a float are written is a setting.
  const isFloat = source === typeOid.float4 || source === typeOid.float8;
  if (to === typeOid.text || to === typeOid.varchar) return !isFloat;
  const at = wholeNumbers.indexOf(source);
  return at >= 0 && wholeNumbers.indexOf(to) > at;
}

/** Whether every `=` that the server may choose is PostgreSQL's own, or citext's. */
function equalsAreBuiltIn({ name }: A_Expr, type: number, context: Context): boolean {
  const { functionsByOid } = context.catalog;
  const possible = possibleOperators(context, strings(name), type, anyType);
  return (
    possible.length > 0 &&
    possible.every(({ schema, left, right, function: run }) => {
      const one = functionsByOid.get(run);
      if (schema === 'pg_catalog' && one?.schema === 'pg_catalog') return true;
      return one?.fromExtension === true && isCitext(left, context) && isCitext(right, context);
    })
  );
}

/** A type of somebody's own may bring a collation of its own, or another `=`. */
function isPlain(value: Node, context: Context): boolean {
  if (!('TypeCast' in value)) return true;
  const { arg, typeName } = value.TypeCast;
  const type = resolveType(context, typeName);
  const isKnown = context.types.get(type)?.schema === 'pg_catalog' || isCitext(type, context);
  return isKnown && (arg === undefined || isPlain(arg, context));
}

/** `lower(email) = lower($1)` compares with one value, as `lower(email) = $1` does. */
function withoutFolds(comparison: A_Expr, context: Context): A_Expr {
  const { kind, lexpr, rexpr } = comparison;
  if (kind !== 'AEXPR_OP' || lexpr === undefined || rexpr === undefined) return comparison;
  const [left, right] = [unfolded(lexpr, context), unfolded(rexpr, context)];
  return left === lexpr && right === rexpr ? comparison : { ...comparison, lexpr: left, rexpr: right };
}

function unfolded(node: Node, context: Context): Node {
  if (!('FuncCall' in node)) return node;
  const argument = foldedArgument(node.FuncCall);
  return isWritten(argument) && foldsCase(node.FuncCall, anyType, context) ? argument : node;
}

const folds: ReadonlySet<string> = new Set(['lower', 'upper']);

/** Of a call of `lower` or `upper` with nothing beside its one argument. */
function foldedArgument(call: FuncCall): Node | undefined {
  const { args, agg_order, agg_filter, agg_within_group, agg_star, agg_distinct, func_variadic, over } = call;
  const isMore =
    listOf(agg_order).length > 0 ||
    agg_filter !== undefined ||
    over !== undefined ||
    [agg_within_group, agg_star, agg_distinct, func_variadic].includes(true);
  const [argument, ...others] = listOf(args);
  if (isMore || argument === undefined || others.length > 0 || 'NamedArgExpr' in argument) return undefined;
  return folds.has(splitName(strings(call.funcname)).name) ? argument : undefined;
}

/** Whether it is PostgreSQL's own: texts that it makes equal differ in their case alone. */
function foldsCase(call: FuncCall, given: number, context: Context): boolean {
  const { schema, name } = splitName(strings(call.funcname));
  const possible = possibleFunctions(context, { schema, name, given: [given], positional: true });
  return possible.length > 0 && possible.every((one) => one.function.schema === 'pg_catalog');
}

/** The place of a parameter that comes with the message, from 0, where the node is one, or one that is cast to an array. */
function arrayParameter(node: Node, context: Context): number | null {
  if ('TypeCast' in node) {
    const { arg, typeName } = node.TypeCast;
    const type = resolveType(context, typeName);
    if (arg === undefined || !('ParamRef' in arg) || !context.types.isArray(type)) return null;
    const isKnown = context.types.get(type)?.schema === 'pg_catalog';
    return isKnown || isCitext(context.types.elementOf(type), context) ? arrayParameter(arg, context) : null;
  }
  const number = 'ParamRef' in node ? (node.ParamRef.number ?? 0) : 0;
  return number > 0 ? number - 1 : null;
}
