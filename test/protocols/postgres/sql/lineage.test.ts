import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { effectsWhenStored } from '../../../../services/protocols/postgres/sql/stored.ts';
import { type Analyst, TestServer } from './database.ts';

let server: TestServer;
let analyst: Analyst;

beforeAll(async () => {
  server = await TestServer.start();
  const database = await server.database([
    'CREATE SCHEMA app',
    'CREATE TABLE app.users(id int PRIMARY KEY, email text UNIQUE, ssn text, name text)',
    'CREATE TABLE app.cards(id int PRIMARY KEY, user_id int, pan text)',
    'CREATE VIEW app.v AS SELECT id, ssn AS code, lower(email) AS mail FROM app.users WHERE name <> $$x$$',
    'CREATE VIEW app.vv AS SELECT code FROM app.v',
    'CREATE TABLE app.made(a text, b text GENERATED ALWAYS AS (upper(a)) STORED)',
    'CREATE TABLE app.parts(id int, s text) PARTITION BY LIST (id)',
    'CREATE TABLE app.part1 PARTITION OF app.parts FOR VALUES IN (1)',
    `CREATE FUNCTION app.everyone() RETURNS SETOF app.users LANGUAGE sql AS 'SELECT * FROM app.users'`,
    `CREATE FUNCTION app.masked() RETURNS SETOF app.v LANGUAGE sql AS 'SELECT * FROM app.v'`,
  ]);
  analyst = await server.analyst(database);
});

afterAll(() => server.stop());

const users = (...columns: readonly string[]): readonly string[] =>
  columns.map((column) => `app.users.${column}`);
const row = '~app.users.id+app.users.email+app.users.ssn+app.users.name';

describe('output columns', () => {
  test.each<[string, readonly string[] | null]>([
    ['SELECT ssn, name AS ssn FROM users', users('ssn', 'name')],
    ['SELECT * FROM users', users('id', 'email', 'ssn', 'name')],
    ['TABLE users', users('id', 'email', 'ssn', 'name')],
    ['SELECT c FROM users AS u(a, b, c)', users('ssn')],
    [
      'SELECT lower(ssn), ssn || $1, ssn::int FROM users',
      ['~app.users.ssn', '~app.users.ssn', '~app.users.ssn'],
    ],
    ['SELECT ssn::text FROM users', users('ssn')],
    [
      'SELECT u, users.*, row_to_json(u) FROM users u, users',
      [row, ...users('id', 'email', 'ssn', 'name'), row],
    ],
    ['SELECT (u).ssn, ssn(u), (u).* FROM users u', users('ssn', 'ssn', 'id', 'email', 'ssn', 'name')],
    [
      'SELECT (SELECT ssn FROM users LIMIT 1), ARRAY(SELECT ssn FROM users)',
      ['app.users.ssn', '~app.users.ssn'],
    ],
    ['SELECT count(*), count(ssn), 1, now() FROM users', ['-', '~app.users.ssn', '-', '-']],
    ['SELECT string_agg(name, $1 ORDER BY ssn) FROM users', ['~app.users.name+app.users.ssn']],
    ['SELECT max(name) FILTER (WHERE ssn > $1) FROM users', ['~app.users.name+app.users.ssn']],
    ['SELECT x.a FROM (SELECT ssn AS a FROM users) x', users('ssn')],
    ['WITH t(a) AS (SELECT ssn FROM users) SELECT a FROM t', users('ssn')],
    ['SELECT l.v FROM users u, LATERAL (SELECT u.ssn) l(v)', users('ssn')],
    ['SELECT v FROM users, LATERAL (VALUES (ssn), (name)) t(v)', ['~app.users.ssn+app.users.name']],
    ['SELECT id, pan FROM users JOIN cards USING (id)', ['app.users.id', 'app.cards.pan']],
    [
      'SELECT * FROM users NATURAL JOIN cards',
      [...users('id', 'email', 'ssn', 'name'), 'app.cards.user_id', 'app.cards.pan'],
    ],
    [
      'SELECT j.* FROM (users u CROSS JOIN (SELECT 1) x(o)) AS j(a, b, c)',
      [...users('id', 'email', 'ssn', 'name'), '-'],
    ],
    ['SELECT name FROM users UNION ALL SELECT ssn FROM users', ['~app.users.name+app.users.ssn']],
    ['SELECT ssn FROM users UNION ALL SELECT ssn FROM users', users('ssn')],
    [
      'WITH RECURSIVE r(n, v) AS (SELECT 1, ssn FROM users UNION ALL SELECT n + 1, v FROM r) SELECT v, n FROM r',
      ['app.users.ssn', '-'],
    ],
    [
      'WITH RECURSIVE r(a, b) AS (SELECT ssn, name FROM users UNION ALL SELECT b, a FROM r) SELECT a FROM r',
      ['~app.users.ssn+app.users.name'],
    ],
    ['WITH x AS (DELETE FROM users RETURNING ssn) SELECT * FROM x', users('ssn')],
    ['INSERT INTO cards VALUES (1, 2, $1) RETURNING pan, id + 1', ['app.cards.pan', '~app.cards.id']],
    ['UPDATE users SET name = $1 RETURNING old.ssn, new.name', users('ssn', 'name')],
    ['INSERT INTO cards DEFAULT VALUES', null],
    ['SELECT code, mail FROM v', ['app.v.code+app.users.ssn', '~app.v.mail+app.users.email']],
    ['SELECT * FROM vv', ['app.vv.code+app.v.code+app.users.ssn']],
    ['SELECT a, b FROM made', ['app.made.a', '~app.made.b+app.made.a']],
    ['SELECT s FROM part1', ['app.part1.s+app.parts.s']],
    ['SELECT ssn FROM app.everyone()', users('ssn')],
    ['SELECT code FROM app.masked()', ['app.v.code+app.users.ssn']],
    ['SELECT * FROM generate_series(1, 2) WITH ORDINALITY AS g(a, b)', ['-', '-']],
    ['SELECT * FROM ROWS FROM (unnest(ARRAY[1]), generate_series(1, 2)) AS t(a, b)', ['-', '-']],
    [`SELECT * FROM json_to_record('{}') AS x(a int, b text)`, ['-', '-']],
    [`SELECT value FROM users, jsonb_each(to_jsonb(users))`, [row]],
    ['SELECT tableoid, ctid FROM users', ['-', '-']],
    ['EXPLAIN SELECT ssn FROM users', ['-']],
    ['SHOW server_version', ['-']],
    ['COPY users(ssn, id) TO STDOUT', users('ssn', 'id')],
    ['COPY (SELECT ssn FROM users) TO STDOUT', users('ssn')],
    ['SELECT ROW(ssn, 1), CASE WHEN ssn = $1 THEN 1 END FROM users', ['~app.users.ssn', '~app.users.ssn']],
    ['SELECT nothing FROM users', null],
    ['SELECT * FROM nowhere', null],
  ])('%s', async (text, outputs) => {
    expect(await analyst.outputs(text)).toEqual(outputs);
  });
});

describe('columns that show otherwise than as output', () => {
  test.each<[string, readonly string[]]>([
    ['SELECT ssn FROM users', []],
    ['SELECT DISTINCT ssn FROM users', []],
    ['SELECT DISTINCT ON (ssn) ssn FROM users', []],
    ['SELECT ssn, count(*) FROM users GROUP BY ssn', []],
    ['SELECT name FROM users WHERE ssn = $1', users('ssn')],
    ['SELECT name FROM users GROUP BY name, ssn', users('ssn')],
    ['SELECT DISTINCT ON (ssn) name FROM users', users('ssn')],
    ['SELECT DISTINCT x FROM (SELECT ssn AS x FROM users UNION ALL SELECT $1) t', users('ssn')],
    ['SELECT name FROM users GROUP BY 1 HAVING max(ssn) > $1', users('ssn')],
    ['SELECT name FROM users ORDER BY ssn', users('ssn')],
    ['SELECT ssn AS name FROM users ORDER BY name', users('ssn')],
    ['SELECT ssn FROM users ORDER BY 1', users('ssn')],
    ['SELECT rank() OVER (ORDER BY ssn) FROM users', users('ssn')],
    ['SELECT rank() OVER w FROM users WINDOW w AS (PARTITION BY ssn)', users('ssn')],
    ['SELECT 1 FROM users LIMIT (SELECT length(ssn) FROM users)', users('ssn')],
    ['SELECT 1 FROM users u JOIN cards c ON c.pan = u.ssn', ['app.cards.pan', 'app.users.ssn']],
    ['SELECT 1 FROM users a JOIN users b USING (ssn)', users('ssn')],
    ['SELECT 1 FROM (SELECT ssn FROM users) a NATURAL JOIN (SELECT $1::text AS ssn) b', users('ssn')],
    ['SELECT ssn FROM users UNION SELECT $1', users('ssn')],
    ['SELECT ssn FROM users INTERSECT SELECT $1', users('ssn')],
    ['SELECT $1 IN (SELECT ssn FROM users)', users('ssn')],
    ['SELECT EXISTS (SELECT ssn FROM users)', []],
    ['SELECT n FROM users, generate_series(1, length(ssn)) n', users('ssn')],
    ['SELECT generate_series(1, length(ssn)) FROM users', users('ssn')],
    ['SELECT * FROM users TABLESAMPLE BERNOULLI ((SELECT length(ssn) FROM users LIMIT 1))', users('ssn')],
    ['INSERT INTO cards(pan) SELECT ssn FROM users', users('ssn')],
    ['UPDATE users SET name = ssn', users('ssn')],
    // A key that is written is asked for: masked-places.test.ts.
    ['INSERT INTO users VALUES (1) ON CONFLICT (email) DO NOTHING', users('email', 'id')],
    ['INSERT INTO users VALUES (1) ON CONFLICT DO NOTHING', users('email', 'id')],
    [
      'INSERT INTO users VALUES (1) ON CONFLICT ON CONSTRAINT users_email_key DO NOTHING',
      users('email', 'id'),
    ],
    [
      'INSERT INTO cards VALUES (1) ON CONFLICT (id) DO UPDATE SET pan = (SELECT ssn FROM users)',
      ['app.cards.id', 'app.users.ssn'],
    ],
    [
      'MERGE INTO cards c USING users u ON c.pan = u.ssn WHEN MATCHED THEN DO NOTHING',
      ['app.cards.pan', 'app.users.ssn'],
    ],
    ['CREATE TABLE t AS SELECT ssn FROM users', users('ssn')],
    ['SELECT ssn INTO t FROM users', users('ssn')],
    ['CREATE TABLE t(e text REFERENCES app.users(email))', users('email')],
    ['ALTER TABLE users ALTER name TYPE text USING ssn', users('ssn')],
    ["SELECT set_config('application_name', ssn, false) FROM users", users('ssn')],
    ['SELECT code FROM v', []],
    ['SELECT id FROM v WHERE code = $1', ['app.users.ssn', 'app.v.code']],
    ['SELECT id FROM users u WHERE u IS NOT NULL', users('email', 'id', 'name', 'ssn')],
    ['COPY users (name) FROM STDIN WHERE ssn = $$x$$', users('ssn')],
    ['WITH t AS (SELECT ssn FROM users) SELECT 1 FROM t WHERE ssn = $1', users('ssn')],
    ['SELECT 1 FROM (SELECT ssn AS a FROM users) t(b) WHERE b = $1', users('ssn')],
    ['EXPLAIN SELECT 1 FROM users WHERE ssn < $1', users('ssn')],
    ['DELETE FROM users WHERE id = 1 RETURNING ssn', users('id')],
  ])('%s', async (text, conditions) => {
    expect(await analyst.conditions(text)).toEqual(conditions);
  });
});

test('what an error may carry: every column of every table behind the views', async () => {
  const { touched } = await analyst.facts('SELECT 1 FROM vv');
  const columns = touched.map((column) => `${column.relation}.${column.column}`);
  expect(columns.sort()).toEqual([
    ...users('email', 'id', 'name', 'ssn'),
    'app.v.code',
    'app.v.id',
    'app.v.mail',
    'app.vv.code',
  ]);
});

test('a statement whose rows are stored uses them in conditions', async () => {
  const stored = effectsWhenStored(await analyst.facts('SELECT ssn, lower(email) FROM users'));
  expect(stored.flatMap((effect) => effect.conditionColumns).sort()).toEqual(users('email', 'ssn'));
});
