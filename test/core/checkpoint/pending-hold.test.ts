/** Held actions from the question to the answer, over the approvals that a gateway without Redis uses. */
import { describe, expect, test } from '@jest/globals';
import type { CheckpointSession } from '../../../services/core/checkpoint/contract.ts';
import type { Action, Intent } from '../../../services/core/model/action.ts';
import { type Approvals, ApprovalsError } from '../../../services/core/model/hold.ts';
import type { Principal } from '../../../services/core/model/principal.ts';
import { bob, cleo, party } from '../approvals/people.ts';
import { intent, principal } from '../policy/actors.ts';
import { actionOf, deleting, denied, dropping, holdOn, policy, reading, TestGateway } from './gateway.ts';

const minuteMs = 60_000;
const waits = policy({ approval: 'within: 10m, wait: 2m' });
const defers = policy({ approval: 'within: 10m, mode: defer' });

const endings = async (gateway: TestGateway): Promise<readonly string[]> =>
  (await gateway.records('hold-ended')).map(({ outcome }) => outcome);

describe('a client that waits', () => {
  test('is told whom it waits for, how to ask and until when, and shows approvers all that matters', async () => {
    await using gateway = await TestGateway.start(waits);
    const ann = { issuer: 'https://idp.example', subject: 'ann' };
    const who = principal({ actsFor: [ann] });
    const session = gateway.session(who);
    const trigger = 'trigger audit on app.orders runs app.log (plpgsql)';
    const action = {
      intent: { ...deleting.intent, consequences: [trigger] },
      parameters: [{ text: '7', bound: Buffer.from('7') }],
      sessionState: 'SET ROLE clerk',
    };
    const estimate = async () => ['about 40 rows'];
    const { held, noticed } = holdOn(session, action, async () => action.intent, estimate);
    const notice = await noticed;
    const expiresAt = new Date(gateway.clock.nowMs() + 10 * minuteMs).toISOString();
    expect(notice).toEqual({
      id: notice.id,
      mode: 'wait',
      message: `Held by rule shop/change: waiting for one person of group dba. Hold ${notice.id}, open until ${expiresAt}.`,
      // How many rows there are is for approvers: the client has yet to be allowed to ask.
      consequences: [trigger],
      hint: `To approve: sallyport holds approve ${notice.id} --reason "..."`,
    });
    expect((await gateway.openHold()).request).toMatchObject({
      id: notice.id,
      session: session.id,
      protocol: 'sql',
      target: 'shop',
      requester: { issuer: 'https://idp.example', subject: 'agent-1' },
      chain: [{ issuer: 'https://idp.example', subject: 'agent-1' }, ann],
      rule: { policy: 'shop', rule: 'change' },
      text: 'DELETE FROM app.orders',
      parameters: ['7'],
      effects: ['delete app.orders'],
      consequences: ['about 40 rows', trigger],
      sessionState: 'SET ROLE clerk',
      owner: 'gateway-1',
    });
    expect(await gateway.records('hold-opened')).toMatchObject([
      { hold: notice.id, action: held.id, session: session.id, mode: 'wait', expiresAt },
    ]);
  });

  test('is released by an approval, with the obligations in force and the approvers on record', async () => {
    await using gateway = await TestGateway.start(policy({ approval: 'quorum: 2' }));
    const session = gateway.session();
    const { held, pending, noticed } = holdOn(session);
    const { id } = await noticed;
    await gateway.approvals.vote(id, bob, 'approve', 'fine');
    await gateway.approvals.vote(id, cleo, 'approve', 'fine');
    const settlement = await pending.settled;
    expect(settlement).toEqual({
      kind: 'release',
      obligations: session.obligations,
      approvers: [party('bob'), party('cleo')],
    });
    expect(await gateway.records('hold-ended')).toMatchObject([
      {
        hold: id,
        action: held.id,
        session: session.id,
        outcome: 'released',
        approvers: [party('bob'), party('cleo')],
      },
    ]);
  });

  test('is on record as released before it may go on', async () => {
    await using gateway = await TestGateway.start(waits);
    const session = gateway.session();
    const { pending, noticed } = holdOn(session);
    await gateway.approvals.vote((await noticed).id, bob, 'approve', '');
    await pending.settled;
    const seen = new Promise<readonly string[]>((resolve, reject) => {
      session.afterRecord({
        committed: () => resolve(gateway.written().map(({ kind }) => kind)),
        notCommitted: () => reject(new Error('the trail is fine')),
      });
    });
    expect(await seen).toEqual(['session-opened', 'action', 'hold-opened', 'hold-ended']);
  });

  test('is refused by a rejection, with the words of who rejected it', async () => {
    await using gateway = await TestGateway.start(waits);
    const { pending, noticed } = holdOn(gateway.session());
    const { id } = await noticed;
    await gateway.approvals.vote(id, bob, 'reject', 'no WHERE');
    expect(await denied(pending)).toMatchObject({
      reason: 'hold-rejected',
      rule: { rule: 'change' },
      message: `Refused: hold ${id} was rejected by bob: no WHERE`,
    });
    expect(await endings(gateway)).toEqual(['rejected']);
  });

  test('is refused when nobody decides in time', async () => {
    await using gateway = await TestGateway.start(policy({ approval: 'within: 1m, wait: 1m' }));
    const { pending, noticed } = holdOn(gateway.session());
    await noticed;
    gateway.clock.advance(minuteMs);
    expect(await denied(pending)).toMatchObject({ reason: 'hold-expired' });
    expect(await endings(gateway)).toEqual(['expired']);
  });

  test('is told to come back when its patience ends, and the approval then lets it pass once', async () => {
    await using gateway = await TestGateway.start(waits);
    const session = gateway.session();
    const first = holdOn(session);
    const { id } = await first.noticed;
    gateway.clock.advance(2 * minuteMs);
    expect(await denied(first.pending)).toMatchObject({
      reason: 'hold-open',
      message: expect.stringContaining(id),
      hint: expect.stringContaining('send exactly the same again'),
    });
    expect(gateway.clock.nowMs()).toBeLessThan((await gateway.openHold()).request.expiresAtMs);

    // Sent again before anybody has looked at it: asked about once.
    const second = holdOn(session);
    expect(await denied(second.pending)).toMatchObject({
      reason: 'hold-open',
      message: expect.stringContaining(id),
    });
    expect((await gateway.openHold()).request.id).toBe(id);

    await gateway.approvals.vote(id, bob, 'approve', '');
    const third = holdOn(session);
    expect(await third.pending.settled).toMatchObject({ kind: 'release', approvers: [party('bob')] });
    expect(await gateway.records('grant-used')).toMatchObject([
      { hold: id, action: third.held.id, session: session.id },
    ]);
    const fourth = holdOn(session);
    await fourth.noticed;
    expect((await gateway.openHold()).request.id).not.toBe(id);
    const opened = await gateway.records('hold-opened');
    expect(opened.map(({ action }) => action)).toEqual([first.held.id, fourth.held.id]);
    expect(await gateway.records('hold-ended')).toMatchObject([
      { hold: id, action: first.held.id, outcome: 'deferred' },
      { hold: id, action: second.held.id, outcome: 'deferred' },
    ]);
  });

  test.each(['before', 'after'])(
    'is told to come back when the gateway stops %s its hold was opened',
    async (when) => {
      await using gateway = await TestGateway.start(waits);
      const session = gateway.session();
      const { pending, noticed } = holdOn(session);
      if (when === 'after') await noticed;
      pending.defer();
      expect(await denied(pending)).toMatchObject({ reason: 'hold-open' });
      const { id } = (await gateway.openHold()).request;
      session.close('the gateway is shutting down');
      await gateway.approvals.vote(id, bob, 'approve', '');
      expect(await holdOn(gateway.session()).pending.settled).toMatchObject({ kind: 'release' });
      expect(await endings(gateway)).toEqual(['deferred']);
    },
  );

  test('is released by an approval that comes together with the end of its patience', async () => {
    await using gateway = await TestGateway.start(waits);
    const { pending, noticed } = holdOn(gateway.session());
    const { id } = await noticed;
    const vote = gateway.approvals.vote(id, bob, 'approve', '');
    gateway.clock.advance(2 * minuteMs);
    await vote;
    expect(await pending.settled).toMatchObject({ kind: 'release' });
  });

  test('that cancels withdraws its hold', async () => {
    await using gateway = await TestGateway.start(waits);
    const { pending, noticed } = holdOn(gateway.session());
    const { id } = await noticed;
    pending.withdraw();
    pending.withdraw();
    expect(await denied(pending)).toMatchObject({ reason: 'hold-withdrawn' });
    expect((await gateway.approvals.show(id))?.state).toBe('withdrawn');
    expect(await gateway.approvals.vote(id, bob, 'approve', '')).toMatchObject({ why: 'not-open' });
    expect(await endings(gateway)).toEqual(['withdrawn']);
  });

  test.each([
    ['wait', waits],
    ['defer', defers],
  ])('or leaves before its hold was even opened (%s) leaves no hold behind', async (_, text) => {
    await using gateway = await TestGateway.start(text);
    const { pending } = holdOn(gateway.session());
    pending.withdraw();
    expect(await denied(pending)).toMatchObject({ reason: 'hold-withdrawn' });
    const holds = await gateway.approvals.list();
    expect(holds.map(({ state }) => state)).toEqual(['withdrawn']);
    expect(await endings(gateway)).toEqual(['withdrawn']);
  });

  test('that leaves between the approval and its release is not released', async () => {
    await using gateway = await TestGateway.start(waits);
    const asked = Promise.withResolvers<void>();
    const answer = Promise.withResolvers<Intent>();
    const { pending, noticed } = holdOn(gateway.session(), deleting, () => {
      asked.resolve();
      return answer.promise;
    });
    await gateway.approvals.vote((await noticed).id, bob, 'approve', '');
    await asked.promise;
    pending.withdraw();
    answer.resolve(deleting.intent);
    expect(await denied(pending)).toMatchObject({ reason: 'hold-withdrawn' });
    expect(await endings(gateway)).toEqual(['withdrawn']);
  });

  test('loses its holds with its session', async () => {
    await using gateway = await TestGateway.start(waits);
    const session = gateway.session();
    const { pending, noticed } = holdOn(session);
    await noticed;
    const late = session.submit(actionOf('UPDATE app.users', ['update app.users']), null);
    session.close('the client left');
    expect(await denied(pending)).toMatchObject({ reason: 'hold-withdrawn' });
    if (late.kind !== 'hold') throw new Error('it was not held');
    // What was still on its way when the session ended must not open a hold that nobody can withdraw.
    expect(await denied(session.hold(late, { revalidate: async () => late.action.intent }))).toMatchObject({
      reason: 'hold-withdrawn',
    });
    expect((await gateway.approvals.list()).map(({ state }) => state)).toEqual(['withdrawn', 'withdrawn']);
  });

  test('keeps its session from being idle', async () => {
    await using gateway = await TestGateway.start(
      policy({ approval: 'within: 10m, wait: 10m', limits: 'idle: 1m' }),
    );
    const { pending, noticed } = holdOn(gateway.session());
    const { id } = await noticed;
    gateway.clock.advance(5 * minuteMs);
    expect(gateway.ends).toEqual([]);
    await gateway.approvals.vote(id, bob, 'reject', 'no');
    await pending.settled;
    gateway.clock.advance(minuteMs);
    expect(gateway.ends).toEqual([]);
    gateway.clock.advance(1000);
    expect(gateway.ends).toHaveLength(1);
  });
});

describe('a deferred hold', () => {
  test('answers at once, outlives its session, and is taken up by a later one of the same principal', async () => {
    await using gateway = await TestGateway.start(defers);
    const session = gateway.session();
    const { pending } = holdOn(session);
    expect(await denied(pending)).toMatchObject({ reason: 'hold-open' });
    const { request } = await gateway.openHold();
    expect(request.owner).toBeNull();
    // The client was told to come back; that it goes now is no reason to withdraw.
    pending.withdraw();
    session.close('the client left');
    expect((await gateway.openHold()).request.id).toBe(request.id);
    await gateway.approvals.vote(request.id, bob, 'approve', '');

    const stranger = holdOn(gateway.session(principal({ subject: 'agent-2' })));
    expect(await denied(stranger.pending)).toMatchObject({ reason: 'hold-open' });
    const other = { ...deleting, parameters: [{ text: '8', bound: Buffer.from('8') }] };
    expect(await denied(holdOn(gateway.session(), other).pending)).toMatchObject({ reason: 'hold-open' });
    expect(await holdOn(gateway.session()).pending.settled).toMatchObject({ kind: 'release' });
  });

  test('whose approval outlived what it was for is refused under its own id, and used up', async () => {
    await using gateway = await TestGateway.start(defers);
    const session = gateway.session();
    await holdOn(session).pending.settled;
    const { id } = (await gateway.openHold()).request;
    await gateway.approvals.vote(id, bob, 'approve', '');
    const changed = { ...deleting.intent, versions: ['app.orders@2'] };
    const again = holdOn(session, deleting, async () => changed);
    expect(await denied(again.pending)).toMatchObject({
      reason: 'changed-while-held',
      message: expect.stringContaining(id),
    });
    expect((await gateway.records('hold-ended')).at(-1)).toMatchObject({
      hold: id,
      action: again.held.id,
      outcome: 'changed',
    });
    expect(await denied(holdOn(session).pending)).toMatchObject({ reason: 'hold-open' });
  });
});

describe('grants for a while', () => {
  const window = (covers: string) => policy({ approval: `mode: defer, grant: {for: 5m, covers: ${covers}}` });
  const otherText = actionOf('DELETE FROM app.orders WHERE id = 1', ['delete app.orders']);

  test.each([
    ['action', 'hold-open'],
    ['rule', 'release'],
  ])('that cover the %s let the same pass again, and of another text say: %s', async (covers, expected) => {
    await using gateway = await TestGateway.start(window(covers));
    const session = gateway.session();
    await holdOn(session).pending.settled;
    await gateway.approvals.vote((await gateway.openHold()).request.id, bob, 'approve', '');
    for (let time = 0; time < 2; time += 1) {
      expect(await holdOn(session).pending.settled).toMatchObject({ kind: 'release' });
    }
    const other = await holdOn(session, otherText).pending.settled;
    expect(other.kind === 'deny' ? other.deny.reason : other.kind).toBe(expected);
    gateway.clock.advance(5 * minuteMs);
    expect(await holdOn(session).pending.settled).toMatchObject({ kind: 'deny' });
  });
});

describe('what was approved must still be what it was', () => {
  const approveAfter = async (
    change: (gateway: TestGateway) => void,
    revalidate: () => Promise<Intent>,
  ): Promise<readonly [string, readonly string[]]> => {
    await using gateway = await TestGateway.start(waits);
    const { pending, noticed } = holdOn(gateway.session(), deleting, revalidate);
    const { id } = await noticed;
    change(gateway);
    await gateway.approvals.vote(id, bob, 'approve', '');
    const settlement = await pending.settled;
    const said = settlement.kind === 'deny' ? settlement.deny.reason : settlement.kind;
    return [said, await endings(gateway)];
  };
  const same = async (): Promise<Intent> => deleting.intent;
  const nothing = (): void => undefined;

  test('the same analysis anew is the same', async () => {
    const anew = async (): Promise<Intent> =>
      intent(['delete app.orders'], { text: 'DELETE FROM app.orders', versions: ['app.orders@1'] });
    expect(await approveAfter(nothing, anew)).toEqual(['release', ['released']]);
  });

  test('a table that was altered meanwhile voids the approval', async () => {
    const altered = async (): Promise<Intent> => ({ ...deleting.intent, versions: ['app.orders@2'] });
    expect(await approveAfter(nothing, altered)).toEqual(['changed-while-held', ['changed']]);
  });

  test('a policy that was reloaded meanwhile voids it, a load of the same does not', async () => {
    const reload = (gateway: TestGateway): void => gateway.load(policy({ limits: 'rows: 7' }));
    expect(await approveAfter(reload, same)).toEqual(['changed-while-held', ['changed']]);
    expect(await approveAfter((gateway) => gateway.load(waits), same)).toEqual(['release', ['released']]);
  });

  test('an analysis that fails releases nothing', async () => {
    const failing = async (): Promise<Intent> => {
      throw new Error('the catalog cannot be read');
    };
    expect(await approveAfter(nothing, failing)).toEqual(['approvals-unavailable', ['unavailable']]);
  });
});

describe('what cannot be asked about is refused', () => {
  test('when the approvals are away, whatever the rule', async () => {
    await using gateway = await TestGateway.start(waits);
    const session = gateway.session();
    await gateway.approvals.close();
    expect(await denied(holdOn(session).pending)).toMatchObject({
      reason: 'approvals-unavailable',
      rule: { rule: 'change' },
    });
    expect(await endings(gateway)).toEqual(['unavailable']);
    expect(await gateway.records('hold-opened')).toEqual([]);
  });

  test('when the approvals go away while it waits, and its hold is then withdrawn', async () => {
    await using gateway = await TestGateway.start(waits);
    // The embedded store cannot lose its connection as Redis does; this is what a session then sees of it.
    const approvals: Approvals = {
      open: (request) => gateway.approvals.open(request),
      takeGrant: (digests) => gateway.approvals.takeGrant(digests),
      outcome: async () => {
        throw new ApprovalsError('unavailable', 'Redis is away');
      },
      defer: (id) => gateway.approvals.defer(id),
      withdraw: (id) => gateway.approvals.withdraw(id),
      vote: (...vote) => gateway.approvals.vote(...vote),
      show: (id) => gateway.approvals.show(id),
      list: () => gateway.approvals.list(),
    };
    await using cutOff = await TestGateway.start(waits, { approvals });
    expect(await denied(holdOn(cutOff.session()).pending)).toMatchObject({ reason: 'approvals-unavailable' });
    expect((await gateway.approvals.list()).map(({ state }) => state)).toEqual(['withdrawn']);
  });

  test('when it is too large to be shown to a person whole', async () => {
    await using gateway = await TestGateway.start(waits);
    const action = actionOf(`DELETE FROM app.orders -- ${'x'.repeat(300_000)}`, ['delete app.orders']);
    expect(await denied(holdOn(gateway.session(), action).pending)).toMatchObject({ reason: 'too-large' });
    expect(await gateway.approvals.list()).toEqual([]);
  });

  test('when the principal has as many open holds as it may', async () => {
    await using gateway = await TestGateway.start(defers);
    const session = gateway.session();
    const hold = (number: number) =>
      denied(holdOn(session, actionOf(`DELETE ${number}`, ['delete app.orders'])).pending);
    for (const number of [1, 2, 3]) expect(await hold(number)).toMatchObject({ reason: 'hold-open' });
    expect(await hold(4)).toMatchObject({ reason: 'limit-exceeded' });
    expect(await endings(gateway)).toEqual(['deferred', 'deferred', 'deferred', 'unavailable']);
  });
});

test('nobody in the chain of the requester approves for it', async () => {
  await using gateway = await TestGateway.start(waits);
  const issuer = 'https://login.example';
  const who = principal({ issuer, subject: 'agent-1', actsFor: [party('bob')] });
  const { noticed, pending } = holdOn(gateway.session(who));
  const { id } = await noticed;
  expect(await gateway.approvals.vote(id, bob, 'approve', '')).toMatchObject({
    why: 'requester-cannot-approve',
  });
  expect(await gateway.approvals.vote(id, cleo, 'approve', '')).toMatchObject({ kind: 'counted' });
  expect(await pending.settled).toMatchObject({ kind: 'release', approvers: [party('cleo')] });
});

describe('what the same command is about to ask for', () => {
  const updating = actionOf('UPDATE app.users', ['update app.users']);
  const ahead = (...actions: readonly Action[]) => ({
    of: (session: CheckpointSession, action: Action = deleting) =>
      holdOn(
        session,
        action,
        async () => action.intent,
        undefined,
        async () => actions,
      ),
  });

  test('is approved with it where the same rule holds it, and shown', async () => {
    await using gateway = await TestGateway.start(waits);
    const session = gateway.session();
    const { pending, noticed } = ahead(updating, reading, dropping, deleting, updating).of(session);
    const { id } = await noticed;
    const { alsoApproves } = (await gateway.openHold()).request;
    expect(alsoApproves).toMatchObject([{ text: 'UPDATE app.users', effects: ['update app.users'] }]);
    expect(await gateway.records('hold-opened')).toMatchObject([{ alsoApproves: ['update app.users'] }]);
    await gateway.approvals.vote(id, bob, 'approve', '');
    expect(await pending.settled).toMatchObject({ kind: 'release' });
    expect(await holdOn(session, updating).pending.settled).toMatchObject({ kind: 'release' });
    const again = holdOn(session, updating);
    await again.noticed;
  });

  test.each<[what: string, action: Action, who: Principal]>([
    ['other parameters', { ...updating, parameters: [{ text: '8', bound: Buffer.from('8') }] }, principal()],
    ['another state of its session', { ...updating, sessionState: 'SET ROLE x' }, principal()],
    [
      'other versions',
      { ...updating, intent: { ...updating.intent, versions: ['app.users@2'] } },
      principal(),
    ],
    ['another principal', updating, principal({ subject: 'agent-2' })],
    ['somebody behind it', updating, principal({ actsFor: [party('ann')] })],
  ])('is not approved with %s', async (_, action, who) => {
    await using gateway = await TestGateway.start(waits);
    const { pending, noticed } = ahead(updating).of(gateway.session());
    await gateway.approvals.vote((await noticed).id, bob, 'approve', '');
    await pending.settled;
    await holdOn(gateway.session(who), action).noticed;
  });

  test('is refused with it for a while when a person rejects it, and asked about again after that', async () => {
    await using gateway = await TestGateway.start(waits);
    const session = gateway.session();
    const { pending, noticed } = ahead(updating).of(session);
    const { id } = await noticed;
    await gateway.approvals.vote(id, bob, 'reject', 'all still needed');
    await pending.settled;
    const other = holdOn(session, updating);
    expect(await denied(other.pending)).toMatchObject({
      reason: 'hold-rejected',
      message: expect.stringContaining('all still needed'),
    });
    expect((await gateway.records('hold-ended')).at(-1)).toMatchObject({
      hold: id,
      action: other.held.id,
      outcome: 'rejected',
    });
    await holdOn(session, deleting).noticed;
    gateway.clock.advance(30_000);
    await holdOn(session, updating).noticed;
  });

  test('is shown as far as an approver can read it, and asked about later beyond that', async () => {
    await using gateway = await TestGateway.start(waits);
    const long = 'x'.repeat(1_000);
    const many = Array.from({ length: 300 }, (_, index) =>
      actionOf(`UPDATE app.t -- ${index}`, ['update app.t']),
    );
    const large = Array.from({ length: 300 }, (_, index) =>
      actionOf(`UPDATE app.t -- ${index} ${long}`, ['update app.t']),
    );
    const shown: number[] = [];
    for (const actions of [many, large]) {
      const { pending, noticed } = ahead(...actions).of(gateway.session());
      await noticed;
      shown.push((await gateway.openHold()).request.alsoApproves.length);
      pending.withdraw();
      await pending.settled;
    }
    expect(shown).toEqual([200, 86]);
  });

  test('is nothing of its own where the approval is for all that the rule holds', async () => {
    await using gateway = await TestGateway.start(
      policy({ approval: 'within: 10m, wait: 2m, grant: {for: 10m, covers: rule}' }),
    );
    const { noticed } = ahead(updating).of(gateway.session());
    await noticed;
    expect((await gateway.openHold()).request.alsoApproves).toEqual([]);
  });
});
