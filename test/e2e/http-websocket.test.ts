/** WebSockets, other upgrades, paths of URLs and what goes on as it comes, through a real Envoy. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { raw } from '../attacks/http-client.ts';
import { envoyBinary } from '../servers/envoy.ts';
import { heard } from './heard.ts';
import { HttpGateway } from './http-gateway.ts';

const policy = `\
policies:
  - name: agents
    targets: [billing]
    principals: [{kinds: [agent]}]
    rules:
      - {name: live, effects: [websocket], paths: [/api/v2/live], outcome: allow}
      - {name: read, effects: [get], paths: [/api/v2/live, '/api/v2/users/{id}'], outcome: allow}
      - {name: upload, effects: [put], paths: ['/api/v2/upload/{name}'], outcome: allow}
      - {name: never, effects: ['*'], paths: ['/api/v2/admin/**', /admin], outcome: deny}
      - {name: small, effects: [post], paths: ['/api/v2/upload/{name}'], json: {amount: {atMost: 5}}, outcome: allow}
`;

/** Answers 101 to /api/v2/live and sends back in upper case what it gets; keeps every byte that reaches it. */
class EchoServer implements AsyncDisposable {
  readonly #server = createServer((request, response) => {
    let bytes = 0;
    request.on('data', (part: Buffer) => {
      bytes += part.length;
    });
    request.on('end', () => response.end(`${request.method} ${request.url} ${bytes}`));
  });
  readonly upgrades: string[] = [];
  readonly framing: string[] = [];
  readonly requests: string[] = [];
  readonly sockets = new Set<Socket>();
  refuses = false;

  async listen(): Promise<number> {
    this.#server.on('request', ({ method, url }) => this.requests.push(`${method} ${url}`));
    this.#server.on('upgrade', (request, socket) => {
      this.framing.push(...['content-length', 'transfer-encoding'].filter((name) => name in request.headers));
      this.upgrades.push(`${request.url} ${request.headers.authorization}`);
      if (this.refuses) {
        socket.end('HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n');
        return;
      }
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
      socket.on('data', (part: Buffer) => socket.write(part.toString().toUpperCase()));
      socket.on('error', () => undefined);
    });
    this.#server.on('connection', (socket: Socket) => this.sockets.add(socket));
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port; // as: it listens on TCP
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

const server = new EchoServer();
let gateway: HttpGateway;
beforeAll(async () => {
  await envoyBinary();
  gateway = await HttpGateway.start({
    policy,
    url: `http://127.0.0.1:${await server.listen()}/api/v2/`,
    target: [
      'hosts: [billing.gw.example]',
      'streams: ["/api/v2/upload/**"]',
      'credential: {basic: {user: sallyport, password: env:TARGET_TOKEN}}',
    ],
  });
}, 600_000);
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const head = (path: string, more = 'Connection: Upgrade\r\nUpgrade: websocket\r\n', host = 'gw.example') =>
  `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${gateway.issuer.mint()}\r\n${more}` +
  'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n';

describe('a WebSocket', () => {
  test('is let through by a rule of its own, with the gateway’s credential, and both ends hear each other', async () => {
    const { socket, text } = await heard(gateway.port, head('/t/billing/live'), /\r\n\r\n/);
    expect(text).toMatch(/^HTTP\/1\.1 101/);
    expect(server.upgrades.at(-1)).toMatch(/^\/api\/v2\/live Basic /);
    socket.write('hello');
    const [answer] = await once(socket, 'data');
    expect(answer).toBe('HELLO');
    socket.destroy();
    expect((await gateway.trail('action')).at(-1)).toMatchObject({ effects: ['websocket /api/v2/live'] });
    // Envoy's log has the bytes of both directions, under the action's id, as the trail does.
    await gateway.up.untilError(
      /"bytesReceived":5,"bytesSent":5,[^\n]*"path":"\/api\/v2\/live"[^\n]*"status":101/,
    );
  });

  test.each<[string, string, number]>([
    ['where a rule allows GET alone', '/t/billing/users/7', 403],
    ['where a rule denies everything', '/t/billing/admin/x', 403],
  ])('%s: refused', async (_, path, status) => {
    const before = server.upgrades.length;
    const [answer] = await raw(gateway.port, head(path));
    expect(answer?.status).toBe(status);
    expect(server.upgrades.length).toBe(before);
  });

  test.each<[string, string]>([
    [
      'h2c',
      'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n',
    ],
    ['two of them', 'Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n'],
    ['SPDY', 'Connection: Upgrade\r\nUpgrade: SPDY/3.1\r\n'],
    ['TLS', 'Connection: Upgrade\r\nUpgrade: TLS/1.2\r\n'],
    ['a body', 'Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 5\r\n'],
  ])('%s: no upgrade comes of it', async (_, more) => {
    const before = server.upgrades.length;
    const [answer] = await raw(gateway.port, head('/t/billing/live', more));
    expect(answer?.status ?? 400).not.toBe(101);
    expect(server.upgrades.length).toBe(before);
  });

  test('chunks are said to nobody: what follows the head is no body', async () => {
    const more = 'Connection: Upgrade\r\nUpgrade: websocket\r\nTransfer-Encoding: chunked\r\n';
    const { socket, text } = await heard(gateway.port, head('/t/billing/live', more), /\r\n\r\n/);
    socket.destroy();
    expect(text).toMatch(/^HTTP\/1\.1 101/);
    expect(server.framing).toEqual([]);
  });

  test('one that is none does not take its body past the rules', async () => {
    const body = '{"amount":5000}';
    for (const more of ['Upgrade: websocket\r\n', 'Connection: close\r\nUpgrade: websocket\r\n']) {
      const before = server.requests.length;
      const bytes =
        `POST /t/billing/orders HTTP/1.1\r\nHost: a.example\r\nAuthorization: Bearer ${gateway.issuer.mint()}\r\n` +
        `${more}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
      const [answer] = await raw(gateway.port, bytes);
      expect(answer?.status).toBe(403);
      expect(answer?.body).toContain('"code": "no-rule"');
      expect(server.requests.length).toBe(before);
    }
  });

  test('a request sent along with one that the target refuses is not the target’s to read', async () => {
    server.refuses = true;
    const smuggled = 'GET /api/v2/admin/keys HTTP/1.1\r\nHost: a\r\n\r\n';
    const before = server.requests.length;
    const { socket, text } = await heard(gateway.port, head('/t/billing/live') + smuggled, /\r\n\r\n/);
    expect(text).not.toMatch(/^HTTP\/1\.1 101/);
    socket.destroy();
    server.refuses = false;
    expect(await (await gateway.fetch('/users/7')).text()).toBe('GET /api/v2/users/7 0');
    expect(server.requests.slice(before)).toEqual(['GET /api/v2/users/7']);
  });

  test('a target that knows no WebSockets gets no bytes behind the head', async () => {
    // Without the listener, Node answers an upgrade as any other request, and reads on.
    const smuggled = 'GET /api/v2/admin/keys HTTP/1.1\r\nHost: a\r\n\r\n';
    const plain: string[] = [];
    const other = createServer((request, response) => {
      plain.push(`${request.method} ${request.url}`);
      response.end('plain');
    }).listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo; // as: it listens on TCP
    await using second = await HttpGateway.start({
      policy,
      url: `http://127.0.0.1:${port}/api/v2`,
      target: [],
    });
    const token = second.issuer.mint();
    const bytes =
      `GET /t/billing/live HTTP/1.1\r\nHost: a.example\r\nAuthorization: Bearer ${token}\r\n` +
      `Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`;
    const [answer] = await raw(second.port, bytes + smuggled);
    expect(answer?.status).not.toBe(101);
    await second.fetch('/users/7');
    expect(plain.filter((line) => line.includes('admin'))).toEqual([]);
    other.closeAllConnections();
    other.close();
  }, 60_000);
});

describe('a URL with a path', () => {
  test('stands before each path, by the target’s name and by its own host; rules see the whole', async () => {
    expect(await (await gateway.fetch('/users/7?x=1')).text()).toBe('GET /api/v2/users/7?x=1 0');
    const own = `GET /users/8 HTTP/1.1\r\nHost: billing.gw.example\r\nAuthorization: Bearer ${gateway.issuer.mint()}\r\n\r\n`;
    const [answer] = await raw(gateway.port, own);
    expect(answer).toMatchObject({ status: 200, body: 'GET /api/v2/users/8 0' });
    expect((await gateway.fetch('/api/v2/users/7')).status).toBe(403);
  });

  test.each(['/../admin', '/..%2fadmin', '/%2e%2e/admin', '/./../../admin', '/users/../../admin'])(
    '%s does not lead out of it',
    async (path) => {
      const before = server.requests.length;
      const bytes = `GET /t/billing${path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${gateway.issuer.mint()}\r\n\r\n`;
      const [answer] = await raw(gateway.port, bytes);
      expect(answer?.status).toBeGreaterThanOrEqual(400);
      expect(server.requests.slice(before)).toEqual([]);
    },
  );
});

describe('what is forwarded as it comes', () => {
  test('may be larger than any body that is read', async () => {
    const body = Buffer.alloc(20 * 1024 ** 2, 'x');
    const answer = await gateway.fetch('/upload/big', { method: 'PUT', body });
    expect(await answer.text()).toBe(`PUT /api/v2/upload/big ${body.length}`);
  });

  test('is never allowed by what is in it', async () => {
    const headers = { 'content-type': 'application/json' };
    const answer = await gateway.fetch('/upload/small', { method: 'POST', body: '{"amount":1}', headers });
    expect(answer.status).toBe(403);
  });
});

test('where answers are masked, there is no WebSocket: nobody reads what is said in it', async () => {
  const masked = `${policy}    masks: [{detect: [email], with: full}]\n`;
  const config = {
    policy: masked,
    url: `http://127.0.0.1:${await new EchoServer().listen()}/api/v2`,
    target: [],
  };
  await using other = await HttpGateway.start(config);
  const bytes =
    `GET /t/billing/live HTTP/1.1\r\nHost: a.example\r\nAuthorization: Bearer ${other.issuer.mint()}\r\n` +
    'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n';
  const [answer] = await raw(other.port, bytes);
  expect(answer?.status).toBe(502);
}, 60_000);
