/**
 * What a protocol sees of the checkpoint, and what the checkpoint asks of policy. Types only.
 *
 * The order is always: decide -> record -> hold -> record -> release (design.md section 5).
 */
import type { Action, Intent } from '../model/action.ts';
import type { SourceAddress } from '../model/address.ts';
import type { Decision, Deny, Obligations, Reason } from '../model/decision.ts';
import type { ActionId, HoldId, ListenerName, SessionId, TargetName } from '../model/ids.ts';
import type { Party, Principal } from '../model/principal.ts';
import type { ActionTrace } from '../model/telemetry.ts';
import type { ActionOutcome, CommitWaiter, MaskedBy } from '../model/trail-entry.ts';
import type { TranscriptEntry } from '../model/transcript.ts';

/** What a decision may depend on beside action, principal and target; evaluated each time, never cached. */
export interface Circumstances {
  readonly nowMs: number;
  readonly source: SourceAddress;
  readonly listener: ListenerName;
}

/** A connection as far as it is known: at the door neither principal nor target are. */
export interface Connection {
  readonly source: SourceAddress;
  readonly listener: ListenerName;
  readonly principal: Principal | null;
  readonly target: TargetName | null;
}

/** One principal's rules on one target under one policy version. Decisions are cached inside, by intent. */
export interface PolicyView {
  readonly version: string;
  readonly obligations: Obligations;
  /** The same, for a target that shows masked fields masked: there they may choose rows, since only masks can be told from that. */
  readonly onMaskedTarget: PolicyView;
  decide(action: Action, circumstances: Circumstances): Decision;
  /** How many guesses at masked fields this action is; they are counted, each time, against `guessesPerMinute`. */
  guesses(action: Action): number;
  /** The denial that this intent meets whatever its parameters are; null when some parameters could pass or be held. */
  refuseAlways(intent: Intent, circumstances: Circumstances): Deny | null;
}

export interface Policies {
  /** Changes with every reload; a session whose view has another version fetches a new one. */
  readonly version: string;
  view(principal: Principal, target: TargetName): PolicyView;
  /** Whether this connection could lead to anything at all; null when it could. */
  refuseConnection(connection: Connection, nowMs: number): Deny | null;
}

export interface SessionOpening {
  readonly protocol: string;
  readonly listener: ListenerName;
  readonly source: SourceAddress;
  readonly principal: Principal;
  readonly target: TargetName;
  /** Called at most once, when the gateway ends the session: revoked, expired, too long, too idle. */
  onEnd(end: SessionEnd): void;
}

export interface SessionEnd {
  readonly reason: Reason;
  readonly message: string;
}

export interface Checkpoint {
  /** A new connection, before a byte of it was read. Refusals are recorded. */
  admit(source: SourceAddress, listener: ListenerName): Deny | null;
  /** A login failed: recorded, and counted towards the source's lockout. */
  loginRefused(connection: Connection, reason: Reason, message: string): void;
  /** A principal has proven itself and names a target. Refusals are recorded. */
  openSession(opening: SessionOpening): CheckpointSession | Deny;
}

/** One session's way through the checkpoint. */
export interface CheckpointSession {
  readonly id: SessionId;
  readonly principal: Principal;
  readonly target: TargetName;
  /** What is in force now: the same object until the policy changes, so plans are cached by its identity. */
  readonly obligations: Obligations;
  /**
   * The target itself masks what this session sees, as far as `covers` says so of the obligations in force. Recorded, so it is called
   * again when `by` has changed.
   */
  maskedByTarget(by: MaskedBy, covers: (obligations: Obligations) => boolean): void;
  /** When the gateway ends the session at the latest, as things are now. */
  readonly endsAtMs: number;
  /** Decides and records. Nothing of an allowed action may leave before `afterRecord` has called back. */
  submit(action: Action, trace: ActionTrace | null): Submission;
  /**
   * For what is prepared now and run later: the denial that it meets whatever its parameters will be, recorded; or null, and
   * nothing is recorded, since each run will be decided.
   */
  refuseAlways(intent: Intent): Deny | null;
  /** Goes on with a held action. */
  hold(held: HeldSubmission, questions: HoldQuestions): PendingHold;
  afterRecord(waiter: CommitWaiter): void;
  /** How an allowed or released action ended. */
  finished(action: ActionId, outcome: ActionOutcome): void;
  /** Something goes on in it whose action is recorded as over. Until what is returned is called, once, the session is not idle. */
  goesOn(): () => void;
  transcribe(entry: TranscriptEntry): void;
  readonly maxTranscribedResultBytes: number;
  /** The client has left or was sent away. Open holds are withdrawn. */
  close(why: string): void;
}

export interface AllowedSubmission {
  readonly kind: 'allow';
  readonly id: ActionId;
  readonly obligations: Obligations;
}

export interface DeniedSubmission {
  readonly kind: 'deny';
  readonly id: ActionId;
  readonly deny: Deny;
}

export interface HeldSubmission {
  readonly kind: 'hold';
  readonly id: ActionId;
  readonly action: Action;
  readonly decision: Extract<Decision, { kind: 'hold' }>;
  readonly trace: ActionTrace | null;
}

export type Submission = AllowedSubmission | DeniedSubmission | HeldSubmission;

/** What a hold asks of the protocol. */
export interface HoldQuestions {
  /** Analyses the action anew when it is released. */
  readonly revalidate: () => Promise<Intent>;
  /**
   * What only the target can say of an action before it is done, a sentence each, for its approvers alone: asked before the hold is
   * opened, so it answers soon, and never rejects.
   */
  readonly estimate?: () => Promise<readonly string[]>;
  /** The client's command that the action is a part of, by the client's own word; shown, and nothing more. */
  readonly command?: string | null;
  /**
   * What that command is about to ask for as well, each as it will come, for an approver to decide on all of it at once. Asked before the
   * hold is opened, so it answers soon, and never rejects.
   */
  readonly ahead?: () => Promise<readonly Action[]>;
}

/** What the client is told as soon as the store has the hold. */
export interface HoldNotice {
  readonly id: HoldId;
  readonly mode: 'wait' | 'defer';
  readonly message: string;
  /** What the action sets off by itself. */
  readonly consequences: readonly string[];
  readonly hint: string;
}

export type Settlement =
  | { readonly kind: 'release'; readonly obligations: Obligations; readonly approvers: readonly Party[] }
  /** `hold`: the one to come back for, when the refusal is `hold-open`. */
  | { readonly kind: 'deny'; readonly deny: Deny; readonly hold: HoldId };

export interface PendingHold {
  /** Resolves once; never rejects. */
  readonly settled: Promise<Settlement>;
  /** Called at most once, before `settled`, when the client will be kept waiting. */
  onNotice(tell: (notice: HoldNotice) => void): void;
  /** The client cancelled or left; `settled` then gives a denial. */
  withdraw(): void;
  /** The gateway stops: a client that is kept waiting is told now with which hold to come back, as when its `wait` is over. */
  defer(): void;
}
