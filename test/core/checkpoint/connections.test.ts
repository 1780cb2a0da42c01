/** Who may connect, log in and stay: what is decided before and beside any action. */
import { expect, test } from '@jest/globals';
import { AddressRanges } from '../../../services/core/model/address.ts';
import { listenerName, sessionId, targetName } from '../../../services/core/model/ids.ts';
import { principal } from '../policy/actors.ts';
import { actionOf, policy, reading, TestGateway } from './gateway.ts';

const source = { ip: '10.1.2.3', port: 5000 };
const inside = listenerName('inside');
const connection = { source, listener: inside, principal: null, target: null };

test('a connection that could lead to something is admitted without a record', async () => {
  await using gateway = await TestGateway.start();
  expect(gateway.checkpoint.admit(source, inside)).toBeNull();
  expect(await gateway.records()).toEqual([]);
});

test('a listener takes connections from its own sources alone, and says so in the trail', async () => {
  await using gateway = await TestGateway.start(policy(), {
    sources: (listener) => (listener === inside ? new AddressRanges(['10.0.0.0/8']) : null),
  });
  const stranger = { ip: '192.0.2.7', port: 1 };
  expect(gateway.checkpoint.admit(source, inside)).toBeNull();
  expect(gateway.checkpoint.admit(stranger, listenerName('outside'))).toBeNull();
  expect(gateway.checkpoint.admit(stranger, inside)).toMatchObject({ reason: 'denied-by-rule' });
  expect(await gateway.records()).toMatchObject([
    {
      kind: 'connect-refused',
      listener: 'inside',
      source: '192.0.2.7:1',
      target: null,
      principal: null,
      reason: 'denied-by-rule',
    },
  ]);
});

test('without policies nobody is admitted', async () => {
  await using gateway = await TestGateway.start('policies: []');
  expect(gateway.checkpoint.admit(source, inside)).toMatchObject({ kind: 'deny', reason: 'no-rule' });
});

test('failed logins lock their address out at the door; other failures do not count', async () => {
  await using gateway = await TestGateway.start();
  const { checkpoint, clock } = gateway;
  for (let time = 0; time < 5; time += 1)
    checkpoint.loginRefused(connection, 'unknown-target', 'no such target');
  checkpoint.loginRefused(connection, 'unauthenticated', 'bad token');
  checkpoint.loginRefused(connection, 'unauthenticated', 'bad token');
  expect(checkpoint.admit(source, inside)).toBeNull();
  checkpoint.loginRefused(connection, 'unauthenticated', 'bad token');
  clock.advance(1500);
  expect(checkpoint.admit(source, inside)).toMatchObject({
    reason: 'locked-out',
    hint: 'Try again in 299 s.',
  });
  const records = await gateway.records('connect-refused');
  expect(records.map((record) => record.reason)).toEqual([
    ...Array(5).fill('unknown-target'),
    ...Array(3).fill('unauthenticated'),
    'locked-out',
  ]);
  clock.advance(298_500);
  expect(checkpoint.admit(source, inside)).toBeNull();
});

test('a session that opens clears its address of failed logins, and is on record with its chain', async () => {
  await using gateway = await TestGateway.start();
  const { checkpoint } = gateway;
  checkpoint.loginRefused(connection, 'unauthenticated', '');
  checkpoint.loginRefused(connection, 'unauthenticated', '');
  const ann = { issuer: 'https://idp.example', subject: 'ann' };
  const session = gateway.session(principal({ actsFor: [ann], claims: { email: 'ann@example.org' } }));
  checkpoint.loginRefused(connection, 'unauthenticated', '');
  expect(checkpoint.admit(source, inside)).toBeNull();
  const [opened] = await gateway.records('session-opened');
  expect(opened).toMatchObject({
    session: session.id,
    listener: 'inside',
    source: '10.1.2.3:5000',
    target: 'shop',
    principal: { issuer: 'https://idp.example', subject: 'agent-1', kind: 'agent', actsFor: [ann] },
    provenBy: 'token',
    credentialId: 'jti-1',
  });
  // Claims may hold personal data, and the trail is kept for years.
  expect(JSON.stringify(opened)).not.toContain('ann@example.org');
  expect(checkpoint.sessions()).toEqual([session]);
});

test.each<[string, (gateway: TestGateway) => Partial<ReturnType<TestGateway['opening']>>, string]>([
  [
    'a disabled principal',
    (gateway) => {
      gateway.disabled = () => true;
      return {};
    },
    'principal-disabled',
  ],
  ['a target that no rule is about', () => ({ target: targetName('billing') }), 'no-rule'],
  ['a target that is not there', () => ({ target: targetName('nowhere') }), 'no-rule'],
])('no session opens for %s, and the trail has why', async (_, given, reason) => {
  await using gateway = await TestGateway.start();
  const opening = gateway.opening(undefined, given(gateway));
  expect(gateway.checkpoint.openSession(opening)).toMatchObject({ kind: 'deny', reason });
  expect(await gateway.records()).toMatchObject([
    { kind: 'connect-refused', reason, target: opening.target, principal: { subject: 'agent-1' } },
  ]);
  expect(gateway.checkpoint.sessions()).toEqual([]);
});

test('an operator ends a session by its id, once, and the trail says who and why', async () => {
  await using gateway = await TestGateway.start();
  const { checkpoint } = gateway;
  const session = gateway.session();
  const other = gateway.session();
  const op = { issuer: 'https://idp.example', subject: 'op' };
  expect(checkpoint.kill(sessionId('s_unknown'), op, 'x')).toBe(false);
  expect(checkpoint.kill(session.id, op, 'runs wild')).toBe(true);
  expect(gateway.ends).toEqual([
    { reason: 'session-revoked', message: 'the session was ended by op: runs wild' },
  ]);
  session.close('ended');
  expect(checkpoint.kill(session.id, op, 'again')).toBe(false);
  expect(gateway.ends).toHaveLength(1);
  expect(checkpoint.sessions()).toEqual([other]);
  expect(await gateway.records('session-killed')).toMatchObject([
    { session: session.id, by: op, reason: 'runs wild' },
  ]);
});

test('a principal that a reload disables loses its sessions, and nobody else does', async () => {
  await using gateway = await TestGateway.start();
  gateway.session(principal({ subject: 'agent-2' }));
  gateway.session();
  gateway.checkpoint.endDisabled();
  expect(gateway.ends).toEqual([]);
  gateway.disabled = ({ subject }) => subject === 'agent-2';
  gateway.checkpoint.endDisabled();
  expect(gateway.ends).toEqual([
    { reason: 'principal-disabled', message: expect.stringContaining('disabled') },
  ]);
});

test('a session outlives its credential by the grace, and is told once that it is over', async () => {
  await using gateway = await TestGateway.start();
  const { clock } = gateway;
  gateway.session(principal({ expiresAtMs: clock.nowMs() + 60_000 }));
  clock.advance(90_000);
  expect(gateway.ends).toEqual([]);
  // The protocol takes its time to say goodbye; meanwhile the sweep goes on.
  clock.advance(5000);
  expect(gateway.ends).toEqual([
    { reason: 'credential-expired', message: expect.stringContaining('expired') },
  ]);
});

test('a session ends at its longest time, busy or not', async () => {
  await using gateway = await TestGateway.start(policy({ limits: 'session: 10s' }));
  const session = gateway.session();
  session.submit(reading, null);
  gateway.clock.advance(10_000);
  expect(gateway.ends).toEqual([]);
  gateway.clock.advance(1000);
  expect(gateway.ends).toEqual([
    { reason: 'limit-exceeded', message: expect.stringContaining('longest time') },
  ]);
});

test('a session is idle only while nothing of it runs', async () => {
  await using gateway = await TestGateway.start(policy({ limits: 'idle: 10s' }));
  const session = gateway.session();
  const { clock } = gateway;
  clock.advance(9000);
  const submission = session.submit(reading, null);
  clock.advance(60_000);
  expect(gateway.ends).toEqual([]);
  session.finished(submission.id, {
    result: 'completed',
    rows: 1,
    bytes: 1,
    maskedValues: 0,
    errorCode: null,
    durationMs: 1,
  });
  clock.advance(10_000);
  expect(gateway.ends).toEqual([]);
  clock.advance(1000);
  expect(gateway.ends).toEqual([{ reason: 'limit-exceeded', message: expect.stringContaining('idle') }]);
});

test('what goes on although its action is over keeps it from being idle', async () => {
  await using gateway = await TestGateway.start(policy({ limits: 'idle: 10s' }));
  const over = gateway.session().goesOn();
  gateway.clock.advance(600_000);
  expect(gateway.ends).toEqual([]);
  over();
  gateway.clock.advance(10_000);
  expect(gateway.ends).toEqual([]);
  gateway.clock.advance(1000);
  expect(gateway.ends).toHaveLength(1);
});

test('what is refused does not count as running', async () => {
  await using gateway = await TestGateway.start(policy({ limits: 'idle: 10s' }));
  gateway.session().submit(actionOf('DROP TABLE app.users', ['drop app.users']), null);
  gateway.clock.advance(11_000);
  expect(gateway.ends).toHaveLength(1);
});

test('a limit that a reload brings is in force for sessions that are open', async () => {
  await using gateway = await TestGateway.start();
  gateway.session();
  gateway.clock.advance(3_600_000);
  expect(gateway.ends).toEqual([]);
  gateway.load(policy({ limits: 'session: 10s' }));
  gateway.clock.advance(1000);
  expect(gateway.ends).toHaveLength(1);
});

test('a session that closes is on record with the hash of its transcript, and is gone', async () => {
  await using gateway = await TestGateway.start();
  const session = gateway.session();
  session.submit(reading, null);
  session.close('the client left');
  session.close('again');
  expect(await gateway.recordsWhenThere('session-closed')).toMatchObject([
    {
      session: session.id,
      why: 'the client left',
      transcriptSha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    },
  ]);
  expect(gateway.checkpoint.sessions()).toEqual([]);
  gateway.clock.advance(10_000_000);
  expect(gateway.ends).toEqual([]);
});
