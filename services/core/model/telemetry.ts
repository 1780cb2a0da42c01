import type { Intent } from './action.ts';
import type { SourceAddress } from './address.ts';
import type { Decision, Reason } from './decision.ts';
import type { ListenerName, SessionId, TargetName } from './ids.ts';
import type { Principal } from './principal.ts';
import type { ActionOutcome } from './trail-entry.ts';

/** The parts of an action's life that get a span of their own. `identity` where each action proves it anew (HTTP). */
export type Phase = 'identity' | 'analysis' | 'decision' | 'hold' | 'upstream';

/** The parts of a session's start-up that get a span of their own. */
export type StartUpPhase = 'identity' | 'upstream';

/**
 * Joins a log line with a trace: spread into its fields. Names of OpenTelemetry's "Trace Context in non-OTLP Log
 * Formats".
 */
export interface TraceIds {
  readonly trace_id: string;
  readonly span_id: string;
}

/** What is known of a session. Never holds a secret or anything a client sent as data. */
export interface SessionAttributes {
  readonly protocol: string;
  readonly listener?: ListenerName;
  readonly source?: SourceAddress;
  readonly target?: TargetName;
  readonly principal?: Principal;
  readonly session?: SessionId;
  /**
   * The protocol's own, by OpenTelemetry's names: `db.system.name`, `db.namespace`, `server.address`,
   * `server.port`.
   */
  readonly protocolAttributes?: Readonly<Record<string, string | number>>;
}

/** The trace of one action. A phase begins where the one before it ends. */
export interface ActionTrace {
  readonly ids: TraceIds;
  phase(phase: Phase): void;
  /** The action has been understood. */
  analysed(intent: Intent): void;
  decided(decision: Decision): void;
  /** Its bytes were handed to the target's socket: what the gateway has added to it is known. */
  sent(): void;
  end(outcome: ActionOutcome | null): void;
}

/** The trace of one session: its start-up, and then one trace for each of its actions, linked to it. */
export interface SessionTrace {
  readonly ids: TraceIds;
  phase(phase: StartUpPhase): void;
  /** Start-up is over, and this much more is known. */
  opened(attributes: Omit<SessionAttributes, 'protocol'>): void;
  /** `name` is of a closed vocabulary of the protocol's (`query`, `execute`): spans are grouped by it. */
  action(name: string): ActionTrace;
  /** The session is over; when start-up is not, it has failed, and this is why. Null: the client wanted no session. */
  end(why: string | null): void;
}

/**
 * What the rest of the code tells an SRE. When `enabled` is false callers skip building what they would pass;
 * that flag test is all that telemetry costs when it is off.
 */
export interface Telemetry {
  readonly enabled: boolean;
  session(attributes: SessionAttributes): SessionTrace;
  /** Verifying a token or certificate: how long, and whether it was accepted. */
  identityVerified(durationMs: number, accepted: boolean): void;
  sessionOpened(protocol: string, target: TargetName): void;
  sessionClosed(protocol: string, target: TargetName): void;
  decided(protocol: string, target: TargetName, decision: Decision['kind'], reason: Reason | null): void;
  /** What the gateway added between the client's bytes and the target's, without the time a hold took. */
  latencyAdded(protocol: string, target: TargetName, durationMs: number): void;
  holdOpened(target: TargetName): void;
  holdEnded(target: TargetName, outcome: string, waitedMs: number): void;
  valuesMasked(target: TargetName, count: number): void;
  /** How long the oldest record of a batch waited for the kernel to take it. */
  trailCommitted(lagMs: number, records: number): void;
  shutdown(): Promise<void>;
}
