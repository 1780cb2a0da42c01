import type { A_Expr, ColumnRef, Node } from 'libpg-query';
import { itemsOf, listOf, strings } from './nodes.ts';

/** A column that is asked whether it is a value that somebody wrote: `id = 7`, `7 = id`, `id IN (7, 8)`, `id = ANY ($1)`. */
export interface WrittenEquality {
  readonly column: ColumnRef;
  /** What it is compared with, one by one; null where only the server knows how many there are. */
  readonly values: readonly Node[] | null;
}

/** By the tree alone: what the names mean, the caller knows. Null for every other comparison. */
export function writtenEquality({ kind, name, lexpr: left, rexpr: right }: A_Expr): WrittenEquality | null {
  const [operator, ...qualified] = strings(name);
  if (operator !== '=' || qualified.length > 0) return null;
  switch (kind) {
    case 'AEXPR_OP': {
      if (isColumn(left) && isWritten(right)) return { column: left.ColumnRef, values: [right] };
      if (isColumn(right) && isWritten(left)) return { column: right.ColumnRef, values: [left] };
      return null;
    }
    case 'AEXPR_IN': {
      const items = itemsOf(right);
      return isColumn(left) && items.every(isWritten) ? { column: left.ColumnRef, values: items } : null;
    }
    case 'AEXPR_OP_ANY':
      return isColumn(left) && isWritten(right) ? { column: left.ColumnRef, values: null } : null;
    default:
      return null;
  }
}

const isColumn = (node: Node | undefined): node is { readonly ColumnRef: ColumnRef } =>
  node !== undefined && 'ColumnRef' in node;

/** A value that stands in the text or comes as a parameter: nothing that the row, or anything else, has a say in. */
export function isWritten(node: Node | undefined): node is Node {
  if (node === undefined) return false;
  if ('A_Const' in node || 'ParamRef' in node) return true;
  if ('TypeCast' in node) return isWritten(node.TypeCast.arg);
  if ('A_ArrayExpr' in node) return listOf(node.A_ArrayExpr.elements).every(isWritten);
  return false;
}
