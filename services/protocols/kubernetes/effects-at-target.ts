/** What a write would do, as the API server says: which objects there are, and what would become of them. */

import { messageOf } from '../../core/model/errors.ts';
import type { JsonObject } from '../../core/model/strict-json.ts';
import type { RoutedRequest } from '../requests/language.ts';
import type { RequestTarget } from '../requests/target.ts';
import { type ApiAnswer, ApiServerError, askApiServer } from './api-client.ts';
import { isObject, listAt, metadataOf, objectAt, textAt, versionOf } from './api-object.ts';
import { changeLines } from './change-text.ts';
import { type KubernetesEffect, requestEffect } from './effect.ts';
import { maxListBytes, maxListedObjects, maxObjectBytes } from './limits.ts';
import { writesMasks } from './mask-forms.ts';
import { type Change, factsOf, reachingEffects } from './object-effects.ts';
import type { KubernetesRequest, Question } from './reading.ts';
import type { ResourceRequest } from './request-info.ts';

/** What is known of a request once the API server was asked. */
export interface Outcome {
  readonly kind: 'known';
  readonly effects: readonly KubernetesEffect[];
  /** For approvers, and part of what an approval is bound to. */
  readonly lines: readonly string[];
  readonly versions: readonly string[];
  /** Whether it would put masks where values are. */
  readonly writesMasks: boolean;
}

/** The API server would refuse it, and says so: in its own words to the client. */
export interface Refused {
  readonly kind: 'refused';
  readonly status: number;
  readonly object: JsonObject;
}

export interface Unknown {
  readonly kind: 'unknown';
  readonly why: string;
}

export interface TooMany {
  readonly kind: 'too-many';
}

type Answer = Outcome | Refused | Unknown | TooMany;

interface Asked {
  readonly target: RequestTarget;
  readonly request: RoutedRequest;
  readonly read: KubernetesRequest & { readonly info: ResourceRequest };
}

export async function outcomeAtTarget(question: Question, asked: Asked): Promise<Answer> {
  try {
    switch (question) {
      case 'result':
        return await written(asked);
      case 'one-object':
        return await deleted(asked);
      case 'objects':
        return await allDeleted(asked);
    }
  } catch (error) {
    if (!(error instanceof ApiServerError)) throw error;
    return { kind: 'unknown', why: messageOf(error) };
  }
}

async function written({ target, request, read }: Asked): Promise<Answer> {
  const { info, dryRun } = read;
  const before = info.verb === 'create' ? null : await get(target, objectPath(read), maxObjectBytes);
  if (before !== null && !isFound(before) && before.status !== 404) return refusal(before);
  const result = await askApiServer(target, {
    method: request.method,
    path: `${read.path}?${dryRunQuery(read)}`,
    // As it came: a parameter may mean something to the API server.
    contentType: request.headers.find(({ name }) => name === 'content-type')?.value ?? '',
    body: request.body,
    maxAnswerBytes: maxObjectBytes,
  });
  if (!isFound(result)) return refusal(result);
  const old = before !== null && isFound(before) ? before.object : null;
  const change: Change = { before: old, after: result.object };
  const named = { ...info, name: info.name === '' ? givenName(result.object) : info.name };
  const facts = factsOf([change]);
  // An apply or a PUT that finds nothing creates.
  const creates = info.verb !== 'create' && old === null;
  const main = { ...requestEffect(named, dryRun, facts), movesValues: read.movesValues };
  const outcome = known(
    [
      main,
      ...(creates ? [requestEffect({ ...named, verb: 'create' }, dryRun, facts)] : []),
      ...reachingEffects(named, change, dryRun),
    ],
    changeLines(change),
    old === null ? [] : [old],
  );
  return { ...outcome, writesMasks: writesMasks(change) };
}

async function deleted({ target, read }: Asked): Promise<Answer> {
  const answer = await get(target, objectPath(read), maxObjectBytes);
  return isFound(answer) ? deletion(read, answer.object) : refusal(answer);
}

/** What deleting this one object is. */
export function deletion(
  { info, dryRun }: KubernetesRequest & { readonly info: ResourceRequest },
  object: JsonObject,
): Outcome {
  const effect = requestEffect(info, dryRun, factsOf([{ before: object, after: null }]));
  return known([effect], [`- ${described(object)}`], [object]);
}

/** What a list with these selectors has at its beginning. @throws ApiServerError */
export const listed = (target: RequestTarget, { path, query }: Selection): Promise<ApiAnswer> =>
  get(target, `${path}?${selection(query)}`, maxListBytes);

/** A collection, and what is selected in it. */
export type Selection = Pick<KubernetesRequest, 'path' | 'query'>;

async function allDeleted({ target, read }: Asked): Promise<Answer> {
  const list = await listed(target, read);
  if (!isFound(list)) return refusal(list);
  const objects = listAt(list.object, 'items').filter(isObject);
  if (objects.length > maxListedObjects || textAt(metadataOf(list.object), 'continue') !== '') {
    return { kind: 'too-many' };
  }
  const effect = requestEffect(
    read.info,
    read.dryRun,
    factsOf(objects.map((before) => ({ before, after: null }))),
  );
  return known(
    [effect],
    objects.map((object) => `- ${described(object)}`),
    objects,
  );
}

const get = (target: RequestTarget, path: string, maxAnswerBytes: number): Promise<ApiAnswer> =>
  askApiServer(target, { method: 'GET', path, contentType: '', body: noBody, maxAnswerBytes });

const known = (
  effects: readonly KubernetesEffect[],
  lines: readonly string[],
  bound: readonly JsonObject[],
): Outcome => ({
  kind: 'known',
  effects,
  lines,
  versions: bound.map(versionOf).toSorted(),
  writesMasks: false,
});

const noBody = Buffer.alloc(0);

export const isFound = ({ status }: ApiAnswer): boolean => status >= 200 && status < 300;

/** 401 and 5xx are between the gateway and the API server, and no word on the request. */
const refusal = ({ status, object }: ApiAnswer): Refused | Unknown =>
  status >= 400 && status < 500 && status !== 401
    ? { kind: 'refused', status, object }
    : { kind: 'unknown', why: `the API server answered ${status} ${textAt(object, 'message')}` };

/** The server puts its own end to a name that it generates, another one each time. */
const givenName = (object: JsonObject): string => {
  const metadata = metadataOf(object);
  return textAt(metadata, 'generateName') === '' ? textAt(metadata, 'name') : '';
};

/** A scale is an object of its own; what other subresources give is the object itself, where they give anything. */
function objectPath({ path, info }: KubernetesRequest & { readonly info: ResourceRequest }): string {
  return info.subresource === '' || info.subresource === 'scale'
    ? path
    : path.slice(0, path.lastIndexOf('/'));
}

const dryRunQuery = ({ query }: KubernetesRequest): string =>
  [
    ...(query.raw === '' ? [] : [query.raw]),
    ...(query.parameters.some(({ name }) => name === 'dryRun') ? [] : ['dryRun=All']),
  ].join('&');

const selection = (query: KubernetesRequest['query']): string =>
  new URLSearchParams([
    ...query.parameters
      .filter(({ name }) => name === 'labelSelector' || name === 'fieldSelector')
      .map(({ name, value }): [string, string] => [name, value]),
    ['limit', String(maxListedObjects + 1)],
  ]).toString();

/** `web-0 in dev, of ReplicaSet web, made 2026-11-21T20:00:00Z`. */
function described(object: JsonObject): string {
  const metadata = metadataOf(object);
  const namespace = textAt(metadata, 'namespace');
  const owner = listAt(metadata, 'ownerReferences').find(isObject);
  return [
    `${textAt(metadata, 'name')}${namespace === '' ? '' : ` in ${namespace}`}`,
    ...(owner === undefined ? [] : [`of ${textAt(owner, 'kind')} ${textAt(owner, 'name')}`]),
    `made ${textAt(metadata, 'creationTimestamp')}`,
    ...Object.entries(objectAt(metadata, 'labels')).map(([key, value]) => `${key}=${String(value)}`),
  ].join(', ');
}
