import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { probeAnswer } from '../../services/protocols/probe.ts';

/** One connection that an engine has taken, as it came out of Envoy. */
export interface EngineConnection {
  readonly socket: Socket;
  /** Everything that has come in so far, the PROXY header included. */
  received: Buffer;
}

/** A session engine that says what has happened to it. */
export interface Engine {
  /** Connections that brought at least a byte and were no health check of Envoy's. */
  readonly sessions: readonly EngineConnection[];
  /** Connections of any kind. */
  readonly accepted: number;
  /** Resolves when that many connections of any kind have come. */
  acceptedAtLeast(count: number): Promise<void>;
  close(): Promise<void>;
}

export interface EngineOptions {
  readonly path: string;
  /** Sent to whoever connects, at once, as a server would that speaks first. */
  readonly greeting?: string;
}

/** Echoes what comes after the PROXY header. */
export async function startEngine({ path, greeting }: EngineOptions): Promise<Engine> {
  const sessions: EngineConnection[] = [];
  const sockets = new Set<Socket>();
  let accepted = 0;
  const server = createServer((socket) => {
    accepted += 1;
    server.emit('accepted');
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    if (greeting !== undefined) socket.write(greeting);
    const session: EngineConnection = { socket, received: Buffer.alloc(0) };
    let probe = false;
    socket.on('data', (data) => {
      if (probe) return;
      // What it says behind its header may come by itself.
      probe = isProbe(session.received, data);
      if (probe) {
        socket.end(probeAnswer);
        return;
      }
      if (session.received.length === 0) sessions.push(session);
      const echoed = Math.max(session.received.length, proxyHeaderBytes);
      session.received = Buffer.concat([session.received, data]);
      socket.write(session.received.subarray(echoed));
    });
  });
  server.listen(path);
  await once(server, 'listening');
  return {
    sessions,
    get accepted() {
      return accepted;
    },
    async acceptedAtLeast(count) {
      while (accepted < count) await once(server, 'accepted');
    },
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** The first bytes are a PROXY v2 header that says LOCAL: a connection of Envoy's own. */
const isProbe = (received: Buffer, data: Buffer): boolean => received.length === 0 && data[12] === 0x20;

/** A PROXY protocol v2 header for TCP over IPv4 without TLVs (the specification's section 2.2). */
export const proxyHeaderBytes = 28;

export function readProxyHeader(bytes: Buffer): { readonly ip: string; readonly port: number } {
  const start = bytes.subarray(0, 16).toString('hex');
  if (start !== '0d0a0d0a000d0a515549540a2111000c') throw new Error(`no PROXY v2 header for TCP: ${start}`);
  return { ip: [...bytes.subarray(16, 20)].join('.'), port: bytes.readUInt16BE(24) };
}
