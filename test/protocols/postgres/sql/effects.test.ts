import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Analyst, TestServer } from './database.ts';

let server: TestServer;
let analyst: Analyst;

beforeAll(async () => {
  server = await TestServer.start();
  const database = await server.database([
    'CREATE SCHEMA app; CREATE SCHEMA audit; CREATE SCHEMA "Odd.Schema"',
    'CREATE TABLE app.users(id int PRIMARY KEY, email text UNIQUE, ssn text, name text, n int)',
    'CREATE TABLE app.cards(id int PRIMARY KEY, user_id int REFERENCES app.users ON DELETE CASCADE, pan text)',
    'CREATE TABLE app.notes(id int, user_email text REFERENCES app.users(email) ON UPDATE CASCADE ON DELETE SET NULL)',
    'CREATE TABLE app.cardnotes(id int, card_id int REFERENCES app.cards ON DELETE CASCADE)',
    'CREATE TABLE app."USERS"(email text); CREATE TABLE "Odd.Schema"."a.b"("c.d" int)',
    'CREATE TABLE audit.log(id serial, msg text)',
    'CREATE TABLE app.events(id int, k int) PARTITION BY LIST (k)',
    'CREATE TABLE app.events1 PARTITION OF app.events FOR VALUES IN (1)',
    'CREATE TABLE app.people(id int); CREATE TABLE app.staff(salary int) INHERITS (app.people)',
    // Code that runs by itself.
    `CREATE FUNCTION app.fires() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'`,
    `CREATE FUNCTION app.gives() RETURNS int LANGUAGE sql AS 'SELECT 1'`,
    `CREATE FUNCTION app.checks(int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true'`,
    `CREATE FUNCTION app.keys(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1'`,
    `CREATE FUNCTION app.sees(int) RETURNS bool LANGUAGE sql VOLATILE AS 'SELECT true'`,
    `CREATE FUNCTION app.knows(int) RETURNS bool LANGUAGE sql STABLE AS 'SELECT true'`,
    'CREATE DOMAIN app.checked AS int CHECK (app.checks(VALUE))',
    'CREATE TYPE app.pair AS (a int, b app.checked)',
    'CREATE TABLE app.busy(id int, d int DEFAULT app.gives(), c int CHECK (app.checks(c)), v app.checked)',
    'CREATE INDEX ON app.busy (app.keys(id))',
    'CREATE TRIGGER t BEFORE UPDATE ON app.busy FOR EACH ROW EXECUTE FUNCTION app.fires()',
    'CREATE TABLE app.guarded(id int); ALTER TABLE app.guarded ENABLE ROW LEVEL SECURITY',
    'CREATE POLICY p ON app.guarded USING (app.sees(id)); CREATE POLICY q ON app.guarded USING (app.knows(id))',
    // Views and rules.
    'CREATE VIEW app.simple AS SELECT id, name AS label FROM app.users WHERE n > 0',
    'CREATE VIEW app.joined AS SELECT u.id, c.pan FROM app.users u JOIN app.cards c ON c.user_id = u.id',
    'CREATE VIEW app.calling AS SELECT id, app.gives() AS g FROM app.users',
    'CREATE VIEW app.sleeping AS SELECT pg_sleep(0) IS NULL AS s FROM app.users',
    'CREATE MATERIALIZED VIEW app.stored AS SELECT id, app.gives() AS g FROM app.users',
    'CREATE VIEW app.triggered AS SELECT count(*) AS n FROM app.users',
    'CREATE TRIGGER t INSTEAD OF INSERT ON app.triggered FOR EACH ROW EXECUTE FUNCTION app.fires()',
    'CREATE VIEW app.ruled AS SELECT id FROM app.users',
    'CREATE RULE r AS ON INSERT TO app.ruled DO INSTEAD DELETE FROM app.cards WHERE user_id = NEW.id',
    // Names that mean something else than they seem to.
    'CREATE FUNCTION app.wipe(app.users) RETURNS int LANGUAGE sql AS $$SELECT 1$$',
    `CREATE FUNCTION app.lower(int) RETURNS int LANGUAGE sql AS 'SELECT 1'`,
    `CREATE FUNCTION app.same(int, int) RETURNS bool LANGUAGE sql AS 'SELECT true'`,
    'CREATE OPERATOR app.=== (LEFTARG = int, RIGHTARG = int, FUNCTION = app.same)',
    `CREATE FUNCTION app.json_value(text, text) RETURNS text LANGUAGE sql AS 'SELECT $1'`,
    `CREATE FUNCTION app.add(int, int) RETURNS int LANGUAGE sql AS 'SELECT 1'`,
    'CREATE AGGREGATE app.total(int) (SFUNC = app.add, STYPE = int)',
    `CREATE PROCEDURE app.clean(int) LANGUAGE sql AS 'SELECT 1'`,
    `CREATE FUNCTION app.toint(app.users) RETURNS int LANGUAGE sql AS 'SELECT 1'`,
    'CREATE CAST (app.users AS int) WITH FUNCTION app.toint(app.users)',
    'CREATE EXTENSION hstore',
  ]);
  analyst = await server.analyst(database);
});

afterAll(() => server.stop());

type Row = readonly [text: string, effects: readonly string[]];

const check = (rows: readonly Row[]): void => {
  test.each(rows)('%s', async (text, effects) => {
    expect(await analyst.effects(text)).toEqual(effects);
  });
};

describe('reading and changing rows, at any depth', () => {
  check([
    ['SELECT 1', []],
    ['TABLE users', ['select app.users']],
    ['SELECT email FROM "USERS"', ['select app.USERS']],
    ['SELECT "c.d" FROM "Odd.Schema"."a.b"', ['select "Odd.Schema"."a.b"']],
    ['WITH u AS (SELECT 1) SELECT * FROM u', []],
    [
      'WITH users AS (SELECT 1) DELETE FROM users',
      ['delete app.cardnotes', 'delete app.cards', 'delete app.users', 'update app.notes'],
    ],
    [
      'WITH x AS (DELETE FROM cards RETURNING id) SELECT 1',
      ['delete app.cardnotes', 'delete app.cards', 'select app.cards'],
    ],
    ['SELECT (SELECT count(*) FROM cards)', ['select app.cards']],
    ['SELECT 1 WHERE EXISTS (TABLE cards)', ['select app.cards']],
    ['SELECT 1 ORDER BY (SELECT id FROM cards)', ['select app.cards']],
    ['INSERT INTO users(id) VALUES (1)', ['insert app.users']],
    ['INSERT INTO users(id) VALUES (1) RETURNING id', ['insert app.users', 'select app.users']],
    ['INSERT INTO users(id) SELECT id FROM cards', ['insert app.users', 'select app.cards']],
    [
      'INSERT INTO cards(id) VALUES (1) ON CONFLICT (id) DO UPDATE SET pan = excluded.pan',
      ['insert app.cards', 'select app.cards', 'update app.cards'],
    ],
    ['UPDATE users SET name = $1', ['update app.users']],
    ["UPDATE users SET email = 'x'", ['update app.notes', 'update app.users']],
    [
      'MERGE INTO cards c USING users u ON c.user_id = u.id WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT (id) VALUES (u.id)',
      [
        'delete app.cardnotes',
        'delete app.cards',
        'insert app.cards',
        'merge app.cards',
        'select app.cards',
        'select app.users',
      ],
    ],
    ['TRUNCATE cards', ['truncate app.cards']],
    ['TRUNCATE cards CASCADE', ['truncate app.cardnotes', 'truncate app.cards']],
    ['SELECT id FROM users FOR UPDATE', ['lock app.users', 'select app.users']],
    ['SELECT * FROM (SELECT id FROM cards) c FOR SHARE', ['lock app.cards', 'select app.cards']],
    [
      'SELECT id FROM joined FOR UPDATE',
      [
        'lock app.cards',
        'lock app.joined',
        'lock app.users',
        'select app.cards',
        'select app.joined',
        'select app.users',
      ],
    ],
    ['LOCK TABLE users', ['lock app.users']],
    ['SELECT * FROM events1', ['select app.events', 'select app.events1']],
    ['DELETE FROM events1', ['delete app.events', 'delete app.events1']],
    ['SELECT * FROM people', ['select app.people', 'select app.staff']],
    ['SELECT * FROM ONLY people', ['select app.people']],
    ['DELETE FROM people', ['delete app.people', 'delete app.staff']],
    ['EXPLAIN DELETE FROM cards', ['delete app.cardnotes', 'delete app.cards']],
    ['EXPLAIN (ANALYZE 1) UPDATE users SET name = $1', ['update app.users']],
    ['PREPARE p AS UPDATE users SET name = $1', []],
    ['DECLARE c CURSOR FOR SELECT id FROM users', ['select app.users']],
    ['COPY users TO STDOUT', ['select app.users']],
    ['COPY users FROM STDIN', ['insert app.users']],
    ['COPY (DELETE FROM cards RETURNING 1) TO STDOUT', ['delete app.cardnotes', 'delete app.cards']],
    ["COPY users TO '/tmp/x'", ['copy-file /tmp/x', 'select app.users']],
    ["COPY users FROM PROGRAM 'id'", ['copy-program id', 'insert app.users']],
    ["COPY users TO STDOUT (ENCODING 'SJIS')", ['select app.users', 'set client_encoding']],
  ]);
});

describe('views, rules and code that runs by itself', () => {
  check([
    ['SELECT label FROM simple', ['select app.simple', 'select app.users']],
    [
      'DELETE FROM simple',
      [
        'delete app.cardnotes',
        'delete app.cards',
        'delete app.simple',
        'delete app.users',
        'select app.users',
        'update app.notes',
      ],
    ],
    ["UPDATE simple SET label = 'x'", ['select app.users', 'update app.simple', 'update app.users']],
    ['SELECT id FROM calling', ['call app.gives', 'select app.calling', 'select app.users']],
    ['SELECT * FROM sleeping', ['call pg_catalog.pg_sleep', 'select app.sleeping', 'select app.users']],
    ['SELECT g FROM stored', ['select app.stored', 'select app.users']],
    [
      'REFRESH MATERIALIZED VIEW stored',
      ['call app.gives', 'maintain app.stored materialized view', 'select app.users'],
    ],
    ['INSERT INTO triggered VALUES (1)', ['call app.fires', 'insert app.triggered', 'select app.users']],
    [
      'INSERT INTO ruled VALUES (1)',
      [
        'delete app.cardnotes',
        'delete app.cards',
        'insert app.ruled',
        'insert app.users',
        'opaque: rewrite-rule',
        'select app.cards',
        'select app.ruled',
        'select app.users',
      ],
    ],
    [
      "UPDATE pg_settings SET setting = 'off' WHERE name = 'x'",
      ['opaque: rewrite-rule', 'select pg_catalog.pg_settings', 'update pg_catalog.pg_settings'],
    ],
    [
      'INSERT INTO busy(id) VALUES (1)',
      ['call app.checks', 'call app.gives', 'call app.keys', 'insert app.busy'],
    ],
    [
      'UPDATE busy SET id = 2',
      ['call app.checks', 'call app.fires', 'call app.gives', 'call app.keys', 'update app.busy'],
    ],
    ['DELETE FROM busy', ['delete app.busy']],
    ['SELECT * FROM busy', ['select app.busy']],
    ['SELECT * FROM guarded', ['call app.sees', 'select app.guarded']],
  ]);
});

describe('functions, operators and casts', () => {
  check([
    ['SELECT lower(name), now(), count(*) FROM users GROUP BY 1', ['select app.users']],
    ['SELECT pg_sleep(1)', ['call pg_catalog.pg_sleep']],
    ['SELECT lower(n) FROM users', ['call app.lower', 'select app.users']],
    ['SELECT lower($1)', ['call app.lower']],
    ['SELECT u.wipe FROM users u', ['call app.wipe', 'select app.users']],
    ['SELECT wipe(u) FROM users u', ['call app.wipe', 'select app.users']],
    ['SELECT (u).wipe FROM users u', ['call app.wipe', 'select app.users']],
    ['SELECT u.email, email(u) FROM users u', ['select app.users']],
    ['SELECT 1 OPERATOR(app.===) 1', ['call app.same']],
    ['SELECT 1 === 1', ['call app.same']],
    ['SELECT 1 = 1, n = 1 FROM users', ['select app.users']],
    ['SELECT app.total(n) FROM users', ['call app.total', 'select app.users']],
    [
      'SELECT count(*) FILTER (WHERE app.gives() = 1) OVER (ORDER BY app.gives()) FROM users',
      ['call app.gives', 'select app.users'],
    ],
    ['SELECT 1 LIMIT app.gives()', ['call app.gives']],
    ["SELECT '1'::app.checked", ['call app.checks']],
    ["SELECT '(1,2)'::app.pair", ['call app.checks']],
    ["SELECT '{1}'::app.checked[]", ['call app.checks']],
    ["SELECT CAST('1' AS app.checked)", ['call app.checks']],
    ["SELECT app.checked('1')", ['call app.checks']],
    [`SELECT * FROM json_to_record('{"a":1}') AS x(a app.checked)`, ['call app.checks']],
    [`SELECT jsonb_populate_record(NULL::app.pair, '{}')`, ['call app.checks']],
    ["SELECT 'a=>1'::public.hstore", ['call public.hstore_in']],
    ['SELECT u::int FROM users u', ['call app.toint', 'select app.users']],
    ['CALL app.clean(app.gives())', ['call app.clean', 'call app.gives']],
    ["DO 'BEGIN END'", ['do plpgsql']],
    [
      "DO 'BEGIN PERFORM min(id) FROM users; PERFORM app.clean(app.gives()); END'",
      ['call app.clean', 'call app.gives', 'do plpgsql', 'select app.users'],
    ],
    [
      "DO 'BEGIN EXECUTE lower(''x''); INSERT INTO users(id) VALUES (1); END'",
      ['do plpgsql', 'insert app.users', 'opaque: procedural-code'],
    ],
    ["DO LANGUAGE plperl 'x'", ['do plperl', 'opaque: procedural-code']],
    ["DO 'BEGIN BROKEN'", ['do plpgsql', 'opaque: procedural-code']],
    // JSON_VALUE is syntax since PostgreSQL 17; before, it is whatever function has that name.
    [
      "SELECT nextval('x'), currval('x'), setval('x', 1)",
      ['call pg_catalog.nextval', 'call pg_catalog.setval'],
    ],
    ["SELECT set_config('application_name', 'x', false)", []],
    ["SELECT set_config('role', 'x', false)", ['set role']],
    ["SELECT set_config('search_path', 'audit', false)", ['set search_path']],
    ["SELECT set_config('search_path', 'app, public, pg_temp', false)", []],
    ["SELECT set_config(name, '', false) FROM users", ['call pg_catalog.set_config', 'select app.users']],
    ["SELECT current_setting('server_version')", []],
    ["SELECT current_setting('data_directory')", ['call pg_catalog.current_setting (data_directory)']],
    ['SELECT * FROM users TABLESAMPLE BERNOULLI (1)', ['select app.users']],
  ]);

  test('JSON_VALUE is a function’s name on a server that does not know it as syntax', async () => {
    const isSyntax = analyst.catalogs.current.serverVersion >= 170_000;
    const calls = isSyntax ? [] : ['call app.json_value'];
    expect(await analyst.effects("SELECT json_value('{}', '$.a')")).toEqual(calls);
  });
});

describe('what cannot be understood', () => {
  check([
    ['SELECT * FROM nowhere', ['opaque: unknown-relation', 'select nowhere']],
    ['SELECT * FROM app.nowhere', ['opaque: unknown-relation', 'select app.nowhere']],
    ['SELECT * FROM users AS u(a, b, c) WHERE d = 1', ['opaque: unknown-column', 'select app.users']],
    ['SELECT nothing(1)', ['call nothing', 'opaque: unknown-function']],
    ['SELECT 1 ==== 1', ['opaque: unknown-operator']],
    ["SELECT 'x'::nothing", ['opaque: unknown-type']],
    ['SELECT FROM', ['unacceptable: unparsable']],
    ['SELECT msg FROM log', ['opaque: unknown-relation', 'select log']],
    ['INSERT INTO nowhere VALUES (1)', ['insert nowhere', 'opaque: unknown-relation']],
    [
      'CREATE FUNCTION app.f() RETURNS int LANGUAGE sql RETURN 1',
      ['create function app.f function', 'opaque: procedural-code'],
    ],
  ]);
});

describe('definitions and rights', () => {
  check([
    ['CREATE TABLE t(id serial, name text DEFAULT now())', ['create app.t table']],
    ['CREATE TEMP TABLE t(id int)', ['create pg_temp.t table']],
    ['CREATE TABLE audit.t AS SELECT id FROM users', ['create audit.t table', 'select app.users']],
    ['SELECT id INTO t FROM users', ['create app.t table', 'select app.users']],
    ['CREATE TABLE t(x int CHECK (app.checks(x)))', ['call app.checks', 'create app.t table']],
    ['CREATE TABLE t(u text REFERENCES app.users(email))', ['create app.t table', 'select app.users']],
    [
      'CREATE TABLE t PARTITION OF app.events FOR VALUES IN (2)',
      ['alter app.events table', 'create app.t table'],
    ],
    [
      'CREATE VIEW v AS SELECT app.gives() FROM users',
      ['call app.gives', 'create app.v view', 'select app.users'],
    ],
    [
      'CREATE INDEX i ON users (app.keys(n))',
      ['call app.keys', 'create index i on app.users index', 'select app.users'],
    ],
    [
      'CREATE TRIGGER t AFTER INSERT ON users EXECUTE FUNCTION app.fires()',
      ['create trigger t on app.users trigger'],
    ],
    [
      'CREATE RULE r AS ON INSERT TO users DO ALSO DELETE FROM audit.log',
      ['create rule r on app.users rule', 'delete audit.log'],
    ],
    ['CREATE SCHEMA s CREATE TABLE t(id int)', ['create s.t table', 'create schema s schema']],
    ['ALTER TABLE users ADD COLUMN x int DEFAULT app.gives()', ['alter app.users table', 'call app.gives']],
    [
      'ALTER TABLE users ALTER id ADD GENERATED BY DEFAULT AS IDENTITY (SEQUENCE NAME app.numbers START WITH 9)',
      ['alter app.users table'],
    ],
    ['ALTER TABLE users RENAME COLUMN ssn TO x', ['alter column ssn on app.users column']],
    [
      'ALTER TABLE events ATTACH PARTITION people FOR VALUES IN (3)',
      ['alter app.events table', 'alter app.people table'],
    ],
    ['DROP TABLE users, cards', ['drop app.cards table', 'drop app.users table']],
    ['DROP VIEW app.simple', ['drop app.simple view']],
    ['DROP FUNCTION app.gives()', ['drop function app.gives function']],
    ['DROP SCHEMA app', ['drop schema app schema']],
    ['DROP TRIGGER t ON busy', ['drop trigger t on app.busy trigger']],
    ['COMMENT ON COLUMN users.ssn IS NULL', ['comment column ssn on app.users column']],
    ['GRANT SELECT ON users TO public', ['grant app.users table']],
    ['GRANT ALL ON ALL TABLES IN SCHEMA app TO public', ['grant table all in schema app table']],
    ['REVOKE ALL ON SCHEMA app FROM public', ['revoke schema app schema']],
    ['GRANT app_admin TO app_ro', ['grant role app_admin role']],
    ['ALTER ROLE app_ro SET search_path = audit', ['alter role app_ro role']],
    ['ALTER SYSTEM SET work_mem = 1', ['alter server configuration work_mem server configuration']],
    ['REASSIGN OWNED BY a TO b', ['alter all objects owned by a all objects']],
    ['CREATE EXTENSION dblink', ['create extension dblink extension']],
    ["CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p", ['replicate subscription s subscription']],
    ['VACUUM users', ['maintain app.users table']],
    ['CHECKPOINT', ['maintain server server']],
    ["LOAD 'x'", ['load x']],
  ]);
});

describe('the session', () => {
  check([
    ['BEGIN', []],
    ['BEGIN READ ONLY', []],
    ['BEGIN READ WRITE', ['set transaction_read_only']],
    ['SET TRANSACTION ISOLATION LEVEL SERIALIZABLE', []],
    ['SET TRANSACTION READ WRITE', ['set transaction_read_only']],
    ['SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE', ['set default_transaction_read_only']],
    ["PREPARE TRANSACTION 'x'", ['two-phase prepare x']],
    ["COMMIT PREPARED 'x'", ['two-phase commit x']],
    ["SET application_name = 'x'", []],
    ['SET LOCAL statement_timeout = 0', ['set statement_timeout']],
    ["SET NAMES 'latin1'", ['set client_encoding']],
    ["SET SCHEMA 'audit'", ['set search_path']],
    ["SET search_path = ''", []],
    ['SET search_path = app, public, pg_temp', []],
    ['SET search_path = DEFAULT', ['set search_path']],
    ['SET ROLE x', ['set role']],
    ['SET SESSION AUTHORIZATION x', ['set session_authorization']],
    ['RESET ALL', ['set all']],
    ['RESET timezone', []],
    ['DISCARD ALL', ['discard all']],
    ['SHOW server_version', []],
    ['SHOW data_directory', ['call pg_catalog.current_setting (data_directory)']],
    ['LISTEN x', ['listen x']],
    ['NOTIFY x', ['notify x']],
    ['UNLISTEN *', []],
    ['', []],
    ['-- nothing', []],
    ['SELECT 1; DROP TABLE users; SELECT 2', ['drop app.users table']],
  ]);

  test('an empty search_path makes names mean less, and what may be in force counts', async () => {
    const empty = { emptySearchPath: true };
    expect(await analyst.effects('SELECT * FROM users', empty)).toEqual(['select app.users']);
    expect(await analyst.effects('SELECT lower(n) FROM users', empty)).toContain('call app.lower');
    expect(await analyst.effects("SET search_path = ''; SELECT lower(1)")).toEqual(['call app.lower']);
  });
});

describe('names of the session', () => {
  test.each([
    ['EXECUTE p(1)', 'prepared', 'p', 'returned'],
    ['EXPLAIN ANALYZE EXECUTE p', 'prepared', 'p', 'explained'],
    ['CREATE TABLE t AS EXECUTE p', 'prepared', 'p', 'stored'],
    ['EXPLAIN ANALYZE CREATE TABLE t AS EXECUTE p', 'prepared', 'p', 'stored'],
    ['FETCH 1 FROM "C c"', 'cursor', 'C c', 'returned'],
    ['MOVE 1 IN c', 'cursor', 'c', 'dropped'],
  ])('%s uses a name', async (text, kind, name, rows) => {
    expect((await analyst.facts(text)).nameUse).toEqual({ kind, name, rows });
  });

  test.each([
    ['PREPARE "as" (int, text) AS /* AS */ SELECT $1 AS b', 'prepare', 'as', '/* AS */ SELECT $1 AS b'],
    ['DECLARE c CURSOR WITH HOLD FOR SELECT id FROM users', 'declare', 'c', 'SELECT id FROM users'],
    ['PREPARE ü AS SELECT 1', 'prepare', 'ü', 'SELECT 1'],
  ])('%s keeps the body’s own text', async (text, kind, name, body) => {
    const { nameChange } = await analyst.facts(text);
    expect(nameChange).toMatchObject({ kind, name, body: { text: body } });
  });

  test.each([
    ['DEALLOCATE p', { kind: 'deallocate', name: 'p' }],
    ['DEALLOCATE ALL', { kind: 'deallocate-all' }],
    ['CLOSE c', { kind: 'close', name: 'c' }],
    ['CLOSE ALL', { kind: 'close-all' }],
    ['DISCARD ALL', { kind: 'discard-all' }],
    ['DISCARD PLANS', null],
  ])('%s changes names', async (text, change) => {
    expect((await analyst.facts(text)).nameChange).toEqual(change);
  });

  test.each([
    ['BEGIN', { ends: false }],
    ['COMMIT', { ends: true }],
    ['COMMIT AND CHAIN', { ends: false }],
    ['ROLLBACK TO s', { ends: false }],
    ['ABORT', { ends: true }],
    ['SELECT 1', null],
  ])('%s and the transaction', async (text, transaction) => {
    expect((await analyst.facts(text)).transaction).toEqual(transaction);
  });
});

test('the statements of a text are cut out of it, whatever its characters', async () => {
  const { statements, intent } = await analyst.analyse(" SELECT 'ü'; /* é */ SELECT 2 -- x\n;");
  expect(statements.map((statement) => statement.text)).toEqual(["SELECT 'ü'", 'SELECT 2 -- x']);
  expect(intent.commands).toBe(2);
});

test('COPY TO STDOUT tells its format', async () => {
  const { copyOut } = await analyst.facts(
    "COPY users TO STDOUT (FORMAT csv, HEADER, DELIMITER ';', QUOTE '$', NULL 'n')",
  );
  expect(copyOut).toEqual({
    format: 'csv',
    delimiter: ';',
    nullText: 'n',
    quote: '$',
    escape: '$',
    header: true,
  });
  expect((await analyst.facts('COPY users TO STDOUT')).copyOut).toMatchObject({
    format: 'text',
    delimiter: '\t',
    nullText: '\\N',
  });
  expect((await analyst.facts('COPY users FROM STDIN')).copyIn).toBe(true);
});
