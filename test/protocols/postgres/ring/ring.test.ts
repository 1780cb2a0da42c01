import { createSecretKey } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type pg from 'pg';
import type { Mask } from '../../../../services/core/model/decision.ts';
import { targetName } from '../../../../services/core/model/ids.ts';
import { createMaskInstaller } from '../../../../services/protocols/postgres/ring/installer.ts';
import type { PostgresTarget } from '../../../../services/protocols/postgres/target.ts';
import { type PostgresServer, startPostgres } from '../../../servers/postgres.ts';
import { mask, obligations } from '../mask/fixtures.ts';
import { connectAs, install, installerOf, ringTarget, roleOf } from './installed.ts';

const shop = `
CREATE ROLE gateway LOGIN;
ALTER ROLE gateway SET statement_timeout = '45s';
CREATE SCHEMA app AUTHORIZATION gateway;
SET ROLE gateway;
CREATE TABLE app.users (id int PRIMARY KEY, name text NOT NULL, email text, card varchar(20), salary numeric);
INSERT INTO app.users VALUES (1, 'Ada', 'ada@example.com', '4111111111111111', 81000), (2, 'Bo', NULL, NULL, 67500);
CREATE TABLE app.orders (id serial PRIMARY KEY, user_id int REFERENCES app.users, item text);
INSERT INTO app.orders (user_id, item) SELECT 1 + n % 2, 'item ' || n FROM generate_series(1, 10) n;
CREATE VIEW app.contacts AS SELECT id, email, upper(email) AS loud FROM app.users;
RESET ROLE;
`;
const masks = [
  mask(['app.users.email'], 'email'),
  mask(['app.users.card'], 'last4'),
  mask(['app.users.salary'], 'full'),
];

let server: PostgresServer;
let admin: pg.Client;
let databases = 0;
const clients: pg.Client[] = [];

beforeAll(async () => {
  server = await startPostgres({
    hba: ['host all postgres,gateway,dba 127.0.0.1/32 trust', 'host all all 127.0.0.1/32 scram-sha-256'],
  });
  admin = await server.connect();
  await admin.query('CREATE DATABASE shop');
  const first = await server.connect('shop');
  await first.query(shop);
  await first.end();
});

afterAll(async () => {
  await Promise.all([admin, ...clients].map((client) => client.end()));
  await server.stop();
});

/** A copy of the shop, with the ring of these masks in it. */
async function shopWithRing(statements = '', sets: readonly (readonly Mask[])[] = [masks]) {
  const { target, direct } = await shopCopy(statements);
  const role = await install(target, ...sets);
  const client = await connectAs(role, target);
  clients.push(client);
  return { target, role, client, direct };
}

async function shopCopy(statements: string) {
  const database = `shop${++databases}`;
  await admin.query(`CREATE DATABASE ${database} TEMPLATE shop`);
  const direct = await server.connect(database);
  clients.push(direct);
  await direct.query(statements);
  return { target: ringTarget(server, database, 'gateway'), direct };
}

/** The SQLSTATE, or `done`. */
const outcome = (client: pg.Client, sql: string): Promise<string> =>
  client.query(sql).then(
    () => 'done',
    (error: { readonly code: string }) => error.code,
  );

const stateIn = async (target: PostgresTarget) => {
  const [first] = (await installerOf(target, masks)).status.sets;
  return { state: first?.state, notes: first?.notes };
};

test('a table’s own name leads to its masked values, in conditions too', async () => {
  const { client, target } = await shopWithRing();
  const { rows } = await client.query('SELECT * FROM users ORDER BY id');
  expect(rows).toEqual([
    { id: 1, name: 'Ada', email: 'a***@***.example', card: '****1111', salary: '0' },
    { id: 2, name: 'Bo', email: null, card: null, salary: '0' },
  ]);
  expect((await client.query("SELECT id FROM users WHERE email = 'ada@example.com'")).rows).toEqual([]);
  expect((await client.query("SELECT id FROM users WHERE email LIKE 'a***%'")).rows).toEqual([{ id: 1 }]);
  expect((await client.query('SELECT * FROM contacts WHERE id = 1')).rows).toEqual([
    { id: 1, email: 'a***@***.example', loud: '********' },
  ]);
  expect((await installerOf(target, masks)).status).toEqual({
    sets: [expect.objectContaining({ state: 'installed', notes: [] })],
    unwanted: [],
    warnings: [],
  });
});

test.each([
  ['RESET ROLE', 'done'],
  ['SET ROLE NONE', 'done'],
  ['RESET SESSION AUTHORIZATION', 'done'],
  ['DISCARD ALL', 'done'],
  ['RESET ALL', 'done'],
  ['SET ROLE gateway', '42501'],
  ['SET ROLE postgres', '42501'],
  ['SET SESSION AUTHORIZATION gateway', '42501'],
  [`SELECT set_config('role', 'gateway', false)`, '42501'],
  ['SET row_security = off', 'done'],
  ['SET search_path = app', 'done'],
])('%s leads nowhere', async (statement, expected) => {
  const { client } = await shopWithRing();
  expect(await outcome(client, statement)).toBe(expected);
  expect(await outcome(client, 'SELECT email FROM app.users')).toBe('42501');
});

test('the table itself shows what is not masked, and nothing else', async () => {
  const { client, role } = await shopWithRing();
  expect((await client.query('SELECT id, name FROM app.users WHERE id = 1')).rows).toEqual([
    { id: 1, name: 'Ada' },
  ]);
  expect((await client.query('SELECT count(*)::int FROM app.users')).rows).toEqual([{ count: 2 }]);
  expect(
    (await client.query('SELECT count(*)::int FROM app.orders o JOIN users u ON u.id = o.user_id')).rows,
  ).toEqual([{ count: 10 }]);
  for (const sql of [
    'SELECT * FROM app.users',
    'SELECT u FROM app.users u',
    'SELECT id FROM app.users WHERE email IS NULL',
    'SELECT id FROM app.users ORDER BY salary',
    'SELECT email FROM app.contacts',
    'SELECT loud FROM app.contacts',
    'TABLE app.contacts',
    'COPY app.users TO STDOUT',
    'UPDATE app.users SET name = email',
    'UPDATE app.users SET name = name WHERE salary > 70000',
    'DELETE FROM app.users WHERE email IS NOT NULL',
    'INSERT INTO app.users (id, name) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET name = users.email',
    'INSERT INTO app.users (id, name) VALUES (9, 9) RETURNING email',
    `SELECT * FROM "${role}_keys".keys`,
    'CREATE INDEX ON app.users (email)',
    'CREATE TABLE app.copy AS SELECT * FROM users',
    'ALTER TABLE app.users ADD COLUMN x int',
    `CREATE OR REPLACE VIEW "${role}".users AS SELECT 1`,
    'SELECT * FROM pg_statistic',
    'TRUNCATE app.users',
  ])
    expect([sql, await outcome(client, sql)]).toEqual([sql, '42501']);
  const { rows } = await client.query(
    "SELECT attname FROM pg_stats WHERE schemaname = 'app' AND tablename = 'users'",
  );
  expect(rows.map(({ attname }) => attname)).not.toContain('email');
});

test('rows are written by the table’s full name, and what is not masked also by its own', async () => {
  const { client, direct } = await shopWithRing();
  await client.query("INSERT INTO app.users (id, name, email) VALUES (3, 'Cleo', 'cleo@example.org')");
  await client.query("UPDATE app.users SET email = 'new@example.org' WHERE id = 3");
  await client.query("UPDATE users SET name = 'Cleopatra' WHERE id = 3");
  await client.query("INSERT INTO orders (user_id, item) VALUES (3, 'book') RETURNING id");
  expect((await direct.query('SELECT name, email FROM app.users WHERE id = 3')).rows).toEqual([
    { name: 'Cleopatra', email: 'new@example.org' },
  ]);
  expect(await outcome(client, "UPDATE users SET email = 'x' WHERE id = 3")).toBe('0A000');
  await client.query('DELETE FROM app.orders WHERE user_id = 3');
  await client.query('DELETE FROM users WHERE id = 3');
  expect((await direct.query('SELECT FROM app.users WHERE id = 3')).rowCount).toBe(0);
});

test('neither code of the client’s own nor a plan sees behind a view', async () => {
  const { client, direct } = await shopWithRing('', [
    [mask(['app.users.email'], 'hash'), mask(['app.users.card'], 'last4')],
  ]);
  await direct.query('ANALYZE');
  await client.query(
    `CREATE FUNCTION pg_temp.see(text) RETURNS bool LANGUAGE plpgsql COST 0.0001 AS $$ BEGIN RAISE NOTICE 'saw %', $1; RETURN true; END $$`,
  );
  const seen: string[] = [];
  client.on('notice', ({ message }) => seen.push(message ?? ''));
  await client.query('SELECT id FROM users WHERE pg_temp.see(email) AND pg_temp.see(card)');
  const plan = await client.query(
    "EXPLAIN (ANALYZE, VERBOSE) SELECT * FROM users WHERE email = 'x' AND name = 'Ada'",
  );
  const shown = JSON.stringify([seen, plan.rows]);
  expect(seen.length).toBeGreaterThan(0);
  expect(shown).not.toMatch(/ada@example|4111111111111111/);
  const { rows } = await direct.query<{ block: string }>(
    `SELECT encode(inner_block, 'hex') AS block FROM "${roleOf(ringTarget(server, direct.database ?? '', 'gateway'), [mask(['app.users.email'], 'hash'), mask(['app.users.card'], 'last4')])}_keys".keys`,
  );
  expect(rows).toHaveLength(1);
  expect(shown).not.toContain(rows[0]?.block.slice(0, 16));
});

test('what stands for a masked column elsewhere is masked too: children, partitions, generated columns, materialized views', async () => {
  const { client } = await shopWithRing(
    `SET ROLE gateway;
    CREATE TABLE app.parent (id int, email text); CREATE TABLE app.child (more int) INHERITS (app.parent);
    INSERT INTO app.child VALUES (1, 'child@example.com', 2);
    CREATE TABLE app.log (id int, email text) PARTITION BY RANGE (id);
    CREATE TABLE app.log_1 PARTITION OF app.log FOR VALUES FROM (0) TO (10);
    INSERT INTO app.log VALUES (1, 'log@example.com');
    CREATE TABLE app.made (id int, email text, domain text GENERATED ALWAYS AS (split_part(email, '@', 2)) STORED);
    INSERT INTO app.made VALUES (1, 'made@example.com');
    CREATE MATERIALIZED VIEW app.kept AS SELECT id, email AS e, length(email) AS n FROM app.users;
    CREATE VIEW app.unreadable AS SELECT row_to_json(u) AS whole FROM app.users u; RESET ROLE;`,
    [[mask(['app.users.email', 'app.parent.email', 'app.log.email', 'app.made.email'], 'full')]],
  );
  for (const table of ['parent', 'child', 'log', 'log_1', 'made', 'kept', 'unreadable']) {
    const { rows } = await client.query(`SELECT * FROM ${table}`);
    expect(rows.length).toBeGreaterThan(0);
    expect(JSON.stringify(rows)).not.toMatch(/example\.com|"n":15/);
    expect(await outcome(client, `SELECT * FROM app.${table}`)).toBe('42501');
  }
});

test('row security holds as it does for the login', async () => {
  const { client } = await shopWithRing(`
    ALTER TABLE app.orders OWNER TO postgres; GRANT SELECT ON app.orders TO gateway;
    ALTER TABLE app.orders ENABLE ROW LEVEL SECURITY;
    CREATE POLICY first ON app.orders TO gateway USING (id <= 3);`);
  expect((await client.query('SELECT count(*)::int FROM orders')).rows).toEqual([{ count: 3 }]);
  expect(await outcome(client, 'SELECT id FROM app.orders')).toBe('42501');
});

test('the role has the login’s settings, and no right that the login has not', async () => {
  const { client } =
    await shopWithRing(`CREATE TABLE app.foreign_to_it (id int); ALTER TABLE app.orders OWNER TO postgres;
    REVOKE ALL ON app.orders FROM gateway; GRANT SELECT (id), INSERT (item) ON app.orders TO gateway`);
  expect((await client.query('SHOW statement_timeout')).rows).toEqual([{ statement_timeout: '45s' }]);
  expect(await outcome(client, 'SELECT id FROM app.foreign_to_it')).toBe('42501');
  expect(await outcome(client, 'SELECT id FROM orders')).toBe('done');
  expect(await outcome(client, 'SELECT item FROM orders')).toBe('42501');
  expect(await outcome(client, 'DELETE FROM orders')).toBe('42501');
});

test.each([
  [
    'a masked column that PUBLIC may read',
    'GRANT SELECT (email) ON app.users TO PUBLIC',
    /app\.users\.email can be read/,
  ],
  ['a role that got rights', 'GRANT gateway TO "ROLE"', /member of another one/],
  ['a role that may pass row security', 'ALTER ROLE "ROLE" BYPASSRLS; CREATE TABLE app.x ()', /attributes/],
  ['a role that may make tables before the others', 'GRANT CREATE ON SCHEMA "ROLE" TO "ROLE"', /rights/],
  [
    'a view that somebody has changed',
    'CREATE OR REPLACE VIEW "ROLE".users WITH (security_barrier) AS SELECT id, name, email, card::varchar, salary FROM app.users',
    /app\.users, or what masks it/,
  ],
  [
    'a view without its barrier',
    'ALTER VIEW "ROLE".users RESET (security_barrier)',
    /app\.users, or what masks it/,
  ],
  [
    'a table that was renamed',
    'ALTER TABLE app.users RENAME TO people',
    /its schema has users, which masks no table/,
  ],
  ['a new column', 'ALTER TABLE app.users ADD COLUMN phone text', /app\.users, or what masks it/],
  [
    'a new masked table',
    'CREATE TABLE public.users (email text); ALTER TABLE app.users RENAME TO people',
    /users, which masks no table now/,
  ],
  ['something else in the schema', 'CREATE VIEW "ROLE".orders AS SELECT 1 AS id', /its schema has orders/],
  [
    'a function in the schema',
    'CREATE FUNCTION "ROLE".f() RETURNS int LANGUAGE sql AS $$SELECT 1$$',
    /has the function/,
  ],
  ['a schema that the login lost', 'REVOKE USAGE ON SCHEMA public FROM PUBLIC', /schema public|^$/],
])('%s makes the ring stale', async (_what, change, why) => {
  const { target, role, direct } = await shopWithRing();
  expect(await stateIn(target)).toEqual({ state: 'installed', notes: [] });
  await direct.query(change.replaceAll('ROLE"', `${role}"`));
  const { state, notes } = await stateIn(target);
  expect(state).toBe('stale');
  expect(notes?.join('\n')).toMatch(why);
});

test('a table that was made since is told of, and no reason to send anybody away', async () => {
  const { target, direct, client } = await shopWithRing();
  await direct.query('SET ROLE gateway; CREATE TABLE app.later (id int, email text)');
  expect(await stateIn(target)).toEqual({
    state: 'installed',
    notes: ['app.later cannot be read in it yet'],
  });
  await install(target, masks);
  expect(await stateIn(target)).toEqual({ state: 'installed', notes: [] });
  expect(await outcome(client, 'SELECT * FROM app.later')).toBe('done');
});

test('other masks, and another masking key, make another ring of it', async () => {
  const { target, role } = await shopWithRing();
  const other = [mask(['app.users.email'], 'full')];
  expect((await installerOf(target, other)).status).toMatchObject({
    sets: [{ state: 'missing' }],
    unwanted: [role],
  });
  const changed = await createMaskInstaller(targetName('shop'), target, [obligations(...masks)], () =>
    Promise.resolve(createSecretKey(Buffer.alloc(32, 8))),
  );
  expect(changed?.status.sets).toMatchObject([{ name: role, state: 'stale' }]);
  await install(target, other);
  const installer = await installerOf(target, other);
  expect(installer.status).toMatchObject({ sets: [{ state: 'installed', notes: [] }], unwanted: [role] });
  await installer.run(installer.uninstallScript('unwanted') ?? '', 'postgres', null);
  expect((await installerOf(target, other)).status).toMatchObject({
    sets: [{ state: 'installed' }],
    unwanted: [],
  });
  expect((await admin.query('SELECT FROM pg_roles WHERE rolname = $1', [role])).rowCount).toBe(0);
});

test('a role of one ring has no rights in another', async () => {
  const others = [mask(['app.users.email'], 'hash')];
  const { client, target } = await shopWithRing('', [masks, others]);
  await install(target, masks, others);
  const other = roleOf(target, others);
  expect(await outcome(client, `SELECT * FROM "${other}".users`)).toBe('42501');
  expect(await outcome(client, `SELECT * FROM "${other}_keys".keys`)).toBe('42501');
});

test('nothing is installed where everybody may read what is masked', async () => {
  const { target } = await shopCopy('GRANT SELECT ON app.users TO PUBLIC');
  await expect(install(target, masks)).rejects.toThrow(/could read "app"."users".email/);
  expect(await stateIn(target)).toMatchObject({ state: 'missing' });
});

test('uninstall leaves nothing, and what the role has made goes to the login', async () => {
  const { target, role, client, direct } = await shopWithRing('GRANT CREATE ON SCHEMA public TO PUBLIC');
  await client.query('CREATE TABLE public.notes AS SELECT email FROM users');
  await client.end();
  clients.splice(clients.indexOf(client), 1);
  const installer = await installerOf(target, masks);
  await installer.run(installer.uninstallScript('all') ?? '', 'postgres', null);
  expect((await installerOf(target, masks)).uninstallScript('all')).toBeNull();
  const { rows } = await direct.query(
    `SELECT rolname AS left_over FROM pg_roles WHERE rolname LIKE $1 UNION SELECT nspname FROM pg_namespace WHERE nspname LIKE $1`,
    [`${role}%`],
  );
  expect(rows).toEqual([]);
  expect((await direct.query("SELECT tableowner FROM pg_tables WHERE tablename = 'notes'")).rows).toEqual([
    { tableowner: 'gateway' },
  ]);
});

test('an administrator who is no superuser can install: who may make roles, and is a member of the login that owns the tables', async () => {
  const { target } = await shopCopy('');
  await admin.query(`CREATE ROLE dba LOGIN CREATEROLE; GRANT gateway TO dba;
    GRANT CREATE, CONNECT ON DATABASE ${target.database} TO dba WITH GRANT OPTION`);
  const installer = await installerOf(target, masks);
  await installer.run(await installer.installScript(), 'dba', null);
  expect(await stateIn(target)).toEqual({ state: 'installed', notes: [] });
  const again = await installerOf(target, masks);
  await again.run(await again.installScript(), 'dba', null);
  expect(await stateIn(target)).toEqual({ state: 'installed', notes: [] });
  const gone = (await installerOf(target, masks)).uninstallScript('all');
  await again.run(gone ?? '', 'dba', null);
  expect((await stateIn(target)).state).toBe('missing');
});

test('functions that the login may call can be called, where they see what the role sees', async () => {
  const { client, target } = await shopWithRing(`
    CREATE SCHEMA tools; GRANT USAGE ON SCHEMA tools TO gateway;
    ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
    CREATE FUNCTION tools.names() RETURNS SETOF text LANGUAGE sql AS 'SELECT name FROM app.users ORDER BY id';
    CREATE FUNCTION tools.emails() RETURNS SETOF text LANGUAGE sql AS 'SELECT email FROM app.users ORDER BY id';
    CREATE FUNCTION tools.shown() RETURNS SETOF text LANGUAGE plpgsql AS 'BEGIN RETURN QUERY SELECT email FROM users ORDER BY id; END';
    CREATE FUNCTION tools.pinned() RETURNS SETOF text LANGUAGE sql SET search_path = app AS 'SELECT email FROM users';
    CREATE FUNCTION tools.owners() RETURNS SETOF text LANGUAGE sql SECURITY DEFINER AS 'SELECT email FROM app.users';
    CREATE FUNCTION tools.never() RETURNS int LANGUAGE sql AS 'SELECT 1';
    GRANT EXECUTE ON FUNCTION tools.names(), tools.emails(), tools.shown(), tools.pinned(), tools.owners() TO gateway`);
  const values = async (call: string) =>
    (await client.query({ text: `SELECT * FROM ${call}`, rowMode: 'array' })).rows.flat();
  expect(await values('tools.names()')).toEqual(['Ada', 'Bo']);
  expect(await values('tools.shown()')).toEqual(['a***@***.example', null]);
  for (const call of ['tools.emails()', 'tools.pinned()', 'tools.owners()', 'tools.never()'])
    expect([call, await outcome(client, `SELECT * FROM ${call}`)]).toEqual([call, '42501']);
  expect((await installerOf(target, masks)).status.warnings).toEqual([
    "function tools.owners() cannot be called in a ring: it runs with its owner's rights",
  ]);
});

test('functions that lend their owner’s rights to everybody are warned of', async () => {
  const { target } = await shopCopy(
    `CREATE FUNCTION app.emails() RETURNS SETOF text LANGUAGE sql SECURITY DEFINER AS 'SELECT email FROM app.users'`,
  );
  expect((await installerOf(target, masks)).status.warnings).toEqual([
    "function app.emails() runs with its owner's rights, and everybody may call it",
  ]);
});
