/** Clients that break the protocol, stall, or flood: they get an error or are closed, and nobody else notices. */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import { int32, RawClient, say, shortly } from '../attacks/raw-client.ts';
import { TestGateway } from './gateway.ts';

const mebibyte = 1024 * 1024;

let gateway: TestGateway;
let processId: number;
let bystander: Bystander;

/** A session that goes on asking while others misbehave. */
class Bystander {
  readonly #client: pg.Client;
  readonly #done: Promise<void>;
  #stopped = false;
  #answers = 0;
  #slowestMs = 0;
  #mostBytes = 0;
  #wakes: (() => void)[] = [];

  private constructor(client: pg.Client) {
    this.#client = client;
    this.#done = this.#ask();
  }

  static async start(): Promise<Bystander> {
    return new Bystander(await gateway.connect());
  }

  /** Until so many further answers have come: time for the gateway to do what it does, without a guess of how long. */
  async answers(count: number): Promise<void> {
    const enough = this.#answers + count;
    while (this.#answers < enough) await new Promise<void>((resolve) => this.#wakes.push(resolve));
  }

  /** How long its slowest answer took, and the most memory that the gateway had meanwhile. */
  async stop(): Promise<{ readonly slowestMs: number; readonly mostBytes: number }> {
    this.#stopped = true;
    await this.#done;
    await this.#client.end();
    return { slowestMs: this.#slowestMs, mostBytes: this.#mostBytes };
  }

  async #ask(): Promise<void> {
    while (!this.#stopped) {
      const startedAtMs = performance.now();
      const { rows } = await this.#client.query('SELECT name, email FROM app.users WHERE id = 1');
      expect(rows).toEqual([{ name: 'Ada', email: 'a***@***.example' }]);
      this.#slowestMs = Math.max(this.#slowestMs, performance.now() - startedAtMs);
      this.#mostBytes = Math.max(this.#mostBytes, await residentBytes());
      this.#answers += 1;
      for (const wake of this.#wakes.splice(0)) wake();
    }
  }
}

async function residentBytes(): Promise<number> {
  const status = await readFile(`/proc/${processId}/status`, 'utf8');
  return 1024 * Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]);
}

const login = (): Promise<RawClient> =>
  RawClient.login(gateway.port, { user: 'agent-7', database: 'shop', password: gateway.issuer.mint() });

/** What the gateway says to these bytes until it closes; the client, too, has no more to say. */
async function lastWords(bytes: Buffer, client: RawClient): Promise<string> {
  client.socket.end(bytes);
  await client.until(() => client.closed);
  client.end();
  return client.received.toString('latin1');
}

let bytesBefore: number;

beforeAll(async () => {
  gateway = await TestGateway.start({ listener: ['maxConnections: 6000', 'connectionsPerSecond: 100000'] });
  processId = await gateway.processId();
  await Promise.all(Array.from({ length: 20 }, async () => (await login()).end()));
  bystander = await Bystander.start();
  // The parser, compiled, is let go of again a moment after it was first used: only then memory says anything.
  for (let last = 0, now = Infinity; Math.abs(now - last) > 2 * mebibyte; ) {
    last = now;
    await bystander.answers(300);
    now = await residentBytes();
  }
  await bystander.stop();
}, 60_000);

afterAll(() => gateway[Symbol.asyncDispose]());

/** For the tests that keep two cores busy: a slow machine is no fault. */
const busyMs = 120_000;

beforeEach(async () => {
  bystander = await Bystander.start();
  await bystander.answers(10);
  bytesBefore = await residentBytes();
});

/** Room for garbage that is collected later; what a test holds on to would be many times as much. */
const roomBytes = 192 * mebibyte;

afterEach(async () => {
  const { slowestMs, mostBytes } = await bystander.stop();
  expect(mostBytes - bytesBefore).toBeLessThan(roomBytes);
  // Two cores, shared with whatever else runs: a stall, and not a slow moment, is what this finds.
  expect(slowestMs).toBeLessThan(5_000);
  // The same process still: nothing of this has brought it down.
  expect(await gateway.processId()).toBe(processId);
});

const startup = say.startup({ user: 'agent-7', database: 'shop' });
const sslRequest = Buffer.concat([int32(8), int32(80877103)]);
const lengths = [0, 1, 3, -1, -(2 ** 31), 2 ** 31 - 1];

describe('before a session', () => {
  test.each<readonly [string, Buffer]>([
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: sallyport\r\n\r\n')],
    ['TLS where none is spoken', Buffer.from('16030100c8010000c40303', 'hex')],
    ['an SSH banner', Buffer.from('SSH-2.0-OpenSSH_9.2\r\n')],
    ['NULs', Buffer.alloc(100)],
    ['bytes behind SSLRequest', Buffer.concat([sslRequest, startup])],
    ['SSLRequest twice', Buffer.concat([sslRequest, sslRequest])],
    ['a version that is none', Buffer.concat([int32(8), int32(0x20000)])],
    ['a query instead of a password', Buffer.concat([startup, say.query('SELECT 1')])],
    ['a start-up that ends early', startup.subarray(0, startup.length - 3)],
    ['one byte', Buffer.from([0])],
    ...lengths.map(
      (length) => [`a length of ${length}`, Buffer.concat([int32(length), startup.subarray(4)])] as const,
    ),
  ])('%s is answered with an error or with nothing, and closed', async (_, bytes) => {
    const words = await lastWords(bytes, await RawClient.connect(gateway.port));
    // To SSLRequest one byte, then nothing but an error.
    expect(words.replace(/^N/, '').charAt(0)).toMatch(/^E?$/);
    expect(words).not.toContain('ReadyForQuery');
  });

  test('random bytes, three hundred times', async () => {
    const one = async (): Promise<void> => {
      for (let round = 0; round < 30; round += 1) {
        const bytes = randomBytes(1 + Math.floor(Math.random() * 200));
        // A first byte of zero and a small length make it look like a start-up, so that more of it is read.
        if (round % 2 === 0) int32(bytes.length).copy(bytes);
        const words = await lastWords(bytes, await RawClient.connect(gateway.port));
        expect(words.charAt(0)).toMatch(/^[EN]?$/);
      }
    };
    await Promise.all(Array.from({ length: 10 }, one));
  });

  test(
    'thousands that do not go on: as many as the limit are kept, the others are closed, and sessions run',
    async () => {
      const sockets: Socket[] = [];
      let closed = 0;
      const halfOpen = 10_000;
      for (let opened = 0; opened < halfOpen; opened += 1) {
        const socket = connect(gateway.port, '127.0.0.1');
        socket.on('error', () => undefined).on('close', () => (closed += 1));
        socket.resume();
        // Five bytes take it past Envoy, which keeps those that say less to itself.
        socket.write(startup.subarray(0, 5));
        sockets.push(socket);
        if (opened % 250 === 249) await bystander.answers(5);
      }
      // maxLogins (session/limits.ts) are kept at most.
      while (closed < halfOpen - 2_000) await bystander.answers(1);
      await bystander.answers(20);
      expect(closed).toBeLessThan(halfOpen - 1_000);
      for (const socket of sockets) socket.destroy();
      for (;;) {
        const client = await login().catch(() => null);
        client?.end();
        if (client !== null) break;
      }
    },
    busyMs,
  );
});

describe('in a session', () => {
  test.each<readonly [string, Buffer]>([
    ...lengths.map(
      (length) => [`a length of ${length}`, Buffer.concat([Buffer.from('Q'), int32(length)])] as const,
    ),
    ['a message over the limit', Buffer.concat([Buffer.from('Q'), int32(16 * mebibyte + 1)])],
    ['a message that no client sends', Buffer.concat([Buffer.from('z'), int32(4)])],
    ['a message of the server', Buffer.concat([Buffer.from('T'), int32(6), Buffer.alloc(2)])],
    ['a query that does not end', Buffer.concat([Buffer.from('Q'), int32(12), Buffer.from('SELECT 1')])],
    [
      'fewer bytes than a Bind counts',
      Buffer.concat([Buffer.from('B'), int32(8), Buffer.from([0, 0, 0xff, 0xff])]),
    ],
  ])('%s ends it with an error', async (_, bytes) => {
    const client = await login();
    client.send(bytes);
    await client.until(() => client.closed);
    expect(client.lastError()).toContain('08P01');
    expect(client.messages.map(shortly)).toEqual(['E(08P01)']);
    client.end();
  });

  test('random messages, ten times as many as it takes', async () => {
    const one = async (): Promise<void> => {
      for (let round = 0; round < 15; round += 1) {
        const client = await login();
        const body = randomBytes(Math.floor(Math.random() * 40));
        const type = Buffer.from('QPBDECSHdcfpFX'[round % 14] ?? 'Q');
        client.send(type, int32(4 + body.length), body, say.sync(), say.terminate());
        await client.until(() => client.closed);
        expect(client.messages.every(({ type: answer }) => answer !== 'D')).toBe(true);
        client.end();
      }
    };
    await Promise.all(Array.from({ length: 10 }, one));
  });

  test('a byte at a time is the same as all at once', async () => {
    const client = await RawClient.connect(gateway.port);
    const slowly = async (bytes: Buffer): Promise<void> => {
      for (const byte of bytes)
        await new Promise<void>((resolve) => client.socket.write(Buffer.from([byte]), () => resolve()));
    };
    await slowly(startup);
    await client.until(() => client.has('R'));
    await slowly(say.password(gateway.issuer.mint()));
    await client.until(() => client.has('Z'));
    const answer = client.ready(2);
    await slowly(say.query('SELECT email FROM app.users WHERE id = 1'));
    await slowly(
      Buffer.concat([
        say.parse('SELECT $1::text'),
        say.bind('', '', { parameters: ['x'] }),
        say.execute(),
        say.sync(),
      ]),
    );
    const rows = (await answer).filter(({ type }) => type === 'D').map(shortly);
    expect(rows).toEqual(['D(a***@***.example)', 'D(x)']);
    client.end();
  });
});

describe('clients that never read', () => {
  const stalled = async (...messages: readonly Buffer[]): Promise<RawClient> => {
    const client = await login();
    client.socket.pause();
    client.send(...messages);
    return client;
  };

  /** Once their buffers are full nothing is added any more, however long it takes. */
  const expectFlatMemory = async (): Promise<void> => {
    await bystander.answers(100);
    const before = await residentBytes();
    await bystander.answers(100);
    const grown = (await residentBytes()) - before;
    expect(grown).toBeLessThan(32 * mebibyte);
  };

  test(
    'what they asked for stays at the target, and ends there when they go',
    async () => {
      // A gigabyte each.
      const text = `SELECT repeat('x', 1000), a.email FROM app.users a, app.orders b, app.orders c, app.orders d`;
      const clients = await Promise.all(Array.from({ length: 20 }, () => stalled(say.query(text))));
      const direct = await gateway.direct();
      const running = "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'SELECT repeat%' AND state = 'active'";
      while (((await direct.query(running)).rowCount ?? 0) < clients.length);
      await expectFlatMemory();
      expect((await direct.query(running)).rowCount).toBe(clients.length);
      for (const client of clients) client.reset();
      while ((await direct.query(running)).rowCount !== 0);
      await direct.end();
    },
    busyMs,
  );

  test(
    'nor is more read of what they go on asking',
    async () => {
      const many = Buffer.concat(Array.from({ length: 5_000 }, () => say.query("SELECT repeat('x', 1000)")));
      const clients = await Promise.all(Array.from({ length: 10 }, () => stalled(many, many, many, many)));
      await expectFlatMemory();
      for (const client of clients) client.reset();
    },
    busyMs,
  );
});
