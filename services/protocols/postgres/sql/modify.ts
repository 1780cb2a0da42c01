/** INSERT, UPDATE, DELETE and MERGE, wherever they stand -> what they return. */
import type {
  DeleteStmt,
  InsertStmt,
  MergeStmt,
  MergeWhenClause,
  Node,
  OnConflictClause,
  RangeVar,
  ReturningClause,
  UpdateStmt,
} from 'libpg-query';
import type { RowChoice } from './analysis.ts';
import { noteCoercion } from './calls.ts';
import type { CatalogColumn, Relation } from './catalog.ts';
import { withTables } from './common-tables.ts';
import { type Context, findRelation } from './context.ts';
import { evaluate, evaluateBoolean, evaluateCondition, evaluateParts } from './expressions.ts';
import { fromItems, noteUnknownRelation, relationItem } from './from.ts';
import { noteKeys } from './keys-asked.ts';
import { listOf } from './nodes.ts';
import { noteWrite } from './relation-effects.ts';
import { rowsChosenBy } from './rows-chosen.ts';
import { type Columns, fieldNamed, type RangeItem, Scope } from './scope.ts';
import { targetList } from './target-list.ts';
import { anyType, typeOid } from './types.ts';
import { anything, computed, type Field, mergeSources, type Value } from './value.ts';
import { evaluateWhere } from './where.ts';
import { isWritten } from './written-equality.ts';

/** Null when the node is none of them. */
export function modify(node: Node, parent: Scope, context: Context): Columns | null {
  if ('InsertStmt' in node) return within(node.InsertStmt, insert, parent, context);
  if ('UpdateStmt' in node) return within(node.UpdateStmt, update, parent, context);
  if ('DeleteStmt' in node) return within(node.DeleteStmt, remove, parent, context);
  if ('MergeStmt' in node) return within(node.MergeStmt, merge, parent, context);
  return null;
}

function within<Statement extends Pick<InsertStmt, 'withClause'>>(
  statement: Statement,
  analyse: (statement: Statement, scope: Scope, context: Context) => Columns,
  parent: Scope,
  context: Context,
): Columns {
  const { scope, tables } = withTables(statement.withClause, parent, context);
  const columns = analyse(statement, scope, context);
  for (const table of tables) table.columns();
  return columns;
}

/** What is changed. A name of WITH is none of it: PostgreSQL looks in the catalog alone. */
interface Target {
  readonly relation: Relation | null;
  readonly range: RangeVar;
  readonly item: RangeItem;
  readonly only: boolean;
}

function findTarget(range: RangeVar | undefined, context: Context): Target {
  const written: RangeVar = range ?? {};
  const relation = findRelation(context, written.schemaname, written.relname ?? '');
  const only = written.inh !== true;
  if (relation !== null)
    return { relation, item: relationItem(relation, written, context), range: written, only };
  context.findings.opaque('unknown-relation');
  const unknown: RangeItem = {
    name: written.alias?.aliasname ?? written.relname ?? null,
    fields: [],
    open: anything,
    relation: null,
    aliased: true,
    rowType: typeOid.record,
    columnsVisible: true,
    nameVisible: true,
  };
  return { relation: null, item: unknown, range: written, only };
}

function insert(statement: InsertStmt, scope: Scope, context: Context): Columns {
  const target = findTarget(statement.relation, context);
  const listed = listOf(statement.cols);
  const columns = listed.length > 0 ? namedColumns(listed, target, scope, context) : allColumns(target);
  const source =
    statement.selectStmt === undefined
      ? []
      : sourceValues(context.queries.query(statement.selectStmt, scope, context));
  store(source, columns, context);
  note('insert', target, columns, null, context);
  const rows = rowsOf(statement.selectStmt);
  if (target.relation !== null) {
    noteKeys('insert', statement, target.relation, columns, () => rows, context);
  }
  if (statement.onConflictClause !== undefined) {
    onConflict(statement.onConflictClause, target, columns, source, scope, context);
    noteAssignedKeys(statement.onConflictClause.targetList, target, rows, context);
  }
  return returning(statement.returningClause, target, [target.item], scope, context);
}

/** How many rows VALUES has; null for a query, which may have any number. */
function rowsOf(source: Node | undefined): number | null {
  if (source === undefined) return 1; // DEFAULT VALUES
  const rows = 'SelectStmt' in source ? listOf(source.SelectStmt.valuesLists).length : 0;
  return rows === 0 ? null : rows;
}

const sourceValues = ({ fields, open }: Columns): readonly Value[] => [
  ...fields.map((field) => field.value),
  ...(open === null ? [] : [open]),
];

const allColumns = ({ relation }: Target): readonly CatalogColumn[] => relation?.columns ?? [];

/** The columns of INSERT (a, b.c, d[1]) and of SET a = ...; an unknown one is told as such. */
function namedColumns(
  nodes: readonly Node[],
  { relation }: Target,
  scope: Scope,
  context: Context,
): readonly CatalogColumn[] {
  return nodes.flatMap((node) => {
    if (!('ResTarget' in node)) return [];
    evaluateParts(node.ResTarget.indirection, scope, context);
    const column = relation?.column(node.ResTarget.name ?? '');
    if (column === undefined && relation !== null) context.findings.opaque('unknown-column');
    return column ?? [];
  });
}

/** Values that are stored leave the reach of a mask on where they came from. */
function store(values: readonly Value[], columns: readonly CatalogColumn[], context: Context): void {
  context.findings.store(mergeSources(values));
  for (const [at, value] of values.entries()) {
    noteCoercion(context, value.type, columns[at]?.type ?? anyType, 'assignment');
  }
}

function note(
  event: 'insert' | 'update' | 'delete',
  { relation, range, only }: Target,
  columns: readonly CatalogColumn[],
  rowsChosenBy: RowChoice | null,
  context: Context,
): void {
  if (relation === null) noteUnknownRelation(event, range, context);
  else noteWrite(event, relation, columns, only, rowsChosenBy, context);
}

function onConflict(
  clause: OnConflictClause,
  target: Target,
  columns: readonly CatalogColumn[],
  source: readonly Value[],
  scope: Scope,
  context: Context,
): void {
  const targetScope = new Scope(scope, [target.item]);
  for (const node of listOf(clause.infer?.indexElems)) {
    if (!('IndexElem' in node)) continue;
    const { name, expr } = node.IndexElem;
    const column: Node | undefined =
      name === undefined ? expr : { ColumnRef: { fields: [{ String: { sval: name } }] } };
    evaluateCondition(column, targetScope, context);
  }
  evaluateBoolean(clause.infer?.whereClause, targetScope, context);
  noteArbiters(clause, target, context);
  if (clause.action !== 'ONCONFLICT_UPDATE') return;
  // `excluded` is the row that was to be inserted.
  const excluded: RangeItem = {
    ...target.item,
    name: 'excluded',
    relation: null,
    aliased: true,
    fields: target.item.fields.map(({ name, value }): Field => {
      const at = columns.findIndex((column) => column.column === name);
      return { name, value: computed(source.slice(at, at + 1), value.type) };
    }),
  };
  const both = new Scope(scope, [target.item, excluded]);
  // As many rows as are inserted, at most.
  note('update', target, assign(clause.targetList, target, both, context), 'range', context);
  evaluateBoolean(clause.whereClause, both, context);
}

/** Whether the row was inserted tells whether its key was there: of the constraint that is named, or of any. */
function noteArbiters(clause: OnConflictClause, { relation, item }: Target, context: Context): void {
  const named = clause.infer?.conname;
  if (relation === null || (clause.infer !== undefined && named === undefined)) return;
  const keys = relation.uniqueKeys.filter((key) => named === undefined || key.name === named);
  // A view's keys are its table's, which its columns lead to.
  const columns = relation.isView ? relation.columns : keys.flatMap((key) => key.columns);
  for (const { column } of columns) {
    context.findings.condition(fieldNamed(item.fields, column)?.sources ?? []);
  }
}

/** SET a = ..., (b, c) = ...: the columns, their values noted as stored. */
function assign(
  nodes: readonly Node[] | undefined,
  target: Target,
  scope: Scope,
  context: Context,
): readonly CatalogColumn[] {
  const columns = namedColumns(listOf(nodes), target, scope, context);
  // The tree repeats the source of a multiple assignment for each of its columns; it is looked at once.
  const values = listOf(nodes).flatMap((node) => {
    const value = 'ResTarget' in node ? node.ResTarget.val : undefined;
    if (value === undefined || !('MultiAssignRef' in value)) return [evaluate(value, scope, context)];
    const { source, colno } = value.MultiAssignRef;
    return (colno ?? 1) > 1 ? [] : [evaluate(source, scope, context)];
  });
  store(values, values.length === columns.length ? columns : [], context);
  return columns;
}

/** @param computed how many values there are of what is not written as it stands */
function noteAssignedKeys(
  nodes: readonly Node[] | undefined,
  { relation }: Target,
  computed: number | null,
  context: Context,
): void {
  const assigned = listOf(nodes).flatMap((node) => {
    const column = 'ResTarget' in node ? relation?.column(node.ResTarget.name ?? '') : undefined;
    const isOne = 'ResTarget' in node && isWritten(node.ResTarget.val);
    return column === undefined ? [] : [[column, isOne ? 1 : computed] as const];
  });
  const values = new Map(assigned);
  if (relation === null || nodes === undefined) return;
  noteKeys('update', nodes, relation, [...values.keys()], (column) => values.get(column) ?? null, context);
}

function choiceOf(
  where: Node | undefined,
  { relation, item }: Target,
  items: readonly RangeItem[],
): RowChoice {
  if (relation === null) return 'none';
  return rowsChosenBy(where, { relation, name: item.name, alone: items.length === 1 });
}

function update(statement: UpdateStmt, scope: Scope, context: Context): Columns {
  const target = findTarget(statement.relation, context);
  const items = [target.item, ...fromItems(statement.fromClause, scope, context)];
  const inner = new Scope(scope, items);
  const columns = assign(statement.targetList, target, inner, context);
  evaluateWhere(statement.whereClause, inner, context);
  note('update', target, columns, choiceOf(statement.whereClause, target, items), context);
  noteAssignedKeys(statement.targetList, target, null, context);
  return returning(statement.returningClause, target, items, scope, context);
}

function remove(statement: DeleteStmt, scope: Scope, context: Context): Columns {
  const target = findTarget(statement.relation, context);
  const items = [target.item, ...fromItems(statement.usingClause, scope, context)];
  evaluateWhere(statement.whereClause, new Scope(scope, items), context);
  note('delete', target, allColumns(target), choiceOf(statement.whereClause, target, items), context);
  return returning(statement.returningClause, target, items, scope, context);
}

function merge(statement: MergeStmt, scope: Scope, context: Context): Columns {
  const target = findTarget(statement.relation, context);
  const sources = fromItems(
    statement.sourceRelation === undefined ? [] : [statement.sourceRelation],
    scope,
    context,
  );
  const items = [target.item, ...sources];
  const inner = new Scope(scope, items);
  evaluateBoolean(statement.joinCondition, inner, context);
  if (target.relation !== null) context.findings.write('merge', target.relation, [], null);
  const chosenBy = choiceOf(statement.joinCondition, target, items);
  for (const node of listOf(statement.mergeWhenClauses)) {
    if ('MergeWhenClause' in node) mergeAction(node.MergeWhenClause, target, chosenBy, inner, context);
  }
  return returning(statement.returningClause, target, items, scope, context);
}

function mergeAction(
  clause: MergeWhenClause,
  target: Target,
  chosenBy: RowChoice,
  scope: Scope,
  context: Context,
): void {
  evaluateBoolean(clause.condition, scope, context);
  switch (clause.commandType) {
    case 'CMD_UPDATE':
      note('update', target, assign(clause.targetList, target, scope, context), chosenBy, context);
      noteAssignedKeys(clause.targetList, target, null, context);
      return;
    case 'CMD_DELETE':
      note('delete', target, allColumns(target), chosenBy, context);
      return;
    case 'CMD_INSERT': {
      const listed = listOf(clause.targetList);
      const columns = listed.length > 0 ? namedColumns(listed, target, scope, context) : allColumns(target);
      const values = listOf(clause.values).map((node) => evaluate(node, scope, context));
      store(values, columns, context);
      note('insert', target, columns, null, context);
      // As many rows as the source has.
      if (target.relation !== null) {
        noteKeys('insert', clause, target.relation, columns, () => null, context);
      }
      return;
    }
    case 'CMD_NOTHING':
      return;
    default:
      context.findings.opaque('unknown-statement');
  }
}

/** `old` and `new` name the row before and after; WITH (OLD AS o) renames them. */
function returning(
  clause: ReturningClause | undefined,
  { item }: Target,
  items: readonly RangeItem[],
  scope: Scope,
  context: Context,
): Columns {
  if (clause === undefined) return { fields: [], open: null };
  const renamed = new Map(
    listOf(clause.options).flatMap((node) =>
      'ReturningOption' in node ? [[node.ReturningOption.option, node.ReturningOption.value] as const] : [],
    ),
  );
  const row = (name: string): RangeItem => ({
    ...item,
    name,
    relation: null,
    aliased: true,
    columnsVisible: false,
    nameVisible: true,
  });
  const rows = [
    row(renamed.get('RETURNING_OPTION_OLD') ?? 'old'),
    row(renamed.get('RETURNING_OPTION_NEW') ?? 'new'),
  ];
  // A table that is called old or new comes first.
  return targetList(clause.exprs, new Scope(scope, [...items, ...rows]), context);
}
