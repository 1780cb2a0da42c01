import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { credentials, Metadata, makeClientConstructor, type ServiceError, status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import type { SourceAddress } from '../../services/core/model/address.ts';
import type { Deny } from '../../services/core/model/decision.ts';
import type { ListenerName } from '../../services/core/model/ids.ts';
import { maxMessageBytes } from '../../services/edge/limits.ts';
import { serviceDefinition } from '../../services/edge/protos.ts';
import { type Edge, startEdge } from '../../services/edge/server.ts';
import type { RequestEngine } from '../../services/protocols/protocol.ts';
import type { ArrivedRequest } from '../../services/protocols/request.ts';
import { silent } from '../servers/envoy.ts';

const authorization = 'envoy.service.auth.v3.Authorization';

/** What a call came to: the answer, or the gRPC status it failed with. */
type Outcome = { readonly answer: unknown } | { readonly failed: status };

class GrpcClient {
  readonly #service: string;
  readonly #client: InstanceType<ReturnType<typeof makeClientConstructor>>;

  constructor(service: string, socketPath: string) {
    this.#service = service;
    const Client = makeClientConstructor(serviceDefinition(service), service);
    this.#client = new Client(`unix:${socketPath}`, credentials.createInsecure());
  }

  /** @param message in proto-loader's shape */
  check(message: object, metadata: Readonly<Record<string, readonly string[]>> = {}): Promise<Outcome> {
    const sent = new Metadata();
    for (const [key, values] of Object.entries(metadata)) for (const value of values) sent.add(key, value);
    const { path, requestSerialize, responseDeserialize } = serviceDefinition(this.#service)['Check'] ?? {};
    if (path === undefined || requestSerialize === undefined || responseDeserialize === undefined) {
      throw new Error(`${this.#service} has no Check`);
    }
    return new Promise((resolve) => {
      const done = (error: ServiceError | null, answer: unknown): void =>
        resolve(error === null ? { answer } : { failed: error.code });
      this.#client.makeUnaryRequest(path, requestSerialize, responseDeserialize, message, sent, done);
    });
  }

  close(): void {
    this.#client.close();
  }
}

/** As a process does that is killed while it serves. */
async function leaveSocketBehind(path: string): Promise<void> {
  const script = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => console.log('listening'))`;
  const server = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(server.stdout, 'data');
  server.kill('SIGKILL');
  await once(server, 'exit');
}

const from = (address: object): object => ({ attributes: { source: { address } } });
const tcp = from({ socketAddress: { address: '192.0.2.7', portValue: 40_000 } });
const byListener = (...names: readonly string[]) => ({ 'x-sallyport-listener': names });

/** Decides on requests as a test says. */
let decide: RequestEngine['check'];
const requests: RequestEngine = {
  takes: 'requests',
  streams: null,
  check: (request, gone) => decide(request, gone),
  answerTo: () => null,
  streamIn: () => null,
  told: () => undefined,
  drain: () => Promise.resolve(),
  close: () => Promise.resolve(),
};

let folder: string;
let socketPath: string;
let edge: Edge;
let door: GrpcClient;
let verdict: Deny | null;
const admissions: [SourceAddress, ListenerName][] = [];

const start = (): Promise<Edge> =>
  startEdge({
    answerTo: () => null,
    streamIn: () => null,
    worker: null,
    socketPath,
    log: silent,
    requests: (listener) => (listener === 'apis' ? requests : null),
    checkpoint: {
      admit(source, listener) {
        admissions.push([source, listener]);
        return verdict;
      },
    },
  });

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-edge-'));
  socketPath = join(folder, 'edge.sock');
  verdict = null;
  admissions.length = 0;
  edge = await start();
  door = new GrpcClient(authorization, socketPath);
});
afterEach(async () => {
  door.close();
  await edge.close();
  await rm(folder, { recursive: true });
});

describe('Check for a TCP connection', () => {
  test('admits by source address and listener', async () => {
    expect(await door.check(tcp, byListener('pg'))).toEqual({ answer: { status: { code: 0, message: '' } } });
    expect(admissions).toEqual([[{ ip: '192.0.2.7', port: 40_000 }, 'pg']]);
  });

  test('refuses with the reason in the metadata that the access log shows', async () => {
    verdict = { kind: 'deny', rule: null, reason: 'locked-out', message: 'Refused: locked out.', hint: '' };
    expect(await door.check(tcp, byListener('pg'))).toMatchObject({
      answer: {
        status: { code: status.PERMISSION_DENIED, message: 'Refused: locked out.' },
        dynamicMetadata: { fields: { reason: { stringValue: 'locked-out' } } },
      },
    });
  });

  test.each([
    ['2001:DB8::1', '2001:db8::1'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['fe80::1%eth0', 'fe80::1'],
  ])('takes %s for %s', async (address, ip) => {
    await door.check(from({ socketAddress: { address, portValue: 1 } }), byListener('pg'));
    expect(admissions).toEqual([[{ ip, port: 1 }, 'pg']]);
  });

  test.each<[string, object, Readonly<Record<string, readonly string[]>>]>([
    ['no listener', tcp, {}],
    ['an empty listener', tcp, byListener('')],
    ['two listeners', tcp, byListener('pg', 'other')],
    ['no attributes', {}, byListener('pg')],
    ['no source', { attributes: {} }, byListener('pg')],
    ['no address', { attributes: { source: {} } }, byListener('pg')],
    ['an address of another kind', from({}), byListener('pg')],
    ['an empty address', from({ socketAddress: { address: '', portValue: 1 } }), byListener('pg')],
    [
      'a name for an address',
      from({ socketAddress: { address: 'localhost', portValue: 1 } }),
      byListener('pg'),
    ],
    ['no port', from({ socketAddress: { address: '192.0.2.7' } }), byListener('pg')],
    ['port 0', from({ socketAddress: { address: '192.0.2.7', portValue: 0 } }), byListener('pg')],
    [
      'an impossible port',
      from({ socketAddress: { address: '192.0.2.7', portValue: 70_000 } }),
      byListener('pg'),
    ],
    [
      'an HTTP request',
      {
        attributes: {
          source: { address: { socketAddress: { address: '192.0.2.7', portValue: 1 } } },
          request: { http: { method: 'GET' } },
        },
      },
      byListener('pg'),
    ],
  ])('refuses %s without asking the checkpoint', async (_, message, metadata) => {
    expect(await door.check(message, metadata)).toMatchObject({
      answer: {
        status: { code: status.PERMISSION_DENIED },
        dynamicMetadata: { fields: { reason: { stringValue: 'unsupported' } } },
      },
    });
    expect(admissions).toEqual([]);
  });

  test('refuses a message over the limit', async () => {
    const address = 'x'.repeat(maxMessageBytes);
    const huge = from({ socketAddress: { address, portValue: 1 } });
    expect(await door.check(huge, byListener('pg'))).toEqual({ failed: status.RESOURCE_EXHAUSTED });
    expect(admissions).toEqual([]);
  });
});

test('health answers for the server and for its service, and for no other', async () => {
  const health = new GrpcClient('grpc.health.v1.Health', socketPath);
  expect(await health.check({})).toEqual({ answer: { status: 'SERVING' } });
  expect(await health.check({ service: authorization })).toEqual({ answer: { status: 'SERVING' } });
  expect(await health.check({ service: 'gopher' })).toEqual({ failed: status.NOT_FOUND });
  health.close();
});

test('a bug in the checkpoint refuses the connection and ends the process', async () => {
  const path = join(folder, 'bug.sock');
  const server = spawn(process.execPath, [join(import.meta.dirname, 'edge-with-bug.ts'), path], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(server, 'close');
  let stderr = '';
  server.stderr.on('data', (data: Buffer) => {
    stderr += data.toString();
  });
  await once(server.stdout, 'data');
  const client = new GrpcClient(authorization, path);
  expect(await client.check(tcp, byListener('pg'))).toEqual({ failed: status.INTERNAL });
  client.close();
  expect(await ended).toEqual([1, null]);
  expect(stderr).toContain('InvariantError: this cannot be');
});

describe('its socket', () => {
  test('is for this user alone, and gone once closed', async () => {
    expect((await stat(socketPath)).mode & 0o777).toBe(0o600);
    await edge.close();
    await expect(stat(socketPath)).rejects.toMatchObject({ code: 'ENOENT' });
    edge = await start();
  });

  test('is not taken from a process that serves on it', async () => {
    await expect(start()).rejects.toMatchObject({ code: 'socket-in-use' });
    expect(await door.check(tcp, byListener('pg'))).toEqual({ answer: { status: { code: 0, message: '' } } });
  });

  test('is taken over when it was left behind', async () => {
    await edge.close();
    await leaveSocketBehind(socketPath);
    edge = await start();
    expect(await door.check(tcp, byListener('pg'))).toEqual({ answer: { status: { code: 0, message: '' } } });
  });

  test('is not put in the place of a file', async () => {
    await edge.close();
    await writeFile(socketPath, 'precious');
    await expect(start()).rejects.toMatchObject({ code: 'not-a-socket' });
    await rm(socketPath);
    edge = await start();
  });
});

describe('Check for an HTTP request', () => {
  test('that tells of no request is refused, where requests are decided one by one', async () => {
    const { answer } = z.object({ answer: z.unknown() }).parse(await door.check(tcp, byListener('apis')));
    expect(answer).toMatchObject({ status: { code: 7, message: 'Refused: it tells of no HTTP request.' } });
  });

  const header = (key: string, value: string) => ({ key, rawValue: Buffer.from(value, 'latin1') });
  const asked = (http: object, more: object = {}): object => ({
    attributes: { ...(tcp as { readonly attributes: object }).attributes, request: { http }, ...more },
  });
  const get = {
    method: 'GET',
    path: '/t/billing/x?y',
    host: 'gw.example',
    rawBody: Buffer.from([0xff]),
    headerMap: {
      headers: [header(':path', '/t/billing/x?y'), header('X-Two', 'a'), header('x-two', '\xe9')],
    },
  };

  test('gives the request, with headers as bytes and with the route’s own word for its target', async () => {
    const seen: ArrivedRequest[] = [];
    decide = (request) => {
      seen.push(request);
      return Promise.resolve({
        kind: 'pass',
        reading: 'nothing',
        remove: ['authorization'],
        set: [{ name: 'x-api-key', value: 'k' }],
        notes: { action: 'a_1' },
      });
    };
    const contextExtensions = [
      { key: 'target', value: 'billing' },
      { key: 'prefix', value: '/t/billing' },
      { key: 'basePath', value: '/v2' },
      { key: 'kind', value: 'whole' },
    ];
    expect(await door.check(asked(get, { contextExtensions }), byListener('apis'))).toMatchObject({
      answer: {
        status: { code: status.OK },
        okResponse: {
          headersToRemove: ['authorization'],
          headers: [{ header: { key: 'x-api-key', value: 'k' }, appendAction: 'OVERWRITE_IF_EXISTS_OR_ADD' }],
        },
        dynamicMetadata: { fields: { action: { stringValue: 'a_1' } } },
      },
    });
    expect(seen).toEqual([
      {
        listener: 'apis',
        source: { ip: '192.0.2.7', port: 40_000 },
        certificate: null,
        method: 'GET',
        host: 'gw.example',
        path: '/t/billing/x?y',
        headers: [
          { name: 'x-two', value: 'a' },
          { name: 'x-two', value: 'é' },
        ],
        body: Buffer.from([0xff]),
        route: { target: 'billing', prefix: '/t/billing', basePath: '/v2', kind: 'whole' },
      },
    ]);
    // The door is the engine's to ask.
    expect(admissions).toEqual([]);
  });

  test('gives an answer of the gateway’s own', async () => {
    decide = () =>
      Promise.resolve({
        kind: 'answer',
        status: 403,
        headers: [{ name: 'retry-after', value: '5' }],
        body: '{}',
        notes: { reason: 'no-rule' },
      });
    expect(await door.check(asked(get), byListener('apis'))).toMatchObject({
      answer: {
        status: { code: status.PERMISSION_DENIED },
        deniedResponse: {
          status: { code: 'Forbidden' },
          headers: [{ header: { key: 'retry-after' } }],
          body: '{}',
        },
      },
    });
  });

  test.each<[string, object, string]>([
    ['by a listener of another protocol', get, 'pg'],
    ['without headers', { ...get, headerMap: undefined }, 'apis'],
  ])('is refused %s', async (_, http, listener) => {
    decide = () => Promise.reject(new Error('nobody should ask'));
    expect(await door.check(asked(http), byListener(listener))).toMatchObject({
      answer: { status: { code: status.PERMISSION_DENIED } },
    });
  });

  test('is refused with a certificate that cannot be read', async () => {
    decide = () => Promise.reject(new Error('nobody should ask'));
    const source = {
      address: { socketAddress: { address: '192.0.2.7', portValue: 1 } },
      certificate: 'no%20PEM',
    };
    expect(await door.check(asked(get, { source }), byListener('apis'))).toMatchObject({
      answer: { status: { code: status.PERMISSION_DENIED } },
    });
  });
});
