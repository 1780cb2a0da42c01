/** The WHERE of SELECT, UPDATE and DELETE. Elsewhere (ON, HAVING, CASE) a comparison is a condition like any other. */
import type { A_Expr, Node, RowExpr } from 'libpg-query';
import { isStar as isStarReference, resolveColumn } from './columns.ts';
import type { Context } from './context.ts';
import { evaluate, evaluateBoolean } from './expressions.ts';
import { guessOf } from './guesses.ts';
import { itemsOf, listOf } from './nodes.ts';
import type { Scope } from './scope.ts';
import { isParameter } from './value.ts';

/** What AND joins at the top is looked at one by one: each must hold, so none can be told apart from the others by guessing more. */
export function evaluateWhere(node: Node | undefined, scope: Scope, context: Context): void {
  const parts = node === undefined ? null : partsOf(node);
  if (parts !== null) {
    context.budget.enter();
    for (const part of parts) evaluateWhere(part, scope, context);
    context.budget.leave();
    return;
  }
  const guess =
    node !== undefined && 'A_Expr' in node
      ? guessOf(withNumbers(node.A_Expr, scope, context), scope, context)
      : null;
  // How many items a function is passed shows at none of its calls.
  if (node === undefined || guess === null || (guess.array !== null && context.parameters !== null)) {
    evaluateBoolean(node, scope, context);
    return;
  }
  const { sources } = evaluate(node, scope, context);
  context.findings.guess(guess.comparison, guess.column.sources, guess, sources.filter(isParameter));
}

/** In a function's body a name may be a parameter's: then it is one as `$1` is. */
function withNumbers(expression: A_Expr, scope: Scope, context: Context): A_Expr {
  if (context.parameters === null) return expression;
  const { lexpr, rexpr } = expression;
  return {
    ...expression,
    ...(lexpr && { lexpr: withNumber(lexpr, scope, context) }),
    ...(rexpr && { rexpr: withNumber(rexpr, scope, context) }),
  };
}

/** The same each time: guesses are told apart by their nodes. */
const numbered = new WeakMap<Node, Node>();

function withNumber(node: Node, scope: Scope, context: Context): Node {
  if (!('ColumnRef' in node) || isStarReference(node.ColumnRef)) return node;
  const { sources, derived } = resolveColumn(node.ColumnRef, scope, context);
  const [source] = sources;
  if (derived || sources.length !== 1 || source?.parameter?.field !== null) return node;
  const known = numbered.get(node) ?? { ParamRef: { number: source.parameter.position + 1 } };
  numbered.set(node, known);
  return known;
}

/** Of AND, and of a comparison of rows, which is one of each of their columns; null for what is no such thing. */
function partsOf(node: Node): readonly Node[] | null {
  if ('BoolExpr' in node) return node.BoolExpr.boolop === 'AND_EXPR' ? listOf(node.BoolExpr.args) : null;
  return 'A_Expr' in node ? columnsOfRows(node.A_Expr) : null;
}

/** `(a, b) = (1, 2)`, and `(a, b) IN ((1, 2), (3, 4))`, which says less of each column than all of its values do. */
function columnsOfRows(comparison: A_Expr): readonly Node[] | null {
  const { kind, lexpr: left, rexpr: right } = comparison;
  const fields = rowFields(left);
  if (fields === null) return null;
  const rows =
    kind === 'AEXPR_IN' ? itemsOf(right) : kind === 'AEXPR_OP' && right !== undefined ? [right] : [];
  const values = rows.map(rowFields);
  if (values.length === 0 || !values.every((row) => row?.length === fields.length)) return null;
  return fields.map((field, at) => {
    const column = values.flatMap((row) => row?.[at] ?? []);
    const [only] = column;
    const compared = kind === 'AEXPR_IN' ? { List: { items: [...column] } } : only;
    return {
      A_Expr: { ...comparison, lexpr: field, ...(compared === undefined ? {} : { rexpr: compared }) },
    };
  });
}

/** Null for what is no row, and for one with a star in it, whose fields are not counted here. */
function rowFields(node: Node | undefined): readonly Node[] | null {
  if (node === undefined || !('RowExpr' in node)) return null;
  const row: RowExpr = node.RowExpr;
  const fields = listOf(row.args);
  return fields.some(isStar) ? null : fields;
}

const isStar = (node: Node): boolean =>
  'ColumnRef' in node && listOf(node.ColumnRef.fields).some((field) => 'A_Star' in field);
