/** Every place where a masked value could come to lie, or be asked for, beside the output: what the analysis says of each. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { PostgresEffect } from '../../../../services/protocols/postgres/sql/analysis.ts';
import { type Analyst, TestServer } from './database.ts';

let server: TestServer;
let analyst: Analyst;

beforeAll(async () => {
  server = await TestServer.start();
  const database = await server.database([
    'CREATE SCHEMA app; CREATE SCHEMA other',
    'CREATE TABLE app.users(id int PRIMARY KEY, email text UNIQUE, note text, n int)',
    'CREATE VIEW app.people AS SELECT id, email AS mail FROM app.users',
    'CREATE TABLE app.notes(id int, body text, author text REFERENCES app.users(email))',
    'CREATE TABLE app.all_users(id int, email text, note text, n int) PARTITION BY RANGE (id)',
    'CREATE TABLE app.parted(id int, email text) PARTITION BY RANGE (id)',
    'CREATE TABLE app.parted1 PARTITION OF app.parted FOR VALUES FROM (0) TO (9)',
    'CREATE UNIQUE INDEX ON app.parted1 (email)',
    'CREATE TABLE app.parent(email text); CREATE TABLE app.heir(n int) INHERITS (app.parent)',
    'CREATE FUNCTION app.copies() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN new; END $$',
    "CREATE FUNCTION app.hash(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT md5($1)'",
    "CREATE FUNCTION app.keep(text) RETURNS text LANGUAGE plpgsql VOLATILE AS 'BEGIN RETURN $1; END'",
  ]);
  analyst = await server.analyst(database, { searchPath: ['app', 'pg_temp'] });
});

afterAll(() => server.stop());

interface Told {
  readonly conditions: readonly string[];
  /** `column*values`, for columns that are called email. */
  readonly guesses: readonly string[];
  readonly derived: readonly string[];
}

const isEmail = (column: string): boolean => /\.(?:e?mail)$/.test(column);

async function told(text: string): Promise<Told> {
  const { intent } = await analyst.analyse(text);
  expect(intent.unacceptable).toBeNull();
  const effects = intent.effects as readonly PostgresEffect[]; // this protocol's own
  const guesses = effects.flatMap((effect) => effect.guesses);
  return {
    conditions: [...new Set(effects.flatMap((effect) => effect.conditionColumns))].filter(isEmail).sort(),
    guesses: guesses.flatMap(({ columns, values }) =>
      columns.some(isEmail) ? [`${columns.filter(isEmail).join('=')}*${values}`] : [],
    ),
    derived: [...new Set(effects.flatMap((effect) => effect.derivedColumns))].filter(isEmail).sort(),
  };
}

const email = 'app.users.email';
const onlyConditions = (...conditions: readonly string[]): Told => ({ conditions, guesses: [], derived: [] });

describe('stored elsewhere, so that it is a condition', () => {
  test.each([
    'CREATE MATERIALIZED VIEW app.m AS SELECT email FROM users',
    'CREATE TABLE app.t AS SELECT email FROM users',
    'CREATE TABLE app.t AS TABLE users',
    'SELECT email INTO app.t FROM users',
    'SELECT email INTO TEMP t FROM users',
    'INSERT INTO notes(body) SELECT email FROM users',
    'INSERT INTO notes(body) VALUES ((SELECT email FROM users LIMIT 1))',
    'UPDATE users SET note = email',
    'UPDATE users SET (note, n) = (SELECT email, 1 FROM users)',
    'MERGE INTO notes t USING users u ON t.id = u.id WHEN MATCHED THEN UPDATE SET body = u.email',
    'MERGE INTO notes t USING users u ON t.id = u.id WHEN NOT MATCHED THEN INSERT (body) VALUES (u.email)',
    'INSERT INTO users(id) VALUES (1) ON CONFLICT (id) DO UPDATE SET note = users.email',
    'ALTER TABLE users ADD COLUMN e2 text GENERATED ALWAYS AS (lower(email)) STORED',
    'ALTER TABLE users ALTER COLUMN note TYPE text USING email',
    'CREATE INDEX ON users (lower(email))',
    "CREATE INDEX ON users (id) WHERE email > 'm'",
    'CREATE STATISTICS app.s ON (lower(email)), id FROM users',
    'CREATE RULE r AS ON INSERT TO users DO ALSO INSERT INTO notes(body) VALUES (new.email)',
  ])('%s', async (text) => {
    expect(await told(text)).toEqual(onlyConditions(email));
  });

  test('but a view keeps its lineage', async () => {
    expect(await told('CREATE VIEW app.v AS SELECT email FROM users')).toEqual(onlyConditions());
  });
});

describe('told by an error or a count, so that it is a condition', () => {
  test.each([
    "ALTER TABLE users ADD CHECK (email < 'm')",
    'ALTER TABLE notes ADD FOREIGN KEY (body) REFERENCES users(email)',
    "CREATE POLICY p ON users USING (email > 'm')",
    "COPY users (note) FROM STDIN WHERE email = 'a'",
    "INSERT INTO users(id, email) SELECT n, 'a' || n FROM generate_series(1, 9) n",
    "INSERT INTO users(id, email) VALUES (9, 'a') ON CONFLICT (email) DO NOTHING",
    'COPY users FROM STDIN',
    'COPY notes FROM STDIN',
    "UPDATE users SET email = note || 'a' WHERE id = 1",
    'MERGE INTO users t USING notes n ON t.id = n.id WHEN NOT MATCHED THEN INSERT (email) VALUES (n.body)',
    'INSERT INTO notes(author) SELECT body FROM notes',
    'INSERT INTO people(mail) SELECT n::text FROM generate_series(1, 9) n',
  ])('%s', async (text) => {
    expect((await told(text)).conditions).toContain(email);
  });
});

describe('told by an error, for so many values, so that it is a guess', () => {
  test.each([
    ["INSERT INTO users(id, email) VALUES (9, 'a')", ['app.users.email*1']],
    ["INSERT INTO users(id, email) VALUES ($1, $2), ($3, lower('B'))", ['app.users.email*2']],
    ["INSERT INTO users VALUES (9, 'a')", ['app.users.email*1']],
    ["INSERT INTO people(id, mail) VALUES (9, 'a')", ['app.users.email*1']],
    ["INSERT INTO notes(author) VALUES ('a')", ['app.users.email*1']],
    ["INSERT INTO parted VALUES (1, 'a')", ['app.parted1.email=app.parted.email*1']],
    ['UPDATE notes SET author = $1 WHERE id = 1', ['app.users.email*1']],
    ["UPDATE users SET email = 'a', n = n + 1 WHERE id = 1", ['app.users.email*1']],
    ["UPDATE users SET email = 'a' WHERE email = 'b'", ['app.users.email*1', 'app.users.email*1']],
    [
      "INSERT INTO users(id, email) VALUES (9, 'a'), (10, 'b') ON CONFLICT (id) DO UPDATE SET email = excluded.email",
      ['app.users.email*2', 'app.users.email*2'],
    ],
    ["INSERT INTO users(id, note) VALUES (9, 'a')", []],
    ["INSERT INTO notes(body) VALUES ('a')", []],
    ["UPDATE users SET note = 'a' WHERE id = 1", []],
    ['DELETE FROM users WHERE id = 1', []],
  ])('%s', async (text, guesses) => {
    expect(await told(text)).toEqual({ conditions: [], guesses, derived: [] });
  });
});

describe('taken out of the reach of the mask, or let somebody’s code at it, so that it is a condition', () => {
  test.each([
    ['ALTER TABLE users RENAME COLUMN email TO contact', email],
    ['ALTER TABLE users RENAME TO people2', email],
    ['ALTER TABLE users SET SCHEMA other', email],
    ['ALTER VIEW people RENAME COLUMN mail TO contact', 'app.people.mail'],
    ['ALTER TABLE all_users ATTACH PARTITION users FOR VALUES FROM (0) TO (9)', email],
    ['ALTER TABLE parted DETACH PARTITION parted1', 'app.parted.email'],
    ['ALTER TABLE heir NO INHERIT parent', 'app.heir.email'],
    ['CREATE TRIGGER t AFTER UPDATE ON users FOR EACH ROW EXECUTE FUNCTION copies()', email],
    ['CREATE PUBLICATION p FOR TABLE users', email],
    ['CLUSTER users USING users_email_key', email],
    ['ALTER SCHEMA app RENAME TO app2', email],
    ["SELECT pg_notify('x', email) FROM users", email],
    ['SELECT keep(email) FROM users', email],
    ['SELECT keep(lower(email)) FROM users', email],
    ["SELECT set_config('my.own', email, false) FROM users", email],
  ])('%s', async (text, column) => {
    expect((await told(text)).conditions).toContain(column);
  });

  test.each([
    'ALTER TABLE users RENAME COLUMN note TO remark',
    'ALTER TABLE users ADD COLUMN x int',
    'ALTER TABLE users DROP COLUMN email',
    'ALTER TABLE notes RENAME TO remarks',
    'SELECT hash(email) FROM users',
  ])('but not %s', async (text) => {
    expect((await told(text)).conditions).toEqual([]);
  });
});

describe('computed in the result', () => {
  test.each([
    ['SELECT email, note FROM users', []],
    ['SELECT * FROM people', []],
    ['SELECT email, lower(email) FROM users', [email]],
    ['SELECT count(email) FROM users', [email]],
    ['SELECT count(*) FROM users', []],
    ['SELECT lower(mail) FROM people', ['app.people.mail', email]],
    ['DELETE FROM users RETURNING lower(email)', [email]],
    ['COPY (SELECT email || note FROM users) TO STDOUT', [email]],
    ['DECLARE c CURSOR FOR SELECT email IS NULL FROM users', [email]],
    ['SELECT now() FROM users', []],
    ['UPDATE users SET note = lower(note)', []],
    ['EXPLAIN SELECT lower(email) FROM users', []],
  ])('%s', async (text, expected) => {
    expect((await told(text)).derived).toEqual(expected);
  });
});
