import type { Reason } from './decision.ts';
import type { ActionId, HoldId, ListenerName, SessionId, TargetName } from './ids.ts';
import type { Party, PrincipalKind } from './principal.ts';

/** A principal as the trail names it: no claims, which may hold personal data. */
export interface TrailPrincipal extends Party {
  readonly kind: PrincipalKind;
  readonly actsFor: readonly Party[];
}

/** What in the target itself masks what a session sees. */
export interface MaskedBy {
  /** As the target calls it. */
  readonly ring: string;
  /** Of what it shows there, and how; hex. */
  readonly ringVersion: string;
}

/** How an action that was let through ended. */
export interface ActionOutcome {
  /**
   * `unknown`: the connection was lost while it ran, so it may have been done. `forwarded`: Envoy was told to forward it, and what
   * came of it stands in Envoy's access log.
   */
  readonly result: 'completed' | 'failed' | 'rolled-back' | 'cut-off' | 'unknown' | 'forwarded';
  readonly rows: number;
  readonly bytes: number;
  /** What the client has sent behind the head of its request, where that had no end that was known: in a WebSocket, say. */
  readonly bytesReceived?: number;
  readonly maskedValues: number;
  /** The protocol's own code for a failure (SQLSTATE, HTTP status); null when it completed. */
  readonly errorCode: string | null;
  readonly durationMs: number;
}

/**
 * What the trail records. Each becomes one JSON object with `seq`, `at`, `prev` and `hash` around it; see
 * `core/audit/trail.ts`. Closed: a reader can switch over `kind`.
 */
export type TrailEntry =
  | { readonly kind: 'gateway-started'; readonly version: string; readonly process: string }
  | { readonly kind: 'gateway-stopped'; readonly why: string }
  | { readonly kind: 'policy-loaded'; readonly policyVersion: string; readonly policies: readonly string[] }
  | { readonly kind: 'policy-refused'; readonly problems: readonly string[] }
  | {
      readonly kind: 'connect-refused';
      readonly listener: ListenerName;
      readonly source: string;
      readonly target: TargetName | null;
      readonly principal: TrailPrincipal | null;
      readonly reason: Reason;
      readonly message: string;
    }
  | {
      readonly kind: 'session-opened';
      readonly session: SessionId;
      readonly listener: ListenerName;
      readonly source: string;
      readonly target: TargetName;
      readonly principal: TrailPrincipal;
      readonly provenBy: string;
      readonly credentialId: string;
    }
  /** Again, when it has become another one while the session goes on. */
  | ({ readonly kind: 'session-masked'; readonly session: SessionId } & MaskedBy)
  | {
      readonly kind: 'session-closed';
      readonly session: SessionId;
      readonly why: string;
      /** SHA-256 of the session's transcript file as it stands, hex; null when nothing was kept. */
      readonly transcriptSha256: string | null;
    }
  | {
      readonly kind: 'action';
      readonly action: ActionId;
      readonly session: SessionId;
      readonly target: TargetName;
      readonly decision: 'allow' | 'deny' | 'hold';
      /** `policy/rule`, or null when no rule decided. */
      readonly rule: string | null;
      readonly reason: Reason | null;
      readonly policyVersion: string;
      readonly effects: readonly string[];
      readonly opaque: readonly string[];
      /** The text as sent, cut to the limit; `textSha256` is always of the whole. */
      readonly text: string;
      readonly textBytes: number;
      readonly textSha256: string;
      readonly parameters: readonly (string | null)[];
    }
  | ({
      readonly kind: 'action-ended';
      readonly action: ActionId;
      readonly session: SessionId;
    } & ActionOutcome)
  | {
      readonly kind: 'hold-opened';
      readonly hold: HoldId;
      readonly action: ActionId;
      readonly session: SessionId;
      readonly digest: string;
      /** The effects of other actions that an approval of it lets through, each once; absent where there are none. */
      readonly alsoApproves?: readonly string[];
      readonly mode: 'wait' | 'defer';
      readonly expiresAt: string;
    }
  | {
      readonly kind: 'hold-vote';
      readonly hold: HoldId;
      readonly approver: Party;
      readonly verdict: 'approve' | 'reject';
      readonly reason: string;
      /** Why the vote was not counted; null when it was. */
      readonly refused: string | null;
    }
  | {
      readonly kind: 'hold-ended';
      readonly hold: HoldId;
      readonly action: ActionId;
      readonly session: SessionId;
      readonly outcome:
        | 'released'
        | 'deferred'
        | 'rejected'
        | 'expired'
        | 'withdrawn'
        | 'changed'
        | 'unavailable';
      readonly approvers: readonly Party[];
    }
  | {
      readonly kind: 'grant-used';
      readonly grant: string;
      readonly hold: HoldId;
      readonly action: ActionId;
      readonly session: SessionId;
    }
  /** Other chains of the trail: the last signed record of each that this process has seen on the disk. */
  | {
      readonly kind: 'chains-seen';
      readonly chains: readonly {
        readonly chain: string;
        readonly seq: number;
        readonly hash: string;
        /** When it was signed. */
        readonly at: string;
      }[];
    }
  | {
      readonly kind: 'session-killed';
      readonly session: SessionId;
      readonly by: Party;
      readonly reason: string;
    };

/** One chain of records, written in the order of `append`. */
export interface Trail {
  /**
   * The entry is in the kernel's hands when `afterCommit`, asked for after it, calls back; else a few milliseconds later, as the
   * ends of actions always are.
   */
  append(entry: TrailEntry): void;
  /**
   * Called once, after everything appended so far was written (survives kill -9) or could not be: then nothing
   * that depends on it may happen. One write serves all sessions of one turn of the event loop.
   */
  afterCommit(waiter: CommitWaiter): void;
  /** False while the trail cannot be written: new actions are to be refused. */
  readonly writable: boolean;
}

export interface CommitWaiter {
  committed(): void;
  notCommitted(): void;
}
