import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Decision, ruleText } from '../../../services/core/model/decision.ts';
import { listenerName } from '../../../services/core/model/ids.ts';
import type { SourceDocument } from '../../../services/core/model/problem.ts';
import { loadPolicies } from '../../../services/core/policy/load.ts';
import type { PolicySet } from '../../../services/core/policy/policy-set.ts';
import { circumstances, intent, noonMs, principal, sqlEffect, withParameters } from './actors.ts';
import { shop, vocabulary } from './words.ts';

interface AnyRule {
  readonly outcome: 'allow' | 'deny' | 'hold';
  readonly effects?: readonly string[];
  readonly [key: string]: unknown;
}
interface AnyPolicy {
  readonly principals?: unknown;
  readonly targets: readonly string[];
  readonly rules: readonly AnyRule[];
  readonly masks: readonly unknown[];
}

const some = <Value>(...values: readonly Value[]): fc.Arbitrary<readonly Value[]> =>
  fc.subarray([...values], { minLength: 1 });

const maybe = <Value>(value: fc.Arbitrary<Value>): fc.Arbitrary<Value | undefined> =>
  fc.option(value, { nil: undefined, freq: 2 });

const anyPrincipals = fc.constantFrom(
  [{ groups: ['agents'] }],
  [{ kinds: ['person'] }],
  [{ kinds: ['person'] }, { subjects: ['agent-*'] }],
  [{}],
);

const aboutEffects = fc.record({
  effects: some('select', 'update', 'delete', 'call', '*'),
  tables: maybe(some('app.*', 'app.users', 'billing.*')),
  opaque: maybe(some('unknown-function', 'procedural-code')),
});
const aboutOpaque = fc.record({ opaque: some('unknown-function', 'procedural-code') });

const anyOutcome = fc.oneof(
  fc.constant({ outcome: 'allow' as const }),
  fc.constant({ outcome: 'deny' as const }),
  fc.record({
    outcome: fc.constant('hold' as const),
    approval: fc.record({
      approvers: fc.constantFrom([{ groups: ['dba'] }], [{ groups: ['sre'] }, { subjects: ['eve'] }]),
      quorum: fc.integer({ min: 1, max: 3 }),
    }),
  }),
);

const anyRule: fc.Arbitrary<AnyRule> = fc
  .tuple(
    fc.oneof({ weight: 4, arbitrary: aboutEffects }, { weight: 1, arbitrary: aboutOpaque }),
    fc.record({
      principals: maybe(anyPrincipals),
      times: maybe(
        fc.constantFrom({ zone: 'UTC', from: '09:00', to: '11:00' }, { zone: 'UTC', weekdays: ['sun'] }),
      ),
      sources: maybe(some('10.0.0.0/8', '192.0.2.0/24')),
      listeners: maybe(some('inside', 'out*')),
      parameters: maybe(
        fc.constantFrom({ 1: { oneOf: ['a', 7] } }, { 2: { atMost: 5 } }, { 1: { matches: 'a+' } }),
      ),
    }),
    anyOutcome,
  )
  .map(([about, conditions, outcome]) => ({ ...about, ...conditions, ...outcome }));

const anyPolicy: fc.Arbitrary<AnyPolicy> = fc.record({
  principals: maybe(anyPrincipals),
  targets: fc.constantFrom(['shop'], ['*'], ['billing'], ['sh*', 'billing']),
  rules: fc.array(anyRule, { maxLength: 5 }),
  masks: fc.subarray([
    { fields: ['app.users.email'], with: 'email' },
    { fields: ['app.*.city'], with: 'full', inConditions: 'allow' },
  ]),
});
const anyPolicies = fc.array(anyPolicy, { maxLength: 4 });

const anyEffect = fc
  .record({
    verb: fc.constantFrom('select', 'update', 'delete', 'call', 'drop'),
    resource: fc.constantFrom('app.users', 'app.orders', 'billing.cards', 'other.t'),
    conditionColumns: fc.subarray(['app.users.email', 'app.users.city']),
  })
  .map(({ verb, resource, conditionColumns }) => sqlEffect(verb, resource, { conditionColumns }));

const anySituation = fc.record({
  effects: fc.array(anyEffect, { maxLength: 3 }),
  opaque: fc.subarray(['unknown-function', 'procedural-code', 'never-heard-of']),
  parameters: fc.array(fc.constantFrom('a', 'aa', '7', '4', 'x', null), { maxLength: 2 }),
  who: fc.constantFrom(principal(), principal({ kind: 'person', groups: [] }), principal({ subject: 'x' })),
  ip: fc.constantFrom('10.1.2.3', '192.0.2.7', '203.0.113.1'),
  listener: fc.constantFrom('inside', 'outside'),
  nowMs: fc.constantFrom(noonMs, noonMs + 3 * 3_600_000, noonMs + 4 * 86_400_000),
});
type Situation = typeof anySituation extends fc.Arbitrary<infer Value> ? Value : never;

/** Loading takes longer than all else here, and one property asks the same policies many times. */
const sets = new WeakMap<readonly AnyPolicy[], PolicySet>();

function setOf(policies: readonly AnyPolicy[]): PolicySet {
  const known = sets.get(policies);
  if (known !== undefined) return known;
  const value = {
    policies: policies.map((policy, index) => ({
      name: `p${index}`,
      ...policy,
      rules: policy.rules.map((rule, number) => ({ name: `r${number}`, ...rule })),
    })),
  };
  // JSON leaves out what is undefined, as a file would.
  const document: SourceDocument = {
    file: 'any.yaml',
    value: JSON.parse(JSON.stringify(value)),
    locate: () => ({ line: 1, column: 1 }),
  };
  const { policies: set, problems } = loadPolicies([document], vocabulary);
  if (set === null) throw new Error(JSON.stringify(problems));
  sets.set(policies, set);
  return set;
}

const inputs = ({ effects, opaque, parameters, ip, listener, nowMs }: Situation) => ({
  action: withParameters(intent(effects, { opaque }), parameters),
  circumstances: circumstances({ nowMs, source: { ip, port: 1 }, listener: listenerName(listener) }),
});

/** Decides on an intent that nobody has seen before. */
function decide(policies: readonly AnyPolicy[], situation: Situation): Decision {
  const { action, circumstances: now } = inputs(situation);
  return setOf(policies).view(situation.who, shop).decide(action, now);
}

const permitted = (decision: Decision): number => ({ deny: 0, hold: 1, allow: 2 })[decision.kind];

/** The policies with one rule changed, added or taken away at a place that `at` chooses. */
const withRules = (
  policies: readonly AnyPolicy[],
  at: number,
  change: (rules: readonly AnyRule[]) => readonly AnyRule[],
): readonly AnyPolicy[] =>
  policies.map((policy, index) =>
    index === at % policies.length ? { ...policy, rules: change(policy.rules) } : policy,
  );

const runs = { numRuns: 300 };

test('adding a deny rule never makes anything more permitted', () => {
  fc.assert(
    fc.property(anyPolicies, anyRule, fc.nat(), anySituation, (policies, rule, at, situation) => {
      const { approval: _, ...rest } = rule;
      const denied = withRules(policies, at, (rules) => [...rules, { ...rest, outcome: 'deny' }]);
      expect(permitted(decide(denied, situation))).toBeLessThanOrEqual(
        permitted(decide(policies, situation)),
      );
    }),
    runs,
  );
});

test('taking an allow rule away never makes anything more permitted', () => {
  fc.assert(
    fc.property(anyPolicies, fc.nat(), fc.nat(), anySituation, (policies, at, which, situation) => {
      const fewer = withRules(policies, at, (rules) => {
        const allows = rules.filter((rule) => rule.outcome === 'allow');
        return rules.filter((rule) => rule !== allows[which % Math.max(1, allows.length)]);
      });
      expect(permitted(decide(fewer, situation))).toBeLessThanOrEqual(permitted(decide(policies, situation)));
    }),
    runs,
  );
});

test('the order of rules and policies does not matter for what is decided', () => {
  const shuffled = <Value>(items: readonly Value[], seed: number): readonly Value[] =>
    items
      .map((item, index) => [item, (index * 7919 + seed) % 31] as const)
      .toSorted(([, left], [, right]) => left - right)
      .map(([item]) => item);
  fc.assert(
    fc.property(anyPolicies, fc.nat(), anySituation, (policies, seed, situation) => {
      const other = shuffled(policies, seed).map((policy) => ({
        ...policy,
        rules: shuffled(policy.rules, seed),
      }));
      const [one, two] = [decide(policies, situation), decide(other, situation)];
      expect(two.kind).toBe(one.kind);
      if (one.kind === 'deny' && two.kind === 'deny') expect(two.reason).toBe(one.reason);
      if (one.kind === 'hold' && two.kind === 'hold') {
        expect(new Set(two.approval.approvers)).toEqual(new Set(one.approval.approvers));
        expect({ ...two.approval, approvers: [] }).toEqual({ ...one.approval, approvers: [] });
      }
    }),
    runs,
  );
});

test('an action is permitted no more than the least of its effects', () => {
  fc.assert(
    fc.property(anyPolicies, anySituation, (policies, situation) => {
      const parts = [
        ...situation.effects.map((effect) => ({ ...situation, effects: [effect], opaque: [] })),
        ...situation.opaque.map((reason) => ({ ...situation, effects: [], opaque: [reason] })),
      ];
      fc.pre(parts.length > 0);
      const least = Math.min(...parts.map((part) => permitted(decide(policies, part))));
      expect(permitted(decide(policies, situation))).toBe(least);
    }),
    runs,
  );
});

test('a remembered decision is the decision', () => {
  fc.assert(
    fc.property(
      anyPolicies,
      fc.array(anySituation, { minLength: 1, maxLength: 6 }),
      (policies, situations) => {
        const [first] = situations;
        if (first === undefined) return;
        const set = setOf(policies);
        const { action } = inputs(first);
        for (const situation of [...situations, ...situations]) {
          const again = inputs(situation);
          const same = { ...action, parameters: again.action.parameters };
          const decision = set.view(situation.who, shop).decide(same, again.circumstances);
          const fresh = { ...situation, effects: first.effects, opaque: first.opaque };
          expect(decision).toEqual(decide(policies, fresh));
        }
      },
    ),
    { numRuns: 150 },
  );
});

test('what is refused with every parameter is refused with these', () => {
  fc.assert(
    fc.property(anyPolicies, anySituation, (policies, situation) => {
      const { action, circumstances: now } = inputs(situation);
      const view = setOf(policies).view(situation.who, shop);
      if (view.refuseAlways(action.intent, now) !== null) expect(view.decide(action, now).kind).toBe('deny');
    }),
    runs,
  );
});

test('a session that could do something is let in', () => {
  fc.assert(
    fc.property(anyPolicies, anySituation, (policies, situation) => {
      const set = setOf(policies);
      const { action, circumstances: now } = inputs(situation);
      fc.pre(situation.effects.length + situation.opaque.length > 0);
      // Only a deny rule on every effect is one on connections too.
      fc.pre(policies.every(({ rules }) => rules.every(({ effects }) => !effects?.includes('*'))));
      if (set.view(situation.who, shop).decide(action, now).kind === 'deny') return;
      const known = { ...now, principal: situation.who, target: shop };
      expect(set.refuseConnection(known, now.nowMs)).toBeNull();
      expect(set.refuseConnection({ ...known, principal: null, target: null }, now.nowMs)).toBeNull();
    }),
    runs,
  );
});

test('explain agrees with decide', () => {
  fc.assert(
    fc.property(anyPolicies, anySituation, (policies, situation) => {
      const set = setOf(policies);
      const { action, circumstances: now } = inputs(situation);
      const decision = set.view(situation.who, shop).decide(action, now);
      const explanation = set.explain(situation.who, shop, action, now);
      expect(explanation.decision).toBe(decision.kind);
      expect(explanation.rule).toBe(decision.rule === null ? null : ruleText(decision.rule));
      expect(explanation.reason).toBe(decision.kind === 'deny' ? decision.reason : null);
      const units = [...explanation.effects, ...explanation.opaque];
      if (units.length === 0) return;
      const rank = { deny: 0, hold: 1, allow: 2 } as const;
      expect(Math.min(...units.map(({ outcome }) => rank[outcome]))).toBe(permitted(decision));
      for (const unit of units) {
        for (const rule of unit.rules) {
          expect(rule.why.length > 0).toBe(!rule.decided);
          if (rule.decided) expect(rule.applies).not.toBe('no');
        }
        expect(unit.rules.some(({ decided }) => decided)).toBe(unit.rule !== null);
      }
      // Its conditions, told one by one, come to the same as the rules that were weighed.
      for (const unit of units.filter(({ outcome }) => outcome === 'allow')) {
        expect(unit.rules.filter(({ applies, outcome }) => applies !== 'no' && outcome !== 'allow')).toEqual(
          [],
        );
      }
    }),
    runs,
  );
});
