/** What every store of approvals must do: run over the embedded one and over Redis alike. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import {
  endedKeptMs,
  maxEndedHolds,
  maxGrantMs,
  maxHoldMs,
  maxQuorum,
  maxReasonBytes,
  maxRequestBytes,
} from '../../../services/core/approvals/limits.ts';
import type { Approvals, HoldRequest, VoteResult } from '../../../services/core/model/hold.ts';
import { newHoldId } from '../../../services/core/model/ids.ts';
import { ada, agent, bob, cleo, minuteMs, party, person, request } from './people.ts';

export interface StoreUnderTest {
  readonly approvals: Approvals & { close(): Promise<void> };
  /** Moves the store's time, and with it all timers. */
  advance(ms: number): Promise<void>;
  stop(): Promise<void>;
}

export const maxOpenPerPrincipal = 5;

const why = (result: VoteResult): string => (result.kind === 'refused' ? result.why : result.kind);

export function approvalsContract(start: () => Promise<StoreUnderTest>): void {
  let store: StoreUnderTest;
  let approvals: StoreUnderTest['approvals'];

  beforeEach(async () => {
    store = await start();
    approvals = store.approvals;
  });
  afterEach(() => store.stop());

  const stateOf = async (hold: HoldRequest): Promise<string | undefined> =>
    (await approvals.show(hold.id))?.state;
  const opened = async (given: Parameters<typeof request>[0] = {}): Promise<HoldRequest> => {
    const hold = request(given);
    expect(await approvals.open(hold)).toMatchObject({ kind: 'opened' });
    return hold;
  };
  const deferred = (given: Parameters<typeof request>[0] = {}): Promise<HoldRequest> =>
    opened({ owner: null, ...given });
  const window = (covers: 'action' | 'rule') => ({ kind: 'window', forMs: 10 * minuteMs, covers }) as const;

  describe('a client that waits', () => {
    test('is released by an approval, which is then used up', async () => {
      const hold = await opened();
      const outcome = approvals.outcome(hold.id);
      const vote = await approvals.vote(hold.id, bob, 'approve', 'looks right');
      expect(vote).toMatchObject({ kind: 'counted', approvalsLeft: 0, hold: { state: 'approved' } });
      expect(await outcome).toEqual({ kind: 'released', approvers: [party('bob')] });
      expect(await stateOf(hold)).toBe('used');
      expect(await approvals.takeGrant([hold.digest, hold.ruleDigest])).toBeNull();
    });

    test('is released when it begins to wait only after the approval', async () => {
      const hold = await opened();
      await approvals.vote(hold.id, bob, 'approve', '');
      expect(await stateOf(hold)).toBe('approved');
      expect(await approvals.outcome(hold.id)).toMatchObject({ kind: 'released' });
      expect(await approvals.outcome(hold.id)).toEqual({ kind: 'withdrawn' });
    });

    test('TOK-043: is released once, however many wait for the same hold', async () => {
      const hold = await opened();
      const outcomes = [1, 2, 3].map(() => approvals.outcome(hold.id));
      await approvals.vote(hold.id, bob, 'approve', '');
      const kinds = (await Promise.all(outcomes)).map((outcome) => outcome.kind);
      expect(kinds.sort()).toEqual(['released', 'withdrawn', 'withdrawn']);
    });

    test('is told who rejected it and why', async () => {
      const hold = await opened({ approval: { quorum: 2 } });
      const outcome = approvals.outcome(hold.id);
      await approvals.vote(hold.id, bob, 'approve', '');
      const vote = await approvals.vote(hold.id, cleo, 'reject', 'no WHERE');
      expect(vote).toMatchObject({ kind: 'counted', hold: { state: 'rejected' } });
      expect(await outcome).toEqual({ kind: 'rejected', by: party('cleo'), reason: 'no WHERE' });
      expect(await approvals.outcome(hold.id)).toEqual({
        kind: 'rejected',
        by: party('cleo'),
        reason: 'no WHERE',
      });
    });

    test('is told when the time is over', async () => {
      const hold = await opened();
      const outcome = approvals.outcome(hold.id);
      await store.advance(minuteMs - 10_000);
      expect(await stateOf(hold)).toBe('open');
      await store.advance(10_000);
      expect(await outcome).toEqual({ kind: 'expired' });
      expect(await stateOf(hold)).toBe('expired');
      expect(await approvals.outcome(hold.id)).toEqual({ kind: 'expired' });
    });

    test('is told when the hold is withdrawn', async () => {
      const hold = await opened();
      const outcome = approvals.outcome(hold.id);
      await approvals.withdraw(hold.id);
      expect(await outcome).toEqual({ kind: 'withdrawn' });
      expect(await stateOf(hold)).toBe('withdrawn');
      expect(why(await approvals.vote(hold.id, bob, 'approve', ''))).toBe('not-open');
    });

    test('can leave between the approval and its release', async () => {
      const hold = await opened();
      await approvals.vote(hold.id, bob, 'approve', '');
      await approvals.withdraw(hold.id);
      expect(await stateOf(hold)).toBe('withdrawn');
      expect(await approvals.outcome(hold.id)).toEqual({ kind: 'withdrawn' });
    });

    test('is told when the hold is deferred', async () => {
      const hold = await opened();
      const outcome = approvals.outcome(hold.id);
      expect(await approvals.defer(hold.id)).toBe(true);
      expect(await outcome).toEqual({ kind: 'deferred' });
      expect((await approvals.show(hold.id))?.request.owner).toBeNull();
    });

    test('waits in vain for a hold that nobody knows', async () => {
      expect(await approvals.outcome(newHoldId())).toEqual({ kind: 'withdrawn' });
    });

    test('is one of 500 that all get their answer', async () => {
      const holds = await Promise.all(
        Array.from({ length: 500 }, (_, n) => opened({ requester: party(`agent ${n}`) })),
      );
      const outcomes = holds.map((hold) => approvals.outcome(hold.id));
      await Promise.all(
        holds.map((hold, n) => approvals.vote(hold.id, bob, n % 2 ? 'approve' : 'reject', '')),
      );
      const kinds = (await Promise.all(outcomes)).map((outcome) => outcome.kind);
      expect(kinds).toEqual(holds.map((_, n) => (n % 2 ? 'released' : 'rejected')));
    });
  });

  describe('votes', () => {
    test('count towards a quorum of distinct people', async () => {
      const hold = await opened({ approval: { quorum: 2 } });
      const outcome = approvals.outcome(hold.id);
      const first = await approvals.vote(hold.id, bob, 'approve', 'one');
      expect(first).toMatchObject({ kind: 'counted', approvalsLeft: 1, hold: { state: 'open' } });
      expect(why(await approvals.vote(hold.id, bob, 'approve', 'again'))).toBe('already-voted');
      expect(why(await approvals.vote(hold.id, bob, 'reject', 'or not'))).toBe('already-voted');
      expect((await approvals.show(hold.id))?.votes).toHaveLength(1);
      // The same subject of another issuer is another person.
      const other = person('bob', { issuer: 'https://other.example' });
      expect(await approvals.vote(hold.id, other, 'approve', 'two')).toMatchObject({ approvalsLeft: 0 });
      const approvers = [party('bob'), { issuer: 'https://other.example', subject: 'bob' }];
      expect(await outcome).toEqual({ kind: 'released', approvers });
      expect((await approvals.show(hold.id))?.votes.map((vote) => vote.reason)).toEqual(['one', 'two']);
    });

    test('of one person at the same time count once', async () => {
      const hold = await opened({ approval: { quorum: 2 } });
      const votes = await Promise.all([1, 2, 3].map(() => approvals.vote(hold.id, bob, 'approve', '')));
      expect(votes.map(why).sort()).toEqual(['already-voted', 'already-voted', 'counted']);
    });

    test('TOK-043: to approve and to reject at the same time are decided once', async () => {
      for (let round = 0; round < 20; round += 1) {
        const hold = await opened();
        const outcome = approvals.outcome(hold.id);
        const votes = await Promise.all([
          approvals.vote(hold.id, bob, round % 2 ? 'approve' : 'reject', ''),
          approvals.vote(hold.id, cleo, round % 2 ? 'reject' : 'approve', ''),
        ]);
        expect(votes.map(why).sort()).toEqual(['counted', 'not-open']);
        const counted = votes.find((vote) => vote.kind === 'counted');
        const released = counted?.kind === 'counted' && counted.hold.state === 'approved';
        expect((await outcome).kind).toBe(released ? 'released' : 'rejected');
      }
    });

    test('that may not be cast are refused, and change nothing', async () => {
      const hold = await opened();
      const votes = [
        [newHoldId(), bob, 'unknown-hold'],
        [hold.id, person('agent-1'), 'requester-cannot-approve'],
        [hold.id, ada, 'requester-cannot-approve'],
        [hold.id, agent('agent-2'), 'not-an-approver'],
        [hold.id, person('dora', { groups: [] }), 'not-an-approver'],
      ] as const;
      for (const [id, approver, refusal] of votes) {
        expect(await approvals.vote(id, approver, 'approve', '')).toEqual({ kind: 'refused', why: refusal });
        expect(await approvals.vote(id, approver, 'reject', '')).toEqual({ kind: 'refused', why: refusal });
      }
      expect(await approvals.show(hold.id)).toMatchObject({ state: 'open', votes: [] });
    });

    test('come too late after the end', async () => {
      const approved = await opened();
      await approvals.vote(approved.id, bob, 'approve', '');
      expect(why(await approvals.vote(approved.id, cleo, 'approve', ''))).toBe('not-open');
      const rejected = await opened();
      await approvals.vote(rejected.id, bob, 'reject', '');
      expect(why(await approvals.vote(rejected.id, cleo, 'approve', ''))).toBe('not-open');
      const expired = await opened();
      await store.advance(minuteMs);
      expect(why(await approvals.vote(expired.id, bob, 'approve', ''))).toBe('expired');
      expect(why(await approvals.vote(expired.id, bob, 'approve', ''))).toBe('expired');
      // It was approved in time, and its client still waits.
      expect(await approvals.outcome(approved.id)).toMatchObject({ kind: 'released' });
    });

    test('keep the voter’s own words, but not without end', async () => {
      const hold = await opened({ approval: { quorum: 2 } });
      const words = 'ü'.repeat(maxReasonBytes / 2);
      await expect(approvals.vote(hold.id, bob, 'approve', `${words}.`)).rejects.toMatchObject({
        code: 'too-large',
      });
      await approvals.vote(hold.id, bob, 'approve', words);
      expect((await approvals.show(hold.id))?.votes).toMatchObject([
        { approver: party('bob'), verdict: 'approve', reason: words },
      ]);
    });
  });

  describe('a deferred hold', () => {
    test('becomes a grant for exactly its action, once', async () => {
      const hold = await deferred();
      expect(await approvals.takeGrant([hold.digest, hold.ruleDigest])).toBeNull();
      await approvals.vote(hold.id, bob, 'approve', '');
      expect(await stateOf(hold)).toBe('approved');
      expect(await approvals.takeGrant(['another digest', hold.ruleDigest])).toBeNull();
      expect(await approvals.takeGrant([hold.digest, hold.ruleDigest])).toMatchObject({
        hold: hold.id,
        scope: { kind: 'exact' },
        digest: hold.digest,
        approvers: [party('bob')],
      });
      expect(await approvals.takeGrant([hold.digest, hold.ruleDigest])).toBeNull();
      expect(await approvals.outcome(hold.id)).toEqual({ kind: 'deferred' });
    });

    test('TOK-043: is run by one of many that ask at once', async () => {
      const hold = await deferred();
      await approvals.vote(hold.id, bob, 'approve', '');
      const taken = await Promise.all(
        Array.from({ length: 10 }, () => approvals.takeGrant([hold.digest, hold.ruleDigest])),
      );
      expect(taken.filter((grant) => grant !== null)).toHaveLength(1);
    });

    test('can be one that a client waited for', async () => {
      const hold = await opened({ approval: { quorum: 2 } });
      await approvals.vote(hold.id, bob, 'approve', '');
      expect(await approvals.defer(hold.id)).toBe(true);
      expect(await approvals.defer(hold.id)).toBe(true);
      await approvals.vote(hold.id, cleo, 'approve', '');
      expect(await approvals.takeGrant([hold.digest, hold.ruleDigest])).toMatchObject({
        approvers: [party('bob'), party('cleo')],
      });
    });

    test('cannot be made of one that has ended', async () => {
      const approved = await opened();
      await approvals.vote(approved.id, bob, 'approve', '');
      expect(await approvals.defer(approved.id)).toBe(false);
      expect(await approvals.outcome(approved.id)).toMatchObject({ kind: 'released' });
      const expired = await opened();
      await store.advance(minuteMs);
      expect(await approvals.defer(expired.id)).toBe(false);
      expect(await approvals.defer(newHoldId())).toBe(false);
    });

    test('ends like any other', async () => {
      const [rejected, withdrawn, expired] = [await deferred(), await deferred(), await deferred()];
      await approvals.vote(rejected.id, bob, 'reject', 'no');
      await approvals.withdraw(withdrawn.id);
      expect(await approvals.outcome(rejected.id)).toMatchObject({ kind: 'rejected' });
      expect(await approvals.outcome(withdrawn.id)).toEqual({ kind: 'withdrawn' });
      await store.advance(minuteMs);
      expect(why(await approvals.vote(expired.id, bob, 'approve', ''))).toBe('expired');
      for (const hold of [rejected, withdrawn, expired]) {
        expect(await approvals.takeGrant([hold.digest, hold.ruleDigest])).toBeNull();
      }
    });

    test('stays approved when it is withdrawn after its approval', async () => {
      const hold = await deferred();
      await approvals.vote(hold.id, bob, 'approve', '');
      await approvals.withdraw(hold.id);
      expect(await stateOf(hold)).toBe('approved');
    });

    test('stands for its action when that is sent again', async () => {
      const hold = await deferred();
      const again = request({ owner: null, digest: hold.digest });
      const answer = await approvals.open(again);
      expect(answer).toMatchObject({ kind: 'exists', id: hold.id });
      expect(await approvals.show(again.id)).toBeNull();
      const waiting = request({ digest: hold.digest });
      expect(await approvals.open(waiting)).toEqual(answer);
      expect(await approvals.list()).toHaveLength(1);

      const shown = await approvals.show(hold.id);
      expect(answer).toMatchObject({ expiresAtMs: shown?.request.expiresAtMs });
    });

    test('stands for nobody else’s action, and for none that waits or has ended', async () => {
      const hold = await deferred();
      await deferred({ digest: hold.digest, requester: party('agent-2') });
      await approvals.vote(hold.id, bob, 'approve', '');
      await deferred({ digest: hold.digest });
      const waiting = await opened();
      await opened({ digest: waiting.digest });
      await approvals.defer(waiting.id);
      expect(await approvals.open(request({ digest: waiting.digest }))).toMatchObject({
        kind: 'exists',
        id: waiting.id,
      });
    });
  });

  describe('what a hold also approves', () => {
    const others = ['a1', 'b2'];
    const alsoApproves = others.map((digest) => ({ digest, text: `text of ${digest}`, effects: [] }));

    test.each([
      ['whose client waits', 'gateway-1'],
      ['that was deferred', null],
    ])('is let through once each, exactly, by the approval of a hold %s', async (_, owner) => {
      const hold = await opened({ owner, alsoApproves, approval: { quorum: 2 } });
      expect((await approvals.show(hold.id))?.request.alsoApproves).toEqual(alsoApproves);
      await approvals.vote(hold.id, bob, 'approve', '');
      for (const digest of others) expect(await approvals.takeGrant([digest])).toBeNull();
      await approvals.vote(hold.id, cleo, 'approve', '');
      for (const digest of others) {
        const grant = await approvals.takeGrant([digest, 'rule']);
        const approvers = [party('bob'), party('cleo')];
        expect(grant).toMatchObject({ hold: hold.id, scope: { kind: 'exact' }, digest, approvers });
        expect(await approvals.takeGrant([digest, 'rule'])).toBeNull();
      }
      expect(await approvals.takeGrant(['c3'])).toBeNull();
    });

    test('is let through once each where the action itself may be done for a while', async () => {
      const hold = await opened({ alsoApproves, approval: { grant: window('action') } });
      await approvals.vote(hold.id, bob, 'approve', '');
      expect(await approvals.takeGrant(['a1'])).toMatchObject({ scope: { kind: 'exact' } });
      expect(await approvals.takeGrant(['a1'])).toBeNull();
      expect(await approvals.takeGrant([hold.digest])).toMatchObject({ scope: { kind: 'window' } });
    });

    test('is let through for as long as there was to approve', async () => {
      const hold = await opened({ alsoApproves });
      await approvals.vote(hold.id, bob, 'approve', '');
      await store.advance(minuteMs - 5_000);
      expect(await approvals.takeGrant(['a1'])).not.toBeNull();
      await store.advance(5_000);
      expect(await approvals.takeGrant(['b2'])).toBeNull();
    });

    test('is not let through by a hold that ends in another way', async () => {
      const [rejected, withdrawn] = [await opened({ alsoApproves }), await opened({ alsoApproves })];
      await opened({ alsoApproves });
      await approvals.vote(rejected.id, bob, 'reject', 'no');
      await approvals.withdraw(withdrawn.id);
      await store.advance(minuteMs);
      for (const digest of others) expect(await approvals.takeGrant([digest])).toBeNull();
    });

    test('is asked about once, for the requester who was told to come back', async () => {
      const hold = await deferred({ alsoApproves });
      const exists = { kind: 'exists', id: hold.id };
      for (const digest of others) {
        expect(await approvals.open(request({ owner: null, digest }))).toMatchObject(exists);
        expect(await approvals.open(request({ digest }))).toMatchObject(exists);
      }
      await deferred({ digest: 'a1', requester: party('agent-2') });
      await approvals.vote(hold.id, bob, 'approve', '');
      await deferred({ digest: 'a1' });
    });

    test('is asked about once when its hold is deferred later, and by itself while its client waits', async () => {
      const hold = await opened({ alsoApproves });
      const beside = await opened({ digest: 'a1' });
      await approvals.withdraw(beside.id);
      await approvals.defer(hold.id);
      expect(await approvals.open(request({ digest: 'a1' }))).toMatchObject({ kind: 'exists', id: hold.id });
      await approvals.withdraw(hold.id);
      await opened({ digest: 'a1' });
    });
  });

  describe('a grant', () => {
    test('for one use lasts as long from the approval as there was to approve', async () => {
      const late = await deferred();
      await store.advance(minuteMs / 2);
      await approvals.vote(late.id, bob, 'approve', '');
      const forgotten = await deferred();
      await approvals.vote(forgotten.id, bob, 'approve', '');
      await store.advance(minuteMs - 5_000);
      expect(await approvals.takeGrant([late.digest, late.ruleDigest])).not.toBeNull();
      await store.advance(5_000);
      expect(await approvals.takeGrant([forgotten.digest, forgotten.ruleDigest])).toBeNull();
    });

    test.each(['action', 'rule'] as const)(
      'for a while covers its %s, any number of times',
      async (covers) => {
        const hold = await deferred({ approval: { grant: window(covers) } });
        await approvals.vote(hold.id, bob, 'approve', '');
        const same = () => approvals.takeGrant([hold.digest, 'another rule digest']);
        const sameRule = () => approvals.takeGrant(['another digest', hold.ruleDigest]);
        for (let use = 0; use < 3; use += 1) {
          expect((await same()) !== null).toBe(covers === 'action');
          expect((await sameRule()) !== null).toBe(covers === 'rule');
        }
        await store.advance(10 * minuteMs);
        expect(await approvals.takeGrant([hold.digest, hold.ruleDigest])).toBeNull();
      },
    );

    test('for a while is left behind by a client that was released', async () => {
      const hold = await opened({ approval: { grant: window('rule') } });
      const outcome = approvals.outcome(hold.id);
      await approvals.vote(hold.id, bob, 'approve', '');
      expect(await outcome).toMatchObject({ kind: 'released' });
      expect(await approvals.takeGrant(['another digest', hold.ruleDigest])).toMatchObject({
        hold: hold.id,
        scope: window('rule'),
        digest: hold.ruleDigest,
      });
    });

    test('for one use is spared while one for a while covers the action', async () => {
      const once = await deferred();
      await approvals.vote(once.id, bob, 'approve', '');
      const lasting = await deferred({ ruleDigest: once.ruleDigest, approval: { grant: window('rule') } });
      await approvals.vote(lasting.id, bob, 'approve', '');
      expect(await approvals.takeGrant([once.digest, once.ruleDigest])).toMatchObject({ hold: lasting.id });
      expect(await approvals.takeGrant([once.digest, 'another rule'])).toMatchObject({ hold: once.id });
      expect(await approvals.takeGrant([once.digest, 'another rule'])).toBeNull();
    });

    test('for one use is there for each hold that was approved', async () => {
      const first = await opened();
      const { digest } = first;
      const second = await opened({ digest });
      await approvals.defer(first.id);
      await approvals.defer(second.id);
      await approvals.vote(first.id, bob, 'approve', '');
      await approvals.vote(second.id, bob, 'approve', '');
      const taken = [
        await approvals.takeGrant([digest, '']),
        await approvals.takeGrant([digest, '']),
        await approvals.takeGrant([digest, '']),
      ];
      expect(taken.map((grant) => grant !== null)).toEqual([true, true, false]);
    });
  });

  describe('limits', () => {
    test('TOK-051: one requester has only so many open holds', async () => {
      const holds = await Promise.all(Array.from({ length: 12 }, () => approvals.open(request())));
      expect(holds.filter((hold) => hold.kind === 'opened')).toHaveLength(maxOpenPerPrincipal);
      expect(await approvals.open(request({ requester: party('agent-2') }))).toMatchObject({
        kind: 'opened',
      });
      expect(await approvals.open(request({ owner: null }))).toEqual({ kind: 'too-many' });
    });

    test('a hold that has ended makes room for another', async () => {
      const holds = [await opened(), await opened(), await opened(), await opened(), await opened()];
      const [approved, rejected, withdrawn] = holds;
      expect(await approvals.open(request())).toEqual({ kind: 'too-many' });
      if (approved) await approvals.vote(approved.id, bob, 'approve', '');
      if (rejected) await approvals.vote(rejected.id, bob, 'reject', '');
      if (withdrawn) await approvals.withdraw(withdrawn.id);
      await opened();
      await opened();
      await opened();
      expect(await approvals.open(request())).toEqual({ kind: 'too-many' });
      await store.advance(minuteMs);
      await opened();
    });

    test('TOK-049: what approvers are shown is whole, or refused', async () => {
      const odd = 'DELETE --\u202e 1 = di EREHW\u202c\u0000 \ud800 "\\" ключ 🔑';
      const rest = maxRequestBytes - Buffer.byteLength(JSON.stringify(request({ text: odd, digest: 'd' })));
      const text = odd + 'x'.repeat(rest - 100);
      const hold = await opened({ text, digest: 'd', parameters: [odd, null] });
      const shown = await approvals.show(hold.id);
      expect(shown?.request).toEqual({
        ...hold,
        openedAtMs: expect.any(Number),
        expiresAtMs: expect.any(Number),
      });
      expect((shown?.request.expiresAtMs ?? 0) - (shown?.request.openedAtMs ?? 0)).toBe(minuteMs);
      const over = request({ text: 'x'.repeat(maxRequestBytes) });
      await expect(approvals.open(over)).rejects.toMatchObject({ code: 'too-large' });
      expect(await approvals.show(over.id)).toBeNull();
    });

    test.each([
      { quorum: 0 },
      { quorum: 1.5 },
      { quorum: Number.NaN },
      { quorum: maxQuorum + 1 },
      { withinMs: 0 },
      { withinMs: maxHoldMs + 1 },
      { withinMs: Number.POSITIVE_INFINITY },
      { grant: { kind: 'window', forMs: -1, covers: 'rule' } },
      { grant: { kind: 'window', forMs: maxGrantMs + 1, covers: 'rule' } },
    ] as const)('terms that cannot be kept are refused: %j', async (approval) => {
      const hold = request({ approval });
      await expect(approvals.open(hold)).rejects.toMatchObject({ code: 'invalid-request' });
      expect(await approvals.list()).toEqual([]);
    });

    test('an id is used once', async () => {
      const hold = await opened();
      await expect(approvals.open(hold)).rejects.toMatchObject({ code: 'invalid-request' });
      await approvals.withdraw(hold.id);
      await expect(approvals.open(hold)).rejects.toMatchObject({ code: 'invalid-request' });
    });
  });

  describe('the list', () => {
    const listed = async (): Promise<readonly (readonly [string, string])[]> =>
      (await approvals.list()).map((hold) => [hold.request.id, hold.state]);

    test('shows open holds first, newest first, then what ended, the last first', async () => {
      const holds: HoldRequest[] = [];
      for (let n = 0; n < 5; n += 1) {
        holds.push(await opened());
        await store.advance(10);
      }
      const [first, second, third, fourth, fifth] = holds.map((hold) => hold.id);
      if (second) await approvals.withdraw(second);
      if (fourth) await approvals.vote(fourth, bob, 'reject', '');
      expect(await listed()).toEqual([
        [fifth, 'open'],
        [third, 'open'],
        [first, 'open'],
        [fourth, 'rejected'],
        [second, 'withdrawn'],
      ]);
      await store.advance(minuteMs);
      expect((await listed()).map(([id]) => id)).toEqual([fifth, third, first, fourth, second]);
    });

    test('keeps what ended for a while', async () => {
      const hold = await opened();
      await approvals.withdraw(hold.id);
      await store.advance(endedKeptMs - 10_000);
      expect(await listed()).toEqual([[hold.id, 'withdrawn']]);
      await store.advance(10_000);
      expect(await listed()).toEqual([]);
      expect(await approvals.show(hold.id)).toBeNull();
    });

    test('keeps only so many of those that ended', async () => {
      const ids: string[] = [];
      for (let n = 0; n < maxEndedHolds + 10; n += 1) {
        const hold = await opened();
        await approvals.withdraw(hold.id);
        ids.push(hold.id);
      }
      expect((await listed()).map(([id]) => id)).toEqual(ids.slice(10).reverse());
    });
  });

  describe('closing', () => {
    test('withdraws what clients of this process wait for', async () => {
      const hold = await opened();
      const outcome = approvals.outcome(hold.id);
      await deferred();
      await approvals.close();
      expect(await outcome).toEqual({ kind: 'withdrawn' });
      await approvals.close();
    });

    test('ends all work with a typed error', async () => {
      const hold = await opened();
      await approvals.close();
      for (const call of [
        () => approvals.open(request()),
        () => approvals.takeGrant(['', '']),
        () => approvals.outcome(hold.id),
        () => approvals.defer(hold.id),
        () => approvals.withdraw(hold.id),
        () => approvals.vote(hold.id, bob, 'approve', ''),
        () => approvals.show(hold.id),
        () => approvals.list(),
      ]) {
        await expect(call()).rejects.toMatchObject({ name: 'ApprovalsError', code: 'closed' });
      }
    });
  });
}
