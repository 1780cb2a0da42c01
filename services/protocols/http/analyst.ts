import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Intent } from '../../core/model/action.ts';
import { SallyportError } from '../../core/model/errors.ts';
import type { TargetName } from '../../core/model/ids.ts';
import type { Analyst } from '../protocol.ts';
import type { Header } from '../request.ts';
import { credentialHeaders } from './credential.ts';
import { Intents } from './intent.ts';
import type { HttpTarget } from './target.ts';

export class HttpTargetError extends SallyportError<'unreachable' | 'not-a-request'> {}

/** Reads requests as the gateway would; nothing is asked of the target, since a decision hangs on the request alone. */
export function createAnalyst(name: TargetName, target: HttpTarget): Promise<Analyst> {
  const intents = new Intents();
  return Promise.resolve({
    analyse: (text) => Promise.resolve(analysed(name, target, intents, text)),
    masks: () => [],
    unmatched: () => [],
    reach: () => reach(target),
    close: () => Promise.resolve(),
  });
}

/** `DELETE /users/7?force=true`, with headers in lines of their own behind it. @throws HttpTargetError `not-a-request` */
function analysed(
  target: TargetName,
  { credential, authority, hosts }: HttpTarget,
  intents: Intents,
  text: string,
): Intent {
  const [first = '', ...lines] = text.trim().split(/\r?\n/);
  const { method = '', path = '' } = /^(?<method>\S+) (?<path>\/\S*)$/.exec(first.trim())?.groups ?? {};
  if (method === '') {
    throw new HttpTargetError(
      'not-a-request',
      'A request is written as "DELETE /users/7?force=true": a method and the path that the target sees. Headers follow, one a line.',
    );
  }
  const headers = lines.filter((line) => line.trim() !== '').map(headerOf);
  const host = headers.find(({ name }) => name === 'host')?.value ?? hosts[0] ?? authority;
  const overwritten = new Set(credentialHeaders(credential).map(({ name }) => name));
  return intents.of({ target, authority, method, host, path, headers, overwritten });
}

function headerOf(line: string): Header {
  const colon = line.indexOf(':');
  if (colon <= 0)
    throw new HttpTargetError('not-a-request', `"${line}" is no header: it is written as name: value.`);
  return { name: line.slice(0, colon).trim().toLowerCase(), value: line.slice(colon + 1).trim() };
}

/** Connects and verifies the target's certificate, and sends no request. */
function reach({ host, port, tls, connectTimeoutMs }: HttpTarget): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => {
      socket.destroy();
      reject(new HttpTargetError('unreachable', why));
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
