import {
  type ClientRequest,
  type IncomingMessage,
  type RequestOptions,
  request as requestHttp,
} from 'node:http';
import { request as requestHttps } from 'node:https';
import { isIP } from 'node:net';
import { getCACertificates } from 'node:tls';
import { isLoopback } from '../model/address.ts';
import type { Clock } from '../model/clock.ts';
import { messageOf, SallyportError } from '../model/errors.ts';
import type { IssuerSettings } from '../model/settings.ts';
import { fetchTimeoutMs, maxDocumentBytes } from './limits.ts';

export type IssuerErrorCode =
  /** No answer: no connection, no trust in the certificate, a time-out. */
  | 'unreachable'
  /** An answer that cannot be used: a redirect, an error status, too long, not what the standard asks for. */
  | 'unusable-answer'
  /** Plain http to somewhere else than this machine, or not a URL at all. */
  | 'insecure-url';

/** What went wrong between the gateway and an issuer: for operators, and the `cause` of what clients are told. */
export class IssuerError extends SallyportError<IssuerErrorCode> {}

/** Of the shape that openid-client asks of a replacement for `fetch`. */
export interface IssuerRequest {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
}

export type IssuerFetch = (url: string, request: IssuerRequest) => Promise<Response>;

/** As URL writes it: IPv6 in brackets. `localhost` is left to the resolver, which RFC 6761 binds to loopback. */
function isLoopbackHost(hostname: string): boolean {
  const ip = hostname.replace(/^\[(.*)\]$/, '$1');
  return hostname === 'localhost' || (isIP(ip) !== 0 && isLoopback({ ip, port: 0 }));
}

const isPlainLoopback = ({ protocol, hostname }: URL): boolean =>
  protocol === 'http:' && isLoopbackHost(hostname);

/** Whether what is read there can only come from the one whom the URL names. */
export const isTrustworthy = (url: URL): boolean => url.protocol === 'https:' || isPlainLoopback(url);

/** Plain http that the config itself asks for; what an issuer's metadata ask for does not count. */
const allowsPlain = ({ url, jwksUrl }: IssuerEndpoints): boolean =>
  [url, jwksUrl ?? ''].some((text) => URL.canParse(text) && isPlainLoopback(new URL(text)));

type IssuerEndpoints = Pick<IssuerSettings, 'url' | 'jwksUrl' | 'ca'>;

/**
 * Requests to one issuer, by Node's own client and not by `fetch`, which takes no CA without another package. They end
 * after `fetchTimeoutMs`, follow no redirect (it would move trust elsewhere), read at most `maxDocumentBytes` and use
 * TLS; plain http only to loopback, and if the config has it so.
 */
export function issuerFetch(issuer: IssuerEndpoints, clock: Clock): IssuerFetch {
  const plainAllowed = allowsPlain(issuer);
  // Naming a CA replaces Node's own list, so that has to come along: the setting is "beside the system's".
  const ca = issuer.ca === null ? undefined : [...getCACertificates('default'), issuer.ca];

  return async (target, { method, headers, body, signal }) => {
    const url = URL.canParse(target) ? new URL(target) : null;
    if (url === null || !(url.protocol === 'https:' || (plainAllowed && isPlainLoopback(url)))) {
      throw new IssuerError('insecure-url', `${target} is not https (http is for loopback alone)`);
    }
    const content = bodyText(body);
    const options: RequestOptions & { ca?: string[] } = {
      method,
      // A connection that is used every ten minutes is not worth keeping; a half-closed one would fail a fetch.
      headers: { ...headers, 'accept-encoding': 'identity', connection: 'close' },
      ...(ca && { ca }),
    };
    if (content !== null) options.headers = { ...options.headers, 'content-length': content.byteLength };
    const ended = new AbortController();
    const timer = clock.after(fetchTimeoutMs, () => ended.abort(`did not answer in ${fetchTimeoutMs} ms`));
    const abort = (): void => ended.abort('was called off');
    signal?.addEventListener('abort', abort, { once: true });
    if (signal?.aborted) abort();
    try {
      const send = url.protocol === 'https:' ? requestHttps : requestHttp;
      return await exchange(send(url, { ...options, signal: ended.signal }), content);
    } catch (cause) {
      if (cause instanceof IssuerError) {
        throw new IssuerError(cause.code, `${target} ${cause.message}`, { cause });
      }
      const why = ended.signal.aborted
        ? String(ended.signal.reason)
        : `cannot be reached: ${messageOf(cause)}`;
      throw new IssuerError('unreachable', `${target} ${why}`, { cause });
    } finally {
      timer.cancel();
      signal?.removeEventListener('abort', abort);
    }
  };
}

function exchange(request: ClientRequest, content: Buffer | null): Promise<Response> {
  return new Promise((resolve, reject) => {
    request.once('response', (response) => {
      readAnswer(response)
        .then(resolve, reject)
        .finally(() => request.destroy());
    });
    request.on('error', reject);
    request.end(content ?? undefined);
  });
}

function bodyText(body: unknown): Buffer | null {
  if (body === undefined || body === null) return null;
  if (typeof body === 'string' || body instanceof URLSearchParams) return Buffer.from(body.toString());
  throw new IssuerError('unusable-answer', 'a request body must be text or form fields');
}

async function readAnswer(response: IncomingMessage): Promise<Response> {
  const status = response.statusCode ?? 0;
  if (status >= 300 && status < 400) {
    throw new IssuerError('unusable-answer', `answered with a redirect (${status}), which is not followed`);
  }
  if ((response.headers['content-encoding'] ?? 'identity') !== 'identity') {
    throw new IssuerError('unusable-answer', 'answered compressed, which was not asked for');
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.byteLength;
    if (bytes > maxDocumentBytes) {
      throw new IssuerError('unusable-answer', `answered with more than ${maxDocumentBytes} bytes`);
    }
    chunks.push(chunk);
  }
  const headers = new Headers();
  for (const name of ['content-type', 'date', 'retry-after', 'www-authenticate', 'dpop-nonce']) {
    const value = response.headers[name];
    if (typeof value === 'string') headers.set(name, value);
  }
  // A Response with one of these statuses must have no body, and throws for an empty one as well.
  const bodiless = status === 204 || status === 205;
  return new Response(bodiless ? null : Buffer.concat(chunks), { status, headers });
}
