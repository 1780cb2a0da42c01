import { cp, mkdtemp, readdir, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import { type Finished, sallyport } from '../console/cli.ts';
import { type RedisServer, startRedis } from '../servers/redis.ts';
import { cancel, errorOf, heldBy, holdPattern, lastError } from './clients.ts';
import { TestGateway } from './gateway.ts';

const workers = [1, 2, 3];

const policy = `\
policies:
  - name: agents
    targets: [shop]
    principals: [{kinds: [agent]}]
    limits: {commandsPerMinute: 24}
    rules: &rules
      - {name: read, effects: [select], tables: [app.*], outcome: allow}
      - {name: sleep, effects: [call], functions: [pg_catalog.pg_sleep], outcome: allow}
      - {name: make, effects: [create, alter], outcome: allow}
      - name: change
        effects: [update]
        tables: [app.users]
        outcome: hold
        approval: {approvers: [{groups: [oncall]}], within: 10m, wait: 2m}
      - name: remove
        effects: [delete]
        tables: [app.orders]
        outcome: hold
        approval: {approvers: [{groups: [oncall]}], within: 10m, mode: defer, grant: {for: 10m, covers: rule}}
  - name: jobs
    targets: [shop]
    principals: [{kinds: [workload]}]
    rules: *rules
`;

/** Without a limit of commands. */
const job = { sub: 'job-1', kind: 'workload' };

interface Session {
  readonly id: string;
  readonly process: string;
  readonly source: string;
}

let redis: RedisServer;
let gateway: TestGateway;

beforeAll(async () => {
  redis = await startRedis();
  gateway = await TestGateway.start({
    policy,
    gateway: ['workers: 3'],
    identity: ['lockout: {failures: 7}'],
    config: [
      'approvals: {redis: env:REDIS_URL}',
      'console: {operators: [{groups: [sre]}], auditors: [{groups: [audit]}]}',
    ],
    env: { REDIS_URL: redis.url },
  });
}, 60_000);

afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await redis.stop();
});

/** The API of one worker. */
const at = (worker: number): readonly string[] => [
  '--socket',
  join(gateway.folder, 'state/run', `console.api.${worker}.sock`),
];
const asOperator = (args: readonly string[]): Promise<Finished> => gateway.cli(args, 'sam', ['sre']);

async function sessions(...args: readonly string[]): Promise<readonly Session[]> {
  const { stdout } = await asOperator(['sessions', 'ls', '--json', ...args]);
  return JSON.parse(stdout);
}

const portOf = (client: pg.Client): number | undefined =>
  // Not in the types: node-postgres keeps its socket.
  (client as unknown as { connection: { stream: { localPort?: number } } }).connection.stream.localPort;

const workerOf = (process: string): number => Number(/^gateway-(\d+) on /.exec(process)?.[1]);

async function sessionOf(client: pg.Client): Promise<Session> {
  const found = (await sessions()).find(({ source }) => source === `127.0.0.1:${portOf(client)}`);
  if (found === undefined) throw new Error('the client has no session');
  return found;
}

const end = (clients: readonly pg.Client[]): Promise<unknown> =>
  Promise.all(clients.map((client) => client.end()));

/** One client on each worker, in their order. Envoy deals connections out in turn, each of its threads for itself. */
async function oneOnEach(claims: Readonly<Record<string, unknown>> = job): Promise<readonly pg.Client[]> {
  const found = new Map<number, pg.Client>();
  while (found.size < workers.length) {
    const client = await gateway.connect({ claims });
    const worker = workerOf((await sessionOf(client)).process);
    if (found.has(worker)) await client.end();
    else found.set(worker, client);
  }
  return [...found].sort(([left], [right]) => left - right).map(([, client]) => client);
}

test('connections are spread, and every worker lists the sessions of all and tells how all are', async () => {
  const clients = await Promise.all(Array.from({ length: 12 }, () => gateway.connect({ claims: job })));
  const listed = await Promise.all(workers.map((worker) => sessions(...at(worker))));
  expect(new Set(listed[0]?.map(({ process }) => workerOf(process)))).toEqual(new Set(workers));
  expect(listed[0]?.length).toBe(12);
  const ids = listed.map((each) => each.map(({ id }) => id));
  expect(ids).toEqual([ids[0], ids[0], ids[0]]);
  expect((await sessions('--limit', '5')).map(({ id }) => id)).toEqual(ids[0]?.slice(0, 5));
  for (const worker of workers) {
    const { status, stdout } = await asOperator(['status', ...at(worker)]);
    expect({ status, stdout }).toMatchObject({ status: 0, stdout: expect.stringContaining('12 open') });
    for (const other of workers) {
      expect(stdout).toMatch(new RegExp(`process +gateway-${other} on \\S+: up since .* trail writable`));
    }
  }
  expect(await gateway.cli(['status', '--health'])).toMatchObject({ status: 0, stdout: '' });
  await end(clients);
});

test('a hold of any worker is approved through any other, and runs once', async () => {
  const clients = await oneOnEach();
  for (const [index, client] of clients.entries()) {
    const held = heldBy(client);
    const update = client.query(`UPDATE app.users SET name = 'Ada of ${index}' WHERE id = 1`);
    const id = await held;
    const through = at(workers[(index + 1) % workers.length] ?? 0);
    const approve = ['holds', 'approve', id, '--reason', 'fine', '--yes', ...through];
    expect(await gateway.cli(approve)).toMatchObject({ status: 0 });
    expect((await update).rowCount).toBe(1);
    expect(await gateway.cli(approve)).toMatchObject({ status: 1 });
  }
  await end(clients);
});

test('what was approved for a while on one worker is approved on all', async () => {
  const clients = await oneOnEach();
  const [first, ...others] = clients;
  const deferred = await errorOf(first?.query('DELETE FROM app.orders WHERE id = 1') ?? Promise.resolve());
  const id = holdPattern.exec(deferred.message)?.[1] ?? '';
  const approve = ['holds', 'approve', id, '--reason', 'fine', '--yes'];
  expect(await gateway.cli(approve)).toMatchObject({ status: 0 });
  for (const [index, client] of others.entries()) {
    expect((await client.query(`DELETE FROM app.orders WHERE id = ${index + 2}`)).rowCount).toBe(1);
  }
  await end(clients);
});

test('a cancel reaches the session wherever it is, and no other', async () => {
  const clients = await oneOnEach();
  const [bystander] = clients;
  const sleeping = bystander?.query('SELECT pg_sleep(600)');
  const slept = errorOf(sleeping ?? Promise.resolve());
  for (let round = 0; round < 12; round += 1) {
    const client = clients[1 + (round % 2)];
    if (client === undefined) throw new Error('there are not three clients');
    const stopped = errorOf(client.query('SELECT pg_sleep(600)'));
    // Not before it runs: a server takes no notice of a cancel that comes when nothing does.
    await running(2);
    cancel(client, gateway.port);
    expect(await stopped).toMatchObject({ code: '57014' });
  }
  await running(1);
  if (bystander !== undefined) cancel(bystander, gateway.port);
  expect(await slept).toMatchObject({ code: '57014' });
  await end(clients);
});

/** Resolves when so many statements sleep at the target. */
async function running(count: number): Promise<void> {
  const direct = await gateway.direct();
  const sleeping = `
    SELECT count(*)::int FROM pg_stat_activity
    WHERE query LIKE 'SELECT pg_sleep(600)%' AND state = 'active'`;
  while ((await direct.query(sleeping)).rows[0].count !== count);
  await direct.end();
}

test('Ctrl-C in psql stops what runs', async () => {
  for (let round = 0; round < 4; round += 1) {
    const psql = gateway.psql('SELECT pg_sleep(600);\n');
    await running(1);
    psql.process.kill('SIGINT');
    expect((await psql.finished).stderr).toContain('57014');
  }
});

test('a session is ended through any worker, which its own records', async () => {
  const clients = await oneOnEach();
  for (const [index, client] of clients.entries()) {
    const ends = lastError(client);
    const { id, process } = await sessionOf(client);
    const through = at(workers[(index + 1) % workers.length] ?? 0);
    expect(await asOperator(['sessions', 'kill', id, '--reason', 'runs wild', ...through])).toMatchObject({
      status: 0,
      stdout: `Session ${id} was ended.\n`,
    });
    expect(await ends).toMatchObject({ code: '57P01', message: expect.stringContaining('runs wild') });
    const { stdout } = await gateway.cli([
      'trail',
      'show',
      '--kind',
      'session-killed',
      '--session',
      id,
      '--json',
    ]);
    expect(JSON.parse(stdout)).toMatchObject({ session: id, by: { subject: 'sam' } });
    expect(workerOf(process)).toBe(index + 1);
  }
  expect(await asOperator(['sessions', 'kill', 's_nobody', '--reason', 'x'])).toMatchObject({
    stderr: expect.stringContaining('There is no open session'),
  });
});

test('what a session of one worker was shown is read through any', async () => {
  const [client, ...others] = await oneOnEach();
  const { id } = await sessionOf(client as pg.Client); // as: there are three
  await client?.query('SELECT id AS the_id FROM app.users WHERE id = 2');
  await client?.end();
  await end(others);
  for (const worker of workers) {
    const shown = await gateway.cli(['sessions', 'show', id, ...at(worker)], 'ann', ['audit']);
    expect(shown).toMatchObject({ status: 0, stdout: expect.stringContaining('the_id') });
  }
});

test('definitions that a session of one worker has changed are known to the others', async () => {
  const [first, second, third] = await oneOnEach();
  for (const client of [second, third]) await client?.query('SELECT count(*) FROM app.users');
  await first?.query('CREATE TABLE app.fresh (id int)');
  await first?.query('ALTER TABLE app.fresh RENAME COLUMN id TO other_id');
  for (const client of [second, third]) {
    expect((await client?.query('SELECT other_id FROM app.fresh'))?.rows).toEqual([]);
  }
  await end([first, second, third] as pg.Client[]); // as: there are three
});

test('a limit of commands is as large with three workers as with one, wherever they come in', async () => {
  const passed = async (client: pg.Client): Promise<number> => {
    for (let count = 0; ; count += 1) {
      const error = await client.query('SELECT 1 FROM app.users LIMIT 1').then(
        () => null,
        (refusal: pg.DatabaseError) => refusal,
      );
      if (error === null) continue;
      expect(error.detail).toContain('limit-exceeded');
      return count;
    }
  };
  // One connection gets what the other workers do not use, a moment after it has asked for it.
  const alone = await gateway.connect({ claims: { sub: 'agent-alone' } });
  expect(await passed(alone)).toBeGreaterThanOrEqual(20);
  await alone.end();
  const clients = await oneOnEach({ sub: 'agent-everywhere' });
  const counts = await Promise.all(clients.map(passed));
  // Some come in while this lasts: two in five seconds.
  expect(counts.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(24 + 2);
  await end(clients);
});

test('a worker that is killed takes its sessions along and nothing else', async () => {
  const clients = await oneOnEach();
  const victim = await sessionOf(clients[1] as pg.Client); // as: there are three
  const pids = [...gateway.up.errorOutput.matchAll(/"process":"gateway-2","pid":(\d+)/g)];
  const [lost, going] = [errorOf(clients[1]?.query('SELECT pg_sleep(600)') ?? Promise.resolve()), clients[0]];
  clients[1]?.on('error', () => undefined);
  const goesOn = going?.query('SELECT pg_sleep(3)');
  await running(1);
  process.kill(Number(pids.at(-1)?.[1]), 'SIGKILL');
  expect((await lost).message).toMatch(/terminated unexpectedly|ECONNRESET/);
  // Envoy has other workers to turn to, before it has noticed anything and after.
  for (let count = 0; count < 12; count += 1) await (await gateway.connect({ claims: job })).end();
  const asked = await asOperator(['sessions', 'kill', victim.id, '--reason', 'x', ...at(1)]);
  expect(asked.status).not.toBe(0);
  await goesOn;
  await gateway.up.untilError(new RegExp(`"process":"gateway-2","pid":(?!${pids.at(-1)?.[1]}\\b)\\d+`));
  const again = await oneOnEach();
  expect((await sessions(...at(2))).length).toBeGreaterThanOrEqual(5);
  expect((await asOperator(['status', ...at(2)])).status).toBe(0);
  // What the killed one wrote last may have been half a record.
  expect([0, 3]).toContain((await gateway.cli(['trail', 'verify'])).status);
  await end([...again, ...clients.filter((_, index) => index !== 1)]);
});

test('failed logins count once for all workers', async () => {
  const wrong = () => errorOf(gateway.connect({ password: 'not-a-token' }));
  for (let count = 0; count < 7; count += 1) expect((await wrong()).code).toBe('28P01');
  // From now on the door is shut at every worker.
  for (let count = 0; count < 9; count += 1) {
    await expect(gateway.connect({ claims: job })).rejects.toThrow(/terminated unexpectedly|ECONNRESET/);
  }
});

describe('without Redis', () => {
  test('what needs it is refused, told of as missing, and the rest goes on', async () => {
    const policyReads = await redisStops();
    expect(policyReads).toMatchObject({ status: 0 });
    const { stderr } = await asOperator(['sessions', 'ls', ...at(1)]);
    expect(stderr).toMatch(/not every gateway process has answered.*gateway-2 on .*gateway-3 on /);
    const killed = await asOperator(['sessions', 'kill', 's_nobody', '--reason', 'x', ...at(1)]);
    expect(killed).toMatchObject({ stderr: expect.stringContaining('not all did: gateway-2') });
    const status = await asOperator(['status', ...at(3)]);
    expect(status).toMatchObject({ status: 1, stdout: expect.stringContaining('gateway-1 on') });
    expect(status.stdout).toContain('does not answer');
  });

  async function redisStops(): Promise<Finished> {
    await redis.stop();
    return gateway.cli(['status', '--health']);
  }
});

describe('the trail, afterwards', () => {
  const copyWithout = async (change: (folder: string) => Promise<void>): Promise<Finished> => {
    const folder = await mkdtemp(join(tmpdir(), 'sallyport-trail-'));
    try {
      await cp(join(gateway.folder, 'state/trail'), folder, { recursive: true });
      await change(folder);
      return await sallyport(['trail', 'verify', '--dir', folder]);
    } finally {
      await rm(folder, { recursive: true });
    }
  };
  const filesOf = async (folder: string, chain: string): Promise<readonly string[]> =>
    (await readdir(folder)).filter((name) => name.startsWith(`${chain}-0`)).map((name) => join(folder, name));

  beforeAll(async () => {
    // At its start each records how far the others had come.
    await gateway.stopGateway();
    redis = await startRedis(['--port', String(redis.port)]);
    await gateway.startAgain();
    await gateway.stopGateway();
  }, 60_000);

  test('has a chain for each worker', async () => {
    const whole = await copyWithout(async () => undefined);
    expect(whole.stdout).toMatch(/gateway-1 .*\n[\s\S]*gateway-2 .*\n[\s\S]*gateway-3 /);
    expect(whole.stdout).not.toContain('TAMPERED');
  });

  test('misses one that is taken away', async () => {
    const gone = await copyWithout(async (folder) => {
      for (const file of await filesOf(folder, 'gateway-2')) await rm(file);
    });
    expect(gone).toMatchObject({ status: 1 });
    expect(gone.stdout).toMatch(
      /gateway-2-000001\.jsonl: record \d+: cut-off: chain gateway-[13] saw record \d+ of this one, .* nothing of it is here/,
    );
  });

  test('misses the end of one that is cut off', async () => {
    const cut = await copyWithout(async (folder) => {
      const [first = '', ...others] = await filesOf(folder, 'gateway-3');
      for (const file of others) await rm(file);
      await truncate(first, 0);
    });
    expect(cut).toMatchObject({ status: 1 });
    expect(cut.stdout).toMatch(
      /gateway-3.*cut-off: chain gateway-[12] saw record \d+ of this one, .* it is not here/,
    );
  });
});
