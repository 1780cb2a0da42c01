/** Streams that nobody masks or records: they are counted, and end with their session, through a real Envoy. */
import { once } from 'node:events';
import { truncate, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { envoyBinary } from '../servers/envoy.ts';
import { heard } from './heard.ts';
import { HttpGateway } from './http-gateway.ts';

const policy = `\
policies:
  - name: agents
    targets: [billing]
    principals: [{kinds: [agent]}]
    rules:
      - {name: all, effects: [get, post, put, websocket], paths: ['/**'], outcome: allow}
`;
const config = ['console: {operators: [{groups: [sre]}], auditors: [{groups: [oncall]}]}'];

let answering: RequestListener = (_, response) => response.end();
/** Sends back in a WebSocket what it gets, in upper case. */
const server = createServer((request, response) => answering(request, response));
server.on('upgrade', (_, socket) => {
  socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  socket.on('data', (chunk: Buffer) => socket.write(chunk.toString().toUpperCase()));
  socket.on('end', () => socket.end());
  socket.on('error', () => socket.destroy());
});

let gateway: HttpGateway;
beforeAll(async () => {
  await envoyBinary();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // as: it listens on TCP
  gateway = await HttpGateway.start({
    policy,
    config,
    url: `http://127.0.0.1:${port}`,
    target: ['streams: ["/upload/**"]'],
  });
}, 600_000);
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  server.closeAllConnections();
  server.close();
});

const lastAction = async () => (await gateway.trail('action')).at(-1);

async function killLast(): Promise<void> {
  const session = String((await lastAction())?.['session']);
  const { status } = await gateway.cli(['sessions', 'kill', session, '--reason', 'enough'], 'sam', ['sre']);
  expect(status).toBe(0);
}

/** How the last action ended, which stands in the trail a little after it has. */
async function lastEnd(): Promise<unknown> {
  for (;;) {
    const action = (await lastAction())?.['action'];
    const end = (await gateway.trail('action-ended')).find((record) => record['action'] === action);
    if (end !== undefined) return end;
  }
}

/** An answer that the test writes as it goes along. */
async function stream(
  type: string,
  init: RequestInit = {},
): Promise<{ readonly answer: Response; readonly at: ServerResponse }> {
  const { promise, resolve } = Promise.withResolvers<ServerResponse>();
  answering = (_, response) => {
    response.writeHead(200, { 'content-type': type });
    response.flushHeaders();
    resolve(response);
  };
  const answer = gateway.fetch('/stream', init);
  return { at: await promise, answer: await answer };
}

const part = async (reader: ReadableStreamDefaultReader<Uint8Array> | undefined): Promise<string> =>
  Buffer.from((await reader?.read())?.value ?? '').toString();

describe('an answer that nobody reads', () => {
  test.each<[string, string, RequestInit]>([
    ['events that were asked for', 'text/event-stream', { headers: { accept: 'text/event-stream' } }],
    ['events that come unasked', 'text/event-stream; charset=utf-8', { method: 'POST', body: '{}' }],
    ['lines of JSON', 'application/x-ndjson', {}],
    ['parts', 'multipart/x-mixed-replace; boundary=x', {}],
  ])('%s: goes on as it comes, and ends with its session', async (_, type, init) => {
    const { answer, at } = await stream(type, init);
    const reader = answer.body?.getReader();
    for (const text of ['data: 123-45-6789\n\n', 'data: two\n\n']) {
      at.write(text);
      expect(await part(reader)).toBe(text);
    }
    const closed = once(at, 'close');
    await killLast();
    await expect(reader?.read()).rejects.toThrow();
    await closed;
  });

  test('that ends by itself comes whole, with its headers', async () => {
    const { answer, at } = await stream('text/event-stream', { method: 'POST', body: '{}' });
    at.end('data: x\n\n');
    expect(await answer.text()).toBe('data: x\n\n');
    expect(await lastEnd()).toMatchObject({ result: 'forwarded' });
  });

  test('that was asked for as events is counted in the trail', async () => {
    const { answer, at } = await stream('text/event-stream', { headers: { accept: 'text/event-stream' } });
    at.end('data: x\n\n');
    expect(await answer.text()).toBe('data: x\n\n');
    expect(await lastEnd()).toMatchObject({ result: 'completed', bytes: 9 });
  });

  test('of another type goes on without us', async () => {
    const { answer, at } = await stream('application/octet-stream');
    at.write('x');
    const reader = answer.body?.getReader();
    expect(await part(reader)).toBe('x');
    await killLast();
    at.end('y');
    expect(await part(reader)).toBe('y');
  });
});

describe('a WebSocket', () => {
  const open = async (): Promise<Socket> => {
    const { socket, text } = await heard(
      gateway.port,
      `GET /t/billing/live HTTP/1.1\r\nHost: gw.example\r\nAuthorization: Bearer ${gateway.issuer.mint()}\r\n` +
        'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
        'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
      /\r\n\r\n/,
    );
    expect(text).toMatch(/^HTTP\/1\.1 101/);
    return socket;
  };
  const echoed = async (socket: Socket, text: string): Promise<string> => {
    socket.write(text);
    let back = '';
    while (back.length < text.length) back += (await once(socket, 'data'))[0];
    return back;
  };

  test('ends when its session is ended', async () => {
    const socket = await open();
    expect(await echoed(socket, 'hello')).toBe('HELLO');
    const closed = once(socket, 'close');
    await killLast();
    await closed;
    expect(await lastEnd()).toMatchObject({ result: 'cut-off', bytes: 5, bytesReceived: 5 });
  });

  test('is counted both ways in the trail when it has ended', async () => {
    const socket = await open();
    expect(await echoed(socket, 'hello')).toBe('HELLO');
    const large = 'x'.repeat(300_000);
    expect(await echoed(socket, large)).toBe(large.toUpperCase());
    socket.end();
    socket.resume();
    expect(await lastEnd()).toMatchObject({ result: 'completed', bytes: 300_005, bytesReceived: 300_005 });
  });
});

test('a stream that nobody has announced is no idleness', async () => {
  await gateway.replacePolicy(`${policy}    limits: {idle: 1s}\n`);
  const { answer, at } = await stream('text/event-stream', { method: 'POST', body: '{}' });
  const streaming = (await lastAction())?.['session'];
  answering = (_, response) => response.end();
  // Another address is another session.
  const other = await gateway.curl(
    ...['--interface', '127.0.0.2', '-H', `authorization: Bearer ${gateway.issuer.mint()}`],
    gateway.url('/t/billing/x'),
  );
  expect(other.stderr).toBe('');
  const quiet = (await lastAction())?.['session'];
  expect(quiet).not.toBe(streaming);
  while ((await gateway.trail('session-closed')).every((record) => record['session'] !== quiet));
  at.end('data: x\n\n');
  expect(await answer.text()).toBe('data: x\n\n');
  await gateway.replacePolicy(policy);
});

test('an upload of a known length keeps it', async () => {
  let length: string | undefined;
  answering = (request, response) => {
    length = request.headers['content-length'];
    request.resume().on('end', () => response.end());
  };
  expect((await gateway.fetch('/upload/x', { method: 'PUT', body: 'hello' })).status).toBe(200);
  expect(length).toBe('5');
  expect(await lastEnd()).toMatchObject({ result: 'completed' });
});

test('an upload of a known length ends with its session: 100 MB that curl sends slowly', async () => {
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const { promise: gone, resolve: go } = Promise.withResolvers<void>();
  let got = 0;
  answering = (request) => {
    request.on('data', (chunk: Buffer) => {
      got += chunk.length;
      begin();
    });
    request.on('error', () => go());
    request.on('close', () => go());
  };
  const file = join(gateway.folder, 'large');
  await writeFile(file, '');
  await truncate(file, 100_000_000);
  const upload = gateway.curl(
    ...['--limit-rate', '1M', '-T', file, '-w', '%{http_code} %{size_upload}'],
    ...['-H', `authorization: Bearer ${gateway.issuer.mint()}`, gateway.url('/t/billing/upload/x')],
  );
  await begun;
  await killLast();
  await gone;
  const { stdout } = await upload;
  expect(got).toBeLessThan(50_000_000);
  expect(Number(/ (\d+)$/.exec(stdout)?.[1])).toBeLessThan(50_000_000);
  expect(await lastEnd()).toMatchObject({ result: 'cut-off', bytes: 0 });
});

test('an upload ends with its session before anything was answered', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  let got = 0;
  answering = (request) => {
    request.on('data', (chunk: Buffer) => {
      got += chunk.length;
    });
    request.on('error', () => resolve());
    request.on('close', () => resolve());
  };
  const socket = connect(gateway.port, '127.0.0.1');
  socket.write(
    `PUT /t/billing/upload/x HTTP/1.1\r\nHost: gw.example\r\nAuthorization: Bearer ${gateway.issuer.mint()}\r\n` +
      'Transfer-Encoding: chunked\r\n\r\n3e8\r\n' +
      'x'.repeat(1_000),
  );
  socket.on('error', () => undefined);
  socket.resume();
  while (got < 1_000) await new Promise(setImmediate);
  const closed = once(socket, 'close');
  await killLast();
  await promise;
  socket.destroy();
  await closed;
  expect(await lastEnd()).toMatchObject({ result: 'cut-off', bytes: 0, bytesReceived: 1_000 });
});

test('streams end when the grace of their token does', async () => {
  const { port } = server.address() as AddressInfo; // as: it listens on TCP
  await using other = await HttpGateway.start({
    policy,
    config,
    url: `http://127.0.0.1:${port}`,
    identity: ['credentialGrace: 1s'],
    target: [],
  });
  const authorization = `Bearer ${other.issuer.mint({ exp: Math.floor(Date.now() / 1000) + 4 })}`;
  const { promise, resolve } = Promise.withResolvers<ServerResponse>();
  answering = (_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: x\n\n');
    resolve(response);
  };
  const waits = fetch(other.url('/t/billing/stream'), { headers: { authorization } });
  const socket = connect(other.port, '127.0.0.1');
  socket.write(
    `GET /t/billing/live HTTP/1.1\r\nHost: gw.example\r\nAuthorization: ${authorization}\r\n` +
      'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
      'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
  );
  expect(String((await once(socket, 'data'))[0])).toMatch(/^HTTP\/1\.1 101/);
  const closed = once(socket.resume(), 'close');
  const gone = once(await promise, 'close');
  await expect((await waits).text()).rejects.toThrow();
  await Promise.all([closed, gone]);
}, 60_000);
