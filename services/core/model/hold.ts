import type { ApprovalTerms, GrantScope, RuleRef } from './decision.ts';
import { SallyportError } from './errors.ts';
import type { GrantId, HoldId, SessionId, TargetName } from './ids.ts';
import type { Party, Principal } from './principal.ts';

/** Another action that the same approval lets through: exactly it, once, and as long as a deferred one. */
export interface AlsoApproved {
  /** As that of a hold of its own would be. */
  readonly digest: string;
  readonly text: string;
  readonly effects: readonly string[];
}

/** What an approver is asked about. Everything here is shown, and everything that matters is bound by `digest`. */
export interface HoldRequest {
  readonly id: HoldId;
  /** SHA-256 over principal chain, target, exact bytes and parameters, policy version, versions touched (hex). */
  readonly digest: string;
  /** SHA-256 over principal chain, target and rule (hex): what a grant that covers the rule is found by. */
  readonly ruleDigest: string;
  readonly session: SessionId;
  readonly protocol: string;
  readonly target: TargetName;
  readonly requester: Party;
  /** The requester and everybody it acts for: none of them counts as an approver. */
  readonly chain: readonly Party[];
  readonly rule: RuleRef;
  readonly text: string;
  readonly parameters: readonly (string | null)[];
  /** `delete app.orders`, one a line: what the action does, in the words of its protocol. */
  readonly effects: readonly string[];
  /** What that sets off at the target by itself, and how much the target thinks that it is: a sentence each. */
  readonly consequences: readonly string[];
  /** What the session has set before that changes what the text means; empty when it has set nothing. */
  readonly sessionState: string;
  /**
   * The client's command that this is a part of, by the client's own word (`kubectl apply 0a1b…`): it puts what is shown together, and nothing
   * hangs on it. Null where the client names none.
   */
  readonly command: string | null;
  /** What the same command is about to ask for. */
  readonly alsoApproves: readonly AlsoApproved[];
  readonly approval: ApprovalTerms;
  /** Both by the clock of whoever asks; the store sets them anew by its own, `approval.withinMs` apart. */
  readonly openedAtMs: number;
  readonly expiresAtMs: number;
  /** The gateway process whose client waits; null for a deferred hold, which needs nobody to wait. */
  readonly owner: string | null;
}

export type HoldState = 'open' | 'approved' | 'used' | 'rejected' | 'expired' | 'withdrawn';

export interface Vote {
  readonly approver: Party;
  readonly verdict: 'approve' | 'reject';
  /** The approver's own words. */
  readonly reason: string;
  readonly atMs: number;
}

export interface Hold {
  readonly request: HoldRequest;
  readonly state: HoldState;
  readonly votes: readonly Vote[];
}

/** An approval that outlives its hold. */
export interface Grant {
  readonly id: GrantId;
  readonly hold: HoldId;
  readonly scope: GrantScope;
  /** The hold's `digest` or `ruleDigest`, as the scope says. */
  readonly digest: string;
  readonly approvers: readonly Party[];
  readonly expiresAtMs: number;
}

export type OpenResult =
  /** `expiresAtMs` by the store's clock. */
  | { readonly kind: 'opened'; readonly expiresAtMs: number }
  /** The requester has been told to come back for a hold whose approval lets this very action through: it is asked about once, under that id. */
  | { readonly kind: 'exists'; readonly id: HoldId; readonly expiresAtMs: number }
  /** There are as many open holds as there may be: an approver must not be flooded. */
  | { readonly kind: 'too-many' };

/** How a hold ended for the client that asked. */
export type HoldOutcome =
  | { readonly kind: 'released'; readonly approvers: readonly Party[] }
  /** Nobody waits for it any more: its approval is, or will be, a grant. */
  | { readonly kind: 'deferred' }
  | { readonly kind: 'rejected'; readonly by: Party; readonly reason: string }
  | { readonly kind: 'expired' }
  | { readonly kind: 'withdrawn' };

/** Why a vote was not counted. */
export type VoteRefusal =
  | 'unknown-hold'
  | 'not-open'
  | 'expired'
  | 'requester-cannot-approve'
  | 'not-an-approver'
  | 'already-voted'
  | 'owner-gone';

export type VoteResult =
  | { readonly kind: 'counted'; readonly hold: Hold; readonly approvalsLeft: number }
  | { readonly kind: 'refused'; readonly why: VoteRefusal };

export type ApprovalsErrorCode =
  /** The store could not be reached or did not answer in time. What was asked of it may have been done. */
  | 'unavailable'
  /** A request or a voter's reason is over its limit; nothing is ever cut to fit. */
  | 'too-large'
  /** Terms that cannot be kept (a quorum of none, a time without end), or an id that was used before. */
  | 'invalid-request'
  /** Only the process whose client waits may wait for a hold. */
  | 'not-owner'
  /** What the store holds is not of our making or of another version; the message says where. */
  | 'corrupt'
  | 'invalid-url'
  | 'closed';

export class ApprovalsError extends SallyportError<ApprovalsErrorCode> {}

/**
 * Holds and grants, wherever they live. Times are the store's, so that gateways with different clocks agree.
 * Every method may reject with an `ApprovalsError`, mostly because the store cannot be reached: the caller then refuses.
 */
export interface Approvals {
  /** A request with an `owner` is one whose client waits at this very process. */
  open(request: HoldRequest): Promise<OpenResult>;
  /**
   * Takes an approval that is bound to one of these digests if there is one: an exact one is used up by this, a window one is
   * not. A rule's digest is given only where that rule alone holds the action and lets its approvals cover it.
   */
  takeGrant(digests: readonly string[]): Promise<Grant | null>;
  /**
   * Resolves once the hold is decided; an approved one has then been used up, by this call alone. While the store
   * cannot be reached this waits, until the hold's expiry at the longest.
   */
  outcome(id: HoldId): Promise<HoldOutcome>;
  /**
   * Turns an open hold whose client waits into one that nobody waits for: its approval then becomes a grant. False
   * when it was no longer open, so that `outcome` says how it ended.
   */
  defer(id: HoldId): Promise<boolean>;
  /** Ends a hold nobody waits for any more. Does nothing to one that has ended. */
  withdraw(id: HoldId): Promise<void>;
  vote(id: HoldId, approver: Principal, verdict: Vote['verdict'], reason: string): Promise<VoteResult>;
  show(id: HoldId): Promise<Hold | null>;
  list(): Promise<readonly Hold[]>;
}
