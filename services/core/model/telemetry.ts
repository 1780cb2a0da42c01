import type { Decision, Reason } from './decision.ts';
import type { TargetName } from './ids.ts';
import type { ActionOutcome } from './trail-entry.ts';

/** The parts of an action's life that get a span of their own. */
export type Phase = 'analysis' | 'decision' | 'hold' | 'upstream';

/** The trace of one action. A phase begins where the one before it ends. */
export interface ActionTrace {
  phase(phase: Phase): void;
  decided(decision: Decision): void;
  end(outcome: ActionOutcome | null): void;
}

/** The trace of one session: start-up, identity, then its actions. */
export interface SessionTrace {
  action(name: string): ActionTrace;
  end(why: string): void;
}

/**
 * What the rest of the code tells an SRE. When `enabled` is false callers skip building what they would pass;
 * that flag test is all that telemetry costs when it is off.
 */
export interface Telemetry {
  readonly enabled: boolean;
  session(attributes: Readonly<Record<string, string>>): SessionTrace;
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
