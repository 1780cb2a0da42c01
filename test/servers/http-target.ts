/** A real HTTP server that remembers exactly what has reached it. */
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';

export interface ReceivedRequest {
  readonly method: string;
  /** Path and query, byte for byte. */
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  /** Names and values in their order, repeated ones too. */
  readonly rawHeaders: readonly string[];
  readonly body: string;
  /** Common name of the client's certificate. */
  readonly clientName: string | null;
}

export interface HttpTarget {
  readonly port: number;
  readonly received: ReceivedRequest[];
  /** Answers of its own, instead of 200 with what it got as JSON. */
  answer: RequestListener | null;
  stop(): Promise<void>;
}

export async function startHttpTarget(tls?: ServerOptions): Promise<HttpTarget> {
  const listener: RequestListener = (request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const socket = request.socket as Partial<TLSSocket>; // as: a plain socket has no getPeerCertificate
      const received: ReceivedRequest = {
        method: request.method ?? '',
        url: request.url ?? '',
        headers: request.headers,
        rawHeaders: request.rawHeaders,
        body: Buffer.concat(parts).toString(),
        clientName: socket.getPeerCertificate?.()?.subject?.CN?.toString() ?? null,
      };
      target.received.push(received);
      if (target.answer !== null) return target.answer(request, response);
      response.setHeader('content-type', 'application/json');
      response.setHeader('set-cookie', 'session=of-the-target');
      response.end(JSON.stringify({ method: received.method, url: received.url }));
    });
  };
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const target: HttpTarget = {
    port: (server.address() as AddressInfo).port, // as: it listens on TCP
    received: [],
    answer: null,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return target;
}
