/** Statements that look after what is stored: VACUUM, ANALYZE, CLUSTER, REINDEX, REFRESH. Each works out what is indexed anew. */
import type { AlterTableCmd, ClusterStmt, RangeVar, ReindexStmt, VacuumStmt } from 'libpg-query';
import { knownType, noteType } from './calls.ts';
import { type Context, findRelation } from './context.ts';
import { noteObject, noteRelation } from './definitions.ts';
import { expose } from './exposed.ts';
import { listOf } from './nodes.ts';
import { noteRowsGoneThrough } from './relation-effects.ts';
import type { Frame, Told } from './statement.ts';
import { anyType } from './types.ts';
import { viewFacts } from './views.ts';

export function vacuum(statement: VacuumStmt, { context }: Frame): Told {
  const command = statement.is_vacuumcmd === true ? 'VACUUM' : 'ANALYZE';
  const nodes = listOf(statement.rels);
  for (const node of nodes) {
    if ('VacuumRelation' in node) maintain('table', node.VacuumRelation.relation, context);
  }
  if (nodes.length === 0) maintainAll('database', '', null, context);
  return { command };
}

export function cluster({ relation }: ClusterStmt, { context }: Frame): Told {
  if (relation === undefined) maintainAll('database', '', null, context);
  else {
    maintain('table', relation, context);
    // Rows then lie, and come, in the order of the index.
    expose(relation, context);
  }
  return { command: 'CLUSTER' };
}

export function reindex(statement: ReindexStmt, { context }: Frame): Told {
  const kind = (statement.kind ?? '').replace('REINDEX_OBJECT_', '').toLowerCase();
  const name = statement.name ?? '';
  if (statement.relation === undefined) maintainAll(kind, name, kind === 'schema' ? name : null, context);
  else maintain(kind, statement.relation, context);
  return { command: 'REINDEX' };
}

/** REFRESH runs the view's definition. */
export function refreshView(range: RangeVar | undefined, { context }: Frame): Told {
  const relation = noteRelation('maintain', 'materialized view', range, context);
  const facts = relation === null ? null : viewFacts(relation, context);
  if (relation !== null && facts !== null) context.findings.readThrough(relation, facts.findings, false);
  if (relation !== null) noteRowsGoneThrough(relation, 'rewrite', context);
  return { command: 'REFRESH MATERIALIZED VIEW' };
}

function maintain(kind: string, range: RangeVar | undefined, context: Context): void {
  const relation = noteRelation('maintain', kind, range, context);
  if (relation === null) return;
  // An index lies in the schema of its table; which one that is the catalog does not say.
  if (relation.kind === 'index') noteAllGoneThrough(relation.schema, context);
  else noteRowsGoneThrough(relation, 'maintain', context);
}

function maintainAll(kind: string, name: string, schema: string | null, context: Context): void {
  noteObject('maintain', kind, name, context);
  noteAllGoneThrough(schema, context);
}

function noteAllGoneThrough(schema: string | null, context: Context): void {
  for (const relation of context.catalog.relations()) {
    context.budget.spend(1);
    if (schema === null || relation.schema === schema) noteRowsGoneThrough(relation, 'maintain', context);
  }
}

/** What makes PostgreSQL write or check every row anew. */
const rewriting: ReadonlySet<string | undefined> = new Set([
  'AT_AddColumn',
  'AT_AlterColumnType',
  'AT_AttachPartition',
  'AT_SetAccessMethod',
  'AT_SetExpression',
  'AT_SetLogged',
  'AT_SetUnLogged',
  'AT_ValidateConstraint',
]);

/** ALTER TABLE goes through rows: checks, defaults and indexes are worked out, and values become those of another type. */
export function noteRewrite(command: AlterTableCmd, range: RangeVar | undefined, context: Context): void {
  if (!rewriting.has(command.subtype)) return;
  const { def } = command;
  const attached = def !== undefined && 'PartitionCmd' in def ? def.PartitionCmd.name : undefined;
  if (def !== undefined && 'ColumnDef' in def) {
    // One that is unknown was made in this transaction, where its checks were decided, or is `serial`.
    noteType(context, knownType(context, def.ColumnDef.typeName) ?? anyType);
    // A new column is filled without a look at the others, unless its default must be worked out for each row.
    if (command.subtype === 'AT_AddColumn' && listOf(def.ColumnDef.constraints).length === 0) return;
  }
  for (const one of [range, attached]) {
    const relation = one === undefined ? null : findRelation(context, one.schemaname, one.relname ?? '');
    if (relation !== null) noteRowsGoneThrough(relation, 'rewrite', context);
  }
}
