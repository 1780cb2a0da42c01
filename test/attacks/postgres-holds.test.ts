/** Pipelines around a held statement: what stands before it, what is sent behind it, and all the ways in which it can end. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type pg from 'pg';
import { TestGateway } from '../e2e/gateway.ts';
import { fieldsOf, RawClient, say, shortly } from './raw-client.ts';

const policy = `\
policies:
  - name: agents
    targets: [shop]
    principals: [{kinds: [agent]}]
    rules:
      - {name: read, effects: [select], tables: [app.*], outcome: allow}
      - {name: add, effects: [insert], tables: [app.jobs], outcome: allow}
      - name: change
        effects: [update]
        tables: [app.users]
        outcome: hold
        approval: {approvers: [{groups: [oncall]}], within: 10m, wait: 5m}
      - name: later
        effects: [delete]
        tables: [app.jobs]
        outcome: hold
        approval: {approvers: [{groups: [oncall]}], within: 10m, mode: defer}
`;

let gateway: TestGateway;
let admin: pg.Client;

beforeAll(async () => {
  gateway = await TestGateway.start({ policy });
  admin = await gateway.direct();
}, 60_000);

afterAll(async () => {
  await admin.end();
  await gateway[Symbol.asyncDispose]();
});

const session = (): Promise<RawClient> =>
  RawClient.login(gateway.port, { user: 'agent-7', database: 'shop', password: gateway.issuer.mint() });

/** Ids of holds that notices or errors have told of, in order. */
const holdsOf = (client: RawClient): readonly string[] => [
  ...new Set(
    client.messages
      .filter(({ type }) => type === 'N' || type === 'E')
      .flatMap((message) => JSON.stringify(fieldsOf(message)).match(/h_[\w-]+/g) ?? []),
  ),
];

/** The id of the nth hold, once the client has been told of it. */
async function held(client: RawClient, nth = 1): Promise<string> {
  await client.until(() => client.closed || holdsOf(client).length >= nth);
  return holdsOf(client)[nth - 1] ?? '';
}

const answersOf = (client: RawClient): readonly string[] =>
  client.messages.map(shortly).filter((text) => !text.startsWith('N('));

const decide = (word: 'approve' | 'reject', id: string): Promise<{ readonly status: number | null }> =>
  gateway.cli(['holds', word, id, '--reason', 'a test', '--yes']);

async function stateOf(id: string): Promise<string> {
  return JSON.parse((await gateway.cli(['holds', 'show', id, '--json'])).stdout).state;
}

const nameOf = async (id: number): Promise<string> =>
  (await admin.query('SELECT name FROM app.users WHERE id = $1', [id])).rows[0].name;
const jobs = async (): Promise<number> =>
  (await admin.query('SELECT count(*)::int AS n FROM app.jobs')).rows[0].n;

const once = (text: string, parameters: readonly string[] = []): Buffer =>
  Buffer.concat([say.parse(text), say.bind('', '', { parameters }), say.execute()]);
const rename = (to: string): Buffer => once('UPDATE app.users SET name = $1 WHERE id = 1', [to]);
const addJob = once('INSERT INTO app.jobs (done) VALUES (false)');
const readName = once('SELECT name FROM app.users WHERE id = 1');

test('what is behind a held statement waits, and follows in order once it is approved', async () => {
  const client = await session();
  client.send(addJob, rename('Adele'), readName, say.sync(), say.query('SELECT 1'));
  const id = await held(client);
  expect(answersOf(client)).toEqual([]);
  expect(await nameOf(1)).toBe('Ada');
  const done = client.ready(2);
  expect(await decide('approve', id)).toMatchObject({ status: 0 });
  await done;
  const each = (...last: readonly string[]): readonly string[] => ['1', '2', ...last];
  expect(answersOf(client).filter((text) => !text.startsWith('T'))).toEqual([
    ...each('C(INSERT 0 1)'),
    ...each('C(UPDATE 1)'),
    ...each('D(Adele)', 'C(SELECT 1)'),
    'Z(I)',
    ...['D(1)', 'C(SELECT 1)', 'Z(I)'],
  ]);
  client.end();
});

test('a rejected statement undoes what its pipeline did before it, and what is behind it up to Sync is skipped', async () => {
  const client = await session();
  const before = await jobs();
  client.send(addJob, rename('no'), addJob, say.query('SELECT 2'), say.sync(), addJob, say.sync());
  const id = await held(client);
  const done = client.ready(2);
  await decide('reject', id);
  await done;
  const inserted = ['1', '2', 'C(INSERT 0 1)'];
  expect(answersOf(client)).toEqual([...inserted, '1', 'E(42501)', 'Z(I)', ...inserted, 'Z(I)']);
  expect(await jobs()).toBe(before + 1);
  expect(await nameOf(1)).toBe('Adele');
  client.end();
});

test('in a transaction, approval goes on with it and rejection fails it', async () => {
  const client = await session();
  const before = await jobs();
  for (const [word, status, answer] of [
    ['approve', 'Z(T)', 'C(UPDATE 1)'],
    ['reject', 'Z(E)', 'E(42501)'],
  ] as const) {
    client.messages.length = 0;
    client.send(say.query('BEGIN'), addJob, say.sync(), rename(word), say.sync(), say.query('COMMIT'));
    const id = await held(client);
    await decide(word, id);
    // The notice of the hold may come before the answers to what stands before it.
    await client.until(
      () => client.closed || answersOf(client).filter((text) => text.startsWith('Z')).length === 4,
    );
    const ends = word === 'approve' ? ['C(COMMIT)', 'Z(I)'] : ['C(ROLLBACK)', 'Z(I)'];
    expect(answersOf(client).slice(-4)).toEqual([answer, status, ...ends]);
  }
  expect(await nameOf(1)).toBe('approve');
  expect(await jobs()).toBe(before + 1);
  client.end();
});

test('a cancel withdraws the hold, and what is behind it goes on as after an error', async () => {
  const client = await session();
  client.send(rename('cancelled'), readName, say.sync(), readName, say.sync());
  const id = await held(client);
  const done = client.ready(2);
  const other = await RawClient.connect(gateway.port);
  other.send(say.cancel(client.cancelKey));
  await done;
  expect(answersOf(client)).toEqual(['1', 'E(57014)', 'Z(I)', '1', '2', 'D(approve)', 'C(SELECT 1)', 'Z(I)']);
  expect((await decide('approve', id)).status).not.toBe(0);
  other.end();
  client.end();
});

test('two held statements of a pipeline are asked about one after the other', async () => {
  const client = await session();
  client.send(rename('first'), rename('second'), say.sync());
  const first = await held(client);
  await decide('approve', first);
  const second = await held(client, 2);
  expect(second).not.toBe(first);
  // Nothing is committed before the second is decided.
  expect(await nameOf(1)).toBe('approve');
  const done = client.ready();
  await decide('reject', second);
  await done;
  expect(answersOf(client)).toEqual(['1', '2', 'C(UPDATE 1)', '1', 'E(42501)', 'Z(I)']);
  expect(await nameOf(1)).toBe('approve');
  client.end();
});

test('a statement behind one that fails is not asked about any more', async () => {
  const client = await session();
  const done = client.ready();
  client.send(once('SELECT 1/0'), rename('skipped'), say.sync());
  await done;
  expect(answersOf(client)).toEqual(['1', 'E(22012)', 'Z(I)']);
  for (const id of holdsOf(client)) expect(await stateOf(id)).not.toBe('open');
  await client.exchange(say.query('SELECT 1'));
  expect(answersOf(client).slice(-2)).toEqual(['C(SELECT 1)', 'Z(I)']);
  client.end();
});

const endings: Readonly<Record<string, (client: RawClient) => void>> = {
  'closes the connection': (client) => client.socket.end(),
  'resets it': (client) => client.reset(),
  'says goodbye': (client) => client.send(say.terminate()),
  'breaks the protocol': (client) => client.send(Buffer.from([0x51, 0, 0, 0, 3])),
  'sends more than may wait': (client) => {
    for (let sent = 0; sent < 20; sent++) client.send(say.query(`SELECT '${'x'.repeat(60_000)}'`));
  },
};
test.each(Object.entries(endings))(
  'nothing runs of a held statement and all behind it when the client %s',
  async (_how, end) => {
    const client = await session();
    const before = await jobs();
    client.send(rename('gone'), say.sync(), addJob, say.sync());
    const id = await held(client);
    end(client);
    while ((await stateOf(id)) === 'open');
    expect((await decide('approve', id)).status).not.toBe(0);
    expect(await nameOf(1)).toBe('approve');
    expect(await jobs()).toBe(before);
    client.end();
  },
);

test('a deferred statement runs once when it is sent again after approval, and only with the same values', async () => {
  const client = await session();
  const remove = (id: string): Buffer =>
    Buffer.concat([once('DELETE FROM app.jobs WHERE id = $1', [id]), say.sync()]);
  const before = await jobs();
  await client.exchange(remove('1'));
  expect(answersOf(client)).toEqual(['1', 'E(42501)', 'Z(I)']);
  const [deferred = ''] = holdsOf(client);
  // Asked again before it is decided, it is the same hold.
  await client.exchange(remove('1'));
  expect(holdsOf(client)).toEqual([deferred]);
  expect(await decide('approve', deferred)).toMatchObject({ status: 0 });
  // Another value is another action; what its pipeline does behind it is skipped.
  await client.exchange(Buffer.concat([remove('2').subarray(0, -say.sync().length), addJob, say.sync()]));
  expect(holdsOf(client)).toHaveLength(2);
  expect(await jobs()).toBe(before);
  client.messages.length = 0;
  await client.exchange(remove('1'));
  expect(answersOf(client)).toEqual(['1', '2', 'C(DELETE 1)', 'Z(I)']);
  client.messages.length = 0;
  await client.exchange(remove('1'));
  expect(answersOf(client)).toEqual(['1', 'E(42501)', 'Z(I)']);
  expect(holdsOf(client)).not.toEqual([deferred]);
  expect(await jobs()).toBe(before - 1);
  client.end();
});
