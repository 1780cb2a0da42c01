/** Answers that come compressed, although the target was asked for plain ones, through a real Envoy. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { RequestListener, ServerResponse } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import {
  brotliCompressSync,
  createBrotliCompress,
  createGzip,
  createZstdCompress,
  deflateSync,
  gzipSync,
  zstdCompressSync,
} from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { envoyBinary } from '../servers/envoy.ts';
import { HttpGateway } from './http-gateway.ts';

const rules = `\
policies:
  - name: agents
    targets: [billing]
    principals: [{kinds: [agent]}]
    rules:
      - {name: all, effects: [get, head], paths: ['/**'], outcome: allow}
`;
const masks =
  "    masks: [{fields: ['**.ssn'], with: full, inConditions: allow}, {detect: [email], with: redact}]\n";

let gateway: HttpGateway;
beforeAll(async () => {
  await envoyBinary();
  gateway = await HttpGateway.start({
    policy: rules + masks,
    target: ["unmasked: ['image/*']"],
    config: ['console: {operators: [{groups: [sre]}], auditors: [{groups: [oncall]}]}'],
  });
}, 600_000);
afterAll(() => gateway[Symbol.asyncDispose]());

const packers = { gzip: gzipSync, deflate: deflateSync, br: brotliCompressSync, zstd: zstdCompressSync };
const packings = ['gzip', 'deflate', 'br', 'zstd'] as const;
const streamPackers = { gzip: createGzip, br: createBrotliCompress, zstd: createZstdCompress };

const user = { ssn: '123-45-6789', note: 'ask ada@example.com', fill: 'x'.repeat(1_000) };
const maskedUser = { ssn: '********', note: 'ask [masked]', fill: user.fill };

const answering =
  (encoding: string, body: Buffer, type = 'application/json'): RequestListener =>
  (_, response) => {
    response.writeHead(200, { 'content-type': type, 'content-encoding': encoding, etag: '"packed"' });
    response.end(body);
  };

/** What the client got until the answer ended or broke off. */
async function heard(answer: Response): Promise<{ readonly text: string; readonly isWhole: boolean }> {
  let text = '';
  try {
    for await (const part of answer.body ?? []) text += Buffer.from(part).toString('latin1');
  } catch {
    return { text, isWhole: false };
  }
  return { text, isWhole: true };
}

const lastSession = async (): Promise<string> => String((await gateway.trail('action')).at(-1)?.['session']);

const residentBytes = async (pid: number): Promise<number> =>
  Number(/VmRSS:\s+(\d+) kB/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;

describe.each(packings)('%s', (packing) => {
  const packed = packers[packing](Buffer.from(JSON.stringify(user)));

  test.each(['--http1.1', '--http2-prior-knowledge'])(
    'comes unpacked and masked by curl %s',
    async (version) => {
      gateway.target.answer = answering(packing, packed);
      const authorization = `Authorization: Bearer ${gateway.issuer.mint()}`;
      const { stdout } = await gateway.curl(
        version,
        '-i',
        '-H',
        authorization,
        gateway.url('/t/billing/users/7'),
      );
      expect(stdout).toContain(JSON.stringify(maskedUser));
      expect(stdout).not.toMatch(/content-encoding|content-length|etag/i);
      expect(gateway.target.received.at(-1)?.headers).toMatchObject({ 'accept-encoding': 'identity' });
    },
  );

  test('comes so wherever it is cut on its way', async () => {
    gateway.target.answer = (_, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': packing });
      const rest = [...packed];
      const next = (): void => {
        const byte = rest.shift();
        if (byte === undefined) response.end();
        else response.write(Buffer.from([byte]), () => setImmediate(next));
      };
      next();
    };
    expect(await (await gateway.fetch('/users/7')).json()).toEqual(maskedUser);
  });

  test('that breaks off is cut, and what came of it is masked', async () => {
    const lines = packers[packing](Buffer.from(`${JSON.stringify(user)}\n`.repeat(2_000)));
    gateway.target.answer = answering(packing, lines.subarray(0, -10), 'application/x-ndjson');
    const { text, isWhole } = await heard(await gateway.fetch('/users/7'));
    expect(isWhole).toBe(false);
    expect(text).not.toMatch(/123-45|ada@/);
  });

  test('that is none is cut, and nothing of it is shown', async () => {
    gateway.target.answer = answering(packing, Buffer.from(JSON.stringify(user)));
    const answer = await gateway.fetch('/users/7');
    const { text, isWhole } = await heard(answer);
    expect([isWhole && answer.status === 200, text.includes('123-45')]).toEqual([false, false]);
  });
});

test.each(['gzip', 'zstd'] as const)(
  'ten gigabytes of blanks in %s are cut, and the gateway keeps none of them',
  async (packing) => {
    const piece = packers[packing](Buffer.alloc(64 * 1024 * 1024, ' '));
    gateway.target.answer = answering(packing, Buffer.concat(Array.from({ length: 160 }, () => piece)));
    const pid = await gateway.processId();
    const before = await residentBytes(pid);
    let most = 0;
    let bytes = 0;
    const answer = await gateway.fetch('/bomb');
    const all = async (): Promise<void> => {
      for await (const part of answer.body ?? []) {
        bytes += part.length;
        most = Math.max(most, await residentBytes(pid));
      }
    };
    await expect(all()).rejects.toThrow();
    expect(bytes).toBeLessThanOrEqual(32 * 1024 * 1024);
    expect(most - before).toBeLessThan(100 * 1024 * 1024);
    expect((await gateway.fetch('/users/7')).status).toBe(200);
  },
  60_000,
);

describe.each(['gzip', 'br', 'zstd'] as const)('a stream of events in %s', (packing) => {
  test('comes as it comes, and ends with its session', async () => {
    const { promise, resolve } = Promise.withResolvers<ServerResponse>();
    gateway.target.answer = (_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'content-encoding': packing });
      response.flushHeaders();
      resolve(response);
    };
    const waits = gateway.fetch('/stream', {}, { jti: `events-${packing}` });
    const packer = streamPackers[packing]();
    const at = await promise;
    packer.pipe(at);
    const reader = (await waits).body?.pipeThrough(new TextDecoderStream()).getReader();
    for (const [event, shown] of [
      ['data: {"ssn":"123"}\n\n', 'data: {"ssn":"********"}\n\n'],
      [': ada@example.com\n\n', ': [masked]\n\n'],
    ]) {
      packer.write(event);
      packer.flush();
      expect((await reader?.read())?.value).toBe(shown);
    }
    const closed = once(at, 'close');
    await gateway.cli(['sessions', 'kill', await lastSession(), '--reason', 'enough'], 'sam', ['sre']);
    await expect(reader?.read()).rejects.toThrow();
    await closed;
    packer.destroy();
  });
});

test('what is packed twice, or in a way that nobody knows, is refused', async () => {
  const twice = brotliCompressSync(gzipSync(JSON.stringify(user)));
  for (const encoding of ['gzip, br', 'compress', 'aws-chunked']) {
    gateway.target.answer = answering(encoding, twice);
    const answer = await gateway.fetch('/users/7');
    expect(answer.status).toBe(502);
    expect(await answer.json()).toMatchObject({ code: 'unreadable-answer' });
  }
});

test('an image that may pass unmasked stays packed as it came', async () => {
  gateway.target.answer = answering('gzip', gzipSync('an image'), 'image/png');
  const answer = await gateway.fetch('/x');
  expect(answer.headers.get('content-encoding')).toBe('gzip');
  expect(await answer.text()).toBe('an image');
});

test('what is packed in transfer alone is not shown', async () => {
  const packed = gzipSync(`${JSON.stringify(user)}\n`.repeat(3));
  const server = createServer((socket) => {
    socket.once('data', () => {
      socket.write(
        'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: gzip, chunked\r\n\r\n' +
          `${packed.length.toString(16)}\r\n`,
      );
      socket.write(packed);
      socket.write('\r\n0\r\n\r\n');
    });
    socket.on('error', () => undefined);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // as: it listens on TCP
  await using other = await HttpGateway.start({
    policy: rules + masks,
    url: `http://127.0.0.1:${port}`,
    target: [],
  });
  const answer = await other.fetch('/users/7');
  expect(answer.status).toBeGreaterThanOrEqual(502);
  expect(Buffer.from(await answer.arrayBuffer()).includes(packed.subarray(0, 20))).toBe(false);
  server.close();
}, 60_000);

test('where answers are recorded alone, the record has what they hold', async () => {
  await gateway.replacePolicy(`${rules}    record: {results: true}\n`);
  gateway.target.answer = answering('gzip', gzipSync(JSON.stringify(user)));
  const answer = await gateway.fetch('/users/7');
  expect(answer.headers.get('content-encoding')).toBe(null);
  expect(await answer.json()).toEqual(user);
  const session = await lastSession();
  // A session that goes on is replayed as far as it is on the disk, where it comes within half a second.
  let replayed = '';
  while (!replayed.includes(JSON.stringify(user))) {
    ({ stdout: replayed } = await gateway.cli(['sessions', 'replay', session, '--speed', 'max']));
  }
  // Nobody looks into what cannot be unpacked, and it goes on as it came.
  gateway.target.answer = answering('compress', Buffer.from('packed'));
  const other = await gateway.fetch('/users/7');
  expect(other.headers.get('content-encoding')).toBe('compress');
});
