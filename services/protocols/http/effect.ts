import type { Effect } from '../../core/model/action.ts';
import type { CanonicalPath } from '../requests/canonical-path.ts';
import type { Query } from '../requests/query.ts';
import type { GraphqlField } from './graphql-document.ts';
import type { RequestBody } from './request-body.ts';

/**
 * `connect` is a session's; `websocket` is a GET that asks for one (RFC 6455); the others are the methods of RFC 9110 section 9 and RFC 5789 that
 * a target can be asked with.
 */
export const verbs = [
  'connect',
  'get',
  'head',
  'post',
  'put',
  'patch',
  'delete',
  'options',
  'websocket',
] as const;
export type Verb = (typeof verbs)[number];
export type RequestVerb = Exclude<Verb, 'connect'>;
type Method = Exclude<RequestVerb, 'websocket'>;

const isMethod = (verb: Verb): verb is Method => verb !== 'connect' && verb !== 'websocket';
export const methods = verbs.filter(isMethod);

export const methodOf = (written: string): Method | null =>
  methods.find((method) => method.toUpperCase() === written) ?? null;

/** Why a request cannot be fully understood. */
export const opaqueReasons = ['path-parameters', 'json-body'] as const;
export type OpaqueReason = (typeof opaqueReasons)[number];

export type GraphqlPart =
  | { readonly kind: 'none' }
  | { readonly kind: 'field'; readonly certain: boolean; readonly field: GraphqlField }
  | { readonly kind: 'unread' };

/** What a request does: its method on its path; of a GraphQL request, one effect for each field at the top of its operations. */
export interface HttpEffect extends Effect {
  readonly verb: RequestVerb;
  /** The host name that the client asked for, in lower case, without its port. */
  readonly host: string;
  readonly path: CanonicalPath;
  readonly query: Query;
  /** Values by lower-case name, in their order. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
  readonly body: RequestBody;
  /** What of a GraphQL request this effect is. */
  readonly graphql: GraphqlPart;
}

/** Effects of this protocol come from its own reading of requests. */
export const asHttp = (effect: Effect): HttpEffect => effect as HttpEffect;
