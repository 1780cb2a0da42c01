import { isIP } from 'node:net';
import { type ClientOptions, WebSocket } from 'ws';
import { credentialHeaders } from '../../requests/credential.ts';
import type { RequestTarget } from '../../requests/target.ts';
import { maxMessageBytes, maxStatusBytes, streamHandshakeMs } from '../limits.ts';
import { type ChannelProtocol, channelProtocols } from './request.ts';

/** What the gateway proves itself with, and what it asks of the target's certificate. */
export const dialOptions = ({ tls, host, credential, authority }: RequestTarget) => ({
  headers: {
    host: authority,
    'user-agent': 'sallyport',
    ...Object.fromEntries(credentialHeaders(credential).map(({ name, value }) => [name, value])),
  },
  ...(tls === null
    ? {}
    : {
        minVersion: 'TLSv1.2' as const,
        ...(isIP(host) === 0 ? { servername: host } : {}),
        ...(tls.ca === null ? {} : { ca: tls.ca }),
        ...(tls.identity === null ? {} : { cert: tls.identity.certificate, key: tls.identity.key.reveal() }),
      }),
});

export type Dialled =
  | { readonly kind: 'open'; readonly socket: WebSocket; readonly protocol: ChannelProtocol }
  /** The target's own Status, or what it said instead. */
  | { readonly kind: 'refused'; readonly code: number; readonly body: string }
  | { readonly kind: 'unreachable'; readonly why: string };

/** Opens the stream at the target. Never rejects. `open` is called within the socket's own event: nothing of it is missed. */
export function dial(
  target: RequestTarget,
  path: string,
  protocols: readonly ChannelProtocol[],
  done: (dialled: Dialled) => void,
): WebSocket {
  const options: ClientOptions = {
    ...dialOptions(target),
    perMessageDeflate: false,
    followRedirects: false,
    handshakeTimeout: streamHandshakeMs,
    maxPayload: maxMessageBytes,
  };
  const scheme = target.tls === null ? 'ws' : 'wss';
  const socket = new WebSocket(`${scheme}://${target.authority}${path}`, [...protocols], options);
  let isDone = false;
  const settle = (dialled: Dialled): void => {
    if (isDone) return;
    isDone = true;
    done(dialled);
  };
  socket.once('open', () => {
    const protocol = channelProtocols.find((each) => each === socket.protocol);
    if (protocol !== undefined) return settle({ kind: 'open', socket, protocol });
    socket.terminate();
    settle({ kind: 'unreachable', why: 'it speaks no subprotocol that is known here' });
  });
  socket.once('unexpected-response', (request, response) => {
    let body = '';
    response.setEncoding('utf8').on('data', (text: string) => {
      if (body.length + text.length <= maxStatusBytes) body += text;
    });
    const answered = (): void => {
      settle({ kind: 'refused', code: response.statusCode ?? 0, body });
      request.destroy();
    };
    response.once('end', answered).once('error', answered);
  });
  socket.on('error', (error) => settle({ kind: 'unreachable', why: error.message }));
  return socket;
}
