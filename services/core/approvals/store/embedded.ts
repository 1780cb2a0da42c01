import type { Clock, Timer } from '../../model/clock.ts';
import { messageOf } from '../../model/errors.ts';
import {
  type Approvals,
  ApprovalsError,
  type Grant,
  type Hold,
  type HoldOutcome,
  type HoldRequest,
  type OpenResult,
  type Vote,
  type VoteResult,
} from '../../model/hold.ts';
import { type HoldId, newGrantId } from '../../model/ids.ts';
import type { Logger } from '../../model/log.ts';
import { type Principal, sameParty } from '../../model/principal.ts';
import { acceptedReason, acceptedRequest } from '../acceptable.ts';
import { voteRefusal } from '../eligibility.ts';
import { maxOpenHolds } from '../limits.ts';
import { alsoGrantsLastMs, approvalsLeft, approversOf, approves, grantTerms } from '../votes.ts';
import { Journal } from './journal.ts';
import { Ledger } from './ledger.ts';
import type { LedgerEvent } from './ledger-event.ts';

export interface EmbeddedApprovalsParts {
  /** Absolute path of the journal; its folder is there. */
  readonly journal: string;
  readonly maxOpenPerPrincipal: number;
  readonly clock: Clock;
  readonly log: Logger;
}

type Waiter = (outcome: HoldOutcome) => void;

/**
 * Holds and grants in this process, journalled to disk. Every command decides, writes its event and applies it
 * within one synchronous section, so that no two commands can interleave.
 */
export class EmbeddedApprovals implements Approvals {
  readonly #parts: EmbeddedApprovalsParts;
  readonly #ledger = new Ledger();
  readonly #journal: Journal;
  readonly #waiters = new Map<HoldId, Waiter[]>();
  readonly #timers = new Map<HoldId, Timer>();
  #closed = false;

  /**
   * Reads the journal. The clients of the process that wrote it are gone, so what they waited for is withdrawn.
   * @throws ApprovalsError `corrupt`, `unavailable`
   */
  constructor(parts: EmbeddedApprovalsParts) {
    this.#parts = parts;
    this.#journal = new Journal(parts.journal, parts.log, (event) => this.#ledger.apply(event));
    this.#expireDue();
    this.#withdrawWaitedFor();
    this.#journal.rewrite(this.#ledger.snapshot());
  }

  async open(request: HoldRequest): Promise<OpenResult> {
    const nowMs = this.#begin();
    acceptedRequest(request);
    const { id, digest, requester, owner, approval } = request;
    if (this.#ledger.hold(id) !== null) {
      throw new ApprovalsError('invalid-request', `hold ${id}: the id was used before`);
    }
    const openHolds = this.#ledger.openOf(requester);
    const same = openHolds.find((hold) => hold.request.owner === null && approves(hold.request, digest));
    if (same !== undefined) {
      return { kind: 'exists', id: same.request.id, expiresAtMs: same.request.expiresAtMs };
    }
    const full =
      openHolds.length >= this.#parts.maxOpenPerPrincipal || this.#ledger.openCount >= maxOpenHolds;
    if (full) return { kind: 'too-many' };
    const expiresAtMs = nowMs + approval.withinMs;
    this.#commit({ kind: 'opened', request: { ...request, openedAtMs: nowMs, expiresAtMs } });
    if (owner === null) {
      await this.#journal.sync();
    } else {
      // A waiting hold does not survive this process, so nothing of it needs to reach the disk itself.
      const timer = this.#parts.clock.after(approval.withinMs, () => this.#timeIsOver(id));
      this.#timers.set(id, timer);
    }
    return { kind: 'opened', expiresAtMs };
  }

  async takeGrant(digests: readonly string[]): Promise<Grant | null> {
    const nowMs = this.#begin();
    const grant = this.#ledger.grantFor(digests, nowMs);
    if (grant?.scope.kind === 'exact') {
      this.#commit({ kind: 'grant-used', grant: { id: grant.id, digest: grant.digest } });
      // Before the action runs: a loss of power must not bring the grant back.
      await this.#journal.sync();
    }
    return grant;
  }

  async outcome(id: HoldId): Promise<HoldOutcome> {
    this.#begin();
    const decided = this.#claim(id);
    if (decided !== null) return decided;
    const { promise, resolve } = Promise.withResolvers<HoldOutcome>();
    this.#waiters.set(id, [...(this.#waiters.get(id) ?? []), resolve]);
    return promise;
  }

  async defer(id: HoldId): Promise<boolean> {
    this.#begin();
    const hold = this.#ledger.hold(id);
    if (hold?.state !== 'open') return false;
    if (hold.request.owner !== null) this.#commit({ kind: 'deferred', hold: id });
    await this.#journal.sync();
    return true;
  }

  async withdraw(id: HoldId): Promise<void> {
    const nowMs = this.#begin();
    const hold = this.#ledger.hold(id);
    if (hold === null) return;
    const { state, request } = hold;
    const unused = state === 'approved' && request.owner !== null;
    if (state !== 'open' && !unused) return;
    this.#commit({ kind: 'ended', hold: id, state: 'withdrawn', atMs: nowMs });
    if (request.owner === null) await this.#journal.sync();
  }

  async vote(id: HoldId, approver: Principal, verdict: Vote['verdict'], reason: string): Promise<VoteResult> {
    const nowMs = this.#begin();
    const hold = this.#ledger.hold(id);
    if (hold === null) return { kind: 'refused', why: 'unknown-hold' };
    const refusal = voteRefusal(hold.request, approver);
    if (refusal !== null) return { kind: 'refused', why: refusal };
    if (hold.state === 'expired') return { kind: 'refused', why: 'expired' };
    if (hold.state !== 'open') return { kind: 'refused', why: 'not-open' };
    if (hold.votes.some((vote) => sameParty(vote.approver, approver))) {
      return { kind: 'refused', why: 'already-voted' };
    }
    const vote: Vote = {
      approver: { issuer: approver.issuer, subject: approver.subject },
      verdict,
      reason: acceptedReason(reason),
      atMs: nowMs,
    };
    const votes = [...hold.votes, vote];
    const left = approvalsLeft(hold.request, votes);
    const state = verdict === 'reject' ? 'rejected' : left === 0 ? 'approved' : 'open';
    const grant = state === 'approved' ? grantBy(hold.request, votes, nowMs) : null;
    const alsoGrants = state === 'approved' ? alsoGrantsBy(hold.request, votes, nowMs) : [];
    const leavesGrants = grant !== null || alsoGrants.length > 0;
    if (leavesGrants) this.#ledger.forgetGrants(nowMs);
    this.#commit({ kind: 'voted', hold: id, vote, state, grant, alsoGrants });
    if (hold.request.owner === null || leavesGrants) await this.#journal.sync();
    return { kind: 'counted', hold: { request: hold.request, state, votes }, approvalsLeft: left };
  }

  async show(id: HoldId): Promise<Hold | null> {
    this.#begin();
    return this.#ledger.hold(id);
  }

  async list(): Promise<readonly Hold[]> {
    this.#begin();
    return this.#ledger.holds();
  }

  /** Withdraws what clients of this process wait for; deferred holds and grants stay. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    try {
      this.#withdrawWaitedFor();
    } catch (error) {
      // The journal cannot be written; the next start withdraws them all the same.
      this.#parts.log.warn({ error: messageOf(error) }, 'open holds could not be withdrawn on disk');
    }
    for (const waiters of this.#waiters.values())
      for (const resolve of waiters) resolve({ kind: 'withdrawn' });
    this.#waiters.clear();
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
    await this.#journal.close();
  }

  /** What every command does first. @returns the time of this command */
  #begin(): number {
    if (this.#closed) throw new ApprovalsError('closed', 'the approvals are closed');
    return this.#expireDue();
  }

  #expireDue(): number {
    const nowMs = this.#parts.clock.nowMs();
    for (const hold of this.#ledger.due(nowMs)) this.#expire(hold, hold.request.expiresAtMs);
    this.#ledger.forgetEnded(nowMs);
    return nowMs;
  }

  #expire(hold: Hold, atMs: number): void {
    this.#commit({ kind: 'ended', hold: hold.request.id, state: 'expired', atMs });
  }

  #withdrawWaitedFor(): void {
    const nowMs = this.#parts.clock.nowMs();
    for (const hold of this.#ledger.waitedFor()) {
      this.#commit({ kind: 'ended', hold: hold.request.id, state: 'withdrawn', atMs: nowMs });
    }
  }

  /** By the timer, whatever the wall clock says: it may have been set back since. */
  #timeIsOver(id: HoldId): void {
    this.#timers.delete(id);
    const hold = this.#ledger.hold(id);
    if (hold?.state !== 'open') return;
    try {
      this.#expire(hold, this.#parts.clock.nowMs());
    } catch (error) {
      this.#parts.log.error({ hold: id, error: messageOf(error) }, 'an expired hold could not be recorded');
      this.#settle(id, () => ({ kind: 'expired' }));
    }
  }

  /** Writes, applies, and tells whoever waits. @throws ApprovalsError `unavailable`: then nothing has changed. */
  #commit(event: LedgerEvent): void {
    this.#journal.append(event);
    this.#ledger.apply(event);
    if (this.#journal.worthRewriting) this.#journal.rewrite(this.#ledger.snapshot());
    if (event.kind === 'voted' || event.kind === 'deferred' || event.kind === 'ended') {
      this.#settle(event.hold, () => this.#claim(event.hold));
    }
  }

  #settle(id: HoldId, claim: () => HoldOutcome | null): void {
    const hold = this.#ledger.hold(id);
    if (hold?.state !== 'open' || hold.request.owner === null) {
      this.#timers.get(id)?.cancel();
      this.#timers.delete(id);
    }
    const waiters = this.#waiters.get(id) ?? [];
    this.#waiters.delete(id);
    const undecided: Waiter[] = [];
    for (const resolve of waiters) {
      const outcome = claim();
      if (outcome === null) undecided.push(resolve);
      else resolve(outcome);
    }
    if (undecided.length > 0) this.#waiters.set(id, undecided);
  }

  /** How a hold ended for one who waits, null while it is open. What was approved is used up by being told so. */
  #claim(id: HoldId): HoldOutcome | null {
    const hold = this.#ledger.hold(id);
    if (hold === null) return { kind: 'withdrawn' };
    const { state, request, votes } = hold;
    switch (state) {
      case 'open':
        return request.owner === null ? { kind: 'deferred' } : null;
      case 'approved':
        return request.owner === null ? { kind: 'deferred' } : this.#use(hold);
      case 'rejected': {
        const last = votes.at(-1);
        if (last === undefined) throw new ApprovalsError('corrupt', `hold ${id} was rejected by nobody`);
        return { kind: 'rejected', by: last.approver, reason: last.reason };
      }
      case 'expired':
        return { kind: 'expired' };
      case 'used':
      case 'withdrawn':
        return { kind: 'withdrawn' };
    }
  }

  #use(hold: Hold): HoldOutcome {
    const { id } = hold.request;
    const event = { kind: 'ended', hold: id, state: 'used', atMs: this.#parts.clock.nowMs() } as const;
    try {
      this.#journal.append(event);
    } catch (error) {
      // What is not on record as used is not released.
      this.#parts.log.error({ hold: id, error: messageOf(error) }, 'an approved hold could not be released');
      return { kind: 'withdrawn' };
    }
    this.#ledger.apply(event);
    return { kind: 'released', approvers: approversOf(hold.votes) };
  }
}

/** What an approval leaves behind: nothing when a waiting client takes it up at once and that is all it was for. */
function grantBy(request: HoldRequest, votes: readonly Vote[], nowMs: number): Grant | null {
  const scope = request.approval.grant;
  if (request.owner !== null && scope.kind === 'exact') return null;
  const { digest, lastsMs } = grantTerms(request);
  return {
    id: newGrantId(),
    hold: request.id,
    scope,
    digest,
    approvers: approversOf(votes),
    expiresAtMs: nowMs + lastsMs,
  };
}

/** For each of the other actions that it approves: once, whether its client waits or not, since they are yet to come. */
const alsoGrantsBy = (request: HoldRequest, votes: readonly Vote[], nowMs: number): readonly Grant[] =>
  request.alsoApproves.map(({ digest }) => ({
    id: newGrantId(),
    hold: request.id,
    scope: { kind: 'exact' },
    digest,
    approvers: approversOf(votes),
    expiresAtMs: nowMs + alsoGrantsLastMs(request),
  }));
