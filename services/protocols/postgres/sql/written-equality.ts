import type { A_Expr, Node } from 'libpg-query';
import { itemsOf, listOf, strings } from './nodes.ts';

/** Something that is asked whether it is a value that somebody wrote: `id = 7`, `7 = id`, `id IN (7, 8)`, `id = ANY ($1)`. */
export interface WrittenEquality {
  /** Mostly a column. */
  readonly asked: Node;
  /** What it is compared with, one by one; empty where it is the items of `array`. */
  readonly values: readonly Node[];
  /** An array whose items only the server counts. */
  readonly array: Node | null;
}

/** By the tree alone: what the names mean, the caller knows. Null for every other comparison. */
export function writtenEquality({ kind, name, lexpr: left, rexpr: right }: A_Expr): WrittenEquality | null {
  if (left === undefined || right === undefined || !isEquals(strings(name))) return null;
  switch (kind) {
    case 'AEXPR_OP':
    case 'AEXPR_NOT_DISTINCT': {
      if (isWritten(right)) return { asked: left, values: [right], array: null };
      if (isWritten(left)) return { asked: right, values: [left], array: null };
      return null;
    }
    case 'AEXPR_IN': {
      const items = itemsOf(right);
      return items.every(isWritten) ? { asked: left, values: items, array: null } : null;
    }
    case 'AEXPR_OP_ANY': {
      if (!isWritten(right)) return null;
      const items = writtenItems(right);
      return { asked: left, values: items ?? [], array: items === null ? right : null };
    }
    default:
      return null;
  }
}

/** `=`, or pg_catalog's own however the search path is. */
const isEquals = (operator: readonly string[]): boolean =>
  operator.at(-1) === '=' &&
  (operator.length === 1 || (operator.length === 2 && operator[0] === 'pg_catalog'));

/** The items of ARRAY[...]; null where one of them may be an array itself, whose items are among them then. */
function writtenItems(array: Node): readonly Node[] | null {
  const expression = 'TypeCast' in array ? array.TypeCast.arg : array;
  if (expression === undefined || !('A_ArrayExpr' in expression)) return null;
  const items = listOf(expression.A_ArrayExpr.elements);
  return items.every((item) => 'A_Const' in item) ? items : null;
}

/** A value that stands in the text or comes as a parameter: nothing that the row, or anything else, has a say in. */
export function isWritten(node: Node | undefined): node is Node {
  if (node === undefined) return false;
  if ('A_Const' in node || 'ParamRef' in node) return true;
  if ('TypeCast' in node) return isWritten(node.TypeCast.arg);
  if ('A_ArrayExpr' in node) return listOf(node.A_ArrayExpr.elements).every(isWritten);
  return false;
}
