/** Which of a client's headers go on to the API server: those on this list and no others. */
import type { Unacceptable } from '../../core/model/action.ts';
import type { Header } from '../request.ts';
import type { ForwardedHeaders } from '../requests/language.ts';

/** What frames the message stays, since Envoy has framed it so. `Host` is the route's to set. */
const forwardedNames: ReadonlySet<string> = new Set([
  'accept',
  'content-length',
  'content-type',
  'host',
  'transfer-encoding',
  'user-agent',
]);

/** kubectl reads the schema as protobuf, and nothing in it is anybody's secret. */
const keepsAccept = (path: string): boolean => /^\/openapi\//.test(path);

const json = 'application/json';

/** `application/json;as=Table;v=v1;g=meta.k8s.io` is JSON too: what is not is neither understood nor masked here. */
export function jsonParts(accept: readonly string[]): string {
  const parts = accept
    .flatMap((value) => value.split(','))
    .map((part) => part.trim())
    .filter((part) => (part.split(';')[0] ?? '').trim().toLowerCase() === json);
  return parts.length === 0 ? json : parts.join(',');
}

export function forwardedHeaders(headers: readonly Header[], path: string): ForwardedHeaders {
  const remove = new Set(headers.map(({ name }) => name).filter((name) => !forwardedNames.has(name)));
  if (keepsAccept(path)) return { remove: [...remove], set: [] };
  const accept = headers.filter(({ name }) => name === 'accept').map(({ value }) => value);
  return { remove: [...remove], set: [{ name: 'accept', value: jsonParts(accept) }] };
}

const refused = (message: string, hint: string): Unacceptable => ({
  reason: 'unsupported',
  message: `Refused: ${message}`,
  hint,
});

/** What would make another request of it, or another's: taking it off quietly would run something else than was asked for. */
export function headerFault(headers: readonly Header[]): Unacceptable | null {
  for (const { name, value } of headers) {
    if (name.startsWith('impersonate-')) {
      return refused('nobody acts for another here.', 'Send it without --as, --as-group and --as-uid.');
    }
    if (name.startsWith('x-remote-')) {
      return refused('headers beginning with X-Remote- say who somebody is.', 'Leave them out.');
    }
    if (name === 'sec-websocket-protocol' && /bearer\.authorization/i.test(value)) {
      return refused(
        'a token stands in a WebSocket subprotocol.',
        'Send it as "Authorization: Bearer TOKEN".',
      );
    }
    if (name === 'trailer' || name === 'http2-settings') {
      return refused(`the header ${name} is not carried.`, 'Leave it out.');
    }
    // Envoy refuses CR, LF and NUL; servers differ on the other controls.
    if (/[^\t -~\x80-\xff]/.test(value)) {
      return {
        reason: 'unparsable',
        message: 'Refused: a header has a control character in it.',
        hint: 'Leave it out.',
      };
    }
  }
  return null;
}

export const upgradeFault = (headers: readonly Header[]): Unacceptable | null =>
  headers.some(({ name }) => name === 'upgrade')
    ? refused('this request is no stream, and is not upgraded.', 'Send it without Upgrade.')
    : null;

/** Names under which servers take tokens from a query, RFC 6750 section 2.3 first. */
const tokenNames: ReadonlySet<string> = new Set([
  'access_token',
  'token',
  'bearer_token',
  'id_token',
  'authorization',
]);

export const tokenInQuery = (parameters: readonly { readonly name: string }[]): Unacceptable | null =>
  parameters.some(({ name }) => tokenNames.has(name.toLowerCase()))
    ? refused('a token stands in the query, where logs keep it.', 'Send it as "Authorization: Bearer TOKEN".')
    : null;
