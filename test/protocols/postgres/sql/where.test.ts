/** Which comparisons of a column are guesses, that can be counted, and which are conditions that tell more. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { PostgresEffect } from '../../../../services/protocols/postgres/sql/analysis.ts';
import { type Analyst, TestServer } from './database.ts';

let server: TestServer;
let analyst: Analyst;

beforeAll(async () => {
  server = await TestServer.start();
  const database = await server.database([
    'CREATE SCHEMA app',
    "CREATE COLLATION app.ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
    'CREATE DOMAIN app.code AS text',
    "CREATE DOMAIN app.ci_text AS text COLLATE app.ci; CREATE TYPE app.tier AS ENUM ('free', 'paid')",
    `CREATE TABLE app.users(id int PRIMARY KEY, email text, code app.code, folded text COLLATE app.ci, ci app.ci_text, vip boolean,
       tier app.tier, tags text[], place box, pin int, born date, doc jsonb, token uuid, joined timestamptz, score numeric, tag varchar(9),
       twice int GENERATED ALWAYS AS (pin * 2) STORED, weight float8)`,
    'CREATE EXTENSION citext SCHEMA app; CREATE TABLE app.nicks(id int, nick app.citext, folded app.citext COLLATE app.ci)',
    "CREATE FUNCTION app.upper(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT left($1, 1)'",
    'CREATE OPERATOR app.= (LEFTARG = text, RIGHTARG = text, FUNCTION = starts_with)',
    'CREATE VIEW app.people AS SELECT id, email AS mail, lower(email) AS low FROM app.users WHERE pin = 7',
    'CREATE TABLE app.guesses(value text)',
    'CREATE TABLE app.events(id int, email text) PARTITION BY RANGE (id)',
    'CREATE TABLE app.events1 PARTITION OF app.events FOR VALUES FROM (0) TO (9)',
  ]);
  analyst = await server.analyst(database, { searchPath: ['app', 'pg_temp'] });
});

afterAll(() => server.stop());

/** `email` is used to choose rows, `email*2` is compared with two values, `email*$1` with the items of `$1`. Columns of `app.users` without their table. */
async function told(text: string, on = analyst): Promise<string> {
  const { intent } = await on.analyse(text);
  expect({ unacceptable: intent.unacceptable }).toEqual({ unacceptable: null });
  const effects = intent.effects as readonly PostgresEffect[]; // this protocol's own
  const guesses = effects.flatMap((effect) => effect.guesses);
  return [
    ...effects.flatMap((effect) => effect.conditionColumns).sort(),
    ...guesses
      .map(
        ({ columns, values, array }) => `${columns.join('=')}*${array === null ? values : `$${array + 1}`}`,
      )
      .sort(),
  ]
    .join(' ')
    .replaceAll('app.users.', '');
}

describe('a guess is', () => {
  test.each([
    ["SELECT id FROM users WHERE email = 'a'", 'email*1'],
    ["SELECT id FROM users WHERE 'a' = email", 'email*1'],
    ['SELECT id FROM users WHERE email = $1', 'email*1'],
    ['SELECT id FROM users WHERE email = $1::text', 'email*1'],
    ["SELECT id FROM users WHERE email = 'a'::varchar(3)", 'email*1'],
    ["SELECT id FROM users u WHERE u.email IN ('a')", 'email*1'],
    ["SELECT id FROM users WHERE email IN ('a', $1, 'c')", 'email*3'],
    ["SELECT id FROM users WHERE (id > 7 AND (email = 'a' AND born = '2000-01-01'))", 'id born*1 email*1'],
    ["SELECT id FROM users WHERE email = 'a' AND email = 'b'", 'email*1 email*1'],
    ["SELECT id FROM users WHERE email = 'a' AND 1 / 0 = 1", 'email*1'],
    ['SELECT id FROM users WHERE email = NULL', 'email*1'],
    ["SELECT id FROM users WHERE code = 'a'", 'code*1'],
    ['SELECT id FROM users WHERE pin = 1234', 'pin*1'],
    ['SELECT id FROM users WHERE pin = 12.5', 'pin*1'],
    ['SELECT id FROM users WHERE score = -1.5', 'score*1'],
    ["SELECT id FROM users WHERE token = '00000000-0000-0000-0000-000000000001'", 'token*1'],
    ["SELECT id FROM users WHERE joined = '2026-01-01'", 'joined*1'],
    ["SELECT id FROM users WHERE doc = '{}'", 'doc*1'],
    ["SELECT id FROM users WHERE tag = 'a'", 'tag*1'],
    ["SELECT id FROM users WHERE email OPERATOR(pg_catalog.=) 'a'", 'email*1'],
    ['SELECT id FROM users WHERE email IS NOT DISTINCT FROM $1', 'email*1'],
    ['SELECT id FROM users WHERE email::text = $1', 'email*1'],
    ['SELECT id FROM users WHERE tag::text = $1::varchar', 'tag*1'],
    ["SELECT id FROM users WHERE email::varchar::text IN ('a', 'b')", 'email*2'],
    ["SELECT id FROM users WHERE code::text = 'a'", 'code*1'],
    ["SELECT id FROM users WHERE token::text = 'a'", 'token*1'],
    ['SELECT id FROM users WHERE pin::bigint = $1', 'pin*1'],
    ['SELECT id FROM users WHERE pin::text = ANY ($1)', 'pin*$1'],
    ["SELECT id FROM users WHERE lower(email) = 'a'", 'email*1'],
    ['SELECT id FROM users WHERE lower(email) = lower($1)', 'email*1'],
    ["SELECT id FROM users WHERE upper('a') = upper(tag::text)", 'tag*1'],
    ["SELECT id FROM users WHERE email = lower('A')", 'email*1'],
    ["SELECT id FROM users WHERE lower(email) IN ('a', 'b')", 'email*2'],
    ['SELECT id FROM users WHERE email = ANY ($2)', 'email*$2'],
    ['SELECT id FROM users WHERE email = SOME ($1::text[])', 'email*$1'],
    ['SELECT id FROM users WHERE email = ANY ($1) AND pin = ANY ($2)', 'email*$1 pin*$2'],
    ["SELECT id FROM users WHERE email = ANY (ARRAY['a', 'b'])", 'email*2'],
    ["SELECT id FROM users WHERE email = ANY (ARRAY['{a,b}']::text[])", 'email*1'],
    ['SELECT id FROM users WHERE (id, email) = ($1, $2)', 'email*1 id*1'],
    ["SELECT id FROM users WHERE ROW($2, email) = ROW(id, 'a')", 'email*1 id*1'],
    ["SELECT id FROM users WHERE (id, email) IN ((1, 'a'), (2, 'b'))", 'email*2 id*2'],
    ["SELECT id FROM users WHERE (vip, email) = (true, 'a')", 'vip email*1'],
    ["SELECT id FROM nicks WHERE nick = 'a'", 'app.nicks.nick*1'],
    ['SELECT id FROM nicks WHERE nick = $1::citext', 'app.nicks.nick*1'],
    ['SELECT id FROM nicks WHERE nick = ANY ($1::citext[])', 'app.nicks.nick*$1'],
    ["SELECT id FROM nicks WHERE nick::text = $1 AND lower(nick) = 'a'", 'app.nicks.nick*1 app.nicks.nick*1'],
    ["SELECT id FROM users WHERE email::citext = 'A'", 'email*1'],
    ['DECLARE c CURSOR FOR SELECT id FROM users WHERE email = ANY ($1)', 'email*$1'],
    ["UPDATE users SET pin = 0 WHERE email = 'a'", 'email*1'],
    ["DELETE FROM users WHERE email = 'a' RETURNING id", 'email*1'],
    ["SELECT 1 FROM (SELECT email AS e FROM users) t WHERE e = 'a'", 'email*1'],
    ["WITH t AS (SELECT id FROM users WHERE email = 'a') SELECT count(*) FROM t, t AS again", 'email*1'],
    ["SELECT EXISTS (SELECT 1 FROM users WHERE email = 'a')", 'email*1'],
    ["EXPLAIN ANALYZE SELECT id FROM users WHERE email = 'a'", 'email*1'],
    ["COPY (SELECT id FROM users WHERE email = 'a') TO STDOUT", 'email*1'],
    ["DECLARE c CURSOR FOR SELECT id FROM users WHERE email = 'a'", 'email*1'],
    ["SELECT id FROM people WHERE mail = 'a'", 'app.people.mail=email*1'],
    ["SELECT id FROM events1 WHERE email = 'a'", 'app.events1.email=app.events.email*1'],
    ["SELECT id FROM users WHERE email = 'a'; SELECT id FROM users WHERE email = 'b'", 'email*1 email*1'],
    [
      "WITH RECURSIVE t AS (SELECT id FROM users WHERE email = 'a' UNION ALL SELECT id + 1 FROM t WHERE id < 9) TABLE t",
      'id email*1',
    ],
  ])('%s', async (text, expected) => {
    expect(await told(text)).toBe(expected);
  });
});

const everyColumn =
  'born ci code doc email folded id joined pin place score tag tags tier token twice vip weight';

describe('no guess but a condition is', () => {
  test.each([
    ["email <> 'a'", 'email'],
    ["email > 'a'", 'email'],
    ["email LIKE 'a%'", 'email'],
    ["email ~ 'a'", 'email'],
    ["email NOT IN ('a')", 'email'],
    ["email = ALL (ARRAY['a'])", 'email'],
    ["email = 'a' OR id = 1", 'email id'],
    ["NOT email = 'a'", 'email'],
    ["(email = 'a') IS TRUE", 'email'],
    ["(email = 'a') = true", 'email'],
    ["CASE WHEN email = 'a' THEN true ELSE 1 / 0 = 1 END", 'email'],
    ["coalesce(email = 'a', false)", 'email'],
    ["email || '' = 'a'", 'email'],
    ["email::varchar(1) = 'a'", 'email'],
    ["email::bytea = 'a'", 'email'],
    ["email::bpchar = 'a'", 'email'],
    ["email::name = 'a'", 'email'],
    ["email::code = 'a'", 'email'],
    ["email::ci_text = 'a'", 'email'],
    ["email::text[] = '{a}'", 'email'],
    ["email::varchar(1)::text = 'a'", 'email'],
    ["weight::text = '7'", 'weight'],
    ['pin::smallint = 7', 'pin'],
    ['pin::float8 = 7', 'pin'],
    ["joined::date = '2026-01-01'", 'joined'],
    ["vip::text = 'true'", 'vip'],
    ["lower(folded) = 'a'", 'folded'],
    ["lower(email) > 'a'", 'email'],
    ["lower(left(email, 1)) = 'a'", 'email'],
    ["lower(VARIADIC email) = 'a'", 'email'],
    ["app.upper(email) = 'a'", 'email'],
    ["initcap(email) = 'a'", 'email'],
    ['email = lower(code)', 'code email'],
    ["email = app.upper('a')", 'email'],
    ["email = ANY ('{a,b}')", 'email'],
    ["email = ANY ('{a,b}'::text[])", 'email'],
    ['email = ANY (ARRAY[$1])', 'email'],
    ["email = ANY (ARRAY['{a,b}', $1::text[]])", 'email'],
    ["email = ANY (ARRAY[ARRAY['a', 'b']])", 'email'],
    ["email = ANY ((ARRAY['a']::text)::text[])", 'email'],
    ["email = ANY ($1 || '{a}')", 'email'],
    ["email = ANY (string_to_array($1, ','))", 'email'],
    ['email = ANY (($1::text)::text[])', 'email'],
    ['email = ANY ($1::code[])', 'email'],
    ['email = ANY (SELECT $1)', 'email'],
    ['email = ANY (tags)', 'email tags'],
    ["'a' = ANY (ARRAY[email])", 'email'],
    ['email <> ALL ($1)', 'email'],
    ["email OPERATOR(app.=) 'a'", 'email'],
    ["email IS DISTINCT FROM 'a'", 'email'],
    ["(email, id) > ('a', 1)", 'email id'],
    ["(email, id) <> ('a', 1)", 'email id'],
    ["(email, id) NOT IN (('a', 1))", 'email id'],
    ["(email, id) = (SELECT 'a', 1)", 'email id'],
    ["(email, id) IS NOT DISTINCT FROM ('a', 1)", 'email id'],
    ["ROW(email) = 'a'", 'email'],
    ["email COLLATE ci = 'a'", 'email'],
    ["email = 'a' COLLATE ci", 'email'],
    ["email = 'a'::ci_text", 'email'],
    ["email = 'a' || 'b'", 'email'],
    ["email = (SELECT 'a')", 'email'],
    ["email = current_setting('my.guess')", 'email'],
    ['email = code', 'code email'],
    ['email = email', 'email'],
    ['email IN (SELECT value FROM guesses)', 'app.guesses.value email'],
    ['email IN (code)', 'code email'],
    ["folded = 'a'", 'folded'],
    ["ci = 'a'", 'ci'],
    ['vip', 'vip'],
    ['vip = true', 'vip'],
    ["tier = 'paid'", 'tier'],
    ["tags = '{a}'", 'tags'],
    ["place = '(1,1),(0,0)'", 'place'],
    ['twice = 8', 'pin twice'],
    ["users = '(1)'", 'all'],
    ['email IS NULL', 'email'],
    ['EXISTS (SELECT 1 FROM generate_series(1, 9) g WHERE email = g::text)', 'email'],
    ['EXISTS (SELECT 1 FROM guesses WHERE email = value)', 'app.guesses.value email'],
    ["nullif(email, 'a') IS NULL", 'email'],
  ])('WHERE %s', async (where, expected) => {
    const found = await told(`SELECT 1 FROM users WHERE ${where}`);
    if (expected === 'all') expect(found).toContain('email');
    else expect(found).toBe(expected);
    expect(found).not.toContain('*');
  });

  test.each([
    ["SELECT email = 'a' FROM users ORDER BY 1", 'email'],
    ['SELECT 1 FROM users WHERE (email, id) = (code, 1)', 'code email id*1'],
    ["SELECT 1 FROM users WHERE (email, id) IN (('a', 1), (code, 2))", 'code email id*2'],
    ["SELECT 1 FROM users WHERE (users.*, email) = (users.*, 'a')", everyColumn],
    ["SELECT 1 FROM users u JOIN guesses g ON u.email = 'a'", 'email'],
    ['SELECT 1 FROM users u JOIN guesses g ON u.email = g.value', 'app.guesses.value email'],
    ["SELECT 1 FROM users JOIN (VALUES ('a'), ('b')) v(x) ON email = x", 'email'],
    ["SELECT 1 FROM users, (VALUES ('a'), ('b')) v(x) WHERE email = x", 'email'],
    ["SELECT 1 FROM users JOIN (VALUES ('a')) v(email) USING (email)", 'email'],
    ["SELECT count(*) FROM users GROUP BY email HAVING email = 'a'", 'email'],
    ["SELECT count(*) FILTER (WHERE email = 'a') FROM users ORDER BY 1", 'email'],
    ["SELECT 1 FROM users ORDER BY email = 'a'", 'email'],
    ["SELECT 1 FROM users LIMIT (SELECT count(*) FROM users WHERE email > 'a')", 'email'],
    ["SELECT 1 FROM people WHERE low = 'a'", 'app.people.low email'],
    ["SELECT 1 FROM (SELECT email COLLATE ci AS e FROM users) t WHERE e = 'a'", 'email'],
    ["SELECT 1 FROM (SELECT max(email) AS e FROM users) t WHERE e = 'a'", 'email'],
    [
      "SELECT 1 FROM (SELECT email AS e FROM users UNION ALL SELECT code FROM users) t WHERE e = 'a'",
      'code email',
    ],
    ['SELECT g, EXISTS (SELECT 1 FROM users WHERE email = g::text) FROM generate_series(1, 99) g', 'email'],
    ["MERGE INTO users u USING guesses g ON u.email = 'a' WHEN MATCHED THEN UPDATE SET pin = 1", 'email'],
    [
      "INSERT INTO users (id, pin) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET pin = 1 WHERE users.email = 'a'",
      'email id id*1',
    ],
    [
      'WITH RECURSIVE t(g) AS (SELECT 1 UNION ALL SELECT g + 1 FROM t WHERE g < 9) SELECT 1 FROM t, users WHERE email = g::text',
      'email',
    ],
  ])('%s', async (text, expected) => {
    expect(await told(text)).toBe(expected);
  });
});

test('an operator of somebody’s own makes no guess of a comparison', async () => {
  const database = await server.database([
    'CREATE SCHEMA app; CREATE TABLE app.users(id int, email text, pin int)',
    "CREATE FUNCTION app.starts(text, text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 LIKE $2'",
    'CREATE OPERATOR app.= (LEFTARG = text, RIGHTARG = text, FUNCTION = app.starts)',
  ]);
  const own = await server.analyst(database, { searchPath: ['app', 'pg_catalog', 'pg_temp'] });
  expect(await told("SELECT id FROM users WHERE email = 'a%'", own)).toBe('email');
  expect(await told('SELECT id FROM users WHERE pin = 7', own)).toBe('pin*1');
});

test('texts that differ in their constants are as many guesses', async () => {
  const first = await told("SELECT id FROM users WHERE email IN ('shape-1', 'shape-2')");
  expect(await told("SELECT id FROM users WHERE email IN ('shape-3', 'shape-4')")).toBe(first);
});

/** Conditions on `email`, made of one another; `guesses` is null where they tell more than can be counted. */
interface Made {
  readonly text: string;
  readonly guesses: number | null;
}

const made = fc.letrec<{ readonly condition: Made }>((tie) => ({
  condition: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constantFrom<Made>(
      { text: "email = 'a'", guesses: 1 },
      { text: '$1 = email', guesses: 1 },
      { text: "email IN ('a', 'b')", guesses: 2 },
      { text: 'id = 7', guesses: 0 },
      { text: "email > 'a'", guesses: null },
      { text: "email = ANY ('{a}')", guesses: null },
    ),
    fc.array(tie('condition'), { minLength: 2, maxLength: 3 }).map((parts) => ({
      text: `(${parts.map(({ text }) => text).join(' AND ')})`,
      guesses: parts.every(({ guesses }) => guesses !== null)
        ? parts.reduce((sum, { guesses }) => sum + (guesses ?? 0), 0)
        : null,
    })),
    fc
      .tuple(
        fc.constantFrom('NOT (%)', '(% OR id = 1)', '(%) IS TRUE', 'coalesce(%, true)'),
        tie('condition'),
      )
      .map(([around, { text, guesses }]) => ({
        text: around.replace('%', () => text),
        guesses: guesses === 0 ? 0 : null,
      })),
  ),
}));

test('whatever conditions are made of, what stands under anything but AND is no guess', async () => {
  await fc.assert(
    fc.asyncProperty(made.condition, async ({ text, guesses }) => {
      const { intent } = await analyst.analyse(`SELECT id FROM users WHERE ${text}`);
      const [effect] = intent.effects as readonly PostgresEffect[]; // this protocol's own
      const counted = (effect?.guesses ?? []).filter(({ columns }) => columns.includes('app.users.email'));
      expect(effect?.conditionColumns.includes('app.users.email') === true).toBe(guesses === null);
      if (guesses !== null) expect(counted.reduce((sum, { values }) => sum + values, 0)).toBe(guesses);
    }),
    { numRuns: 300 },
  );
});
