/** How UPDATE and DELETE choose their rows, and that what is called a key never chooses more rows than values stand in the text. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type pg from 'pg';
import { type Analyst, TestServer } from './database.ts';

let server: TestServer;
let analyst: Analyst;
let client: pg.Client;

beforeAll(async () => {
  server = await TestServer.start();
  const database = await server.database([
    'CREATE SCHEMA app',
    'CREATE TABLE app.users(id int PRIMARY KEY, email text UNIQUE, name text, active boolean, n int)',
    'CREATE UNIQUE INDEX ON app.users (name) WHERE active; CREATE UNIQUE INDEX ON app.users (lower(name))',
    'CREATE TABLE app.parts(tenant int, id int, note text, UNIQUE (tenant, id) INCLUDE (note))',
    'CREATE TABLE app.child(id int, user_id int REFERENCES app.users ON DELETE CASCADE)',
    'CREATE VIEW app.people AS SELECT id, name FROM app.users',
    "INSERT INTO app.users SELECT g, 'e' || g % 40, 'n' || g, g % 2 = 0, g % 5 FROM generate_series(0, 39) g",
  ]);
  analyst = await server.analyst(database, { searchPath: ['app', 'pg_temp'] });
  client = await server.connect(database);
});

afterAll(() => server.stop());

async function chosen(text: string, resource = 'app.users'): Promise<string | null | undefined> {
  const { effects } = await analyst.facts(text);
  return effects.find((effect) => effect.resource === resource && effect.verb !== 'select')?.rowsChosenBy;
}

describe('the WHERE of a DELETE', () => {
  test.each([
    ['', 'none'],
    ['true', 'none'],
    ['1 = 1', 'none'],
    ['$1', 'none'],
    ["now() > '2020-01-01'", 'none'],
    ['id = id', 'none'],
    ['users.id = id', 'none'],
    ['id = 7 OR true', 'none'],
    ['id = 7 OR 1 = 1', 'none'],
    ['NOT false', 'none'],
    ['EXISTS (SELECT 1)', 'none'],
    ['EXISTS (SELECT id FROM users WHERE id = 1)', 'none'],
    ['EXISTS (SELECT 1 FROM users WHERE users.id = 1)', 'none'],
    ['7 = (SELECT 7)', 'none'],
    ['id > 0', 'range'],
    ['id <> 7', 'range'],
    ['NOT id = 7', 'range'],
    ['id NOT IN (1, 2)', 'range'],
    ['id <> ALL (ARRAY[1, 2])', 'range'],
    ['id = ALL (ARRAY[1, 2])', 'range'],
    ['id BETWEEN 1 AND 2', 'range'],
    ['id IS NOT NULL', 'range'],
    ['active', 'range'],
    ["email LIKE '%'", 'range'],
    ["lower(email) = 'a'", 'range'],
    ['id = n', 'range'],
    ['id + 0 = 7', 'range'],
    ['id = (SELECT 7)', 'range'],
    ['id = abs(7)', 'range'],
    ['id = random()', 'range'],
    ['id IN (SELECT id FROM users)', 'range'],
    ['id IN (1, n)', 'range'],
    ['id = ANY (ARRAY[1, n])', 'range'],
    ['CASE WHEN id = 7 THEN true ELSE true END', 'range'],
    ['(id = 7) IS NOT NULL', 'range'],
    ['id = 7 OR id > 0', 'range'],
    ['coalesce(id = 7, true)', 'range'],
    ["name = 'n1'", 'value'],
    ["name IN ('n1', 'n2')", 'value'],
    ['n = $1 AND id > 0', 'value'],
    ['id = 7 OR n = 1', 'value'],
    ['email COLLATE "C" = \'a\'', 'range'],
    ['id = 7', 'key'],
    ['7 = id', 'key'],
    ['id = -7', 'key'],
    ['id = $1', 'key'],
    ['id = $1::int', 'key'],
    ["email = 'a'", 'key'],
    ['id IN (1, 2, $1)', 'key'],
    ["id = ANY ('{1,2}')", 'key'],
    ['id = ANY ($1::int[])', 'key'],
    ['id = ANY (ARRAY[1, 2])', 'key'],
    ['id = 7 AND n > 0', 'key'],
    ['n > 0 AND (n = 1 AND id = 7)', 'key'],
    ['id = 7 OR id = 8', 'key'],
    ["id = 7 OR email = 'a'", 'key'],
    ['users.id = 7', 'key'],
  ])('%s: %s', async (where, expected) => {
    const text = where === '' ? 'DELETE FROM users' : `DELETE FROM users WHERE ${where}`;
    expect(await chosen(text)).toBe(expected);
    expect(await chosen(text.replace('DELETE FROM users', 'UPDATE users SET n = 1'))).toBe(expected);
  });
});

test.each([
  ['app.parts', 'DELETE FROM parts WHERE tenant = 1 AND id = 2', 'key'],
  ['app.parts', 'DELETE FROM parts WHERE tenant = 1', 'value'],
  ['app.parts', 'DELETE FROM parts WHERE (tenant = 1 AND id = 1) OR (tenant = 1 AND id = 2)', 'key'],
  ['app.parts', 'DELETE FROM parts WHERE tenant = 1 AND (id = 1 OR id = 2)', 'key'],
  ['app.parts', 'DELETE FROM parts WHERE tenant = 1 OR id = 2', 'value'],
  ['app.users', 'DELETE FROM users u WHERE u.id = 7', 'key'],
  ['app.users', 'DELETE FROM users u USING parts p WHERE u.id = 7', 'key'],
  ['app.users', 'DELETE FROM users u USING parts p WHERE email = $1', 'none'],
  ['app.users', 'DELETE FROM users USING users other WHERE other.id = 7', 'none'],
  ['app.users', 'DELETE FROM users u USING parts p WHERE u.id = p.id', 'range'],
  ['app.users', 'TRUNCATE users CASCADE', 'none'],
  ['app.child', 'DELETE FROM users WHERE id = 7', 'range'],
  ['app.people', 'DELETE FROM people WHERE id = 7', 'value'],
  ['app.users', 'DELETE FROM people', 'none'],
  [
    'app.users',
    'WITH gone AS (DELETE FROM users RETURNING id) SELECT count(*) FROM gone WHERE id = 7',
    'none',
  ],
  ['app.users', 'WITH a AS (DELETE FROM users WHERE id = 1), b AS (DELETE FROM users) SELECT 1', 'none'],
  ['app.users', 'DELETE FROM users WHERE CURRENT OF c', 'key'],
  ['app.users', 'EXPLAIN ANALYZE DELETE FROM users', 'none'],
  ['app.users', 'MERGE INTO users u USING parts p ON true WHEN MATCHED THEN DELETE', 'none'],
  ['app.users', 'MERGE INTO users u USING parts p ON u.id = p.id WHEN MATCHED THEN DELETE', 'range'],
  ['app.users', "INSERT INTO users VALUES (1, 'a')", null],
])('%s in %s: %s', async (resource, text, expected) => {
  const { effects } = await analyst.facts(text);
  const verbs = new Set(['update', 'delete', 'truncate', 'insert']);
  const found = effects.find((effect) => effect.resource === resource && verbs.has(effect.verb));
  expect(found?.rowsChosenBy).toBe(expected);
});

test('of several statements in a text, the one that leaves most counts', async () => {
  const { intent } = await analyst.analyse('DELETE FROM users WHERE id = 1; DELETE FROM users');
  expect(intent.effects).toEqual([
    expect.objectContaining({ verb: 'select' }),
    expect.objectContaining({ verb: 'delete', resource: 'app.users', rowsChosenBy: 'none' }),
    expect.objectContaining({ resource: 'app.child', rowsChosenBy: 'range' }),
  ]);
});

const value = fc.nat({ max: 45 }).map(String);
const atom: fc.Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: value.map((each) => `id = ${each}`) },
  { weight: 2, arbitrary: value.map((each) => `email = 'e${each}'`) },
  {
    weight: 2,
    arbitrary: fc.array(value, { minLength: 1, maxLength: 4 }).map((all) => `id IN (${all.join(', ')})`),
  },
  { weight: 1, arbitrary: fc.array(value, { maxLength: 4 }).map((all) => `id = ANY ('{${all.join(',')}}')`) },
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      ...[
        'true',
        'false',
        'id = id',
        'id > 3',
        'n = 1',
        "name = 'n3'",
        'active',
        'id <> 4',
        'NULL',
        'id = n',
      ],
      ...['EXISTS (SELECT id FROM app.users WHERE id = 3)', 'id IN (SELECT n FROM app.users)', 'id IS NULL'],
    ),
  },
);
const { where } = fc.letrec<{ where: string }>((tie) => ({
  where: fc.oneof(
    { depthSize: 'medium' },
    atom,
    fc.tuple(tie('where'), tie('where')).map(([a, b]) => `(${a} AND ${b})`),
    fc.tuple(tie('where'), tie('where')).map(([a, b]) => `(${a} OR ${b})`),
    tie('where').map((a) => `NOT (${a})`),
    tie('where').map((a) => `(${a}) IS NOT FALSE`),
  ),
}));

test('a key chooses at most as many rows as there are values, as PostgreSQL counts them', async () => {
  let keys = 0;
  await fc.assert(
    fc.asyncProperty(where, async (text) => {
      if ((await chosen(`DELETE FROM users WHERE ${text}`)) !== 'key') return;
      keys += 1;
      const { rows } = await client.query<{ count: string }>(`SELECT count(*) FROM app.users WHERE ${text}`);
      expect(Number(rows[0]?.count)).toBeLessThanOrEqual(text.match(/\d+/g)?.length ?? 0);
    }),
    { numRuns: 1_000, seed: 42 },
  );
  expect(keys).toBeGreaterThan(100);
});
