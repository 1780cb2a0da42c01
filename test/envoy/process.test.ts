import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { restartDelayMs } from '../../envoy/backoff.ts';
import { EnvoyProcess } from '../../envoy/process.ts';
import { systemClock } from '../../services/core/model/clock.ts';
import { listenerName } from '../../services/core/model/ids.ts';
import type { GatewaySettings } from '../../services/core/model/settings.ts';
import { type Edge, startEdge } from '../../services/edge/server.ts';
import {
  envoyBinary,
  gatewaySettings,
  listenerSettings,
  makeSocketDir,
  served,
  silent,
} from '../servers/envoy.ts';
import { freePort } from '../servers/postgres.ts';
import { isServed, TcpClient } from './client.ts';
import { type Engine, startEngine } from './engine.ts';
import { RecordingLog } from './recording-log.ts';

let binary: string;
let runDir: string;
let log: RecordingLog;
let edge: Edge;
let engine: Engine;
let running: EnvoyProcess | null;

beforeAll(async () => {
  binary = await envoyBinary();
}, 600_000);

beforeEach(async () => {
  runDir = await makeSocketDir();
  log = new RecordingLog();
  running = null;
  edge = await startEdge({
    socketPath: join(runDir, 'edge.sock'),
    log: silent,
    requests: () => null,
    answerTo: () => null,
    streamIn: () => null,
    worker: null,
    checkpoint: { admit: () => null },
  });
  engine = await startEngine({ path: join(runDir, 'pg.sock') });
});

afterEach(async () => {
  await running?.stop();
  await edge.close();
  await engine.close();
  await rm(runDir, { recursive: true, force: true });
});

const start = async (gateway: GatewaySettings = gatewaySettings(listenerSettings('pg'))) => {
  running = await EnvoyProcess.start({ binary, served: served(gateway), runDir, log, clock: systemClock });
  return running;
};

const portOf = async (envoy: EnvoyProcess, listener = 'pg'): Promise<number> =>
  (await envoy.addresses()).get(listenerName(listener))?.port ?? 0;

/** Whether anything listens there. */
const isOpen = (port: number): Promise<boolean> =>
  TcpClient.connect(port).then(
    async (client) => {
      await client.close();
      return true;
    },
    () => false,
  );

describe('start and stop', () => {
  test('it serves once started, tells its ports, and answers the questions of an SRE', async () => {
    const envoy = await start();
    expect(await isServed(await portOf(envoy))).toBe(true);
    expect(await envoy.admin.ready()).toBe(true);
    expect(await envoy.admin.get('/stats/prometheus')).toContain('envoy_connection_limit');
    await expect(envoy.admin.get('/quitquitquit')).rejects.toMatchObject({ code: 'admin-unreachable' });
  });

  test('its sockets and files are for this user alone', async () => {
    await start();
    const modes = async (names: readonly string[]) =>
      Promise.all(names.map(async (name) => (await stat(join(runDir, name))).mode & 0o777));
    expect(await modes(['.'])).toEqual([0o700]);
    const files = (await readdir(runDir)).filter((name) => name.startsWith('envoy'));
    expect(files.sort()).toEqual([
      'envoy-admin.sock',
      'envoy-clusters.json',
      'envoy-listeners.json',
      'envoy-routes.json',
      'envoy.json',
    ]);
    expect(new Set(await modes(files))).toEqual(new Set([0o600]));
  });

  test('once stopped, nothing listens any more and no warning was logged', async () => {
    const envoy = await start();
    const port = await portOf(envoy);
    await envoy.stop();
    expect(envoy.pid).toBeUndefined();
    expect(await isOpen(port)).toBe(false);
    expect(log.lines.filter(({ level }) => level === 'warn' || level === 'error')).toEqual([]);
  });

  test('a port that is taken is an error at the start, with the reason', async () => {
    const taken = createServer();
    taken.listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const address = taken.address();
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
    const started = start(gatewaySettings(listenerSettings('pg', { port })));
    await expect(started).rejects.toMatchObject({ code: 'did-not-start' });
    await expect(started).rejects.toThrow(/Address already in use/);
    taken.close();
  });

  test('a second gateway cannot share the port of the first', async () => {
    const port = await freePort();
    const first = await start(gatewaySettings(listenerSettings('pg', { port })));
    const otherDir = await makeSocketDir();
    const second = EnvoyProcess.start({
      binary,
      served: served(gatewaySettings(listenerSettings('pg', { port }))),
      runDir: otherDir,
      log,
      clock: systemClock,
    });
    await expect(second).rejects.toThrow(/Address already in use/);
    expect(await isServed(await portOf(first))).toBe(true);
    await rm(otherDir, { recursive: true });
  });

  test('a second gateway cannot take over the folder of the first', async () => {
    const first = await start();
    const port = await portOf(first);
    const second = EnvoyProcess.start({
      binary,
      served: served(gatewaySettings(listenerSettings('other'))),
      runDir,
      log,
      clock: systemClock,
    });
    await expect(second).rejects.toMatchObject({ code: 'already-running' });
    expect(await isServed(port)).toBe(true);
  });

  test('a binary that is none is an error at the start', async () => {
    const started = EnvoyProcess.start({
      binary: '/no/such/envoy',
      served: served(gatewaySettings(listenerSettings('pg'))),
      runDir,
      log,
      clock: systemClock,
    });
    await expect(started).rejects.toThrow(/ENOENT/);
  });
});

describe('when Envoy is killed', () => {
  test('it is started again, and says so', async () => {
    const port = await freePort();
    const envoy = await start(gatewaySettings(listenerSettings('pg', { port })));
    const { pid } = envoy;
    const client = await TcpClient.connect(port);
    process.kill(pid ?? 0, 'SIGKILL');
    await client.closed;
    await log.line(({ fields, message }) => message === 'Envoy is ready' && fields['pid'] !== pid);
    expect(log.lines.find(({ level }) => level === 'error')).toMatchObject({
      fields: { how: 'SIGKILL', deaths: 1 },
      message: 'Envoy ended, and is started again',
    });
    expect(envoy.pid).not.toBe(pid);
    expect(await isServed(port)).toBe(true);
  });

  test('it is not started again once it was to stop', async () => {
    const envoy = await start();
    process.kill(envoy.pid ?? 0, 'SIGKILL');
    await log.line(({ level }) => level === 'error');
    await envoy.stop();
    expect(envoy.pid).toBeUndefined();
  });

  test('waits grow with each death in a row, up to a bound', () => {
    expect([1, 2, 3, 4, 50].map((deaths) => restartDelayMs(deaths, 1))).toEqual([
      200, 400, 800, 1_600, 10_000,
    ]);
    expect(restartDelayMs(1, 0)).toBe(100);
  });
});

test('when the supervisor is killed, Envoy does not outlive it', async () => {
  const supervisor = spawn(process.execPath, [join(import.meta.dirname, 'supervisor.ts'), binary, runDir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(createInterface({ input: supervisor.stdout }), 'line');
  const { port } = JSON.parse(String(line));
  const session = await TcpClient.connect(port);
  session.send('hello');
  expect(await session.reads(5)).toBe('hello');
  supervisor.kill('SIGKILL');
  // Ends only with Envoy: engine and client keep it open.
  await session.closed;
  // Its listeners go a moment later than its sessions.
  while (await isOpen(port));
});

describe('an update', () => {
  const pg = listenerSettings('pg');

  test('brings new listeners and takes old ones away, while sessions that run go on', async () => {
    // With port 0 twice Envoy would take the two for one address, and keep the port of the one that goes.
    const port = await freePort();
    const envoy = await start(gatewaySettings({ ...pg, port }));
    const session = await TcpClient.connect(port);
    session.send('hello');
    await session.reads(5);

    const second = listenerSettings('second');
    await envoy.update(served(gatewaySettings({ ...pg, port, idleTimeoutMs: 60_000 }, second)));
    expect(await portOf(envoy)).toBe(port);
    expect(await portOf(envoy, 'second')).toBeGreaterThan(0);

    await envoy.update(served(gatewaySettings(second)));
    // Envoy's threads let go of the port a moment after it has told that it took the change.
    while (await isOpen(port));
    session.send(' again');
    expect(await session.reads(11)).toBe('hello again');
    await session.close();
  });

  test('that Envoy does not take leaves the old listeners in force', async () => {
    const envoy = await start();
    const port = await portOf(envoy);
    // TEST-NET-3 (RFC 5737): an address that this machine does not have.
    const wrong = listenerSettings('wrong', { address: '203.0.113.1', port: 5432 });
    const updated = envoy.update(served(gatewaySettings(pg, wrong)));
    await expect(updated).rejects.toMatchObject({ code: 'config-refused' });
    await expect(updated).rejects.toThrow(/Cannot assign requested address/);
    expect(await isServed(port)).toBe(true);
    await envoy.update(served(gatewaySettings(pg)));
    expect((await envoy.addresses()).size).toBe(1);
  });

  test('says when only a restart brings it into force', async () => {
    const envoy = await start();
    expect(await envoy.update(served(gatewaySettings(pg)))).toEqual({ restartNeeded: false });
    expect(await envoy.update(served(gatewaySettings({ ...pg, connectionsPerSecond: 7 })))).toEqual({
      restartNeeded: false,
    });
    expect(await envoy.update(served(gatewaySettings({ ...pg, maxConnections: 7 })))).toEqual({
      restartNeeded: true,
    });
  });
});
