/** What the bodies of a catalog's functions are known to do. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { catalogContext } from '../../../../services/protocols/postgres/sql/analyse-text.ts';
import type { Catalog } from '../../../../services/protocols/postgres/sql/catalog.ts';
import { type Context, running } from '../../../../services/protocols/postgres/sql/context.ts';
import { Findings } from '../../../../services/protocols/postgres/sql/findings.ts';
import { columnsReadBy } from '../../../../services/protocols/postgres/sql/function-bodies.ts';
import { maxAnalysisSteps, maxPlpgsqlTokens } from '../../../../services/protocols/postgres/sql/limits.ts';
import { emptySearchPath, searchPath } from '../../../../services/protocols/postgres/sql/names.ts';
import { parseMeasured } from '../../../../services/protocols/postgres/sql/parse.ts';
import { queries } from '../../../../services/protocols/postgres/sql/queries.ts';
import { Budget } from '../../../../services/protocols/postgres/sql/scope.ts';
import { pinnedPath, TestServer } from './database.ts';

/** Bodies, and how their functions are declared where that matters. */
const plpgsql: readonly (readonly [name: string, body: string, head?: string])[] = [
  ['p_empty', 'BEGIN END', '() RETURNS void'],
  ['p_default', 'DECLARE x text := (SELECT email FROM users LIMIT 1); BEGIN RETURN 1; END'],
  [
    'p_row',
    'DECLARE u users%ROWTYPE; BEGIN SELECT * INTO u FROM users; u.name := upper(u.name); RETURN u.id; END',
  ],
  ['p_type', 'DECLARE m users.email%TYPE = one(1); BEGIN RETURN 1; END'],
  [
    'p_if',
    'BEGIN IF (SELECT email FROM users) IS NULL THEN RETURN 1; ELSIF one(1) = $$x$$ THEN NULL; END IF; RETURN 2; END',
  ],
  ['p_while', 'BEGIN WHILE EXISTS (SELECT name FROM users) LOOP EXIT WHEN true; END LOOP; RETURN 1; END'],
  [
    'p_case',
    'BEGIN CASE 1 WHEN (SELECT id FROM users) THEN RETURN 1; ELSE RETURN (SELECT length(email) FROM users); END CASE; END',
  ],
  [
    'p_for',
    'DECLARE r record; BEGIN FOR r IN SELECT name FROM users LOOP RAISE NOTICE $$%$$, r.name; END LOOP; RETURN 1; END',
  ],
  ['p_fori', 'BEGIN FOR i IN 1..(SELECT max(id) FROM users) LOOP NULL; END LOOP; RETURN 1; END'],
  [
    'p_foreach',
    'DECLARE x text; BEGIN FOREACH x IN ARRAY (SELECT array_agg(email) FROM users) LOOP NULL; END LOOP; RETURN 1; END',
  ],
  [
    'p_bound',
    'DECLARE c CURSOR (n int) FOR SELECT email FROM users WHERE id = n; r record; BEGIN OPEN c((SELECT 1)); FETCH c INTO r; CLOSE c; RETURN 1; END',
  ],
  [
    'p_named',
    'DECLARE c CURSOR (n int, m int) FOR SELECT email FROM users; BEGIN FOR r IN c(m := 1, n := 2) LOOP NULL; END LOOP; RETURN 1; END',
  ],
  [
    'p_unbound',
    'DECLARE c refcursor; r record; BEGIN OPEN c FOR SELECT name FROM users; FETCH c INTO r; RETURN 1; END',
  ],
  ['p_foreign_cursor', 'DECLARE c refcursor := $$theirs$$; r record; BEGIN FETCH c INTO r; RETURN 1; END'],
  [
    'p_moved_cursor',
    'DECLARE c refcursor; r record; BEGIN OPEN c FOR SELECT 1; c := $$theirs$$; FETCH c INTO r; RETURN 1; END',
  ],
  ['p_given_cursor', 'DECLARE r record; BEGIN FETCH c INTO r; RETURN 1; END', '(c refcursor) RETURNS int'],
  ['p_query', 'BEGIN RETURN QUERY SELECT email FROM users; END', '() RETURNS SETOF text'],
  [
    'p_table',
    'BEGIN RETURN QUERY SELECT u.id, u.email FROM users u; mail := one(1); RETURN NEXT; END',
    '() RETURNS TABLE (id int, mail text)',
  ],
  ['p_out', 'BEGIN SELECT email INTO mail FROM users; END', '(OUT mail text)'],
  ['p_raise', 'BEGIN RAISE EXCEPTION USING MESSAGE = (SELECT email FROM users LIMIT 1); END'],
  ['p_assert', 'BEGIN ASSERT (SELECT email FROM users) = $$x$$, one(1); RETURN 1; END'],
  [
    'p_exception',
    'BEGIN RETURN 1 / 0; EXCEPTION WHEN division_by_zero THEN PERFORM email FROM users; RETURN 1; END',
  ],
  [
    'p_nested',
    'BEGIN <<inside>> DECLARE id text := $$x$$; BEGIN PERFORM email FROM users WHERE id = inside.id; END; RETURN 1; END',
  ],
  ['p_subscript', 'DECLARE a int[]; BEGIN a[(SELECT id FROM users LIMIT 1)] := 1; RETURN 1; END'],
  ['p_from', 'DECLARE n text; BEGIN n := email FROM users WHERE id = 1; RETURN 1; END'],
  [
    'p_conflict',
    '#variable_conflict use_variable\nDECLARE email text; BEGIN RETURN count(*) FROM users WHERE email = $$x$$; END',
  ],
  [
    'p_alias',
    'DECLARE no ALIAS FOR $1; BEGIN RETURN (SELECT id FROM users WHERE id = no); END',
    '(int) RETURNS int',
  ],
  [
    'p_quoted',
    'DECLARE "SELECT" int; "a;b" text := $x$ BEGIN /* $x$; BEGIN -- email FROM users; \n RETURN "SELECT"; END',
  ],
  ['p_constant', 'BEGIN EXECUTE $$SELECT email FROM users$$; RETURN 1; END'],
  ['p_dynamic', 'BEGIN EXECUTE $$SELECT email FROM $$ || $1; RETURN 1; END', '(text) RETURNS int'],
  ['p_dynamic_where', 'BEGIN EXECUTE $$SELECT 1$$ WHERE one(1) = $$x$$; RETURN 1; END'],
  [
    'p_dynamic_for',
    'DECLARE r record; BEGIN FOR r IN EXECUTE $1 USING 1 LOOP NULL; END LOOP; RETURN 1; END',
    '(text) RETURNS int',
  ],
  ['p_dynamic_query', 'BEGIN RETURN QUERY EXECUTE $1; END', '(text) RETURNS SETOF int'],
  ['p_dynamic_open', 'DECLARE c refcursor; BEGIN OPEN c FOR EXECUTE $1; RETURN 1; END', '(text) RETURNS int'],
  ['p_block', "BEGIN DO 'BEGIN PERFORM email FROM users; END'; RETURN 1; END"],
  ['p_makes', "BEGIN CREATE FUNCTION made() RETURNS int LANGUAGE sql AS 'SELECT 1'; RETURN 1; END"],
  ['p_hidden', 'DECLARE r record := (SELECT ROW(email) FROM users); BEGIN RETURN 1; END'],
  ['p_hidden_call', 'DECLARE r mails := one(1); BEGIN RETURN 1; END'],
  ['p_hidden_operator', 'DECLARE r record := $1 || $$x$$; BEGIN RETURN 1; END', '(text) RETURNS int'],
  ['p_domain', 'DECLARE d shouted := one(1); s status := $$on$$; BEGIN RETURN 1; END'],
  ['p_temporary', 'BEGIN CREATE TEMP TABLE t (a int); INSERT INTO t SELECT id FROM users; RETURN 1; END'],
  ['p_path', 'BEGIN SET LOCAL search_path TO other; RETURN count(secret) FROM users; END'],
  [
    'p_calls',
    'DECLARE c refcursor; r record; BEGIN OPEN c FOR SELECT 1; CALL sets(c); FETCH c INTO r; RETURN 1; END',
  ],
  ['p_ping', 'BEGIN RETURN p_pong(n); END', '(n int) RETURNS int'],
  ['p_pong', 'BEGIN RETURN p_ping(n) + (SELECT max(id) FROM users); END', '(n int) RETURNS int'],
  [
    'p_trigger',
    'BEGIN IF TG_OP = $$INSERT$$ AND NEW.id > (SELECT max(id) FROM users) THEN NEW.id := OLD.id; RETURN NEW; END IF; RETURN NULL; END',
    '() RETURNS trigger',
  ],
  ['p_event', 'BEGIN RAISE NOTICE $$%$$, tg_tag; END', '() RETURNS event_trigger'],
  ['p_long', `BEGIN ${'PERFORM email FROM users; '.repeat(400)} RETURN 1; END`],
  ['p_too_long', `BEGIN ${'PERFORM email FROM users; '.repeat(9_000)} RETURN 1; END`],
  [
    'p_deep',
    `BEGIN ${'IF true THEN '.repeat(90)} PERFORM email FROM users; ${'END IF; '.repeat(90)} RETURN 1; END`,
  ],
  [
    'p_too_deep',
    `BEGIN ${'IF true THEN '.repeat(200)} PERFORM email FROM users; ${'END IF; '.repeat(200)} RETURN 1; END`,
  ],
];

let server: TestServer;
let catalog: Catalog;

beforeAll(async () => {
  server = await TestServer.start();
  const database = await server.database([
    'CREATE SCHEMA app; CREATE SCHEMA other; SET search_path TO app, public; SET check_function_bodies = off',
    'CREATE TABLE app.users (id int PRIMARY KEY, name text, email text)',
    'CREATE TABLE other.users (id int, secret text); CREATE TABLE other.secrets (of text)',
    "CREATE DOMAIN app.shouted AS text CHECK (VALUE = upper(VALUE)); CREATE TYPE app.status AS ENUM ('on', 'off')",
    'CREATE VIEW app.mails AS SELECT id AS no, email FROM app.users',
    "CREATE FUNCTION app.one(n int) RETURNS text LANGUAGE sql AS 'SELECT name FROM users WHERE id = n'",
    'CREATE FUNCTION app.atomic(n int) RETURNS text RETURN (SELECT email FROM app.users WHERE id = n)',
    "CREATE FUNCTION app.through() RETURNS text LANGUAGE sql AS 'SELECT email FROM mails'",
    "CREATE FUNCTION app.calls() RETURNS text LANGUAGE sql AS 'SELECT one(2)'",
    "CREATE FUNCTION app.own() RETURNS text LANGUAGE sql SET search_path TO other AS 'SELECT secret FROM users'",
    "CREATE FUNCTION app.secrets() RETURNS text LANGUAGE sql SET search_path TO other, app AS 'SELECT plain()'",
    "CREATE FUNCTION app.plain() RETURNS text LANGUAGE sql AS 'SELECT max(id::text) FROM users'",
    "CREATE FUNCTION app.elsewhere() RETURNS text LANGUAGE sql SET search_path TO other, app AS 'SELECT only_there()'",
    "CREATE FUNCTION app.only_there() RETURNS text LANGUAGE sql AS 'SELECT max(of) FROM secrets'",
    "CREATE FUNCTION app.definer() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT name FROM users'",
    "CREATE FUNCTION app.unread(text) RETURNS int LANGUAGE internal AS 'textlen'",
    "CREATE FUNCTION app.calls_unread() RETURNS int LANGUAGE sql AS $$ SELECT unread('x') $$",
    "CREATE FUNCTION app.dynamic() RETURNS xml LANGUAGE sql AS $$ SELECT table_to_xml('users', true, false, '') $$",
    "CREATE FUNCTION app.missing() RETURNS int LANGUAGE sql AS 'SELECT x FROM gone'",
    "CREATE FUNCTION app.moves() RETURNS text LANGUAGE sql AS $$ SELECT set_config('search_path', 'other', true); SELECT email FROM users $$",
    "CREATE FUNCTION app.ping(n int) RETURNS int LANGUAGE sql AS 'SELECT pong(n)'",
    "CREATE FUNCTION app.pong(n int) RETURNS int LANGUAGE sql AS 'SELECT ping(n) FROM users WHERE id = n'",
    'CREATE FUNCTION app.twice(text, text) RETURNS text LANGUAGE sql AS $$ SELECT max(email) FROM users $$',
    'CREATE AGGREGATE app.joined(text) (SFUNC = app.twice, STYPE = text)',
    "CREATE FUNCTION app.defaulted(n text DEFAULT app.one(1)) RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE FUNCTION app.counts() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM users'",
    "CREATE FUNCTION app.whole() RETURNS text LANGUAGE sql AS 'SELECT u::text FROM users u'",
    "CREATE FUNCTION app.deletes() RETURNS void LANGUAGE sql AS $$ DELETE FROM users WHERE email = 'x' $$",
    ...plpgsql.map(
      ([name, body, head = '() RETURNS int']) =>
        `CREATE FUNCTION app.${name}${head} LANGUAGE plpgsql AS $body$ ${body} $body$`,
    ),
    "CREATE PROCEDURE app.drops() LANGUAGE sql AS 'DROP TABLE users'",
  ]);
  catalog = (await server.analyst(database)).catalogs.current;
});

afterAll(() => server.stop());

const context = (): Context => {
  const paths = [catalog.usable(searchPath(pinnedPath))];
  return {
    ...catalogContext(catalog, parseMeasured, maxPlpgsqlTokens),
    paths,
    pathKey: JSON.stringify(paths),
    anyOrder: false,
    pinnedSearchPath: pinnedPath,
    findings: new Findings(),
    budget: new Budget(maxAnalysisSteps),
    within: [],
    bodyDepth: 0,
    callers: [],
    running: running([searchPath(pinnedPath), emptySearchPath], [], false),
    parameters: null,
    queries,
  };
};

const readBy = (name: string): readonly string[] | 'unknown' => {
  const [one] = catalog.functions(name);
  if (one === undefined) throw new Error(`${name} was not made`);
  const read = columnsReadBy(one, context());
  return read === 'unknown' ? read : read.map(({ text }) => text).toSorted();
};

describe('the columns that a function may read', () => {
  test.each<readonly [string, readonly string[] | 'unknown']>([
    ['one', ['app.users.id', 'app.users.name']],
    ['atomic', ['app.users.email', 'app.users.id']],
    ['through', ['app.mails.email', 'app.users.email']],
    ['calls', ['app.users.id', 'app.users.name']],
    ['own', ['other.users.secret']],
    // By its caller's search path it reads another table.
    ['secrets', 'unknown'],
    ['plain', ['app.users.id']],
    ['elsewhere', ['other.secrets.of']],
    ['only_there', 'unknown'],
    ['definer', ['app.users.name']],
    ['unread', 'unknown'],
    ['calls_unread', 'unknown'],
    ['dynamic', 'unknown'],
    ['missing', 'unknown'],
    ['moves', 'unknown'],
    ['ping', ['app.users.id']],
    ['pong', ['app.users.id']],
    ['joined', ['app.users.email']],
    ['defaulted', ['app.users.id', 'app.users.name']],
    ['counts', []],
    ['whole', ['app.users.email', 'app.users.id', 'app.users.name']],
    ['deletes', ['app.users.email']],
    ['drops', []],
    ['p_empty', []],
    ['p_default', ['app.users.email']],
    ['p_row', ['app.users.email', 'app.users.id', 'app.users.name']],
    ['p_type', ['app.users.id', 'app.users.name']],
    ['p_if', ['app.users.email', 'app.users.id', 'app.users.name']],
    ['p_while', ['app.users.name']],
    ['p_case', ['app.users.email', 'app.users.id']],
    ['p_for', ['app.users.name']],
    ['p_fori', ['app.users.id']],
    ['p_foreach', ['app.users.email']],
    ['p_bound', ['app.users.email', 'app.users.id']],
    ['p_named', ['app.users.email']],
    ['p_unbound', ['app.users.name']],
    ['p_foreign_cursor', 'unknown'],
    ['p_moved_cursor', 'unknown'],
    ['p_given_cursor', 'unknown'],
    ['p_query', ['app.users.email']],
    ['p_table', ['app.users.email', 'app.users.id', 'app.users.name']],
    ['p_out', ['app.users.email']],
    ['p_raise', ['app.users.email']],
    ['p_assert', ['app.users.email', 'app.users.id', 'app.users.name']],
    ['p_exception', ['app.users.email']],
    // Which of both it is, the server says only when it runs.
    ['p_nested', ['app.users.email', 'app.users.id']],
    ['p_subscript', ['app.users.id']],
    ['p_from', ['app.users.email', 'app.users.id']],
    ['p_conflict', ['app.users.email']],
    ['p_alias', ['app.users.id']],
    ['p_quoted', []],
    ['p_constant', ['app.users.email']],
    ['p_dynamic', 'unknown'],
    ['p_dynamic_where', 'unknown'],
    ['p_dynamic_for', 'unknown'],
    ['p_dynamic_query', 'unknown'],
    ['p_dynamic_open', 'unknown'],
    ['p_block', ['app.users.email']],
    ['p_makes', 'unknown'],
    ['p_hidden', 'unknown'],
    ['p_hidden_call', 'unknown'],
    ['p_hidden_operator', 'unknown'],
    ['p_domain', ['app.users.id', 'app.users.name']],
    ['p_temporary', 'unknown'],
    ['p_path', 'unknown'],
    ['p_calls', 'unknown'],
    ['p_ping', ['app.users.id']],
    ['p_pong', ['app.users.id']],
    ['p_trigger', ['app.users.id']],
    ['p_event', []],
    ['p_long', ['app.users.email']],
    ['p_too_long', 'unknown'],
    ['p_deep', ['app.users.email']],
    ['p_too_deep', 'unknown'],
  ])('%s', (name, expected) => {
    expect(readBy(name)).toEqual(expected);
  });
});
