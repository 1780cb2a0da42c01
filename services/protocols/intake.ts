/**
 * Where connections enter a gateway process: one unix socket a TCP listener, to which Envoy connects with a PROXY protocol
 * v2 header before the client's bytes. The header is read and taken off here; engines see the client alone.
 *
 * https://www.haproxy.org/download/2.8/doc/proxy-protocol.txt, section 2.2
 */
import { chmod } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { canonicalIp, type SourceAddress } from '../core/model/address.ts';
import type { Clock } from '../core/model/clock.ts';
import { messageOf, SallyportError } from '../core/model/errors.ts';
import type { ListenerName } from '../core/model/ids.ts';
import type { Logger } from '../core/model/log.ts';
import { ByteSource, ByteSourceError } from './byte-source.ts';
import { probeAnswer } from './probe.ts';
import type { ConnectionEngine } from './protocol.ts';
import { clearStaleSocket } from './unix-socket.ts';

export class ProxyHeaderError extends SallyportError<'not-a-proxy-header' | 'no-address'> {}

const signature = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
const fixedBytes = 16;

/** Envoy sends addresses and a few TLVs; more than this is not Envoy. */
const maxHeaderBytes = 2048;

/** Envoy writes the header at once; a connection that takes longer is not Envoy's. */
const headerDeadlineMs = 5_000;

/**
 * Connections that may wait to be accepted. To one more, connect() fails at once on a unix socket, and Envoy takes the engine for dead:
 * with Node's own 511 a burst of connections did that. Linux cuts it to net.core.somaxconn, 4096 since 5.4.
 */
const backlog = 4_096;

interface ProxyHeader {
  /** `local` is a connection of the proxy's own, without a client behind it. */
  readonly command: 'local' | 'proxy';
  readonly source: SourceAddress | null;
}

/** @throws ProxyHeaderError, ByteSourceError */
async function takeProxyHeader(bytes: ByteSource): Promise<ProxyHeader> {
  const fixed = await bytes.take(fixedBytes);
  const length = fixed.readUInt16BE(14);
  const versionAndCommand = fixed.readUInt8(12);
  if (!fixed.subarray(0, 12).equals(signature) || versionAndCommand >> 4 !== 2 || length > maxHeaderBytes) {
    throw new ProxyHeaderError('not-a-proxy-header', 'the connection does not begin with a PROXY v2 header');
  }
  const rest = await bytes.take(length);
  const command = (versionAndCommand & 0x0f) === 1 ? 'proxy' : 'local';
  return { command, source: sourceOf(fixed.readUInt8(13), rest) };
}

/** High nibble: 1 IPv4, 2 IPv6; low nibble: 1 stream. Addresses are source, destination, source port, destination port. */
function sourceOf(familyAndTransport: number, addresses: Buffer): SourceAddress | null {
  if (familyAndTransport === 0x11 && addresses.length >= 12) {
    return { ip: [...addresses.subarray(0, 4)].join('.'), port: addresses.readUInt16BE(8) };
  }
  if (familyAndTransport === 0x21 && addresses.length >= 36) {
    return { ip: ipv6Text(addresses.subarray(0, 16)), port: addresses.readUInt16BE(32) };
  }
  return null;
}

function ipv6Text(bytes: Buffer): string {
  const mapped = bytes.subarray(0, 10).every((byte) => byte === 0) && bytes.readUInt16BE(10) === 0xffff;
  if (mapped) return [...bytes.subarray(12)].join('.');
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2).toString(16));
  // URL's parser gives the canonical form of RFC 5952.
  return canonicalIp(new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1));
}

export interface Intake {
  /** Takes no more connections. Those that an engine has go on, and are the engine's to end. */
  close(): void;
}

export interface IntakeParts {
  readonly path: string;
  readonly listener: ListenerName;
  readonly engine: ConnectionEngine;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Listens on the socket of one listener and hands every client to its engine. @throws SocketError */
export async function openIntake(parts: IntakeParts): Promise<Intake> {
  const waiting = new Set<Socket>();
  const server = createServer({ noDelay: true, pauseOnConnect: true }, (socket) => {
    waiting.add(socket);
    void receive(parts, socket).finally(() => waiting.delete(socket));
  });
  await clearStaleSocket(parts.path);
  await listen(server, parts.path);
  await chmod(parts.path, 0o600);
  return {
    close() {
      server.close();
      for (const socket of waiting) socket.destroy();
    },
  };
}

const listen = (server: Server, path: string): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ path, backlog }, () => {
      server.off('error', reject);
      resolve();
    });
  });

async function receive({ listener, engine, clock, log }: IntakeParts, socket: Socket): Promise<void> {
  const bytes = new ByteSource(socket, clock, headerDeadlineMs);
  try {
    const { command, source } = await takeProxyHeader(bytes);
    const rest = bytes.release();
    if (command === 'local') return answerProbe(socket);
    if (source === null) throw new ProxyHeaderError('no-address', 'the PROXY header names no IP address');
    if (rest.length > 0) socket.unshift(rest);
    engine.accept({ socket, source, listener });
  } catch (error) {
    bytes.release();
    socket.destroy();
    // Envoy's health check connects and closes without a byte: a probe, not worth a line.
    const probe = error instanceof ByteSourceError && error.code === 'closed' && bytes.waiting === 0;
    if (!probe) log.warn({ listener, error: messageOf(error) }, 'a connection without a usable PROXY header');
  }
}

function answerProbe(socket: Socket): void {
  // Envoy gives up on a probe that was answered too late, as on a machine that is busy, and makes another one.
  socket.on('error', () => socket.destroy());
  socket.end(probeAnswer);
}
