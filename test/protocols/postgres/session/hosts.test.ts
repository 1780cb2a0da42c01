import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Clock, systemClock } from '../../../../services/core/model/clock.ts';
import { reasonOf } from '../../../../services/protocols/postgres/session/dial.ts';
import { UpstreamError } from '../../../../services/protocols/postgres/session/errors.ts';
import { hostPauseMs } from '../../../../services/protocols/postgres/session/limits.ts';
import {
  cancelUpstream,
  connectUpstream,
  type ReachedUpstream,
} from '../../../../services/protocols/postgres/session/upstream.ts';
import type {
  PostgresTarget,
  SessionAttributes,
  TargetHost,
} from '../../../../services/protocols/postgres/target.ts';
import {
  backend,
  frameOf,
  readMessageFields,
  readParameterStatus,
} from '../../../../services/protocols/postgres/wire/backend.ts';
import { frontend } from '../../../../services/protocols/postgres/wire/frontend.ts';
import { freePort, type PostgresServer, startPostgres, startStandby } from '../../../servers/postgres.ts';
import { type Between, standBetween } from './between.ts';
import { testTarget } from './target.ts';

let primary: PostgresServer;
let standby: PostgresServer;
/** Sessions there are read-only by default. */
let readOnly: PostgresServer;
/** The same servers as an old PostgreSQL would be, which reports nothing of this. */
let oldPrimary: Between;
let oldStandby: Between;
let gonePort: number;

beforeAll(async () => {
  [primary, readOnly] = await Promise.all([
    startPostgres(),
    startPostgres({ config: ['default_transaction_read_only = on'] }),
  ]);
  standby = await startStandby(primary);
  const reports = new Set(['in_hot_standby', 'default_transaction_read_only']);
  const change = (frame: Buffer): Buffer | null =>
    frame[0] === backend.parameterStatus && reports.has(readParameterStatus(frame).name) ? null : frame;
  [oldPrimary, oldStandby] = await Promise.all([
    standBetween({ server: primary, change }),
    standBetween({ server: standby, change }),
  ]);
  gonePort = await freePort();
}, 60_000);

afterAll(async () => {
  await Promise.all([oldPrimary.stop(), oldStandby.stop()]);
  await standby.stop();
  await Promise.all([primary.stop(), readOnly.stop()]);
});

type Name = 'primary' | 'standby' | 'read-only' | 'old primary' | 'old standby' | 'gone';

const hostOf = (name: Name): TargetHost => {
  const ports = {
    primary: primary.port,
    standby: standby.port,
    'read-only': readOnly.port,
    'old primary': oldPrimary.port,
    'old standby': oldStandby.port,
    gone: gonePort,
  };
  return { host: '127.0.0.1', port: ports[name] };
};

const targetOf = (hosts: readonly TargetHost[], change: Partial<PostgresTarget> = {}): PostgresTarget =>
  testTarget({ ...(hosts[0] ?? { port: 0 }), furtherHosts: hosts.slice(1), ...change });

async function connected<Result>(
  target: PostgresTarget,
  use: (upstream: ReachedUpstream) => Promise<Result> | Result,
  clock: Clock = systemClock,
): Promise<Result> {
  const upstream = await connectUpstream(target, new Map(), clock);
  try {
    return await use(upstream);
  } finally {
    upstream.socket.destroy();
  }
}

const portReached = (target: PostgresTarget, clock?: Clock): Promise<number> =>
  connected(target, ({ host }) => host.port, clock);

async function failureOf(target: PostgresTarget): Promise<UpstreamError> {
  const error: unknown = await connected(target, () => null).catch((thrown: unknown) => thrown);
  if (error instanceof UpstreamError) return error;
  throw error ?? new Error('a host was reached');
}

describe('which of the hosts is used', () => {
  test.each<[SessionAttributes, readonly Name[], Name | null]>([
    ['any', ['primary', 'standby'], 'primary'],
    ['any', ['standby', 'primary'], 'standby'],
    ['any', ['gone', 'standby', 'primary'], 'standby'],
    ['read-write', ['gone', 'standby', 'read-only', 'primary'], 'primary'],
    ['read-write', ['old standby', 'old primary'], 'old primary'],
    ['read-write', ['standby', 'read-only', 'gone'], null],
    ['read-only', ['primary', 'standby'], 'standby'],
    ['read-only', ['primary', 'read-only'], 'read-only'],
    ['read-only', ['old primary', 'old standby'], 'old standby'],
    ['read-only', ['primary', 'old primary'], null],
    ['primary', ['standby', 'read-only'], 'read-only'],
    ['primary', ['old standby', 'old primary'], 'old primary'],
    ['primary', ['standby', 'old standby'], null],
    ['standby', ['primary', 'gone', 'standby'], 'standby'],
    ['standby', ['old primary', 'old standby'], 'old standby'],
    ['standby', ['primary', 'read-only', 'old primary'], null],
    ['prefer-standby', ['primary', 'gone', 'standby'], 'standby'],
    ['prefer-standby', ['gone', 'primary', 'read-only'], 'primary'],
  ])('%s of %j: %s', async (sessionAttributes, names, expected) => {
    const target = targetOf(names.map(hostOf), { sessionAttributes });
    if (expected === null) expect((await failureOf(target)).code).toBe('wrong-session-attributes');
    else expect(await portReached(target)).toBe(hostOf(expected).port);
  });

  test('in random order when that is wanted', async () => {
    const hosts = [hostOf('primary'), hostOf('standby'), hostOf('gone')];
    const target = targetOf(hosts, { loadBalanceHosts: true });
    const reached = new Set<number>();
    // That one of both is not reached in fifty times happens once in 2^49.
    for (let times = 0; times < 50; times++) reached.add(await portReached(target));
    expect(reached).toEqual(new Set([primary.port, standby.port]));
  });

  test('what a session is asked before it begins leaves nothing behind in it', async () => {
    const target = targetOf([hostOf('old standby')], { sessionAttributes: 'standby' });
    await connected(target, ({ rest, parameters }) => {
      expect(rest).toHaveLength(0);
      expect(parameters.get('server_encoding')).toBe('UTF8');
    });
  });
});

describe('a host that will not do', () => {
  test('is named with what happened, each of them', async () => {
    const { message } = await failureOf(
      targetOf([hostOf('gone'), hostOf('standby'), hostOf('read-only')], { sessionAttributes: 'read-write' }),
    );
    expect(message.split('; ')).toEqual([
      expect.stringMatching(new RegExp(`^127\\.0\\.0\\.1:${gonePort}: .*ECONNREFUSED`)),
      `127.0.0.1:${standby.port}: sessions there are read-only`,
      `127.0.0.1:${readOnly.port}: sessions there are read-only`,
    ]);
  });

  test('is told of with each address that its name has', async () => {
    const addresses = ['127.0.0.1', '127.0.0.2'].map((address) => ({ address, family: 4 }));
    const socket = connect({
      host: 'db',
      port: gonePort,
      lookup: (_name, _options, found) => found(null, addresses),
    });
    const error = await new Promise((resolve) => socket.once('error', resolve));
    expect(reasonOf(error)).toMatch(/127\.0\.0\.1:\d+, .*127\.0\.0\.2:\d+$/);
  });

  test('is not passed over when it refuses the login: that is to be mended, not avoided', async () => {
    const target = targetOf([hostOf('gone'), hostOf('standby'), hostOf('primary')], { database: 'nosuch' });
    const { code, message } = await failureOf(target);
    expect(code).toBe('login-refused');
    expect(message).toMatch(/ECONNREFUSED.*; .*3D000: database "nosuch" does not exist$/);
    expect(message).not.toContain(String(primary.port));
  });

  test('is passed over when it is starting up or shutting down', async () => {
    const starting = createServer((socket) => {
      const fields = ['SFATAL', 'C57P03', 'Mthe database system is starting up'];
      socket.on('error', () => undefined).end(frameOf(backend.errorResponse, ...fields, [0]));
    }).listen(0, '127.0.0.1');
    await once(starting, 'listening');
    const { port } = starting.address() as { port: number }; // a TCP server's address
    const host = { host: '127.0.0.1', port };
    expect(await portReached(targetOf([host, hostOf('primary')]))).toBe(primary.port);
    expect(await failureOf(targetOf([host, hostOf('gone')]))).toMatchObject({ code: 'not-accepting' });
    starting.close();
  });

  test('has its own time to answer, whatever it has been doing in it', async () => {
    const silent = createServer((socket) => socket.on('error', () => undefined).resume()).listen(
      0,
      '127.0.0.1',
    );
    await once(silent, 'listening');
    const { port } = silent.address() as { port: number }; // a TCP server's address
    const hosts = [{ host: '127.0.0.1', port }, hostOf('primary')];
    const target = targetOf(hosts, { connectTimeoutMs: 300 });
    const startedAtMs = performance.now();
    expect(await portReached(target)).toBe(primary.port);
    expect(performance.now() - startedAtMs).toBeGreaterThanOrEqual(299);
    expect(await failureOf(targetOf(hosts.slice(0, 1), { connectTimeoutMs: 300 }))).toMatchObject({
      code: 'unreachable',
      message: `127.0.0.1:${port}: no answer within 300 ms`,
    });
    silent.close();
  });
});

describe('a host that could not be reached', () => {
  /** One whose server can go and come back. */
  async function setUp(): Promise<{
    server: { port: number };
    between: Between;
    clock: Clock;
    wait: () => void;
  }> {
    const server = { port: gonePort };
    let waitedMs = 0;
    const clock: Clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + waitedMs };
    const wait = (): void => {
      waitedMs += hostPauseMs;
    };
    return { server, between: await standBetween({ server }), clock, wait };
  }

  test('is left alone for a while, tried again, and used again when it is back', async () => {
    const { server, between, clock, wait } = await setUp();
    const target = targetOf([{ host: '127.0.0.1', port: between.port }, hostOf('primary')]);
    expect(await portReached(target, clock)).toBe(primary.port);
    expect(await portReached(target, clock)).toBe(primary.port);
    expect(between.connections).toBe(1);
    wait();
    expect(await portReached(target, clock)).toBe(primary.port);
    expect(between.connections).toBe(2);
    wait();
    server.port = primary.port;
    expect(await portReached(target, clock)).toBe(between.port);
    expect(await portReached(target, clock)).toBe(between.port);
    await between.stop();
  });

  test('is tried by one session at a time after that while', async () => {
    const { between, clock, wait } = await setUp();
    const target = targetOf([{ host: '127.0.0.1', port: between.port }, hostOf('primary')]);
    expect(await portReached(target, clock)).toBe(primary.port);
    wait();
    const many = Array.from({ length: 10 }, () => portReached(target, clock));
    expect(new Set(await Promise.all(many))).toEqual(new Set([primary.port]));
    expect(between.connections).toBe(2);
    await between.stop();
  });

  test('is tried all the same when no other will do', async () => {
    const { server, between, clock } = await setUp();
    const hosts = [{ host: '127.0.0.1', port: between.port }, hostOf('standby')];
    const target = targetOf(hosts, { sessionAttributes: 'read-write' });
    await expect(portReached(target, clock)).rejects.toMatchObject({ code: 'wrong-session-attributes' });
    server.port = primary.port;
    expect(await portReached(target, clock)).toBe(between.port);
    await between.stop();
  });
});

test('a cancel goes to the server that the session is on', async () => {
  const target = targetOf([hostOf('standby'), hostOf('primary')], { sessionAttributes: 'read-write' });
  await connected(target, async ({ socket, cancelKey, host }) => {
    expect(host).toEqual(hostOf('primary'));
    if (cancelKey === null) throw new Error('PostgreSQL gives one');
    socket.write(frameOf(frontend.query, 'SELECT pg_sleep(600)'));
    const admin = await primary.connect();
    const running = `SELECT count(*)::int AS n FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' AND wait_event = 'PgSleep'`;
    while ((await admin.query(running)).rows[0].n === 0);
    await admin.end();
    const answer = once(socket.resume(), 'data');
    await cancelUpstream(target, cancelKey, systemClock);
    const [bytes] = (await answer) as [Buffer]; // sockets without an encoding give buffers
    const error = bytes.subarray(bytes.indexOf(backend.errorResponse));
    expect(readMessageFields(error.subarray(0, 1 + error.readUInt32BE(1))).get('C')).toBe('57014');
  });
});

test('the server is asked at TCP whether it is still there', async () => {
  const target = targetOf([hostOf('primary')], {
    keepalive: { idleMs: 600_000, intervalMs: 7_000, count: 3 },
  });
  await connected(target, async ({ socket }) => {
    const [own, other] = [socket.localPort, socket.remotePort].map(
      (port = 0) => `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`,
    );
    // https://docs.kernel.org/networking/proc_net_tcp.html: timer 2 is keepalive, and when it expires, in 1/100 s.
    const table = await readFile('/proc/net/tcp', 'utf8');
    const line = table.split('\n').find((each) => each.includes(` ${own} ${other} `)) ?? '';
    const [, timer, expires] = / (\d\d):([0-9A-F]{8}) /.exec(line) ?? [];
    expect(timer).toBe('02');
    const leftMs = Number.parseInt(expires ?? '', 16) * 10;
    expect(leftMs).toBeGreaterThan(570_000);
    expect(leftMs).toBeLessThanOrEqual(600_000);
  });
});
