/** Every statement of PostgreSQL's grammar -> what it does. A kind that stands here as `null` never comes from a client. */
import type { Node } from 'libpg-query';
import type { StatementFacts, Verb } from './analysis.ts';
import { knownType, noteType } from './calls.ts';
import { noteAlterCascades, noteOwnedCascades } from './cascade-roots.ts';
import type { Context } from './context.ts';
import { copy } from './copy.ts';
import {
  createIndex,
  createRule,
  createTable,
  createTableAs,
  createView,
  drop,
  grant,
  kindText,
  lockTables,
  noteCreated,
  noteExpressions,
  noteInto,
  noteNamed,
  noteObject,
  noteRelation,
  noteTableParts,
  objectName,
  truncate,
} from './definitions.ts';
import { noteEventTriggers } from './event-triggers.ts';
import { expose, exposeMoved, exposeRenamed } from './exposed.ts';
import { Findings } from './findings.ts';
import { noteBody, noteCalledBodies } from './function-bodies.ts';
import { cluster, noteRewrite, refreshView, reindex, vacuum } from './maintenance.ts';
import { missingName } from './missing-names.ts';
import { dotted } from './names.ts';
import { kindOf, listOf, type NodeBody, type StatementKind, strings } from './nodes.ts';
import { inheritingFrom } from './relatives.ts';
import { type Columns, emptyScope, type Scope } from './scope.ts';
import {
  call,
  closeCursor,
  deallocate,
  declareCursor,
  discard,
  executePrepared,
  explain,
  fetch,
  prepare,
  runCode,
  setVariable,
  showVariable,
  transaction,
} from './session-statements.ts';
import { type Frame, noteDerived, outputsOf, type Told } from './statement.ts';
import { anyType } from './types.ts';

type Handler<Kind extends StatementKind> = (body: NodeBody<Kind>, frame: Frame) => Told;
type Handlers = { readonly [Kind in StatementKind]: Handler<Kind> | null };

/** A definition that says nothing but which object it is about. */
const define =
  <Body>(verb: Verb, kind: string, command: string, name: (body: Body) => string) =>
  (body: Body, { context }: Frame): Told => {
    noteObject(verb, kind, name(body), context);
    return { command };
  };

const nameOf = (nodes: readonly Node[] | undefined): string => dotted(...strings(nodes));
const namesOf = (nodes: readonly Node[] | undefined): string => listOf(nodes).map(objectName).join(', ');
const role = (spec: NodeBody<'RoleSpec'> | undefined): string => objectName({ RoleSpec: spec ?? {} });

const query =
  (command: string) =>
  (node: Node, { context, scope }: Frame): Told => ({
    command,
    columns: context.queries.query(node, scope, context),
  });

export const handlers: Handlers = {
  SelectStmt: (body, frame) => {
    const { context, scope } = frame;
    const columns = context.queries.query({ SelectStmt: body }, scope, context);
    // SELECT INTO stands in the leftmost part of a UNION.
    let leftmost = body;
    while (leftmost.larg !== undefined) leftmost = leftmost.larg;
    if (leftmost.intoClause === undefined) return { command: 'SELECT', columns };
    noteInto(leftmost.intoClause, columns, 'table', context);
    return { command: 'SELECT INTO' };
  },
  InsertStmt: (body, frame) => query('INSERT')({ InsertStmt: body }, frame),
  UpdateStmt: (body, frame) => query('UPDATE')({ UpdateStmt: body }, frame),
  DeleteStmt: (body, frame) => query('DELETE')({ DeleteStmt: body }, frame),
  MergeStmt: (body, frame) => query('MERGE')({ MergeStmt: body }, frame),
  CopyStmt: copy,
  CallStmt: call,
  DoStmt: runCode,

  ExplainStmt: explain,
  PrepareStmt: prepare,
  ExecuteStmt: (body, frame) => executePrepared(body, frame, 'returned'),
  DeallocateStmt: deallocate,
  DeclareCursorStmt: declareCursor,
  FetchStmt: fetch,
  ClosePortalStmt: closeCursor,
  TransactionStmt: transaction,
  VariableSetStmt: setVariable,
  VariableShowStmt: showVariable,
  DiscardStmt: discard,
  ConstraintsSetStmt: (_, { context }) => {
    context.findings.set('constraints');
    return { command: 'SET CONSTRAINTS' };
  },
  ListenStmt: (body, { context }) => {
    context.findings.object('listen', null, dotted(body.conditionname ?? ''));
    return { command: 'LISTEN' };
  },
  // It only ends what LISTEN began.
  UnlistenStmt: () => ({ command: 'UNLISTEN' }),
  NotifyStmt: (body, { context }) => {
    context.findings.object('notify', null, dotted(body.conditionname ?? ''));
    return { command: 'NOTIFY' };
  },

  CreateStmt: createTable,
  CreateForeignTableStmt: (body, frame) => {
    noteObject('create', 'foreign table', `on server ${body.servername ?? ''}`, frame.context);
    return createTable(body.base ?? {}, frame, 'foreign table');
  },
  CreateTableAsStmt: createTableAs,
  ViewStmt: createView,
  IndexStmt: createIndex,
  RuleStmt: createRule,
  AlterTableStmt: (body, { context }) => {
    const kind = kindText(body.objtype);
    const relation = noteRelation('alter', kind, body.relation, context);
    if (relation !== null && body.relation?.inh === true) {
      for (const heir of inheritingFrom(relation)) context.findings.define('alter', kind, heir.text, heir);
    }
    for (const node of listOf(body.cmds)) {
      if (!('AlterTableCmd' in node)) continue;
      // ATTACH PARTITION, INHERIT: the other table becomes part of this one, or stops being it.
      const { def } = node.AlterTableCmd;
      noteRewrite(node.AlterTableCmd, body.relation, context);
      if (def !== undefined && 'PartitionCmd' in def)
        noteRelation('alter', kind, def.PartitionCmd.name, context);
      if (def !== undefined && 'RangeVar' in def) noteRelation('alter', kind, def.RangeVar, context);
    }
    noteAlterCascades(body, context);
    exposeMoved(body, context);
    noteTableParts(body.cmds, body.relation ?? null, context);
    return { command: `ALTER ${kind.toUpperCase()}` };
  },
  DropStmt: drop,
  TruncateStmt: truncate,
  CommentStmt: (body, { context }) => {
    if (body.object !== undefined) noteNamed('comment', kindText(body.objtype), body.object, context);
    return { command: 'COMMENT' };
  },
  SecLabelStmt: (body, { context }) => {
    if (body.object !== undefined) noteNamed('alter', kindText(body.objtype), body.object, context);
    return { command: 'SECURITY LABEL' };
  },
  RenameStmt: (body, { context }) => {
    const { command } = alterNamed(body.renameType, body.relation, body.object, body.subname, context);
    exposeRenamed(body, context);
    const whole = renamedWhole(body);
    return { command: whole === null ? command : `ALTER ${kindText(whole).toUpperCase()}` };
  },
  AlterObjectSchemaStmt: (body, { context }) => {
    const told = alterNamed(body.objectType, body.relation, body.object, undefined, context);
    expose(body.relation, context);
    return told;
  },
  AlterOwnerStmt: (body, { context }) =>
    alterNamed(body.objectType, body.relation, body.object, undefined, context),
  AlterObjectDependsStmt: (body, { context }) =>
    alterNamed(body.objectType, body.relation, body.object, undefined, context),

  CreateTrigStmt: (body, { context }) => {
    noteRelation('create', 'trigger', body.relation, context, dotted(body.trigname ?? ''));
    // Its function is given whole rows.
    expose(body.relation, context);
    noteExpressions(body.whenClause, body.relation ?? null, context);
    return { command: 'CREATE TRIGGER' };
  },
  CreatePolicyStmt: (body, { context }) => {
    noteRelation('create', 'policy', body.table, context, dotted(body.policy_name ?? ''));
    noteExpressions([body.qual, body.with_check], body.table ?? null, context);
    return { command: 'CREATE POLICY' };
  },
  AlterPolicyStmt: (body, { context }) => {
    noteRelation('alter', 'policy', body.table, context, dotted(body.policy_name ?? ''));
    noteExpressions([body.qual, body.with_check], body.table ?? null, context);
    return { command: 'ALTER POLICY' };
  },
  CreateSeqStmt: (body, { context }) => {
    noteCreated('sequence', body.sequence, context);
    return { command: 'CREATE SEQUENCE' };
  },
  AlterSeqStmt: (body, { context }) => {
    noteRelation('alter', 'sequence', body.sequence, context);
    return { command: 'ALTER SEQUENCE' };
  },
  CreateStatsStmt: (body, { context }) => {
    for (const node of listOf(body.relations)) {
      if (!('RangeVar' in node)) continue;
      noteRelation('create', 'statistics', node.RangeVar, context, nameOf(body.defnames));
      noteExpressions(body.exprs, node.RangeVar, context);
    }
    return { command: 'CREATE STATISTICS' };
  },
  AlterStatsStmt: define('alter', 'statistics', 'ALTER STATISTICS', (body) => nameOf(body.defnames)),

  CreateFunctionStmt: (body, { context }) => {
    const kind = body.is_procedure === true ? 'procedure' : 'function';
    noteObject('create', kind, nameOf(body.funcname), context);
    // Whatever the language: what the body does shows only when it runs.
    context.findings.opaque('procedural-code');
    noteBody(body, context);
    return { command: `CREATE ${kind.toUpperCase()}` };
  },
  AlterFunctionStmt: (body, { context }) => {
    const kind = kindText(body.objtype);
    noteObject('alter', kind, nameOf(body.func?.objname), context);
    return { command: `ALTER ${kind.toUpperCase()}` };
  },
  DefineStmt: (body, { context }) => {
    const kind = kindText(body.kind);
    noteObject('create', kind, nameOf(body.defnames), context);
    return { command: `CREATE ${kind.toUpperCase()}` };
  },
  CreateDomainStmt: (body, { context }) => {
    noteObject('create', 'domain', nameOf(body.domainname), context);
    noteExpressions(body.constraints, null, context);
    return { command: 'CREATE DOMAIN' };
  },
  AlterDomainStmt: (body, { context }) => {
    noteObject('alter', 'domain', nameOf(body.typeName), context);
    // Values that are there are checked anew.
    noteType(context, knownType(context, { names: [...listOf(body.typeName)] }) ?? anyType);
    noteExpressions(body.def, null, context);
    return { command: 'ALTER DOMAIN' };
  },
  CompositeTypeStmt: (body, { context }) => {
    noteObject('create', 'type', objectName({ RangeVar: body.typevar ?? {} }), context);
    return { command: 'CREATE TYPE' };
  },
  CreateEnumStmt: define('create', 'type', 'CREATE TYPE', (body) => nameOf(body.typeName)),
  CreateRangeStmt: define('create', 'type', 'CREATE TYPE', (body) => nameOf(body.typeName)),
  AlterEnumStmt: define('alter', 'type', 'ALTER TYPE', (body) => nameOf(body.typeName)),
  AlterTypeStmt: define('alter', 'type', 'ALTER TYPE', (body) => nameOf(body.typeName)),
  AlterOperatorStmt: define('alter', 'operator', 'ALTER OPERATOR', (body) => nameOf(body.opername?.objname)),
  CreateOpClassStmt: define('create', 'operator class', 'CREATE OPERATOR CLASS', (body) =>
    nameOf(body.opclassname),
  ),
  CreateOpFamilyStmt: define('create', 'operator family', 'CREATE OPERATOR FAMILY', (body) =>
    nameOf(body.opfamilyname),
  ),
  AlterOpFamilyStmt: define('alter', 'operator family', 'ALTER OPERATOR FAMILY', (body) =>
    nameOf(body.opfamilyname),
  ),
  AlterCollationStmt: define('alter', 'collation', 'ALTER COLLATION', (body) => nameOf(body.collname)),
  CreateConversionStmt: define('create', 'conversion', 'CREATE CONVERSION', (body) =>
    nameOf(body.conversion_name),
  ),
  CreateCastStmt: define('create', 'cast', 'CREATE CAST', (body) =>
    [body.sourcetype, body.targettype].map((type) => nameOf(type?.names)).join(' to '),
  ),
  CreateTransformStmt: define('create', 'transform', 'CREATE TRANSFORM', (body) =>
    nameOf(body.type_name?.names),
  ),
  AlterTSDictionaryStmt: define('alter', 'text search dictionary', 'ALTER TEXT SEARCH DICTIONARY', (body) =>
    nameOf(body.dictname),
  ),
  AlterTSConfigurationStmt: define(
    'alter',
    'text search configuration',
    'ALTER TEXT SEARCH CONFIGURATION',
    (body) => nameOf(body.cfgname),
  ),

  CreateSchemaStmt: (body, frame) => {
    const { context } = frame;
    const name = body.schemaname ?? body.authrole?.rolename ?? '';
    noteObject('create', 'schema', dotted(name), context);
    // What is made along with it is made in it.
    const paths = context.paths.map((path) => [name, ...path]);
    const inside = { ...context, paths, pathKey: JSON.stringify(paths) };
    for (const node of listOf(body.schemaElts)) handle(node, { ...frame, context: inside });
    return { command: 'CREATE SCHEMA' };
  },
  CreateExtensionStmt: define('create', 'extension', 'CREATE EXTENSION', (body) => body.extname ?? ''),
  AlterExtensionStmt: define('alter', 'extension', 'ALTER EXTENSION', (body) => body.extname ?? ''),
  AlterExtensionContentsStmt: (body, { context }) => {
    noteObject('alter', 'extension', body.extname ?? '', context);
    if (body.object !== undefined) noteNamed('alter', kindText(body.objtype), body.object, context);
    return { command: 'ALTER EXTENSION' };
  },
  CreateFdwStmt: define(
    'create',
    'foreign data wrapper',
    'CREATE FOREIGN DATA WRAPPER',
    (body) => body.fdwname ?? '',
  ),
  AlterFdwStmt: define(
    'alter',
    'foreign data wrapper',
    'ALTER FOREIGN DATA WRAPPER',
    (body) => body.fdwname ?? '',
  ),
  CreateForeignServerStmt: define('create', 'server', 'CREATE SERVER', (body) => body.servername ?? ''),
  AlterForeignServerStmt: define('alter', 'server', 'ALTER SERVER', (body) => body.servername ?? ''),
  CreateUserMappingStmt: define(
    'create',
    'user mapping',
    'CREATE USER MAPPING',
    (body) => body.servername ?? '',
  ),
  AlterUserMappingStmt: define(
    'alter',
    'user mapping',
    'ALTER USER MAPPING',
    (body) => body.servername ?? '',
  ),
  DropUserMappingStmt: define('drop', 'user mapping', 'DROP USER MAPPING', (body) => body.servername ?? ''),
  ImportForeignSchemaStmt: define('create', 'foreign table', 'IMPORT FOREIGN SCHEMA', (body) =>
    dotted(body.local_schema ?? '', '…'),
  ),
  CreateAmStmt: define('create', 'access method', 'CREATE ACCESS METHOD', (body) => body.amname ?? ''),
  CreateEventTrigStmt: define(
    'create',
    'event trigger',
    'CREATE EVENT TRIGGER',
    (body) => body.trigname ?? '',
  ),
  AlterEventTrigStmt: define('alter', 'event trigger', 'ALTER EVENT TRIGGER', (body) => body.trigname ?? ''),
  CreatePLangStmt: define('create', 'language', 'CREATE LANGUAGE', (body) => body.plname ?? ''),

  CreateRoleStmt: define('create', 'role', 'CREATE ROLE', (body) => body.role ?? ''),
  AlterRoleStmt: define('alter', 'role', 'ALTER ROLE', (body) => role(body.role)),
  AlterRoleSetStmt: define('alter', 'role', 'ALTER ROLE', (body) => role(body.role)),
  DropRoleStmt: define('drop', 'role', 'DROP ROLE', (body) => namesOf(body.roles)),
  GrantStmt: grant,
  GrantRoleStmt: (body, { context }) => {
    const verb: Verb = body.is_grant === true ? 'grant' : 'revoke';
    const roles = listOf(body.granted_roles).map((node) =>
      'AccessPriv' in node ? dotted(node.AccessPriv.priv_name ?? '') : objectName(node),
    );
    for (const name of roles) noteObject(verb, 'role', name, context);
    return { command: `${verb.toUpperCase()} ROLE` };
  },
  AlterDefaultPrivilegesStmt: (body, frame) => {
    if (body.action !== undefined) grant(body.action, frame);
    return { command: 'ALTER DEFAULT PRIVILEGES' };
  },
  DropOwnedStmt: (body, { context }) => {
    noteObject('drop', 'all objects', `owned by ${namesOf(body.roles)}`, context);
    noteOwnedCascades('owned', body.roles, context);
    return { command: 'DROP OWNED' };
  },
  ReassignOwnedStmt: (body, { context }) => {
    noteObject('alter', 'all objects', `owned by ${namesOf(body.roles)}`, context);
    noteOwnedCascades('reassigned', body.roles, context);
    return { command: 'REASSIGN OWNED' };
  },

  CreatedbStmt: define('create', 'database', 'CREATE DATABASE', (body) => body.dbname ?? ''),
  AlterDatabaseStmt: define('alter', 'database', 'ALTER DATABASE', (body) => body.dbname ?? ''),
  AlterDatabaseSetStmt: define('alter', 'database', 'ALTER DATABASE', (body) => body.dbname ?? ''),
  AlterDatabaseRefreshCollStmt: define('alter', 'database', 'ALTER DATABASE', (body) => body.dbname ?? ''),
  DropdbStmt: define('drop', 'database', 'DROP DATABASE', (body) => body.dbname ?? ''),
  CreateTableSpaceStmt: define(
    'create',
    'tablespace',
    'CREATE TABLESPACE',
    (body) => body.tablespacename ?? '',
  ),
  AlterTableSpaceOptionsStmt: define(
    'alter',
    'tablespace',
    'ALTER TABLESPACE',
    (body) => body.tablespacename ?? '',
  ),
  DropTableSpaceStmt: define('drop', 'tablespace', 'DROP TABLESPACE', (body) => body.tablespacename ?? ''),
  AlterTableMoveAllStmt: (body, { context }) => {
    const kind = kindText(body.objtype);
    noteObject('alter', kind, `all in tablespace ${dotted(body.orig_tablespacename ?? '')}`, context);
    return { command: `ALTER ${kind.toUpperCase()}` };
  },
  AlterSystemStmt: define(
    'alter',
    'server configuration',
    'ALTER SYSTEM',
    (body) => body.setstmt?.name ?? 'all',
  ),

  LoadStmt: (body, { context }) => {
    context.findings.object('load', null, body.filename ?? '');
    return { command: 'LOAD' };
  },
  LockStmt: lockTables,
  CheckPointStmt: define('maintain', 'server', 'CHECKPOINT', () => ''),
  VacuumStmt: vacuum,
  ClusterStmt: cluster,
  ReindexStmt: reindex,
  RefreshMatViewStmt: (body, frame) => refreshView(body.relation, frame),

  CreatePublicationStmt: (body, { context }) => {
    noteObject('replicate', 'publication', body.pubname ?? '', context);
    notePublished(body.pubobjects, context);
    return { command: 'CREATE PUBLICATION' };
  },
  AlterPublicationStmt: (body, { context }) => {
    noteObject('replicate', 'publication', body.pubname ?? '', context);
    notePublished(body.pubobjects, context);
    return { command: 'ALTER PUBLICATION' };
  },
  CreateSubscriptionStmt: define(
    'replicate',
    'subscription',
    'CREATE SUBSCRIPTION',
    (body) => body.subname ?? '',
  ),
  AlterSubscriptionStmt: define(
    'replicate',
    'subscription',
    'ALTER SUBSCRIPTION',
    (body) => body.subname ?? '',
  ),
  DropSubscriptionStmt: define(
    'replicate',
    'subscription',
    'DROP SUBSCRIPTION',
    (body) => body.subname ?? '',
  ),

  // Parts of other statements, and of function bodies, which are opaque as a whole.
  SetOperationStmt: null,
  ReturnStmt: null,
  PLAssignStmt: null,
  RawStmt: null,
  ReplicaIdentityStmt: null,
};

function alterNamed(
  type: string | undefined,
  range: NodeBody<'RangeVar'> | undefined,
  object: Node | undefined,
  part: string | undefined,
  context: Context,
): Told {
  const kind = kindText(type);
  if (range !== undefined) {
    noteRelation('alter', kind, range, context, part === undefined || part === '' ? '' : dotted(part));
  } else if (object !== undefined) noteNamed('alter', kind, object, context);
  else noteObject('alter', kind, part ?? '', context);
  return { command: `ALTER ${kind.toUpperCase()}` };
}

/** What a part is renamed of, by which PostgreSQL calls the command; null for what is renamed itself. */
function renamedWhole({ renameType, relationType }: NodeBody<'RenameStmt'>): string | null {
  switch (renameType) {
    case 'OBJECT_COLUMN':
      return relationType ?? null;
    case 'OBJECT_TABCONSTRAINT':
      return 'OBJECT_TABLE';
    case 'OBJECT_DOMCONSTRAINT':
      return 'OBJECT_DOMAIN';
    case 'OBJECT_ATTRIBUTE':
      return 'OBJECT_TYPE';
    default:
      return null;
  }
}

function notePublished(nodes: readonly Node[] | undefined, context: Context): void {
  for (const node of listOf(nodes)) {
    const table = 'PublicationObjSpec' in node ? node.PublicationObjSpec.pubtable : undefined;
    if (table === undefined) continue;
    noteRelation('replicate', 'table', table.relation, context);
    expose(table.relation, context);
    noteExpressions(table.whereClause, table.relation ?? null, context);
  }
}

const isStatement = (kind: string): kind is StatementKind => Object.hasOwn(handlers, kind);

function handle(node: Node, frame: Frame): Told {
  const kind = kindOf(node);
  const handler = kind !== null && isStatement(kind) ? handlers[kind] : null;
  if (handler === null || kind === null) {
    frame.context.findings.opaque('unknown-statement');
    return { command: kind ?? 'unknown' };
  }
  // The table's type says that the handler of a kind takes that kind's body; TypeScript cannot follow it through `kind`.
  const run = handler as (body: unknown, frame: Frame) => Told;
  return run((node as Readonly<Record<string, unknown>>)[kind], frame);
}

/** A statement of a function's body, as a part of whatever runs it. */
export function bodyStatement(node: Node, scope: Scope, context: Context): Columns {
  if ('PrepareStmt' in node || 'DeclareCursorStmt' in node) {
    const { query } = 'PrepareStmt' in node ? node.PrepareStmt : node.DeclareCursorStmt;
    // A body does not know what its session's names stand for, nor does whoever reads it.
    context.findings.opaque('unknown-name');
    return query === undefined ? noColumns : bodyStatement(query, scope, context);
  }
  const frame: Frame = {
    context,
    scope,
    text: '',
    inner: (innerNode, innerText) => statementFacts(innerNode, innerText, context),
    part: (partNode) => handle(partNode, frame),
  };
  const { command, nameChange, nameUse, columns } = handle(node, frame);
  noteEventTriggers(command, context);
  if (nameChange !== undefined || nameUse !== undefined) context.findings.opaque('unknown-name');
  return columns ?? noColumns;
}

const noColumns: Columns = { fields: [], open: null };

/** What one statement does; `context` without findings, since each statement has its own. */
export function statementFacts(node: Node, text: string, base: Omit<Context, 'findings'>): StatementFacts {
  const findings = new Findings();
  const context: Context = { ...base, findings };
  const frame: Frame = {
    context,
    scope: emptyScope,
    text,
    inner: (innerNode, innerText) => statementFacts(innerNode, innerText, base),
    part: (partNode) => handle(partNode, frame),
  };
  const told = handle(node, frame);
  noteEventTriggers(told.command, context);
  noteCalledBodies(context);
  const body = told.nameChange?.kind === 'declare' ? told.nameChange.body : null;
  const opaque = body?.opaque ?? findings.opaqueReasons();
  // What is not understood may return anything.
  const outputs = opaque.length > 0 ? null : outputsOf(told.columns);
  noteDerived(outputs, told.columns, findings);
  const effects = body?.effects ?? findings.effects(context.catalog.descendants);
  return {
    text,
    effects,
    opaque,
    missing: missingName(opaque, effects, context),
    versions: body?.versions ?? findings.versions(),
    through: body?.through ?? findings.through(),
    consequences: body?.consequences ?? findings.consequences(),
    cascades: findings.cascades(),
    plansWithCode: body?.plansWithCode ?? findings.plansWithCode,
    outputs,
    touched: body?.touched ?? findings.touched(),
    nameChange: told.nameChange ?? null,
    nameUse: told.nameUse ?? null,
    copyIn: told.copyIn ?? false,
    copyOut: told.copyOut ?? null,
    transaction: told.transaction ?? null,
    setsMeaning: findings.setsMeaning,
    emptiesSearchPath: findings.emptiesSearchPath,
    otherSchemas: findings.otherSchemas,
    command: told.command,
  };
}
