import { createHash } from 'node:crypto';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { type ConnectionOptions, checkServerIdentity, connect as connectTls } from 'node:tls';
import type { Clock } from '../../../core/model/clock.ts';
import { messageOf } from '../../../core/model/errors.ts';
import { ByteSource, ByteSourceError } from '../../byte-source.ts';
import type { PasswordMethod, PostgresTarget } from '../target.ts';
import { backend, frameOf, int32, readMessageFields, readParameterStatus } from '../wire/backend.ts';
import { BodyReader } from '../wire/body.ts';
import { headerBytes } from '../wire/frames.ts';
import { frontend } from '../wire/frontend.ts';
import { maxBackendFrameBytes } from '../wire/limits.ts';
import {
  type CancelKey,
  cancelRequest,
  requestPacket,
  sslRequestCode,
  startupMessage,
} from '../wire/startup.ts';
import { UpstreamError } from './errors.ts';
import { cancelDeadlineMs } from './limits.ts';
import { ScramExchange } from './scram.ts';

/** A logged-in connection to a target, idle, with nothing read beyond the first ReadyForQuery. */
export interface Upstream {
  readonly socket: Socket;
  /** Bytes that came behind ReadyForQuery; to be read before the socket. */
  readonly rest: Buffer;
  readonly parameters: ReadonlyMap<string, string>;
  /** Null when the server gave none (some poolers). */
  readonly cancelKey: CancelKey | null;
}

/** The target's TCP connection, with TLS as its mode says. @throws UpstreamError */
async function openSocket(target: PostgresTarget, clock: Clock, deadlineMs: number): Promise<Socket> {
  const socket = connectTcp({ host: target.host, port: target.port, noDelay: true, keepAlive: true });
  try {
    await event(socket, 'connect', clock, deadlineMs);
    return target.tls.mode === 'disable' ? socket : await startTls(target, socket, clock, deadlineMs);
  } catch (cause) {
    socket.destroy();
    if (cause instanceof UpstreamError) throw cause;
    throw new UpstreamError('unreachable', `${target.host}:${target.port}: ${messageOf(cause)}`, { cause });
  }
}

async function startTls(
  target: PostgresTarget,
  socket: Socket,
  clock: Clock,
  deadlineMs: number,
): Promise<Socket> {
  socket.write(requestPacket(sslRequestCode));
  const bytes = new ByteSource(socket, clock, deadlineMs);
  const answer = (await bytes.take(1)).toString('latin1');
  // Bytes behind the answer would be plain text that an attacker laid before the TLS stream (CVE-2021-23222).
  if (bytes.release().length > 0) {
    throw new UpstreamError('protocol-violation', 'the server sent bytes behind its answer to SSLRequest');
  }
  if (answer === 'N' && target.tls.mode === 'prefer') return socket;
  if (answer !== 'S') throw new UpstreamError('tls-refused', 'the server does not speak TLS');
  const secure = connectTls({ socket, ...tlsOptions(target) });
  try {
    await event(secure, 'secureConnect', clock, deadlineMs);
  } catch (cause) {
    secure.destroy();
    throw new UpstreamError('tls-unverified', `TLS with the server failed: ${messageOf(cause)}`, { cause });
  }
  return secure;
}

/** libpq's modes: `prefer` and `require` verify nothing, `verify-ca` the chain, `verify-full` chain and name. */
function tlsOptions({ host, tls }: PostgresTarget): ConnectionOptions {
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

/** Waits for the socket's event, its failure, or the deadline. */
function event(socket: Socket, name: string, clock: Clock, deadlineMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(deadlineMs, () => finish(new Error(`no answer within ${deadlineMs} ms`)));
    const onEvent = (): void => finish(null);
    const onError = (error: Error): void => finish(error);
    const onClose = (): void => finish(new Error('the server closed the connection'));
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

async function takeFrame(bytes: ByteSource): Promise<Buffer> {
  const header = await bytes.atLeast(headerBytes);
  const frameBytes = 1 + header.readUInt32BE(1);
  if (frameBytes < headerBytes || frameBytes > maxBackendFrameBytes) {
    throw new UpstreamError('protocol-violation', `the server sent a message of ${frameBytes} bytes`);
  }
  return bytes.take(frameBytes);
}

/**
 * Connects and logs in as the gateway. `parameters` are the session's start-up parameters beside user and database.
 * @throws UpstreamError
 */
export async function connectUpstream(
  target: PostgresTarget,
  parameters: ReadonlyMap<string, string>,
  clock: Clock,
): Promise<Upstream> {
  const socket = await openSocket(target, clock, target.connectTimeoutMs);
  const bytes = new ByteSource(socket, clock, target.connectTimeoutMs);
  try {
    socket.write(
      startupMessage(new Map([['user', target.user], ['database', target.database], ...parameters])),
    );
    await authenticate(target, socket, bytes);
    const ready = await untilReady(bytes);
    return { socket, rest: bytes.release(), ...ready };
  } catch (cause) {
    bytes.release();
    socket.destroy();
    if (cause instanceof ByteSourceError) {
      throw new UpstreamError('unreachable', `${target.host}:${target.port}: ${cause.message}`, { cause });
    }
    throw cause;
  }
}

/** https://www.postgresql.org/docs/current/protocol-flow.html: AuthenticationRequest codes. */
const authentication = { ok: 0, cleartext: 3, md5: 5, sasl: 10, saslContinue: 11, saslFinal: 12 } as const;

async function authenticate(target: PostgresTarget, socket: Socket, bytes: ByteSource): Promise<void> {
  let scram: ScramExchange | null = null;
  for (;;) {
    const frame = await takeFrame(bytes);
    if (frame[0] === backend.errorResponse) throw refused(frame);
    if (frame[0] === backend.negotiateProtocolVersion) continue;
    if (frame[0] !== backend.authentication) {
      throw new UpstreamError(
        'protocol-violation',
        'the server sent something else than an authentication request',
      );
    }
    const body = new BodyReader(frame);
    const request = body.int32();
    const text = (): string => frame.subarray(headerBytes + 4).toString('utf8');
    switch (request) {
      case authentication.ok:
        return;
      case authentication.cleartext:
        requireMethod(target, 'password');
        requireTls(target);
        socket.write(frameOf(frontend.password, password(target).reveal()));
        break;
      case authentication.md5:
        requireMethod(target, 'md5');
        socket.write(frameOf(frontend.password, md5Answer(target, body.bytes(4))));
        break;
      case authentication.sasl: {
        requireMethod(target, 'scram-sha-256');
        if (!text().split('\0').includes('SCRAM-SHA-256')) {
          throw new UpstreamError('authentication-not-allowed', 'the server offers no SCRAM-SHA-256');
        }
        scram = new ScramExchange(password(target));
        const first = Buffer.from(scram.first);
        socket.write(frameOf(frontend.password, 'SCRAM-SHA-256', int32(first.length), first));
        break;
      }
      case authentication.saslContinue:
        if (scram === null) throw new UpstreamError('protocol-violation', 'SASL continues before it began');
        socket.write(frameOf(frontend.password, Buffer.from(await scram.answer(text()))));
        break;
      case authentication.saslFinal:
        if (scram === null) throw new UpstreamError('protocol-violation', 'SASL ends before it began');
        scram.verify(text());
        break;
      default:
        throw new UpstreamError(
          'authentication-not-allowed',
          `the server asks for authentication method ${request}`,
        );
    }
  }
}

function requireMethod(target: PostgresTarget, method: PasswordMethod): void {
  if (!target.authentication.includes(method)) {
    throw new UpstreamError(
      'authentication-not-allowed',
      `the server asks for ${method}; the target's "authentication" allows ${target.authentication.join(', ')}`,
    );
  }
}

/** A clear password goes only to a server whose certificate was verified. */
function requireTls({ tls }: PostgresTarget): void {
  if (tls.mode !== 'verify-ca' && tls.mode !== 'verify-full') {
    throw new UpstreamError(
      'authentication-not-allowed',
      'the server asks for a clear password, which is sent only under tls mode verify-ca or verify-full',
    );
  }
}

function password(target: PostgresTarget): NonNullable<PostgresTarget['password']> {
  if (target.password === null) {
    throw new UpstreamError(
      'authentication-not-allowed',
      'the server asks for a password and the target has none',
    );
  }
  return target.password;
}

/** "md5" + md5(md5(password + user) + salt), in hex. */
function md5Answer(target: PostgresTarget, salt: Buffer): string {
  const md5 = (...parts: (string | Buffer)[]): string => {
    const hash = createHash('md5');
    for (const part of parts) hash.update(part);
    return hash.digest('hex');
  };
  return `md5${md5(md5(password(target).reveal(), target.user), salt)}`;
}

async function untilReady(bytes: ByteSource): Promise<Pick<Upstream, 'parameters' | 'cancelKey'>> {
  const parameters = new Map<string, string>();
  let cancelKey: CancelKey | null = null;
  for (;;) {
    const frame = await takeFrame(bytes);
    switch (frame[0]) {
      case backend.parameterStatus: {
        const { name, value } = readParameterStatus(frame);
        parameters.set(name, value);
        break;
      }
      case backend.backendKeyData:
        cancelKey = {
          processId: frame.readInt32BE(headerBytes),
          secret: Buffer.from(frame.subarray(headerBytes + 4)),
        };
        break;
      case backend.noticeResponse:
        break;
      case backend.errorResponse:
        throw refused(frame);
      case backend.readyForQuery:
        return { parameters, cancelKey };
      default:
        throw new UpstreamError('protocol-violation', `an unexpected message ${frame[0]} while starting up`);
    }
  }
}

function refused(frame: Buffer): UpstreamError {
  const fields = readMessageFields(frame);
  return new UpstreamError(
    'login-refused',
    `${fields.get('C') ?? '?????'}: ${fields.get('M') ?? 'no message'}`,
  );
}

/** Asks the target to cancel what this key's session runs. Sent at most once for each wish; nothing comes back. */
export async function cancelUpstream(target: PostgresTarget, key: CancelKey, clock: Clock): Promise<void> {
  const socket = await openSocket(target, clock, cancelDeadlineMs);
  await new Promise<void>((resolve, reject) => {
    const timer = clock.after(cancelDeadlineMs, () => socket.destroy());
    // The server closes once it has handled the request: then the cancel is on its way, and not before.
    socket.once('close', () => {
      timer.cancel();
      resolve();
    });
    socket.once('error', reject);
    socket.resume();
    socket.write(cancelRequest(key));
  });
}
