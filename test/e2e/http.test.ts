import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { envoyBinary } from '../servers/envoy.ts';
import { HttpGateway, standardPolicy, targetToken } from './http-gateway.ts';

let gateway: HttpGateway;
beforeAll(async () => {
  await envoyBinary();
  gateway = await HttpGateway.start();
}, 600_000);
afterAll(() => gateway[Symbol.asyncDispose]());

const problemOf = async (answer: Response): Promise<Readonly<Record<string, unknown>>> => {
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
  const document = z.record(z.string(), z.unknown()).parse(await answer.json());
  expect(document['status']).toBe(answer.status);
  return document;
};

describe('a request that a rule allows', () => {
  test('reaches the target with the gateway’s credential, and without the client’s', async () => {
    const token = gateway.issuer.mint();
    const answer = await fetch(gateway.url('/t/billing/users/7?full=1'), {
      headers: { authorization: `Bearer ${token}`, 'x-note': 'mine' },
    });
    expect(await answer.json()).toEqual({ method: 'GET', url: '/users/7?full=1' });
    const received = gateway.target.received.at(-1);
    expect(received?.headers).toMatchObject({
      authorization: `Bearer ${targetToken}`,
      host: `127.0.0.1:${gateway.target.port}`,
      'x-note': 'mine',
    });
    expect(JSON.stringify(received)).not.toContain(token);
    expect(Object.keys(received?.headers ?? {}).filter((name) => /forwarded|envoy/.test(name))).toEqual([]);
  });

  test('comes back without the target’s cookies and without a word of Envoy', async () => {
    const { status, headers } = await gateway.fetch('/users/7');
    expect(status).toBe(200);
    expect([...headers.keys()].filter((name) => /cookie|envoy/.test(name))).toEqual([]);
  });

  test('brings its body along, whatever bytes are in it', async () => {
    const body = Buffer.from([0, 1, 0xff, 0xfe, 13, 10, 0x80]);
    expect((await gateway.fetch('/orders', { method: 'POST', body })).status).toBe(200);
    expect(gateway.target.received.at(-1)?.body).toBe(body.toString());
  });

  test('may come by the target’s own host name', async () => {
    const { status, stdout } = await gateway.curl(
      ...['--resolve', `billing.gw.example:${gateway.port}:127.0.0.1`],
      ...['-H', `Authorization: Bearer ${gateway.issuer.mint()}`],
      `http://billing.gw.example:${gateway.port}/users/8`,
    );
    expect({ status, stdout }).toEqual({ status: 0, stdout: '{"method":"GET","url":"/users/8"}' });
  });

  test('may bring the token as the password of Basic', async () => {
    const { stdout } = await gateway.curl(
      ...['-u', `anybody:${gateway.issuer.mint()}`],
      gateway.url('/t/billing/users/9'),
    );
    expect(stdout).toBe('{"method":"GET","url":"/users/9"}');
    expect(gateway.target.received.at(-1)?.headers.authorization).toBe(`Bearer ${targetToken}`);
  });

  test('is in the trail before it goes on, and ends as forwarded', async () => {
    await gateway.fetch('/users/11', { headers: { 'x-api-key': 'a-secret-of-the-client' } });
    const action = (await gateway.trail('action')).at(-1);
    expect(action).toMatchObject({
      target: 'billing',
      decision: 'allow',
      rule: 'agents/read',
      effects: ['get /users/11'],
      text: expect.stringMatching(/^GET \/users\/11\nhost: 127\.0\.0\.1:\d+\n/),
    });
    expect(JSON.stringify(action)).not.toContain('a-secret-of-the-client');
    const [ended] = (await gateway.trail('action-ended')).filter(
      (record) => record['action'] === action?.['action'],
    );
    expect(ended).toMatchObject({ result: 'forwarded' });
  });
});

describe('a request that is refused', () => {
  test('by a rule: a problem document says which, and what to do', async () => {
    const before = gateway.target.received.length;
    const answer = await gateway.fetch('/admin/users');
    expect(answer.status).toBe(403);
    expect(await problemOf(answer)).toEqual({
      type: 'urn:sallyport:problem:denied-by-rule',
      title: 'A rule denies this request',
      status: 403,
      detail:
        'Refused: get /admin/users on billing. Rule agents/no-admin denies it: Agents do not administer.',
      code: 'denied-by-rule',
      rule: 'agents/no-admin',
      hint: expect.stringMatching(
        /^Ask the platform team\. Here you may: get, head on paths \/users\/\{id\}/,
      ),
    });
    expect(gateway.target.received.length).toBe(before);
  });

  test.each<[string, string, RequestInit, number, string]>([
    ['no rule', '/nothing', {}, 403, 'no-rule'],
    ['another method', '/users/7', { method: 'POST' }, 403, 'no-rule'],
    ['a preflight', '/admin/users', { method: 'OPTIONS' }, 403, 'denied-by-rule'],
    ['a cookie', '/users/7', { headers: { cookie: 'session=a' } }, 400, 'unsupported'],
    [
      'a method override',
      '/users/7',
      { headers: { 'x-http-method-override': 'DELETE' } },
      400,
      'unsupported',
    ],
    [
      'a body over the limit',
      '/orders',
      { method: 'POST', body: 'x'.repeat(1024 ** 2 + 1) },
      413,
      'too-large',
    ],
    ['a body far over it', '/orders', { method: 'POST', body: 'x'.repeat(1024 ** 2 + 2) }, 413, 'envoy'],
    ['an escaped slash', '/users%2f7', {}, 400, 'envoy'],
  ])('%s', async (_, path, init, status, code) => {
    const before = gateway.target.received.length;
    const answer = await gateway.fetch(path, init);
    expect(answer.status).toBe(status);
    expect(await problemOf(answer)).toMatchObject({ code });
    expect(gateway.target.received.length).toBe(before);
  });

  test.each<[string, string | null, string]>([
    ['no token', null, 'unauthenticated'],
    ['no token of ours', 'Bearer nonsense', 'unauthenticated'],
    ['two tokens', 'Bearer a, Bearer b', 'unauthenticated'],
    ['a scheme that is not known', 'Digest abc', 'unauthenticated'],
    ['Basic without a password', `Basic ${Buffer.from('agent:').toString('base64')}`, 'unauthenticated'],
  ])('%s: 401, with both schemes that are taken', async (_, authorization, code) => {
    const headers: Record<string, string> = authorization === null ? {} : { authorization };
    const answer = await fetch(gateway.url('/t/billing/users/7'), { headers });
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer realm=.*, Basic realm=/);
    expect(await problemOf(answer)).toMatchObject({ code });
  });

  test('an expired token is told apart', async () => {
    const exp = Math.floor(Date.now() / 1000) - 60;
    const answer = await gateway.fetch('/users/7', {}, { iat: exp - 60, exp });
    expect(answer.status).toBe(401);
    expect(await problemOf(answer)).toMatchObject({ code: 'credential-expired' });
  });

  test('a target that is not there is told only to those who are known', async () => {
    expect((await fetch(gateway.url('/t/nowhere/x'))).status).toBe(401);
    const answer = await fetch(gateway.url('/t/nowhere/x'), {
      headers: { authorization: `Bearer ${gateway.issuer.mint()}` },
    });
    expect(answer.status).toBe(404);
    expect(await problemOf(answer)).toMatchObject({ code: 'unknown-target' });
  });
});

describe('a request that is held', () => {
  const change = (token: string, item: string, body: string, signal: AbortSignal | null = null) =>
    fetch(gateway.url(`/t/billing/orders/${item}`), {
      method: 'PUT',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body,
      signal,
    });

  test('wait: the client waits, the approver sees all of it, and it goes on once', async () => {
    const answer = change(gateway.issuer.mint(), '1', '{"status":"sent"}');
    const hold = await gateway.nextHold();
    const shown = await gateway.cli(['holds', 'show', hold]);
    expect(shown.stdout).toContain('PUT /orders/1');
    expect(shown.stdout).toContain('content-type: application/json');
    expect(shown.stdout).toContain('{"status":"sent"}');
    expect(shown.stdout).toContain('put /orders/1');
    expect((await gateway.cli(['holds', 'approve', hold, '--reason', 'ticket 42', '--yes'])).status).toBe(0);
    expect((await answer).status).toBe(200);
    expect(gateway.target.received.filter(({ method }) => method === 'PUT')).toMatchObject([
      { url: '/orders/1', body: '{"status":"sent"}' },
    ]);
  });

  test('rejected: the person’s words come back', async () => {
    const answer = change(gateway.issuer.mint(), '2', '{}');
    await gateway.cli(['holds', 'reject', await gateway.nextHold(), '--reason', 'not on Fridays', '--yes']);
    expect((await answer).status).toBe(403);
    expect(await problemOf(await answer)).toMatchObject({
      code: 'hold-rejected',
      rule: 'agents/change',
      detail: expect.stringContaining('not on Fridays'),
    });
  });

  test('a client that hangs up takes its hold with it', async () => {
    const gone = new AbortController();
    const answer = change(gateway.issuer.mint(), '3', '{}', gone.signal);
    const hold = await gateway.nextHold();
    gone.abort();
    await expect(answer).rejects.toThrow();
    // The withdrawal is the next thing that the trail hears of the hold; approving it comes too late, whichever is first.
    const { stdout, stderr, status } = await gateway.cli([
      'holds',
      'approve',
      hold,
      '--reason',
      'too late',
      '--yes',
    ]);
    expect(status).not.toBe(0);
    expect(stdout + stderr).toMatch(/withdrawn|not open|decided/);
    expect(gateway.target.received.filter(({ url }) => url === '/orders/3')).toEqual([]);
  });

  test('defer: answered at once, and the same request runs once after approval', async () => {
    const token = gateway.issuer.mint();
    const refund = (body: string) =>
      fetch(gateway.url('/t/billing/refunds/9'), {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body,
      });
    const first = await refund('{"amount":5}');
    expect(first.status).toBe(403);
    expect(Number(first.headers.get('retry-after'))).toBeGreaterThan(0);
    const { code, hold } = await problemOf(first);
    expect(code).toBe('hold-open');
    expect(await problemOf(await refund('{"amount":5}'))).toMatchObject({ code: 'hold-open', hold });
    expect((await gateway.cli(['holds', 'approve', String(hold), '--reason', 'ok', '--yes'])).status).toBe(0);
    // Another body is another request, and asks anew.
    const other = await problemOf(await refund('{"amount":5000}'));
    expect(other).toMatchObject({ code: 'hold-open' });
    expect(other['hold']).not.toBe(hold);
    expect((await refund('{"amount":5}')).status).toBe(200);
    expect(await problemOf(await refund('{"amount":5}'))).toMatchObject({ code: 'hold-open' });
    expect(gateway.target.received.filter(({ url }) => url === '/refunds/9')).toMatchObject([
      { body: '{"amount":5}' },
    ]);
  });
});

describe('a session', () => {
  test('is of one credential, is listed, and is replayed', async () => {
    const token = gateway.issuer.mint({ sub: 'lister' });
    const get = (path: string) =>
      fetch(gateway.url(`/t/billing${path}`), { headers: { authorization: `Bearer ${token}` } });
    await get('/users/1');
    await get('/users/2');
    const { stdout } = await gateway.cli(['sessions', 'ls'], 'sam', ['sre']);
    const [line = ''] = stdout.split('\n').filter((each) => each.includes('lister'));
    expect(line).toMatch(/billing .* 2$/);
    const [id = ''] = line.split(' ');
    const replayed = await gateway.cli(['sessions', 'replay', id, '--speed', '100'], 'ann', ['audit']);
    expect(replayed.stdout).toContain('billing=> GET /users/2');
  });

  test('that is ended takes what waits in it, and all that comes by the same token', async () => {
    const token = gateway.issuer.mint({ sub: 'stopped' });
    const ask = (path: string, method = 'GET') =>
      fetch(gateway.url(`/t/billing${path}`), { method, headers: { authorization: `Bearer ${token}` } });
    const held = ask('/orders/77', 'DELETE');
    await gateway.nextHold();
    const sessions = (await gateway.cli(['sessions', 'ls'], 'sam', ['sre'])).stdout;
    const [id = ''] = (sessions.split('\n').find((line) => line.includes('stopped')) ?? '').split(' ');
    const killed = await gateway.cli(['sessions', 'kill', id, '--reason', 'enough'], 'sam', ['sre']);
    expect(killed.status).toBe(0);
    expect((await held).status).toBe(403);
    expect(await problemOf(await held)).toMatchObject({
      code: 'session-revoked',
      detail: expect.stringContaining('enough'),
    });
    expect(await problemOf(await ask('/users/7'))).toMatchObject({ code: 'session-revoked' });
    expect(gateway.target.received.filter(({ method }) => method === 'DELETE')).toEqual([]);
    expect((await gateway.fetch('/users/7', {}, { sub: 'stopped' })).status).toBe(200);
  });
});

test('another policy is in force from the next request on', async () => {
  await using other = await HttpGateway.start();
  expect((await other.fetch('/users/7')).status).toBe(200);
  await other.replacePolicy(standardPolicy.replace('/users/{id}', '/people/{id}'));
  expect((await other.fetch('/users/7')).status).toBe(403);
}, 60_000);

test('a gateway process that is killed: 503 and nothing passes, until it is there again', async () => {
  await using other = await HttpGateway.start();
  const token = other.issuer.mint();
  const ask = () => fetch(other.url('/t/billing/users/7'), { headers: { authorization: `Bearer ${token}` } });
  expect((await ask()).status).toBe(200);
  process.kill(await other.processId(), 'SIGKILL');
  const answer = await ask();
  expect(answer.status).toBe(503);
  expect(await problemOf(answer)).toMatchObject({ code: 'envoy', detail: 'ext_authz_error' });
  expect(other.target.received.length).toBe(1);
  // Envoy does not announce when it takes the process for alive again.
  while ((await ask()).status === 503);
  expect((await ask()).status).toBe(200);
}, 60_000);

test('a target that is not there: 503, in words of the gateway', async () => {
  await using other = await HttpGateway.start();
  await other.target.stop();
  const answer = await other.fetch('/users/7');
  expect(answer.status).toBe(503);
  expect(await problemOf(answer)).toMatchObject({ code: 'envoy' });
}, 60_000);
