/** How the WHERE of an UPDATE or DELETE chooses rows: what tells `DELETE FROM users` from `DELETE FROM users WHERE id = 7`. */
import type { A_Expr, BoolExpr, ColumnRef, Node } from 'libpg-query';
import type { RowChoice } from './analysis.ts';
import type { Relation } from './catalog.ts';
import { listOf, strings } from './nodes.ts';
import { writtenEquality } from './written-equality.ts';

/** The relation whose rows are chosen, under the name that the statement gives it. */
export interface ChosenFrom {
  readonly relation: Relation;
  readonly name: string | null;
  /** Nothing stands in FROM or USING beside it, so a bare column is its own. */
  readonly alone: boolean;
}

/** From all rows to the fewest. */
const order: readonly RowChoice[] = ['none', 'range', 'value', 'key'];
const rank = (choice: RowChoice): number => order.indexOf(choice);
export const weaker = (left: RowChoice, right: RowChoice): RowChoice =>
  rank(left) <= rank(right) ? left : right;
const stronger = (left: RowChoice, right: RowChoice): RowChoice => (rank(left) >= rank(right) ? left : right);

/** What one condition says of the row: which columns have one of the values that are written, and how it chooses beside that. */
interface Reading {
  readonly equated: ReadonlySet<string>;
  readonly choice: RowChoice;
}

const noColumns: ReadonlySet<string> = new Set();
const everyRow: Reading = { equated: noColumns, choice: 'none' };
const someRows: Reading = { equated: noColumns, choice: 'range' };

/**
 * What is not surely `key` or `value` counts for less. The values themselves make no difference: statements that differ in them alone share
 * one analysis (sql/shape.ts).
 */
export function rowsChosenBy(where: Node | undefined, from: ChosenFrom): RowChoice {
  if (where === undefined) return 'none';
  // WHERE CURRENT OF names one row.
  if ('CurrentOfExpr' in where) return 'key';
  return choiceOf(read(where, from), from.relation);
}

function choiceOf({ equated, choice }: Reading, { uniqueKeys }: Relation): RowChoice {
  const isKey = uniqueKeys.some(
    ({ identifies, columns }) =>
      identifies && columns.length > 0 && columns.every(({ column }) => equated.has(column)),
  );
  if (isKey) return 'key';
  return equated.size > 0 ? stronger(choice, 'value') : choice;
}

function read(node: Node, from: ChosenFrom): Reading {
  if ('BoolExpr' in node) return readLogic(node.BoolExpr, from);
  if ('A_Expr' in node) return readComparison(node.A_Expr, node, from);
  return mentions(node, from) ? someRows : everyRow;
}

function readLogic({ boolop, args }: BoolExpr, from: ChosenFrom): Reading {
  const parts = listOf(args).map((each) => read(each, from));
  switch (boolop) {
    case 'AND_EXPR':
      return {
        equated: new Set(parts.flatMap(({ equated }) => [...equated])),
        choice: parts.map(({ choice }) => choice).reduce(stronger, 'none'),
      };
    case 'OR_EXPR': {
      const [first = everyRow, ...others] = parts;
      return {
        equated: new Set(
          [...first.equated].filter((each) => others.every(({ equated }) => equated.has(each))),
        ),
        choice: parts.map((part) => choiceOf(part, from.relation)).reduce(weaker, 'key'),
      };
    }
    default:
      // NOT id = 7 is every row but one.
      return parts.some(({ equated, choice }) => equated.size > 0 || choice !== 'none') ? someRows : everyRow;
  }
}

function readComparison(comparison: A_Expr, node: Node, from: ChosenFrom): Reading {
  // IS NOT DISTINCT FROM NULL is as many rows as have none.
  const equality = comparison.kind === 'AEXPR_NOT_DISTINCT' ? null : writtenEquality(comparison);
  const column = equality === null ? null : columnOf(equality.asked, from);
  if (column !== null) return equated(column);
  // A column with itself is true of every row that has a value in it.
  return mentions(node, from) && !isWithItself(comparison, from) ? someRows : everyRow;
}

function isWithItself({ kind, name, lexpr, rexpr }: A_Expr, from: ChosenFrom): boolean {
  const isEquality = kind === 'AEXPR_OP' && strings(name).join() === '=';
  const column = isEquality ? columnOf(lexpr, from) : null;
  return column !== null && column === columnOf(rexpr, from);
}

const equated = (column: string): Reading => ({ equated: new Set([column]), choice: 'none' });

/** The column's name, when the node is a column of the relation and nothing else. */
function columnOf(node: Node | undefined, from: ChosenFrom): string | null {
  return node !== undefined && 'ColumnRef' in node ? ownColumn(node.ColumnRef, from) : null;
}

function ownColumn({ fields }: ColumnRef, { relation, name, alone }: ChosenFrom): string | null {
  const parts = strings(fields);
  const isBare = parts.length === 1 && alone;
  const isQualified = parts.length === 2 && parts[0] === name;
  if (parts.length !== listOf(fields).length || !(isBare || isQualified)) return null;
  return relation.column(parts.at(-1) ?? '')?.column ?? null;
}

/** Whether a column of the relation stands in it. One in a sub-query may be the sub-query's own: those are not looked for. */
function mentions(node: unknown, from: ChosenFrom): boolean {
  if (typeof node !== 'object' || node === null) return false;
  if (Array.isArray(node)) return node.some((each) => mentions(each, from));
  // as: a node's one key is its kind, and this kind has this body.
  if ('ColumnRef' in node) return ownColumn(node.ColumnRef as ColumnRef, from) !== null;
  return Object.entries(node).some(([key, value]) => key !== 'subselect' && mentions(value, from));
}
