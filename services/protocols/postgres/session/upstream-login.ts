import { createHash } from 'node:crypto';
import type { ByteSource } from '../../byte-source.ts';
import type { PasswordMethod, PostgresTarget } from '../target.ts';
import { backend, frameOf, int32, readMessageFields, readParameterStatus } from '../wire/backend.ts';
import { BodyReader } from '../wire/body.ts';
import { headerBytes } from '../wire/frames.ts';
import { frontend } from '../wire/frontend.ts';
import { maxBackendFrameBytes } from '../wire/limits.ts';
import { type CancelKey, startupMessage } from '../wire/startup.ts';
import { serverEndPoint } from './channel-binding.ts';
import type { Dialed } from './dial.ts';
import { UpstreamError } from './errors.ts';
import { type Binding, ScramExchange } from './scram.ts';

/** What a server says of itself once it has let us in. */
export interface LoggedIn {
  readonly parameters: ReadonlyMap<string, string>;
  /** Null when the server gave none (some poolers). */
  readonly cancelKey: CancelKey | null;
}

/**
 * Logs in as the gateway. `parameters` are the session's start-up parameters beside user and database.
 * @throws UpstreamError, ByteSourceError
 */
export async function logIn(
  target: PostgresTarget,
  parameters: ReadonlyMap<string, string>,
  dialed: Dialed,
  bytes: ByteSource,
): Promise<LoggedIn> {
  dialed.socket.write(
    startupMessage(new Map([['user', target.user], ['database', target.database], ...parameters])),
  );
  await authenticate(target, dialed, bytes);
  return untilReady(bytes);
}

/** https://www.postgresql.org/docs/current/protocol-flow.html: AuthenticationRequest codes. */
const authentication = { ok: 0, cleartext: 3, md5: 5, sasl: 10, saslContinue: 11, saslFinal: 12 } as const;

async function authenticate(target: PostgresTarget, dialed: Dialed, bytes: ByteSource): Promise<void> {
  const { socket } = dialed;
  let scram: ScramExchange | null = null;
  let bound = false;
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
        // Who is let in without having proven that the server is the one of the certificate may be with anybody.
        if (!bound) refuseUnbound(target, 'the server let us in without it');
        return;
      case authentication.cleartext:
        refuseUnbound(target, 'the server asks for a clear password instead');
        requireMethod(target, 'password');
        requireTls(target);
        socket.write(frameOf(frontend.password, password(target).reveal()));
        break;
      case authentication.md5:
        refuseUnbound(target, 'the server asks for md5 instead');
        requireMethod(target, 'md5');
        socket.write(frameOf(frontend.password, md5Answer(target, body.bytes(4))));
        break;
      case authentication.sasl: {
        requireMethod(target, 'scram-sha-256');
        const { mechanism, binding } = chooseMechanism(target, dialed, text().split('\0'));
        scram = new ScramExchange(password(target), binding);
        const first = Buffer.from(scram.first);
        socket.write(frameOf(frontend.password, mechanism, int32(first.length), first));
        break;
      }
      case authentication.saslContinue:
        if (scram === null) throw new UpstreamError('protocol-violation', 'SASL continues before it began');
        socket.write(frameOf(frontend.password, Buffer.from(await scram.answer(text()))));
        break;
      case authentication.saslFinal:
        if (scram === null) throw new UpstreamError('protocol-violation', 'SASL ends before it began');
        scram.verify(text());
        bound = scram.bound;
        break;
      default:
        throw new UpstreamError(
          'authentication-not-allowed',
          `the server asks for authentication method ${request}`,
        );
    }
  }
}

const plain = 'SCRAM-SHA-256';
const plus = 'SCRAM-SHA-256-PLUS';

interface Mechanism {
  readonly mechanism: typeof plain | typeof plus;
  readonly binding: Binding;
}

/** As libpq chooses (fe-auth.c, pg_SASL_init; fe-auth-scram.c, build_client_first_message). */
function chooseMechanism(target: PostgresTarget, { secure }: Dialed, offered: readonly string[]): Mechanism {
  if (secure === null && offered.includes(plus)) {
    throw new UpstreamError(
      'protocol-violation',
      'the server offers channel binding on a connection without TLS: somebody in between has taken the TLS away',
    );
  }
  const wanted = secure !== null && target.tls.channelBinding !== 'disable';
  const certificate = wanted ? serverEndPoint(secure) : null;
  if (certificate !== null && offered.includes(plus)) {
    return { mechanism: plus, binding: { kind: 'used', certificate } };
  }
  refuseUnbound(
    target,
    secure === null
      ? 'the connection has no TLS'
      : certificate === null
        ? "the signature of the server's certificate has no hash to bind to"
        : 'the server does not offer SCRAM-SHA-256-PLUS',
  );
  if (!offered.includes(plain)) {
    throw new UpstreamError('authentication-not-allowed', 'the server offers no SCRAM-SHA-256');
  }
  // Said under the proof: a server that did offer it knows then that somebody in between has left it out.
  return { mechanism: plain, binding: { kind: certificate === null ? 'none' : 'not-offered' } };
}

/** @throws UpstreamError when the target requires channel binding */
function refuseUnbound({ tls }: PostgresTarget, why: string): void {
  if (tls.channelBinding === 'require') {
    throw new UpstreamError(
      'channel-binding-unavailable',
      `channel binding is required (tls.channelBinding), and ${why}`,
    );
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

async function untilReady(bytes: ByteSource): Promise<LoggedIn> {
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

const cannotConnectNow = '57P03';

/** An ErrorResponse as the error that it is for us. */
export function refused(frame: Buffer): UpstreamError {
  const fields = readMessageFields(frame);
  const sqlState = fields.get('C') ?? '?????';
  return new UpstreamError(
    sqlState === cannotConnectNow ? 'not-accepting' : 'login-refused',
    `${sqlState}: ${fields.get('M') ?? 'no message'}`,
  );
}

/** @throws UpstreamError, ByteSourceError */
export async function takeFrame(bytes: ByteSource): Promise<Buffer> {
  const header = await bytes.atLeast(headerBytes);
  const frameBytes = 1 + header.readUInt32BE(1);
  if (frameBytes < headerBytes || frameBytes > maxBackendFrameBytes) {
    throw new UpstreamError('protocol-violation', `the server sent a message of ${frameBytes} bytes`);
  }
  return bytes.take(frameBytes);
}
