import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import postgres from 'postgres';
import { errorOf, holdPattern } from '../clients.ts';
import { TestGateway } from '../gateway.ts';
import { driversPolicy } from './drivers.ts';

let gateway: TestGateway;
let sql: postgres.Sql;
let told: (hold: string) => void = () => undefined;

beforeAll(async () => {
  gateway = await TestGateway.start({ policy: driversPolicy });
}, 60_000);

afterAll(() => gateway[Symbol.asyncDispose]());

beforeEach(() => {
  sql = postgres({
    host: '127.0.0.1',
    port: gateway.port,
    database: 'shop',
    username: 'agent-7',
    password: gateway.issuer.mint(),
    // One connection, so that what is said at once is a pipeline.
    max: 1,
    onnotice: ({ message }) => {
      const [, hold] = holdPattern.exec(message ?? '') ?? [];
      if (hold !== undefined) told(hold);
    },
  });
});

afterEach(() => sql.end());

const held = (): Promise<string> =>
  new Promise((resolve) => {
    told = resolve;
  });

const ada = { name: 'Ada', email: 'a***@***.example', card: '****1111', salary: '0' };

test('simple and extended queries, prepared by name, with masked values', async () => {
  for (const id of [1, 1]) {
    expect([...(await sql`SELECT name, email, card, salary FROM app.users WHERE id = ${id}`)]).toEqual([ada]);
  }
  expect([...(await sql`SELECT name, email, card, salary FROM app.users WHERE id = 1`.simple())]).toEqual([
    ada,
  ]);
  expect([...(await sql.unsafe('SELECT name, email, card, salary FROM app.users WHERE id = 1'))]).toEqual([
    ada,
  ]);
});

test('a cursor: portals that stop after some rows', async () => {
  const seen: unknown[] = [];
  for await (const rows of sql`SELECT email FROM app.users ORDER BY id`.cursor(2)) {
    seen.push(rows.map(({ email }) => email));
  }
  expect(seen).toEqual([['a***@***.example', 'b***@***.example'], ['c***@***.example']]);
});

test('COPY in and out', async () => {
  const sink = await sql`COPY app.orders (id, item) FROM STDIN`.writable();
  await pipeline(Readable.from(['1001\tsaucer\n', '1002\tspoon\n']), sink);
  expect([...(await sql`SELECT item FROM app.orders WHERE id > 1000 ORDER BY id`)]).toEqual([
    { item: 'saucer' },
    { item: 'spoon' },
  ]);
  const source = await sql`COPY (SELECT name, email FROM app.users ORDER BY id LIMIT 2) TO STDOUT`.readable();
  expect(await text(source)).toBe('Ada\ta***@***.example\nBo\tb***@***.example\n');
});

test('a pipeline: what is refused fails alone', async () => {
  const [one, refused, three] = await Promise.allSettled([
    sql`SELECT ${1}::int AS n`,
    sql`DROP TABLE app.users`,
    sql`SELECT email FROM app.users WHERE id = ${2}`,
  ]);
  expect(one).toMatchObject({ status: 'fulfilled', value: [{ n: 1 }] });
  expect(refused).toMatchObject({ status: 'rejected', reason: { code: '42501' } });
  expect(three).toMatchObject({ status: 'fulfilled', value: [{ email: 'b***@***.example' }] });
});

test('a refusal fails its transaction, and the connection goes on', async () => {
  const work = sql.begin(async (transaction) => {
    await transaction`INSERT INTO app.orders (id, item) VALUES (2001, 'plate')`;
    expect((await errorOf(transaction`DROP TABLE app.users`)).code).toBe('42501');
    expect((await errorOf(transaction`SELECT 1`)).code).toBe('25P02');
    throw new Error('rolled back');
  });
  expect((await errorOf(work)).message).toBe('rolled back');
  expect([...(await sql`SELECT id FROM app.orders WHERE id = 2001`)]).toEqual([]);
});

test('a held statement runs once it is approved, with what was sent behind it', async () => {
  const hold = held();
  const update = sql`UPDATE app.users SET name = ${'Bea'} WHERE id = ${2}`.execute();
  const behind = sql`SELECT name FROM app.users WHERE id = 2`.execute();
  const approved = await gateway.cli(['holds', 'approve', await hold, '--reason', 'fine', '--yes']);
  expect(approved).toMatchObject({ status: 0 });
  expect((await update).count).toBe(1);
  expect([...(await behind)]).toEqual([{ name: 'Bea' }]);
});

test('cancel: of what runs, and of what is held', async () => {
  const direct = await gateway.direct();
  const running =
    "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)' AND pid <> pg_backend_pid() AND state = 'active'";
  const sleep = sql`SELECT pg_sleep(600)`.execute();
  const outcome = errorOf(sleep);
  while ((await direct.query(running)).rowCount === 0);
  sleep.cancel();
  expect((await outcome).code).toBe('57014');
  await direct.end();
  const hold = held();
  const update = sql`UPDATE app.users SET name = 'x' WHERE id = 3`.execute();
  const withdrawn = errorOf(update);
  const id = await hold;
  update.cancel();
  expect((await withdrawn).code).toBe('57014');
  const late = await gateway.cli(['holds', 'approve', id, '--reason', 'late', '--yes']);
  expect(late.status).not.toBe(0);
});
