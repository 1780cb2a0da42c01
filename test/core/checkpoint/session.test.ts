/** An action's way through a session: decided, recorded, and only then let go. */
import { closeSync, readdirSync, readlinkSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { maxWriteDelayMs } from '../../../services/core/audit/limits.ts';
import { findTranscript, readTranscript } from '../../../services/core/audit/transcript-reader.ts';
import type { Submission } from '../../../services/core/checkpoint/contract.ts';
import type { Action } from '../../../services/core/model/action.ts';
import { committed } from '../audit/fixtures.ts';
import { intent, principal, sqlEffect } from '../policy/actors.ts';
import { actionOf, deleting, dropping, holdOn, policy, reading, TestGateway } from './gateway.ts';

/** Closes the trail's descriptor under its feet: its next write fails with a real EBADF. */
function breakTrail(gateway: TestGateway): void {
  for (const name of readdirSync('/proc/self/fd')) {
    try {
      if (readlinkSync(`/proc/self/fd/${name}`).startsWith(gateway.folder.trail)) {
        if (readlinkSync(`/proc/self/fd/${name}`).endsWith('.jsonl')) closeSync(Number(name));
      }
    } catch {
      // The descriptor that listed the folder is gone by now.
    }
  }
}

const reasonOf = (submission: Submission): string =>
  submission.kind === 'deny' ? submission.deny.reason : submission.kind;

describe('what is submitted', () => {
  test('is decided by the rules, numbered within its session, and recorded whichever way it goes', async () => {
    await using gateway = await TestGateway.start();
    const session = gateway.session();
    const submissions = [reading, dropping, deleting].map((action) => session.submit(action, null));
    expect(submissions).toMatchObject([
      { kind: 'allow', obligations: session.obligations },
      { kind: 'deny', deny: { reason: 'denied-by-rule', rule: { policy: 'shop', rule: 'never' } } },
      { kind: 'hold', action: deleting, decision: { rule: { policy: 'shop', rule: 'change' } } },
    ]);
    const bare = session.id.slice(2);
    expect(submissions.map(({ id }) => id)).toEqual([1, 2, 3].map((number) => `a_${bare}.${number}`));
    const common = { session: session.id, target: 'shop', policyVersion: gateway.policies.version };
    expect(await gateway.records('action')).toMatchObject([
      { ...common, action: `a_${bare}.1`, decision: 'allow', rule: 'shop/read', reason: null },
      { ...common, decision: 'deny', rule: 'shop/never', reason: 'denied-by-rule' },
      { ...common, decision: 'hold', rule: 'shop/change', reason: null, effects: ['delete app.orders'] },
    ]);
  });

  test('is recorded with its text, its opaque reasons and its parameters', async () => {
    await using gateway = await TestGateway.start();
    const action = actionOf('SELECT f($1, $2)', [], {
      intent: intent([sqlEffect('call', 'f')], { text: 'SELECT f($1, $2)', opaque: ['unknown-function'] }),
      parameters: [
        { text: 'x', bound: Buffer.from('x') },
        { text: null, bound: Buffer.alloc(0) },
      ],
    });
    expect(gateway.session().submit(action, null).kind).toBe('deny');
    expect(await gateway.records('action')).toMatchObject([
      {
        text: 'SELECT f($1, $2)',
        textBytes: 16,
        opaque: ['unknown-function'],
        parameters: ['x', null],
        effects: ['call f'],
      },
    ]);
  });

  test('stands in the transcript with its decision and what the client was told', async () => {
    await using gateway = await TestGateway.start();
    const session = gateway.session();
    session.submit(dropping, null);
    session.transcribe({ kind: 'output', action: null, stream: 'notice', text: 'bye' });
    session.close('done');
    // The session is closed: nothing more belongs to it.
    session.transcribe({ kind: 'output', action: null, stream: 'notice', text: 'too late' });
    await gateway.recordsWhenThere('session-closed');
    const file = await findTranscript(gateway.folder.path, session.id);
    if (file === null) throw new Error('no transcript was kept');
    const { entries } = await readTranscript(file);
    const kept = [];
    for await (const entry of entries()) kept.push(entry);
    expect(kept).toMatchObject([
      {
        kind: 'action',
        text: 'DROP TABLE app.users',
        parameters: [],
        decision: 'deny',
        rule: 'shop/never',
        message: expect.any(String),
      },
      { kind: 'output', text: 'bye' },
      { kind: 'end' },
    ]);
  });

  test('is decided by the policies of this moment', async () => {
    await using gateway = await TestGateway.start();
    const session = gateway.session();
    const { obligations } = session;
    expect(reasonOf(session.submit(reading, null))).toBe('allow');
    expect(session.obligations).toBe(obligations);
    gateway.load('policies: []');
    expect(reasonOf(session.submit(reading, null))).toBe('no-rule');
    expect(session.obligations).not.toBe(obligations);
    const [before, after] = await gateway.records('action');
    expect(after?.policyVersion).toBe(gateway.policies.version);
    expect(before?.policyVersion).not.toBe(after?.policyVersion);
  });

  test('ends with an outcome on record', async () => {
    await using gateway = await TestGateway.start();
    const session = gateway.session();
    const outcome = {
      result: 'failed',
      rows: 2,
      bytes: 30,
      maskedValues: 4,
      errorCode: '57014',
      durationMs: 5,
    } as const;
    const { id } = session.submit(reading, null);
    session.finished(id, outcome);
    gateway.clock.advance(maxWriteDelayMs);
    expect(await gateway.records('action-ended')).toMatchObject([
      { action: id, session: session.id, ...outcome },
    ]);
  });
});

describe('the record comes first', () => {
  test('when the session may go on, the kernel has the record', async () => {
    await using gateway = await TestGateway.start();
    const session = gateway.session();
    const before = gateway.written().length;
    session.submit(reading, null);
    const recorded = new Promise<readonly unknown[]>((resolve, reject) => {
      session.afterRecord({
        committed: () => resolve(gateway.written().slice(before)),
        notCommitted: () => reject(new Error('the trail is fine')),
      });
    });
    // Nothing is told within the turn that submits: then nothing could have been written with one call for all.
    expect(gateway.written()).toHaveLength(before);
    expect(await recorded).toMatchObject([
      { kind: 'session-opened' },
      { kind: 'action', decision: 'allow', text: 'SELECT 1 FROM app.users' },
    ]);
  });

  test('a trail that fails under an allowed action takes the permission back', async () => {
    await using gateway = await TestGateway.start();
    const session = gateway.session();
    await committed(gateway.trail);
    breakTrail(gateway);
    expect(session.submit(reading, null).kind).toBe('allow');
    const told = new Promise<string>((resolve) => {
      session.afterRecord({ committed: () => resolve('go'), notCommitted: () => resolve('stop') });
    });
    expect(await told).toBe('stop');
  });

  test('while the trail cannot be written everything is refused, also what was allowed before', async () => {
    await using gateway = await TestGateway.start();
    const session = gateway.session();
    await committed(gateway.trail);
    breakTrail(gateway);
    session.submit(reading, null);
    expect(await committed(gateway.trail)).toBe(false);
    for (const action of [reading, deleting, dropping]) {
      expect(reasonOf(session.submit(action, null))).toBe('trail-unavailable');
    }
    expect(session.refuseAlways(reading.intent)).toMatchObject({ reason: 'trail-unavailable' });
    expect(gateway.checkpoint.openSession(gateway.opening())).toMatchObject({ reason: 'trail-unavailable' });
    expect(await committed(gateway.trail)).toBe(false);
    // The trail tries again by itself, and the session is as good as before.
    gateway.clock.advance(250);
    expect(reasonOf(session.submit(reading, null))).toBe('allow');
    expect(await committed(gateway.trail)).toBe(true);
  });
});

describe('what is prepared for later', () => {
  test('is refused at once, and recorded, when no parameters could let it pass', async () => {
    await using gateway = await TestGateway.start();
    const session = gateway.session();
    expect(session.refuseAlways(dropping.intent)).toMatchObject({ kind: 'deny', reason: 'denied-by-rule' });
    expect(await gateway.records('action')).toMatchObject([
      { decision: 'deny', rule: 'shop/never', text: 'DROP TABLE app.users', parameters: [] },
    ]);
  });

  test.each([
    ['allowed', reading],
    ['held', deleting],
  ])('is no action yet when it could be %s', async (_, action) => {
    await using gateway = await TestGateway.start();
    const session = gateway.session();
    expect(session.refuseAlways(action.intent)).toBeNull();
    expect(await gateway.records('action')).toEqual([]);
    // So it takes no number either.
    expect(session.submit(action, null).id).toMatch(/\.1$/);
  });
});

describe('guesses per minute', () => {
  const masked = (limits: string, approval = 'mode: defer'): string =>
    `${policy({ limits, approval })}    masks: [{fields: [app.users.email], with: full}]\n`;

  const guessing = (verb: 'select' | 'delete', values: number): Action =>
    actionOf('guess', [], {
      intent: intent([
        sqlEffect(verb, 'app.users', { guessedColumns: Array(values).fill('app.users.email') }),
      ]),
    });

  test('are counted over all sessions of a principal on a target, by the values in each text', async () => {
    await using gateway = await TestGateway.start(masked('guessesPerMinute: 3'));
    const [one, other] = [gateway.session(), gateway.session()];
    expect(reasonOf(one.submit(guessing('select', 2), null))).toBe('allow');
    expect(reasonOf(other.submit(guessing('select', 2), null))).toBe('limit-exceeded');
    expect(reasonOf(other.submit(guessing('select', 1), null))).toBe('allow');
    expect(other.submit(guessing('select', 1), null)).toMatchObject({
      deny: {
        message: expect.stringContaining('more than 3 comparisons'),
        hint: expect.stringContaining('20 s'),
      },
    });
    // Commands are another matter.
    expect(reasonOf(one.submit(reading, null))).toBe('allow');
    gateway.clock.advance(20_000);
    expect(reasonOf(one.submit(guessing('select', 1), null))).toBe('allow');
  });

  test('are ten where no policy says how many', async () => {
    await using gateway = await TestGateway.start(masked(''));
    const session = gateway.session();
    expect(reasonOf(session.submit(guessing('select', 11), null))).toBe('limit-exceeded');
    expect(reasonOf(session.submit(guessing('select', 10), null))).toBe('allow');
    expect(reasonOf(session.submit(guessing('select', 1), null))).toBe('limit-exceeded');
  });

  test('count before anybody is asked to approve', async () => {
    await using gateway = await TestGateway.start(masked('guessesPerMinute: 1'));
    const session = gateway.session();
    expect(session.submit(guessing('delete', 1), null).kind).toBe('hold');
    expect(reasonOf(session.submit(guessing('delete', 1), null))).toBe('limit-exceeded');
  });
});

describe('commands per minute', () => {
  const limited = policy({ limits: 'commandsPerMinute: 3', approval: 'mode: defer' });

  test('are counted over all sessions of a principal on a target, by the commands in each text', async () => {
    await using gateway = await TestGateway.start(limited);
    const [one, other] = [gateway.session(), gateway.session()];
    const two = actionOf('SELECT 1; SELECT 2', [], {
      intent: intent(['select app.users'], { text: 'SELECT 1; SELECT 2', commands: 2 }),
    });
    expect(reasonOf(one.submit(two, null))).toBe('allow');
    expect(reasonOf(other.submit(two, null))).toBe('limit-exceeded');
    expect(reasonOf(other.submit(reading, null))).toBe('allow');
    expect(reasonOf(one.submit(reading, null))).toBe('limit-exceeded');
    expect(reasonOf(gateway.session(principal({ subject: 'agent-2' })).submit(reading, null))).toBe('allow');
    gateway.clock.advance(20_000);
    expect(reasonOf(one.submit(reading, null))).toBe('allow');
    const records = await gateway.records('action');
    expect(records.map(({ decision, reason }) => reason ?? decision)).toEqual([
      'allow',
      'limit-exceeded',
      'allow',
      'limit-exceeded',
      'allow',
      'allow',
    ]);
  });

  test('count what is held, and not what is refused', async () => {
    await using gateway = await TestGateway.start(limited);
    const session = gateway.session();
    for (let time = 0; time < 5; time += 1) {
      expect(reasonOf(session.submit(dropping, null))).toBe('denied-by-rule');
    }
    for (let time = 0; time < 3; time += 1) await holdOn(session).pending.settled;
    expect(reasonOf(session.submit(deleting, null))).toBe('limit-exceeded');
  });
});
