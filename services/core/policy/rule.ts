/** Policies once they have been read and checked: what decisions are made of. */
import type { Effect } from '../model/action.ts';
import type { GrantScope, Limits, Mask, RuleRef } from '../model/decision.ts';
import type { PolicyName } from '../model/ids.ts';
import type { Principal } from '../model/principal.ts';
import { matchesPrincipal, type PrincipalPattern } from '../model/principal-pattern.ts';
import type { DynamicCondition } from './conditions/dynamic.ts';
import { no, type Truth, truthOf, unknown, yes } from './truth.ts';

/** A condition on an effect, in a protocol's words. */
export interface EffectTest {
  readonly name: string;
  /** What it asks for, as the person wrote it. */
  readonly text: string;
  matches(effect: Effect): boolean;
}

/** What one hold rule asks for; several are put together by approval.ts. */
export interface RuleApproval {
  readonly approvers: readonly PrincipalPattern[];
  readonly quorum: number;
  readonly withinMs: number;
  readonly mode: 'wait' | 'defer';
  readonly waitMs: number;
  readonly grant: GrantScope;
}

interface RuleBase {
  readonly ref: RuleRef;
  /** Its place among all rules of the set: where several decide, the first is named. */
  readonly order: number;
  /** Null is everybody. */
  readonly principals: readonly PrincipalPattern[] | null;
  readonly verbs: ReadonlySet<string>;
  /** `effects:` as written; empty when the rule is on opaque reasons alone. */
  readonly effects: readonly string[];
  readonly tests: readonly EffectTest[];
  readonly opaque: ReadonlySet<string>;
  readonly dynamic: readonly DynamicCondition[];
}

export interface AllowRule extends RuleBase {
  readonly outcome: 'allow';
}
export interface DenyRule extends RuleBase {
  readonly outcome: 'deny';
  readonly message: string | null;
  readonly hint: string | null;
}
export interface HoldRule extends RuleBase {
  readonly outcome: 'hold';
  readonly approval: RuleApproval;
}
export type Rule = AllowRule | DenyRule | HoldRule;

/** A policy in the words of one protocol: the rules and masks that can mean something there. */
export interface ProtocolRules {
  readonly rules: readonly Rule[];
  readonly masks: readonly Mask[];
}

/** As one policy says them; null where it says nothing. */
export type PolicyLimits = { readonly [Limit in keyof Limits]: number | null };

export interface Policy {
  readonly name: PolicyName;
  readonly order: number;
  /** Null is everybody. */
  readonly principals: readonly PrincipalPattern[] | null;
  /** Names and patterns, as written. */
  readonly targets: readonly string[];
  readonly byProtocol: ReadonlyMap<string, ProtocolRules>;
  readonly limits: PolicyLimits;
  /** Null when the policy does not say. */
  readonly recordResults: boolean | null;
}

const isEverybody = (pattern: PrincipalPattern): boolean => Object.keys(pattern).length === 0;

/** Whether this is one of the principals; `null` is somebody who is not known yet. */
export function principalTruth(
  patterns: readonly PrincipalPattern[] | null,
  principal: Principal | null,
): Truth {
  if (patterns === null || patterns.some(isEverybody)) return yes;
  if (principal !== null) return truthOf(patterns.some((pattern) => matchesPrincipal(pattern, principal)));
  return patterns.length > 0 ? unknown : no;
}

/** Whether the effect is what the rule is about, whenever and from wherever it comes. */
export const isAbout = (rule: Rule, effect: Effect): boolean =>
  rule.verbs.has(effect.verb) && rule.tests.every((test) => test.matches(effect));
