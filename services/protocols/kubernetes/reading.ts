/** From a request to what it is about, by the request alone: bytes to action, or a refusal. */
import type { Unacceptable } from '../../core/model/action.ts';
import { readPath } from '../requests/canonical-path.ts';
import type { RoutedRequest } from '../requests/language.ts';
import { type Query, readQuery } from '../requests/query.ts';
import { bodyTypeFault, deleteOptionsIn, jsonPatch, mediaTypeOf, readJsonBody } from './body.ts';
import { readDryRun } from './dry-run.ts';
import { effectOf, type KubernetesEffect, noFacts, requestEffect } from './effect.ts';
import { headerFault, tokenInQuery, upgradeFault } from './headers.ts';
import {
  type DiscoveryRequest,
  isConnecting,
  type ResourceRequest,
  readRequestInfo,
} from './request-info.ts';
import { labelRequirements } from './selectors.ts';

export interface KubernetesRequest {
  readonly info: ResourceRequest | DiscoveryRequest;
  /** Without the query. */
  readonly path: string;
  readonly query: Query;
  readonly dryRun: boolean;
  /** A JSON patch: its operations copy and test values. */
  readonly movesValues: boolean;
}

const unparsable = (what: string, hint: string): Unacceptable => ({
  reason: 'unparsable',
  message: `Refused: ${what}.`,
  hint,
});

const plainly = 'Send it as kubectl does.';

export function readRequest(request: RoutedRequest): KubernetesRequest | Unacceptable {
  const { method, headers, body, targetPath } = request;
  const headersFault = headerFault(headers);
  if (headersFault !== null) return headersFault;
  const [before = '', ...rest] = targetPath.split('?');
  const path = readPath(before);
  if ('fault' in path) return unparsable(`the path ${path.fault}`, plainly);
  const query = readQuery(rest.join('?'));
  if ('fault' in query) return unparsable(`the query ${query.fault}`, plainly);
  // Go drops what has a semicolon in it, and other readers do not.
  if (query.possible.length !== query.parameters.length)
    return unparsable('the query has a semicolon in it', 'Percent-encode it as %3B.');
  const token = tokenInQuery(query.parameters);
  if (token !== null) return token;
  const info = readRequestInfo({ method, segments: path.segments, parameters: query.parameters });
  if ('fault' in info) return unparsable(`the request ${info.fault}`, plainly);
  const movesValues = mediaTypeOf(headers) === jsonPatch;
  const asked = { path: before, query, movesValues } as const;
  if (info.kind === 'discovery') {
    const fault =
      body.length === 0 ? upgradeFault(headers) : unparsable('a request that only reads has a body', plainly);
    return fault ?? { ...asked, info, dryRun: false };
  }
  if (isConnecting(info)) return { ...asked, info, dryRun: false };
  const fault = upgradeFault(headers) ?? bodyTypeFault(info, headers, body);
  if (fault !== null) return fault;
  const json = readJsonBody(headers, body);
  if ('reason' in json) return json;
  const options = deleteOptionsIn(headers, body, json);
  const dryRun = readDryRun(info, query.parameters, { body: options, hasBody: body.length > 0 });
  if (typeof dryRun !== 'boolean') return unparsable(`the request ${dryRun.fault}`, plainly);
  const selected = labelRequirements(query.parameters);
  if ('fault' in selected) return unparsable(`the request ${selected.fault}`, plainly);
  return { ...asked, info, dryRun };
}

/** How the API server is asked what a request would do; null where the request says all. */
export type Question = 'result' | 'objects' | 'one-object';

/** They answer a question and keep nothing; a dry run of them would be the question itself. */
const reviewGroups: ReadonlySet<string> = new Set(['authentication.k8s.io', 'authorization.k8s.io']);

export function questionOf(info: KubernetesRequest['info']): Question | null {
  if (info.kind === 'discovery' || isConnecting(info) || reviewGroups.has(info.group)) return null;
  switch (info.verb) {
    case 'get':
    case 'list':
    case 'watch':
      return null;
    case 'create':
      // Other subresources do something (a token, a binding) rather than write an object.
      if (info.subresource === '') return 'result';
      return info.subresource === 'eviction' ? 'one-object' : null;
    case 'update':
    case 'patch':
      return 'result';
    case 'delete':
      return 'one-object';
    case 'deletecollection':
      return 'objects';
  }
}

/** What it does as far as the request says. */
export function effectOfRequest(read: KubernetesRequest): KubernetesEffect {
  return { ...plainEffect(read), movesValues: read.movesValues };
}

function plainEffect({ info, dryRun, query }: KubernetesRequest): KubernetesEffect {
  if (info.kind === 'discovery') {
    const nowhere = {
      group: '',
      type: '',
      namespace: '',
      name: info.path,
      dryRun: false,
    } as const;
    return { ...effectOf({ ...nowhere, verb: 'discover' }, noFacts), resource: `/${info.path}` };
  }
  if (questionOf(info) !== null) return requestEffect(info, dryRun, null);
  const isRead = info.verb === 'get' || info.verb === 'list' || info.verb === 'watch';
  if (info.name !== '' || info.verb === 'create') {
    return requestEffect(info, dryRun, { labels: { kind: 'unknown' }, images: [], changes: !isRead });
  }
  const selected = labelRequirements(query.parameters);
  const equal = 'fault' in selected ? [] : selected.equal;
  const labels = new Map(equal.map(({ key, value }) => [key, value]));
  return requestEffect(info, dryRun, {
    labels: { kind: 'selected', equal: labels },
    images: [],
    changes: !isRead,
  });
}
