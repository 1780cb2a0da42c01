/** Somebody between the gateway and a real server: a pooler, or a man in the middle. */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls, createSecureContext, TLSSocket } from 'node:tls';
import { requestPacket, sslRequestCode } from '../../../../services/protocols/postgres/wire/startup.ts';
import type { KeyPair } from '../../../servers/certificates.ts';

export interface Between {
  readonly port: number;
  /** Connections that have come so far. */
  readonly connections: number;
  stop(): Promise<void>;
}

export interface BetweenOptions {
  readonly server: { readonly port: number };
  /** Ends the gateway's TLS with this certificate. */
  readonly tls?: KeyPair;
  /** Speaks TLS with the server. */
  readonly tlsToServer?: boolean;
  /** Changes a message of the server's; null drops it. */
  readonly change?: (frame: Buffer) => Buffer | null;
}

export async function standBetween(options: BetweenOptions): Promise<Between> {
  const sockets = new Set<Socket>();
  let connections = 0;
  const listening = createServer((socket) => {
    connections += 1;
    sockets.add(socket);
    // A side that goes takes the other one with it; nobody asks why.
    void join(socket, options, sockets).catch(() => socket.destroy());
  }).listen(0, '127.0.0.1');
  await once(listening, 'listening');
  const address = listening.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  return {
    port: address.port,
    get connections() {
      return connections;
    },
    async stop() {
      const closed = once(listening, 'close');
      listening.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

async function join(downstream: Socket, options: BetweenOptions, sockets: Set<Socket>): Promise<void> {
  const upstream = connect(options.server.port, '127.0.0.1');
  sockets.add(upstream);
  for (const [one, other] of [
    [downstream, upstream],
    [upstream, downstream],
  ] as const) {
    one.on('error', () => other.destroy()).on('close', () => other.destroy());
  }
  const client = options.tls === undefined ? downstream : await endTls(downstream, options.tls);
  const server = options.tlsToServer ? await startTls(upstream) : upstream;
  client.pipe(server);
  relay(server, client, options.change ?? ((frame) => frame));
}

async function endTls(socket: Socket, { certificate, key }: KeyPair): Promise<Duplex> {
  await once(socket, 'readable');
  socket.read();
  socket.write('S');
  const secureContext = createSecureContext({ cert: certificate, key });
  return new TLSSocket(socket, { isServer: true, secureContext }).on('error', () => socket.destroy());
}

async function startTls(socket: Socket): Promise<Duplex> {
  socket.write(requestPacket(sslRequestCode));
  await once(socket, 'readable');
  socket.read();
  return connectTls({ socket, rejectUnauthorized: false }).on('error', () => socket.destroy());
}

function relay(from: Duplex, to: Duplex, change: (frame: Buffer) => Buffer | null): void {
  let bytes: Buffer = Buffer.alloc(0);
  from.on('data', (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk]);
    while (bytes.length >= 5 && bytes.length >= 1 + bytes.readUInt32BE(1)) {
      const end = 1 + bytes.readUInt32BE(1);
      const changed = change(bytes.subarray(0, end));
      bytes = bytes.subarray(end);
      if (changed !== null) to.write(changed);
    }
  });
}
