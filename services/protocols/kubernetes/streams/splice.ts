import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Duplex } from 'node:stream';
import type { RequestTarget } from '../../requests/target.ts';
import { streamHandshakeMs } from '../limits.ts';
import { portForwardProtocol } from './request.ts';
import { dialOptions } from './upstream.ts';

export interface SpliceParts {
  /** The client's request, as Envoy has brought it. */
  readonly request: IncomingMessage;
  readonly client: Duplex;
  readonly head: Buffer;
  readonly target: RequestTarget;
  readonly path: string;
  ended(end: {
    readonly result: 'completed' | 'failed' | 'cut-off';
    readonly errorCode: string | null;
    readonly bytes: number;
  }): void;
}

/**
 * Port-forward: SPDY in WebSocket messages, passed on as it is. The `ws` client throws on its subprotocol's name, so the two sockets are joined.
 * Returns what ends it.
 */
export function splice({ request, client, head, target, path, ended }: SpliceParts): () => void {
  const options = dialOptions(target);
  let bytes = 0;
  let isOver = false;
  const over = (result: 'completed' | 'failed' | 'cut-off', errorCode: string | null = null): void => {
    if (isOver) return;
    isOver = true;
    client.destroy();
    upstream.destroy();
    ended({ result, errorCode, bytes });
  };
  const upstream = (target.tls === null ? httpRequest : httpsRequest)({
    ...options,
    host: target.host,
    port: target.port,
    path,
    agent: false,
    headers: {
      ...options.headers,
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      // The client verifies the answer to its own key.
      'sec-websocket-key': request.headers['sec-websocket-key'] ?? '',
      'sec-websocket-protocol': portForwardProtocol,
    },
  });
  upstream.setTimeout(streamHandshakeMs, () => over('failed', 'timeout'));
  upstream.once('upgrade', (response: IncomingMessage, socket: Duplex, upstreamHead: Buffer) => {
    upstream.setTimeout(0);
    if (isOver) {
      socket.destroy();
      return;
    }
    client.write(
      [
        'HTTP/1.1 101 Switching Protocols',
        'Connection: Upgrade',
        'Upgrade: websocket',
        `Sec-WebSocket-Accept: ${response.headers['sec-websocket-accept'] ?? ''}`,
        `Sec-WebSocket-Protocol: ${response.headers['sec-websocket-protocol'] ?? ''}`,
        '',
        '',
      ].join('\r\n'),
    );
    client.write(upstreamHead);
    socket.write(head);
    socket.on('data', (data: Buffer) => {
      bytes += data.length;
    });
    socket.pipe(client);
    client.pipe(socket);
    socket.on('error', () => over('cut-off')).once('close', () => over('completed'));
  });
  upstream.once('response', (response: IncomingMessage) => {
    response.resume();
    client.write(
      `HTTP/1.1 ${response.statusCode ?? 502} Refused\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`,
    );
    over('failed', `HTTP ${response.statusCode ?? 0}`);
  });
  upstream.on('error', () => over('failed', 'unreachable'));
  client.on('error', () => over('cut-off')).once('close', () => over('completed'));
  upstream.end();
  return () => over('cut-off');
}
