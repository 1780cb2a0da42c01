import type { z } from 'zod';
import type { Caller } from './caller.ts';
import { type ProblemCode, ProblemError } from './problems.ts';
import type { Wire } from './schemas.ts';

/** What a route answers: a document, or many, one a line, while they are read. */
export type Answer =
  | { readonly kind: 'document'; readonly body: unknown }
  | { readonly kind: 'lines'; readonly lines: AsyncIterable<unknown> };

/** A request as it came; nothing in it has been looked at. */
export interface RawRequest {
  readonly caller: Caller;
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
}

interface RouteHead {
  readonly method: 'GET' | 'POST';
  /** With `{name}` for parameters, as OpenAPI writes them. */
  readonly path: string;
  readonly operationId: string;
  readonly summary: string;
  readonly description: string;
  readonly params: z.ZodObject;
  readonly query: z.ZodObject;
  readonly body: z.ZodObject | null;
  /** Of the answer, or of one line of it. */
  readonly answer: z.ZodType;
  readonly lines: boolean;
  /** Beside those that every route has. */
  readonly problems: readonly ProblemCode[];
}

/** One operation of the API: what OpenAPI tells of it, and its doing. */
export interface Route extends RouteHead {
  /** @throws ProblemError */
  run(request: RawRequest): Promise<Answer>;
}

interface Parsed<Params extends z.ZodObject, Query extends z.ZodObject, Body extends z.ZodObject> {
  readonly caller: Caller;
  readonly params: z.output<Params>;
  readonly query: z.output<Query>;
  readonly body: z.output<Body>;
}

interface DocumentRoute<
  Params extends z.ZodObject,
  Query extends z.ZodObject,
  Body extends z.ZodObject,
  Document extends z.ZodType,
> extends Omit<RouteHead, 'lines' | 'params' | 'query' | 'body' | 'answer'> {
  readonly params: Params;
  readonly query: Query;
  readonly body: Body | null;
  readonly answer: Document;
  handle(request: Parsed<Params, Query, Body>): Promise<Wire<Document>>;
}

/** A route whose handler gets what its schemas let through, and can answer nothing but what its schema says. */
export const documentRoute = <
  Params extends z.ZodObject,
  Query extends z.ZodObject,
  Body extends z.ZodObject,
  Document extends z.ZodType,
>({
  handle,
  ...head
}: DocumentRoute<Params, Query, Body, Document>): Route => ({
  ...head,
  lines: false,
  async run(request) {
    return { kind: 'document', body: await handle(parsed(head, request)) };
  },
});

interface LinesRoute<Params extends z.ZodObject, Query extends z.ZodObject>
  extends Omit<RouteHead, 'lines' | 'params' | 'query' | 'body'> {
  readonly params: Params;
  readonly query: Query;
  handle(request: Parsed<Params, Query, z.ZodObject>): Promise<AsyncIterable<unknown>>;
}

export const linesRoute = <Params extends z.ZodObject, Query extends z.ZodObject>({
  handle,
  ...head
}: LinesRoute<Params, Query>): Route => ({
  ...head,
  body: null,
  lines: true,
  async run(request) {
    return { kind: 'lines', lines: await handle(parsed({ ...head, body: null }, request)) };
  },
});

function parsed<Params extends z.ZodObject, Query extends z.ZodObject, Body extends z.ZodObject>(
  head: { readonly params: Params; readonly query: Query; readonly body: Body | null },
  { caller, params, query, body }: RawRequest,
): Parsed<Params, Query, Body> {
  return {
    caller,
    params: checked(head.params, params, 'path'),
    query: checked(head.query, query, 'query'),
    // as: a route without a body has no schema for one, and its handler's type says that it gets none
    body: (head.body === null ? {} : checked(head.body, body, 'body')) as z.output<Body>,
  };
}

function checked<Schema extends z.ZodType>(schema: Schema, value: unknown, where: string): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const faults = result.error.issues.map((issue) => `${[where, ...issue.path].join('.')}: ${issue.message}`);
  throw new ProblemError('invalid-request', faults.join('; '));
}
