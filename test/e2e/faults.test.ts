/** Any process dies, or the disk is full: the client is told, nothing undecided reaches the database, the trail is whole. */
import { execFileSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import { freePort } from '../servers/postgres.ts';
import { type RedisServer, startRedis } from '../servers/redis.ts';
import { errorOf, heldBy, lastError } from './clients.ts';
import { TestGateway } from './gateway.ts';

let gateway: TestGateway;
let redis: RedisServer;
let direct: pg.Client;

beforeAll(async () => {
  redis = await startRedis();
  gateway = await TestGateway.start({
    port: await freePort(),
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

beforeEach(async () => {
  direct = await gateway.direct();
});

afterEach(() => direct.end());

/** A new session as soon as one can be had. */
async function connectAgain(): Promise<pg.Client> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    try {
      return await gateway.connect();
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
  }
}

const insert = 'INSERT INTO app.orders (id, item) VALUES ($1, $2)';

/** Neither tampered with nor, but for the record that was being written, torn. */
async function expectWholeTrail(): Promise<void> {
  expect([0, 3]).toContain((await gateway.cli(['trail', 'verify'])).status);
}

interface TrailRecord {
  readonly kind: string;
  readonly decision?: string;
  readonly text?: string;
  readonly parameters?: readonly string[];
}

async function trail(): Promise<readonly TrailRecord[]> {
  const { stdout } = await gateway.cli(['trail', 'show', '--json']);
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

/** Of the orders that these tests have added. */
async function ordersFrom(first: number): Promise<ReadonlySet<number>> {
  const { rows } = await direct.query('SELECT id FROM app.orders WHERE id >= $1', [first]);
  return new Set(rows.map(({ id }) => id));
}

/** A held statement on a session of its own; the error that its client gets in the end. */
async function heldStatement(text: string): Promise<{ hold: string; error: Promise<pg.DatabaseError> }> {
  const client = await gateway.connect();
  client.on('error', () => undefined);
  const held = heldBy(client);
  const error = errorOf(client.query(text));
  return { hold: await held, error };
}

/** A statement that runs at the target until the lock is let go of. */
async function blockedStatement() {
  const client = await gateway.connect();
  client.on('error', () => undefined);
  // A connection of its own: within a transaction pg_stat_activity stands still.
  const lock = await gateway.direct();
  lock.on('error', () => undefined);
  await lock.query('BEGIN; LOCK TABLE app.jobs');
  const outcome = client.query('INSERT INTO app.jobs (done) VALUES (true)').catch((error: unknown) => error);
  while ((await waitingForLock()) === 0);
  return { client, outcome, unlock: () => lock.end() };
}

const waitingForLock = async (): Promise<number> =>
  (await direct.query("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'")).rowCount ?? 0;

const nameOf = async (id: number): Promise<string> =>
  (await direct.query('SELECT name FROM app.users WHERE id = $1', [id])).rows[0].name;

async function expectNotApprovable(hold: string): Promise<void> {
  const approved = await gateway.cli(['holds', 'approve', hold, '--reason', 'late', '--yes']);
  expect(approved.status).not.toBe(0);
}

describe('kill -9', () => {
  test('of the gateway process: what was not decided and on record is not in the database', async () => {
    const writers = await Promise.all(Array.from({ length: 8 }, () => gateway.connect()));
    const acknowledged = new Set<number>();
    const { promise: enough, resolve } = Promise.withResolvers<void>();
    let next = 10_000;
    const work = writers.map(async (client) => {
      const ended = lastError(client);
      try {
        for (;;) {
          const id = next++;
          await client.query(insert, [id, 'spoon']);
          acknowledged.add(id);
          if (acknowledged.size === 200) resolve();
        }
      } catch (error) {
        await ended;
        return error;
      }
    });
    const held = await heldStatement("UPDATE app.users SET name = 'undecided' WHERE id = 2");
    await enough;
    process.kill(await gateway.processId(), 'SIGKILL');
    for (const error of await Promise.all(work)) expect(error).toHaveProperty('message');
    expect(await held.error).toHaveProperty('message');
    const again = await connectAgain();
    await again.end();

    // What was in flight is committed or rolled back once its backend is gone.
    while (
      (await direct.query("SELECT 1 FROM pg_stat_activity WHERE query LIKE 'INSERT INTO app.orders%'"))
        .rowCount
    );
    const stored = await ordersFrom(10_000);
    const allowed = new Set(
      (await trail())
        .filter(({ kind, decision, text }) => kind === 'action' && decision === 'allow' && text === insert)
        .map(({ parameters }) => Number(parameters?.[0])),
    );
    expect([...acknowledged].filter((id) => !stored.has(id))).toEqual([]);
    expect([...stored].filter((id) => !allowed.has(id))).toEqual([]);
    // Redis takes the process for alive until its lease is over; an approval that comes before then runs nothing.
    await gateway.cli(['holds', 'approve', held.hold, '--reason', 'late', '--yes']);
    const other = await gateway.connect();
    await other.query('SELECT 1');
    await other.end();
    expect(await nameOf(2)).toBe('Bo');
    await expectWholeTrail();
  });

  test('of Envoy: sessions end, their holds and what they run with them, and it is started again', async () => {
    const held = await heldStatement("UPDATE app.users SET name = 'x' WHERE id = 2");
    const { outcome, unlock } = await blockedStatement();
    process.kill(await gateway.envoyProcessId(), 'SIGKILL');
    expect(await outcome).toHaveProperty('message');
    expect(await held.error).toHaveProperty('message');
    while ((await waitingForLock()) > 0);
    await unlock();
    const again = await connectAgain();
    expect((await again.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    await again.end();
    await expectNotApprovable(held.hold);
    expect(await nameOf(2)).toBe('Bo');
    await expectWholeTrail();
  });

  test('of a PostgreSQL process, which ends all of them: clients are told, holds are withdrawn', async () => {
    const held = await heldStatement("UPDATE app.users SET name = 'x' WHERE id = 2");
    const { outcome } = await blockedStatement();
    const idle = await gateway.connect();
    const idleEnds = lastError(idle);
    const { rows } = await direct.query(
      "SELECT pid FROM pg_stat_activity WHERE query LIKE 'INSERT INTO app.jobs%'",
    );
    direct.on('error', () => undefined);
    process.kill(rows[0].pid, 'SIGKILL');
    const lost = { severity: 'FATAL', code: '08006' };
    expect(await outcome).toMatchObject(lost);
    expect(await idleEnds).toMatchObject({ severity: 'FATAL' });
    expect(await held.error).toMatchObject({ severity: 'FATAL' });
    const again = await connectAgain();
    expect((await again.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    await again.end();
    await expectNotApprovable(held.hold);
    direct = await gateway.direct();
    expect(await nameOf(2)).toBe('Bo');
    await expectWholeTrail();
  });

  test('of Redis during a hold: it stays held, and what Redis has forgotten is not run', async () => {
    const { port } = redis;
    const held = await heldStatement("UPDATE app.users SET name = 'x' WHERE id = 2");
    await redis.stop();
    const other = await gateway.connect();
    expect((await errorOf(other.query('DELETE FROM app.orders'))).code).toBe('58000');
    expect((await other.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    await other.end();
    await expectNotApprovable(held.hold);
    redis = await startRedis(['--port', String(port)]);
    expect((await held.error).code).toMatch(/^(42501|57014)$/);
    expect(await nameOf(2)).toBe('Bo');
    // And the next one is held and approved as ever.
    const client = await connectAgain();
    for (;;) {
      const noticed = heldBy(client);
      const update = client
        .query("UPDATE app.users SET name = 'Bea' WHERE id = 2")
        .catch((error: unknown) => error);
      const first = await Promise.race([noticed, update]);
      // The connection to Redis comes back a moment after Redis.
      if (typeof first !== 'string') continue;
      await gateway.cli(['holds', 'approve', first, '--reason', 'fine', '--yes']);
      expect(await update).toMatchObject({ rowCount: 1 });
      break;
    }
    await client.end();
    await expectWholeTrail();
  });
});

describe('the disk of the trail is full', () => {
  /** RLIMIT_FSIZE is to a writer what a full disk is: a short write, then an error (see test/core/audit/faults.test.ts). */
  const limitFiles = async (bytes: number | 'unlimited'): Promise<void> => {
    execFileSync('prlimit', ['--pid', String(await gateway.processId()), `--fsize=${bytes}:`]);
  };

  const trailBytes = (): number => {
    const folder = join(gateway.folder, 'state', 'trail');
    const newest = readdirSync(folder)
      .filter((name) => name.endsWith('.jsonl'))
      .sort()
      .at(-1);
    return statSync(join(folder, newest ?? '')).size;
  };

  test('new actions are refused, what runs is finished, and it goes on by itself once there is room', async () => {
    const client = await gateway.connect();
    const { client: running, outcome, unlock } = await blockedStatement();
    await limitFiles(trailBytes());
    const refused = { code: '58030', detail: expect.stringContaining('trail-unavailable') };
    for (const id of [20_001, 20_002, 20_003]) {
      expect(await errorOf(client.query(insert, [id, 'no room']))).toMatchObject(refused);
    }
    expect(await errorOf(client.query('SELECT 1'))).toMatchObject(refused);
    expect(await errorOf(client.query("UPDATE app.users SET name = 'x'"))).toMatchObject(refused);
    expect(await errorOf(gateway.connect())).toMatchObject({ severity: 'FATAL', code: '58030' });
    await unlock();
    expect(await outcome).toMatchObject({ rowCount: 1 });

    await limitFiles('unlimited');
    while ((await client.query(insert, [20_004, 'room']).catch(() => null)) === null);
    expect(await ordersFrom(20_000)).toEqual(new Set([20_004]));
    await Promise.all([client.end(), running.end()]);
    const { stdout, status } = await gateway.cli(['trail', 'verify']);
    expect(stdout).not.toContain('tampered');
    expect([0, 3]).toContain(status);
  });
});
