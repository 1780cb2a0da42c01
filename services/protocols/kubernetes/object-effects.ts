/** What writing an object does beside writing it, from the object as it is and as it would be. */
import type { JsonObject } from '../../core/model/strict-json.ts';
import { canonicalJson, contentOf, labelsOf, listAt, metadataOf, objectAt, textAt } from './api-object.ts';
import { effectOf, type KubernetesEffect, noFacts, type ObjectFacts, type Power } from './effect.ts';
import { type PodReach, podSpecsIn, reachOf } from './pod-spec.ts';
import type { ResourceRequest } from './request-info.ts';

/** An object before and after; null where there is none. */
export interface Change {
  readonly before: JsonObject | null;
  readonly after: JsonObject | null;
}

export const factsOf = (changes: readonly Change[]): ObjectFacts => ({
  labels: {
    kind: 'known',
    objects: changes.flatMap(({ before, after }) =>
      [before, after].filter((object) => object !== null).map(labelsOf),
    ),
  },
  images: changes.flatMap(({ after }) => (after === null ? [] : reachOf(podSpecsIn(after)).images)),
  changes: changes.some(changesAnything),
});

const changesAnything = ({ before, after }: Change): boolean =>
  before === null || after === null || canonicalJson(contentOf(before)) !== canonicalJson(contentOf(after));

const rbac = 'rbac.authorization.k8s.io';

/** Of one object that is created, replaced or patched. */
export function reachingEffects(
  request: ResourceRequest,
  { before, after }: Change,
  dryRun: boolean,
): readonly KubernetesEffect[] {
  if (after === null) return [];
  const { group, resource, namespace } = request;
  const about = (verb: KubernetesEffect['verb'], type: string, name: string, ofGroup = '') =>
    ({ verb, group: ofGroup, type, namespace, name, dryRun }) as const;
  const effects: KubernetesEffect[] = [];
  for (const effect of podEffects(before, after)) {
    const { verb, type, name, power } = effect;
    const place = power === null ? about(verb, type, name) : about(verb, resource, request.name, group);
    effects.push(effectOf(place, noFacts, power));
  }
  if (before !== null && ownersOf(before) !== ownersOf(after)) {
    // The garbage collector deletes what has no owner left, and what has no finalizer left goes at once.
    effects.push(
      effectOf(about('delete', resource, request.name, group), factsOf([{ before, after: null }])),
    );
  }
  if (group === '' && resource === 'persistentvolumes' && reachesNode(after)) {
    effects.push(effectOf(about('escape', resource, request.name), noFacts, 'hostPath'));
  }
  if (group === '' && resource === 'secrets') {
    // The controller puts a token of that account into it.
    const account = textAt(objectAt(metadataOf(after), 'annotations'), 'kubernetes.io/service-account.name');
    if (textAt(after, 'type') === 'kubernetes.io/service-account-token') {
      effects.push(effectOf(about('run-as', 'serviceaccounts', account), noFacts));
    }
  }
  if (group === rbac) effects.push(...rbacEffects(request, { before, after }, dryRun));
  return effects;
}

type PodEffect = Pick<KubernetesEffect, 'verb' | 'type' | 'name'> & { readonly power: Power | null };

/** Pods that stay as they are reach no further than they did: scaling a Deployment is no new use of its secrets. Another image in them is. */
function podEffects(before: JsonObject | null, after: JsonObject): readonly PodEffect[] {
  const specs = podSpecsIn(after);
  const known = before === null ? [] : podSpecsIn(before);
  if (canonicalJson(specs) === canonicalJson(known)) return [];
  const reach: PodReach = reachOf(specs);
  return [
    ...reach.secrets.map((name) => ({ verb: 'mount', type: 'secrets', name, power: null }) as const),
    ...reach.serviceAccounts.map(
      (name) => ({ verb: 'run-as', type: 'serviceaccounts', name, power: null }) as const,
    ),
    ...reach.powers.map((power) => ({ verb: 'escape', type: '', name: '', power }) as const),
  ];
}

const reachesNode = (volume: JsonObject): boolean => {
  const spec = objectAt(volume, 'spec');
  return 'hostPath' in spec || 'local' in spec;
};

const ownersOf = (object: JsonObject): string =>
  canonicalJson([listAt(metadataOf(object), 'ownerReferences'), listAt(metadataOf(object), 'finalizers')]);

/** Rights that somebody has after it and had not before. Taking away is harmless, but what is less is hard to say: any other content counts. */
function rbacEffects(
  { resource, namespace, name }: ResourceRequest,
  { before, after }: { readonly before: JsonObject | null; readonly after: JsonObject },
  dryRun: boolean,
): readonly KubernetesEffect[] {
  const about = { group: rbac, namespace, dryRun } as const;
  if (before !== null && rightsOf(before) === rightsOf(after)) return [];
  if (resource === 'roles' || resource === 'clusterroles') {
    return [effectOf({ ...about, verb: 'escalate', type: resource, name }, noFacts)];
  }
  const role = objectAt(after, 'roleRef');
  const type = textAt(role, 'kind') === 'ClusterRole' ? 'clusterroles' : 'roles';
  return [effectOf({ ...about, verb: 'bind', type, name: textAt(role, 'name') }, noFacts)];
}

/** A label can have a role's rules added to another's. */
const rightsOf = (object: JsonObject): string =>
  canonicalJson([
    object['rules'] ?? null,
    object['aggregationRule'] ?? null,
    object['roleRef'] ?? null,
    object['subjects'] ?? null,
    Object.entries(objectAt(metadataOf(object), 'labels'))
      .filter(([name]) => name.startsWith(`${rbac}/`))
      .map(([name, value]) => [name, value]),
  ]);
