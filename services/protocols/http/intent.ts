/** From a request to what it would do: bytes to action, once for all requests that are alike. */
import { LRUCache } from 'lru-cache';
import type { Intent, Unacceptable } from '../../core/model/action.ts';
import type { TargetName } from '../../core/model/ids.ts';
import type { Header, RouteKind } from '../request.ts';
import { readPath } from '../requests/canonical-path.ts';
import { readQuery } from '../requests/query.ts';
import { type HttpEffect, methodOf, methods, type OpaqueReason, type RequestVerb } from './effect.ts';
import { readGraphql } from './graphql-request.ts';
import { boundLines, counts, overrideAmong } from './headers.ts';
import type { JsonNode } from './json-text.ts';
import { maxHeaders, maxRememberedIntents } from './limits.ts';
import { isMethodName } from './method-override.ts';
import type { RequestBody } from './request-body.ts';

export interface RequestText {
  readonly target: TargetName;
  /** Where the target is now: an approval is not for another server that has taken its name. */
  readonly authority: string;
  readonly method: string;
  /** As the client named it; with its port. */
  readonly host: string;
  /** As it will reach the target, with the query. */
  readonly path: string;
  readonly headers: readonly Header[];
  /** Names of headers that the gateway sets itself, whatever the client sent. */
  readonly overwritten: ReadonlySet<string>;
  readonly body: RequestBody;
  readonly kind: RouteKind;
}

/** `POST /users/7/orders?x=1`, and a line for each header that counts. */
export function intentText({ method, path, host, headers, overwritten, kind }: RequestText): string {
  const unread = kind === 'streamed' ? ['(the body is forwarded as it comes, and nobody has read it)'] : [];
  return [`${method} ${path}`, `host: ${host}`, ...boundLines(headers, overwritten), ...unread].join('\n');
}

/** The same request gives the same object, by which decisions are cached; but for a body that rules can look into. */
export class Intents {
  readonly #known = new LRUCache<string, Intent>({ max: maxRememberedIntents });

  of(request: RequestText): Intent {
    const text = intentText(request);
    const { body } = request;
    if (body.kind === 'json') return readIntent(request, text);
    // What is not in the text (which headers there were, beside what counts) must not make a difference to a refusal.
    const override = overrideAmong(request.headers);
    const cookie = request.headers.some(({ name }) => name === 'cookie' || name === 'cookie2');
    const many = request.headers.length > maxHeaders;
    const odd = request.headers.some(hasControls);
    const bodyKind = body.kind === 'unread' ? body.why : body.kind;
    const key = [
      request.target,
      request.authority,
      override ?? '',
      cookie,
      many,
      odd,
      request.kind,
      bodyKind,
      text,
    ].join('\n');
    let intent = this.#known.get(key);
    if (intent === undefined) {
      intent = readIntent(request, text);
      this.#known.set(key, intent);
    }
    return intent;
  }
}

const refusal = (reason: Unacceptable['reason'], message: string, hint: string): Unacceptable => ({
  reason,
  message: `Refused: ${message}.`,
  hint,
});

function readIntent(request: RequestText, text: string): Intent {
  const read = readEffect(request);
  const [effect, unacceptable] = 'reason' in read ? [null, read] : [read, null];
  return {
    protocol: 'http',
    target: request.target,
    text,
    ...(effect === null ? { effects: [], commands: 1 } : effectsOf(effect)),
    opaque: effect === null ? [] : opaqueIn(effect),
    versions: [`${request.target}@${request.authority}`],
    consequences: [],
    unacceptable,
  };
}

/** One for each field at the top of what GraphQL asks for, so that each is decided by itself. */
function effectsOf(effect: HttpEffect): Pick<Intent, 'effects' | 'commands'> {
  const graphql = readGraphql(effect.query, effect.body);
  if (graphql.kind !== 'read') {
    const only: HttpEffect = { ...effect, graphql };
    return { effects: [only], commands: 1 };
  }
  const { certain, fields, commands } = graphql;
  const effects = fields.map(
    (field): HttpEffect => ({
      ...effect,
      resource: `${effect.resource} ${field.operation} ${field.name}`,
      graphql: { kind: 'field', certain, field },
    }),
  );
  return { effects, commands };
}

function opaqueIn({ path, body }: HttpEffect): readonly OpaqueReason[] {
  const reasons: OpaqueReason[] = [];
  if (path.hasParameters) reasons.push('path-parameters');
  if (body.kind === 'unread' && body.why === 'not-json') reasons.push('json-body');
  return reasons;
}

/** Laravel takes it from JSON as from a form. */
const setsMethod = (document: JsonNode): boolean =>
  document.kind === 'object' && [...document.members.keys()].some((name) => /^_method$/i.test(name));

const hostForm = /^(?<name>[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/;

function readEffect(request: RequestText): HttpEffect | Unacceptable {
  const { host, path: pathAndQuery, headers, body } = request;
  const verb = verbOf(request);
  if (typeof verb === 'object') return verb;
  const hostName = hostForm.exec(host)?.groups?.['name'];
  if (hostName === undefined) {
    return refusal(
      'unparsable',
      'the Host header is not one host name',
      'Send one Host, as it stands in the URL.',
    );
  }
  const [before = '', ...rest] = pathAndQuery.split('?');
  const path = readPath(before);
  if ('fault' in path) {
    return refusal(
      'unparsable',
      `the path ${path.fault}`,
      'Send it in its plainest form: servers differ on what others mean.',
    );
  }
  const query = readQuery(rest.join('?'));
  if ('fault' in query) {
    return refusal(
      'unparsable',
      `the query ${query.fault}`,
      'Percent-encode what is not a letter or digit, in UTF-8.',
    );
  }
  return (
    faultOfHeaders(
      headers,
      query.possible.map(({ name }) => name),
      body,
    ) ?? {
      verb,
      resource: path.raw,
      host: hostName.toLowerCase(),
      path,
      query,
      headers: valuesByName(headers),
      body,
      graphql: { kind: 'none' },
    }
  );
}

/** Envoy sends requests that ask for a WebSocket by a route of their own, and refuses other upgrades. */
function verbOf({ kind, method, headers }: RequestText): RequestVerb | Unacceptable {
  if (kind === 'upgrade') {
    if (method === 'GET') return 'websocket';
    return refusal('unsupported', 'a WebSocket begins with a GET', 'Use a WebSocket client.');
  }
  if (headers.some(({ name }) => name === 'upgrade')) {
    return refusal('unsupported', 'this upgrade is not carried', 'Leave the header Upgrade out.');
  }
  const all = methods.map((each) => each.toUpperCase()).join(', ');
  return methodOf(method) ?? refusal('unsupported', 'this method is not carried', `Use one of ${all}.`);
}

/** Envoy refuses CR, LF and NUL; servers differ on the other controls. */
const hasControls = ({ value }: Header): boolean => /[^\t -~\x80-\xff]/.test(value);

function faultOfHeaders(
  headers: readonly Header[],
  queryNames: readonly string[],
  body: RequestBody,
): Unacceptable | null {
  if (headers.length > maxHeaders) {
    return refusal('too-large', `there are more than ${maxHeaders} headers`, 'Send fewer.');
  }
  const override = overrideAmong(headers);
  if (override !== null) {
    return refusal(
      'unsupported',
      `the header ${override} would have the target run another request than the one that is decided on`,
      'Send the method and the path that you mean.',
    );
  }
  if (body.kind === 'json' && setsMethod(body.document)) return methodInForm;
  if (queryNames.some(isMethodName)) return methodInForm;
  if (headers.some(({ name }) => name === 'cookie' || name === 'cookie2')) {
    return refusal(
      'unsupported',
      'cookies are not carried',
      'Leave them out: the gateway brings the credential that the target wants.',
    );
  }
  if (headers.some(hasControls)) {
    return refusal('unparsable', 'a header has a control character in it', 'Send visible characters.');
  }
  return null;
}

export const methodInForm: Unacceptable = refusal(
  'unsupported',
  'the parameter _method would have the target run another method than the one that is decided on',
  'Send the method that you mean.',
);

function valuesByName(headers: readonly Header[]): ReadonlyMap<string, readonly string[]> {
  const values = new Map<string, string[]>();
  for (const { name, value } of headers) {
    if (!counts(name)) continue;
    const known = values.get(name);
    if (known === undefined) values.set(name, [value]);
    else known.push(value);
  }
  return values;
}
