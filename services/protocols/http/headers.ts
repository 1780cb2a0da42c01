/** Which of a client's headers go on to the target, and which of those an approval is bound to. */
import { createHash } from 'node:crypto';
import { remembering } from '../../core/model/remembering.ts';
import type { Header } from '../request.ts';
import { maxRememberedNames } from './limits.ts';

/**
 * They have a framework run another method or another path than was decided on: Rails, Express and Laravel, IIS and Symfony. A client that
 * needs one is told so; taking it off quietly would run something else than it asked for.
 */
const overrides: ReadonlySet<string> = new Set([
  'x-http-method-override',
  'x-http-method',
  'x-method-override',
  'x-original-method',
  'x-original-url',
  'x-original-uri',
  'x-rewrite-url',
]);

/** The header among these that says it should be another request; null when there is none. */
export const overrideAmong = (headers: readonly Header[]): string | null =>
  headers.find(({ name }) => overrides.has(name))?.name ?? null;

/** By which proxies tell servers who speaks, from where, or to whom. A client's word for it counts for nothing. */
const identityHeaders: ReadonlySet<string> = new Set([
  'forwarded',
  'remote-user',
  'client-ip',
  'true-client-ip',
  'x-client-ip',
  'x-cluster-client-ip',
  'x-real-ip',
  'x-forwarded',
  'x-host',
  'x-user',
  'x-username',
  'x-user-id',
  'x-user-email',
  'x-groups',
  'x-roles',
  'x-email',
  'x-proxy-user',
  'x-authorization',
  'x-client-cert',
  'x-client-certificate',
  'x-ssl-cert',
  'x-ssl-client-cert',
  'client-cert',
  'client-cert-chain',
]);
const identityPrefixes = [
  'x-forwarded-',
  'x-remote-',
  'x-auth-',
  'x-authenticated-',
  'x-webauth-',
  'x-ssl-client-',
  'x-client-verify',
  'x-amzn-oidc-',
  'x-goog-authenticated-user-',
  'x-goog-iap-',
  'x-ms-client-principal',
  'x-ms-token-',
  'x-envoy-',
  'cf-',
  'impersonate-',
] as const;

/** The client's own credentials, which are the gateway's to check and nobody's else to see. */
const credentials: ReadonlySet<string> = new Set([
  'authorization',
  'proxy-authorization',
  'cookie',
  'cookie2',
]);

/** Each request asks for each of its headers, mostly for the same names. */
const isOurs = remembering(
  maxRememberedNames,
  (name) =>
    credentials.has(name) ||
    identityHeaders.has(name) ||
    identityPrefixes.some((prefix) => name.startsWith(prefix)),
);

/** The names of those that are taken off before the request goes on; each once. */
export const strippedNames = (headers: readonly Header[]): readonly string[] => [
  ...new Set(headers.map(({ name }) => name).filter(isOurs)),
];

/** They say how the client's side works and not what is asked for: an approval does not hang on them. */
const incidental: ReadonlySet<string> = new Set([
  'accept-encoding',
  'accept-language',
  'cache-control',
  'connection',
  'content-length',
  'date',
  'expect',
  'host',
  'keep-alive',
  'pragma',
  'te',
  'trailer',
  'transfer-encoding',
  'traceparent',
  'tracestate',
  'user-agent',
  'via',
  'x-request-id',
]);

const isIncidental = (name: string): boolean =>
  incidental.has(name) || (name.startsWith('sec-') && name !== 'sec-websocket-protocol');

/** Those that make it another request: an approval is bound to them, and rules may go by them. */
export const counts = remembering(maxRememberedNames, (name) => !isOurs(name) && !isIncidental(name));

/** Names of headers whose values are mostly secrets. */
const secretName = /(?:key|token|secret|passw|credential|auth|session|signature)/;

/** `name: value`, in the order of the names: what approvers read, and what the digest of a hold is over. */
export function boundLines(headers: readonly Header[], overwritten: ReadonlySet<string>): readonly string[] {
  return headers
    .filter(({ name }) => counts(name) && !overwritten.has(name))
    .map(({ name, value }) => `${name}: ${secretName.test(name) ? pseudonym(value) : value}`)
    .toSorted();
}

/** Equal for equal values, so that an approval is bound to it; the trail and the approver learn no more. */
const pseudonym = (value: string): string =>
  `sha256:${createHash('sha256').update(value, 'latin1').digest('hex')}`;
