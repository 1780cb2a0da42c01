/** The WHERE of SELECT, UPDATE and DELETE. Elsewhere (ON, HAVING, CASE) a comparison is a condition like any other. */
import type { Node } from 'libpg-query';
import { possibleOperators, resolveType } from './calls.ts';
import { resolveColumn } from './columns.ts';
import type { Context } from './context.ts';
import { evaluate, evaluateBoolean } from './expressions.ts';
import { listOf } from './nodes.ts';
import type { Scope } from './scope.ts';
import { anyType, typeOid } from './types.ts';
import type { Value } from './value.ts';
import { type WrittenEquality, writtenEquality } from './written-equality.ts';

/** What AND joins at the top is looked at one by one: each must hold, so none can be told apart from the others by guessing more. */
export function evaluateWhere(node: Node | undefined, scope: Scope, context: Context): void {
  if (node !== undefined && 'BoolExpr' in node && node.BoolExpr.boolop === 'AND_EXPR') {
    context.budget.enter();
    for (const part of listOf(node.BoolExpr.args)) evaluateWhere(part, scope, context);
    context.budget.leave();
    return;
  }
  const equality = node !== undefined && 'A_Expr' in node ? writtenEquality(node.A_Expr) : null;
  if (node === undefined || equality === null) {
    evaluateBoolean(node, scope, context);
    return;
  }
  const column = resolveColumn(equality.column, scope, context);
  if (equality.values === null || !isGuess(column, equality.values, context)) {
    evaluateBoolean(node, scope, context);
    return;
  }
  evaluate(node, scope, context);
  context.findings.guess(node, column.sources, equality.values.length);
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

/** Whether each of these values asks the column, as it stands, one question that is answered with yes or no. */
function isGuess(column: Value, values: NonNullable<WrittenEquality['values']>, context: Context): boolean {
  const { catalog, types } = context;
  if (column.derived || column.row !== null || !guessed.has(types.base(column.type))) return false;
  if (column.sources.length === 0 || !column.sources.every((source) => source.deterministic)) return false;
  const isBuiltIn = possibleOperators(context, ['='], column.type, anyType).every(
    ({ schema, function: run }) =>
      schema === 'pg_catalog' && catalog.functionsByOid.get(run)?.schema === 'pg_catalog',
  );
  return isBuiltIn && values.every((value) => isPlain(value, context));
}

/** A type of somebody's own may bring a collation of its own, or another `=`. */
const isPlain = (value: Node, context: Context): boolean =>
  !('TypeCast' in value) ||
  (context.types.get(resolveType(context, value.TypeCast.typeName))?.schema === 'pg_catalog' &&
    (value.TypeCast.arg === undefined || isPlain(value.TypeCast.arg, context)));
