/** What a client may send as a body, and what of it is read here. What a write would make of it, the API server says itself (result.ts). */
import type { Unacceptable } from '../../core/model/action.ts';
import { type JsonObject, parseStrictJson, StrictJsonError } from '../../core/model/strict-json.ts';
import type { Header } from '../request.ts';
import { readDeleteOptions } from './delete-options.ts';
import { maxObjectDepth, maxObjectMembers } from './limits.ts';
import type { ResourceRequest } from './request-info.ts';

const json = 'application/json';
export const jsonPatch = 'application/json-patch+json';
const protobuf = 'application/vnd.kubernetes.protobuf';

/** YAML and CBOR have no single reading here; kubectl turns YAML into JSON itself. */
const writeTypes: ReadonlySet<string> = new Set([json, protobuf]);
const patchTypes: ReadonlySet<string> = new Set([
  jsonPatch,
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
]);

export const mediaTypeOf = (headers: readonly Header[]): string => {
  const written = headers.find(({ name }) => name === 'content-type')?.value ?? '';
  return (written.split(';')[0] ?? '').trim().toLowerCase();
};

const unsupported = (message: string, hint: string): Unacceptable => ({
  reason: 'unsupported',
  message: `Refused: ${message}`,
  hint,
});

/** Why nothing is decided on this body; null when it may be looked at. */
export function bodyTypeFault(
  { verb }: ResourceRequest,
  headers: readonly Header[],
  body: Buffer,
): Unacceptable | null {
  if (headers.some(({ name, value }) => name === 'content-encoding' && value !== 'identity')) {
    return unsupported('the body is compressed.', 'Send it as it is.');
  }
  if (headers.filter(({ name }) => name === 'content-type').length > 1) {
    return unsupported('there is more than one Content-Type.', 'Send one.');
  }
  const type = mediaTypeOf(headers);
  switch (verb) {
    case 'get':
    case 'list':
    case 'watch':
      return body.length === 0
        ? null
        : unsupported('a request that only reads has a body.', 'Send it without.');
    case 'patch':
      return patchTypes.has(type)
        ? null
        : unsupported('this kind of patch is not carried.', `Send one of ${[...patchTypes].join(', ')}.`);
    case 'create':
    case 'update':
    case 'delete':
    case 'deletecollection':
      return body.length === 0 || type === '' || writeTypes.has(type)
        ? null
        : unsupported(
            `a body of type ${JSON.stringify(type)} is not carried.`,
            'Send JSON; kubectl does so by itself, whatever the file is.',
          );
  }
}

/** A body that says that it is JSON; null when it says something else, or there is none. */
export interface ReadBody {
  readonly object: JsonObject | null;
}

export function readJsonBody(headers: readonly Header[], body: Buffer): ReadBody | Unacceptable {
  const type = mediaTypeOf(headers);
  if (body.length === 0 || (type !== '' && !isJsonObjectType(type))) return { object: null };
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
    return { object: parseStrictJson(text, { maxDepth: maxObjectDepth, maxMembers: maxObjectMembers }) };
  } catch (error) {
    // TypeError: it is not UTF-8.
    if (!(error instanceof StrictJsonError || error instanceof TypeError)) throw error;
    const why = error instanceof StrictJsonError ? error.message : 'it is not UTF-8';
    return {
      reason: 'unparsable',
      message: `Refused: the body cannot be read in one way only: ${why}.`,
      hint: 'Send one JSON object in which each name stands once.',
    };
  }
}

/** What of a DELETE stands in its body: the API server looks there, and not at the query. Null where it cannot be read. */
export const deleteOptionsIn = (
  headers: readonly Header[],
  body: Buffer,
  read: ReadBody,
): JsonObject | null => (mediaTypeOf(headers) === protobuf ? readDeleteOptions(body) : read.object);

/** A JSON patch is a list, and an apply configuration may be YAML. */
const isJsonObjectType = (type: string): boolean =>
  type === json ||
  type === 'application/merge-patch+json' ||
  type === 'application/strategic-merge-patch+json';
