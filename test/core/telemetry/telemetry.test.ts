import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Intent } from '../../../services/core/model/action.ts';
import { type Clock, systemClock } from '../../../services/core/model/clock.ts';
import type { Decision } from '../../../services/core/model/decision.ts';
import {
  listenerName,
  newSessionId,
  policyName,
  ruleName,
  targetName,
} from '../../../services/core/model/ids.ts';
import type { Principal } from '../../../services/core/model/principal.ts';
import type { ActionTrace, SessionTrace, Telemetry } from '../../../services/core/model/telemetry.ts';
import type { ActionOutcome } from '../../../services/core/model/trail-entry.ts';
import { createLogger } from '../../../services/core/telemetry/logger.ts';
import { createTelemetry } from '../../../services/core/telemetry/telemetry.ts';
import { type OtlpReceiver, type ReceivedPoint, startOtlp } from '../../servers/otlp.ts';

const shop = targetName('shop');
const principal: Principal = {
  issuer: 'https://id.example',
  subject: 'agent-7',
  kind: 'agent',
  groups: ['secret-group'],
  claims: { email: 'jane@example.com' },
  actsFor: [{ issuer: 'https://id.example', subject: 'jane' }],
  provenBy: 'token',
  credentialId: 'jti-1',
  expiresAtMs: 0,
};
const session = newSessionId();
const rule = { policy: policyName('shop-policy'), rule: ruleName('read') };
const intent: Intent = {
  protocol: 'postgres',
  target: shop,
  text: `select * from app.users where email = 'jane@example.com' -- ${'x'.repeat(5000)}`,
  commands: 1,
  effects: [
    { verb: 'select', resource: 'app.users' },
    { verb: 'call', resource: 'lower' },
  ],
  opaque: ['dynamic-sql'],
  versions: [],
  consequences: [],
  unacceptable: null,
};
const limits = {
  maxRows: null,
  maxBytes: null,
  commandsPerMinute: null,
  guessesPerMinute: 10,
  sessionMs: null,
  idleMs: null,
};
const allow: Decision = {
  kind: 'allow',
  rule,
  obligations: { masks: [], limits, recordResults: false, recordResultsAsked: false },
};
const deny: Decision = {
  kind: 'deny',
  rule: null,
  reason: 'no-rule',
  message: 'jane@example.com may not',
  hint: '',
};
const completed: ActionOutcome = {
  result: 'completed',
  rows: 3,
  bytes: 120,
  maskedValues: 2,
  errorCode: null,
  durationMs: 1,
};

const environment = { ...process.env };
let receiver: OtlpReceiver;
let lines: string[];

beforeEach(async () => {
  receiver = await startOtlp();
  lines = [];
  process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] = receiver.url;
  process.env['OTEL_EXPORTER_OTLP_PROTOCOL'] = 'http/json';
});

afterEach(async () => {
  process.env = { ...environment };
  await receiver.stop();
});

const start = (clock: Clock = systemClock): Promise<Telemetry> =>
  createTelemetry({
    clock,
    log: createLogger({ level: 'debug', format: 'json', write: (line) => lines.push(line) }),
    version: '0.1.0',
    process: 'gateway-1',
  });

function openSession(telemetry: Telemetry): SessionTrace {
  const trace = telemetry.session({
    protocol: 'postgres',
    listener: listenerName('databases'),
    source: { ip: '192.0.2.7', port: 40123 },
    protocolAttributes: { 'db.system.name': 'postgresql', 'server.port': 5432 },
  });
  trace.phase('identity');
  trace.phase('upstream');
  trace.opened({ target: shop, principal, session });
  return trace;
}

function run(action: ActionTrace, decision: Decision, outcome: ActionOutcome | null): void {
  action.phase('analysis');
  action.analysed(intent);
  action.phase('decision');
  action.decided(decision);
  if (outcome !== null) action.phase('upstream');
  action.end(outcome);
}

const named = (name: string) =>
  receiver.spans().find((span) => span.name === name) ?? fail(`no span ${name}`);
const fail = (message: string): never => {
  throw new Error(`${message} among ${receiver.spans().map(({ name }) => name)}`);
};

describe('traces', () => {
  test('an action is a trace of its own with a child for each phase, linked to its session', async () => {
    const telemetry = await start();
    expect(telemetry.enabled).toBe(true);
    const trace = openSession(telemetry);
    const action = trace.action('query');
    run(action, allow, completed);
    trace.end('the client left');
    await telemetry.shutdown();

    const started = named('session');
    expect(started.kind).toBe('server');
    expect(started.failed).toBe(false);
    expect(started.attributes).toEqual({
      'sallyport.protocol': 'postgres',
      'sallyport.listener': 'databases',
      'sallyport.target': 'shop',
      'sallyport.principal.issuer': 'https://id.example',
      'sallyport.principal.kind': 'agent',
      'sallyport.principal.acts_for': ['jane'],
      'client.address': '192.0.2.7',
      'client.port': 40123,
      'enduser.id': 'agent-7',
      'session.id': session,
      'db.system.name': 'postgresql',
      'server.port': 5432,
    });
    const root = named('call, select shop');
    expect(action.ids).toEqual({ trace_id: root.traceId, span_id: root.spanId });
    expect(trace.ids).toEqual({ trace_id: started.traceId, span_id: started.spanId });
    expect(root.parentSpanId).toBeNull();
    expect(root.traceId).not.toBe(started.traceId);
    expect(root.links).toEqual([{ traceId: started.traceId, spanId: started.spanId }]);
    expect(root.attributes).toEqual({
      ...started.attributes,
      'sallyport.effects': ['select app.users', 'call lower'],
      'sallyport.opaque': ['dynamic-sql'],
      'db.query.summary': 'select app.users; call lower',
      'sallyport.decision': 'allow',
      'sallyport.rule': 'shop-policy/read',
      'sallyport.result': 'completed',
      'sallyport.bytes': 120,
      'sallyport.values.masked': 2,
      'db.response.returned_rows': 3,
    });

    const children = receiver.spans().filter((span) => span.parentSpanId === root.spanId);
    expect(children.map(({ name, kind }) => [name, kind])).toEqual([
      ['analysis', 'internal'],
      ['decision', 'internal'],
      ['upstream', 'client'],
    ]);
    expect(children.every((span) => span.traceId === root.traceId)).toBe(true);
    // Each begins where the one before ends, and the last ends with the action.
    const [analysis, decision, upstream] = children;
    expect(decision?.startNs).toBe(analysis?.endNs);
    expect(upstream?.startNs).toBe(decision?.endNs);
    expect(root.endNs).toBe(upstream?.endNs);

    const startUp = receiver.spans().filter((span) => span.parentSpanId === started.spanId);
    expect(startUp.map(({ name }) => name)).toEqual(['identity', 'upstream']);
    expect(receiver.resource()).toMatchObject({
      'service.name': 'sallyport',
      'service.version': '0.1.0',
      'service.instance.id': 'gateway-1',
    });
    expect(receiver.resource()).not.toHaveProperty('process.command_args');
    expect(lines).toEqual([]);
  });

  test('a refusal says why and is no error; a failure says with what code and is one', async () => {
    const telemetry = await start();
    const trace = openSession(telemetry);
    run(trace.action('query'), deny, null);
    run(trace.action('query'), allow, { ...completed, result: 'failed', errorCode: '23505' });
    await telemetry.shutdown();
    const [refused, failed] = receiver.spans().filter((span) => span.name === 'call, select shop');
    expect(refused?.attributes).toMatchObject({
      'sallyport.decision': 'deny',
      'sallyport.reason': 'no-rule',
    });
    expect(refused?.failed).toBe(false);
    expect(failed?.attributes).toMatchObject({ 'error.type': '23505', 'db.response.status_code': '23505' });
    expect(failed?.failed).toBe(true);
  });

  test('a hold is a phase, and nothing more is said once an action has ended', async () => {
    const telemetry = await start();
    const action = openSession(telemetry).action('execute');
    action.phase('hold');
    action.end(null);
    action.phase('upstream');
    action.decided(allow);
    action.end(completed);
    await telemetry.shutdown();
    const root = named('execute');
    expect(
      receiver
        .spans()
        .filter((span) => span.parentSpanId === root.spanId)
        .map(({ name }) => name),
    ).toEqual(['hold']);
    expect(root.attributes).not.toHaveProperty('sallyport.decision');
    expect(lines).toEqual([]);
  });

  test('a start-up that fails says why', async () => {
    const telemetry = await start();
    const trace = telemetry.session({ protocol: 'postgres' });
    trace.phase('identity');
    trace.end('the token has expired');
    await telemetry.shutdown();
    expect(named('session')).toMatchObject({ failed: true, statusMessage: 'the token has expired' });
    expect(named('identity').parentSpanId).toBe(named('session').spanId);
  });

  test('a connection that wants no session has not failed', async () => {
    const telemetry = await start();
    telemetry.session({ protocol: 'postgres' }).end(null);
    await telemetry.shutdown();
    expect(named('session')).toMatchObject({ failed: false });
  });

  test('neither text nor values nor claims leave the gateway', async () => {
    const telemetry = await start();
    const trace = openSession(telemetry);
    run(trace.action('query'), deny, null);
    await telemetry.shutdown();
    const sent = receiver.requests.map(({ body }) => body.toString('utf8')).join();
    expect(sent).toContain('agent-7');
    for (const hidden of ['jane@example.com', 'where email', 'secret-group', 'jti-1'])
      expect(sent).not.toContain(hidden);
  });

  test('the text is there when it is asked for, up to its limit', async () => {
    process.env['SALLYPORT_TELEMETRY_TEXT'] = 'true';
    const telemetry = await start();
    run(openSession(telemetry).action('query'), allow, completed);
    await telemetry.shutdown();
    expect(named('call, select shop').attributes['db.query.text']).toBe(intent.text.slice(0, 2048));
  });

  test('a sampler from the environment decides, action by action', async () => {
    process.env['OTEL_TRACES_SAMPLER'] = 'always_off';
    const telemetry = await start();
    const trace = openSession(telemetry);
    const action = trace.action('query');
    run(action, allow, completed);
    trace.end('the client left');
    telemetry.sessionOpened('postgres', shop);
    await telemetry.shutdown();
    expect(action.ids.trace_id).toMatch(/^[0-9a-f]{32}$/);
    expect(receiver.spans()).toEqual([]);
    expect(receiver.metrics().map(({ name }) => name)).toContain('sallyport.sessions.open');
  });

  test('without an exporter for them there are none', async () => {
    process.env['OTEL_TRACES_EXPORTER'] = 'none';
    const telemetry = await start();
    run(openSession(telemetry).action('query'), allow, completed);
    telemetry.valuesMasked(shop, 1);
    await telemetry.shutdown();
    expect(receiver.requests.map(({ path }) => path)).toEqual(['/v1/metrics']);
  });
});

describe('metrics', () => {
  test('arrive with the right values', async () => {
    process.env['OTEL_SERVICE_NAME'] = 'edge';
    const telemetry = await start();
    telemetry.sessionOpened('postgres', shop);
    telemetry.sessionOpened('postgres', shop);
    telemetry.sessionClosed('postgres', shop);
    telemetry.identityVerified(4, true);
    telemetry.identityVerified(2, false);
    telemetry.decided('postgres', shop, 'allow', null);
    telemetry.decided('postgres', shop, 'allow', null);
    telemetry.decided('postgres', shop, 'deny', 'no-rule');
    telemetry.latencyAdded('postgres', shop, 0.05);
    telemetry.latencyAdded('postgres', shop, 0.25);
    telemetry.holdOpened(shop);
    telemetry.holdOpened(shop);
    telemetry.holdEnded(shop, 'released', 90_000);
    telemetry.valuesMasked(shop, 7);
    telemetry.trailCommitted(0.1, 3);
    await telemetry.shutdown();

    const points = receiver.metrics();
    const point = (name: string, attributes: Record<string, unknown> = {}): ReceivedPoint => {
      const found = points.find(
        (one) =>
          one.name === name &&
          Object.entries(attributes).every(([key, value]) => one.attributes[key] === value),
      );
      if (found === undefined) throw new Error(`no ${name} ${JSON.stringify(attributes)}`);
      return found;
    };
    const about = { 'sallyport.protocol': 'postgres', 'sallyport.target': 'shop' };
    expect(point('sallyport.sessions.open')).toMatchObject({ value: 1, attributes: about });
    expect(point('sallyport.decisions', { 'sallyport.decision': 'allow' })).toMatchObject({
      value: 2,
      unit: '{decision}',
      attributes: { ...about, 'sallyport.decision': 'allow' },
    });
    expect(point('sallyport.decisions', { 'sallyport.reason': 'no-rule' }).value).toBe(1);
    expect(point('sallyport.holds.open')).toMatchObject({
      value: 1,
      attributes: { 'sallyport.target': 'shop' },
    });
    expect(point('sallyport.values.masked').value).toBe(7);
    expect(point('sallyport.trail.records').value).toBe(3);
    expect(point('sallyport.trail.lag').value).toBeCloseTo(0.0001);
    expect(point('sallyport.hold.wait', { 'sallyport.outcome': 'released' })).toMatchObject({
      value: 90,
      histogram: { count: 1 },
    });
    expect(point('sallyport.identity.verification', { 'sallyport.accepted': true }).value).toBeCloseTo(0.004);
    expect(point('sallyport.identity.verification', { 'sallyport.accepted': false }).histogram?.count).toBe(
      1,
    );
    const added = point('sallyport.latency.added');
    expect(added.unit).toBe('s');
    expect(added.value).toBeCloseTo(0.0003);
    expect(added.histogram?.count).toBe(2);
    expect(added.histogram?.bounds[0]).toBe(0.00001);
    expect(added.histogram?.bounds.at(-1)).toBe(1);
    for (const { histogram } of points) {
      const bounds = histogram?.bounds ?? [];
      expect(bounds).toEqual([...new Set(bounds)].sort((a, b) => a - b));
    }
    expect(receiver.resource()).toMatchObject({ 'service.name': 'edge' });
  });

  test('go out in protobuf by default', async () => {
    delete process.env['OTEL_EXPORTER_OTLP_PROTOCOL'];
    const telemetry = await start();
    telemetry.valuesMasked(shop, 1);
    openSession(telemetry);
    await telemetry.shutdown();
    expect(receiver.requests.map(({ path, contentType }) => `${path} ${contentType}`).sort()).toEqual([
      '/v1/metrics application/x-protobuf',
      '/v1/traces application/x-protobuf',
    ]);
    expect(receiver.requests.some(({ body }) => body.includes('sallyport.values.masked'))).toBe(true);
  });
});

describe('a receiver that does not answer', () => {
  beforeEach(() => {
    // The exporter's own, so that no test is waited for because of its retries.
    process.env['OTEL_EXPORTER_OTLP_TIMEOUT'] = '100';
  });

  test('keeps a shutdown waiting for its limit and no longer', async () => {
    let late: (() => void) | null = null;
    const clock: Clock = {
      ...systemClock,
      after(delayMs, run) {
        expect(delayMs).toBe(3000);
        late = run;
        return { cancel: () => undefined };
      },
    };
    const telemetry = await start(clock);
    receiver.hang();
    openSession(telemetry);
    const over = telemetry.shutdown();
    expect(late).not.toBeNull();
    (late as unknown as () => void)(); // TypeScript does not see that shutdown has assigned it
    await over;
    expect(lines.join()).toContain('telemetry was not taken before shutdown');
  });

  test('is told of in the log', async () => {
    const telemetry = await start();
    await receiver.stop();
    openSession(telemetry);
    await telemetry.shutdown();
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.every((line) => JSON.parse(line).level === 'warn')).toBe(true);
    receiver = await startOtlp();
  });
});
