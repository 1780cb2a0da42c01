import type { PolicyName, RuleName } from './ids.ts';
import type { PrincipalPattern } from './principal-pattern.ts';

/**
 * Why an action was not let through: stable codes for clients, trail, metrics and tests.
 * Adding one is a change of the public interface; renaming one breaks dashboards.
 */
export const reasons = [
  'no-rule',
  'denied-by-rule',
  'opaque',
  'unparsable',
  'too-large',
  'unsupported',
  'masked-field-in-condition',
  'masked-field-derived',
  'limit-exceeded',
  'hold-open',
  'hold-rejected',
  'hold-expired',
  'hold-withdrawn',
  'changed-while-held',
  'approvals-unavailable',
  'trail-unavailable',
  'principal-disabled',
  'locked-out',
  'unauthenticated',
  'credential-expired',
  'session-revoked',
  'unknown-target',
  'target-unavailable',
  'unreadable-answer',
  'refused-by-target',
  'shutting-down',
] as const;
export type Reason = (typeof reasons)[number];

/** What a rule says about what it matches; a decision is made of these. */
export const ruleOutcomes = ['allow', 'deny', 'hold'] as const;
export type RuleOutcome = (typeof ruleOutcomes)[number];

export interface RuleRef {
  readonly policy: PolicyName;
  readonly rule: RuleName;
}

export const ruleText = (rule: RuleRef): string => `${rule.policy}/${rule.rule}`;

/**
 * Whether an action may use a masked field to choose rows, which reveals it bit by bit: never; by asking whether it equals a value,
 * so many times a minute; or in any way.
 */
export const conditionTreatments = ['deny', 'equality', 'allow'] as const;
export type ConditionTreatment = (typeof conditionTreatments)[number];

export const derivedTreatments = ['mask', 'refuse'] as const;
export type DerivedTreatment = (typeof derivedTreatments)[number];

/** Which values to hide and how; `fields` and `detect` are the policy's own words, read by the protocol's masker. */
export interface Mask {
  readonly policy: PolicyName;
  /** Patterns of the protocol's fields (`app.users.email`, `app.*.email`); empty when only detectors decide. */
  readonly fields: readonly string[];
  /** Names of detectors (`email`, `card`) run over values that no field pattern covers. */
  readonly detect: readonly string[];
  /** The transform's name: `full`, `last4`, `email`, `hash`, `null`, ... (core/masking/transform-names.ts) */
  readonly transform: string;
  readonly inConditions: ConditionTreatment;
  /** What becomes of a value that is computed from a masked one: it is masked whole, or the action is refused. */
  readonly derived: DerivedTreatment;
}

/** Limits that a policy sets; `null` is no limit of the policy's (the engine's own limits stand). */
export interface Limits {
  readonly maxRows: number | null;
  readonly maxBytes: number | null;
  readonly commandsPerMinute: number | null;
  /** Comparisons of masked fields with a value; never without a limit. */
  readonly guessesPerMinute: number;
  readonly sessionMs: number | null;
  readonly idleMs: number | null;
}

/** What must be done with an allowed action. One object per principal, target and policy version: compare by identity. */
export interface Obligations {
  readonly masks: readonly Mask[];
  readonly limits: Limits;
  /** Whether the transcript keeps results (as masked) beside statements. */
  readonly recordResults: boolean;
  /** Whether a policy says so in so many words, so that results are read for it where they otherwise would not be. */
  readonly recordResultsAsked: boolean;
}

export type GrantScope =
  /** The approved action itself, once. */
  | { readonly kind: 'exact' }
  /** For `forMs` after approval: the same action again (`action`), or whatever the same rule holds (`rule`). */
  | { readonly kind: 'window'; readonly forMs: number; readonly covers: 'action' | 'rule' };

export interface ApprovalTerms {
  /** An approver must match every clause (one clause a rule that holds) by at least one of its patterns. */
  readonly approvers: readonly (readonly PrincipalPattern[])[];
  /** How many distinct people must approve. */
  readonly quorum: number;
  /** How long the hold stays open. */
  readonly withinMs: number;
  /** `wait` keeps the client waiting for `waitMs` and then falls over to `defer`; `defer` answers at once. */
  readonly mode: 'wait' | 'defer';
  readonly waitMs: number;
  readonly grant: GrantScope;
}

export interface Allow {
  readonly kind: 'allow';
  readonly rule: RuleRef;
  readonly obligations: Obligations;
}

export interface Deny {
  readonly kind: 'deny';
  readonly rule: RuleRef | null;
  readonly reason: Reason;
  /** For the client: what was refused and why. Never holds a masked value or a secret. */
  readonly message: string;
  /** For the client: what would be allowed, or how to ask. */
  readonly hint: string;
}

export interface Hold {
  readonly kind: 'hold';
  readonly rule: RuleRef;
  readonly approval: ApprovalTerms;
  /** In force once the action is released. */
  readonly obligations: Obligations;
}

export type Decision = Allow | Deny | Hold;
