import { describe, expect, test } from '@jest/globals';
import type { RuleOutcome } from '../../../services/core/model/decision.ts';
import {
  effectOf,
  type KubernetesEffect,
  type LabelFacts,
  noFacts,
} from '../../../services/protocols/kubernetes/effect.ts';
import { kubernetesPolicy } from '../../../services/protocols/kubernetes/policy.ts';
import { resourcePatternFault } from '../../../services/protocols/kubernetes/resource-pattern.ts';

const effect = (changes: Partial<KubernetesEffect> = {}): KubernetesEffect => ({
  ...effectOf(
    { verb: 'get', group: '', type: 'pods', namespace: 'dev', name: 'web-0', dryRun: false, ...changes },
    noFacts,
  ),
  ...changes,
});

function matches(condition: string, value: unknown, outcome: RuleOutcome, on: KubernetesEffect): boolean {
  const found = kubernetesPolicy.conditions[condition];
  if (found === undefined) throw new Error(condition);
  return found.compile(found.schema.parse(value), outcome)(on);
}

/** Whether it allows, and whether it denies. */
const both = (condition: string, value: unknown, on: KubernetesEffect): readonly [boolean, boolean] => [
  matches(condition, value, 'allow', on),
  matches(condition, value, 'deny', on),
];

describe('resources', () => {
  test.each<[pattern: string, on: Partial<KubernetesEffect>, allows: boolean, denies: boolean]>([
    ['pods', {}, true, true],
    ['pods', { type: 'pods/exec' }, false, true],
    ['pods/exec', { type: 'pods/exec' }, true, true],
    ['pods/*', { type: 'pods/exec' }, true, true],
    ['pods/*', {}, false, false],
    ['pods', { group: 'metrics.k8s.io' }, false, false],
    ['pods.metrics.k8s.io', { group: 'metrics.k8s.io' }, true, true],
    ['*', { group: 'apps', type: 'deployments' }, true, true],
    ['*', { type: 'pods/exec' }, false, true],
    ['*.apps', { group: 'apps', type: 'deployments' }, true, true],
    ['*.apps', {}, false, false],
    ['*/scale', { group: 'apps', type: 'deployments/scale' }, true, true],
    ['secrets', { group: 'x.io', type: 'secrets' }, false, false],
    ['*', { verb: 'discover', type: '' }, false, false],
  ])('%s on %j', (pattern, on, allows, denies) => {
    expect(both('resources', [pattern], effect(on))).toEqual([allows, denies]);
  });

  test.each(['deployments', 'roles', 'Pods', 'pods/', 'pod s', ''])('%s is refused', (pattern) => {
    expect(resourcePatternFault(pattern)).not.toBeNull();
  });
});

describe('namespaces and names', () => {
  test.each<
    [condition: string, pattern: string, on: Partial<KubernetesEffect>, allows: boolean, denies: boolean]
  >([
    ['namespaces', 'dev', {}, true, true],
    ['namespaces', 'prod', {}, false, false],
    ['namespaces', 'prod', { namespace: '', name: '', verb: 'list' }, false, true],
    ['namespaces', '*', { namespace: '', name: '', verb: 'list' }, false, true],
    ['namespaces', 'prod', { type: 'nodes', namespace: '', verb: 'list' }, false, false],
    ['names', 'web-*', {}, true, true],
    ['names', 'db', {}, false, false],
    ['names', 'db', { name: '', verb: 'list' }, false, true],
    ['names', 'db', { name: '', verb: 'create', facts: null }, true, false],
  ])('%s: %s on %j', (condition, pattern, on, allows, denies) => {
    expect(both(condition, [pattern], effect(on))).toEqual([allows, denies]);
  });
});

describe('labels', () => {
  const labels = (...objects: Readonly<Record<string, string>>[]): LabelFacts => ({
    kind: 'known',
    objects: objects.map((each) => new Map(Object.entries(each))),
  });
  test.each<[facts: LabelFacts, allows: boolean, denies: boolean]>([
    [labels({ app: 'web' }), true, true],
    [labels({ app: 'web' }, { app: 'db' }), false, true],
    [labels({ app: 'db' }), false, false],
    [labels({}), false, false],
    [labels(), false, false],
    [{ kind: 'selected', equal: new Map([['app', 'web']]) }, true, true],
    [{ kind: 'selected', equal: new Map([['app', 'db']]) }, false, false],
    [{ kind: 'selected', equal: new Map([['tier', 'front']]) }, false, true],
    [{ kind: 'unknown' }, false, true],
    [{ kind: 'none' }, false, false],
  ])('%j', (facts, allows, denies) => {
    const on = effect({ facts: { labels: facts, images: [], changes: true } });
    expect(both('labels', { app: 'web' }, on)).toEqual([allows, denies]);
  });
});

test.each<[condition: string, value: unknown, on: Partial<KubernetesEffect>]>([
  ['names', ['web-*'], { name: '' }],
  ['labels', { app: 'web' }, {}],
  ['images', ['registry.example/*'], {}],
  ['changes', true, {}],
])('before the target was asked, %s may yet allow or hold, and do not deny', (condition, value, on) => {
  const unasked = effect({ verb: 'create', ...on, facts: null });
  const outcomes = (['allow', 'hold', 'deny'] as const).map((outcome) =>
    matches(condition, value, outcome, unasked),
  );
  expect(outcomes).toEqual([true, true, false]);
});

describe('images, dry runs and powers', () => {
  const images = (...all: readonly string[]) =>
    effect({ facts: { labels: { kind: 'none' }, images: all, changes: true } });
  test.each<[on: KubernetesEffect, allows: boolean, denies: boolean]>([
    [images('registry.example/a', 'registry.example/b'), true, true],
    [images('registry.example/a', 'evil.example/b'), false, true],
    [images('evil.example/registry.example/a'), false, false],
    [images(), true, false],
    [effect({ facts: null }), true, false],
  ])('images of case %#', (on, allows, denies) => {
    expect(both('images', ['registry.example/*'], on)).toEqual([allows, denies]);
  });

  test('a dry run is one, or none', () => {
    expect(both('dryRun', true, effect({ dryRun: true }))).toEqual([true, true]);
    expect(both('dryRun', true, effect())).toEqual([false, false]);
    expect(both('dryRun', false, effect())).toEqual([true, true]);
  });

  test('what changes nothing is told from what does, once the target was asked', () => {
    const facts = (changes: boolean) =>
      effect({ verb: 'patch', facts: { labels: { kind: 'none' }, images: [], changes } });
    expect(both('changes', false, facts(false))).toEqual([true, true]);
    expect(both('changes', false, facts(true))).toEqual([false, false]);
    expect(both('changes', true, facts(true))).toEqual([true, true]);
    expect(both('changes', false, effect({ verb: 'patch', facts: null }))).toEqual([true, false]);
  });

  test('powers are those of an escape', () => {
    expect(both('powers', ['hostPath'], effect({ verb: 'escape', power: 'hostPath' }))).toEqual([true, true]);
    expect(both('powers', ['hostPath'], effect({ verb: 'escape', power: 'hostPID' }))).toEqual([
      false,
      false,
    ]);
    expect(both('powers', ['hostPath'], effect())).toEqual([false, false]);
  });
});
