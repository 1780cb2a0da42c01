import { once } from 'node:events';
import { type ClientHttp2Session, connect } from 'node:http2';
import { beforeAll, expect, test } from '@jest/globals';
import { envoyBinary } from '../servers/envoy.ts';
import { startRedis } from '../servers/redis.ts';
import { HttpGateway, standardPolicy } from './http-gateway.ts';

beforeAll(() => envoyBinary(), 600_000);

interface Answer {
  readonly status: number;
  readonly code: string | null;
}

const answerOf = async (response: Response): Promise<Answer> => {
  const text = await response.text();
  return { status: response.status, code: /"code": ?"([^"]+)"/.exec(text)?.[1] ?? null };
};

/** One of many requests on one HTTP/2 connection. */
const ask = (session: ClientHttp2Session, headers: Readonly<Record<string, string>>): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const stream = session.request(headers);
    let status = 0;
    let text = '';
    stream.setEncoding('utf8');
    stream.on('response', (head) => {
      status = Number(head[':status']);
    });
    stream.on('data', (part: string) => {
      text += part;
    });
    stream.on('end', () => resolve({ status, code: /"code": ?"([^"]+)"/.exec(text)?.[1] ?? null }));
    stream.on('error', reject);
    stream.end();
  });

test('a thousand requests wait at once, others pass meanwhile, and all end with their session', async () => {
  await using gateway = await HttpGateway.start({
    config: ['approvals: {maxOpenPerPrincipal: 1000}', 'console: {operators: [{groups: [sre]}]}'],
  });
  const authorization = `Bearer ${gateway.issuer.mint()}`;
  const sessions = Array.from({ length: 10 }, () => connect(`http://127.0.0.1:${gateway.port}`));
  const waiting = sessions.flatMap((session, connection) =>
    Array.from({ length: 100 }, (_, index) =>
      ask(session, {
        ':method': 'DELETE',
        ':path': `/t/billing/orders/${connection}-${index}`,
        authorization,
      }),
    ),
  );
  const held = (): number => gateway.up.errorOutput.match(/waits for approval/g)?.length ?? 0;
  while (held() < 1_000) await once(gateway.up.process.stderr ?? gateway.up.process, 'data');
  expect((await gateway.fetch('/users/7')).status).toBe(200);
  const [session] = await gateway.sessions();
  const killed = await gateway.cli(['sessions', 'kill', session?.id ?? '', '--reason', 'enough'], 'sam', [
    'sre',
  ]);
  expect(killed.status).toBe(0);
  const answers = await Promise.all(waiting);
  for (const each of sessions) each.close();
  expect(answers.filter(({ code }) => code !== 'session-revoked')).toEqual([]);
  expect(gateway.target.received.filter(({ method }) => method === 'DELETE')).toEqual([]);
}, 120_000);

test('a gateway that is stopped tells who waits the hold to come back with', async () => {
  await using gateway = await HttpGateway.start();
  const held = gateway.fetch('/orders/1', { method: 'DELETE' });
  await gateway.nextHold();
  gateway.up.process.kill('SIGTERM');
  expect(await answerOf(await held)).toEqual({ status: 403, code: 'hold-open' });
  expect((await gateway.up.finished).status).toBe(0);
}, 60_000);

test('limits of policies and the lockout count requests', async () => {
  await using gateway = await HttpGateway.start({
    policy: `${standardPolicy}    limits: {commandsPerMinute: 5}\n`,
    identity: ['lockout: {failures: 3, window: 5m, lock: 15m}'],
  });
  const authorization = `Bearer ${gateway.issuer.mint()}`;
  const get = (token = authorization) =>
    fetch(gateway.url('/t/billing/users/7'), { headers: { authorization: token } }).then(answerOf);
  const answers = [];
  for (let times = 0; times < 6; times++) answers.push(await get());
  expect(answers.slice(0, 5).map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
  expect(answers[5]).toEqual({ status: 429, code: 'limit-exceeded' });
  for (let times = 0; times < 3; times++) expect(await get('Bearer guess')).toMatchObject({ status: 401 });
  expect(await get()).toEqual({ status: 403, code: 'locked-out' });
}, 60_000);

test('asking without a token, as tools do that know Basic alone, locks nobody out', async () => {
  await using gateway = await HttpGateway.start({
    identity: ['lockout: {failures: 3, window: 5m, lock: 15m}'],
  });
  for (let times = 0; times < 5; times++) {
    expect((await fetch(gateway.url('/t/billing/users/7'))).status).toBe(401);
  }
  expect((await gateway.fetch('/users/7')).status).toBe(200);
}, 60_000);

test('with several workers a session that is ended is ended in all of them', async () => {
  const redis = await startRedis();
  try {
    await using gateway = await HttpGateway.start({
      gateway: ['workers: 2'],
      config: ['approvals: {redis: env:REDIS_URL}', 'console: {operators: [{groups: [sre]}]}'],
      env: { REDIS_URL: redis.url },
    });
    const headers = { authorization: `Bearer ${gateway.issuer.mint()}`, connection: 'close' };
    const get = () => fetch(gateway.url('/t/billing/users/7'), { headers }).then(answerOf);
    for (let times = 0; times < 12; times++) expect((await get()).status).toBe(200);
    const open = await gateway.sessions();
    expect(open.length).toBe(2);
    const id = open[0]?.id ?? '';
    expect((await gateway.cli(['sessions', 'kill', id, '--reason', 'enough'], 'sam', ['sre'])).status).toBe(
      0,
    );
    // The other worker hears of it by Redis.
    while ((await gateway.sessions()).length > 0);
    for (let times = 0; times < 12; times++)
      expect(await get()).toEqual({ status: 403, code: 'session-revoked' });
  } finally {
    await redis.stop();
  }
}, 120_000);
