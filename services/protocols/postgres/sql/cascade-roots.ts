/** Statements that take more away than they name, and of what: `DROP ... CASCADE` and its like. What hangs on it the target is asked. */
import type { AlterTableCmd, AlterTableStmt, Node } from 'libpg-query';
import type { NamedCatalog } from './analysis.ts';
import { knownType, splitName } from './calls.ts';
import { descendantsOf, type Relation } from './catalog.ts';
import { droppedText } from './consequences.ts';
import { type Context, findFunctions, findRelation } from './context.ts';
import { itemsOf, listOf, strings } from './nodes.ts';

/** By our words for kinds of objects. */
const namedCatalogs: ReadonlyMap<string, NamedCatalog> = new Map([
  ['schema', 'pg_namespace'],
  ['extension', 'pg_extension'],
  ['language', 'pg_language'],
  ['server', 'pg_foreign_server'],
  ['foreign data wrapper', 'pg_foreign_data_wrapper'],
]);

const relationKinds: ReadonlySet<string> = new Set([
  'table',
  'view',
  'materialized view',
  'foreign table',
  'sequence',
  'index',
]);
const functionKinds: ReadonlySet<string> = new Set(['function', 'procedure', 'routine', 'aggregate']);

/** Nothing that anybody names hangs on these. */
const withoutDependents: ReadonlySet<string> = new Set([
  'event trigger',
  'policy',
  'publication',
  'rule',
  'statistics',
  'trigger',
  'user mapping',
]);

/** One object of a DROP. An extension takes its members along, and a table its partitions, without being told to. */
export function noteDropCascade(kind: string, node: Node, isCascade: boolean, context: Context): void {
  const { findings } = context;
  if (relationKinds.has(kind)) {
    const { schema, name } = splitName(strings(itemsOf(node)));
    const relation = findRelation(context, schema, name);
    if (relation === null) return;
    for (const child of descendantsOf(relation)) {
      if (!child.partition) continue;
      findings.define('drop', child.kind, child.text, child);
      findings.consequence(droppedText(child));
    }
    if (isCascade) findings.cascade({ kind: 'object', catalog: 'pg_class', oid: relation.oid, part: 0 });
    return;
  }
  if (!isCascade && kind !== 'extension') return;
  const named = namedCatalogs.get(kind);
  if (named !== undefined) {
    findings.cascade({ kind: 'named', catalog: named, name: strings([node])[0] ?? '' });
  } else if (kind === 'type' || kind === 'domain') {
    const names = 'TypeName' in node ? node.TypeName.names : undefined;
    const type = 'TypeName' in node ? knownType(context, node.TypeName) : null;
    if (type === null)
      findings.cascade({ kind: 'named', catalog: 'pg_type', name: splitName(strings(names)).name });
    else findings.cascade({ kind: 'object', catalog: 'pg_type', oid: type, part: 0 });
  } else if (functionKinds.has(kind)) {
    // All that have the name: which one is meant its arguments tell, and more than is dropped may be told.
    const names = 'ObjectWithArgs' in node ? node.ObjectWithArgs.objname : itemsOf(node);
    const { schema, name } = splitName(strings(names));
    const known = findFunctions(context, schema, name);
    if (known.length === 0) findings.cascade({ kind: 'named', catalog: 'pg_proc', name });
    for (const { oid } of known) findings.cascade({ kind: 'object', catalog: 'pg_proc', oid, part: 0 });
  } else if (!withoutDependents.has(kind)) findings.cascade({ kind: 'unseen' });
}

/** ALTER TABLE ... DROP COLUMN and DROP CONSTRAINT ... CASCADE, also of the tables that inherit it. */
export function noteAlterCascades(
  { relation: range, cmds, objtype }: AlterTableStmt,
  context: Context,
): void {
  for (const node of listOf(cmds)) {
    if (!('AlterTableCmd' in node) || node.AlterTableCmd.behavior !== 'DROP_CASCADE') continue;
    // ALTER TYPE ... CASCADE changes the tables that are made of the type.
    if (objtype === 'OBJECT_TYPE') {
      context.findings.cascade({ kind: 'unseen' });
      continue;
    }
    const relation = findRelation(context, range?.schemaname, range?.relname ?? '');
    if (relation === null) continue;
    for (const one of [relation, ...descendantsOf(relation)]) notePart(node.AlterTableCmd, one, context);
  }
}

function notePart({ subtype, name = '' }: AlterTableCmd, relation: Relation, { findings }: Context): void {
  switch (subtype) {
    case 'AT_DropColumn': {
      const part = relation.column(name)?.attributeNumber;
      if (part !== undefined)
        findings.cascade({ kind: 'object', catalog: 'pg_class', oid: relation.oid, part });
      return;
    }
    case 'AT_DropConstraint':
      return findings.cascade({ kind: 'constraint', relation: relation.oid, name });
    default:
      return findings.cascade({ kind: 'unseen' });
  }
}

/** DROP OWNED and REASSIGN OWNED. Who the current role is only the session knows. */
export function noteOwnedCascades(
  kind: 'owned' | 'reassigned',
  roles: readonly Node[] | undefined,
  { findings }: Context,
): void {
  for (const node of listOf(roles)) {
    const role = 'RoleSpec' in node ? node.RoleSpec.rolename : undefined;
    findings.cascade(role === undefined ? { kind: 'unseen' } : { kind, role });
  }
}
