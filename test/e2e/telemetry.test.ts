import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type OtlpReceiver, startOtlp } from '../servers/otlp.ts';
import { errorOf, heldBy } from './clients.ts';
import { TestGateway } from './gateway.ts';

let receiver: OtlpReceiver;
let gateway: TestGateway;

beforeAll(async () => {
  receiver = await startOtlp();
  gateway = await TestGateway.start({
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_TRACES_EXPORTER: 'otlp',
      OTEL_METRICS_EXPORTER: 'otlp',
    },
  });
}, 60_000);

afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await receiver.stop();
});

test('each action is a span with its phases, and the counters an SRE asks for are there', async () => {
  const client = await gateway.connect();
  await client.query('SELECT email FROM app.users WHERE id = $1', [1]);
  await client.query('SELECT email FROM app.users');
  await errorOf(client.query('DROP TABLE app.users'));
  const held = heldBy(client);
  const update = client.query("UPDATE app.users SET name = 'Adele' WHERE id = 1");
  expect(await gateway.cli(['holds', 'approve', await held, '--reason', 'fine', '--yes'])).toMatchObject({
    status: 0,
  });
  await update;
  await client.end();
  // What was not yet sent is sent when it stops.
  await gateway.stopGateway();

  const spans = receiver.spans();
  const names = (parent: string): readonly string[] =>
    spans.filter(({ parentSpanId }) => parentSpanId === parent).map(({ name }) => name);
  const roots = spans.filter(
    ({ parentSpanId, attributes }) => parentSpanId === null && 'sallyport.decision' in attributes,
  );
  const decided = roots.map(({ attributes }) => attributes['sallyport.decision']).sort();
  expect(decided).toEqual(['allow', 'allow', 'deny', 'hold']);
  const hold = roots.find(({ attributes }) => attributes['sallyport.decision'] === 'hold');
  expect(names(hold?.spanId ?? '')).toEqual(
    expect.arrayContaining(['analysis', 'decision', 'hold', 'upstream']),
  );

  const metrics = new Set(receiver.metrics().map(({ name }) => name));
  for (const name of [
    'sallyport.decisions',
    'sallyport.latency.added',
    'sallyport.holds.open',
    'sallyport.hold.wait',
    'sallyport.values.masked',
    'sallyport.trail.lag',
    'sallyport.sessions.open',
    'sallyport.identity.verification',
  ]) {
    expect(metrics).toContain(name);
  }
  const sent = receiver.requests.map(({ body }) => body.toString('latin1')).join('');
  for (const secret of ['ada@example.com', 'the-target-password', 'eyJ']) expect(sent).not.toContain(secret);
});
