import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { type ConnectionOptions, checkServerIdentity, connect as connectTls, type TLSSocket } from 'node:tls';
import type { Clock } from '../../../core/model/clock.ts';
import { messageOf } from '../../../core/model/errors.ts';
import { ByteSource } from '../../byte-source.ts';
import type { PostgresTarget, TargetHost } from '../target.ts';
import { requestPacket, sslRequestCode } from '../wire/startup.ts';
import { UpstreamError } from './errors.ts';

/** A connection to one server, before anything was said on it but SSLRequest. */
export interface Dialed {
  readonly socket: Socket;
  /** The same socket, where it speaks TLS. */
  readonly secure: TLSSocket | null;
  /** Of the several addresses that a name may have, the one that answered. */
  readonly address: string;
}

/** The time that is left of all that is done with one host, however many steps it takes. */
export class Deadline {
  readonly clock: Clock;
  readonly #ms: number;
  readonly #endsAtMs: number;

  constructor(clock: Clock, ms: number) {
    this.clock = clock;
    this.#ms = ms;
    this.#endsAtMs = clock.monotonicMs() + ms;
  }

  get leftMs(): number {
    return Math.max(0, this.#endsAtMs - this.clock.monotonicMs());
  }

  get passed(): string {
    return `no answer within ${this.#ms} ms`;
  }
}

/** TCP to one of the target's hosts, and TLS as its mode says. `address` is dialed instead of the host's name. @throws UpstreamError */
export async function dial(
  target: PostgresTarget,
  { host, port }: TargetHost,
  deadline: Deadline,
  address: string = host,
): Promise<Dialed> {
  const { idleMs, intervalMs, count } = target.keepalive;
  const socket = connectTcp({ host: address, port, noDelay: true });
  try {
    await event(socket, 'connect', deadline);
    // Not sooner: libuv remembers no times for a socket that is not connected.
    socket.setKeepAlive(true, idleMs, intervalMs, count);
    const secure = target.tls.mode === 'disable' ? null : await startTls(target, host, socket, deadline);
    return { socket: secure ?? socket, secure, address: socket.remoteAddress ?? address };
  } catch (cause) {
    socket.destroy();
    if (cause instanceof UpstreamError) throw cause;
    throw new UpstreamError('unreachable', reasonOf(cause), { cause });
  }
}

/** Node's error for a name of which all addresses failed has no message of its own, but theirs. Exported for the tests. */
export const reasonOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'errors' in error && Array.isArray(error.errors)
    ? error.errors.map(messageOf).join(', ')
    : messageOf(error);

/** Null when the server speaks none and the mode is content with that. */
async function startTls(
  target: PostgresTarget,
  host: string,
  socket: Socket,
  deadline: Deadline,
): Promise<TLSSocket | null> {
  const answer = await askForTls(socket, deadline);
  if (answer === 'N' && target.tls.mode === 'prefer') return null;
  if (answer !== 'S') throw new UpstreamError('tls-refused', 'the server does not speak TLS');
  const secure = connectTls({ socket, ...tlsOptions(target, host) });
  try {
    await event(secure, 'secureConnect', deadline);
  } catch (cause) {
    secure.destroy();
    if (cause instanceof UpstreamError) throw cause;
    throw new UpstreamError('tls-unverified', `TLS with the server failed: ${messageOf(cause)}`, { cause });
  }
  return secure;
}

async function askForTls(socket: Socket, deadline: Deadline): Promise<string> {
  socket.write(requestPacket(sslRequestCode));
  const bytes = new ByteSource(socket, deadline.clock, deadline.leftMs);
  const answer = await bytes.take(1).catch((cause: unknown) => {
    bytes.release();
    throw cause;
  });
  // Bytes behind the answer would be plain text that an attacker laid before the TLS stream (CVE-2021-23222).
  if (bytes.release().length > 0) {
    throw new UpstreamError('protocol-violation', 'the server sent bytes behind its answer to SSLRequest');
  }
  return answer.toString('latin1');
}

/** libpq's modes: `prefer` and `require` verify nothing, `verify-ca` the chain, `verify-full` chain and name. */
function tlsOptions({ tls }: PostgresTarget, host: string): ConnectionOptions {
  const verifies = tls.mode === 'verify-ca' || tls.mode === 'verify-full';
  return {
    host,
    // RFC 6066 section 3: no IP addresses in server_name.
    ...(isIP(host) === 0 ? { servername: host } : {}),
    rejectUnauthorized: verifies,
    checkServerIdentity: tls.mode === 'verify-full' ? checkServerIdentity : () => undefined,
    minVersion: 'TLSv1.2',
    ...(tls.ca === null ? {} : { ca: tls.ca }),
    ...(tls.certificate === null ? {} : { cert: tls.certificate }),
    ...(tls.key === null ? {} : { key: tls.key.reveal() }),
  };
}

const unreachable = (why: string): UpstreamError => new UpstreamError('unreachable', why);

/**
 * Waits for the socket's event.
 * @throws UpstreamError `unreachable` when the other side hangs up or the deadline passes; the socket's own error for anything else
 */
function event(socket: Socket, name: string, deadline: Deadline): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = deadline.clock.after(deadline.leftMs, () => finish(unreachable(deadline.passed)));
    const onEvent = (): void => finish(null);
    const onError = (error: NodeJS.ErrnoException): void =>
      finish(error.code === 'ECONNRESET' ? unreachable(error.message) : error);
    const onClose = (): void => finish(unreachable('the server closed the connection'));
    const finish = (error: Error | null): void => {
      timer.cancel();
      socket.off(name, onEvent).off('close', onClose);
      // The error listener stays: an error may follow the one that decided, and nobody else listens yet.
      if (error === null) resolve();
      else reject(error);
    };
    socket.once(name, onEvent).once('close', onClose).on('error', onError);
  });
}
