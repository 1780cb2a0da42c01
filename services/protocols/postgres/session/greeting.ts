import type { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Clock } from '../../../core/model/clock.ts';
import { SallyportError } from '../../../core/model/errors.ts';
import { ByteSource } from '../../byte-source.ts';
import type { ListenerTls } from '../../protocol.ts';
import { type CancelKey, readStartupPacket, startupPacketBytes } from '../wire/startup.ts';
import { loginDeadlineMs } from './limits.ts';

export type GreetingErrorCode =
  /** Bytes behind SSLRequest or GSSENCRequest, a second one, TLS within TLS. */
  | 'protocol-violation'
  | 'tls-required'
  | 'tls-failed'
  /** The client showed a certificate that the listener's CA did not issue, or that is out of date. */
  | 'certificate-unverified'
  | 'wrong-alpn';

/** The start-up went wrong before anybody said who they are. */
export class GreetingError extends SallyportError<GreetingErrorCode> {}

/** A client that has said what it wants, on the connection on which it will go on. */
export interface Greeting {
  readonly socket: Socket;
  readonly bytes: ByteSource;
  readonly encrypted: boolean;
  /** TLS server name (RFC 6066), when the client sent one. */
  readonly serverName: string | null;
  /** Verified by TLS; null when the client showed none. */
  readonly certificate: X509Certificate | null;
  readonly packet:
    | { readonly kind: 'cancel'; readonly key: CancelKey }
    | { readonly kind: 'startup'; readonly minor: number; readonly parameters: ReadonlyMap<string, string> };
}

/** ALPN of direct TLS: without it, another protocol's TLS client could be led here (cross-protocol attacks). */
const alpnName = 'postgresql';

/** The first byte of a TLS record that holds a handshake; no start-up packet's length begins so. */
const tlsHandshake = 0x16;

/**
 * Everything up to the StartupMessage or CancelRequest. TLS is ours to end, since only so server name and certificate are seen. `secured` is
 * told of it at once: what is said from then on, errors too, is said in it.
 * @throws GreetingError, WireError, ByteSourceError
 */
export async function greet(
  plain: Socket,
  tls: ListenerTls | null,
  clock: Clock,
  secured: (socket: Socket) => void,
): Promise<Greeting> {
  let bytes = new ByteSource(plain, clock, loginDeadlineMs);
  let socket = plain;
  let refusedGss = false;
  let secure: TLSSocket | null = null;
  let refusedTls = false;
  try {
    for (;;) {
      if ((await bytes.atLeast(1))[0] === tlsHandshake) {
        if (secure !== null || tls === null) {
          throw new GreetingError('protocol-violation', 'TLS is not expected here');
        }
        plain.unshift(bytes.release());
        secure = await startTls(plain, tls, clock);
        secured(secure);
        if (secure.alpnProtocol !== alpnName) {
          throw new GreetingError('wrong-alpn', `direct TLS needs the ALPN protocol "${alpnName}"`);
        }
        socket = secure;
        bytes = new ByteSource(secure, clock, loginDeadlineMs);
        continue;
      }
      const length = startupPacketBytes(await bytes.atLeast(4)) ?? 0;
      const packet = readStartupPacket(await bytes.take(length));
      switch (packet.kind) {
        case 'ssl-request':
          // Plain bytes behind it would be read as if they had come under TLS (CVE-2021-23214).
          if (secure !== null || refusedTls || bytes.waiting > 0) {
            throw new GreetingError(
              'protocol-violation',
              'SSLRequest comes once, first, and with nothing behind it',
            );
          }
          if (tls === null) {
            refusedTls = true;
            plain.write('N');
            break;
          }
          bytes.release();
          plain.write('S');
          secure = await startTls(plain, tls, clock);
          secured(secure);
          socket = secure;
          bytes = new ByteSource(secure, clock, loginDeadlineMs);
          break;
        case 'gss-request':
          if (secure !== null || refusedGss || bytes.waiting > 0) {
            throw new GreetingError(
              'protocol-violation',
              'GSSENCRequest comes once and with nothing behind it',
            );
          }
          refusedGss = true;
          plain.write('N');
          break;
        case 'cancel':
        case 'startup':
          return {
            socket,
            bytes,
            encrypted: secure !== null,
            serverName: typeof secure?.servername === 'string' ? secure.servername : null,
            certificate: secure === null ? null : verifiedPeer(secure),
            packet,
          };
      }
    }
  } catch (error) {
    bytes.release();
    throw error;
  }
}

function startTls(plain: Socket, tls: ListenerTls, clock: Clock): Promise<TLSSocket> {
  const secure = new TLSSocket(plain, {
    isServer: true,
    secureContext: tls.context,
    requestCert: tls.clientCertificates,
    // A client without a certificate may still bring a token; one with a bad certificate is refused when it is read.
    rejectUnauthorized: false,
    ALPNProtocols: [alpnName],
  });
  return new Promise((resolve, reject) => {
    const timer = clock.after(loginDeadlineMs, () =>
      finish(new Error('the handshake was not complete in time')),
    );
    const finish = (error: Error | null): void => {
      timer.cancel();
      secure.off('secure', done).off('_tlsError', finish).off('close', closed);
      if (error === null) return resolve(secure);
      secure.destroy();
      reject(
        new GreetingError('tls-failed', `TLS with the client failed: ${error.message}`, { cause: error }),
      );
    };
    const done = (): void => finish(null);
    const closed = (): void => finish(new Error('the client closed the connection'));
    // A bare server-side TLSSocket tells of its handshake by `secure` and `_tlsError`, as tls.Server itself listens for them.
    secure.once('secure', done).once('_tlsError', finish).once('close', closed).on('error', finish);
  });
}

/**
 * OpenSSL's own verdict on the client's certificate: what tls.Server asks when a handshake ends (lib/internal/tls/wrap.js), and
 * for which a TLSSocket without a server has no public name.
 */
interface VerifyingHandle {
  readonly _handle: { verifyError(): Error | null };
}

function verifiedPeer(secure: TLSSocket): X509Certificate | null {
  const peer = secure.getPeerX509Certificate();
  if (peer === undefined) return null;
  // The cast is to the undocumented field above; if it ever goes, this throws, and nobody gets in by certificate.
  const fault = (secure as unknown as VerifyingHandle)._handle.verifyError();
  if (fault === null || fault === undefined) return peer;
  throw new GreetingError(
    'certificate-unverified',
    `the client certificate does not verify: ${fault.message}`,
  );
}
