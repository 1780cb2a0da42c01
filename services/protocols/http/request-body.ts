/** What of a request's body rules can look at. */
import type { Header } from '../request.ts';
import { type JsonNode, readJson } from './json-text.ts';

export type RequestBody =
  | { readonly kind: 'none' }
  /** `declared`: the content type says so, and servers that go by it read it as it is read here. */
  | { readonly kind: 'json'; readonly declared: boolean; readonly document: JsonNode }
  | { readonly kind: 'unread'; readonly why: WhyUnread };

/** Its content type says JSON and it is none; it goes on as it comes; or it is something else. */
type WhyUnread = 'not-json' | 'streamed' | 'other';

export const noBody: RequestBody = { kind: 'none' };
export const streamedBody: RequestBody = { kind: 'unread', why: 'streamed' };
const unreadBody: RequestBody = { kind: 'unread', why: 'other' };
const notTheJsonItClaims: RequestBody = { kind: 'unread', why: 'not-json' };

export function readBody(headers: readonly Header[], body: Uint8Array): RequestBody {
  if (body.length === 0) return noBody;
  const declared = declaresJson(headers);
  if (isEncoded(headers)) return declared ? notTheJsonItClaims : unreadBody;
  // Without braces or brackets it has no fields, whatever it is.
  if (!declared && !startsLikeJson(body)) return unreadBody;
  const document = readJson(body);
  if (!('fault' in document)) return { kind: 'json', declared, document };
  return declared ? notTheJsonItClaims : unreadBody;
}

/** RFC 8259 section 11, RFC 6839 section 3.1. */
const jsonType = /^(?:application\/(?:[a-z0-9.!#$&^_+-]+\+)?json|text\/(?:x-)?json)$/;

function declaresJson(headers: readonly Header[]): boolean {
  const types = headers.filter(({ name }) => name === 'content-type');
  const [type = '', ...parameters] = (types[0]?.value ?? '').toLowerCase().split(';');
  return (
    types.length === 1 &&
    jsonType.test(type.trim()) &&
    // In Latin 1 the same bytes are other letters (services/protocols/requests/body.ts refuses what is further off).
    !parameters.some((each) => /charset\s*=/.test(each) && !/=\s*"?(?:utf-?8|us-ascii)"?\s*$/.test(each))
  );
}

const isEncoded = (headers: readonly Header[]): boolean =>
  headers.some(({ name, value }) => name === 'content-encoding' && !/^\s*(?:identity)?\s*$/i.test(value));

/** Past spaces and a byte order mark. */
function startsLikeJson(body: Uint8Array): boolean {
  const first = body.find((byte) => !skipped.has(byte));
  return first === 0x7b || first === 0x5b;
}
const skipped: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0d, 0xef, 0xbb, 0xbf]);
