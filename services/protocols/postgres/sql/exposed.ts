/**
 * Masks go by names. A statement that gives a column another name, takes a table away from those whose masks it shares, or lets somebody's
 * code at its rows takes the columns out of the masks' reach: they count as conditions of the statement's own effect.
 */
import type { AlterTableStmt, RangeVar, RenameStmt } from 'libpg-query';
import type { Relation } from './catalog.ts';
import { type Context, findRelation } from './context.ts';
import { listOf } from './nodes.ts';

/** All columns of the relation, or the one of this name. */
export function expose(range: RangeVar | undefined, context: Context, only?: string): void {
  const relation = findRelation(context, range?.schemaname, range?.relname ?? '');
  if (relation !== null) exposeColumns(relation, context, only);
}

export function exposeRenamed({ renameType, relation, subname }: RenameStmt, context: Context): void {
  switch (renameType) {
    case 'OBJECT_COLUMN':
      return expose(relation, context, subname);
    case 'OBJECT_TABLE':
    case 'OBJECT_FOREIGN_TABLE':
    case 'OBJECT_VIEW':
    case 'OBJECT_MATVIEW':
      return expose(relation, context);
    case 'OBJECT_SCHEMA':
      return exposeSchema(subname ?? '', context);
    default: // nothing that a mask can name
  }
}

/** ATTACH, DETACH and NO INHERIT: the masks of one table were, or will be, those of another. */
export function exposeMoved({ relation, cmds }: AlterTableStmt, context: Context): void {
  for (const node of listOf(cmds)) {
    if (!('AlterTableCmd' in node)) continue;
    const { subtype, def } = node.AlterTableCmd;
    if (def !== undefined && 'PartitionCmd' in def) expose(def.PartitionCmd.name, context);
    if (subtype === 'AT_DropInherit') expose(relation, context);
  }
}

function exposeSchema(schema: string, context: Context): void {
  for (const relation of context.catalog.relations()) {
    context.budget.spend(1);
    if (relation.schema === schema && relation.kind !== 'index') exposeColumns(relation, context);
  }
}

function exposeColumns(relation: Relation, context: Context, only?: string): void {
  const isMeant = (name: string): boolean => only === undefined || name === only;
  // What a view reads keeps its name, and its masks.
  const columns = relation.isView
    ? relation.columns.filter(({ column }) => isMeant(column))
    : context.queries
        .relationColumns(relation, false, context)
        .fields.flatMap(({ name, value }) => (isMeant(name) ? value.sources : []));
  context.findings.expose(columns);
}
