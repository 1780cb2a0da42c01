/** `pods`, `pods/log`, `deployments.apps`, `*.apps`, `*`: which resources a rule is about, as kubectl and RBAC name them. */
import type { RuleOutcome } from '../../core/model/decision.ts';
import { globMatcher } from '../requests/glob.ts';
import type { KubernetesEffect } from './effect.ts';

export interface ResourcePattern {
  readonly resource: string;
  /** Null: any group. Empty: the core group. */
  readonly group: string | null;
  /** Null: the resource itself. */
  readonly subresource: string | null;
}

const form =
  /^(?<resource>\*|[a-z](?:[-a-z0-9]*[a-z0-9])?)(?:\.(?<group>\*|[a-z0-9*](?:[-a-z0-9.*]*[a-z0-9*])?))?(?:\/(?<subresource>\*|[a-z]+))?$/;

/** Kubernetes' own resources that are in a group: without it the pattern would be about a core resource that there is not. */
const groups: ReadonlyMap<string, string> = new Map([
  ...['deployments', 'daemonsets', 'replicasets', 'statefulsets', 'controllerrevisions'].map(
    (name) => [name, 'apps'] as const,
  ),
  ...['jobs', 'cronjobs'].map((name) => [name, 'batch'] as const),
  ...['roles', 'rolebindings', 'clusterroles', 'clusterrolebindings'].map(
    (name) => [name, 'rbac.authorization.k8s.io'] as const,
  ),
  ...['ingresses', 'networkpolicies', 'ingressclasses'].map((name) => [name, 'networking.k8s.io'] as const),
  ['horizontalpodautoscalers', 'autoscaling'],
  ['poddisruptionbudgets', 'policy'],
  ['storageclasses', 'storage.k8s.io'],
  ['customresourcedefinitions', 'apiextensions.k8s.io'],
  ['leases', 'coordination.k8s.io'],
]);

/** What is wrong with it, in a sentence; null when nothing is. */
export function resourcePatternFault(text: string): string | null {
  const { resource, group } = form.exec(text)?.groups ?? {};
  if (resource === undefined) {
    return `"${text}" is no resource: write its plural in lower case, with its group unless that is the core one, and its subresource (pods/log, deployments.apps/scale, *.apps, *)`;
  }
  const own = group === undefined ? groups.get(resource) : undefined;
  return own === undefined ? null : `"${text}" is in the group ${own}: write ${resource}.${own}`;
}

/** Of a text without faults. */
export function readResourcePattern(text: string): ResourcePattern {
  const { resource = '', group, subresource } = form.exec(text)?.groups ?? {};
  return { resource, group: group ?? (resource === '*' ? null : ''), subresource: subresource ?? null };
}

/**
 * A pattern without a subresource is about the resource alone where it allows; where it denies or holds, about all that is done to
 * it by subresources too.
 */
export function resourceMatcher(
  patterns: readonly ResourcePattern[],
  outcome: RuleOutcome,
): (effect: Pick<KubernetesEffect, 'group' | 'type'>) => boolean {
  const tests = patterns.map((pattern) => {
    const inGroup = pattern.group === null ? () => true : globMatcher(pattern.group);
    return (group: string, resource: string, subresource: string | undefined): boolean => {
      if (pattern.resource !== '*' && pattern.resource !== resource) return false;
      if (!inGroup(group)) return false;
      if (pattern.subresource === null) return subresource === undefined || outcome !== 'allow';
      return (
        subresource !== undefined && (pattern.subresource === '*' || pattern.subresource === subresource)
      );
    };
  });
  return ({ group, type }) => {
    const [resource = '', subresource] = type.split('/');
    return type !== '' && tests.some((matches) => matches(group, resource, subresource));
  };
}
