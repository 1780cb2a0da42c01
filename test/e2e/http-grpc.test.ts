/** gRPC with @grpc/grpc-js on both sides of a real Envoy. */
import { once } from 'node:events';
import { connect, createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import {
  type Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  type ClientWritableStream,
  credentials,
  Metadata,
  makeGenericClientConstructor,
  ServerCredentials,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { makeAuthority } from '../servers/certificates.ts';
import { envoyBinary } from '../servers/envoy.ts';
import { echoService, type GrpcTarget, startGrpcTarget } from '../servers/grpc-target.ts';
import { HttpGateway, targetToken } from './http-gateway.ts';

const policy = `\
policies:
  - name: agents
    targets: [billing]
    principals: [{kinds: [agent]}]
    rules:
      - {name: echo, effects: [post], grpc: [test.Echo/Say, test.Echo/Fail, test.Echo/Count, test.Echo/Collect, test.Echo/Talk], outcome: allow}
      - name: drop
        effects: [post]
        grpc: [test.Echo/Drop]
        outcome: hold
        approval: {approvers: [{groups: [oncall]}], mode: defer}
      - {name: never, effects: ['*'], grpc: [test.Admin/*], outcome: deny, message: 'Agents don’t administer.'}
`;

let gateway: HttpGateway;
let server: GrpcTarget;

/** Methods as grpc-js makes them of a definition. */
interface EchoClient extends Client {
  say(message: Buffer, metadata: Metadata, done: Done): void;
  drop(message: Buffer, metadata: Metadata, done: Done): void;
  fail(message: Buffer, metadata: Metadata, done: Done): void;
  count(message: Buffer, metadata: Metadata): ClientReadableStream<Buffer>;
  collect(metadata: Metadata, done: Done): ClientWritableStream<Buffer>;
  talk(metadata: Metadata): ClientDuplexStream<Buffer, Buffer>;
}
type Done = (error: ServiceError | null, answer?: Buffer) => void;
let client: EchoClient;

beforeAll(async () => {
  await envoyBinary();
  server = await startGrpcTarget();
  gateway = await HttpGateway.start({
    policy,
    url: `http://127.0.0.1:${server.port}`,
    target: [
      'hosts: [echo.gw.example]',
      'http2: true',
      'streams: [/test.Echo/Collect, /test.Echo/Talk]',
      'credential: {bearer: env:TARGET_TOKEN}',
    ],
    config: ['console: {operators: [{groups: [sre]}], auditors: [{groups: [oncall]}]}'],
  });
  const Echo = makeGenericClientConstructor(echoService, 'Echo');
  // as: made of echoService, whose methods EchoClient lists
  client = new Echo(`127.0.0.1:${gateway.port}`, credentials.createInsecure(), {
    'grpc.default_authority': 'echo.gw.example',
  }) as unknown as EchoClient;
}, 600_000);
afterAll(async () => {
  client.close();
  server.stop();
  await gateway[Symbol.asyncDispose]();
});

function metadata(token: string | null = gateway.issuer.mint()): Metadata {
  const made = new Metadata();
  if (token !== null) made.set('authorization', `Bearer ${token}`);
  return made;
}

type Unary = 'say' | 'drop' | 'fail';
const call = (name: Unary, message: string, sent = metadata()) =>
  new Promise<string | ServiceError>((resolve) => {
    client[name](Buffer.from(message), sent, (error, answer) => resolve(error ?? String(answer)));
  });

const said = async (stream: AsyncIterable<Buffer>): Promise<readonly string[]> => {
  const parts: string[] = [];
  for await (const part of stream) parts.push(part.toString());
  return parts;
};

describe('a call that a rule allows', () => {
  test('unary: answers, with the gateway’s credential and without the client’s', async () => {
    expect(await call('say', 'hello')).toBe('said hello');
    expect(server.calls.at(-1)?.metadata.get('authorization')).toEqual([`Bearer ${targetToken}`]);
  });

  test('a status of the server’s own comes through, in trailers', async () => {
    expect(await call('fail', '')).toMatchObject({
      code: status.FAILED_PRECONDITION,
      details: 'not now, naïvely',
    });
  });

  test('a stream of answers', async () => {
    expect(await said(client.count(Buffer.from('x'), metadata()))).toEqual(['1', '2', '3']);
  });

  test('a stream of messages', async () => {
    const answered = new Promise<string | ServiceError>((resolve) => {
      const stream = client.collect(metadata(), (error, answer) => resolve(error ?? String(answer)));
      stream.write(Buffer.from('a'));
      stream.write(Buffer.from('b'));
      stream.end();
    });
    expect(await answered).toBe('ab');
  });

  test('a conversation, each answer before the next message is sent', async () => {
    const stream = client.talk(metadata());
    const heard: string[] = [];
    stream.write(Buffer.from('one'));
    for await (const part of stream) {
      heard.push(String(part));
      if (heard.length === 3) stream.end();
      else stream.write(Buffer.from(['two', 'three'][heard.length - 1] ?? ''));
    }
    expect(heard).toEqual(['ONE', 'TWO', 'THREE']);
  });
});

test('a conversation ends when its session is ended, and is counted both ways', async () => {
  const stream = client.talk(metadata());
  stream.write(Buffer.from('one'));
  const [answer] = await once(stream, 'data');
  expect(String(answer)).toBe('ONE');
  const action = (await gateway.trail('action')).at(-1);
  const failed = once(stream, 'error');
  const { status: killed } = await gateway.cli(
    ['sessions', 'kill', String(action?.['session']), '--reason', 'enough'],
    'sam',
    ['sre'],
  );
  expect(killed).toBe(0);
  await failed;
  const end = (await gateway.trail('action-ended')).find((each) => each['action'] === action?.['action']);
  // Five bytes stand before each message.
  expect(end).toMatchObject({ result: 'cut-off', bytes: 8, bytesReceived: 8 });
});

describe('a call that is refused', () => {
  test('no token: UNAUTHENTICATED', async () => {
    expect(await call('say', 'x', metadata(null))).toMatchObject({ code: status.UNAUTHENTICATED });
  });

  test('held: PERMISSION_DENIED, with the hold; approved, the same call runs once', async () => {
    const token = gateway.issuer.mint();
    const before = server.calls.length;
    const held = await call('drop', 'table', metadata(token));
    if (typeof held === 'string') throw new Error(held);
    expect(held.code).toBe(status.PERMISSION_DENIED);
    expect(held.metadata.get('sallyport-code')).toEqual(['hold-open']);
    const [hold = ''] = held.metadata.get('sallyport-hold').map(String);
    expect((await gateway.cli(['holds', 'approve', hold, '--reason', 'fine', '--yes'])).status).toBe(0);
    const other = await call('drop', 'everything', metadata(token));
    expect(other).toMatchObject({ code: status.PERMISSION_DENIED });
    expect(server.calls.length).toBe(before);
    expect(await call('drop', 'table', metadata(token))).toBe('');
    expect(server.calls.length).toBe(before + 1);
    expect(await call('drop', 'table', metadata(token))).toMatchObject({ code: status.PERMISSION_DENIED });
  });

  test('by a rule: its words, whatever characters they have', async () => {
    const refused = await new Promise<ServiceError | null>((resolve) => {
      client.makeUnaryRequest(
        '/test.Admin/Stop',
        (bytes: Buffer) => bytes,
        (bytes: Buffer) => bytes,
        Buffer.alloc(0),
        metadata(),
        (error) => resolve(error),
      );
    });
    expect(refused).toMatchObject({
      code: status.PERMISSION_DENIED,
      details: expect.stringContaining('Agents don’t administer.'),
    });
    expect(refused?.metadata.get('sallyport-rule')).toEqual(['agents/never']);
  });

  test('a stream: at once, whatever is sent', async () => {
    const stream = client.talk(metadata(null));
    stream.write(Buffer.from('x'));
    await expect(said(stream)).rejects.toMatchObject({ code: status.UNAUTHENTICATED });
  });
});

test.each([
  'application/json',
  'application/connect+json',
  'application/connect+proto',
  'application/grpc-web+proto',
])('what comes as %s is no call that a rule for gRPC allows', async (type) => {
  const before = server.calls.length;
  const authorization = `Bearer ${gateway.issuer.mint()}`;
  const url = gateway.url('/t/billing/test.Echo/Say');
  const init = { method: 'POST', body: '{}', headers: { authorization, 'content-type': type } };
  expect((await fetch(url, init)).status).toBe(403);
  expect(server.calls.length).toBe(before);
});

test('trailers of a request do not reach the target: they come when it has been decided on', async () => {
  const trailers: unknown[] = [];
  const bodies: string[] = [];
  const target = createServer().listen(0, '127.0.0.1');
  target.on('stream', (stream) => {
    stream.on('trailers', (sent) => trailers.push(sent['x-user']));
    stream.on('data', (part: Buffer) => bodies.push(part.toString()));
    stream.on('end', () => {
      stream.respond({ ':status': 200 });
      stream.end();
    });
  });
  await once(target, 'listening');
  const { port } = target.address() as AddressInfo; // as: it listens on TCP
  const send = async (to: number, path: string, token = ''): Promise<void> => {
    const session = connect(`http://127.0.0.1:${to}`);
    const stream = session.request(
      { ':method': 'POST', ':path': path, authorization: `Bearer ${token}` },
      { waitForTrailers: true },
    );
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-user': 'root' }));
    stream.end('said');
    stream.resume();
    await once(stream, 'close');
    session.close();
  };
  await send(port, '/x');
  expect(trailers).toEqual(['root']);
  const all =
    'policies: [{name: all, targets: [billing], rules: [{name: all, effects: [post], paths: ["/**"], outcome: allow}]}]';
  await using other = await HttpGateway.start({
    policy: all,
    url: `http://127.0.0.1:${port}`,
    target: ['http2: true', 'streams: [/streamed]'],
  });
  await send(other.port, '/t/billing/read', other.issuer.mint());
  await send(other.port, '/t/billing/streamed', other.issuer.mint());
  expect(bodies).toEqual(['said', 'said', 'said']);
  expect(trailers).toEqual(['root']);
  target.close();
}, 60_000);

test('where answers are masked, what cannot be is not shown: PERMISSION_DENIED or worse, and no message', async () => {
  await using other = await HttpGateway.start({
    policy: `${policy}    masks: [{detect: [email], with: full}]\n`,
    url: `http://127.0.0.1:${server.port}`,
    target: ['hosts: [echo.gw.example]', 'http2: true'],
  });
  const Echo = makeGenericClientConstructor(echoService, 'Echo');
  // as: made of echoService, whose methods EchoClient lists
  const masked = new Echo(`127.0.0.1:${other.port}`, credentials.createInsecure(), {
    'grpc.default_authority': 'echo.gw.example',
  }) as unknown as EchoClient;
  const sent = metadata(other.issuer.mint());
  const error = await new Promise<ServiceError | string>((resolve) => {
    masked.say(Buffer.from('ann@example.com'), sent, (refused, answer) => resolve(refused ?? String(answer)));
  });
  masked.close();
  expect(error).toMatchObject({ code: status.UNAVAILABLE, details: expect.not.stringContaining('ann@') });
}, 60_000);

test('over TLS, HTTP/2 is agreed on with the target', async () => {
  const authority = await makeAuthority();
  const own = await authority.issue('127.0.0.1', ['IP:127.0.0.1']);
  const pair = { cert_chain: Buffer.from(own.certificate), private_key: Buffer.from(own.key) };
  const overTls = await startGrpcTarget(ServerCredentials.createSsl(null, [pair]));
  await using other = await HttpGateway.start({
    policy,
    url: `https://127.0.0.1:${overTls.port}`,
    target: ['hosts: [echo.gw.example]', 'http2: true', 'tls: {ca: file:ca.pem}'],
    files: { 'ca.pem': authority.certificate },
  });
  const Echo = makeGenericClientConstructor(echoService, 'Echo');
  // as: made of echoService, whose methods EchoClient lists
  const caller = new Echo(`127.0.0.1:${other.port}`, credentials.createInsecure(), {
    'grpc.default_authority': 'echo.gw.example',
  }) as unknown as EchoClient;
  const said = await new Promise<string | ServiceError>((resolve) => {
    caller.say(Buffer.from('hello'), metadata(other.issuer.mint()), (error, answer) =>
      resolve(error ?? String(answer)),
    );
  });
  caller.close();
  overTls.stop();
  await authority.close();
  expect(said).toBe('said hello');
}, 60_000);
