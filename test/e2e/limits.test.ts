import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { RawClient, say } from '../attacks/raw-client.ts';
import { errorOf, lastError } from './clients.ts';
import { standardPolicy, TestGateway } from './gateway.ts';

let gateway: TestGateway;

/** Limits of one group each, beside what everybody may do. */
const limited = `${standardPolicy}\
  - {name: few-rows, targets: [shop], principals: [{groups: [few-rows]}], limits: {rows: 10}}
  - {name: few-bytes, targets: [shop], principals: [{groups: [few-bytes]}], limits: {bytes: 400}}
  - {name: slow, targets: [shop], principals: [{groups: [slow]}], limits: {commandsPerMinute: 3}}
  - {name: guesser, targets: [shop], principals: [{groups: [guesser]}], limits: {guessesPerMinute: 2}}
  - {name: short, targets: [shop], principals: [{groups: [short]}], limits: {session: 1s}}
  - {name: busy, targets: [shop], principals: [{groups: [busy]}], limits: {idle: 1s}}
  - name: large-objects
    targets: [shop]
    principals: [{groups: [large-objects]}]
    rules:
      - {name: use, effects: [call], functions: [pg_catalog.lo_*], outcome: allow}
`;

beforeAll(async () => {
  gateway = await TestGateway.start({
    policy: limited,
    identity: ['lockout: {failures: 3, window: 1m, lock: 1m}'],
  });
}, 60_000);

afterAll(() => gateway[Symbol.asyncDispose]());

const member = (...groups: readonly string[]) => gateway.connect({ claims: { groups } });

describe('limits of a policy', () => {
  test('rows: the result ends with an error, and the session goes on', async () => {
    const client = await member('few-rows');
    for (const text of ['SELECT id FROM app.orders', 'SELECT a.id FROM app.orders a, app.orders b']) {
      const error = await errorOf(client.query(text));
      expect(error).toMatchObject({ detail: expect.stringContaining('limit-exceeded') });
    }
    expect((await client.query('SELECT id FROM app.orders WHERE id <= 10')).rowCount).toBe(10);
    await client.end();
  });

  test('bytes', async () => {
    const client = await member('few-bytes');
    const error = await errorOf(client.query('SELECT id, item FROM app.orders', []));
    expect(error).toMatchObject({ detail: expect.stringContaining('limit-exceeded') });
    expect((await client.query('SELECT 1 AS one', [])).rows).toEqual([{ one: 1 }]);
    await client.end();
  });

  test('statements a minute, for all sessions of a principal together', async () => {
    const [one, two] = [await member('slow'), await member('slow')];
    for (const client of [one, two, one]) await client.query('SELECT 1');
    expect(await errorOf(two.query('SELECT 1'))).toMatchObject({
      detail: expect.stringContaining('limit-exceeded'),
    });
    await Promise.all([one.end(), two.end()]);
  });

  const guess = "SELECT id FROM app.users WHERE email = 'nobody@nowhere.example'";
  const parameters = 'SELECT id FROM app.users WHERE email = $1';
  test.each<[string, readonly (readonly [text: string, values?: readonly string[]])[]]>([
    ['statements', [[guess], [guess], [guess]]],
    [
      'runs of a prepared statement',
      [
        [parameters, ['a']],
        [parameters, ['b']],
        [parameters, ['c']],
      ],
    ],
    [
      'runs of PREPARE',
      [[`PREPARE g(text) AS ${parameters}`], ["EXECUTE g('a')"], ["EXECUTE g('b')"], ["EXECUTE g('c')"]],
    ],
    [
      'cursors',
      [['BEGIN'], ...['a', 'b', 'c'].map((name) => [`DECLARE ${name} CURSOR FOR ${guess}`] as const)],
    ],
    ['statements that fail', [[`${guess} AND 1 / (id * 0) = 1`], [guess], [guess]]],
    ['plans', [[`EXPLAIN ${guess}`], [`EXPLAIN ANALYZE ${guess}`], [guess]]],
    [
      'transactions that are rolled back',
      [['BEGIN'], [guess], ['ROLLBACK'], ['BEGIN'], [guess], ['ROLLBACK'], [guess]],
    ],
    ['copies', [[`COPY (${guess}) TO STDOUT`], [`COPY (${guess}) TO STDOUT`], [guess]]],
  ])('guesses at a masked column a minute: %s', async (sub, texts) => {
    const client = await gateway.connect({ claims: { groups: ['guesser'], sub } });
    const outcomes: (string | undefined)[] = [];
    for (const [text, values] of texts) {
      const query =
        values === undefined ? client.query(text) : client.query({ name: 'g', text, values: [...values] });
      outcomes.push(
        await query.then(
          () => 'done',
          (error: { code?: string }) => error.code,
        ),
      );
    }
    expect(outcomes.pop()).toBe('53400');
    expect(outcomes).not.toContain('53400');
    await client.end();
  });

  test('guesses of one text count one by one', async () => {
    const client = await gateway.connect({ claims: { groups: ['guesser'], sub: 'at-once' } });
    expect(await errorOf(client.query([guess, guess, guess].join('; ')))).toMatchObject({ code: '53400' });
    expect(await errorOf(client.query(`${guess.replace('= ', "IN ('a', 'b', ")})`))).toMatchObject({
      message: expect.stringContaining('more than 2 comparisons of masked fields'),
    });
    await client.query(`${guess}; ${guess}`);
    await client.end();
  });

  test.each(['short', 'busy'])('session and idle time: %s', async (group) => {
    expect(await lastError(await member(group))).toMatchObject({ severity: 'FATAL' });
  });
});

test('large objects go through SQL functions', async () => {
  const client = await member('large-objects');
  const [{ oid }] = (await client.query("SELECT lo_from_bytea(0, 'kept as it is') AS oid")).rows;
  expect(String((await client.query('SELECT lo_get($1) AS data', [oid])).rows[0].data)).toBe('kept as it is');
  await client.query('SELECT lo_unlink($1)', [oid]);
  await client.end();
});

describe('the protocol’s version', () => {
  /** The first message to somebody who asks for this version, and whether the login came to its end. */
  async function login(version: number, more: Readonly<Record<string, string>> = {}) {
    const client = await RawClient.connect(gateway.port);
    client.send(say.startup({ user: 'agent-7', database: 'shop', ...more }, version));
    await client.until(() => client.closed || client.has('R'));
    client.send(say.password(gateway.issuer.mint()));
    await client.until(() => client.closed || client.has('Z'));
    const [first] = client.messages;
    const key = client.messages.find(({ type }) => type === 'K')?.body.length ?? 0;
    client.end();
    return {
      first: first?.type,
      body: first?.body.toString('hex'),
      done: client.has('Z'),
      keyBytes: key - 4,
    };
  }

  test('3.0 as it is, 3.2 with a longer cancel key, anything newer is brought down to 3.2', async () => {
    expect(await login(0x30000)).toMatchObject({ first: 'R', done: true, keyBytes: 4 });
    expect(await login(0x30002)).toMatchObject({ first: 'R', done: true, keyBytes: 32 });
    expect(await login(0x3270f)).toMatchObject({ first: 'v', body: '0003000200000000', done: true });
  });

  test('options that nobody knows are named', async () => {
    const { first, body, done } = await login(0x30000, { '_pq_.new': 'on' });
    expect([first, done]).toEqual(['v', true]);
    expect(Buffer.from(body ?? '', 'hex').toString('latin1')).toContain('_pq_.new');
  });
});

test('a principal that is disabled in the config loses its sessions and gets no new one', async () => {
  const client = await gateway.connect({ claims: { sub: 'mallory' } });
  const ended = lastError(client);
  const config = await readFile(gateway.configFile, 'utf8');
  await writeFile(
    gateway.configFile,
    config.replace('identity:\n', 'identity:\n  disabled: [{subjects: [mallory]}]\n'),
  );
  expect(await ended).toMatchObject({ severity: 'FATAL' });
  const error = await errorOf(gateway.connect({ claims: { sub: 'mallory' } }));
  expect(error).toMatchObject({ code: '28000', severity: 'FATAL' });
});

test('whoever guesses tokens is locked out at the door', async () => {
  for (let attempt = 0; attempt < 3; attempt++) await errorOf(gateway.connect({ password: 'guess' }));
  // With a good token as well, and without a word: nothing of the connection reaches an engine.
  const error = await errorOf(gateway.connect());
  expect(error.code).not.toBe('28P01');
  const { stdout } = await gateway.cli(['trail', 'show', '--json']);
  expect(stdout).toContain('locked-out');
});
