/** Statements that make, change and drop what is in the catalog, and rights on it. */
import type {
  CreateStmt,
  CreateTableAsStmt,
  DropStmt,
  GrantStmt,
  IndexStmt,
  IntoClause,
  LockStmt,
  Node,
  RangeVar,
  RuleStmt,
  TruncateStmt,
  ViewStmt,
} from 'libpg-query';
import type { Verb } from './analysis.ts';
import { noteDropCascade } from './cascade-roots.ts';
import type { Relation } from './catalog.ts';
import { type Context, creationSchema, findRelation, unknownRelationName } from './context.ts';
import { evaluateParts } from './expressions.ts';
import { noteUnknownRelation, relationItem } from './from.ts';
import { dotted } from './names.ts';
import { itemsOf, listOf, strings } from './nodes.ts';
import { noteTruncateCascade, noteWrite } from './relation-effects.ts';
import { lockRelation } from './row-locks.ts';
import { noteRuleStatement } from './rule-actions.ts';
import { type Columns, emptyScope, type RangeItem, Scope } from './scope.ts';
import { executePrepared } from './session-statements.ts';
import type { Frame, Told } from './statement.ts';
import { typeOid } from './types.ts';
import { anything, mergeSources } from './value.ts';

/** `OBJECT_MATVIEW` -> `materialized view`. */
export function kindText(type: string | undefined): string {
  const words = (type ?? '').replace('OBJECT_', '').toLowerCase().replaceAll('_', ' ');
  return kindNames[words] ?? words;
}

const kindNames: Readonly<Record<string, string>> = {
  matview: 'materialized view',
  fdw: 'foreign data wrapper',
  'foreign server': 'server',
  'statistic ext': 'statistics',
  largeobject: 'large object',
  opclass: 'operator class',
  opfamily: 'operator family',
  tsconfiguration: 'text search configuration',
  tsdictionary: 'text search dictionary',
  tsparser: 'text search parser',
  tstemplate: 'text search template',
  tabconstraint: 'constraint',
  domconstraint: 'constraint',
  'parameter acl': 'parameter',
};

/** A name as it stands in an object node: a list of names, a type, a function with its arguments. */
export function objectName(node: Node | undefined): string {
  if (node === undefined) return '';
  if ('String' in node) return dotted(node.String.sval ?? '');
  if ('RangeVar' in node) return rangeName(node.RangeVar);
  if ('TypeName' in node) return dotted(...strings(node.TypeName.names));
  if ('ObjectWithArgs' in node) return dotted(...strings(node.ObjectWithArgs.objname));
  if ('RoleSpec' in node) return dotted(node.RoleSpec.rolename ?? node.RoleSpec.roletype ?? '');
  if ('List' in node) return itemsOf(node).map(objectName).join('.');
  return '';
}

const rangeName = ({ schemaname, relname }: RangeVar): string =>
  dotted(...[schemaname, relname].flatMap((part) => part ?? []));

/** An effect on an object that is no relation. */
export function noteObject(verb: Verb, kind: string, name: string, context: Context): void {
  context.findings.object(verb, kind, name === '' ? kind : `${kind} ${name}`);
}

/** An effect on a relation, or on something of it (`index orders_total`). */
export function noteRelation(
  verb: Verb,
  kind: string,
  range: RangeVar | undefined,
  context: Context,
  part = '',
): Relation | null {
  const relation = findRelation(context, range?.schemaname, range?.relname ?? '');
  const written = rangeName(range ?? {});
  if (relation !== null) {
    const resource = part === '' ? relation.text : `${kind} ${part} on ${relation.text}`;
    context.findings.define(verb, kind, resource, relation);
    // A partition's definition is its parent's affair too.
    for (const parent of relation.parents) context.findings.touch(parent);
    return relation;
  }
  context.findings.opaque('unknown-relation');
  context.findings.object(
    verb,
    kind,
    part === '' ? written : `${kind} ${part} on ${written}`,
    unknownRelationName(context, range?.schemaname, range?.relname ?? ''),
  );
  return null;
}

/** CREATE of a relation: its name as it will be. */
export function noteCreated(kind: string, range: RangeVar | undefined, context: Context): void {
  const { schemaname, relname, relpersistence } = range ?? {};
  const schema = schemaname ?? (relpersistence === 't' ? 'pg_temp' : creationSchema(context));
  const name = schema === null ? dotted(relname ?? '') : dotted(schema, relname ?? '');
  context.findings.object('create', kind, name, schema === null ? null : name);
  const replaced = schema === null ? undefined : context.catalog.relation(schema, relname ?? '');
  if (replaced !== undefined) context.findings.touch(replaced);
}

/**
 * Expressions and sub-queries in a definition. They may name the relation's columns and ones that are only being made; what they
 * take from others is stored or shown later, beyond the reach of this statement's masks.
 */
export function noteExpressions(part: unknown, range: RangeVar | null, context: Context): void {
  const relation = range === null ? null : findRelation(context, range.schemaname, range.relname ?? '');
  const items: RangeItem[] = [];
  if (relation !== null && range !== null) items.push(relationItem(relation, range, context));
  items.push({
    name: null,
    fields: [],
    open: anything,
    relation: null,
    aliased: true,
    rowType: typeOid.record,
    columnsVisible: true,
    nameVisible: false,
  });
  const values = evaluateParts(part, new Scope(null, items), context, 'declared');
  context.findings.condition(mergeSources(values));
}

/** What a query gives is kept: a table that is made of it has none of its masks. */
function noteStored({ fields, open }: Columns, context: Context): void {
  context.findings.condition(
    mergeSources([...fields.map((field) => field.value), ...(open === null ? [] : [open])]),
  );
}

export function noteInto(
  into: IntoClause | undefined,
  columns: Columns | undefined,
  kind: string,
  context: Context,
): void {
  noteCreated(kind, into?.rel, context);
  if (columns !== undefined) noteStored(columns, context);
}

export function createTableAs(statement: CreateTableAsStmt, frame: Frame): Told {
  const { context, scope } = frame;
  const kind = kindText(statement.objtype);
  const command = kind === 'table' ? 'CREATE TABLE AS' : 'CREATE MATERIALIZED VIEW';
  const { query, into } = statement;
  if (query !== undefined && 'ExecuteStmt' in query) {
    noteInto(into, undefined, kind, context);
    return { ...executePrepared(query.ExecuteStmt, frame, 'stored'), command };
  }
  const columns = query === undefined ? undefined : context.queries.query(query, scope, context);
  noteInto(into, columns, kind, context);
  return { command };
}

export function createView(statement: ViewStmt, { context }: Frame): Told {
  noteCreated('view', statement.view, context);
  // A view keeps its lineage: masks reach through it, so its output columns are not stored.
  if (statement.query !== undefined) context.queries.query(statement.query, emptyScope, context);
  return { command: 'CREATE VIEW' };
}

export function createTable(statement: CreateStmt, { context }: Frame, kind = 'table'): Told {
  noteCreated(kind, statement.relation, context);
  for (const parent of listOf(statement.inhRelations)) {
    // Its rows become the parent's.
    if ('RangeVar' in parent) noteRelation('alter', 'table', parent.RangeVar, context);
  }
  noteTableParts(
    [statement.tableElts, statement.constraints, statement.partbound, statement.partspec],
    null,
    context,
  );
  return { command: `CREATE ${kind.toUpperCase()}` };
}

/** Column definitions, constraints and what else stands in CREATE and ALTER TABLE. */
export function noteTableParts(parts: unknown, range: RangeVar | null, context: Context): void {
  noteExpressions(parts, range, context);
  for (const constraint of foreignKeysIn(parts)) {
    const referenced = findRelation(
      context,
      constraint.pktable?.schemaname,
      constraint.pktable?.relname ?? '',
    );
    if (referenced === null) continue;
    // Whether a row may be inserted then tells whether its key is there.
    context.findings.select(referenced);
    const names = strings(constraint.pk_attrs);
    const { fields } = context.queries.relationColumns(referenced, true, context);
    const keys = names.length === 0 ? fields : fields.filter((field) => names.includes(field.name));
    context.findings.condition(mergeSources(keys.map((field) => field.value)));
  }
}

interface ForeignKeyClause {
  readonly pktable?: RangeVar;
  readonly pk_attrs?: readonly Node[];
}

function foreignKeysIn(part: unknown): readonly ForeignKeyClause[] {
  if (typeof part !== 'object' || part === null) return [];
  if (Array.isArray(part)) return part.flatMap(foreignKeysIn);
  if ('Constraint' in part) {
    const { pktable, pk_attrs } = part.Constraint as { pktable?: RangeVar; pk_attrs?: Node[] }; // the node's body
    return pktable === undefined ? [] : [{ pktable, ...(pk_attrs === undefined ? {} : { pk_attrs }) }];
  }
  return Object.values(part).flatMap(foreignKeysIn);
}

export function createIndex(statement: IndexStmt, { context }: Frame): Told {
  noteRelation('create', 'index', statement.relation, context, dotted(statement.idxname ?? '…'));
  const { indexParams, whereClause } = statement;
  noteExpressions([indexParams, whereClause], statement.relation ?? null, context);
  return { command: 'CREATE INDEX' };
}

export function createRule(statement: RuleStmt, { context }: Frame): Told {
  noteRelation('create', 'rule', statement.relation, context, dotted(statement.rulename ?? ''));
  noteRuleStatement({ RuleStmt: statement }, context);
  return { command: 'CREATE RULE' };
}

const relationObjects = new Set(['table', 'view', 'materialized view', 'foreign table', 'sequence', 'index']);
/** What belongs to a relation: its name comes last, behind the relation's. */
const partsOfRelations = new Set(['trigger', 'rule', 'policy', 'constraint', 'column']);

/** An effect on objects as DROP, COMMENT, SECURITY LABEL and ALTER name them. */
export function noteNamed(verb: Verb, kind: string, node: Node, context: Context): void {
  const parts = 'List' in node ? strings(itemsOf(node)) : [];
  if (relationObjects.has(kind) && parts.length > 0) {
    noteRelation(verb, kind, rangeOf(parts), context);
  } else if (partsOfRelations.has(kind) && parts.length > 1) {
    noteRelation(verb, kind, rangeOf(parts.slice(0, -1)), context, dotted(parts.at(-1) ?? ''));
  } else {
    noteObject(verb, kind, objectName(node), context);
  }
}

/** inh: named without ONLY. */
export const rangeOf = (parts: readonly string[]): RangeVar => {
  const schemaname = parts.at(-2);
  const range: RangeVar = { relname: parts.at(-1) ?? '', inh: true };
  return schemaname === undefined ? range : { ...range, schemaname };
};

export function drop(statement: DropStmt, { context }: Frame): Told {
  const kind = kindText(statement.removeType);
  for (const node of listOf(statement.objects)) {
    noteNamed('drop', kind, node, context);
    noteDropCascade(kind, node, statement.behavior === 'DROP_CASCADE', context);
  }
  return { command: `DROP ${kind.toUpperCase()}` };
}

export function truncate(statement: TruncateStmt, { context }: Frame): Told {
  for (const node of listOf(statement.relations)) {
    if (!('RangeVar' in node)) continue;
    const relation = findRelation(context, node.RangeVar.schemaname, node.RangeVar.relname ?? '');
    if (relation === null) {
      noteUnknownRelation('truncate', node.RangeVar, context);
      continue;
    }
    noteWrite('truncate', relation, relation.columns, node.RangeVar.inh !== true, 'none', context);
    if (statement.behavior === 'DROP_CASCADE') noteTruncateCascade(relation, context);
  }
  return { command: 'TRUNCATE TABLE' };
}

export function grant(statement: GrantStmt, { context }: Frame): Told {
  const verb: Verb = statement.is_grant === true ? 'grant' : 'revoke';
  const kind = kindText(statement.objtype);
  for (const node of listOf(statement.objects)) {
    if (statement.targtype === 'ACL_TARGET_ALL_IN_SCHEMA') {
      noteObject(verb, kind, `all in schema ${objectName(node)}`, context);
    } else if ('RangeVar' in node) {
      noteRelation(verb, kind, node.RangeVar, context);
    } else noteObject(verb, kind, objectName(node), context);
  }
  if (statement.targtype === 'ACL_TARGET_DEFAULTS') noteObject(verb, kind, 'by default', context);
  return { command: verb.toUpperCase() };
}

export function lockTables(statement: LockStmt, { context }: Frame): Told {
  for (const node of listOf(statement.relations)) {
    if (!('RangeVar' in node)) continue;
    const relation = findRelation(context, node.RangeVar.schemaname, node.RangeVar.relname ?? '');
    if (relation === null) noteUnknownRelation('lock', node.RangeVar, context);
    else lockRelation(relation, context);
  }
  return { command: 'LOCK TABLE' };
}
