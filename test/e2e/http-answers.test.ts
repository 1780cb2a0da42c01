import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { connect } from 'node:http2';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { writeByRename } from '../../envoy/files.ts';
import { envoyBinary } from '../servers/envoy.ts';
import { startRedis } from '../servers/redis.ts';
import { HttpGateway, type HttpGatewayOptions } from './http-gateway.ts';

beforeAll(() => envoyBinary(), 600_000);

const rules = `\
policies:
  - name: agents
    targets: [billing]
    rules:
      - {name: all, effects: [get, head, post], paths: ['/**'], outcome: allow}
`;
const masks = `\
    masks:
      - {fields: ['**.ssn'], with: full}
`;
const masked: HttpGatewayOptions = { policy: rules + masks };

const secret = '123-45-6789';

/** The next request's answer, which the test writes; its headers are on their way. */
function nextAnswer(gateway: HttpGateway): Promise<ServerResponse> {
  const { promise, resolve } = Promise.withResolvers<ServerResponse>();
  gateway.target.answer = (_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    resolve(response);
  };
  return promise;
}

const answerWithSecret = (gateway: HttpGateway): void => {
  gateway.target.answer = (_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ ssn: secret }));
  };
};

/** What comes of it, to the end or until it is cut. */
async function seen(answer: Promise<Response>): Promise<string> {
  try {
    const response = await answer;
    let text = `${response.status} `;
    try {
      for await (const part of response.body ?? []) text += Buffer.from(part).toString();
      return text;
    } catch {
      return `${text} cut`;
    }
  } catch {
    return 'cut';
  }
}

test('a process that is killed in mid-body cuts the answer; before its head, 503; afterwards all is well', async () => {
  await using gateway = await HttpGateway.start(masked);
  const target = nextAnswer(gateway);
  const begun = gateway.fetch('/stream');
  const at = await target;
  at.write('[1,');
  await begun;
  gateway.target.answer = (_, response) => {
    // Let through, and not answered yet when the process dies.
    process.kill(pid, 'SIGKILL');
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(`{"ssn":"${secret}"}`);
  };
  const pid = await gateway.processId();
  const late = seen(gateway.fetch('/late'));
  const closed = once(at, 'close');
  expect(await late).toMatch(/^503 .*urn:sallyport:problem:envoy/s);
  at.write(`{"ssn":"${secret}"}]`);
  expect(await seen(begun)).not.toContain(secret);
  await closed;
  answerWithSecret(gateway);
  let text: string;
  do text = await seen(gateway.fetch('/again'));
  while (text.startsWith('503'));
  expect(text).toBe('200 {"ssn":"********"}');
}, 60_000);

test('without a way to the processes that read answers there are none (envoyproxy/envoy#45220)', async () => {
  await using gateway = await HttpGateway.start(masked);
  answerWithSecret(gateway);
  expect(await seen(gateway.fetch('/x'))).toBe('200 {"ssn":"********"}');
  const file = join(gateway.folder, 'state/run/envoy-clusters.json');
  const clusters = JSON.parse(await readFile(file, 'utf8'));
  const left = clusters.resources.filter(
    ({ name }: { readonly name: string }) => name !== 'sallyport_answers',
  );
  expect(left.length).toBe(clusters.resources.length - 1);
  await writeByRename(file, JSON.stringify({ ...clusters, version_info: 'without', resources: left }), 0o600);
  let text: string;
  do {
    text = await seen(gateway.fetch('/x'));
    expect(text).not.toContain(secret);
  } while (!text.startsWith('503'));
}, 60_000);

test('with several workers each answer is read by the one that has let its request through', async () => {
  const redis = await startRedis();
  try {
    await using gateway = await HttpGateway.start({
      ...masked,
      gateway: ['workers: 2'],
      config: ['approvals: {redis: env:REDIS_URL}', 'console: {operators: [{groups: [sre]}]}'],
      env: { REDIS_URL: redis.url },
    });
    answerWithSecret(gateway);
    const answers = await Promise.all(Array.from({ length: 40 }, () => seen(gateway.fetch('/x'))));
    expect([...new Set(answers)]).toEqual(['200 {"ssn":"********"}']);
    const ends = await gateway.trail('action-ended');
    expect(
      ends.filter(({ result, maskedValues }) => result === 'completed' && maskedValues === 1).length,
    ).toBe(40);
    expect((await gateway.sessions()).length).toBe(40);

    // One of them dies: what it was reading is cut, what the other reads goes on.
    const streams: { readonly text: Promise<string>; readonly at: ServerResponse }[] = [];
    for (let times = 0; times < 8; times++) {
      const target = nextAnswer(gateway);
      const text = seen(gateway.fetch('/stream'));
      const at = await target;
      at.write('[1,');
      streams.push({ text, at });
    }
    const pids = [
      ...gateway.up.errorOutput.matchAll(/"pid":(\d+),[^\n]*"msg":"the gateway process is ready"/g),
    ];
    process.kill(Number(pids[0]?.[1]), 'SIGKILL');
    await Promise.race(streams.map(({ at }) => once(at, 'close')));
    await new Promise((resolve) => setImmediate(resolve));
    for (const { at } of streams) at.end(`{"ssn":"${secret}"}]`);
    const texts = await Promise.all(streams.map(({ text }) => text));
    expect(texts.join()).not.toContain(secret);
    expect(texts).toContain('200 [1,{"ssn":"********"}]');
    expect(texts.some((text) => text.endsWith('cut'))).toBe(true);
  } finally {
    await redis.stop();
  }
}, 120_000);

test.each([
  ['that is read', rules + masks],
  ['that goes by unread', rules],
])(
  'an answer %s ends when its token does',
  async (_, policy) => {
    await using gateway = await HttpGateway.start({ policy, identity: ['credentialGrace: 1s'] });
    const target = nextAnswer(gateway);
    const claims = { exp: Math.floor(Date.now() / 1000) + 2 };
    const answer = seen(gateway.fetch('/stream', {}, claims));
    const at = await target;
    const closed = once(at, 'close');
    at.write('[1');
    expect(await answer).toMatch(/^200 \[? ?(?:1 )?.*cut$/);
    await closed;
    expect(gateway.target.received.at(-1)?.headers['x-envoy-expected-rq-timeout-ms']).toBe(undefined);
  },
  60_000,
);

test('ten thousand requests that are hung up on harm nobody else, whose answers are read', async () => {
  await using gateway = await HttpGateway.start(masked);
  gateway.target.answer = (_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.write('[1,');
    setImmediate(() => response.end(`{"ssn":"${secret}"}]`));
  };
  const token = gateway.issuer.mint();
  let hungUp = 0;
  const abort = async (): Promise<void> => {
    const session = connect(`http://127.0.0.1:${gateway.port}`);
    session.on('error', () => undefined);
    await Promise.all(
      Array.from({ length: 50 }, (_, index) => {
        const stream = session.request({ ':path': '/t/billing/x', authorization: `Bearer ${token}` });
        stream.on('error', () => undefined);
        // Node keeps a stream open that holds what nobody reads.
        stream.resume();
        // Some before there is an answer, some in the middle of it.
        if (index % 2 === 0) setImmediate(() => stream.close(8));
        else stream.once('response', () => stream.close(8));
        hungUp += 1;
        return new Promise((resolve) => stream.on('close', resolve));
      }),
    );
    session.destroy();
  };
  const others: string[] = [];
  while (hungUp < 10_000) {
    const [text] = await Promise.all([seen(gateway.fetch('/other')), abort(), abort()]);
    others.push(text);
  }
  expect([...new Set(others)]).toEqual(['200 [1,{"ssn":"********"}]']);
  expect(gateway.up.errorOutput).not.toMatch(/cut off|did not stop|ended, and is started again/);
}, 300_000);
