import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { SallyportError } from '../../core/model/errors.ts';
import type { RequestTarget } from './target.ts';

export class RequestTargetError extends SallyportError<'unreachable'> {}

/** Connects and verifies the target's certificate, and sends no request. @throws RequestTargetError `unreachable` */
export function reach({ host, port, tls, connectTimeoutMs }: RequestTarget): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => {
      socket.destroy();
      reject(new RequestTargetError('unreachable', why));
    };
    const done = (): void => {
      socket.destroy();
      resolve();
    };
    const socket: Socket =
      tls === null
        ? connectTcp({ host, port }, done)
        : connectTls(
            {
              host,
              port,
              ...(isIP(host) === 0 ? { servername: host } : {}),
              ...(tls.ca === null ? {} : { ca: tls.ca }),
              ...(tls.identity === null
                ? {}
                : { cert: tls.identity.certificate, key: tls.identity.key.reveal() }),
            },
            done,
          );
    socket.setTimeout(connectTimeoutMs, () =>
      fail(`${host}:${port} did not answer within ${connectTimeoutMs} ms`),
    );
    socket.on('error', (error) => fail(error.message));
  });
}
