/** Which rows a masked column leads to, asked in the ways of drivers and tools; and how much that tells who asks for more. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import { startRedis } from '../servers/redis.ts';
import { type GatewayOptions, TestGateway, targetPassword } from './gateway.ts';

const schema = `
CREATE ROLE gateway LOGIN PASSWORD '${targetPassword}';
CREATE SCHEMA app AUTHORIZATION gateway;
CREATE EXTENSION citext SCHEMA app;
SET ROLE gateway;
CREATE TABLE app.users (id int PRIMARY KEY, email text, nick app.citext, pin int, tag varchar(20), token uuid);
INSERT INTO app.users SELECT n, 'u' || n || '@example.com', 'Nick' || n, 1000 + n, 'tag ' || n, md5(n::text)::uuid FROM generate_series(1, 50) n;
CREATE INDEX ON app.users (lower(email));
RESET ROLE;
`;

const policy = `\
policies:
  - name: agents
    targets: [shop]
    principals: [{kinds: [agent]}]
    limits: {guessesPerMinute: 5}
    rules:
      - {name: read, effects: [select], tables: [app.*], outcome: allow}
      - {name: citext, effects: [call], functions: [app.citext*], outcome: allow}
    masks:
      - {fields: [app.users.email, app.users.nick, app.users.pin, app.users.tag, app.users.token], with: full}
`;

const start = (options: GatewayOptions = {}): Promise<TestGateway> =>
  TestGateway.start({
    policy,
    target: ['tls: {mode: disable}'],
    prepare: async (postgres) => {
      const admin = await postgres.connect();
      await admin.query('CREATE DATABASE shop');
      await admin.end();
      const shop = await postgres.connect('shop');
      await shop.query(schema);
      await shop.end();
    },
    ...options,
  });

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await start();
}, 60_000);

afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
});

let subjects = 0;
/** Each has guesses of its own. */
const newAgent = (): { readonly sub: string } => ({ sub: `guesser-${++subjects}` });

async function asAgent<Result>(
  work: (client: pg.Client) => Promise<Result>,
  claims = newAgent(),
): Promise<Result> {
  const client = await gateway.connect({ claims });
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** The ids that were found, or the SQLSTATE of the refusal. */
const answerOf = (
  query: Promise<pg.QueryResult<{ id: number }>>,
): Promise<readonly number[] | string | undefined> =>
  query.then(
    ({ rows }) => rows.map(({ id }) => id),
    (error: pg.DatabaseError) => error.code,
  );

/** As PostgreSQL's array_send writes it; node-postgres sends a Buffer in the binary format. */
function binaryTexts(items: readonly (string | null)[]): Buffer {
  const int = (value: number): Buffer => {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32BE(value);
    return bytes;
  };
  const head = [1, items.includes(null) ? 1 : 0, 25, items.length, 1].map(int);
  const values = items.flatMap((item) =>
    item === null ? [int(-1)] : [int(Buffer.byteLength(item)), Buffer.from(item)],
  );
  return Buffer.concat([...head, ...values]);
}

const many = Array.from({ length: 1000 }, (_, n) => `u${n}@example.com`);
const tooMany = '53400';
const refused = '42501';

describe('a row is found by what it has', () => {
  test.each<[string, readonly unknown[]]>([
    ['email::text = $1', ['u7@example.com']],
    ['email = $1::varchar', ['u7@example.com']],
    ['email OPERATOR(pg_catalog.=) $1', ['u7@example.com']],
    ['lower(email) = lower($1)', ['U7@example.com']],
    ['upper(email) = $1', ['U7@EXAMPLE.COM']],
    ['email IS NOT DISTINCT FROM $1', ['u7@example.com']],
    ['email = ANY($1)', [['u7@example.com', 'x', null]]],
    ['email = ANY($1)', [binaryTexts(['x', null, 'u7@example.com'])]],
    ['email = ANY($1::text[])', [['u7@example.com']]],
    ['(id, email) = ($1, $2)', [7, 'u7@example.com']],
    ['(id, email) IN (($1, $2), (8, $3))', [7, 'u7@example.com', 'x']],
    ['nick = $1', ['nick7']],
    ['nick = ANY($1)', [['NICK7']]],
    ['nick::text = $1', ['Nick7']],
    ['pin = ANY($1)', [[1007, 1]]],
    ['pin::bigint = $1', ['1007']],
    ['tag = $1::text', ['tag 7']],
    ['token::text = $1', ['8f14e45f-ceea-167a-5a36-dedd4bea2543']],
  ])('WHERE %s', async (where, values) => {
    expect(
      await asAgent((client) => answerOf(client.query(`SELECT id FROM users WHERE ${where}`, [...values]))),
    ).toEqual([7]);
  });

  test.each([
    "email::text = 'u7@example.com'",
    "lower(email) = 'u7@example.com'",
    "email = ANY(ARRAY['u7@example.com', NULL])",
    "(id, email) = (7, 'u7@example.com')",
    "nick = 'NICK7'",
  ])('WHERE %s, in the simple protocol', async (where) => {
    expect(await asAgent((client) => answerOf(client.query(`SELECT id FROM users WHERE ${where}`)))).toEqual([
      7,
    ]);
  });
});

describe('whoever asks for more than a few is refused', () => {
  const inList = 'SELECT id FROM users WHERE email = ANY($1)';
  test.each<[string, readonly unknown[]]>([
    ['email = ANY($1)', [many]],
    ['email = ANY($1)', [binaryTexts(many)]],
    ['email = ANY($1)', [[...many, null]]],
    ['email = ANY($1)', [`{{${many.slice(0, 3).join()}},{${many.slice(3, 6).join()}}}`]],
    ['email = ANY($1)', [`  {${many.join()}}`]],
    ['email = ANY($1)', [`[5:1004]={${many.join()}}`]],
    ['pin = ANY($1::int2vector)', [many.map((_, n) => 1000 + n).join(' ')]],
    ['lower(email) = ANY($1)', [many]],
    ['nick = ANY($1)', [many]],
    ['email = ANY($1) AND tag = ANY($2)', [many.slice(0, 3), many.slice(0, 3)]],
    ['(id, email) IN ((1, $1), (2, $1), (3, $1), (4, $1), (5, $1), (6, $1))', ['x']],
  ])('WHERE %s', async (where, values) => {
    const answer = await asAgent((client) =>
      answerOf(client.query(`SELECT id FROM users WHERE ${where}`, [...values])),
    );
    // int2vector is no array whose items are counted.
    expect([tooMany, refused]).toContain(answer);
  });

  test.each([
    [`email = ANY('{${many.join()}}')`],
    ["email = ANY((SELECT array_agg('u' || n || '@example.com') FROM generate_series(1, 50) n))"],
    ["email = ANY(string_to_array('u7@example.com', ','))"],
    ["email = ANY(ARRAY(SELECT 'u7@example.com'))"],
    ['email = ANY(ARRAY[tag])'],
  ])('WHERE %.60s', async (where) => {
    expect(await asAgent((client) => answerOf(client.query(`SELECT id FROM users WHERE ${where}`)))).toBe(
      refused,
    );
  });

  test('runs of one prepared statement count by the list of each run', async () => {
    await asAgent(async (client) => {
      const run = (emails: readonly string[]) =>
        answerOf(client.query({ name: 'found', text: inList, values: [emails] }));
      expect(await run(['u7@example.com'])).toEqual([7]);
      expect(await run(many.slice(1, 4))).toHaveLength(3);
      expect(await run(many.slice(0, 2))).toBe(tooMany);
      expect(await run([])).toEqual([]);
      expect(await run([])).toBe(tooMany);
    });
  });

  test('a cursor counts once, when it is declared, whatever is fetched', async () => {
    await asAgent(async (client) => {
      await client.query('BEGIN');
      await client.query(`DECLARE c CURSOR FOR ${inList}`, [many.slice(1, 5)]);
      for (let fetched = 0; fetched < 6; fetched++) await client.query('FETCH 1 FROM c');
      expect(await answerOf(client.query(`DECLARE d CURSOR FOR ${inList}`, [many.slice(1, 5)]))).toBe(
        tooMany,
      );
    });
  });

  test('PREPARE with a list is refused: its values may be computed', async () => {
    await asAgent(async (client) => {
      expect(await answerOf(client.query(`PREPARE p(text[]) AS ${inList}`))).toBe(refused);
      await client.query('PREPARE one(text) AS SELECT id FROM users WHERE email = $1');
      expect(await answerOf(client.query("EXECUTE one('u7@example.com')"))).toEqual([7]);
      expect(await answerOf(client.query(`PREPARE q(text[]) AS ${inList}; EXECUTE q('{a,b,c,d,e,f}')`))).toBe(
        refused,
      );
    });
  });

  test('several statements of one text, and several sessions on both workers, have one count', async () => {
    await using stack = new AsyncDisposableStack();
    const redis = await startRedis();
    stack.defer(() => redis.stop());
    const shared = stack.use(
      await start({
        gateway: ['workers: 2'],
        config: ['approvals: {redis: env:REDIS_URL}'],
        env: { REDIS_URL: redis.url },
      }),
    );
    const claims = newAgent();
    const guess = "SELECT id FROM users WHERE lower(email) = 'x'";
    const clients = await Promise.all(Array.from({ length: 6 }, () => shared.connect({ claims })));
    const answers = await Promise.all(
      clients.map((client) =>
        answerOf(client.query('SELECT id FROM users WHERE nick = ANY($1)', [['a', 'b']])),
      ),
    );
    const passed = answers.filter((answer) => answer !== tooMany);
    expect(passed.length).toBeLessThanOrEqual(2);
    const [first] = clients;
    expect(
      await answerOf((first as pg.Client).query([guess, guess, guess, guess, guess, guess].join('; '))),
    ).toBe(tooMany);
    await Promise.all(clients.map((client) => client.end()));
  }, 60_000);
});
