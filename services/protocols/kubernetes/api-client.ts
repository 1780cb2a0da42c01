/** What the gateway itself asks of an API server, with the target's credential: objects as they are, and what a write would make of them. */
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';
import { messageOf, SallyportError } from '../../core/model/errors.ts';
import { type JsonObject, parseStrictJson, StrictJsonError } from '../../core/model/strict-json.ts';
import { credentialHeaders } from '../requests/credential.ts';
import type { RequestTarget } from '../requests/target.ts';
import { maxObjectDepth, maxObjectMembers, maxUpstreamSockets, upstreamTimeoutMs } from './limits.ts';

export class ApiServerError extends SallyportError<'unreachable' | 'too-large' | 'not-an-object'> {}

export interface ApiQuestion {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly contentType: string;
  readonly body: Buffer;
  readonly maxAnswerBytes: number;
}

export interface ApiAnswer {
  readonly status: number;
  readonly object: JsonObject;
}

const agents = new WeakMap<RequestTarget, HttpAgent | HttpsAgent>();

/** @throws ApiServerError */
export function askApiServer(target: RequestTarget, question: ApiQuestion): Promise<ApiAnswer> {
  return new Promise((resolve, reject) => {
    const headers = Object.fromEntries(
      credentialHeaders(target.credential).map(({ name, value }) => [name, value]),
    );
    const { method, path, body } = question;
    const request = (target.tls === null ? httpRequest : httpsRequest)({
      host: target.host,
      port: target.port,
      method,
      path,
      agent: agentOf(target),
      signal: AbortSignal.timeout(upstreamTimeoutMs),
      headers: {
        ...headers,
        host: target.authority,
        accept: 'application/json',
        'user-agent': 'sallyport',
        ...(body.length === 0
          ? {}
          : {
              ...(question.contentType === '' ? {} : { 'content-type': question.contentType }),
              'content-length': String(body.length),
            }),
      },
    });
    request.once('error', (cause) => reject(unanswered(cause)));
    request.once('response', (response) => {
      readAnswer(response, question.maxAnswerBytes).then(resolve, (cause: unknown) => {
        request.destroy();
        // Its end broke off, or the time was over.
        reject(cause instanceof ApiServerError ? cause : unanswered(cause));
      });
    });
    request.end(body);
  });
}

const unanswered = (cause: unknown): ApiServerError =>
  new ApiServerError('unreachable', `the API server did not answer: ${messageOf(cause)}`, { cause });

async function readAnswer(response: IncomingMessage, maxBytes: number): Promise<ApiAnswer> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > maxBytes) {
      throw new ApiServerError('too-large', `the API server answers with more than ${maxBytes} bytes`);
    }
    parts.push(part);
  }
  try {
    const object = parseStrictJson(Buffer.concat(parts).toString('utf8'), {
      maxDepth: maxObjectDepth,
      maxMembers: maxObjectMembers,
    });
    return { status: response.statusCode ?? 0, object };
  } catch (cause) {
    if (!(cause instanceof StrictJsonError)) throw cause;
    throw new ApiServerError(
      'not-an-object',
      `the API server answers with something else than an object: ${cause.message}`,
      {
        cause,
      },
    );
  }
}

function agentOf(target: RequestTarget): HttpAgent | HttpsAgent {
  let agent = agents.get(target);
  if (agent === undefined) {
    const { tls, host } = target;
    const options = { keepAlive: true, maxSockets: maxUpstreamSockets, timeout: upstreamTimeoutMs };
    agent =
      tls === null
        ? new HttpAgent(options)
        : new HttpsAgent({
            ...options,
            minVersion: 'TLSv1.2',
            ...(isIP(host) === 0 ? { servername: host } : {}),
            ...(tls.ca === null ? {} : { ca: tls.ca }),
            ...(tls.identity === null
              ? {}
              : { cert: tls.identity.certificate, key: tls.identity.key.reveal() }),
          });
    agents.set(target, agent);
  }
  return agent;
}
