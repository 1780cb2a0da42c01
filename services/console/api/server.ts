import { chmod } from 'node:fs/promises';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import { z } from 'zod';
import { InvariantError, messageOf } from '../../core/model/errors.ts';
import { printableJson } from '../printable-json.ts';
import { type Caller, callerOf } from './caller.ts';
import { ApiError } from './errors.ts';
import {
  closeMs,
  handlerTimeoutMs,
  idleTimeoutMs,
  keepAliveMs,
  maxBodyBytes,
  maxConcurrentRequests,
  maxConnections,
  maxHeaderBytes,
  receiveTimeoutMs,
} from './limits.ts';
import { openApiDocument } from './openapi.ts';
import type { ApiParts } from './parts.ts';
import { ProblemError, problemMediaType, problemOf } from './problems.ts';
import { documentRoute, type Route } from './route.ts';
import { holdRoutes } from './routes/holds.ts';
import { sessionRoutes } from './routes/sessions.ts';
import { statusRoutes } from './routes/status.ts';
import { transcriptRoutes } from './routes/transcripts.ts';
import { prepareSocket } from './unix-socket.ts';

export interface ApiOptions extends ApiParts {
  /** A unix socket, in a folder of mode 0700. */
  readonly socketPath: string;
}

export interface Api {
  /** Lets answers under way end (bounded), then closes. */
  close(): Promise<void>;
}

/**
 * Serves the gateway's own API. Whoever can reach the socket still needs a person's token: being root is none.
 * @throws ApiError
 */
export async function startApi({ socketPath, ...parts }: ApiOptions): Promise<Api> {
  await prepareSocket(socketPath);
  const server = serverFor(parts);
  try {
    await server.listen({ path: socketPath });
    await chmod(socketPath, 0o600);
  } catch (cause) {
    await server.close();
    throw new ApiError('cannot-listen', `Cannot listen on ${socketPath}: ${messageOf(cause)}`, { cause });
  }
  return { close: () => close(server, parts) };
}

export const apiRoutes = (parts: ApiParts): readonly Route[] => [
  ...statusRoutes(parts),
  ...holdRoutes(parts),
  ...sessionRoutes(parts),
  ...transcriptRoutes(parts),
];

function serverFor(parts: ApiParts): FastifyInstance {
  const server = fastify({
    bodyLimit: maxBodyBytes,
    requestTimeout: receiveTimeoutMs,
    connectionTimeout: idleTimeoutMs,
    keepAliveTimeout: keepAliveMs,
    http: { maxHeaderSize: maxHeaderBytes },
    exposeHeadRoutes: false,
    // Reading one transcript must not keep the gateway from stopping.
    forceCloseConnections: 'idle',
    clientErrorHandler: refuseBytes,
    frameworkErrors: (error, _request, reply) => void sendProblem(reply, problemFrom(error, parts)),
  });
  server.server.maxConnections = maxConnections;
  // A web page can make a browser send text and forms without asking; JSON it cannot.
  server.removeContentTypeParser('text/plain');
  server.setReplySerializer((payload) => printableJson(payload));
  server.setErrorHandler((error, _request, reply) => sendProblem(reply, problemFrom(error, parts)));
  server.setNotFoundHandler((request, reply) =>
    sendProblem(
      reply,
      new ProblemError('not-found', `There is no ${request.method} ${JSON.stringify(request.url)}.`),
    ),
  );
  const callers = authenticated(server, parts);
  addHealth(server, parts);
  const routes = apiRoutes(parts);
  for (const route of [...routes, openApiRoute(routes, parts.version)]) addRoute(server, route, callers);
  return server;
}

const openApiRoute = (routes: readonly Route[], version: string): Route => {
  // Made when somebody asks: a gateway that starts has better things to do.
  let document: unknown = null;
  return documentRoute({
    method: 'GET',
    path: '/openapi.json',
    operationId: 'openapi',
    summary: 'This description',
    description: 'For every person with a token.',
    params: z.strictObject({}),
    query: z.strictObject({}),
    body: null,
    answer: z.unknown(),
    problems: [],
    async handle() {
      document ??= openApiDocument(routes, version);
      return document;
    },
  });
};

/**
 * For watchdogs, which are no person and have no token. It says nothing but whether this process answers and takes new
 * actions, which whoever can reach the socket sees anyway.
 */
export const healthPath = '/health';

const addHealth = (server: FastifyInstance, { trail }: ApiParts): void => {
  server.get(healthPath, async (_request, reply) => reply.code(trail.writable ? 204 : 503).send());
};

/**
 * What everything passes before it is routed, let alone read: a place among those at work, and a person's token (but for
 * `healthPath`).
 */
function authenticated(server: FastifyInstance, parts: ApiParts): WeakMap<FastifyRequest, Caller> {
  const callers = new WeakMap<FastifyRequest, Caller>();
  let atWork = 0;
  server.addHook('onRequest', async (request, reply) => {
    reply.headers({
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      // What targets and clients wrote is in the answers: a browser that shows one must not run it.
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    });
    if (atWork >= maxConcurrentRequests) {
      throw new ProblemError('busy', 'The gateway answers too many requests.', 'Try again in a moment.');
    }
    atWork += 1;
    reply.raw.once('close', () => {
      atWork -= 1;
    });
    if (request.url === healthPath) return;
    callers.set(request, await callerOf(request.headers.authorization, parts));
  });
  server.addHook('onResponse', async (request, reply) => {
    const subject = callers.get(request)?.party.subject ?? null;
    const ms = Math.round(reply.elapsedTime);
    parts.log.debug(
      { method: request.method, url: request.url, status: reply.statusCode, subject, ms },
      'api',
    );
  });
  return callers;
}

function addRoute(server: FastifyInstance, route: Route, callers: WeakMap<FastifyRequest, Caller>): void {
  server.route({
    method: route.method,
    url: route.path.replaceAll(/\{(\w+)\}/g, ':$1'),
    // Lines go on for as long as their reader takes; the idle time-out of the connection bounds that.
    ...(route.lines ? {} : { handlerTimeout: handlerTimeoutMs }),
    async handler(request, reply) {
      const caller = callers.get(request);
      if (caller === undefined)
        throw new InvariantError('a request was routed before its token was looked at');
      const { params, query, body } = request;
      const answer = await route.run({ caller, params, query, body: body ?? {} });
      if (answer.kind === 'document') {
        return reply.type('application/json; charset=utf-8').send(answer.body);
      }
      return reply.type('application/x-ndjson; charset=utf-8').send(Readable.from(textLines(answer.lines)));
    },
  });
}

async function* textLines(lines: AsyncIterable<unknown>): AsyncGenerator<string, void, undefined> {
  for await (const line of lines) yield `${printableJson(line)}\n`;
}

function sendProblem(reply: FastifyReply, problem: ProblemError): FastifyReply {
  if (problem.status === 401) reply.header('www-authenticate', 'Bearer realm="sallyport-console"');
  if (problem.status === 503) reply.header('retry-after', '2');
  return reply.code(problem.status).type(`${problemMediaType}; charset=utf-8`).send(problemOf(problem));
}

/** What was thrown while a request was dealt with, as what its sender is told. */
function problemFrom(thrown: unknown, { log }: ApiParts): ProblemError {
  if (thrown instanceof ProblemError) return thrown;
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : null;
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new ProblemError('too-large', `A body may have ${maxBodyBytes} bytes.`);
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
    case 'FST_ERR_CTP_EMPTY_TYPE':
      return new ProblemError('unsupported-media-type', 'The body must be application/json.');
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
    case 'FST_ERR_BAD_URL':
    case 'FST_ERR_MAX_PARAM_LENGTH':
      return new ProblemError('invalid-request', messageOf(thrown));
    case 'FST_ERR_HANDLER_TIMEOUT':
      return new ProblemError(
        'timed-out',
        `There was no answer within ${handlerTimeoutMs} ms.`,
        'Try again.',
      );
  }
  if (thrown instanceof InvariantError) {
    // A broken invariant ends the process, once its answer is on its way.
    setImmediate(() => {
      throw thrown;
    });
  }
  log.error({ error: thrown }, 'the API failed at a request');
  return new ProblemError('internal', 'The gateway failed at this request.', 'Its log says why.');
}

/** Bytes that are no request, or not one in time: they never become one, so the answer is written by hand. */
function refuseBytes(error: Error & { readonly code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const problem = problemOf(bytesProblem(error.code));
  const body = printableJson(problem);
  const head = [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
    `content-type: ${problemMediaType}; charset=utf-8`,
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

function bytesProblem(code: string | undefined): ProblemError {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new ProblemError('too-large', `The headers may have ${maxHeaderBytes} bytes.`);
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new ProblemError('timed-out', `The request did not come within ${receiveTimeoutMs} ms.`);
    default:
      return new ProblemError('invalid-request', 'This is not HTTP.');
  }
}

async function close(server: FastifyInstance, { clock, log }: ApiParts): Promise<void> {
  const tooLong = clock.after(closeMs, () => {
    log.warn({ closeMs }, 'answers of the API were cut off');
    server.server.closeAllConnections();
  });
  await server.close();
  tooLong.cancel();
}
