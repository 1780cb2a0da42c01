/** SELECT, VALUES and set operations -> the columns they return. */
import type { Node, SelectStmt } from 'libpg-query';
import { commonType, noteCoercion, noteOperator } from './calls.ts';
import { columnReference } from './columns.ts';
import { withTables } from './common-tables.ts';
import type { Context, Queries } from './context.ts';
import {
  evaluate,
  evaluateBoolean,
  evaluateCondition,
  evaluateList,
  evaluator,
  literalAsText,
} from './expressions.ts';
import { fromItems } from './from.ts';
import { columnsReadBy } from './function-bodies.ts';
import { noteWindow } from './function-calls.ts';
import { modify } from './modify.ts';
import { itemsOf, listOf, strings } from './nodes.ts';
import { lockRows } from './row-locks.ts';
import { noteRuleActions } from './rule-actions.ts';
import { type Columns, fieldNamed, Scope } from './scope.ts';
import { bodyStatement } from './statements.ts';
import { targetList } from './target-list.ts';
import { call } from './traced-calls.ts';
import { anyType, typeOid } from './types.ts';
import { anything, computed, type Field, literal, mergeSources, oneOf, type Value } from './value.ts';
import { relationColumns } from './views.ts';
import { evaluateWhere } from './where.ts';

export const queries: Queries = {
  query(node, scope, context) {
    context.budget.spend(1);
    context.budget.enter();
    const columns =
      'SelectStmt' in node ? select(node.SelectStmt, scope, context) : modify(node, scope, context);
    context.budget.leave();
    return columns ?? unknownQuery(context);
  },
  relationColumns,
  ruleActions: noteRuleActions,
  bodyStatement,
  call,
  columnsReadBy,
};

function unknownQuery(context: Context): Columns {
  context.findings.opaque('unknown-statement');
  return { fields: [], open: anything };
}

function select(statement: SelectStmt, parent: Scope, context: Context): Columns {
  const { scope, tables } = withTables(statement.withClause, parent, context);
  const columns = selectWithin(statement, scope, context);
  // A data-modifying table runs whether it is named or not.
  for (const table of tables) table.columns();
  return columns;
}

function selectWithin(statement: SelectStmt, scope: Scope, context: Context): Columns {
  if (statement.op !== undefined && statement.op !== 'SETOP_NONE')
    return setOperation(statement, scope, context);
  if ((statement.valuesLists ?? []).length > 0) {
    const columns = values(statement, scope, context);
    orderAndLimit(statement, columns, new Scope(scope, []), context);
    return columns;
  }
  return plainSelect(statement, scope, context);
}

/** UNIONs in a row make a tree as deep as they are many: the left sides are taken one after the other. */
function setOperation(statement: SelectStmt, scope: Scope, context: Context): Columns {
  const chain: SelectStmt[] = [];
  let next = statement;
  while (next.op !== undefined && next.op !== 'SETOP_NONE' && next.larg !== undefined) {
    context.budget.spend(1);
    chain.push(next);
    next = next.larg;
    // A parenthesised left side with a WITH clause of its own is a query of its own.
    if (next.withClause !== undefined) break;
  }
  let columns = context.queries.query({ SelectStmt: next }, scope, context);
  for (const one of chain.reverse()) {
    const { rarg } = one;
    const right = rarg === undefined ? columns : context.queries.query({ SelectStmt: rarg }, scope, context);
    columns = combine(columns, right, one, context);
    orderAndLimit(one, columns, new Scope(scope, []), context);
  }
  return columns;
}

function combine(left: Columns, right: Columns, statement: SelectStmt, context: Context): Columns {
  const fields = left.fields.map(({ name, value }, at): Field => {
    const other = right.fields[at]?.value ?? right.open ?? anything;
    const type = literalAsText(commonType(context, [value, other]));
    return { name, value: oneOf([value, other], type) };
  });
  const open = [left.open, right.open].flatMap((value) => value ?? []);
  // Rows are compared: which ones are left tells what is in them.
  if (statement.op !== 'SETOP_UNION' || statement.all !== true) {
    context.findings.condition(mergeSources([...fields.map((field) => field.value), ...open]));
  }
  context.budget.spend(fields.length);
  return { fields, open: open.length === 0 ? null : computed(open, anyType) };
}

function values(statement: SelectStmt, scope: Scope, context: Context): Columns {
  const columns: Value[][] = [];
  const open: Value[] = [];
  const rowScope = new Scope(scope, []);
  for (const row of listOf(statement.valuesLists)) {
    const items = evaluateList(itemsOf(row), rowScope, context);
    if (items.open !== null) open.push(items.open);
    for (const [at, value] of items.values.entries()) {
      const column = columns[at];
      if (column === undefined) columns.push([value]);
      // Thousands of rows of constants are one.
      else if (column.at(-1) !== value) column.push(value);
    }
  }
  // Which value stands in which column is not known then.
  if (open.length > 0) return { fields: [], open: computed([...open, ...columns.flat()], anyType) };
  return {
    open: null,
    fields: columns.map((column, at) => ({
      name: `column${at + 1}`,
      value: oneOf(column, commonType(context, column)),
    })),
  };
}

function plainSelect(statement: SelectStmt, scope: Scope, context: Context): Columns {
  const items = fromItems(statement.fromClause, scope, context);
  const inner = new Scope(scope, items);
  evaluateWhere(statement.whereClause, inner, context);
  const columns = targetList(statement.targetList, inner, context);
  groupBy(statement, columns, inner, context);
  evaluateBoolean(statement.havingClause, inner, context);
  for (const node of listOf(statement.windowClause)) {
    if ('WindowDef' in node) noteWindow(node.WindowDef, inner, context, evaluator);
  }
  distinct(statement, columns, inner, context);
  orderAndLimit(statement, columns, inner, context);
  for (const node of listOf(statement.lockingClause)) {
    if ('LockingClause' in node) lockRows(node.LockingClause, listOf(statement.fromClause), inner, context);
  }
  return columns;
}

/**
 * Which rows fall together tells whether values are the same. Where the value is a column as it stands and is shown (masked),
 * that tells no more than the mask lets through; a hidden key, or one mixed from several sources, can be compared with a guess.
 */
function noteComparedRows(key: Value, outputs: readonly Field[], context: Context): void {
  const shown =
    !key.derived &&
    outputs.some(
      ({ value }) =>
        !value.derived &&
        value.sources.length === key.sources.length &&
        value.sources.every((source, at) => source === key.sources[at]),
    );
  if (!shown) context.findings.condition(key.sources);
}

function groupBy(statement: SelectStmt, { fields }: Columns, scope: Scope, context: Context): void {
  const keys = [...listOf(statement.groupClause)];
  for (const node of keys) {
    if ('GroupingSet' in node) keys.push(...listOf(node.GroupingSet.content));
    else if ('RowExpr' in node) keys.push(...listOf(node.RowExpr.args));
    else noteComparedRows(groupingKey(node, fields, scope, context), fields, context);
  }
}

/** A number is an output column's place; a lone name is a column of FROM, else an output column. */
function groupingKey(node: Node, fields: readonly Field[], scope: Scope, context: Context): Value {
  const position = positionOf(node);
  if (position !== null) return fields[position - 1]?.value ?? literal;
  const name = loneName(node);
  const isColumn =
    name === null ||
    scope.items.some((item) => item.columnsVisible && fieldNamed(item.fields, name) !== undefined);
  const output = isColumn || name === null ? undefined : fieldNamed(fields, name);
  return output ?? evaluate(node, scope, context);
}

const positionOf = (node: Node): number | null =>
  'A_Const' in node && node.A_Const.ival !== undefined ? (node.A_Const.ival.ival ?? 0) : null;

function loneName(node: Node): string | null {
  const parts = strings(columnReference(node)?.fields);
  return parts.length === 1 && columnReference(node)?.fields?.length === 1 ? (parts[0] ?? null) : null;
}

function distinct(statement: SelectStmt, columns: Columns, scope: Scope, context: Context): void {
  const keys = listOf(statement.distinctClause);
  if (keys.length === 0) return;
  // Plain DISTINCT is a list with one empty node.
  const on = keys.filter((node) => Object.keys(node).length > 0);
  const compared =
    on.length === 0
      ? [...columns.fields.map((field) => field.value), ...(columns.open === null ? [] : [columns.open])]
      : on.map((node) => sortKey(node, columns.fields, scope, context));
  for (const key of compared) noteComparedRows(key, columns.fields, context);
}

/** In ORDER BY and DISTINCT ON a lone name is an output column first. */
function sortKey(node: Node, fields: readonly Field[], scope: Scope, context: Context): Value {
  const position = positionOf(node);
  if (position !== null) return fields[position - 1]?.value ?? literal;
  const name = loneName(node);
  const output = name === null ? undefined : fieldNamed(fields, name);
  return output ?? evaluate(node, scope, context);
}

function orderAndLimit(statement: SelectStmt, { fields }: Columns, scope: Scope, context: Context): void {
  for (const node of listOf(statement.sortClause)) {
    if (!('SortBy' in node)) continue;
    const { node: key, useOp } = node.SortBy;
    const value = key === undefined ? literal : sortKey(key, fields, scope, context);
    if ((useOp ?? []).length > 0) noteOperator(context, strings(useOp), value.type, value.type);
    context.findings.condition(value.sources);
  }
  for (const node of [statement.limitCount, statement.limitOffset]) {
    noteCoercion(context, evaluateCondition(node, scope, context).type, typeOid.int8, 'assignment');
  }
}
