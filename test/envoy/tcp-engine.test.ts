import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { SourceAddress } from '../../services/core/model/address.ts';
import type { Deny } from '../../services/core/model/decision.ts';
import type { ListenerName } from '../../services/core/model/ids.ts';
import { type Edge, startEdge } from '../../services/edge/server.ts';
import {
  type EnvoyServer,
  gatewaySettings,
  listenerSettings,
  makeSocketDir,
  silent,
  startEnvoy,
} from '../servers/envoy.ts';
import { isServed, TcpClient } from './client.ts';
import { type Engine, proxyHeaderBytes, readProxyHeader, startEngine } from './engine.ts';
import { RecordingLog } from './recording-log.ts';
import { type SlowDoor, startSlowDoor } from './slow-door.ts';

const lockedOut: Deny = {
  kind: 'deny',
  rule: null,
  reason: 'locked-out',
  message: 'Refused: too many failed logins.',
  hint: '',
};

let runDir: string;
beforeEach(async () => {
  runDir = await makeSocketDir();
});
afterEach(() => rm(runDir, { recursive: true, force: true }));

describe('a connection through Envoy', () => {
  const admissions: { readonly source: SourceAddress; readonly listener: ListenerName }[] = [];
  let verdict: Deny | null;
  let dir: string;
  let edge: Edge;
  let engine: Engine;
  let envoy: EnvoyServer;
  let port: number;
  let log: RecordingLog;

  const openEdge = (): Promise<Edge> =>
    startEdge({
      socketPath: join(dir, 'edge.sock'),
      log: silent,
      requests: () => null,
      answerTo: () => null,
      streamIn: () => null,
      worker: null,
      checkpoint: {
        admit(source, listener) {
          admissions.push({ source, listener });
          return verdict;
        },
      },
    });

  beforeAll(async () => {
    dir = await makeSocketDir();
    log = new RecordingLog();
    edge = await openEdge();
    engine = await startEngine({ path: join(dir, 'pg.sock') });
    envoy = await startEnvoy({ gateway: gatewaySettings(listenerSettings('pg')), runDir: dir, log });
    port = await envoy.port('pg');
  }, 600_000);
  beforeEach(() => {
    verdict = null;
    admissions.length = 0;
  });
  afterAll(async () => {
    await envoy.stop();
    await edge.close();
    await engine.close();
    await rm(dir, { recursive: true });
  });

  test('reaches the engine with the address of the client, after it was admitted by address and listener', async () => {
    const client = await TcpClient.connect(port);
    client.send('hello');
    expect(await client.reads(5)).toBe('hello');
    const source = { ip: '127.0.0.1', port: client.localPort };
    expect(admissions).toEqual([{ source, listener: 'pg' }]);
    const session = engine.sessions.at(-1);
    expect(readProxyHeader(session?.received ?? Buffer.alloc(0))).toEqual(source);
    expect(session?.received.subarray(proxyHeaderBytes).toString()).toBe('hello');
    await client.close();
  });

  test('carries large results whole in both directions', async () => {
    const client = await TcpClient.connect(port);
    const text = 'x'.repeat(8 * 1024 * 1024);
    client.send(text);
    expect(await client.reads(text.length)).toBe(text);
    await client.close();
  });

  test('is closed without a byte when it is refused, and the access log says why', async () => {
    verdict = lockedOut;
    const before = engine.sessions.length;
    let source = '';
    // This process can be so busy that Envoy takes the edge service for dead and refuses without asking.
    while (admissions.length === 0) {
      const client = await TcpClient.connect(port);
      source = `127.0.0.1:${client.localPort}`;
      client.send('hello');
      await client.closed;
      expect(client.received).toBe('');
      expect(engine.sessions.length).toBe(before);
    }
    const line = await log.line(({ fields }) => fields['source'] === source);
    expect(line).toMatchObject({
      level: 'info',
      message: 'connection ended',
      fields: { listener: 'pg', responseFlags: 'UAEX', refusedBecause: 'locked-out', bytesSent: 0 },
    });
  });

  test('leaves an access log entry of what passed', async () => {
    const client = await TcpClient.connect(port);
    const source = `127.0.0.1:${client.localPort}`;
    client.send('hello');
    await client.reads(5);
    await client.close();
    const { fields } = await log.line((line) => line.fields['source'] === source);
    expect(fields).toMatchObject({
      bytesReceived: 5,
      bytesSent: 5,
      responseFlags: '-',
      upstream: join(dir, 'pg.sock'),
    });
    expect(Object.keys(fields)).toEqual(
      expect.arrayContaining(['connectionId', 'durationMs', 'startedAt', 'local']),
    );
  });

  test('is refused while the edge service is down, and admitted again when it is back', async () => {
    await edge.close();
    expect(await isServed(port)).toBe(false);
    edge = await openEdge();
    // Envoy's health check finds it within a quarter of a second; until then the answer stays no.
    while (!(await isServed(port)));
    expect(admissions.length).toBe(1);
  });

  test('that was open goes on while the edge service is down', async () => {
    const client = await TcpClient.connect(port);
    client.send('first');
    await client.reads(5);
    await edge.close();
    client.send('second');
    expect(await client.reads(11)).toBe('firstsecond');
    await client.close();
    edge = await openEdge();
    while (!(await isServed(port)));
  });

  test('ends when the engine is down, and finds it again when it is back', async () => {
    await engine.close();
    expect(await isServed(port)).toBe(false);
    engine = await startEngine({ path: join(dir, 'pg.sock') });
    while (!(await isServed(port)));
  });
});

describe('before Check has answered', () => {
  let door: SlowDoor;
  let engine: Engine;
  let envoy: EnvoyServer;
  let client: TcpClient;

  beforeEach(async () => {
    door = await startSlowDoor(join(runDir, 'edge.sock'));
    engine = await startEngine({ path: join(runDir, 'pg.sock'), greeting: 'welcome' });
    envoy = await startEnvoy({ gateway: gatewaySettings(listenerSettings('pg')), runDir });
    client = await TcpClient.connect(await envoy.port('pg'));
    client.send('hello');
    await door.asked();
    // Health checks come once a second: after two of them, whatever could leak has had the time to.
    await engine.acceptedAtLeast(engine.accepted + 2);
    client.send(' and more');
    await engine.acceptedAtLeast(engine.accepted + 1);
  });
  afterEach(async () => {
    await client.close();
    await envoy.stop();
    door.close();
    await engine.close();
  });

  test('not a byte passes, also of an engine that speaks first; then all of them do', async () => {
    expect(engine.sessions).toEqual([]);
    expect(client.received).toBe('');
    door.answer('admit');
    const all = 'welcomehello and more';
    expect(await client.reads(all.length)).toBe(all);
    expect(engine.sessions.map(({ received }) => received.subarray(proxyHeaderBytes).toString())).toEqual([
      'hello and more',
    ]);
  });

  test('not a byte passes, and none passes when it refuses', async () => {
    door.answer('refuse');
    await client.closed;
    expect(client.received).toBe('');
    await engine.acceptedAtLeast(engine.accepted + 1);
    expect(engine.sessions).toEqual([]);
  });
});

describe('limits', () => {
  let edge: Edge;
  let engine: Engine;
  let envoy: EnvoyServer;
  let log: RecordingLog;

  const start = async (settings: Parameters<typeof listenerSettings>[1]): Promise<number> => {
    envoy = await startEnvoy({ gateway: gatewaySettings(listenerSettings('pg', settings)), runDir, log });
    return envoy.port('pg');
  };
  const connectAndSpeak = async (port: number): Promise<TcpClient> => {
    const client = await TcpClient.connect(port);
    client.send('hello');
    await client.reads(5);
    return client;
  };

  beforeEach(async () => {
    log = new RecordingLog();
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
    await envoy.stop();
    await edge.close();
    await engine.close();
  });

  test('of connections at a time', async () => {
    const port = await start({ maxConnections: 3 });
    const clients = [await connectAndSpeak(port), await connectAndSpeak(port), await connectAndSpeak(port)];
    expect(clients.map(({ received }) => received)).toEqual(['hello', 'hello', 'hello']);
    expect(await isServed(port)).toBe(false);
    await Promise.all(clients.map((client) => client.close()));
    // Envoy counts a connection out when it has seen it close.
    while (!(await isServed(port)));
  });

  test('of connections a second', async () => {
    const port = await start({ connectionsPerSecond: 4 });
    const startedAt = performance.now();
    const served = await Promise.all(Array.from({ length: 40 }, () => isServed(port)));
    const secondsBegun = 2 + Math.floor((performance.now() - startedAt) / 1_000);
    const count = served.filter(Boolean).length;
    expect(count).toBeGreaterThanOrEqual(4);
    expect(count).toBeLessThanOrEqual(4 * secondsBegun);
    expect(count).toBeLessThan(40);
    while (!(await isServed(port)));
  });

  test('of a session without a byte in either direction', async () => {
    const port = await start({ idleTimeoutMs: 1_000 });
    const client = await connectAndSpeak(port);
    await client.closed;
    const line = await log.line(({ fields }) => fields['localCloseReason'] === 'tcp_session_idle_timeout');
    expect(line.fields).toMatchObject({ bytesReceived: 5, bytesSent: 5 });
  });

  test('of the time until a client speaks', async () => {
    const port = await start({});
    const client = await TcpClient.connect(port);
    const connectedAt = performance.now();
    await client.closed;
    expect(performance.now() - connectedAt).toBeGreaterThan(9_000);
    expect(engine.sessions).toEqual([]);
  });
});
