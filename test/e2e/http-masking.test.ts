import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { RequestListener, ServerResponse } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { envoyBinary } from '../servers/envoy.ts';
import { HttpGateway } from './http-gateway.ts';

const rules = `\
policies:
  - name: agents
    targets: [billing]
    principals: [{kinds: [agent]}]
    rules:
      - {name: all, effects: [get, head, post], paths: ['/**'], outcome: allow}
      - {name: never, effects: ['*'], paths: ['/admin/**'], outcome: deny}
`;

const masks = `\
    masks:
      - {fields: ['**.ssn', 'users[*].email'], with: full, inConditions: allow}
      - {fields: ['header:x-owner'], with: redact}
      - {detect: [card, email], with: redact}
`;

let gateway: HttpGateway;
beforeAll(async () => {
  await envoyBinary();
  gateway = await HttpGateway.start({
    policy: rules + masks,
    target: ["unmasked: ['image/*', text/markdown]"],
    config: ['console: {operators: [{groups: [sre]}], auditors: [{groups: [oncall]}]}'],
  });
}, 600_000);
afterAll(() => gateway[Symbol.asyncDispose]());

const answering =
  (
    type: string | null,
    body: string | Buffer,
    headers: Readonly<Record<string, string | string[]>> = {},
    status = 200,
  ): RequestListener =>
  (_, response) => {
    response.writeHead(status, { ...(type === null ? {} : { 'content-type': type }), ...headers });
    response.end(body);
  };

const user = { ssn: '123-45-6789', users: [{ email: 'ada@example.com', note: 'card 4111111111111111' }] };
const maskedUser = { ssn: '********', users: [{ email: '********', note: 'card [masked]' }] };
const json = 'application/json';

const codeOf = async (answer: Response): Promise<unknown> =>
  z.object({ code: z.string() }).parse(await answer.json()).code;

/** How the last action ended, which stands in the trail a little after its answer has gone. */
async function lastEnd(): Promise<unknown> {
  for (;;) {
    const last = (await gateway.trail('action')).at(-1)?.['action'];
    const ends = await gateway.trail('action-ended');
    const end = ends.find(({ action }) => action === last);
    if (end !== undefined) return end;
  }
}

describe('an answer of JSON', () => {
  test('comes with its fields masked, and its headers', async () => {
    gateway.target.answer = answering(json, JSON.stringify(user), {
      etag: '"abc"',
      'x-owner': 'Ada',
      link: ['<https://x.example/?u=ada%40example.com>; rel=next', '<https://x.example/>; rel=prev'],
    });
    const answer = await gateway.fetch('/users/7', {
      headers: { 'accept-encoding': 'gzip', range: 'bytes=0-5', 'if-none-match': '"abc"' },
    });
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual(maskedUser);
    expect(answer.headers.get('etag')).toBe(null);
    expect(answer.headers.get('x-owner')).toBe('[masked]');
    expect(answer.headers.get('link')).toBe(
      '<https://x.example/?u=[masked]>; rel=next, <https://x.example/>; rel=prev',
    );
    const sent = gateway.target.received.at(-1)?.headers;
    expect(sent).toMatchObject({ 'accept-encoding': 'identity' });
    expect(Object.keys(sent ?? {}).filter((name) => /range|if-|timeout|envoy|sallyport/.test(name))).toEqual(
      [],
    );
  });

  test('is counted in the trail, and in the transcript as the client saw it', async () => {
    gateway.target.answer = answering(json, JSON.stringify(user), {}, 404);
    await (await gateway.fetch('/users/8')).text();
    expect(await lastEnd()).toMatchObject({
      result: 'failed',
      errorCode: '404',
      maskedValues: 3,
      bytes: JSON.stringify(maskedUser).length,
    });
    gateway.target.answer = answering(json, '{}');
    await (await gateway.fetch('/users/8')).text();
    expect(await lastEnd()).toMatchObject({
      result: 'completed',
      errorCode: null,
      maskedValues: 0,
      bytes: 2,
    });
    const [session] = await gateway.sessions();
    const { stdout } = await gateway.cli(['sessions', 'replay', session?.id ?? '', '--speed', 'max']);
    expect(stdout).toContain(JSON.stringify(maskedUser));
    expect(stdout).not.toContain('ada@example.com');
  });

  test.each(['--http1.1', '--http2-prior-knowledge'])('by curl %s', async (version) => {
    gateway.target.answer = answering(json, JSON.stringify(user));
    const authorization = `Authorization: Bearer ${gateway.issuer.mint()}`;
    const { stdout } = await gateway.curl(
      version,
      '-i',
      '--compressed',
      '-H',
      authorization,
      gateway.url('/t/billing/users/7'),
    );
    expect(stdout).toContain(JSON.stringify(maskedUser));
    expect(stdout).not.toMatch(/content-length/i);
    const head = await gateway.curl(version, '-I', '-H', authorization, gateway.url('/t/billing/users/7'));
    expect(head.stdout).toMatch(/^HTTP\/\S+ 200/);
    expect(head.stdout).not.toMatch(/content-length/i);
  });
});

describe('answers without anything to mask', () => {
  test.each<[string, RequestListener, number, string]>([
    ['204', answering(null, '', {}, 204), 204, ''],
    ['304', answering(null, '', { etag: '"x"' }, 304), 304, ''],
    ['an empty one of no type', answering(null, '', { 'content-length': '0' }), 200, ''],
    [
      'a redirect',
      answering(null, '', { location: '/users?u=ada%40example.com', 'content-length': '0' }, 302),
      302,
      '',
    ],
    ['an image that may pass', answering('image/png', 'ada@example.com'), 200, 'ada@example.com'],
  ])('%s', async (_, listener, status, body) => {
    gateway.target.answer = listener;
    const answer = await gateway.fetch('/x', { redirect: 'manual' });
    expect(answer.status).toBe(status);
    expect(await answer.text()).toBe(body);
    expect(answer.headers.get('etag')).toBe(null);
    expect(answer.headers.get('location')).toBe(status === 302 ? '/users?u=[masked]' : null);
  });

  test('refusals of ours, and what Envoy says itself, come as they are', async () => {
    const denied = await gateway.fetch('/admin/x');
    expect([denied.status, await codeOf(denied)]).toEqual([403, 'denied-by-rule']);
    const nowhere = await fetch(gateway.url('/ada@example.com'));
    expect(nowhere.status).toBe(401);
    gateway.target.answer = (request) => request.socket.destroy();
    const gone = await gateway.fetch('/x');
    expect([gone.status, await codeOf(gone)]).toEqual([503, 'envoy']);
    expect(await lastEnd()).toMatchObject({ result: 'failed', errorCode: '503' });
  });

  test('what cannot be masked is refused in the gateway’s own words', async () => {
    gateway.target.answer = answering('application/zip', 'ada@example.com');
    const answer = await gateway.fetch('/x');
    expect(answer.status).toBe(502);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(await answer.json()).toMatchObject({
      status: 502,
      code: 'unreadable-answer',
      detail: expect.stringContaining('nothing can be masked in application/zip'),
    });
    expect(await lastEnd()).toMatchObject({ result: 'cut-off', bytes: 0 });
  });
});

describe('where fields are masked, an answer in another form than JSON, which clients choose,', () => {
  const record = 'ssn 123-45-6789 of ada@example.com';
  test.each<[string, string]>([
    ['text/csv', record],
    ['text/plain', record],
    ['text/html; charset=utf-8', `<pre>${record}</pre>`],
    ['application/xml', `<ssn>${record}</ssn>`],
    ['application/yaml', `ssn: ${record}`],
    ['application/javascript', `callback(${JSON.stringify(user)})`],
    ['application/json', `callback(${JSON.stringify(user)})`],
    ['application/json', '{"ssn":NaN}'],
    ['application/connect+json', `\0\0\0\0\x20${JSON.stringify(user)}`],
    ['application/grpc-web+proto', record],
  ])('is refused: %s', async (type, body) => {
    gateway.target.answer = answering(type, body);
    const answer = await gateway.fetch('/users/7');
    expect(answer.status).toBe(502);
    const said = await answer.text();
    expect(JSON.parse(said)).toMatchObject({ code: 'unreadable-answer' });
    expect(said).not.toMatch(/123-45|ada@/);
  });

  test.each<[string, number, string, string]>([
    ['what the target may send unmasked', 200, 'text/markdown', 'ssn 123-45-6789 of [masked]'],
    ['an error', 404, 'text/plain', 'ssn 123-45-6789 of [masked]'],
    ['a redirect', 302, 'text/html', 'ssn 123-45-6789 of [masked]'],
  ])('is searched by detectors when it is %s', async (_, status, type, shown) => {
    gateway.target.answer = answering(type, record, { location: '/x' }, status);
    const answer = await gateway.fetch('/users/7', { redirect: 'manual' });
    expect([answer.status, await answer.text()]).toEqual([status, shown]);
  });

  test('is shown when it is empty, or JSON after all', async () => {
    gateway.target.answer = answering('text/plain', '');
    expect([(await gateway.fetch('/x')).status, await (await gateway.fetch('/x')).text()]).toEqual([200, '']);
    gateway.target.answer = answering('text/html', JSON.stringify(user));
    expect(await (await gateway.fetch('/x')).json()).toEqual(maskedUser);
  });
});

test('text in UTF-16, which no detector reads, is refused', async () => {
  await gateway.replacePolicy(`${rules}    masks: [{detect: [email], with: redact}]\n`);
  gateway.target.answer = answering('text/plain', Buffer.from('\ufeffada@example.com', 'utf16le'));
  expect((await gateway.fetch('/x')).status).toBe(502);
  gateway.target.answer = answering('text/csv', 'ada@example.com');
  expect(await (await gateway.fetch('/x')).text()).toBe('[masked]');
  await gateway.replacePolicy(rules + masks);
});

test('what a target calls public is for no cache that many share', async () => {
  const caching = { 'cache-control': 'public, max-age=600', 'cdn-cache-control': 'max-age=600' };
  for (const policy of [rules, rules + masks]) {
    await gateway.replacePolicy(policy);
    gateway.target.answer = answering(json, '{}', caching);
    const { headers } = await gateway.fetch('/x');
    expect(headers.get('cache-control')?.split(/, ?/)).toEqual(['public', 'max-age=600', 'private']);
    expect(headers.get('cdn-cache-control')).toBe(null);
  }
});

/** An answer that the test writes as it goes along. */
async function stream(
  type: string,
): Promise<{ readonly response: Promise<Response>; readonly at: ServerResponse }> {
  const { promise, resolve } = Promise.withResolvers<ServerResponse>();
  gateway.target.answer = (_, response) => {
    response.writeHead(200, { 'content-type': type });
    response.flushHeaders();
    resolve(response);
  };
  const response = gateway.fetch('/stream');
  return { response, at: await promise };
}

describe('a stream', () => {
  test('of events comes as they come, masked', async () => {
    const { response, at } = await stream('text/event-stream');
    const reader = (await response).body?.pipeThrough(new TextDecoderStream()).getReader();
    at.write('data: {"ssn":"1');
    at.write('23-45-6789"}\n\n');
    expect((await reader?.read())?.value).toBe('data: {"ssn":"********"}\n\n');
    at.write(': ada@example.com\n\n');
    expect((await reader?.read())?.value).toBe(': [masked]\n\n');
    at.end();
    expect((await reader?.read())?.done).toBe(true);
  });

  test('of lines comes as they come', async () => {
    const { response, at } = await stream('application/x-ndjson');
    const reader = (await response).body?.pipeThrough(new TextDecoderStream()).getReader();
    for (const line of ['{"ssn":"1"}\n', '{"a":2}\n']) {
      at.write(line);
      expect((await reader?.read())?.value).toBe(line.replace('"1"', '"********"'));
    }
    at.end();
    expect((await reader?.read())?.done).toBe(true);
  });

  test('ends when its session is ended', async () => {
    const { response, at } = await stream('text/event-stream');
    const reader = (await response).body?.getReader();
    at.write('data: x\n\n');
    await reader?.read();
    const closed = once(at, 'close');
    const session = String((await gateway.trail('action')).at(-1)?.['session']);
    await gateway.cli(['sessions', 'kill', session, '--reason', 'enough'], 'sam', ['sre']);
    await expect(reader?.read()).rejects.toThrow();
    await closed;
    expect(await lastEnd()).toMatchObject({ result: 'cut-off', bytes: 9 });
  });

  test('whose client leaves is left at the target too', async () => {
    const { response, at } = await stream('text/event-stream');
    const reader = (await response).body?.getReader();
    at.write('data: x\n\n');
    await reader?.read();
    const closed = once(at, 'close');
    await reader?.cancel();
    await closed;
  });

  test('that breaks off at the target breaks off', async () => {
    const { response, at } = await stream(json);
    const reader = (await response).body?.getReader();
    at.write('{"a":1,"ssn":"12');
    expect(Buffer.from((await reader?.read())?.value ?? '').toString()).toBe('{"a":1,"ssn":');
    at.destroy();
    await expect(reader?.read()).rejects.toThrow();
  });
});

const residentBytes = async (pid: number): Promise<number> =>
  Number(/VmRSS:\s+(\d+) kB/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;

test('a hundred megabytes go by, and the gateway keeps none of them', async () => {
  const row = `${JSON.stringify({ ...user, fill: 'x'.repeat(1_000) })}\n`.repeat(60);
  const total = 100 * 1024 * 1024;
  gateway.target.answer = (_, response) => {
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    let sent = 0;
    const more = (): void => {
      while (sent < total) {
        sent += row.length;
        if (!response.write(row)) {
          response.once('drain', more);
          return;
        }
      }
      response.end();
    };
    more();
  };
  const pid = await gateway.processId();
  const before = await residentBytes(pid);
  let most = 0;
  let bytes = 0;
  let kept = '';
  const answer = await gateway.fetch('/all');
  for await (const part of answer.body ?? []) {
    const text = Buffer.from(part).toString('latin1');
    bytes += text.length;
    kept = kept.slice(-100) + text;
    if (/123-45|ada@|4111111/.test(kept)) throw new Error('not masked');
    most = Math.max(most, await residentBytes(pid));
  }
  expect(bytes).toBeGreaterThan(90 * 1024 * 1024);
  expect(most - before).toBeLessThan(120 * 1024 * 1024);
}, 120_000);

test('a client that reads slowly slows the target down', async () => {
  let sent = 0;
  const { promise: stalled, resolve } = Promise.withResolvers<void>();
  gateway.target.answer = (_, response) => {
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    const row = `${JSON.stringify({ fill: 'x'.repeat(100_000) })}\n`;
    const more = (): void => {
      while (sent < 500_000_000) {
        sent += row.length;
        if (response.write(row)) continue;
        const tooLong = setTimeout(resolve, 500);
        response.once('drain', () => {
          clearTimeout(tooLong);
          more();
        });
        return;
      }
    };
    more();
  };
  const answer = await gateway.fetch('/all');
  await stalled;
  expect(sent).toBeLessThan(100_000_000);
  await answer.body?.cancel();
}, 60_000);

test('masks that a new policy brings are on the next answer, and those that it takes away are off', async () => {
  gateway.target.answer = answering(json, JSON.stringify(user));
  await gateway.replacePolicy(rules);
  expect(await (await gateway.fetch('/users/7')).json()).toEqual(user);
  expect(await lastEnd()).toMatchObject({ result: 'forwarded' });
  await gateway.replacePolicy(rules + masks);
  expect(await (await gateway.fetch('/users/7')).json()).toEqual(maskedUser);
  await gateway.replacePolicy(`${rules}    limits: {bytes: 50}\n`);
  const cut = await gateway.fetch('/users/7');
  expect([cut.status, await codeOf(cut)]).toEqual([429, 'limit-exceeded']);
  const length = { 'content-length': String(JSON.stringify(user).length) };
  gateway.target.answer = answering(json, JSON.stringify(user), length);
  const tooLong = await gateway.fetch('/users/7');
  expect([tooLong.status, await codeOf(tooLong)]).toEqual([429, 'limit-exceeded']);
  gateway.target.answer = answering('application/octet-stream', 'x'.repeat(50));
  expect(await (await gateway.fetch('/users/7')).text()).toBe('x'.repeat(50));
  await gateway.replacePolicy(`${rules}    record: {results: true}\n`);
  gateway.target.answer = answering(json, JSON.stringify(user), { etag: '"x"' });
  const recorded = await gateway.fetch('/users/7');
  expect(recorded.headers.get('etag')).toBe('"x"');
  expect(await recorded.json()).toEqual(user);
  expect(await lastEnd()).toMatchObject({ result: 'completed', bytes: JSON.stringify(user).length });
  await gateway.replacePolicy(rules + masks);
});
