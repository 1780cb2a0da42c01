import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { RedisApprovals } from '../../../services/core/approvals/store/redis.ts';
import { scripts } from '../../../services/core/approvals/store/scripts.ts';
import { type Clock, systemClock } from '../../../services/core/model/clock.ts';
import type { HoldRequest } from '../../../services/core/model/hold.ts';
import { type HoldId, holdId, newHoldId } from '../../../services/core/model/ids.ts';
import { Secret } from '../../../services/core/model/secret.ts';
import { redisCommandTimeoutMs } from '../../../services/core/redis/limits.ts';
import { makeAuthority } from '../../servers/certificates.ts';
import { freePort } from '../../servers/postgres.ts';
import { type RedisServer, startRedis } from '../../servers/redis.ts';
import { maxOpenPerPrincipal } from './contract.ts';
import { ManualClock } from './manual-clock.ts';
import { bob, cleo, minuteMs, recordingLog, request } from './people.ts';
import { startRedisStore } from './redis-store.ts';

/** What a test has started, stopped in reverse when it ends. */
const started: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of started.splice(0).reverse()) await stop();
});

interface GatewayOptions {
  readonly prefix?: string;
  readonly clock?: Clock;
  readonly leaseMs?: number;
  readonly maxOpenPerPrincipal?: number;
}

interface Gateway {
  readonly approvals: RedisApprovals;
  readonly lines: readonly string[];
}

async function gateway(url: string, options: GatewayOptions = {}): Promise<Gateway> {
  const { log, lines } = recordingLog();
  const approvals = await RedisApprovals.start({
    url: new Secret(url),
    maxOpenPerPrincipal,
    clock: systemClock,
    log,
    ...options,
  });
  started.push(() => approvals.close());
  return { approvals, lines };
}

let prefixes = 0;
const newPrefix = (): string => `test-${++prefixes}`;

/** Asks again and again, as fast as the store answers. */
async function until(check: () => Promise<boolean>): Promise<void> {
  while (!(await check())) await new Promise((resolve) => setImmediate(resolve));
}

/** The one process that has told this Redis that it lives. */
const ownerOf = async (client: Redis, prefix: string): Promise<string> =>
  (await client.zrange(`{${prefix}}:leases`, '0', '-1'))[0] ?? '';

const stateOf = async (approvals: RedisApprovals, id: HoldId): Promise<string | undefined> =>
  (await approvals.show(id))?.state;

const errorOf = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => null,
    (error: unknown) => error,
  );

/** Every method once; each is to fail with this code. */
async function allFail(approvals: RedisApprovals, hold: HoldRequest, code: string): Promise<void> {
  const calls = [
    approvals.open(request()),
    approvals.takeGrant(['', '']),
    approvals.defer(hold.id),
    approvals.vote(hold.id, bob, 'approve', ''),
    approvals.show(hold.id),
    approvals.list(),
    approvals.outcome(newHoldId()),
  ];
  for (const call of calls) expect(await errorOf(call)).toMatchObject({ name: 'ApprovalsError', code });
}

describe('with one Redis', () => {
  let server: RedisServer;
  let client: Redis;
  beforeAll(async () => {
    server = await startRedis();
    client = new Redis(server.url);
  });
  afterAll(async () => {
    client.disconnect();
    await server.stop();
  });

  const pair = async (): Promise<[RedisApprovals, RedisApprovals]> => {
    const prefix = newPrefix();
    const [one, two] = [await gateway(server.url, { prefix }), await gateway(server.url, { prefix })];
    return [one.approvals, two.approvals];
  };

  test('one gateway’s approver releases another one’s client', async () => {
    const [here, there] = await pair();
    const hold = request();
    await here.open(hold);
    const outcome = here.outcome(hold.id);
    expect(await there.vote(hold.id, bob, 'approve', '')).toMatchObject({ kind: 'counted' });
    expect(await outcome).toMatchObject({ kind: 'released' });
  });

  test('TOK-043: only the gateway whose client waits can be released', async () => {
    const [here, there] = await pair();
    const hold = request();
    await here.open(hold);
    await expect(there.outcome(hold.id)).rejects.toMatchObject({ code: 'not-owner' });
    await there.vote(hold.id, bob, 'approve', '');
    await expect(there.outcome(hold.id)).rejects.toMatchObject({ code: 'not-owner' });
    expect(await here.outcome(hold.id)).toMatchObject({ kind: 'released' });
    expect(await there.outcome(hold.id)).toEqual({ kind: 'withdrawn' });
  });

  test('TOK-043: one of two gateways takes a grant', async () => {
    const [here, there] = await pair();
    for (let round = 0; round < 30; round += 1) {
      const hold = request({ owner: null });
      await here.open(hold);
      await there.vote(hold.id, bob, 'approve', '');
      const taken = await Promise.all(
        [here, there, here, there].map((store) => store.takeGrant([hold.digest, hold.ruleDigest])),
      );
      expect(taken.filter((grant) => grant !== null)).toHaveLength(1);
    }
  });

  test('TOK-043: two gateways’ approvers decide once', async () => {
    const [here, there] = await pair();
    for (let round = 0; round < 30; round += 1) {
      const hold = request();
      await here.open(hold);
      const outcome = here.outcome(hold.id);
      const votes = await Promise.all([
        here.vote(hold.id, bob, 'approve', ''),
        there.vote(hold.id, cleo, 'reject', ''),
      ]);
      expect(votes.filter((vote) => vote.kind === 'counted')).toHaveLength(1);
      const kind = votes[0].kind === 'counted' ? 'released' : 'rejected';
      expect((await outcome).kind).toBe(kind);
    }
  });

  test('a requester’s limit holds over all gateways', async () => {
    const [here, there] = await pair();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => (n % 2 ? here : there).open(request())),
    );
    expect(answers.filter((answer) => answer.kind === 'opened')).toHaveLength(maxOpenPerPrincipal);
  });

  test('a requester’s open holds do not reach another deployment', async () => {
    const here = await gateway(server.url, { prefix: newPrefix() });
    const elsewhere = await gateway(server.url, { prefix: newPrefix() });
    const hold = request();
    await here.approvals.open(hold);
    expect(await elsewhere.approvals.vote(hold.id, bob, 'approve', '')).toMatchObject({
      why: 'unknown-hold',
    });
    expect(await elsewhere.approvals.list()).toEqual([]);
  });

  test('every key has the prefix in a hash tag, and an end', async () => {
    const prefix = newPrefix();
    const { approvals } = await gateway(server.url, { prefix });
    const window = { kind: 'window', forMs: minuteMs, covers: 'rule' } as const;
    const [released, expiring, deferred, lasting] = [
      request(),
      request({ approval: { withinMs: 1 } }),
      request({ owner: null }),
      request({ approval: { grant: window, quorum: 2 } }),
    ];
    const before = await client.keys('*');
    for (const hold of [released, expiring, deferred, lasting]) await approvals.open(hold);
    const outcome = approvals.outcome(released.id);
    for (const hold of [released, deferred, lasting]) await approvals.vote(hold.id, bob, 'approve', '');
    await approvals.vote(lasting.id, cleo, 'approve', '');
    await outcome;
    await approvals.outcome(expiring.id);
    await approvals.open(request());
    const keys = (await client.keys('*')).filter((key) => !before.includes(key));
    expect(keys.length).toBeGreaterThan(10);
    for (const key of keys) {
      expect(key.startsWith(`{${prefix}}:`)).toBe(true);
      expect({ key, ends: (await client.pttl(key)) > 0 }).toEqual({ key, ends: true });
    }
  });

  test('scripts that Redis has forgotten are sent again', async () => {
    const [here] = await pair();
    const hold = request();
    await here.open(hold);
    await client.script('FLUSH');
    expect(await here.vote(hold.id, bob, 'approve', '')).toMatchObject({ kind: 'counted' });
  });

  test('500 waiting clients need two connections', async () => {
    const prefix = newPrefix();
    const { approvals } = await gateway(server.url, { prefix, maxOpenPerPrincipal: 500 });
    const connections = async (): Promise<number> =>
      String(await client.client('LIST'))
        .trim()
        .split('\n').length;
    const before = await connections();
    const holds = Array.from({ length: 500 }, () => request());
    await Promise.all(holds.map((hold) => approvals.open(hold)));
    const outcomes = holds.map((hold) => approvals.outcome(hold.id));
    expect(await connections()).toBe(before);
    await Promise.all(holds.map((hold) => approvals.vote(hold.id, bob, 'approve', '')));
    const kinds = new Set((await Promise.all(outcomes)).map((outcome) => outcome.kind));
    expect(kinds).toEqual(new Set(['released']));
  });

  test('a message that is lost does not lose the decision', async () => {
    const prefix = newPrefix();
    // Without heartbeats, which would find it out a little later.
    const here = await gateway(server.url, { prefix, clock: new ManualClock(), leaseMs: 600_000 });
    const there = await gateway(server.url, { prefix });
    const hold = request();
    await here.approvals.open(hold);
    const outcome = here.approvals.outcome(hold.id);
    await client.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    expect(await client.pubsub('CHANNELS', `{${prefix}}*`)).toEqual([]);
    expect(await there.approvals.vote(hold.id, bob, 'approve', '')).toMatchObject({ kind: 'counted' });
    expect(await outcome).toMatchObject({ kind: 'released' });
  });

  test('a gateway whose clock runs ahead goes by Redis’s', async () => {
    const store = await startRedisStore(server);
    started.push(() => store.stop());
    const hold = request();
    await store.approvals.open(hold);
    const outcome = store.approvals.outcome(hold.id);
    store.clock.advance(minuteMs);
    // Answered after the gateway has asked whether the time is over.
    await store.approvals.list();
    expect(await stateOf(store.approvals, hold.id)).toBe('open');
    await store.advance(minuteMs);
    expect(await outcome).toEqual({ kind: 'expired' });
  });

  test('TOK-043: the time of a hold is over even if Redis has evicted every index', async () => {
    const prefix = newPrefix();
    const { approvals } = await gateway(server.url, { prefix });
    const hold = request({ approval: { withinMs: 40 } });
    await approvals.open(hold);
    const indexes = (await client.keys(`{${prefix}}:*`)).filter((key) => !key.includes(':hold:'));
    await client.del(...indexes);
    expect(await approvals.outcome(hold.id)).toEqual({ kind: 'expired' });
    expect(await approvals.vote(hold.id, bob, 'approve', '')).toMatchObject({ why: 'expired' });
  });

  test('TOK-043: a wait whose answer was lost on the way may ask again, another one may not', async () => {
    const prefix = newPrefix();
    const { approvals } = await gateway(server.url, { prefix });
    const hold = request();
    await approvals.open(hold);
    await approvals.vote(hold.id, bob, 'approve', '');
    const owner = await ownerOf(client, prefix);
    const claim = async (wait: string): Promise<unknown> => {
      const answer = await client.eval(scripts.claim.lua, 1, `{${prefix}}`, hold.id, owner, wait);
      return Array.isArray(answer) ? answer[0] : answer;
    };
    expect(await claim('first')).toBe('released');
    expect(await claim('first')).toBe('released');
    expect(await claim('second')).toBe('withdrawn');
  });

  test('a decision that no message tells of is found by the next heartbeat', async () => {
    const prefix = newPrefix();
    const [clock, leaseMs] = [new ManualClock(), 60_000];
    const here = await gateway(server.url, { prefix, clock, leaseMs });
    const hold = request();
    await here.approvals.open(hold);
    const outcome = here.approvals.outcome(hold.id);
    // Answered after the first look at the hold.
    await here.approvals.list();
    await client.del(`{${prefix}}:hold:${hold.id}`);
    await client.srem(`{${prefix}}:owner:${await ownerOf(client, prefix)}`, hold.id);
    clock.advance(leaseMs / 3);
    expect(await outcome).toEqual({ kind: 'withdrawn' });
  });

  test('what is not of our making is refused, and does not hide the rest', async () => {
    const prefix = newPrefix();
    const { approvals, lines } = await gateway(server.url, { prefix });
    const [good, bad, newer] = [request(), request(), request()];
    for (const hold of [good, bad, newer]) await approvals.open(hold);
    await client.hset(`{${prefix}}:hold:${bad.id}`, 'request', '{"id":');
    const more = { ...newer, approval: { ...newer.approval, approvers: [[{ clearance: ['secret'] }]] } };
    await client.hset(`{${prefix}}:hold:${newer.id}`, 'request', JSON.stringify(more));
    for (const hold of [bad, newer]) {
      await expect(approvals.show(hold.id)).rejects.toMatchObject({ code: 'corrupt' });
      await expect(approvals.vote(hold.id, bob, 'approve', '')).rejects.toMatchObject({ code: 'corrupt' });
    }
    expect((await approvals.list()).map((hold) => hold.request.id)).toEqual([good.id]);
    expect(lines.filter((line) => line.startsWith('error')).length).toBe(2);
  });

  describe('when a gateway dies', () => {
    const leaseMs = 600;

    /** A gateway process of its own, and the ids of its clients' holds and of the deferred one. */
    async function process_(prefix: string, clients: number): Promise<[ChildProcess, HoldId[], HoldId]> {
      const fixture = join(import.meta.dirname, 'redis-process.ts');
      const args = [fixture, server.url, prefix, String(leaseMs), String(clients)];
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
      started.push(async () => {
        if (child.exitCode === null && child.signalCode === null) {
          child.kill('SIGKILL');
          await once(child, 'exit');
        }
      });
      const [line] = await once(child.stdout.setEncoding('utf8'), 'data');
      const ids = String(line).trim().split(' ').map(holdId);
      const deferred = ids.pop();
      if (deferred === undefined) throw new Error('the process said no id');
      return [child, ids, deferred];
    }

    async function kill(child: ChildProcess): Promise<void> {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }

    test('what its client waited for cannot be approved any more within its lease', async () => {
      const prefix = newPrefix();
      const { approvals } = await gateway(server.url, { prefix });
      const [child, [id = newHoldId()]] = await process_(prefix, 1);
      // Longer than a lease: it is the heartbeat that keeps it.
      const aliveUntilMs = performance.now() + 2 * leaseMs;
      await until(async () => {
        expect(await stateOf(approvals, id)).toBe('open');
        return performance.now() > aliveUntilMs;
      });
      await kill(child);
      const diedAtMs = performance.now();
      await until(async () => (await stateOf(approvals, id)) === 'withdrawn');
      expect(performance.now() - diedAtMs).toBeLessThan(leaseMs + 500);
      expect(await approvals.vote(id, bob, 'approve', '')).toEqual({ kind: 'refused', why: 'owner-gone' });
      expect(await approvals.vote(id, bob, 'approve', '')).toEqual({ kind: 'refused', why: 'not-open' });
      expect(await stateOf(approvals, id)).toBe('withdrawn');
    });

    test('an approval just after its death lets nothing through, and shows as withdrawn', async () => {
      const prefix = newPrefix();
      const { approvals } = await gateway(server.url, { prefix });
      const [child, [id = newHoldId()]] = await process_(prefix, 1);
      await kill(child);
      await approvals.vote(id, bob, 'approve', '');
      const digest = (await approvals.show(id))?.request.digest ?? '';
      await until(async () => (await stateOf(approvals, id)) === 'withdrawn');
      expect(await approvals.takeGrant([digest, ''])).toBeNull();
      await expect(approvals.outcome(id)).rejects.toMatchObject({ code: 'not-owner' });
    });

    test('what was deferred stays to be approved', async () => {
      const prefix = newPrefix();
      const { approvals } = await gateway(server.url, { prefix });
      const [child, [id = newHoldId()], deferred] = await process_(prefix, 1);
      await kill(child);
      await until(async () => (await stateOf(approvals, id)) === 'withdrawn');
      expect(await approvals.vote(deferred, bob, 'approve', '')).toMatchObject({ kind: 'counted' });
      const digest = (await approvals.show(deferred))?.request.digest ?? '';
      expect(await approvals.takeGrant([digest, ''])).toMatchObject({ hold: deferred });
    });

    test('its holds do not keep the requester from asking anew', async () => {
      const prefix = newPrefix();
      const { approvals } = await gateway(server.url, { prefix });
      const [child, ids] = await process_(prefix, maxOpenPerPrincipal);
      expect(await approvals.open(request())).toEqual({ kind: 'too-many' });
      await kill(child);
      await until(async () => (await approvals.open(request())).kind === 'opened');
      for (const id of ids) expect(await stateOf(approvals, id)).toBe('withdrawn');
    });
  });
});

describe('when Redis is away', () => {
  /** A Redis that can be killed and started again on the same port, with or without what it knew. */
  async function restartable(appendOnly: boolean) {
    const port = await freePort();
    const folder = await mkdtemp(join(tmpdir(), 'sallyport-redis-'));
    const settings = ['--dir', folder];
    if (appendOnly) settings.push('--appendonly', 'yes', '--appendfsync', 'always');
    let server: RedisServer | null = null;
    const stop = async (): Promise<void> => {
      await server?.stop();
      server = null;
    };
    started.push(async () => {
      await stop();
      await rm(folder, { recursive: true });
    });
    return {
      url: `redis://127.0.0.1:${port}`,
      stop,
      async start(at = port) {
        server = await startRedis([...settings, '--port', String(at)]);
      },
      signal: (name: 'SIGSTOP' | 'SIGCONT') => process.kill(server?.pid ?? 0, name),
    };
  }

  const reachable = async ({ approvals }: Gateway): Promise<boolean> =>
    (await errorOf(approvals.list())) === null;

  test('from the start, everything fails at once and works when it comes', async () => {
    const redis = await restartable(false);
    const here = await gateway(redis.url);
    const beganAtMs = performance.now();
    await allFail(here.approvals, request(), 'unavailable');
    expect(performance.now() - beganAtMs).toBeLessThan(500);
    await redis.start();
    await until(() => reachable(here));
    const hold = request();
    expect(await here.approvals.open(hold)).toMatchObject({ kind: 'opened' });
    const outcome = here.approvals.outcome(hold.id);
    await here.approvals.vote(hold.id, bob, 'approve', '');
    expect(await outcome).toMatchObject({ kind: 'released' });
  });

  test('a command fails at once, and is not carried out later', async () => {
    const redis = await restartable(false);
    await redis.start();
    const here = await gateway(redis.url);
    await redis.stop();
    await until(async () => !(await reachable(here)));
    const hold = request({ owner: null });
    const nextTurn = new Promise((resolve) => setImmediate(resolve, 'still waiting'));
    const error = await Promise.race([errorOf(here.approvals.open(hold)), nextTurn]);
    expect(error).toMatchObject({ code: 'unavailable' });
    await redis.start();
    await until(() => reachable(here));
    expect(await here.approvals.show(hold.id)).toBeNull();
  });

  test('a command whose connection breaks fails with it', async () => {
    const redis = await restartable(false);
    await redis.start();
    const here = await gateway(redis.url);
    redis.signal('SIGSTOP');
    const opening = errorOf(here.approvals.open(request()));
    const beganAtMs = performance.now();
    await redis.stop();
    expect(await opening).toMatchObject({ code: 'unavailable' });
    expect(performance.now() - beganAtMs).toBeLessThan(redisCommandTimeoutMs / 2);
  });

  test('a waiting client waits on, and is released once Redis is back with what it knew', async () => {
    const redis = await restartable(true);
    await redis.start();
    const [here, there] = [await gateway(redis.url), await gateway(redis.url)];
    const hold = request();
    await here.approvals.open(hold);
    const outcome = here.approvals.outcome(hold.id);
    await redis.stop();
    await until(async () => !(await reachable(here)));
    await allFail(here.approvals, hold, 'unavailable');
    await redis.start();
    await until(() => reachable(there));
    await until(() => reachable(here));
    expect(await there.approvals.vote(hold.id, bob, 'approve', '')).toMatchObject({ kind: 'counted' });
    expect(await outcome).toMatchObject({ kind: 'released' });
  });

  test('a decision that was made while a gateway was cut off reaches its client', async () => {
    const redis = await restartable(true);
    await redis.start();
    const here = await gateway(redis.url, { leaseMs: 60_000 });
    const hold = request();
    await here.approvals.open(hold);
    const outcome = here.approvals.outcome(hold.id);
    await redis.stop();
    // The same Redis where only the other gateway finds it.
    const elsewhere = await freePort();
    await redis.start(elsewhere);
    const there = await gateway(`redis://127.0.0.1:${elsewhere}`);
    expect(await there.approvals.vote(hold.id, bob, 'reject', 'no')).toMatchObject({ kind: 'counted' });
    await redis.stop();
    await redis.start();
    expect(await outcome).toMatchObject({ kind: 'rejected', reason: 'no' });
  });

  test('a waiting client is not released by a Redis that has forgotten everything', async () => {
    const redis = await restartable(false);
    await redis.start();
    const here = await gateway(redis.url);
    const hold = request();
    await here.approvals.open(hold);
    const outcome = here.approvals.outcome(hold.id);
    await redis.stop();
    await redis.start();
    expect(await outcome).toEqual({ kind: 'withdrawn' });
    expect(await here.approvals.vote(hold.id, bob, 'approve', '')).toMatchObject({ why: 'unknown-hold' });
  });

  test('a waiting client is told when its time is over, and cannot be released later', async () => {
    const redis = await restartable(true);
    await redis.start();
    const clock = new ManualClock();
    // Not the end of its lease may be what withdraws the hold.
    const here = await gateway(redis.url, { clock, leaseMs: 600_000 });
    const there = await gateway(redis.url);
    const hold = request();
    await here.approvals.open(hold);
    const outcome = here.approvals.outcome(hold.id);
    await redis.stop();
    await until(async () => !(await reachable(here)));
    clock.advance(minuteMs);
    expect(await outcome).toEqual({ kind: 'expired' });
    // By Redis's clock it is open still: the gateway withdraws what nobody waits for any more.
    await redis.start();
    await until(() => reachable(there));
    await until(async () => (await stateOf(there.approvals, hold.id)) === 'withdrawn');
  });

  test('a client that leaves meanwhile leaves nothing to approve', async () => {
    const redis = await restartable(true);
    await redis.start();
    const [here, there] = [await gateway(redis.url), await gateway(redis.url)];
    const hold = request();
    await here.approvals.open(hold);
    const outcome = here.approvals.outcome(hold.id);
    await redis.stop();
    await until(async () => !(await reachable(here)));
    await expect(here.approvals.withdraw(hold.id)).rejects.toMatchObject({ code: 'unavailable' });
    expect(await outcome).toEqual({ kind: 'withdrawn' });
    await redis.start();
    await until(() => reachable(there));
    await until(async () => (await stateOf(there.approvals, hold.id)) === 'withdrawn');
  });

  test('because it hangs, commands fail in time, and what it carries out late is taken back', async () => {
    const redis = await restartable(false);
    await redis.start();
    const leaseMs = 60_000;
    const clock = new ManualClock();
    const here = await gateway(redis.url, { leaseMs, clock });
    const there = await gateway(redis.url, { leaseMs });
    const [waiting, late] = [request(), request()];
    await here.approvals.open(waiting);
    const outcome = here.approvals.outcome(waiting.id);
    redis.signal('SIGSTOP');
    const beganAtMs = performance.now();
    await expect(here.approvals.open(late)).rejects.toMatchObject({ code: 'unavailable' });
    expect(performance.now() - beganAtMs).toBeLessThan(redisCommandTimeoutMs + 1000);
    redis.signal('SIGCONT');
    await until(async () => (await stateOf(there.approvals, late.id)) === 'open');
    clock.advance(leaseMs / 3);
    await until(async () => (await stateOf(there.approvals, late.id)) === 'withdrawn');
    await there.approvals.vote(waiting.id, bob, 'approve', '');
    expect(await outcome).toMatchObject({ kind: 'released' });
  });

  test('closing takes no longer for it', async () => {
    const redis = await restartable(false);
    await redis.start();
    const here = await gateway(redis.url);
    const hold = request();
    await here.approvals.open(hold);
    const outcome = here.approvals.outcome(hold.id);
    await redis.stop();
    await here.approvals.close();
    expect(await outcome).toEqual({ kind: 'withdrawn' });
  });
});

describe('the URL', () => {
  const password = 'hunter2-must-not-be-seen';

  test('gives user, password and database, and is never shown', async () => {
    const server = await startRedis(['--requirepass', password]);
    started.push(() => server.stop());
    const address = `127.0.0.1:${server.port}`;
    const good = await gateway(`redis://:${password}@${address}/3`);
    await good.approvals.open(request());
    const client = new Redis(`redis://:${password}@${address}/3`);
    started.push(async () => client.disconnect());
    expect(await client.dbsize()).toBeGreaterThan(0);

    const bad = await gateway(`redis://:${password}-not@${address}`);
    const error = await errorOf(bad.approvals.list());
    expect(error).toMatchObject({ code: 'unavailable' });
    expect(bad.lines.join('\n')).toContain('WRONGPASS');
    const seen = [inspect(error, { depth: 9 }), ...bad.lines, inspect(bad, { depth: 2 })].join('\n');
    expect(seen).not.toContain(password);
  });

  test.each([
    `redis://:${password}@127.0.0.1:port`,
    `redis://:${password}%zz@127.0.0.1`,
    `REDISS://:${password}@127.0.0.1`,
    `http://:${password}@127.0.0.1`,
    `127.0.0.1:6379?password=${password}`,
    `/tmp/${password}`,
    '',
  ])('is refused when it is not one, without showing it', async (url) => {
    const error = await errorOf(gateway(url));
    expect(error).toMatchObject({ code: 'invalid-url' });
    expect(inspect(error, { depth: 9 })).not.toContain(password);
  });

  test('with rediss:// means TLS with a certificate that can be verified', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sallyport-redis-tls-'));
    started.push(() => rm(folder, { recursive: true }));
    const authority = await makeAuthority();
    started.push(() => authority.close());
    const pair = await authority.issue('localhost', ['DNS:localhost']);
    const ca = join(folder, 'ca.pem');
    const certificate = join(folder, 'certificate.pem');
    const key = join(folder, 'key.pem');
    await writeFile(ca, authority.certificate);
    await writeFile(certificate, pair.certificate);
    await writeFile(key, pair.key);
    const port = await freePort();
    const tls = ['--tls-port', String(port), '--tls-auth-clients', 'no', '--tls-ca-cert-file', ca];
    const server = await startRedis([...tls, '--tls-cert-file', certificate, '--tls-key-file', key]);
    started.push(() => server.stop());
    const url = `rediss://localhost:${port}`;

    const untrusting = await gateway(url);
    expect(await errorOf(untrusting.approvals.list())).toMatchObject({ code: 'unavailable' });
    expect(untrusting.lines.join('\n')).toMatch(/self-signed certificate/);
    const plain = await gateway(`redis://127.0.0.1:${port}`);
    expect(await errorOf(plain.approvals.list())).toMatchObject({ code: 'unavailable' });

    const fixture = join(import.meta.dirname, 'redis-process.ts');
    const child = spawn(process.execPath, [fixture, url, 'tls', '60000', '1'], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, NODE_EXTRA_CA_CERTS: ca },
    });
    const [line] = await once(child.stdout.setEncoding('utf8'), 'data');
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(String(line)).toMatch(/^h_\S+ h_\S+\n$/);
  });
});
