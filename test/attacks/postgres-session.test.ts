/** What a session that may set parameters can make its statements mean, and what values of its parameters' types run. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import { TestGateway } from '../e2e/gateway.ts';
import { fieldsOf, RawClient, say } from './raw-client.ts';

/** Every parameter may be set, and any built-in called: more than anybody should grant. */
const policy = `\
policies:
  - name: agents
    targets: [shop]
    principals: [{kinds: [agent]}]
    rules:
      - {name: read, effects: [select], tables: [app.*], outcome: allow}
      - {name: session, effects: [set, discard], outcome: allow}
      - {name: look, effects: [select], tables: [pg_catalog.*, information_schema.*], outcome: allow}
      - {name: built-in, effects: [call], functions: [pg_catalog.*], outcome: allow}
    masks:
      - {fields: [app.users.email, app.users.salary], with: full, inConditions: deny}
`;

const schema = `
CREATE ROLE clerk; GRANT clerk TO gateway;
ALTER SCHEMA public OWNER TO gateway;
GRANT USAGE ON SCHEMA public TO clerk;
SET ROLE gateway;
CREATE TABLE public.users (id int, email text, name text); INSERT INTO public.users VALUES (1, 'evil-mail', 'evil-name');
GRANT SELECT ON public.users TO clerk;
CREATE FUNCTION public.lower(text) RETURNS text LANGUAGE sql AS $$ SELECT 'evil-' || $1 $$;
CREATE FUNCTION public.same(text, text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'evil-operator'; RETURN true; END $$;
CREATE OPERATOR public.|| (leftarg = text, rightarg = text, function = public.same);
CREATE FUNCTION app.checks(text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'it ran'; RETURN true; END $$;
CREATE DOMAIN app.checked AS text CHECK (app.checks(VALUE));
RESET ROLE;
ANALYZE;
`;

let gateway: TestGateway;
let admin: pg.Client;

beforeAll(async () => {
  // Its search path is app, public.
  gateway = await TestGateway.start({ policy });
  admin = await gateway.direct();
  await admin.query(schema);
}, 60_000);

afterAll(async () => {
  await admin.end();
  await gateway[Symbol.asyncDispose]();
});

/** All that a client is shown, notices too, until the first error, which stands last. */
async function shown(texts: readonly string[]): Promise<string> {
  const client = await gateway.connect();
  const seen: string[] = [];
  client.on('notice', ({ message }) => seen.push(message ?? ''));
  try {
    for (const text of texts) seen.push(JSON.stringify(await client.query(text)));
  } catch (error) {
    seen.push(`${(error as pg.DatabaseError).code}`); // pg rejects with nothing else
  }
  await client.end();
  return seen.join('\n');
}

const elsewhere: readonly (readonly string[])[] = [
  ['SET search_path TO public'],
  ["SET search_path TO 'public', 'app'"],
  ['SET search_path TO public, pg_catalog'],
  ['SET SESSION search_path = public'],
  ["SELECT set_config('search_path', 'public', false)"],
  ["SELECT set_config('search_' || 'path', 'public', false)"],
  ["SELECT set_config('search_path', 'pub' || 'lic', false)"],
  ["PREPARE s AS SELECT set_config('search_path', $1, false)", "EXECUTE s('public')"],
  ['BEGIN', 'SET LOCAL search_path = public'],
  ['BEGIN', 'SAVEPOINT a', 'SET search_path = public', 'RELEASE a'],
  ['SET search_path TO "$user", public'],
  ['SET ROLE clerk'],
  ['SET SESSION AUTHORIZATION gateway', 'SET LOCAL ROLE clerk', 'SET ROLE clerk'],
  ["SELECT set_config('role', 'clerk', false)"],
  ['PREPARE s AS SELECT set_config($1, $2, false)', "EXECUTE s('role', 'clerk')"],
];

describe('names are not taken for others once a rule has let a session set its search path or role', () => {
  test.each(elsewhere)('%j', async (...settings) => {
    const seen = await shown([...settings, 'SELECT id, name FROM users']);
    expect(seen).not.toContain('evil-name');
    expect(seen).toMatch(/42501$/);
  });

  test.each([
    ['SET search_path TO public, pg_catalog', "SELECT lower('a')"],
    ['SET search_path TO public, pg_catalog', "SELECT 'a'::text || 'b'::text"],
    ["SELECT set_config('search_path', 'public, pg_catalog', false)", "SELECT lower('a')"],
  ])('nor functions and operators: %s; %s', async (...texts) => {
    const seen = await shown(texts);
    expect(seen).not.toMatch(/evil-(?:a|operator)/);
    expect(seen).toMatch(/42501$/);
  });

  test('names with their schema, and names that only one schema has, go on', async () => {
    expect(await shown(['SET search_path TO app', 'SELECT name FROM app.users'])).toContain('Ada');
    expect(await shown(['SET search_path TO app', 'SELECT item FROM orders LIMIT 1'])).toContain('item ');
    expect(await shown(['SET search_path TO app', "SELECT upper('a') AS x"])).toContain('"x":"A"');
  });

  test('and a session that has set nothing of this is as it was', async () => {
    expect(await shown(['RESET search_path', 'SELECT name FROM users'])).toContain('Ada');
    expect(await shown(['SET search_path TO app, public, pg_temp', 'SELECT name FROM users'])).toContain(
      'Ada',
    );
  });
});

describe('what ANALYZE has kept of masked columns is not shown, though the catalog may be read', () => {
  test.each([
    "SELECT * FROM pg_stats WHERE schemaname = 'app'",
    "SELECT attname, histogram_bounds FROM pg_catalog.pg_stats WHERE attname = 'email'",
    "SELECT histogram_bounds::text::text[] AS bounds, array_to_string(most_common_vals, ',') FROM pg_stats WHERE schemaname = 'app'",
    "SELECT to_json(s) FROM pg_stats s WHERE schemaname = 'app'",
    'SELECT * FROM pg_stats_ext',
    'SELECT * FROM pg_statistic',
  ])('%s', async (text) => {
    expect(await shown([text])).not.toMatch(/@example|@lind|81000|67500|70000/);
  });

  test('nor does it choose rows, while all else of it is shown', async () => {
    const guess = "SELECT 1 FROM pg_stats WHERE histogram_bounds::text LIKE '%ada@%'";
    expect(await shown([guess])).toMatch(/42501$/);
    const others = "SELECT attname, n_distinct FROM pg_stats WHERE schemaname = 'app' AND attname = 'email'";
    expect(await shown([others])).toContain('"n_distinct":-1');
  });
});

describe('masks hold whatever is set', () => {
  test.each([
    'SET bytea_output = escape',
    'SET backslash_quote = on',
    'SET transform_null_equals = on',
    'SET row_security = off',
    'SET DateStyle = German',
    'SET IntervalStyle = iso_8601',
    'SET extra_float_digits = 3',
    'SET xmloption = document',
    'SET array_nulls = off',
    'SET quote_all_identifiers = on',
    'SET plan_cache_mode = force_generic_plan',
    "SET lc_monetary = 'C'",
    'SET client_min_messages = debug5; SET debug_print_parse = on; SET debug_print_plan = on; SET debug_print_rewritten = on',
    'SET client_min_messages = log; SET debug_pretty_print = off; SET debug_print_plan = on',
    'RESET ALL',
    'DISCARD ALL',
  ])('%s', async (setting) => {
    for (const text of [
      'SELECT email, salary FROM app.users',
      'SELECT u, email::bytea, ARRAY[email], xmlforest(email), salary::float8, to_json(u) FROM app.users u',
      "SELECT convert_to(email, 'UTF8'), salary::money FROM app.users",
      'EXPLAIN (ANALYZE, VERBOSE, SETTINGS, FORMAT JSON) SELECT email FROM app.users WHERE id = 1',
    ]) {
      expect(await shown([...setting.split('; '), text])).not.toMatch(
        /@example|@lind|81000|67500|70000|81,000/,
      );
    }
  });

  test.each(["SET client_encoding = 'LATIN1'", 'SET standard_conforming_strings = off'])(
    '%s ends the session',
    async (setting) => {
      expect(await shown([setting, 'SELECT 1'])).toMatch(/08P01$/);
    },
  );
});

describe('the checks of a domain are decided where a client names it as the type of a parameter', () => {
  const oid = async (): Promise<number> =>
    Number((await admin.query("SELECT 'app.checked'::regtype::oid AS oid")).rows[0].oid);

  const login = () =>
    RawClient.login(gateway.port, {
      user: 'agent-7',
      database: 'shop',
      password: gateway.issuer.mint({}),
    });

  test.each(['SELECT 1 WHERE $1 IS NULL', 'SELECT $1'])('in Parse: %s', async (text) => {
    const client = await login();
    const answers = await client.exchange([
      say.parse(text, '', [await oid()]),
      say.bind('', '', { parameters: ['x'] }),
      say.execute(),
      say.sync(),
    ]);
    const errors = answers.filter(({ type }) => type === 'E').map(fieldsOf);
    expect(errors).toEqual([
      expect.objectContaining({ C: '42501', M: expect.stringContaining('app.checks') }),
    ]);
    expect(answers.filter(({ type }) => type === 'N')).toEqual([]);
    client.end();
  });

  test('in Parse, by an EXECUTE of its name', async () => {
    const client = await login();
    await client.exchange([say.parse('SELECT 1 WHERE $1 IS NULL', 'named', [await oid()]), say.sync()]);
    const answers = await client.exchange(say.query("EXECUTE named('x')"));
    expect(answers.filter(({ type }) => type === 'N')).toEqual([]);
    expect(answers.filter(({ type }) => type === 'E')).toHaveLength(1);
    client.end();
  });

  test('a type that nobody knows is refused', async () => {
    const client = await login();
    const answers = await client.exchange([say.parse('SELECT $1', '', [999_999]), say.sync()]);
    expect(answers.filter(({ type }) => type === 'E').map(fieldsOf)).toEqual([
      expect.objectContaining({ C: '42501', M: expect.stringContaining('unknown-type') }),
    ]);
    client.end();
  });

  test.each([
    ['PREPARE q(app.checked) AS SELECT 1', "EXECUTE q('x')"],
    ['PREPARE q(app.checked[]) AS SELECT $1', "EXECUTE q('{x}')"],
    ["SELECT 'x'::app.checked"],
    ["SELECT '{x}'::app.checked[]"],
    ['SELECT * FROM json_to_record(\'{"a": "x"}\') AS x(a app.checked)'],
  ])('in %s', async (...texts) => {
    const seen = await shown(texts);
    expect(seen).not.toContain('it ran');
    expect(seen).toMatch(/42501$/);
  });
});
