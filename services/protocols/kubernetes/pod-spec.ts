/**
 * What a pod reaches beyond itself. Pod specs are found wherever they stand: in Pods, in templates of whatever kind, those of custom resources
 * too, since anything with a list of containers is taken for one.
 */
import type { JsonObject, JsonValue } from '../../core/model/strict-json.ts';
import { isObject, listAt, objectAt, textAt } from './api-object.ts';
import type { Power } from './effect.ts';

export interface PodReach {
  readonly images: readonly string[];
  /** Names of those whose content its containers or its puller get. */
  readonly secrets: readonly string[];
  /** Names, but for `default`, which every pod has. */
  readonly serviceAccounts: readonly string[];
  readonly powers: readonly Power[];
}

const containerLists = ['containers', 'initContainers', 'ephemeralContainers'] as const;

/** All pod specs in it. */
export function podSpecsIn(value: JsonValue): readonly JsonObject[] {
  if (Array.isArray(value)) return value.flatMap(podSpecsIn);
  if (!isObject(value)) return [];
  const below = Object.values(value).flatMap(podSpecsIn);
  return containerLists.some((name) => Array.isArray(value[name])) ? [value, ...below] : below;
}

export function reachOf(specs: readonly JsonObject[]): PodReach {
  const images = new Set<string>();
  const secrets = new Set<string>();
  const serviceAccounts = new Set<string>();
  const powers = new Set<Power>();
  for (const spec of specs) {
    const containers = containerLists.flatMap((name) => listAt(spec, name)).filter(isObject);
    for (const container of containers) {
      images.add(textAt(container, 'image'));
      for (const power of containerPowers(container)) powers.add(power);
    }
    for (const volume of listAt(spec, 'volumes').filter(isObject)) {
      // An image as a volume is pulled and read like a container's.
      if (isObject(volume['image'])) images.add(textAt(volume['image'], 'reference'));
      if ('hostPath' in volume) powers.add('hostPath');
      // A driver may bring anything, the contents of other vaults among it.
      if ('csi' in volume) powers.add('csi');
    }
    collectSecrets(spec, secrets);
    for (const name of ['serviceAccountName', 'serviceAccount'] as const) {
      const account = textAt(spec, name);
      if (account !== '' && account !== 'default') serviceAccounts.add(account);
    }
    for (const name of ['hostNetwork', 'hostPID', 'hostIPC'] as const) if (isOn(spec[name])) powers.add(name);
    for (const power of contextPowers(objectAt(spec, 'securityContext'))) powers.add(power);
  }
  return {
    images: [...images],
    secrets: [...secrets],
    serviceAccounts: [...serviceAccounts],
    powers: [...powers],
  };
}

/** Anything but false, since what is no boolean is not understood. */
const isOn = (value: JsonValue | undefined): boolean =>
  value !== undefined && value !== null && value !== false;

function containerPowers(container: JsonObject): readonly Power[] {
  const ports = listAt(container, 'ports').filter(isObject);
  const onHost = ports.some(({ hostPort }) => isOn(hostPort) && hostPort !== 0);
  return [
    ...(onHost ? (['hostPort'] as const) : []),
    ...contextPowers(objectAt(container, 'securityContext')),
  ];
}

/** Kubernetes gives NET_BIND_SERVICE to pods of its strictest profile. */
const harmlessCapability = 'NET_BIND_SERVICE';

function contextPowers(context: JsonObject): readonly Power[] {
  const powers: Power[] = [];
  if (isOn(context['privileged'])) powers.push('privileged');
  const added = listAt(objectAt(context, 'capabilities'), 'add');
  if (added.some((name) => name !== harmlessCapability)) powers.push('capabilities');
  const procMount = context['procMount'] ?? 'Default';
  if (procMount !== 'Default') powers.push('procMount');
  if (isOn(objectAt(context, 'windowsOptions')['hostProcess'])) powers.push('hostProcess');
  return powers;
}

/** By the names that all of Kubernetes' types give to references: `secretName`, `secretRef`, `nodePublishSecretRef`, `secretKeyRef`. */
function collectSecrets(value: JsonValue, into: Set<string>): void {
  if (Array.isArray(value)) {
    for (const item of value) collectSecrets(item, into);
    return;
  }
  if (!isObject(value)) return;
  for (const [name, member] of Object.entries(value)) {
    if (/secretname$/i.test(name) && typeof member === 'string') into.add(member);
    else if ((/secret(?:key)?ref$/i.test(name) || name === 'secret') && isObject(member)) {
      // `secret` of a volume has secretName, and that of a projected one name.
      if ('name' in member) into.add(textAt(member, 'name'));
      collectSecrets(member, into);
    } else if (name === 'imagePullSecrets' && Array.isArray(member)) {
      for (const reference of member) if (isObject(reference)) into.add(textAt(reference, 'name'));
    } else collectSecrets(member, into);
  }
}
