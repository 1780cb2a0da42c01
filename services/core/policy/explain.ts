/** Why a decision is what it is, rule by rule and condition by condition. For people who write policies. */
import type { Circumstances } from '../checkpoint/contract.ts';
import type { Action, Effect } from '../model/action.ts';
import {
  type ApprovalTerms,
  type Decision,
  type Deny,
  type Limits,
  type Mask,
  type Reason,
  ruleText,
} from '../model/decision.ts';
import type { Principal } from '../model/principal.ts';
import { matchesGlob, type PrincipalPattern } from '../model/principal-pattern.ts';
import { dynamicTruth, type Unit, type UnitOutcome, unitOutcome } from './decide.ts';
import { type Policy, principalTruth, type Rule } from './rule.ts';
import { listText } from './shapes.ts';
import { no, type Truth, truthOf, truthText, yes } from './truth.ts';
import type { RuleView } from './view.ts';

export interface ConditionExplanation {
  /** `effects`, `principals`, `tables`, `times`, ... */
  readonly condition: string;
  readonly met: 'yes' | 'no' | 'unknown';
  /** `tables: app.* does not match billing.cards`. */
  readonly text: string;
}

export interface RuleExplanation {
  readonly rule: string;
  readonly outcome: Rule['outcome'];
  readonly applies: 'yes' | 'no' | 'unknown';
  /** Whether it is the rule, or one of the rules, that decided. */
  readonly decided: boolean;
  /** Why it did not decide: the conditions that are not met, or what beat it. Empty when it decided. */
  readonly why: readonly string[];
  readonly conditions: readonly ConditionExplanation[];
}

export interface UnitExplanation {
  /** `delete app.orders`, or the opaque reason. */
  readonly effect: string;
  readonly outcome: Decision['kind'];
  /** `policy/rule`; with several holds the first of them. */
  readonly rule: string | null;
  readonly reason: Reason | null;
  readonly rules: readonly RuleExplanation[];
}

export interface PolicyExplanation {
  readonly policy: string;
  readonly applies: boolean;
  /** Why it does not apply; empty when it does. */
  readonly why: readonly string[];
}

/** Plain data: it goes to people as text and to programs as JSON. */
export interface Explanation {
  readonly decision: Decision['kind'];
  readonly rule: string | null;
  readonly reason: Reason | null;
  readonly message: string | null;
  readonly hint: string | null;
  readonly approval: ApprovalTerms | null;
  readonly effects: readonly UnitExplanation[];
  readonly opaque: readonly UnitExplanation[];
  readonly policies: readonly PolicyExplanation[];
  readonly masks: readonly Mask[];
  readonly limits: Limits;
  /** What a session would be told before any action; null when it may open. */
  readonly connection: { readonly reason: Reason; readonly message: string } | null;
  readonly policyVersion: string;
}

export interface ExplainParts {
  readonly view: RuleView;
  readonly policies: readonly Policy[];
  /** Null when the target is not in the config. */
  readonly protocol: string | null;
  readonly principal: Principal;
  readonly action: Action;
  readonly circumstances: Circumstances;
  readonly connection: Deny | null;
}

export function explain(parts: ExplainParts): Explanation {
  const { view, action, circumstances, connection } = parts;
  const decision = view.decide(action, circumstances);
  const units = view.units(action.intent);
  const explained = units.map((unit, index) =>
    explainUnit(parts, unit, action.intent.effects[index] ?? null),
  );
  const denied = decision.kind === 'deny' ? decision : null;
  return {
    decision: decision.kind,
    rule: decision.rule === null ? null : ruleText(decision.rule),
    reason: denied?.reason ?? null,
    message: denied?.message ?? null,
    hint: denied?.hint ?? null,
    approval: decision.kind === 'hold' ? decision.approval : null,
    effects: explained.slice(0, action.intent.effects.length),
    opaque: explained.slice(action.intent.effects.length),
    policies: parts.policies.map((policy) => explainPolicy(policy, parts)),
    masks: view.obligations.masks,
    limits: view.obligations.limits,
    connection: connection && { reason: connection.reason, message: connection.message },
    policyVersion: view.version,
  };
}

const meansTarget = (policy: Policy, { view, protocol }: ExplainParts): boolean =>
  protocol !== null && policy.targets.some((pattern) => matchesGlob(pattern, view.target));

function explainPolicy(policy: Policy, parts: ExplainParts): PolicyExplanation {
  const why: string[] = [];
  if (parts.protocol === null) {
    why.push(`targets: ${parts.view.target} is not a target of the config`);
  } else if (!meansTarget(policy, parts)) {
    why.push(`targets: ${listText(policy.targets)} does not match ${parts.view.target}`);
  }
  const principals = explainPrincipals(policy.principals, parts.principal);
  if (principals?.met === 'no') why.push(principals.text);
  return { policy: policy.name, applies: why.length === 0, why };
}

function explainUnit(parts: ExplainParts, unit: Unit, effect: Effect | null): UnitExplanation {
  const { action, circumstances, principal, policies, protocol } = parts;
  const outcome = unitOutcome(unit, (rule) => dynamicTruth(rule, action.parameters, circumstances));
  const deciders = decidersOf(outcome);
  const [decider] = deciders;
  const rules = policies
    .filter((policy) => meansTarget(policy, parts) && principalTruth(policy.principals, principal) === yes)
    .flatMap((policy) => (protocol === null ? [] : (policy.byProtocol.get(protocol)?.rules ?? [])));
  return {
    effect: unit.text,
    outcome: outcome.kind === 'allow' || outcome.kind === 'hold' ? outcome.kind : 'deny',
    rule: decider === undefined ? null : ruleText(decider.ref),
    reason: reasonOf(unit, outcome),
    rules: rules.map((rule) => explainRule(parts, unit, effect, rule, outcome, deciders.includes(rule))),
  };
}

function decidersOf(outcome: UnitOutcome): readonly Rule[] {
  switch (outcome.kind) {
    case 'allow':
    case 'denied-by-rule':
      return [outcome.rule];
    case 'hold':
      return outcome.rules;
    case 'masked-field':
    case 'no-rule':
      return [];
  }
}

function reasonOf(unit: Unit, outcome: UnitOutcome): Reason | null {
  switch (outcome.kind) {
    case 'allow':
    case 'hold':
      return null;
    case 'no-rule':
      return unit.kind === 'opaque' ? 'opaque' : 'no-rule';
    case 'denied-by-rule':
      return outcome.kind;
    case 'masked-field':
      return outcome.masked.reason;
  }
}

function explainRule(
  parts: ExplainParts,
  unit: Unit,
  effect: Effect | null,
  rule: Rule,
  outcome: UnitOutcome,
  decided: boolean,
): RuleExplanation {
  const conditions = [
    ...(effect === null ? [explainOpaque(rule, unit.text)] : explainEffect(rule, effect)),
    ...[explainPrincipals(rule.principals, parts.principal)].filter((explained) => explained !== null),
    ...explainDynamic(rule, parts),
  ];
  const applies = worst(conditions);
  const failed = conditions.filter((condition) => condition.met !== 'yes').map(({ text }) => text);
  const why = decided ? [] : failed.length > 0 ? failed : [beatenBy(outcome)];
  return { rule: ruleText(rule.ref), outcome: rule.outcome, applies, decided, why, conditions };
}

const worst = (conditions: readonly ConditionExplanation[]): 'yes' | 'no' | 'unknown' => {
  const met = conditions.map((condition) => condition.met);
  return met.includes('no') ? 'no' : met.includes('unknown') ? 'unknown' : 'yes';
};

function beatenBy(outcome: UnitOutcome): string {
  switch (outcome.kind) {
    case 'denied-by-rule':
      return `rule ${ruleText(outcome.rule.ref)} denies, and deny beats all`;
    case 'masked-field':
      return outcome.masked.reason === 'masked-field-derived'
        ? `the effect returns what is computed from the masked field ${outcome.masked.field}, and that is always denied`
        : `the effect chooses by the masked field ${outcome.masked.field}, and that is always denied`;
    case 'hold':
      return `rule ${outcome.rules.map((rule) => ruleText(rule.ref)).join(', ')} holds, and hold beats allow`;
    case 'allow':
      return `rule ${ruleText(outcome.rule.ref)} stands before it and allows`;
    case 'no-rule':
      return 'it is not certain that it applies';
  }
}

const explained = (condition: string, met: Truth, text: string): ConditionExplanation => ({
  condition,
  met: truthText(met),
  text: `${condition}: ${text}`,
});

function explainEffect(rule: Rule, effect: Effect): readonly ConditionExplanation[] {
  const asked = rule.effects.length === 0 ? 'none (the rule is on opaque reasons)' : listText(rule.effects);
  if (!rule.verbs.has(effect.verb))
    return [explained('effects', no, `${asked} does not have ${effect.verb}`)];
  return [
    explained('effects', yes, `${asked} has ${effect.verb}`),
    ...rule.tests.map((test) => {
      const matches = test.matches(effect);
      const resource = effect.resource === '' ? 'an effect on nothing' : effect.resource;
      const text = `${test.text} ${matches ? 'matches' : 'does not match'} ${resource}`;
      return explained(test.name, truthOf(matches), text);
    }),
  ];
}

function explainOpaque(rule: Rule, reason: string): ConditionExplanation {
  const named = rule.opaque.has(reason);
  return explained('opaque', truthOf(named), `the rule ${named ? 'names' : 'does not name'} ${reason}`);
}

const patternText = (pattern: PrincipalPattern): string =>
  Object.entries(pattern)
    .map(([field, wanted]) => `${field} ${Array.isArray(wanted) ? listText(wanted) : JSON.stringify(wanted)}`)
    .join(' and ');

/** Null when the rule or policy is for everybody. */
function explainPrincipals(
  patterns: readonly PrincipalPattern[] | null,
  principal: Principal,
): ConditionExplanation | null {
  if (patterns === null) return null;
  const truth = principalTruth(patterns, principal);
  const asked = patterns.map(patternText).join(', or ') || 'nobody';
  const who = `${principal.kind} ${principal.subject} (groups ${listText(principal.groups) || 'none'})`;
  return explained('principals', truth, `${asked} ${truth === yes ? 'matches' : 'does not match'} ${who}`);
}

const explainDynamic = (
  rule: Rule,
  { action, circumstances }: ExplainParts,
): readonly ConditionExplanation[] =>
  rule.dynamic.map((condition) => {
    const truth = condition.truth(action.parameters, circumstances);
    const found = condition.found(action.parameters, circumstances);
    return explained(condition.name, truth, `${condition.text}; ${found}`);
  });
