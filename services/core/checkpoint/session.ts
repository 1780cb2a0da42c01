import { type Action, type Intent, noParameters } from '../model/action.ts';
import type { SourceAddress } from '../model/address.ts';
import type { Decision, Deny, Obligations, Reason } from '../model/decision.ts';
import { ruleText } from '../model/decision.ts';
import { type ActionId, actionId, type SessionId, type TargetName } from '../model/ids.ts';
import type { Principal } from '../model/principal.ts';
import type { ActionTrace, Telemetry } from '../model/telemetry.ts';
import type { ActionOutcome, CommitWaiter, MaskedBy, Trail } from '../model/trail-entry.ts';
import type { Transcript, TranscriptEntry } from '../model/transcript.ts';
import type {
  CheckpointSession,
  Circumstances,
  HeldSubmission,
  HoldQuestions,
  PendingHold,
  Policies,
  PolicyView,
  SessionEnd,
  SessionOpening,
  Submission,
} from './contract.ts';
import { summaryOf, trailParameters } from './intent-summary.ts';
import { HeldAction, type HoldContext } from './pending-hold.ts';
import { type RateLimit, rateKeyOf } from './rate.ts';
import * as refusals from './refusals.ts';

export interface SessionParts {
  readonly id: SessionId;
  readonly opening: SessionOpening;
  readonly policies: Policies;
  readonly trail: Trail;
  readonly transcript: Transcript;
  readonly telemetry: Telemetry;
  readonly rate: RateLimit;
  /** How long the session may go on after the principal's credential has expired. */
  readonly credentialGraceMs: number;
  readonly holds: Pick<HoldContext, 'approvals' | 'clock' | 'log' | 'process'>;
  closed(session: LiveSession): void;
}

/** One session at the checkpoint: every action of one principal on one target, in order. */
export class LiveSession implements CheckpointSession {
  readonly id: SessionId;
  readonly principal: Principal;
  readonly target: TargetName;
  readonly protocol: string;
  readonly source: SourceAddress;
  readonly openedAtMs: number;
  readonly #parts: SessionParts;
  readonly #circumstances: { nowMs: number; source: SourceAddress; listener: Circumstances['listener'] };
  readonly #rateKey: string;
  readonly #guessKey: string;
  readonly #actionPrefix: string;
  readonly #holds = new Set<HeldAction>();
  readonly #holdContext: HoldContext;
  #view: PolicyView;
  #maskedByTarget: ((obligations: Obligations) => boolean) | null = null;
  #actions = 0;
  #running = 0;
  #lastActiveMs: number;
  #ending = false;
  #ended = false;

  constructor(parts: SessionParts) {
    const { opening } = parts;
    this.#parts = parts;
    this.id = parts.id;
    this.principal = opening.principal;
    this.target = opening.target;
    this.protocol = opening.protocol;
    this.source = opening.source;
    this.openedAtMs = parts.holds.clock.nowMs();
    this.#lastActiveMs = this.openedAtMs;
    this.#circumstances = { nowMs: this.openedAtMs, source: opening.source, listener: opening.listener };
    this.#rateKey = rateKeyOf(opening.principal, opening.target);
    this.#guessKey = `${this.#rateKey}\nguesses`;
    this.#actionPrefix = `a_${parts.id.slice(2)}.`;
    this.#view = parts.policies.view(opening.principal, opening.target);
    this.#holdContext = {
      ...parts.holds,
      trail: parts.trail,
      telemetry: parts.telemetry,
      session: parts.id,
      principal: opening.principal,
      view: () => this.#currentView(),
      decide: (action) => this.#currentView().decide(action, this.#circumstancesNow()),
      rejectedTogether: null,
    };
    const { limits, masks } = this.#view.obligations;
    if (limits.commandsPerMinute !== null) parts.rate.expect(this.#rateKey, limits.commandsPerMinute);
    const isGuessable = masks.some((mask) => mask.inConditions === 'equality');
    if (isGuessable) parts.rate.expect(this.#guessKey, limits.guessesPerMinute);
  }

  get actions(): number {
    return this.#actions;
  }

  get lastActiveMs(): number {
    return this.#lastActiveMs;
  }

  get obligations(): Obligations {
    return this.#currentView().obligations;
  }

  maskedByTarget(by: MaskedBy, covers: (obligations: Obligations) => boolean): void {
    this.#maskedByTarget = covers;
    this.#parts.trail.append({ kind: 'session-masked', session: this.id, ...by });
    this.transcribe({ kind: 'masked', ...by });
  }

  get endsAtMs(): number {
    const { sessionMs } = this.#currentView().obligations.limits;
    const credentialMs = this.principal.expiresAtMs + this.#parts.credentialGraceMs;
    return sessionMs === null ? credentialMs : Math.min(credentialMs, this.openedAtMs + sessionMs);
  }

  get maxTranscribedResultBytes(): number {
    return this.#parts.transcript.maxResultBytes;
  }

  submit(action: Action, trace: ActionTrace | null): Submission {
    trace?.analysed(action.intent);
    trace?.phase('decision');
    const id = actionId(this.#actionPrefix + ++this.#actions);
    const decision = this.#decide(action);
    this.#record(id, action, decision);
    trace?.decided(decision);
    switch (decision.kind) {
      case 'allow':
        this.#running += 1;
        return { kind: 'allow', id, obligations: decision.obligations };
      case 'deny':
        return { kind: 'deny', id, deny: decision };
      case 'hold':
        return { kind: 'hold', id, action, decision, trace };
    }
  }

  refuseAlways(intent: Intent): Deny | null {
    const view = this.#currentView();
    const deny = this.#parts.trail.writable
      ? view.refuseAlways(intent, this.#circumstancesNow())
      : refusals.trailUnavailable();
    if (deny !== null) {
      const id = actionId(this.#actionPrefix + ++this.#actions);
      this.#record(id, { intent, parameters: noParameters, sessionState: '' }, deny);
    }
    return deny;
  }

  hold(held: HeldSubmission, questions: HoldQuestions): PendingHold {
    const { holds } = this.#parts;
    const pending = new HeldAction(this.#holdContext, held, questions);
    // A session that has ended has nobody to wait, and nobody to withdraw the hold later.
    if (this.#ended) pending.withdraw();
    this.#holds.add(pending);
    this.#running += 1;
    // `settled` never rejects, so this promise cannot be dropped with an error in it.
    void pending.settled.then((settlement) => {
      this.#holds.delete(pending);
      this.#lastActiveMs = holds.clock.nowMs();
      if (settlement.kind === 'deny') this.#running -= 1;
    });
    return pending;
  }

  afterRecord(waiter: CommitWaiter): void {
    this.#parts.trail.afterCommit(waiter);
  }

  finished(action: ActionId, outcome: ActionOutcome): void {
    this.#running -= 1;
    this.#lastActiveMs = this.#parts.holds.clock.nowMs();
    this.#parts.trail.append({ kind: 'action-ended', action, session: this.id, ...outcome });
    if (outcome.maskedValues > 0) this.#parts.telemetry.valuesMasked(this.target, outcome.maskedValues);
  }

  goesOn(): () => void {
    this.#running += 1;
    return () => {
      this.#running -= 1;
      this.#lastActiveMs = this.#parts.holds.clock.nowMs();
    };
  }

  transcribe(entry: TranscriptEntry): void {
    if (!this.#ended) this.#parts.transcript.append(entry);
  }

  close(why: string): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const hold of this.#holds) hold.withdraw();
    const { trail, transcript, telemetry, holds } = this.#parts;
    telemetry.sessionClosed(this.protocol, this.target);
    this.#parts.closed(this);
    transcript
      .close()
      .catch((error: unknown) => {
        holds.log.error({ session: this.id, error }, 'the transcript could not be closed');
        return null;
      })
      .then((transcriptSha256) => {
        trail.append({ kind: 'session-closed', session: this.id, why, transcriptSha256 });
      });
  }

  /** Ends the session from the gateway's side, in the protocol's own words. */
  end(end: SessionEnd): void {
    if (this.#ended || this.#ending) return;
    this.#ending = true;
    this.#parts.opening.onEnd(end);
  }

  /** Called about once a second: ends the session when its time is over. */
  sweep(nowMs: number): void {
    const { sessionMs, idleMs } = this.#currentView().obligations.limits;
    if (nowMs > this.principal.expiresAtMs + this.#parts.credentialGraceMs) {
      this.end({
        reason: 'credential-expired',
        message: 'the credential that opened this session has expired',
      });
    } else if (sessionMs !== null && nowMs - this.openedAtMs > sessionMs) {
      this.end({ reason: 'limit-exceeded', message: 'the session has reached its longest time' });
    } else if (idleMs !== null && this.#running === 0 && nowMs - this.#lastActiveMs > idleMs) {
      this.end({ reason: 'limit-exceeded', message: 'the session was idle for too long' });
    }
  }

  #currentView(): PolicyView {
    const { policies, opening } = this.#parts;
    if (this.#view.version !== policies.version)
      this.#view = policies.view(opening.principal, opening.target);
    const masked = this.#maskedByTarget?.(this.#view.obligations) === true;
    return masked ? this.#view.onMaskedTarget : this.#view;
  }

  /** One object for the whole session: a new one for each command would be garbage. */
  #circumstancesNow(): Circumstances {
    const nowMs = this.#parts.holds.clock.nowMs();
    this.#lastActiveMs = nowMs;
    this.#circumstances.nowMs = nowMs;
    return this.#circumstances;
  }

  #decide(action: Action): Decision {
    const { trail, rate } = this.#parts;
    if (!trail.writable) return refusals.trailUnavailable();
    const view = this.#currentView();
    const decision = view.decide(action, this.#circumstancesNow());
    if (decision.kind === 'deny') return decision;
    const { commandsPerMinute, guessesPerMinute } = view.obligations.limits;
    if (commandsPerMinute !== null && !rate.take(this.#rateKey, action.intent.commands, commandsPerMinute)) {
      return refusals.rateExceeded(commandsPerMinute);
    }
    // Counted whatever comes of it: an error, a rollback and a hold that nobody approves tell as well, or cost the client nothing.
    const guesses = view.guesses(action);
    if (guesses > 0 && !rate.take(this.#guessKey, guesses, guessesPerMinute)) {
      return refusals.tooManyGuesses(guessesPerMinute);
    }
    return decision;
  }

  #record(id: ActionId, action: Action, decision: Decision): void {
    const { trail, transcript, telemetry } = this.#parts;
    const { intent } = action;
    const summary = summaryOf(intent);
    const rule = decision.rule === null ? null : ruleText(decision.rule);
    const reason: Reason | null = decision.kind === 'deny' ? decision.reason : null;
    const parameters = action.parameters.map((parameter) => parameter.text);
    trail.append({
      kind: 'action',
      action: id,
      session: this.id,
      target: this.target,
      decision: decision.kind,
      rule,
      reason,
      policyVersion: this.#view.version,
      effects: summary.effects,
      opaque: intent.opaque,
      text: summary.text,
      textBytes: summary.textBytes,
      textSha256: summary.textSha256,
      parameters: trailParameters(parameters),
    });
    transcript.append({
      kind: 'action',
      action: id,
      text: intent.text,
      parameters,
      decision: decision.kind,
      rule,
      message: decision.kind === 'deny' ? decision.message : null,
    });
    if (telemetry.enabled) telemetry.decided(this.protocol, this.target, decision.kind, reason);
  }
}
