/** Where in a request GraphQL is, as servers look for it (the GraphQL over HTTP specification, Apollo, express-graphql). */
import { createHash } from 'node:crypto';
import type { Query, QueryParameter } from '../requests/query.ts';
import { type GraphqlField, readDocument, type Variables } from './graphql-document.ts';
import { type JsonNode, readJsonText } from './json-text.ts';
import { maxGraphqlEffects } from './limits.ts';
import type { RequestBody } from './request-body.ts';

export type GraphqlReading =
  /** It has neither body nor query: there is nothing in it that a server could run. */
  | { readonly kind: 'none' }
  | {
      readonly kind: 'read';
      /** Servers that go by the content type read it so too. */
      readonly certain: boolean;
      readonly fields: readonly GraphqlField[];
      /** For limits per minute: requests in a batch, or what changes something, one by one. */
      readonly commands: number;
    }
  /** Whatever it is: a hash that stands for a document, a form, something else altogether. */
  | { readonly kind: 'unread' };

const unread: GraphqlReading = { kind: 'unread' };
const noVariables: Variables = new Map();

export function readGraphql(query: Query, body: RequestBody): GraphqlReading {
  const parameters = query.possible.filter(({ name }) => ofGraphql.has(name.toLowerCase()));
  switch (body.kind) {
    case 'none':
      if (query.possible.length === 0) return { kind: 'none' };
      return reading([fieldsInQuery(parameters)], true);
    case 'json': {
      // Of two documents some servers take the one in the query, others the one in the body.
      if (parameters.length > 0) return unread;
      const { document } = body;
      return reading(
        (document.kind === 'array' ? document.items : [document]).map(fieldsInObject),
        body.declared,
      );
    }
    case 'unread':
      return unread;
  }
}

function reading(requests: readonly (readonly GraphqlField[] | null)[], certain: boolean): GraphqlReading {
  const fields: GraphqlField[] = [];
  for (const request of requests) {
    if (request === null || fields.length + request.length > maxGraphqlEffects) return unread;
    fields.push(...request);
  }
  if (fields.length === 0) return unread;
  const mutations = fields.filter(({ operation }) => operation === 'mutation').length;
  return { kind: 'read', certain, fields, commands: Math.max(requests.length, mutations) };
}

/** Names, in lower case, by which some server is told of a document that is not in the request. */
const elsewhere = ['id', 'documentid', 'doc_id', 'queryid', 'query_id', 'hash'] as const;
const ofGraphql: ReadonlySet<string> = new Set(['query', 'variables', 'extensions', ...elsewhere]);

function fieldsInQuery(parameters: readonly QueryParameter[]): readonly GraphqlField[] | null {
  const members = new Map<string, JsonNode>();
  for (const { name, value } of parameters) {
    const node: JsonNode | { readonly fault: string } =
      name === 'query' ? { kind: 'string', text: value } : readJsonText(value);
    if (members.has(name) || 'fault' in node) return null;
    members.set(name, node);
  }
  return fieldsInObject({ kind: 'object', members });
}

/** Null when it cannot be known what would run. */
function fieldsInObject(request: JsonNode): readonly GraphqlField[] | null {
  if (request.kind !== 'object') return null;
  const { members } = request;
  // .NET's servers also take "Query".
  const names = [...members.keys()].map((name) => name.toLowerCase());
  if (new Set(names).size < names.length || elsewhere.some((name) => names.includes(name))) return null;
  const document = members.get('query');
  if (document?.kind !== 'string' || !isTheOneMeant(document.text, members.get('extensions'))) return null;
  return readDocument(document.text, variablesIn(members.get('variables')));
}

/** Automatic persisted queries: a server that knows the hash may not look at the document beside it. */
function isTheOneMeant(document: string, extensions: JsonNode | undefined): boolean {
  if (extensions?.kind !== 'object') return true;
  const persisted = extensions.members.get('persistedQuery');
  if (persisted === undefined) return true;
  const hash = persisted.kind === 'object' ? persisted.members.get('sha256Hash') : undefined;
  return hash?.kind === 'string' && hash.text === createHash('sha256').update(document).digest('hex');
}

function variablesIn(value: JsonNode | undefined): Variables {
  if (value === undefined || value.kind === 'null') return noVariables;
  return value.kind === 'object' ? value.members : null;
}
