/**
 * What kubectl says of itself: every request names the command that it is a part of. `kubectl delete pods --all` lists the pods and then deletes
 * one after the other, so what is still to come is known when the first is held.
 *
 * A client may write what it likes there. It only chooses what approvers are shown together: each action that an approval lets through is shown by
 * name, decided by the policy, and bound by a digest of its own.
 */
import { LRUCache } from 'lru-cache';
import type { Action, Intent } from '../../core/model/action.ts';
import { chainOf, type Principal } from '../../core/model/principal.ts';
import type { JsonObject } from '../../core/model/strict-json.ts';
import type { ClientCommands, RoutedRequest } from '../requests/language.ts';
import type { RequestTarget } from '../requests/target.ts';
import { ApiServerError } from './api-client.ts';
import { isObject, listAt, metadataOf, textAt } from './api-object.ts';
import type { KubernetesEffect } from './effect.ts';
import { isFound, listed, type Selection } from './effects-at-target.ts';
import { commandKeptMs, maxListsOfCommand, maxRememberedCommands } from './limits.ts';
import { readRequest } from './reading.ts';
import type { ResourceRequest } from './request-info.ts';

type DeletionOf = (request: RoutedRequest, target: RequestTarget, object: JsonObject) => Action | null;

export class KubectlCommands implements ClientCommands<RequestTarget> {
  readonly #deletionOf: DeletionOf;
  /** By target, principal and command: of each resource the last list, by which it has found what it deletes. */
  readonly #found = new LRUCache<string, Map<string, Selection>>({
    max: maxRememberedCommands,
    ttl: commandKeptMs,
  });

  /** @param deletionOf what a request that deletes an object means */
  constructor(deletionOf: DeletionOf) {
    this.#deletionOf = deletionOf;
  }

  /** `kubectl delete 0c1fe2f5-…`: as `k8s.io/cli-runtime` writes the headers. */
  nameOf({ headers }: RoutedRequest): string | null {
    const valuesOf = (wanted: string): readonly string[] =>
      headers.filter(({ name }) => name === wanted).map(({ value }) => value);
    const [command = '', ...otherCommands] = valuesOf('kubectl-command');
    const [run = '', ...otherRuns] = valuesOf('kubectl-session');
    const isPlain = /^kubectl(?: [a-z-]{1,30}){1,4}$/.test(command) && /^[0-9a-f-]{36}$/.test(run);
    return isPlain && otherCommands.length + otherRuns.length === 0 ? `${command} ${run}` : null;
  }

  released(request: RoutedRequest, { effects }: Intent, principal: Principal): void {
    const [effect] = effects as readonly KubernetesEffect[]; // as: the language makes no others
    if (effect?.verb !== 'list') return;
    const name = this.nameOf(request);
    if (name === null || !name.startsWith('kubectl delete ')) return;
    const read = readRequest(request);
    if (!('info' in read) || read.info.kind !== 'resource') return;
    const key = keyOf(request, principal, name);
    const lists = this.#found.get(key) ?? new Map<string, Selection>();
    const resource = resourceOf(read.info);
    if (lists.size >= maxListsOfCommand && !lists.has(resource)) return;
    lists.set(resource, { path: read.path, query: read.query });
    this.#found.set(key, lists);
  }

  async ahead(
    request: RoutedRequest,
    target: RequestTarget,
    principal: Principal,
  ): Promise<readonly Action[]> {
    const name = this.nameOf(request);
    if (name === null) return [];
    const lists = this.#found.get(keyOf(request, principal, name));
    const read = lists === undefined ? null : readRequest(request);
    if (lists === undefined || read === null || !('info' in read) || read.info.kind !== 'resource') return [];
    const { info, path } = read;
    const selection = lists.get(resourceOf(info));
    if (selection === undefined || info.verb !== 'delete' || info.subresource !== '') return [];
    try {
      // As they are now, as it is for the one that is held.
      const answer = await listed(target, selection);
      if (!isFound(answer)) return [];
      const objects = listAt(answer.object, 'items').filter(isObject);
      const here = objects.findIndex((object) => pathOf(object, info, path) === path);
      // It goes by the list, so what stands before has had its turn.
      const behind = here === -1 ? [] : objects.slice(here + 1);
      return behind.flatMap((object) => this.#deletion(object, request, target, info, path));
    } catch (error) {
      if (!(error instanceof ApiServerError)) throw error;
      return [];
    }
  }

  #deletion(
    object: JsonObject,
    request: RoutedRequest,
    target: RequestTarget,
    info: ResourceRequest,
    path: string,
  ): readonly Action[] {
    const its = pathOf(object, info, path);
    if (its === null) return [];
    const targetPath = its + request.targetPath.slice(path.length);
    const action = this.#deletionOf({ ...request, targetPath }, target, object);
    return action === null ? [] : [action];
  }
}

const keyOf = ({ route }: RoutedRequest, principal: Principal, name: string): string =>
  JSON.stringify([route.target, chainOf(principal), name]);

const resourceOf = ({ group, version, resource }: ResourceRequest): string =>
  `${group}/${version}/${resource}`;

/** The path of another object of the same resource; null where kubectl might write it in another way. */
function pathOf(object: JsonObject, info: ResourceRequest, path: string): string | null {
  const metadata = metadataOf(object);
  const [name, namespace] = [textAt(metadata, 'name'), textAt(metadata, 'namespace')];
  if (!/^[A-Za-z0-9.:-]+$/.test(name)) return null;
  const collection = path.slice(0, path.lastIndexOf('/'));
  if (namespace === '') return `${collection}/${name}`;
  const place = `/namespaces/${info.namespace}/${info.resource}`;
  if (!collection.endsWith(place) || !/^[a-z0-9-]+$/.test(namespace)) return null;
  return `${collection.slice(0, -place.length)}/namespaces/${namespace}/${info.resource}/${name}`;
}
