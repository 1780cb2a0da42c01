/** Which event triggers a statement sets off: said by the analysis, and by PostgreSQL, which is asked. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import { type Analyst, TestServer } from './database.ts';

let server: TestServer;
let analyst: Analyst;
let owner: pg.Client;

const events = ['ddl_command_start', 'ddl_command_end', 'sql_drop', 'table_rewrite'];

beforeAll(async () => {
  server = await TestServer.start();
  const database = await server.database([
    'CREATE SCHEMA app; CREATE SCHEMA log; CREATE TABLE log.fired(event text, tag text)',
    `CREATE FUNCTION log.notes() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS
     $$ BEGIN INSERT INTO log.fired VALUES (tg_event, tg_tag); END $$`,
    'CREATE TABLE app.t(id int PRIMARY KEY, n int CONSTRAINT small CHECK (n < 9)); CREATE VIEW app.v AS SELECT id FROM app.t',
    'CREATE TABLE app.u(id int); CREATE MATERIALIZED VIEW app.m AS SELECT 1 AS one; CREATE SEQUENCE app.s',
    'CREATE TYPE app.pair AS (a int, b int); CREATE DOMAIN app.d AS int CONSTRAINT positive CHECK (VALUE > 0)',
    "CREATE TYPE app.mood AS ENUM ('good'); CREATE INDEX named ON app.t (n)",
    'CREATE FUNCTION app.f() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$; CREATE ROLE clerk',
    'CREATE FUNCTION app.silent() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$',
    ...events.map((event) => `CREATE EVENT TRIGGER "on ${event}" ON ${event} EXECUTE FUNCTION log.notes()`),
    "CREATE EVENT TRIGGER views ON ddl_command_end WHEN TAG IN ('CREATE VIEW', 'DROP VIEW') EXECUTE FUNCTION app.silent()",
    'CREATE EVENT TRIGGER off ON ddl_command_end EXECUTE FUNCTION app.silent()',
    'ALTER EVENT TRIGGER off DISABLE',
  ]);
  analyst = await server.analyst(database);
  owner = await server.connect(database);
});

afterAll(() => server.stop());

const told = (event: string): string =>
  `event trigger "on ${event}" (${event}) runs log.notes (plpgsql, security definer)`;

/** What the server runs, in a transaction that is undone. */
async function fired(text: string): Promise<readonly { readonly event: string; readonly tag: string }[]> {
  await owner.query('BEGIN; DELETE FROM log.fired');
  try {
    await owner.query(text);
    return (await owner.query('SELECT event, tag FROM log.fired')).rows;
  } finally {
    await owner.query('ROLLBACK');
  }
}

const start = 'ddl_command_start';
const end = 'ddl_command_end';

describe('by PostgreSQL’s own tag, and never fewer than it fires', () => {
  test.each([
    'CREATE TABLE app.x(id serial PRIMARY KEY, t int REFERENCES app.t)',
    'CREATE TABLE app.x AS SELECT 1',
    'SELECT 1 AS one INTO app.x',
    'CREATE VIEW app.x AS SELECT 1',
    'CREATE OR REPLACE VIEW app.v AS SELECT id, n FROM app.t',
    'CREATE MATERIALIZED VIEW app.x AS SELECT 1',
    'REFRESH MATERIALIZED VIEW app.m',
    'CREATE INDEX ON app.t (n)',
    'CREATE SCHEMA x CREATE TABLE y(a int)',
    'CREATE SEQUENCE app.x',
    'CREATE TYPE app.x AS (a int)',
    "CREATE TYPE app.x AS ENUM ('a')",
    'CREATE TYPE app.x AS RANGE (subtype = int)',
    'CREATE DOMAIN app.x AS int',
    'CREATE FUNCTION app.x() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$',
    'CREATE PROCEDURE app.x() LANGUAGE sql AS $$ SELECT 1 $$',
    'CREATE AGGREGATE app.x(int) (sfunc = int4pl, stype = int)',
    'CREATE OPERATOR app.+ (leftarg = int, rightarg = int, function = int4pl)',
    'CREATE CAST (app.pair AS app.mood) WITH INOUT',
    'CREATE COLLATION app.x FROM "C"',
    'CREATE TEXT SEARCH CONFIGURATION app.x (COPY = simple)',
    'CREATE TRIGGER x BEFORE UPDATE ON app.t FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()',
    'CREATE RULE x AS ON INSERT TO app.t DO ALSO NOTHING',
    'CREATE POLICY x ON app.t',
    'CREATE STATISTICS app.x ON id, n FROM app.t',
    'CREATE EXTENSION plpgsql_not_there',
    'CREATE FOREIGN DATA WRAPPER x',
    'CREATE PUBLICATION x',
    'ALTER TABLE app.t ADD COLUMN x int',
    'ALTER TABLE app.t DROP COLUMN n CASCADE',
    'ALTER TABLE app.t ALTER COLUMN n TYPE bigint',
    'ALTER TABLE app.t DROP CONSTRAINT small',
    'ALTER TABLE app.t ALTER COLUMN n SET DEFAULT 1',
    'ALTER TABLE app.t RENAME TO x',
    'ALTER TABLE app.t RENAME COLUMN n TO x',
    'ALTER TABLE app.t RENAME CONSTRAINT small TO x',
    'ALTER TABLE app.t SET SCHEMA public',
    'ALTER TABLE app.t OWNER TO clerk',
    'ALTER VIEW app.v RENAME TO x',
    'ALTER VIEW app.v RENAME COLUMN id TO x',
    'ALTER INDEX app.named RENAME TO x',
    'ALTER SEQUENCE app.s RESTART',
    'ALTER SEQUENCE app.s OWNED BY app.t.n',
    'ALTER MATERIALIZED VIEW app.m RENAME TO x',
    'ALTER TYPE app.pair ADD ATTRIBUTE c int',
    'ALTER TYPE app.pair RENAME ATTRIBUTE a TO x',
    "ALTER TYPE app.mood RENAME VALUE 'good' TO 'bad'",
    'ALTER TYPE app.mood RENAME TO x',
    'ALTER DOMAIN app.d DROP CONSTRAINT positive',
    'ALTER DOMAIN app.d RENAME CONSTRAINT positive TO x',
    'ALTER DOMAIN app.d SET NOT NULL',
    'ALTER FUNCTION app.f() STRICT',
    'ALTER FUNCTION app.f() RENAME TO x',
    'ALTER ROUTINE app.f() STABLE',
    'ALTER SCHEMA app RENAME TO x',
    'ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO clerk',
    'DROP TABLE app.u',
    'DROP TABLE app.t CASCADE',
    'DROP VIEW app.v',
    'DROP MATERIALIZED VIEW app.m',
    'DROP FUNCTION app.f()',
    'DROP ROUTINE app.f()',
    'DROP TYPE app.pair',
    'DROP DOMAIN app.d',
    'DROP INDEX app.named',
    'DROP SEQUENCE app.s',
    'DROP OWNED BY clerk',
    "COMMENT ON TABLE app.t IS 'x'",
    "COMMENT ON COLUMN app.t.n IS 'x'",
    'GRANT SELECT ON app.t TO clerk',
    'REVOKE ALL ON app.t FROM clerk',
  ])('%s', async (text) => {
    const { command, consequences } = await analyst.facts(text);
    if (text.includes('not_there')) {
      expect(consequences).toEqual(expect.arrayContaining(events.map(told)));
      return;
    }
    const rows = await fired(text);
    expect(rows.map(({ tag }) => tag)).toContain(command);
    for (const { event } of rows) expect(consequences).toContain(told(event));
    // The two that only the server can tell may be said without being fired.
    for (const event of [start, end]) {
      expect(consequences.includes(told(event))).toBe(rows.some((row) => row.event === event));
    }
  });
});

test.each([
  'SELECT 1',
  'INSERT INTO app.u VALUES (1)',
  'TRUNCATE app.u',
  'VACUUM app.u',
  'CREATE ROLE x',
  'ALTER ROLE clerk NOLOGIN',
  'GRANT clerk TO postgres',
  'COMMENT ON ROLE clerk IS NULL',
  'ALTER EVENT TRIGGER off ENABLE',
  'EXPLAIN CREATE TABLE app.x AS SELECT 1',
  'LOCK app.u',
  'SET search_path TO app',
])('%s sets none off', async (text) => {
  expect((await analyst.facts(text)).consequences).toEqual([]);
});

test('one for some tags is told with those alone, a disabled one never', async () => {
  const views = 'event trigger views (ddl_command_end) runs app.silent (plpgsql)';
  expect((await analyst.facts('CREATE VIEW app.x AS SELECT 1')).consequences).toContain(views);
  expect((await analyst.facts('CREATE TABLE app.x()')).consequences).not.toContain(views);
});

test('its function is called, as far as policy sees', async () => {
  expect(await analyst.effects('CREATE TABLE app.x()')).toEqual(['call log.notes', 'create app.x table']);
});

test('one that is made, changed or taken away changes what a statement that sets it off rests on', async () => {
  const versions = async (): Promise<readonly string[]> => {
    await analyst.catalogs.refreshIfChanged();
    return (await analyst.facts('CREATE TABLE app.x()')).versions;
  };
  const seen = [await versions()];
  for (const text of [
    'CREATE EVENT TRIGGER more ON ddl_command_end EXECUTE FUNCTION app.silent()',
    "DROP EVENT TRIGGER more; CREATE EVENT TRIGGER more ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION app.silent()",
    'ALTER EVENT TRIGGER more DISABLE',
    'ALTER EVENT TRIGGER more ENABLE ALWAYS',
    'CREATE OR REPLACE FUNCTION app.silent() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM 1; END $$',
    'DROP EVENT TRIGGER more',
  ]) {
    await owner.query(text);
    seen.push(await versions());
  }
  const distinct = new Set(seen.map((one) => one.join()));
  // Disabled and gone are as before it was made.
  expect(distinct.size).toBe(5);
});

test('REASSIGN OWNED is told of, though PostgreSQL 15 fires none', async () => {
  const { consequences } = await analyst.facts('REASSIGN OWNED BY clerk TO postgres');
  expect(consequences).toContain(told(end));
});
