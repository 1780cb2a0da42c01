import type { Action } from '../model/action.ts';
import type { Clock } from '../model/clock.ts';
import type { Decision, Deny } from '../model/decision.ts';
import { messageOf } from '../model/errors.ts';
import {
  type AlsoApproved,
  type Approvals,
  ApprovalsError,
  type HoldOutcome,
  type HoldRequest,
} from '../model/hold.ts';
import { type HoldId, newHoldId, type SessionId } from '../model/ids.ts';
import type { Logger } from '../model/log.ts';
import { chainOf, type Party, type Principal } from '../model/principal.ts';
import type { Telemetry } from '../model/telemetry.ts';
import type { Trail, TrailEntry } from '../model/trail-entry.ts';
import type {
  HeldSubmission,
  HoldNotice,
  HoldQuestions,
  PendingHold,
  PolicyView,
  Settlement,
} from './contract.ts';
import { actionDigest, ruleDigest } from './digest.ts';
import { effectText } from './intent-summary.ts';
import { maxAlsoApproved, maxAlsoApprovedBytes, rejectedTogetherMs } from './limits.ts';
import * as refusals from './refusals.ts';

export interface HoldContext {
  readonly approvals: Approvals;
  readonly trail: Trail;
  readonly telemetry: Telemetry;
  readonly clock: Clock;
  readonly log: Logger;
  /** Names this process in the store: a hold whose client waits dies with it. */
  readonly process: string;
  readonly session: SessionId;
  readonly principal: Principal;
  /** The policy in force now; asked again when the hold is released. */
  view(): PolicyView;
  /** What that policy says of another action of this session, which has not come and is not counted. */
  decide(action: Action): Decision;
  /** The last one in this session. */
  rejectedTogether: RejectedTogether | null;
}

/** A rejection, and the other actions that it was of. */
export interface RejectedTogether {
  readonly digests: ReadonlySet<string>;
  readonly hold: HoldId;
  readonly deny: Deny;
  readonly untilMs: number;
}

type Ended = Extract<TrailEntry, { kind: 'hold-ended' }>['outcome'];

/**
 * One held action from the question to its answer: take a grant if there is one, else open a hold and wait.
 * Whatever goes wrong on the way is a denial; nothing here lets an action through but an approval of exactly it.
 */
export class HeldAction implements PendingHold {
  readonly settled: Promise<Settlement>;
  readonly #context: HoldContext;
  readonly #held: HeldSubmission;
  readonly #questions: HoldQuestions;
  /** Of the hold that stands for this action: a new one, or the one that was opened for it earlier. */
  #id: HoldId = newHoldId();
  readonly #digest: string;
  readonly #openedAtMs: number;
  readonly #patienceEnded = Promise.withResolvers<'patience-ended'>();
  #tell: ((notice: HoldNotice) => void) | null = null;
  #others: readonly AlsoApproved[] = [];
  #opened = false;
  #withdrawn = false;
  #ended = false;

  constructor(context: HoldContext, held: HeldSubmission, questions: HoldQuestions) {
    this.#context = context;
    this.#held = held;
    this.#questions = questions;
    this.#digest = actionDigest(context.principal, held.action, context.view().version);
    this.#openedAtMs = context.clock.nowMs();
    held.trace?.phase('hold');
    this.settled = this.#run().catch((error: unknown) => this.#failed(error));
  }

  onNotice(tell: (notice: HoldNotice) => void): void {
    this.#tell = tell;
  }

  withdraw(): void {
    // What was deferred waits for its approval without its client; only a hold that is still waited for goes with it.
    if (this.#withdrawn || this.#ended) return;
    this.#withdrawn = true;
    if (this.#opened) this.#withdrawFromStore();
  }

  defer(): void {
    this.#patienceEnded.resolve('patience-ended');
  }

  #withdrawFromStore(): void {
    this.#context.approvals.withdraw(this.#id).catch((error: unknown) => {
      // The store's own expiry, and this process as its owner, still keep the hold from being run.
      this.#context.log.warn({ hold: this.#id, error: messageOf(error) }, 'a hold could not be withdrawn');
    });
  }

  /** The client is refused, so nobody waits for the hold any more, if there is one. */
  #failed(error: unknown): Settlement {
    const { log } = this.#context;
    log.error({ hold: this.#id, error: messageOf(error) }, 'a hold could not be carried through');
    if (this.#opened) this.#withdrawFromStore();
    const tooLarge = error instanceof ApprovalsError && error.code === 'too-large';
    const { decision } = this.#held;
    return this.#end(
      'unavailable',
      tooLarge ? refusals.tooLargeToHold(decision) : refusals.approvalsUnavailable(decision),
    );
  }

  async #run(): Promise<Settlement> {
    const { approvals, trail, session, principal } = this.#context;
    const { decision, id: action } = this.#held;
    const grant = await approvals.takeGrant(this.#grantDigests());
    if (grant !== null) {
      this.#id = grant.hold;
      trail.append({ kind: 'grant-used', grant: grant.id, hold: grant.hold, action, session });
      return this.#release(grant.approvers);
    }
    const rejected = this.#context.rejectedTogether;
    if (rejected?.digests.has(this.#digest) && this.#context.clock.monotonicMs() < rejected.untilMs) {
      this.#id = rejected.hold;
      return this.#end('rejected', rejected.deny);
    }
    const estimates = (await this.#questions.estimate?.()) ?? [];
    const ahead = (await this.#questions.ahead?.()) ?? [];
    this.#others = this.#alsoApproved(ahead);
    const request = this.#request(principal, estimates);
    const opened = await approvals.open(request);
    if (opened.kind === 'too-many') return this.#end('unavailable', refusals.tooManyHolds(decision));
    const { expiresAtMs } = opened;
    if (opened.kind === 'exists') {
      this.#id = opened.id;
      return this.#deferred(expiresAtMs);
    }
    this.#opened = true;
    const { mode } = decision.approval;
    trail.append({
      kind: 'hold-opened',
      hold: this.#id,
      action,
      session,
      digest: this.#digest,
      ...(this.#others.length === 0 ? {} : { alsoApproves: this.#others.flatMap(({ effects }) => effects) }),
      mode,
      expiresAt: new Date(expiresAtMs).toISOString(),
    });
    this.#context.telemetry.holdOpened(this.#held.action.intent.target);
    if (this.#withdrawn) this.#withdrawFromStore();
    if (mode === 'defer') return this.#deferred(expiresAtMs);
    this.#tell?.({
      id: this.#id,
      mode,
      message: refusals.heldMessage(decision, this.#id, expiresAtMs),
      consequences: this.#held.action.intent.consequences,
      hint: refusals.holdHint(this.#id),
    });
    return this.#wait(expiresAtMs);
  }

  async #wait(expiresAtMs: number): Promise<Settlement> {
    const { approvals, clock } = this.#context;
    const outcome = approvals.outcome(this.#id);
    const timer = clock.after(this.#held.decision.approval.waitMs, () => this.defer());
    try {
      const first = await Promise.race([outcome, this.#patienceEnded.promise]);
      if (first !== 'patience-ended') return await this.#decided(first, expiresAtMs);
      if (await approvals.defer(this.#id)) return this.#deferred(expiresAtMs);
      return await this.#decided(await outcome, expiresAtMs);
    } finally {
      timer.cancel();
    }
  }

  async #decided(outcome: HoldOutcome, expiresAtMs: number): Promise<Settlement> {
    const { decision } = this.#held;
    switch (outcome.kind) {
      case 'released':
        return this.#release(outcome.approvers);
      case 'deferred':
        return this.#deferred(expiresAtMs);
      case 'rejected':
        return this.#rejected(refusals.rejected(decision, this.#id, outcome.by.subject, outcome.reason));
      case 'expired':
        return this.#end('expired', refusals.expired(decision, this.#id));
      case 'withdrawn':
        return this.#end('withdrawn', refusals.withdrawn(decision, this.#id));
    }
  }

  #rejected(deny: Deny): Settlement {
    if (this.#others.length > 0) {
      this.#context.rejectedTogether = {
        digests: new Set(this.#others.map(({ digest }) => digest)),
        hold: this.#id,
        deny,
        untilMs: this.#context.clock.monotonicMs() + rejectedTogetherMs,
      };
    }
    return this.#end('rejected', deny);
  }

  /** The approved action must still be what it was: same catalog versions, same policy. */
  async #release(approvers: readonly Party[]): Promise<Settlement> {
    const { decision, action } = this.#held;
    const intent = await this.#questions.revalidate();
    // Asked last: the client may have left while the catalog was read.
    if (this.#withdrawn) return this.#end('withdrawn', refusals.withdrawn(decision, this.#id));
    const view = this.#context.view();
    const digest = actionDigest(this.#context.principal, { ...action, intent }, view.version);
    if (digest !== this.#digest) {
      return this.#end('changed', refusals.changedWhileHeld(decision, this.#id));
    }
    this.#recordEnd('released', approvers);
    return { kind: 'release', obligations: view.obligations, approvers };
  }

  #deferred(expiresAtMs: number): Settlement {
    const { decision } = this.#held;
    if (this.#withdrawn && this.#opened) {
      return this.#end('withdrawn', refusals.withdrawn(decision, this.#id));
    }
    return this.#end('deferred', refusals.deferred(decision, this.#id, expiresAtMs));
  }

  #end(outcome: Ended, refusal: ReturnType<typeof refusals.deny>): Settlement {
    this.#recordEnd(outcome, []);
    return { kind: 'deny', deny: refusal, hold: this.#id };
  }

  #recordEnd(outcome: Ended, approvers: readonly Party[]): void {
    const { trail, telemetry, clock, session } = this.#context;
    this.#ended = true;
    // A grant that was taken has its own record, and no hold was opened.
    if (outcome === 'released' && !this.#opened) return;
    trail.append({ kind: 'hold-ended', hold: this.#id, action: this.#held.id, session, outcome, approvers });
    if (!this.#opened) return;
    telemetry.holdEnded(this.#held.action.intent.target, outcome, clock.nowMs() - this.#openedAtMs);
  }

  /** What an approval may be bound to that lets this action through. */
  #grantDigests(): readonly string[] {
    const { grant } = this.#held.decision.approval;
    // Held by several rules, the action needs the approvers of each; policy merges their terms to `exact` or `action` then.
    const byRule = grant.kind === 'window' && grant.covers === 'rule';
    return byRule ? [this.#digest, this.#ruleDigest()] : [this.#digest];
  }

  #ruleDigest(): string {
    const { principal } = this.#context;
    const { action, decision } = this.#held;
    return ruleDigest(principal, action.intent.target, decision.rule, this.#context.view().version);
  }

  /** Of what is about to come: what this very rule holds on the same terms, so that whoever may approve one may approve the other. */
  #alsoApproved(ahead: readonly Action[]): readonly AlsoApproved[] {
    const { principal } = this.#context;
    const { version } = this.#context.view();
    const { rule, approval } = this.#held.decision;
    // It covers them anyway.
    if (approval.grant.kind === 'window' && approval.grant.covers === 'rule') return [];
    const terms = JSON.stringify([rule, approval]);
    const also = new Map<string, AlsoApproved>();
    let bytes = 0;
    for (const action of ahead) {
      const decision = this.#context.decide(action);
      if (decision.kind !== 'hold' || JSON.stringify([decision.rule, decision.approval]) !== terms) continue;
      const digest = actionDigest(principal, action, version);
      if (digest === this.#digest) continue;
      const { text, effects } = action.intent;
      const shown = { digest, text, effects: effects.map(effectText) };
      bytes += Buffer.byteLength(JSON.stringify(shown));
      if (also.size >= maxAlsoApproved || bytes > maxAlsoApprovedBytes) break;
      also.set(digest, shown);
    }
    return [...also.values()];
  }

  #request(principal: Principal, estimates: readonly string[]): HoldRequest {
    const { action, decision } = this.#held;
    const { approval } = decision;
    return {
      id: this.#id,
      digest: this.#digest,
      ruleDigest: this.#ruleDigest(),
      session: this.#context.session,
      protocol: action.intent.protocol,
      target: action.intent.target,
      requester: { issuer: principal.issuer, subject: principal.subject },
      chain: chainOf(principal),
      rule: decision.rule,
      text: action.intent.text,
      parameters: action.parameters.map((parameter) => parameter.text),
      effects: action.intent.effects.map(effectText),
      consequences: [...estimates, ...action.intent.consequences],
      sessionState: action.sessionState,
      command: this.#questions.command ?? null,
      alsoApproves: this.#others,
      approval,
      openedAtMs: this.#openedAtMs,
      expiresAtMs: this.#openedAtMs + approval.withinMs,
      owner: approval.mode === 'wait' ? this.#context.process : null,
    };
  }
}
