import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { systemClock } from '../../../services/core/model/clock.ts';
import { type SessionId, sessionId, targetName } from '../../../services/core/model/ids.ts';
import type { News } from '../../../services/core/model/peers.ts';
import type { Party } from '../../../services/core/model/principal.ts';
import { Secret } from '../../../services/core/model/secret.ts';
import { answerMs, maxNewsPerSecond } from '../../../services/core/registry/limits.ts';
import { answerOf, type LiveSession, type OwnProcess } from '../../../services/core/registry/own-process.ts';
import { RedisPeers } from '../../../services/core/registry/redis-peers.ts';
import { SessionRegistry } from '../../../services/core/registry/session-registry.ts';
import { type RedisServer, startRedis } from '../../servers/redis.ts';
import { recordingLog } from '../approvals/people.ts';
import { principal } from '../policy/actors.ts';

let redis: RedisServer;
let client: Redis;
const started: RedisPeers[] = [];
let prefixes = 0;

beforeAll(async () => {
  redis = await startRedis();
  client = new Redis(redis.url);
});
afterEach(() => Promise.all(started.splice(0).map((peers) => peers.close())));
afterAll(async () => {
  client.disconnect();
  await redis.stop();
});

const newPrefix = (): string => `peers-${++prefixes}`;

interface Process {
  readonly peers: RedisPeers;
  readonly registry: SessionRegistry;
  readonly sessions: LiveSession[];
  readonly news: News[];
  readonly killed: { readonly id: SessionId; readonly by: Party; readonly reason: string }[];
  readonly lines: readonly string[];
  /** Resolves once it has been told so much. */
  toldAtLeast(count: number): Promise<void>;
}

async function begin(
  prefix: string,
  name: string,
  { url = redis.url, workers = 1, serves = true } = {},
): Promise<Process> {
  const { log, lines } = recordingLog();
  const peers = await RedisPeers.start({
    url: new Secret(url),
    name,
    workers,
    clock: systemClock,
    log,
    prefix,
  });
  started.push(peers);
  const [sessions, news, killed]: [LiveSession[], News[], Process['killed']] = [[], [], []];
  let told: (() => void) | null = null;
  const own: OwnProcess = {
    name,
    status: () => ({
      version: '0',
      startedAtMs: 1,
      sessions: sessions.length,
      trailWritable: true,
      policyVersion: 'p1',
      policyRefused: false,
    }),
    sessions: () => sessions,
    async kill(id, by, reason) {
      const at = sessions.findIndex((session) => session.id === id);
      if (at === -1) return 'not-here';
      sessions.splice(at, 1);
      killed.push({ id, by, reason });
      return 'recorded';
    },
  };
  if (serves) {
    peers.serve({
      answer: (question) => answerOf(own, question),
      told(each) {
        news.push(each);
        told?.();
      },
    });
  }
  return {
    peers,
    registry: new SessionRegistry(own, peers),
    sessions,
    news,
    killed,
    lines,
    async toldAtLeast(count) {
      while (news.length < count) {
        await new Promise<void>((resolve) => {
          told = resolve;
        });
      }
    },
  };
}

const session = (id: string, openedAtMs: number): LiveSession => ({
  id: sessionId(id),
  principal: principal({ subject: `agent-${id}` }),
  target: targetName('shop'),
  protocol: 'sql',
  source: { ip: '10.0.0.1', port: 5 },
  openedAtMs,
  lastActiveMs: openedAtMs,
  actions: 2,
});

const olga: Party = { issuer: 'https://idp', subject: 'olga' };

test('the sessions of all are one list, page by page, whoever is asked', async () => {
  const prefix = newPrefix();
  const processes = [await begin(prefix, 'a'), await begin(prefix, 'b'), await begin(prefix, 'c')];
  // Several of the same moment, and each process has some of every page.
  for (let n = 0; n < 30; n += 1) {
    processes[n % 3]?.sessions.push(session(`s_${String(n).padStart(2, '0')}`, Math.floor(n / 4)));
  }
  const expected = Array.from({ length: 30 }, (_, n) => `s_${String(n).padStart(2, '0')}`);
  for (const { registry } of processes) {
    const ids: string[] = [];
    let place: { readonly openedAtMs: number; readonly id: SessionId } | null = null;
    for (let more = true; more; ) {
      const { found, silent } = await registry.sessions(place, 7);
      expect(silent).toEqual([]);
      ids.push(...found.sessions.map(({ id }) => id));
      place = found.sessions.at(-1) ?? null;
      more = found.more;
    }
    expect(ids).toEqual(expected);
  }
  const [first] = processes;
  const page = await first?.registry.sessions(null, 2);
  expect(page?.found.sessions.map(({ id, process }) => [id, process])).toEqual([
    ['s_00', 'a'],
    ['s_01', 'b'],
  ]);
  expect((await processes[1]?.registry.openAmong([sessionId('s_02'), sessionId('s_99')]))?.found).toEqual(
    new Set(['s_02']),
  );
});

test('a session is ended where it is, by whoever is asked', async () => {
  const prefix = newPrefix();
  const [a, b] = [await begin(prefix, 'a'), await begin(prefix, 'b')];
  b.sessions.push(session('s_1', 1));
  expect(await a.registry.kill(sessionId('s_1'), olga, 'why')).toEqual({ found: 'recorded', silent: [] });
  expect(b.killed).toEqual([{ id: 's_1', by: olga, reason: 'why' }]);
  expect(await a.registry.kill(sessionId('s_1'), olga, 'why')).toEqual({ found: 'not-here', silent: [] });
});

test('news reaches all others once, and not its teller', async () => {
  const prefix = newPrefix();
  const [a, b, c] = [await begin(prefix, 'a'), await begin(prefix, 'b'), await begin(prefix, 'c')];
  const stranger = await begin(newPrefix(), 'stranger');
  const news: News = { kind: 'login-failed', ip: '10.0.0.9' };
  expect(await a.peers.tell(news)).toBe(true);
  await Promise.all([b.toldAtLeast(1), c.toldAtLeast(1)]);
  expect([a.news, b.news, c.news, stranger.news]).toEqual([[], [news], [news], []]);
});

test('one that has ended is not asked; one that was killed does not listen; one that hangs is waited for, and named', async () => {
  const prefix = newPrefix();
  const [a, b] = [await begin(prefix, 'a'), await begin(prefix, 'b')];
  expect(a.peers.count + b.peers.count).toBe(1);
  await b.peers.close();
  expect(await a.registry.processes()).toMatchObject({ silent: [] });
  // As kill -9 leaves it: its lease lasts, and its channel has nobody.
  const lease = Date.now() + 60_000;
  await client.zadd(`{${prefix}}:processes`, lease, JSON.stringify({ id: 'dead', name: 'gateway-2' }));
  let beganAtMs = performance.now();
  expect((await a.registry.processes()).silent).toEqual(['gateway-2']);
  expect(performance.now() - beganAtMs).toBeLessThan(answerMs / 2);
  // Started again under its name, it takes the place of the dead one at once.
  await begin(prefix, 'gateway-2');
  expect((await a.registry.processes()).silent).toEqual([]);
  await begin(prefix, 'hung', { serves: false });
  beganAtMs = performance.now();
  const { found, silent } = await a.registry.processes();
  expect(performance.now() - beganAtMs).toBeGreaterThanOrEqual(answerMs - 50);
  expect([found.map(({ process }) => process), silent]).toEqual([['a', 'gateway-2'], ['hung']]);
  a.sessions.push(session('s_1', 1));
  expect((await a.registry.kill(sessionId('s_2'), olga, 'x')).silent).toEqual(['hung']);
});

test('while Redis is away nobody waits: the others are named as missing, and what was not told is known not to be', async () => {
  const own = await startRedis();
  const prefix = newPrefix();
  const a = await begin(prefix, 'a', { url: own.url, workers: 3 });
  await begin(prefix, 'b', { url: own.url, workers: 3 });
  await a.registry.processes();
  await own.stop();
  const beganAtMs = performance.now();
  a.sessions.push(session('s_1', 1));
  const { found, silent } = await a.registry.sessions(null, 10);
  expect(found.sessions.map(({ id }) => id)).toEqual(['s_1']);
  expect(silent.length).toBeGreaterThan(0);
  expect(await a.peers.tell({ kind: 'login-failed', ip: '::1' })).toBe(false);
  expect(performance.now() - beganAtMs).toBeLessThan(answerMs);
  expect(a.peers.count).toBe(2);
});

test('once Redis is back, empty, all find each other again', async () => {
  const own = await startRedis();
  const prefix = newPrefix();
  const [a] = [await begin(prefix, 'a', { url: own.url }), await begin(prefix, 'b', { url: own.url })];
  await own.stop();
  const again = await startRedis(['--port', String(own.port)]);
  const names = async (): Promise<readonly string[]> =>
    (await a.registry.processes()).found.map(({ process }) => process);
  while ((await names()).length < 2) await new Promise((resolve) => setImmediate(resolve));
  expect(await names()).toEqual(['a', 'b']);
  await Promise.all(started.splice(0).map((peers) => peers.close()));
  await again.stop();
});

test('what is no message of ours is left alone', async () => {
  const prefix = newPrefix();
  const a = await begin(prefix, 'a');
  const b = await begin(prefix, 'b');
  for (const text of ['', '{', '[]', '{"kind":"news","from":"x","news":{"kind":"approve-everything"}}']) {
    await client.publish(`{${prefix}}:news`, text);
  }
  await client.publish(
    `{${prefix}}:news`,
    JSON.stringify({ kind: 'question', from: 'x', asked: 'y', question: { kind: 'kill', session: 1 } }),
  );
  await client.zadd(`{${prefix}}:processes`, Date.now() + 60_000, JSON.stringify({ id: 1, name: [] }));
  expect((await a.registry.processes()).found.map(({ process }) => process)).toEqual(['a', 'b']);
  expect(b.news).toEqual([]);
  expect(b.lines.filter((line) => line.includes('cannot be read')).length).toBe(5);
});

test('one process does not flood the others', async () => {
  const prefix = newPrefix();
  const [a, b] = [await begin(prefix, 'a'), await begin(prefix, 'b')];
  const told = await Promise.all(
    Array.from({ length: maxNewsPerSecond * 4 }, () =>
      a.peers.tell({ kind: 'login-failed', ip: '10.0.0.1' }),
    ),
  );
  const sent = told.filter(Boolean).length;
  // At most two seconds' worth, should a second end meanwhile.
  expect(sent).toBeLessThanOrEqual(maxNewsPerSecond * 2);
  await b.toldAtLeast(sent);
});
