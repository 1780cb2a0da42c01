/**
 * Streams of ten minutes and more in a second or two: the gateway's clock is advanced by hand, by which its sessions, limits and tokens go. Envoy's
 * timers are its own and real; test/e2e/http-streams.test.ts tries streams through a real Envoy, by the second.
 */

import { createSecretKey } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { listenerName, targetName } from '../../../services/core/model/ids.ts';
import { loadPolicies } from '../../../services/core/policy/load.ts';
import { telemetryOff } from '../../../services/core/telemetry/off.ts';
import { HttpLanguage } from '../../../services/protocols/http/language.ts';
import { httpPolicy } from '../../../services/protocols/http/policy.ts';
import type { AnswerReader, ArrivedRequest } from '../../../services/protocols/request.ts';
import { RequestsEngine } from '../../../services/protocols/requests/engine.ts';
import type { RequestTarget } from '../../../services/protocols/requests/target.ts';
import { TestGateway } from '../../core/checkpoint/gateway.ts';
import { principal } from '../../core/policy/actors.ts';
import { yaml } from '../../core/policy/documents.ts';
import { vocabulary } from '../../core/policy/words.ts';

setFlagsFromString('--expose-gc');
// Only a context that is made after the flag was set has it.
const collectGarbage: () => void = runInNewContext('gc');

const billing = targetName('billing');
const apis = listenerName('apis');
const minuteMs = 60_000;

const policy = (more: string): string => `\
policies:
  - name: agents
    targets: [billing]
    rules: [{name: all, effects: [get], paths: ['/**'], outcome: allow}]
${more}`;
const masks = `    masks: [{fields: ['**.ssn'], with: full}, {detect: [email], with: full}]\n`;

const target: RequestTarget = {
  host: 'billing.internal',
  port: 80,
  authority: 'billing.internal',
  basePath: '',
  httpVersion: '1.1',
  streams: [],
  tls: null,
  hosts: [],
  credential: { kind: 'none' },
  maxBodyBytes: 1024,
  connectTimeoutMs: 1000,
  unmasked: [],
};

let gateway: TestGateway;
let engine: RequestsEngine<RequestTarget>;
/** When the token of those who ask ends. */
let expiresAtMs: number;

beforeEach(async () => {
  gateway = await TestGateway.start();
  expiresAtMs = gateway.clock.nowMs() + 60 * minuteMs;
  const never = (): never => {
    throw new Error('nobody asks for this here');
  };
  engine = new RequestsEngine(new HttpLanguage(createSecretKey(Buffer.alloc(32, 7))), {
    checkpoint: gateway.checkpoint,
    identity: {
      fromToken: () => Promise.resolve(principal({ expiresAtMs })),
      fromCertificate: never,
    },
    telemetry: telemetryOff,
    clock: gateway.clock,
    log: gateway.log,
    maskingKey: createSecretKey(Buffer.alloc(32, 7)),
    tls: () => null,
    oauth: () => null,
    readCertificate: never,
    target: () => target,
    streamProcess: '1',
    tellOthers: () => undefined,
  });
});
afterEach(() => gateway[Symbol.asyncDispose]());

function load(text: string): void {
  const words = {
    ...vocabulary,
    protocols: { http: httpPolicy },
    reachedBy: { http: 'http' },
    targets: [{ name: billing, protocol: 'http' }],
    listeners: [{ name: apis, protocol: 'http' }],
  };
  const loaded = loadPolicies([yaml(text)], words);
  expect(loaded.problems).toEqual([]);
  gateway.policies.replace(loaded, gateway.clock.nowMs());
}

/** A stream of events that was let through, up to its first event. */
async function stream(
  accept: string,
): Promise<{ readonly reader: AnswerReader; readonly isCut: () => boolean }> {
  const request: ArrivedRequest = {
    listener: apis,
    source: { ip: '127.0.0.1', port: 5000 },
    certificate: null,
    method: 'GET',
    host: 'gw.example',
    path: '/t/billing/events',
    headers: [
      { name: 'authorization', value: 'Bearer x' },
      { name: 'accept', value: accept },
    ],
    body: Buffer.alloc(0),
    route: { target: billing, prefix: '/t/billing', basePath: '', kind: 'whole' },
  };
  const passed = await engine.check(request, new AbortController().signal);
  if (passed.kind !== 'pass') throw new Error(passed.body);
  const { action = '', session = '' } = passed.notes;
  const reader = passed.reading === 'streams' ? engine.streamIn(session) : engine.answerTo(action);
  if (reader === null) throw new Error('nobody reads the answer');
  let isCut = false;
  reader.onCut(() => {
    isCut = true;
  });
  const headers = [{ name: 'content-type', value: 'text/event-stream' }];
  expect(reader.head({ status: 200, headers, hasBody: true }).kind).toBe('pass');
  return { reader, isCut: () => isCut };
}

const event = (at: number): string =>
  `id: ${at}\ndata: {"at":${at},"ssn":"123-45-${at}","note":"of a${at}@b.example"}\n\n`;
const shownEvent = (at: number): string =>
  `id: ${at}\ndata: {"at":${at},"ssn":"********","note":"of ********"}\n\n`;

/** An event a second, each cut in two at another place, whose second half comes with the first of the next. */
function runFor(seconds: number, { reader, isCut }: Awaited<ReturnType<typeof stream>>): string {
  let shown = '';
  let rest = '';
  for (let at = 1; at <= seconds && !isCut(); at += 1) {
    gateway.clock.advance(1_000);
    if (isCut()) break;
    const text = event(at);
    const cut = at % text.length;
    shown += reader.body(Buffer.from(rest + text.slice(0, cut)), false)?.toString() ?? '';
    rest = text.slice(cut);
  }
  if (!isCut()) shown += reader.body(Buffer.from(rest), true)?.toString() ?? '';
  return shown;
}

const numbers = (count: number): readonly number[] => Array.from({ length: count }, (_, at) => at + 1);

describe('events that are masked', () => {
  test('come masked for ten minutes, wherever they are cut; an idle limit does not count them', async () => {
    load(policy(`${masks}    limits: {idle: 1m}\n`));
    const long = await stream('text/event-stream');
    expect(runFor(600, long)).toBe(numbers(600).map(shownEvent).join(''));
    long.reader.closed();
    // Ends of actions wait a moment, to come together in one record.
    gateway.clock.advance(1_000);
    const records = JSON.stringify(await gateway.records());
    expect(records).toMatch(/"result":"completed".*"maskedValues":1200,.*"durationMs":600000/);
  });

  test('may say nothing for an hour', async () => {
    load(policy(`${masks}    limits: {idle: 1m}\n`));
    const quiet = await stream('text/event-stream');
    gateway.clock.advance(59 * minuteMs);
    expect(quiet.isCut()).toBe(false);
    expect(runFor(3, quiet)).toBe([1, 2, 3].map(shownEvent).join(''));
  });

  test.each<[string, string, number]>([
    ['when the grace of their token does', '', 10 * minuteMs + 30_000],
    ['when the longest session does', '    limits: {session: 5m}\n', 5 * minuteMs],
  ])('end %s, and not before', async (_, limits, endsAfterMs) => {
    expiresAtMs = gateway.clock.nowMs() + 10 * minuteMs;
    load(policy(masks + limits));
    const long = await stream('text/event-stream');
    gateway.clock.advance(endsAfterMs - 1_000);
    expect(long.isCut()).toBe(false);
    gateway.clock.advance(3_000);
    expect(long.isCut()).toBe(true);
    expect(long.reader.body(Buffer.from(event(1)), false)).toBe(null);
  });

  test('of an hour, a hundred a second, leave nothing behind in memory', async () => {
    load(policy(masks));
    const { reader } = await stream('text/event-stream');
    const used = (): number => {
      collectGarbage();
      return process.memoryUsage().heapUsed;
    };
    let before = 0;
    for (let second = 0; second < 3_600; second += 1) {
      gateway.clock.advance(1_000);
      const text = Array.from({ length: 100 }, (_, at) => event(second * 100 + at)).join('');
      const cut = second % text.length;
      reader.body(Buffer.from(text.slice(0, cut)), false);
      reader.body(Buffer.from(text.slice(cut)), false);
      if (second === 600) before = used();
    }
    expect(used() - before).toBeLessThan(8 * 1024 * 1024);
    reader.closed();
  }, 120_000);
});

describe('events that nobody masks', () => {
  test.each([
    ['asked for', 'text/event-stream'],
    ['not asked for', '*/*'],
  ])(
    'and were %s: go on for ten minutes beyond an idle limit, and end with the grace of their token',
    async (_, accept) => {
      expiresAtMs = gateway.clock.nowMs() + 10 * minuteMs;
      load(policy('    limits: {idle: 1m}\n'));
      const long = await stream(accept);
      expect(runFor(600, long)).toBe(numbers(600).map(event).join(''));
      expect(long.isCut()).toBe(false);
      gateway.clock.advance(32_000);
      expect(long.isCut()).toBe(true);
    },
  );
});
