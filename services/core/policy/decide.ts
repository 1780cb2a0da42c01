/** From the rules that are about each effect to the one decision. The only place that knows what beats what. */
import type { Circumstances } from '../checkpoint/contract.ts';
import type { Parameter } from '../model/action.ts';
import type { Decision, Deny, Obligations, RuleRef } from '../model/decision.ts';
import { policyName, ruleName } from '../model/ids.ts';
import { mergeApprovals } from './approval.ts';
import * as refusals from './refusals.ts';
import type { AllowRule, DenyRule, HoldRule, Rule } from './rule.ts';
import { and, no, type Truth, yes } from './truth.ts';

/** What must be allowed for an action to be: one of its effects, or one reason for which it is opaque. */
export interface Unit {
  readonly kind: 'effect' | 'opaque';
  /** `delete app.orders`, or the reason. */
  readonly text: string;
  /** The rules that are about it, in policy order; their dynamic conditions are still open. */
  readonly rules: readonly Rule[];
  readonly masked: refusals.MaskedUse | null;
  /** Of a reason that is one because of masks. */
  readonly untraced: refusals.Untraced | null;
}

export type UnitOutcome =
  | { readonly kind: 'allow'; readonly rule: AllowRule }
  | { readonly kind: 'hold'; readonly rules: readonly HoldRule[] }
  | { readonly kind: 'denied-by-rule'; readonly rule: DenyRule }
  | { readonly kind: 'masked-field'; readonly masked: refusals.MaskedUse }
  | { readonly kind: 'no-rule' };

/** Whether a rule's dynamic conditions are met. */
export type Met = (rule: Rule) => Truth;

export function dynamicTruth(
  rule: Rule,
  parameters: readonly Parameter[] | null,
  circumstances: Circumstances,
): Truth {
  let truth = yes;
  for (const condition of rule.dynamic) truth = and(truth, condition.truth(parameters, circumstances));
  return truth;
}

/**
 * Deny beats hold beats allow, over all rules. Where it is unknown whether a rule applies (a parameter that cannot be read),
 * the answer is the strictest of those that could be right: an unknown deny denies, an unknown allow does not allow,
 * and an unknown hold holds what would otherwise pass but lets nothing pass by itself.
 */
export function unitOutcome(unit: Unit, met: Met): UnitOutcome {
  let allow: AllowRule | null = null;
  let sureHold = false;
  const holds: HoldRule[] = [];
  for (const rule of unit.rules) {
    const truth = met(rule);
    if (truth === no) continue;
    switch (rule.outcome) {
      case 'deny':
        return { kind: 'denied-by-rule', rule };
      case 'hold':
        holds.push(rule);
        sureHold ||= truth === yes;
        break;
      case 'allow':
        if (truth === yes) allow ??= rule;
        break;
    }
  }
  if (unit.masked !== null) return { kind: 'masked-field', masked: unit.masked };
  if (sureHold || (allow !== null && holds.length > 0)) return { kind: 'hold', rules: holds };
  return allow === null ? { kind: 'no-rule' } : { kind: 'allow', rule: allow };
}

/** For an action that does nothing to anything (`SELECT 1`, `BEGIN`), when a policy is there for the principal. */
export const noEffectRule: RuleRef = { policy: policyName('builtin'), rule: ruleName('no-effect') };

export interface DecisionContext extends refusals.RefusalContext {
  /** False when no policy applies to this principal on this target. */
  readonly hasPolicies: boolean;
  readonly obligations: Obligations;
}

function refusalOf(
  context: DecisionContext,
  units: readonly Unit[],
  unit: Unit,
  outcome: UnitOutcome,
): Deny | null {
  switch (outcome.kind) {
    case 'allow':
    case 'hold':
      return null;
    case 'denied-by-rule':
      return refusals.deniedByRule(context, outcome.rule, unit.text);
    case 'masked-field':
      return refusals.maskedField(context, unit.text, outcome.masked);
    case 'no-rule':
      if (unit.untraced !== null) return refusals.untraced(context, unit.untraced, unit.text, unit.rules);
      return unit.kind === 'opaque'
        ? refusals.opaque(
            context,
            unit.text,
            unit.rules,
            units.find(({ kind }) => kind === 'effect')?.text ?? '',
          )
        : refusals.noRule(context, unit.text, unit.rules);
  }
}

/**
 * Of several refusals the one that says most: a rule's own words, then a mask's, then what was not understood (a name that is
 * not there, mostly a typing error), then that there is no rule.
 */
const refusalRank = { 'denied-by-rule': 0, 'masked-field': 1, 'no-rule': 3 } as const;
const opaqueRank = 2;

const first = <Of extends Rule>(rules: readonly Of[]): Of | undefined =>
  rules.reduce<Of | undefined>((best, rule) => (best && best.order < rule.order ? best : rule), undefined);

export function decideUnits(context: DecisionContext, units: readonly Unit[], met: Met): Decision {
  const { obligations } = context;
  if (units.length === 0) {
    return context.hasPolicies
      ? { kind: 'allow', rule: noEffectRule, obligations }
      : refusals.noRule(context, 'this', []);
  }
  let refused: { readonly unit: Unit; readonly outcome: UnitOutcome; readonly rank: number } | null = null;
  const allows = new Set<AllowRule>();
  const holds = new Set<HoldRule>();
  for (const unit of units) {
    const outcome = unitOutcome(unit, met);
    if (outcome.kind === 'allow') allows.add(outcome.rule);
    else if (outcome.kind === 'hold') for (const rule of outcome.rules) holds.add(rule);
    else {
      const unknown = unit.kind === 'opaque' && outcome.kind === 'no-rule';
      const rank = unknown ? opaqueRank : refusalRank[outcome.kind];
      if (refused === null || rank < refused.rank) refused = { unit, outcome, rank };
    }
  }
  const refusal = refused && refusalOf(context, units, refused.unit, refused.outcome);
  if (refusal !== null) return refusal;
  const inOrder = [...holds].sort((left, right) => left.order - right.order);
  const [hold] = inOrder;
  if (hold !== undefined) {
    return { kind: 'hold', rule: hold.ref, approval: mergeApprovals(inOrder), obligations };
  }
  const allow = first([...allows]);
  // Every unit is allowed, so there is a rule; without one the answer would have to be no.
  return allow === undefined
    ? refusals.noRule(context, 'this', [])
    : { kind: 'allow', rule: allow.ref, obligations };
}
