import type { KeyObject } from 'node:crypto';
import type { TransformName } from '../../../core/masking/transform-names.ts';
import { type Catalog, isSystemSchema } from '../sql/catalog.ts';
import { dropKeysSql, keysSchema, keysTableSql } from './keys-sql.ts';
import type { RingColumn, RingPlan, RingRelation } from './plan.ts';
import type { Login, RelationRights } from './rights.ts';
import { isOfRing } from './ring.ts';
import { identifier, literal, qualified } from './sql-text.ts';

export interface RingToInstall {
  readonly plan: RingPlan;
  /** Whether role and schema are there, from an earlier time. */
  readonly exists: boolean;
}

/** What the login may do, with which the ring's roles are given less. */
export interface InstallParts {
  readonly login: Login;
  readonly catalog: Catalog;
  readonly maskingKey: KeyObject;
  /** As PostgreSQL keeps it: the password itself is not sent. */
  readonly passwordVerifier: string;
}

/** How long the script waits for a statement that uses a ring: sessions wait behind it meanwhile. */
const lockTimeout = '10s';

/** One transaction, in which other rings stay as they are: after an error the target is as it was. Secret: it has the keys of pseudonyms and the verifier of the password. */
export function installSql(rings: readonly RingToInstall[], parts: InstallParts): string {
  return script(rings.flatMap((ring) => installRingSql(ring, parts)));
}

export function uninstallSql(
  roles: readonly string[],
  parts: Pick<InstallParts, 'login' | 'catalog'>,
): string {
  return script(roles.flatMap((role) => removeRingSql(role, parts)));
}

const script = (statements: readonly string[]): string =>
  [
    'BEGIN',
    "SET LOCAL search_path TO ''",
    'SET LOCAL standard_conforming_strings TO on',
    `SET LOCAL lock_timeout TO '${lockTimeout}'`,
    ...statements,
    'COMMIT',
  ]
    .map((statement) => `${statement};\n`)
    .join('');

function installRingSql({ plan, exists }: RingToInstall, parts: InstallParts): readonly string[] {
  const { login, catalog, maskingKey, passwordVerifier } = parts;
  const { ring } = plan;
  const role = identifier(ring.role);
  const owner = identifier(login.role);
  const comment = literal(ringComment(ring.target));
  return [
    ...(exists ? emptyRingSql(ring.role, parts) : []),
    // Roles are the server's, and schemas the database's: one may be left over without the other.
    doSql(
      `IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = ${literal(ring.role)}) THEN CREATE ROLE ${role}; END IF;`,
      // From PostgreSQL 16 on, who may not make databases may not even say so.
      `IF (SELECT rolcreatedb FROM pg_roles WHERE rolname = ${literal(ring.role)}) THEN ALTER ROLE ${role} NOCREATEDB; END IF;`,
    ),
    `ALTER ROLE ${role} LOGIN NOINHERIT NOCREATEROLE PASSWORD ${literal(passwordVerifier)}`,
    `COMMENT ON ROLE ${role} IS ${comment}`,
    `ALTER ROLE ${role} RESET ALL`,
    ...settingsSql(role, login.settings),
    `GRANT CONNECT ON DATABASE ${identifier(login.database)} TO ${role}`,
    `CREATE SCHEMA ${role} AUTHORIZATION ${owner}`,
    `COMMENT ON SCHEMA ${role} IS ${comment}`,
    `CREATE SCHEMA ${identifier(keysSchema(ring))} AUTHORIZATION ${owner}`,
    // The views read what the login may read, row security included, so it owns them.
    `SET LOCAL ROLE ${owner}`,
    ...keysTableSql(ring, hashedFields(plan), maskingKey),
    `GRANT USAGE ON SCHEMA ${role} TO ${role}`,
    ...plan.relations.flatMap((relation) => viewSql(relation, role, plan, login)),
    'RESET ROLE',
    ...schemasUsed(plan, catalog).map((schema) => `GRANT USAGE ON SCHEMA ${identifier(schema)} TO ${role}`),
    ...plan.relations.flatMap((relation) => ownRightsSql(relation, role, login)),
    ...sequencesSql(role, catalog, login),
    functionsSql(ring.role, login),
    ...assertionSql(plan),
  ];
}

const doSql = (...statements: readonly string[]): string =>
  `DO ${literal(`BEGIN ${statements.join(' ')} END`)}`;

/** By it `status` and `uninstall` know which rings are whose. */
export const ringComment = (target: string): string => `Sallyport's masking ring of target ${target}`;

function removeRingSql(name: string, parts: Pick<InstallParts, 'login' | 'catalog'>): readonly string[] {
  return [...emptyRingSql(name, parts), `DROP ROLE ${identifier(name)}`];
}

/** Takes away schema and rights. Nothing is dropped by CASCADE: what somebody has built on a view is theirs, and makes this fail. */
function emptyRingSql(
  name: string,
  { login, catalog }: Pick<InstallParts, 'login' | 'catalog'>,
): readonly string[] {
  const views = [...(catalog.rings.get(name)?.relations.keys() ?? [])].flatMap(
    (oid) => catalog.relationsByOid.get(oid) ?? [],
  );
  const role = identifier(name);
  return [
    ...views.map((view) => `DROP VIEW ${qualified(view.schema, view.name)}`),
    `DROP SCHEMA ${role}`,
    ...dropKeysSql({ role: name }),
    // From PostgreSQL 16 on, whoever may make roles is not of them by that.
    doSql(
      `IF NOT pg_has_role(CURRENT_USER, ${literal(name)}, 'USAGE') THEN GRANT ${role} TO CURRENT_USER; END IF;`,
    ),
    // What the role has made itself, where everybody may make something, is kept.
    `REASSIGN OWNED BY ${role} TO ${identifier(login.role)}`,
    `DROP OWNED BY ${role}`,
  ];
}

/** These name the role's rights or paths, or are lists that have a quoting of their own. */
const notCopied =
  /^(search_path|role|session_authorization|temp_tablespaces|\w+_preload_libraries|unix_socket_directories)$/i;

/** `statement_timeout` and the like protect the target from its login, and so from the ring's role. */
const settingsSql = (role: string, settings: readonly string[]): readonly string[] =>
  settings.flatMap((setting) => {
    const [, name = '', value = ''] = /^([a-z_][\w.]*)=(.*)$/is.exec(setting) ?? [];
    if (name === '' || notCopied.test(name)) return [];
    return [`ALTER ROLE ${role} SET ${name.split('.').map(identifier).join('.')} TO ${literal(value)}`];
  });

const isKeyed = (transform: TransformName): boolean => transform === 'hash' || transform === 'pseudonym';

function hashedFields({ relations }: RingPlan): readonly string[] {
  const fields = relations.flatMap(({ columns }) =>
    columns.flatMap(({ origin }) =>
      origin.kind === 'masked' && isKeyed(origin.transform) ? [origin.field] : [],
    ),
  );
  return [...new Set(fields)];
}

const isClear = ({ origin }: RingColumn): boolean => origin.kind === 'clear';

function viewSql(
  { relation, columns, view }: RingRelation,
  role: string,
  { ring }: RingPlan,
  login: Login,
): readonly string[] {
  if (view === null) return [];
  const name = qualified(ring.role, relation.name);
  const rights = login.rights.get(relation.oid);
  // A view's expression cannot be written; columns as they are can, where the view is simple enough for the server.
  const writable = columns.filter(isClear);
  const definition = `encode(sha256(convert_to(pg_get_viewdef(${literal(name)}::regclass), 'UTF8')), 'hex')`;
  const comment = `quote_literal(${literal(`${view.digest} `)} || ${definition})`;
  const body = `BEGIN EXECUTE ${literal(`COMMENT ON VIEW ${name} IS `)} || ${comment}; END`;
  return [
    `CREATE ${view.sql}`,
    `DO ${literal(body)}`,
    `GRANT SELECT ON ${name} TO ${role}`,
    ...grants(
      'INSERT',
      name,
      role,
      writable,
      writable.filter((one) => rights?.insert.has(one.attributeNumber)),
    ),
    ...grants(
      'UPDATE',
      name,
      role,
      writable,
      writable.filter((one) => rights?.update.has(one.attributeNumber)),
    ),
    ...(rights?.delete === true ? [`GRANT DELETE ON ${name} TO ${role}`] : []),
  ];
}

/** On the relation itself: columns that no mask is on can be read by the table's full name, and what the policy lets write can be written. */
function ownRightsSql(
  { relation, columns, ownRights }: RingRelation,
  role: string,
  login: Login,
): readonly string[] {
  const rights = login.rights.get(relation.oid);
  if (!ownRights || rights === undefined) return [];
  const name = qualified(relation.schema, relation.name);
  const may = (right: ReadonlySet<number>): readonly RingColumn[] =>
    columns.filter(({ attributeNumber }) => right.has(attributeNumber));
  return [
    ...grants('SELECT', name, role, columns, may(rights.select).filter(isClear)),
    ...grants('INSERT', name, role, columns, may(rights.insert)),
    ...grants('UPDATE', name, role, columns, may(rights.update)),
    ...(rights.delete ? [`GRANT DELETE ON ${name} TO ${role}`] : []),
  ];
}

/** A right on all columns is one on the table, as a later column and `count(*)` need it. */
function grants(
  right: 'SELECT' | 'INSERT' | 'UPDATE',
  name: string,
  role: string,
  all: readonly RingColumn[],
  columns: readonly RingColumn[],
): readonly string[] {
  if (columns.length === 0) return [];
  const list =
    columns.length === all.length ? '' : ` (${columns.map((column) => identifier(column.name)).join(', ')})`;
  return [`GRANT ${right}${list} ON ${name} TO ${role}`];
}

/** Those that the login may use: without them no name in them can be said, and a path would lead elsewhere. */
const schemasUsed = ({ relations, path }: RingPlan, catalog: Catalog): readonly string[] => {
  const functions = [...catalog.functionsByOid.values()].map(({ schema }) => schema);
  const wanted = new Set([...relations.map(({ relation }) => relation.schema), ...functions, ...path]);
  return [...catalog.schemas].flatMap(([name, { usable }]) =>
    usable && wanted.has(name) && !isSystemSchema(name) && !isOfRing(name) ? [name] : [],
  );
};

/** For defaults of serial columns; what a sequence has come to is not read by it. */
const sequencesSql = (role: string, catalog: Catalog, { rights }: Login): readonly string[] =>
  [...catalog.relations()].flatMap((relation) => {
    const may: RelationRights | undefined = rights.get(relation.oid);
    if (relation.kind !== 'sequence' || may?.usage !== true) return [];
    return [`GRANT USAGE ON SEQUENCE ${qualified(relation.schema, relation.name)} TO ${role}`];
  });

/**
 * What the login may call, and not everybody. Such functions run with the caller's rights, so they see what the role sees: of a table by its
 * full name no masked column. Others stay away: with their owner's rights, or in a language that can do more than SQL, they see all.
 */
function functionsSql(ring: string, { role: login }: Login): string {
  const may = (who: string): string => `has_function_privilege(${literal(who)}, p.oid, 'EXECUTE')`;
  const grant = `EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO %I', one.oid::regprocedure, ${literal(ring)});`;
  const body = `DECLARE one record;
BEGIN
  FOR one IN SELECT p.oid FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
      JOIN pg_language l ON l.oid = p.prolang AND l.lanname IN ('sql', 'plpgsql')
    WHERE NOT p.prosecdef AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
      AND ${may(login)} AND NOT ${may(ring)}
  LOOP
    BEGIN
      ${grant}
    EXCEPTION WHEN insufficient_privilege THEN
      RAISE NOTICE 'function % stays closed to the ring: who installs may not grant it', one.oid::regprocedure;
    END;
  END LOOP;
END`;
  return `DO ${literal(body)}`;
}

/** Fails where the role could read a masked column all the same, by what PUBLIC was granted. */
function assertionSql({ ring, relations }: RingPlan): readonly string[] {
  const masked = relations.flatMap(({ relation, columns }) =>
    columns
      .filter((column) => !isClear(column))
      .map(({ name }) => `(${literal(qualified(relation.schema, relation.name))}, ${literal(name)})`),
  );
  if (masked.length === 0) return [];
  const body = `DECLARE readable text;
BEGIN
  SELECT string_agg(c.relation || '.' || c.name, ', ') INTO readable FROM (VALUES
    ${masked.join(',\n    ')}
  ) AS c (relation, name) WHERE has_column_privilege(${literal(ring.role)}, c.relation, c.name, 'SELECT');
  IF readable IS NOT NULL THEN
    RAISE EXCEPTION 'the role of the masking ring could read %', readable
      USING HINT = 'PUBLIC may read it. REVOKE that, and grant it to those who need it.';
  END IF;
END`;
  return [`DO ${literal(body)}`];
}
