import { readFileSync } from 'node:fs';
import { connect } from 'node:http2';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { HttpGateway } from '../e2e/http-gateway.ts';
import { envoyBinary } from '../servers/envoy.ts';
import type { ReceivedRequest } from '../servers/http-target.ts';
import { type RawAnswer, raw } from './http-client.ts';
import { leaky, mislabelled, secrets, unreadable } from './leaky-answers.ts';

type Outcome = 'allow' | 'masked' | 'hold' | 'deny';

interface Case {
  readonly id: string;
  readonly class: string;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
  readonly expected: Outcome;
  readonly acceptable?: readonly Outcome[];
}

// The corpus is our own file.
const { cases } = JSON.parse(readFileSync(join(import.meta.dirname, 'http.json'), 'utf8')) as {
  readonly cases: readonly Case[];
};

/** The corpus' policy in our own language, and a second target that allows all that it does not deny. */
const policy = `\
policies:
  - name: agent-http
    targets: [billing]
    rules:
      - name: read
        effects: [get]
        paths: [/api/v1/orders, '/api/v1/orders/{id}', /api/v1/users, '/api/v1/users/{id}', /api/v1/stream]
        outcome: allow
      - {name: order, effects: [post], paths: [/api/v1/orders], outcome: allow}
      - name: change
        effects: [put, patch, delete]
        paths: ['/api/v1/**']
        outcome: hold
        approval: {approvers: [{groups: [oncall]}], mode: defer}
      - {name: never, effects: ['*'], paths: ['/admin/**', '/internal/**'], outcome: deny}
    masks:
      - {fields: ['**.ssn', '**.email', '**.pan'], with: full}
      - {detect: [us-ssn, card, email], with: full}
  - name: open
    targets: [open]
    rules:
      - {name: all, effects: ['*'], paths: ['/**'], outcome: allow}
      - {name: all-parameters, opaque: [path-parameters], outcome: allow}
      - {name: never, effects: ['*'], paths: ['/admin/**'], outcome: deny}
`;

let gateway: HttpGateway;
beforeAll(async () => {
  await envoyBinary();
  gateway = await HttpGateway.start({ policy, second: 'open' });
}, 600_000);
afterAll(() => gateway[Symbol.asyncDispose]());

const authorization = () => `Authorization: Bearer ${gateway.issuer.mint()}\r\n`;
const host = 'Host: gateway.example\r\n';

/** What was sent, and what of it the target got. */
async function attack(
  bytes: string,
  answers = 1,
): Promise<{ answers: readonly RawAnswer[]; got: readonly ReceivedRequest[] }> {
  const before = gateway.target.received.length;
  const answered = await raw(gateway.port, bytes, answers);
  return { answers: answered, got: gateway.target.received.slice(before) };
}

const outcomeOf = ({ status, head, body }: RawAnswer): Outcome => {
  // What asks as gRPC is refused as gRPC is: in a header.
  if (status === 200) return /^grpc-status: [1-9]/m.test(head) ? 'deny' : 'allow';
  return body.includes('"code": "hold-open"') ? 'hold' : 'deny';
};

/** Without a CONNECT's authority form and the like there is always a path to put the target's name before. */
const bytesOf = ({ method, path, headers, body }: Case, target = 'billing'): string => {
  const sent = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const own = 'Authorization' in headers ? '' : authorization();
  const text = body?.startsWith('(') ? 'x'.repeat(2 * 1024 ** 2) : body;
  const framed = 'Content-Length' in headers || 'Transfer-Encoding' in headers || text === null;
  const length = framed ? '' : `Content-Length: ${Buffer.byteLength(text ?? '')}\r\n`;
  const place = path.startsWith('/') ? `/t/${target}${path}` : path;
  return `${method} ${place} HTTP/1.1\r\n${host}${own}${sent.join('')}${length}\r\n${text ?? ''}`;
};

/** Each stands for something that a single request with this policy does not show; the tests below do. */
const elsewhere = new Set(['HTTP-062', 'HTTP-037']);

describe('the corpus', () => {
  test.each(
    cases
      .filter((each) => each.expected !== 'masked' && !elsewhere.has(each.id))
      .map((each) => [each.id, each] as const),
  )('%s', async (_, attacked) => {
    const { answers, got } = await attack(bytesOf(attacked));
    const outcome = answers[0] === undefined ? 'deny' : outcomeOf(answers[0]);
    expect([...(attacked.acceptable ?? []), attacked.expected, 'deny']).toContain(outcome);
    if (attacked.expected === 'allow' && !attacked.acceptable) expect(outcome).toBe('allow');
    expect(got.length).toBe(outcome === 'allow' ? 1 : 0);
  });
});

describe('what is to be masked', () => {
  beforeAll(() => {
    gateway.target.answer = leaky;
  });
  afterAll(() => {
    gateway.target.answer = null;
  });

  /** All that an agent gets to see, or that its connection was cut. */
  const seen = async (path: string, init: RequestInit = {}): Promise<string> => {
    try {
      const answer = await gateway.fetch(path, init);
      const head = JSON.stringify([...answer.headers]);
      try {
        return `${answer.status} ${head} ${await answer.text()}`;
      } catch {
        return `${answer.status} ${head} cut`;
      }
    } catch {
      // Reset before a byte of it was there.
      return 'cut';
    }
  };
  const expectNoSecret = (text: string): void => {
    for (const secret of secrets) expect(text).not.toContain(secret);
    expect(text).not.toContain('ada@');
    expect(text).not.toContain(Buffer.from('{"id":1').toString('base64').slice(0, 8));
  };

  test.each(cases.filter(({ expected }) => expected === 'masked').map((each) => [each.id, each] as const))(
    '%s',
    async (id, { method, path, headers, body }) => {
      const answer = await seen(path, { method, headers, body });
      expectNoSecret(answer);
      // No rule lets GraphQL through here.
      expect(answer).toMatch(id === 'HTTP-070' ? /^403 / : /^200 .*\*{8}/s);
    },
  );

  test.each(Object.entries(unreadable))('%s: not shown', async (_, listener) => {
    gateway.target.answer = listener;
    const answer = await seen('/api/v1/users/1');
    expectNoSecret(answer);
    expect(answer).toMatch(/^502 .*"unreadable-answer"|^503 .*ext_proc_error|cut$/s);
  });

  test.each(Object.entries(mislabelled))('%s: masked', async (_, listener) => {
    gateway.target.answer = listener;
    const answer = await seen('/api/v1/users/1');
    expectNoSecret(answer);
    expect(answer).toMatch(/\*{8}|%2A{8}/);
  });

  test.each([
    '?sort=ssn',
    '?sort=-ssn',
    '?sort=id,ssn',
    '?filter[ssn][startsWith]=1',
    '?filter%5Bssn%5D=1',
    '?ssn=1',
    '?ssn__gt=5',
    '?q=users.ssn',
    '?filter={"ssn":{"$gt":"1"}}',
    '?order_by=ss%6e',
    '?SORT=SSN',
    '?a=1;sort=ssn',
  ])('a query that chooses by it is refused: %s', async (query) => {
    expect(await seen(`/api/v1/users${query}`)).toMatch(/^403 .*"masked-field-in-condition"/s);
  });
});

/** What servers of many makes may take a path for: decoded until nothing changes, parameters and case gone, slashes merged. */
function mostLenient(url: string): string {
  let path = (url.split('?')[0] ?? '').normalize('NFKC');
  for (let times = 0; times < 4; times++) {
    path = path.replaceAll(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );
  }
  path = path
    .normalize('NFKC')
    .replaceAll('\\', '/')
    .replaceAll(/;[^/]*/g, '')
    .replaceAll(/[. ]+(?=\/|$)/g, '')
    .replaceAll(/\/ +/g, '/')
    .replaceAll(/\/+/g, '/')
    .toLowerCase();
  return new URL(path, 'http://x').pathname;
}

describe('a path', () => {
  const tricks = [
    '/admin',
    '/admin/',
    '/ADMIN',
    '/Admin/users',
    '//admin',
    '///admin///x',
    '/./admin',
    '/x/../admin',
    '/x/%2e%2e/admin',
    '/x/%2E./admin',
    '/x/.%2e/admin',
    '/x/..;/admin',
    '/x/..;a=b/admin',
    '/admin;x',
    '/admin.',
    '/admin..;x',
    '/%20admin',
    '/admin;x=y/users',
    '/;/admin',
    '/;x/admin',
    '/%61dmin',
    '/%2561dmin',
    '/%252e%252e/admin',
    '/x/%252e%252e/admin',
    '/x%2fadmin',
    '/x%2Fadmin',
    '/x%5cadmin',
    '/x\\..\\admin',
    '/\\admin',
    '/x/%5c..%5cadmin',
    '/admin%00',
    '/admin%20',
    '/admin%09',
    '/admin%0d%0aX-User:%20root',
    '/%c0%afadmin',
    '/x/%c0%ae%c0%ae/admin',
    '/%e0%80%afadmin',
    '/%u002e%u002e/admin',
    '/x/%ef%bc%8e%ef%bc%8e/admin',
    '/x/%e2%80%a5/admin',
    '/%ef%bc%8fadmin',
    '/admin?x',
    '/admin%3fx',
    '/admin%23x',
    '/admin#x',
    '/x#/../admin',
    '/admin\u00a0',
    '/\u00c0\u00afadmin',
    '/x/..%3b/admin',
    '/%3b/admin',
    '/x%253b/admin',
    '/adm\tin',
  ];

  test.each(tricks)(
    '%j does not lead to what is denied, and what is forwarded is what was decided on',
    async (path) => {
      const { answers, got } = await attack(`GET /t/open${path} HTTP/1.1\r\n${host}${authorization()}\r\n`);
      expect(got.length).toBe(answers[0]?.status === 200 ? 1 : 0);
      for (const { url } of got) {
        expect(mostLenient(url)).not.toMatch(/^\/admin(?:\/|$)/);
        const decided = (await gateway.trail('action')).map(({ text }) => String(text).split('\n')[0]);
        expect(decided.at(-1)).toBe(`GET ${url}`);
      }
    },
  );

  test.each([
    '/users/7',
    '/users/caf%C3%A9',
    '/users/caf%c3%a9',
    '/files/report%20final.pdf',
    '/discount/100%25',
    '/@scope/name',
    '/a:b',
    "/it's/(fine)!*",
    '/v1.2/a..b/.hidden',
    '/x?q=a%20b&q2=%7B%22a%22%3A1%7D&list[]=1&plain={"a":[1]}',
    '/x?redirect=https://a.example/%2Fpath',
    '/trailing/',
  ])('%j is plain, and passes as it is', async (path) => {
    const { answers, got } = await attack(`GET /t/open${path} HTTP/1.1\r\n${host}${authorization()}\r\n`);
    expect(answers[0]?.status).toBe(200);
    expect(got.map(({ url }) => url)).toEqual([path]);
  });
});

describe('a request line and headers', () => {
  const get = (path: string, headers: string): string =>
    `GET /t/billing${path} HTTP/1.1\r\n${host}${headers}\r\n`;

  test.each<[string, () => string]>([
    [
      'an absolute URL that names another host',
      () => `GET http://open.example/t/billing/api/v1/users HTTP/1.1\r\n${host}${authorization()}\r\n`,
    ],
    ['two Host headers', () => get('/api/v1/users', `Host: other.example\r\n${authorization()}`)],
    [
      'a Host with two names',
      () => `GET /t/billing/api/v1/users HTTP/1.1\r\nHost: a.example, b.example\r\n${authorization()}\r\n`,
    ],
    ['no Host', () => `GET /t/billing/api/v1/users HTTP/1.1\r\n${authorization()}\r\n`],
    ['two Authorization headers', () => get('/api/v1/users', authorization() + authorization())],
    [
      'an Authorization that the connection takes off',
      () => get('/api/v1/users', `${authorization()}Connection: authorization\r\n`),
    ],
    ['a header with an underscore', () => get('/api/v1/users', `${authorization()}X_User: root\r\n`)],
    ['a header with a NUL', () => get('/api/v1/users', `${authorization()}X-A: a\0b\r\n`)],
    ['a header with a bell', () => get('/api/v1/users', `${authorization()}X-A: a\x07b\r\n`)],
    ['a space before the colon', () => get('/api/v1/users', `${authorization()}X-A : b\r\n`)],
    ['X-Original-URL', () => get('/api/v1/users', `${authorization()}X-Original-URL: /admin\r\n`)],
    ['X-Rewrite-URL', () => get('/api/v1/users', `${authorization()}X-Rewrite-URL: /admin\r\n`)],
    ['X-HTTP-Method', () => get('/api/v1/users', `${authorization()}X-HTTP-Method: DELETE\r\n`)],
    ['X-Method-Override', () => get('/api/v1/users', `${authorization()}x-method-OVERRIDE: DELETE\r\n`)],
    ['_method in the query', () => get('/api/v1/users?_method=DELETE', authorization())],
    ['_method in the query, encoded', () => get('/api/v1/users?%5Fmeth%6Fd=DELETE', authorization())],
    [
      '_method in a form',
      () =>
        `POST /t/billing/api/v1/orders HTTP/1.1\r\n${host}${authorization()}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 14\r\n\r\n_method=DELETE`,
    ],
    [
      'a WebSocket',
      () =>
        get(
          '/api/v1/users',
          `${authorization()}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n`,
        ),
    ],
    [
      'two lengths',
      () =>
        `POST /t/billing/api/v1/orders HTTP/1.1\r\n${host}${authorization()}Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc`,
    ],
    [
      'a length and chunks',
      () =>
        `POST /t/billing/api/v1/orders HTTP/1.1\r\n${host}${authorization()}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ],
    ['HTTP/0.9', () => `GET /t/billing/api/v1/users\r\n\r\n`],
    ['TRACE', () => `TRACE /t/open/x HTTP/1.1\r\n${host}${authorization()}\r\n`],
    ['CONNECT', () => `CONNECT /t/open/x HTTP/1.1\r\n${host}${authorization()}\r\n`],
    ['OPTIONS *', () => `OPTIONS * HTTP/1.1\r\n${host}${authorization()}\r\n`],
    ['a method in lower case', () => `get /t/open/x HTTP/1.1\r\n${host}${authorization()}\r\n`],
  ])('%s: refused', async (_, bytes) => {
    const { answers, got } = await attack(bytes());
    expect(answers[0]?.status ?? 400).toBeGreaterThanOrEqual(400);
    expect(got).toEqual([]);
  });

  test('who says who it is says nothing: such headers do not reach the target', async () => {
    const claimed = [
      ...[
        'X-Forwarded-User: root',
        'X-Forwarded-For: 10.0.0.1',
        'X-Forwarded-Host: a.example',
        'Forwarded: for=10.0.0.1',
      ],
      ...[
        'X-Remote-User: root',
        'X-Remote-Group: system:masters',
        'Impersonate-User: root',
        'X-Real-IP: 10.0.0.1',
      ],
      ...[
        'X-Envoy-Original-Path: /admin',
        'X-Auth-User: root',
        'Proxy-Authorization: Basic cm9vdA==',
        'X-Envoy-Retry-On: 5xx',
      ],
    ];
    const { got } = await attack(
      get('/api/v1/users', `${authorization()}${claimed.map((line) => `${line}\r\n`).join('')}`),
    );
    const names = claimed.map((line) => line.split(':')[0]?.toLowerCase());
    expect(Object.keys(got[0]?.headers ?? { none: '' }).filter((name) => names.includes(name))).toEqual([]);
    expect(got.length).toBe(1);
  });

  test('pipelined: each is decided for itself, in order', async () => {
    const sent = ['/api/v1/users', '/admin', '/api/v1/orders']
      .map((path) => get(path, authorization()))
      .join('');
    const { answers, got } = await attack(sent, 3);
    expect(answers.map(({ status }) => status)).toEqual([200, 403, 200]);
    expect(got.map(({ url }) => url)).toEqual(['/api/v1/users', '/api/v1/orders']);
  });

  test('a request behind another one’s body is a request of its own', async () => {
    const inner = get('/admin', '');
    const outer = `POST /t/billing/api/v1/orders HTTP/1.1\r\n${host}${authorization()}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`;
    const { answers, got } = await attack(outer + inner, 2);
    expect(answers.map(({ status }) => status)).toEqual([200, 401]);
    expect(got.length).toBe(1);
  });
});

describe('HTTP/2', () => {
  const ask = (
    headers: Readonly<Record<string, string>>,
    body: string | null = null,
    trailers: Readonly<Record<string, string>> | null = null,
  ) =>
    new Promise<number>((resolve, reject) => {
      const session = connect(`http://127.0.0.1:${gateway.port}`);
      session.on('error', reject);
      const stream = session.request(
        { authorization: `Bearer ${gateway.issuer.mint()}`, ...headers },
        { endStream: body === null, waitForTrailers: trailers !== null },
      );
      stream.on('wantTrailers', () => stream.sendTrailers({ ...trailers }));
      stream.on('response', (answer) => {
        resolve(Number(answer[':status']));
        session.destroy();
      });
      stream.on('error', () => undefined);
      stream.on('close', () => {
        resolve(0);
        session.destroy();
      });
      if (body !== null) stream.end(body);
    });

  test('is decided in the same way', async () => {
    expect(await ask({ ':path': '/t/billing/api/v1/users' })).toBe(200);
    expect(await ask({ ':path': '/t/billing/admin' })).toBe(403);
    expect(await ask({ ':path': '/t/billing/api/v1/users', ':authority': 'a.example, b.example' })).not.toBe(
      200,
    );
    expect(await ask({ ':path': '/t/billing/api/v1/users', ':method': 'PROPFIND' })).toBe(400);
  });

  test('a body a little over the limit is not taken for a whole one', async () => {
    const before = gateway.target.received.length;
    for (const more of [1, 2, 3, 100, 70_000]) {
      expect(
        await ask({ ':path': '/t/billing/api/v1/orders', ':method': 'POST' }, 'x'.repeat(1024 ** 2 + more)),
      ).not.toBe(200);
    }
    expect(gateway.target.received.length).toBe(before);
    expect(await ask({ ':path': '/t/billing/api/v1/orders', ':method': 'POST' }, 'x'.repeat(1024 ** 2))).toBe(
      200,
    );
    expect(gateway.target.received.at(-1)?.body.length).toBe(1024 ** 2);
  });

  test('trailers do not reach the target', async () => {
    await ask({ ':path': '/t/billing/api/v1/orders', ':method': 'POST' }, 'x', {
      'x-http-method-override': 'DELETE',
    });
    expect(JSON.stringify(gateway.target.received.at(-1))).not.toContain('override');
  });

  test('a thousand requests that are hung up on harm nobody else', async () => {
    const token = gateway.issuer.mint();
    const other = gateway.fetch('/api/v1/users');
    // Envoy ends a connection that does nothing but this, so it takes many.
    for (let batch = 0; batch < 30; batch++) {
      const session = connect(`http://127.0.0.1:${gateway.port}`);
      session.on('error', () => undefined);
      const streams = Array.from({ length: 50 }, () => {
        const stream = session.request({
          ':path': '/t/billing/api/v1/users',
          authorization: `Bearer ${token}`,
        });
        stream.on('error', () => undefined);
        setImmediate(() => stream.close(8));
        return new Promise((resolve) => stream.on('close', resolve));
      });
      await Promise.all(streams);
      session.destroy();
    }
    expect((await other).status).toBe(200);
    expect((await gateway.fetch('/api/v1/users')).status).toBe(200);
    expect(gateway.up.errorOutput).not.toMatch(/cut off|did not stop/);
  }, 60_000);
});
