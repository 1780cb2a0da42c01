import type { Effect } from '../../core/model/action.ts';
import type { ShellCommand } from '../shell/index.ts';
import type { ResourceRequest } from './request-info.ts';
import { requestVerbs } from './verbs.ts';

/**
 * `connect` is a session's, `discover` what clients read before they can ask for anything. `mount` to `escalate` are what an object that is written reaches
 * beyond itself: `bind` and `escalate` as RBAC has them, `mount` for a pod that gets a secret's content (volume, environment, pull secret),
 * `run-as` for one with a service account of its own, `escape` for one that reaches its node. The last four are streams into a pod: a command,
 * a shell that reads what the client types, what runs there already, and its ports.
 */
export const verbs = [
  'connect',
  'discover',
  ...requestVerbs,
  'mount',
  'run-as',
  'escape',
  'bind',
  'escalate',
  'exec',
  'interactive',
  'attach',
  'port-forward',
] as const;
export type Verb = (typeof verbs)[number];

/** How a pod gets at its node (Pod Security Standards: what "restricted" and "baseline" forbid). */
export const powers = [
  'privileged',
  'capabilities',
  'hostPath',
  'hostNetwork',
  'hostPID',
  'hostIPC',
  'hostPort',
  'hostProcess',
  'procMount',
  'csi',
] as const;
export type Power = (typeof powers)[number];

export type Labels = ReadonlyMap<string, string>;

export type LabelFacts =
  /** Of each object, as it is and as it would be. */
  | { readonly kind: 'known'; readonly objects: readonly Labels[] }
  /** Each object has these, and may have others: those of a selector. */
  | { readonly kind: 'selected'; readonly equal: Labels }
  /** It is read by its name. */
  | { readonly kind: 'unknown' }
  /** There is no object. */
  | { readonly kind: 'none' };

/** What rules look at in the objects that a request is about. */
export interface ObjectFacts {
  readonly labels: LabelFacts;
  /** Of all containers as they would be. */
  readonly images: readonly string[];
  /** False: nothing would be another than it is, not even who owns which field of it. */
  readonly changes: boolean;
}

export interface KubernetesEffect extends Effect {
  readonly verb: Exclude<Verb, 'connect'>;
  /** Empty: the core group. */
  readonly group: string;
  /** `pods`, `pods/log`; empty for `discover`. */
  readonly type: string;
  /** Empty: none, or all of them. */
  readonly namespace: string;
  /** Empty: none is known, or all of them. */
  readonly name: string;
  readonly dryRun: boolean;
  /** Null: not known before the target was asked. */
  readonly facts: ObjectFacts | null;
  readonly power: Power | null;
  /** Of an `exec`, be it by a shell. */
  readonly command: ShellCommand | null;
  /** By a JSON patch, whose operations copy and test values wherever they stand in the object. */
  readonly movesValues: boolean;
}

export const noFacts: ObjectFacts = { labels: { kind: 'none' }, images: [], changes: true };

const clusterScoped: ReadonlySet<string> = new Set([
  ...['namespaces', 'nodes', 'persistentvolumes', 'componentstatuses'],
  'customresourcedefinitions.apiextensions.k8s.io',
  'apiservices.apiregistration.k8s.io',
  'clusterroles.rbac.authorization.k8s.io',
  'clusterrolebindings.rbac.authorization.k8s.io',
  'storageclasses.storage.k8s.io',
  'volumeattachments.storage.k8s.io',
  'csidrivers.storage.k8s.io',
  'csinodes.storage.k8s.io',
  'ingressclasses.networking.k8s.io',
  'priorityclasses.scheduling.k8s.io',
  'runtimeclasses.node.k8s.io',
  'certificatesigningrequests.certificates.k8s.io',
  'mutatingwebhookconfigurations.admissionregistration.k8s.io',
  'validatingwebhookconfigurations.admissionregistration.k8s.io',
  'validatingadmissionpolicies.admissionregistration.k8s.io',
  'validatingadmissionpolicybindings.admissionregistration.k8s.io',
  'nodes.metrics.k8s.io',
]);

/** Without a namespace, whether that is about every namespace. Of resources that are not Kubernetes' own it is not known, and taken for so. */
export const isAboutAllNamespaces = ({ namespace, group, type }: KubernetesEffect): boolean =>
  namespace === '' && type !== '' && !clusterScoped.has(qualified(group, type.split('/')[0] ?? ''));

/** `deployments.apps`, `pods`. */
export const qualified = (group: string, resource: string): string =>
  group === '' ? resource : `${resource}.${group}`;

type Named = Pick<KubernetesEffect, 'verb' | 'group' | 'type' | 'namespace' | 'name' | 'dryRun'>;

/** With what a person would call it: `pods/log web-0 in dev`, `deployments.apps in all namespaces`. */
export function effectOf(
  named: Named,
  facts: ObjectFacts | null,
  power: Power | null = null,
): KubernetesEffect {
  const { group, type, namespace, name, dryRun } = named;
  const effect: KubernetesEffect = {
    ...named,
    facts,
    power,
    command: null,
    movesValues: false,
    resource: '',
  };
  const [resource = '', subresource] = type.split('/');
  const place =
    namespace !== '' ? ` in ${namespace}` : isAboutAllNamespaces(effect) ? ' in all namespaces' : '';
  const what =
    qualified(group, resource) +
    (subresource === undefined ? '' : `/${subresource}`) +
    (name === '' ? '' : ` ${name}`);
  return {
    ...effect,
    resource: `${what}${place}${power === null ? '' : ` by ${power}`}${dryRun ? ' (dry run)' : ''}`,
  };
}

/** Of a request by itself. An eviction is a delete that asks disruption budgets first. */
export function requestEffect(
  { verb, group, resource, subresource, namespace, name }: ResourceRequest,
  dryRun: boolean,
  facts: ObjectFacts | null,
): KubernetesEffect {
  const type = subresource === '' ? resource : `${resource}/${subresource}`;
  const evicts = group === '' && type === 'pods/eviction';
  const named = { verb: evicts ? 'delete' : verb, group, type, namespace, name, dryRun } as const;
  return effectOf(named, facts);
}
