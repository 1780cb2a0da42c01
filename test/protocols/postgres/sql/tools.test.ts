/** What ordinary clients send by themselves is understood: nothing in it is opaque, so a policy can allow it by name. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { postgresBinaries } from '../../../servers/postgres.ts';
import { type Analyst, TestServer } from './database.ts';

const run = promisify(execFile);

let server: TestServer;
let database: string;
let analyst: Analyst;

beforeAll(async () => {
  server = await TestServer.start([
    "shared_preload_libraries = 'pg_stat_statements'",
    'pg_stat_statements.track = all',
  ]);
  database = await server.database([
    'CREATE EXTENSION pg_stat_statements; CREATE EXTENSION hstore; CREATE EXTENSION pg_trgm',
    'CREATE SCHEMA app; CREATE TABLE app.users(id serial PRIMARY KEY, email text UNIQUE, parent int REFERENCES app.users)',
    'CREATE VIEW app.v AS SELECT * FROM app.users; CREATE MATERIALIZED VIEW app.m AS SELECT 1 AS x',
    'CREATE TABLE app.parts(id int, at date) PARTITION BY RANGE (at)',
    "CREATE TYPE app.mood AS ENUM ('a'); CREATE DOMAIN app.d AS int CHECK (VALUE > 0)",
    `CREATE FUNCTION app.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'`,
    'CREATE TRIGGER t BEFORE INSERT ON app.users FOR EACH ROW EXECUTE FUNCTION app.f()',
  ]);
  analyst = await server.analyst(database);
});

afterAll(() => server.stop());

const connection = (): readonly string[] => [
  ...['-h', server.server.host, '-p', String(server.server.port), '-U', 'postgres'],
  ...['-d', database],
];

async function opaqueIn(texts: readonly string[]): Promise<readonly string[]> {
  const found: string[] = [];
  for (const text of texts) {
    const { intent } = await analyst.analyse(text);
    if (intent.opaque.length > 0 || intent.unacceptable !== null) {
      found.push(`${intent.unacceptable?.message ?? intent.opaque.join(', ')}: ${text}`);
    }
  }
  return found;
}

/** psql -E prints what it asks, between two lines of stars. */
const echoed = /^\/?\*+ QUERY \*+\/?\n([\s\S]*?)\n\/?\*{20,}\/?$/gm;

const commands = [
  ...[
    '\\d',
    '\\d app.users',
    '\\d+ app.users',
    '\\d+ app.v',
    '\\d+ app.parts',
    '\\dt+ *.*',
    '\\dv',
    '\\dm',
    '\\di+',
    '\\ds',
  ],
  ...[
    '\\df app.*',
    '\\df+ app.*',
    '\\da',
    '\\do',
    '\\dT+',
    '\\dD',
    '\\dC',
    '\\dc',
    '\\dn+',
    '\\l+',
    '\\du',
    '\\dg',
    '\\dp',
  ],
  ...[
    '\\ddp',
    '\\dx',
    '\\dx+',
    '\\dF',
    '\\dy',
    '\\dRp',
    '\\dRs',
    '\\db',
    '\\dL',
    '\\dO',
    '\\dX',
    '\\dA',
    '\\drds',
    '\\det',
    '\\des',
  ],
  ...['\\deu', '\\dew', '\\sf app.f', '\\sv app.v', '\\dconfig work_mem'],
];

test('psql’s backslash commands', async () => {
  const args = commands.flatMap((command) => ['-c', command]);
  const { stdout } = await run('psql', [...connection(), '-X', '-E', ...args], {
    maxBuffer: 64 * 1024 * 1024,
  });
  const queries = [...stdout.matchAll(echoed)].flatMap((match) => match[1] ?? []);
  expect(queries.length).toBeGreaterThan(60);
  expect(await opaqueIn(queries)).toEqual([]);
});

test('pg_dump', async () => {
  const client = await server.connect(database);
  await client.query('SELECT pg_stat_statements_reset()');
  await run(join(await postgresBinaries(), 'pg_dump'), [...connection()], { maxBuffer: 64 * 1024 * 1024 });
  const { rows } = await client.query<{ query: string }>(
    "SELECT query FROM pg_stat_statements WHERE toplevel AND query NOT LIKE '%pg_stat_statements_reset%'",
  );
  expect(rows.length).toBeGreaterThan(20);
  expect(await opaqueIn(rows.map((row) => row.query))).toEqual([]);
});

/** In the manner of what drivers and ORMs send when they connect and look around. */
const introspection = [
  "SET client_encoding TO 'UTF8'; SET datestyle TO 'ISO'; SET TIME ZONE 'UTC'; SET extra_float_digits = 3",
  'SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED',
  'SET standard_conforming_strings = on; SET client_min_messages TO warning; SET intervalstyle = iso_8601',
  'BEGIN; SELECT 1; COMMIT',
  'SHOW transaction_isolation; SHOW server_version; SHOW standard_conforming_strings; SHOW search_path; SHOW max_identifier_length',
  'SELECT version(), current_database(), current_schema(), current_schemas(true), pg_backend_pid(), current_user, now()',
  "SELECT set_config('TimeZone', 'UTC', false), current_setting('server_version_num')::int",
  'SELECT pg_is_in_recovery()',
  `SELECT c.relname, n.nspname, c.relkind FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT IN ('pg_catalog', 'pg_toast') AND pg_catalog.pg_table_is_visible(c.oid)`,
  `SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid), a.attidentity
   FROM pg_attribute a LEFT JOIN pg_attrdef d ON a.attrelid = d.adrelid AND a.attnum = d.adnum JOIN pg_type t ON a.atttypid = t.oid
   WHERE a.attrelid = 'app.users'::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`,
  `SELECT conname, array_agg(a.attname ORDER BY u.n) FROM pg_constraint c CROSS JOIN LATERAL unnest(c.conkey) WITH ORDINALITY AS u(k, n)
   JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = u.k WHERE c.conrelid = $1::regclass GROUP BY conname`,
  `SELECT table_schema, table_name, column_name, data_type, udt_name, is_nullable = 'YES' AS nullable
   FROM information_schema.columns WHERE table_schema = ANY ($1) ORDER BY ordinal_position`,
  `SELECT t.oid, t.typname, t.typelem, t.typdelim, t.typinput, r.rngsubtype, t.typtype, t.typbasetype
   FROM pg_type AS t LEFT JOIN pg_range AS r ON t.oid = r.rngtypid WHERE t.typname IN ('int2', 'text') OR t.typelem IN (16, 17)`,
  `SELECT i.relname, ix.indisunique, ix.indkey, am.amname FROM pg_index ix JOIN pg_class i ON i.oid = ix.indexrelid
   JOIN pg_am am ON am.oid = i.relam WHERE ix.indrelid = 'app.users'::regclass`,
  `WITH RECURSIVE types(oid, depth) AS (SELECT t.oid, 0 FROM pg_type t WHERE t.oid = ANY ($1::oid[])
     UNION ALL SELECT t.typelem, types.depth + 1 FROM types JOIN pg_type t ON t.oid = types.oid WHERE t.typelem <> 0)
   SELECT DISTINCT oid, depth FROM types ORDER BY depth DESC`,
  `SELECT "u"."id" AS "id", COALESCE("u"."email", '') AS "email" FROM "app"."users" AS "u" WHERE ("u"."id" = $1 AND 1 = 1) ORDER BY "u"."id" ASC LIMIT $2 OFFSET $3`,
  'INSERT INTO "app"."users" ("email") VALUES ($1), ($2) ON CONFLICT ("email") DO UPDATE SET "email" = EXCLUDED."email" RETURNING "id"',
  'SAVEPOINT a; RELEASE SAVEPOINT a; ROLLBACK TO SAVEPOINT b; DEALLOCATE ALL; DISCARD PLANS; UNLISTEN *; CLOSE ALL; RESET ALL',
  'SELECT pg_advisory_unlock_all(); SELECT pg_try_advisory_lock(1)',
  'EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT * FROM app.users WHERE id > 5',
];

test('drivers and ORMs', async () => {
  expect(await opaqueIn(introspection)).toEqual([]);
});
