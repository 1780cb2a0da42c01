import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import { CatalogCache } from '../../../../services/protocols/postgres/sql/catalog-cache.ts';
import { CatalogError } from '../../../../services/protocols/postgres/sql/errors.ts';
import { catalogReader } from './catalog-reader.ts';
import { type Analyst, TestServer } from './database.ts';

let server: TestServer;
let database: string;
let owner: pg.Client;
let analyst: Analyst;

beforeAll(async () => {
  server = await TestServer.start();
  database = await server.database([
    'CREATE ROLE nobody_special LOGIN; CREATE ROLE owner_of_all LOGIN SUPERUSER',
    'CREATE SCHEMA app; CREATE SCHEMA hidden; GRANT USAGE ON SCHEMA app TO nobody_special',
    'CREATE TABLE app.t(a int, b text); CREATE TABLE hidden.t(secret int); CREATE TABLE hidden.only_here(a int)',
    'CREATE VIEW app.v AS SELECT a FROM app.t',
    `CREATE FUNCTION app.f() RETURNS int LANGUAGE sql AS 'SELECT 1'`,
    'CREATE DOMAIN app.d AS int',
  ]);
  owner = await server.connect(database);
  analyst = await server.analyst(database, {
    user: 'nobody_special',
    searchPath: ['hidden', 'app', 'pg_temp'],
  });
});

afterAll(() => server.stop());

test('a login without rights reads the catalog; schemas that it may not use do not count, as in PostgreSQL', async () => {
  expect(await analyst.effects('SELECT * FROM t')).toEqual(['select app.t']);
  expect(await analyst.effects('SELECT * FROM only_here')).toContain('opaque: unknown-relation');
  expect(await analyst.effects('SELECT * FROM hidden.t')).toEqual(['select hidden.t']);
});

test('as long as nothing changes, the catalog and the analyses on it stay the same objects', async () => {
  const { current } = analyst.catalogs;
  const analysis = await analyst.analyse('SELECT a FROM t');
  expect(await analyst.catalogs.refreshIfChanged()).toBe(false);
  await analyst.catalogs.refresh();
  expect(analyst.catalogs.current).toBe(current);
  expect(await analyst.analyse('SELECT a FROM t')).toBe(analysis);
  expect((await analyst.analyse('SELECT a FROM t')).intent).toBe(analysis.intent);
});

test.each([
  'CREATE TEMP TABLE mine(a int)',
  'ANALYZE app.t',
  'VACUUM app.t',
  "INSERT INTO app.t VALUES (1, 'x')",
])('%s is no change of the catalog', async (statement) => {
  await analyst.catalogs.refreshIfChanged();
  await owner.query(statement);
  expect(await analyst.catalogs.refreshIfChanged()).toBe(false);
});

describe('every change is seen', () => {
  test.each([
    'CREATE TABLE app.another(a int)',
    'ALTER TABLE app.another ADD COLUMN b int',
    'ALTER TABLE app.another RENAME COLUMN b TO c',
    'ALTER TABLE app.another ALTER COLUMN c TYPE text',
    'ALTER TABLE app.another ALTER COLUMN c SET DEFAULT app.f()',
    'ALTER TABLE app.another ADD CHECK (a > 0)',
    'CREATE INDEX ON app.another (a)',
    'ALTER TABLE app.another ENABLE ROW LEVEL SECURITY',
    'CREATE POLICY p ON app.another USING (app.f() = 1)',
    'CREATE RULE r AS ON DELETE TO app.another DO INSTEAD NOTHING',
    `CREATE FUNCTION app.g() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'`,
    'CREATE TRIGGER t BEFORE INSERT ON app.another FOR EACH ROW EXECUTE FUNCTION app.g()',
    'ALTER TABLE app.another DISABLE TRIGGER t',
    'CREATE TABLE app.child() INHERITS (app.another)',
    'ALTER TABLE app.child NO INHERIT app.another',
    `CREATE OR REPLACE FUNCTION app.f() RETURNS int LANGUAGE sql AS 'SELECT 2'`,
    'CREATE OR REPLACE VIEW app.v AS SELECT a FROM app.t WHERE a > 0',
    'ALTER DOMAIN app.d ADD CHECK (VALUE > 0)',
    `CREATE FUNCTION app.eq(int, int) RETURNS bool LANGUAGE sql AS 'SELECT true'`,
    'CREATE OPERATOR app.=== (LEFTARG = int, RIGHTARG = int, FUNCTION = app.eq)',
    `CREATE FUNCTION app.tod(app.t) RETURNS int LANGUAGE sql AS 'SELECT 1'`,
    'CREATE CAST (app.t AS int) WITH FUNCTION app.tod(app.t)',
    'GRANT USAGE ON SCHEMA hidden TO nobody_special',
    'REVOKE USAGE ON SCHEMA hidden FROM nobody_special',
    'GRANT owner_of_all TO nobody_special',
    'DROP TABLE app.child',
  ])('%s', async (statement) => {
    await owner.query(statement);
    const before = analyst.catalogs.current;
    expect(await analyst.catalogs.refreshIfChanged()).toBe(true);
    expect(analyst.catalogs.current).not.toBe(before);
    expect(await analyst.catalogs.refreshIfChanged()).toBe(false);
  });
});

describe('what a hold is bound to', () => {
  test.each([
    ['SELECT * FROM app.t', 'ALTER TABLE app.t RENAME COLUMN b TO bb'],
    ['SELECT * FROM app.v', 'ALTER TABLE app.t RENAME COLUMN bb TO b'],
    ['SELECT * FROM app.v', 'CREATE OR REPLACE VIEW app.v AS SELECT a FROM app.t WHERE a > 1'],
    ['SELECT app.f()', `CREATE OR REPLACE FUNCTION app.f() RETURNS int LANGUAGE sql AS 'SELECT 3'`],
    ["SELECT '1'::app.d", 'ALTER DOMAIN app.d SET NOT NULL'],
    ['DELETE FROM app.t', 'CREATE TRIGGER u BEFORE DELETE ON app.t FOR EACH ROW EXECUTE FUNCTION app.g()'],
  ])('%s has other versions after %s', async (text, change) => {
    await analyst.catalogs.refreshIfChanged();
    const before = (await analyst.analyse(text)).intent.versions;
    expect(before.length).toBeGreaterThan(0);
    await owner.query(change);
    await analyst.catalogs.refreshIfChanged();
    expect((await analyst.analyse(text)).intent.versions).not.toEqual(before);
  });
});

test('a view whose table somebody has locked is opaque until the catalog can be read whole', async () => {
  const client = await server.connect(database, 'owner_of_all');
  const catalogs = await CatalogCache.open(catalogReader(client));
  const blocker = await server.connect(database);
  await blocker.query('BEGIN; LOCK TABLE app.t IN ACCESS EXCLUSIVE MODE');
  await owner.query('CREATE TABLE app.makes_a_change(a int)');
  expect(await catalogs.refreshIfChanged()).toBe(true);
  expect(catalogs.current.relation('app', 'v')?.definition).toBeNull();
  await blocker.query('ROLLBACK');
  expect(await catalogs.refreshIfChanged()).toBe(true);
  expect(catalogs.current.relation('app', 'v')?.definition).toContain('app.t');
  await client.end();
});

test('a reader that fails leaves the catalog as it was', async () => {
  const client = await server.connect(database);
  const catalogs = await CatalogCache.open(catalogReader(client));
  const { current } = catalogs;
  await client.end();
  await expect(catalogs.refresh()).rejects.toThrow(CatalogError);
  expect(catalogs.current).toBe(current);
  await expect(CatalogCache.open(catalogReader(client))).rejects.toMatchObject({
    code: 'catalog-unreadable',
  });
});

test('callers at the same time share one reading', async () => {
  const client = await server.connect(database);
  const reader = catalogReader(client);
  let begun = 0;
  const catalogs = await CatalogCache.open({
    query(sql) {
      if (sql.startsWith('BEGIN')) begun += 1;
      return reader.query(sql);
    },
  });
  const [first, second, third] = [catalogs.refresh(), catalogs.refresh(), catalogs.refresh()];
  await Promise.all([first, second, third]);
  // The second and third came after the first had begun: they share the one after it.
  expect(begun).toBe(3);
  await client.end();
});

test('bodies in SQL and PL/pgSQL are read, with every name qualified where the server does so', async () => {
  await owner.query(
    `CREATE FUNCTION app.atomic(who int DEFAULT 1) RETURNS int RETURN (SELECT max(a) FROM app.t WHERE a = who)`,
  );
  await analyst.catalogs.refreshIfChanged();
  const definition = (name: string): string | null | undefined =>
    analyst.catalogs.current.functions(name).find(({ schema }) => schema === 'app')?.definition;
  expect(definition('atomic')).toMatch(/who integer DEFAULT 1.*RETURN \(SELECT max\(t\.a\).*FROM app\.t/s);
  expect(definition('g')).toContain('BEGIN RETURN NULL; END');
  expect(analyst.catalogs.current.functions('now')[0]?.definition).toBeNull();
});
