/** A PostgreSQL server that has been taken over: the real one, and between it and the gateway somebody who lays messages in. */
import { connect, createServer, type Socket } from 'node:net';

export class HostileTarget implements AsyncDisposable {
  readonly port: number;
  /** Said to the next connection instead of all that the real server would say. */
  greeting: Buffer | null = null;
  /** Put before the next bytes that the server sends to a client's session. */
  before: Buffer | null = null;
  /** Put in their place. */
  instead: Buffer | null = null;
  /** What the gateway has sent to a server with a greeting of its own. */
  readonly heard: Buffer[] = [];
  readonly #close: () => Promise<void>;
  /** The gateway's side of the newest connection that is a client's session. */
  #session: Socket | null = null;

  private constructor(port: number, close: () => Promise<void>) {
    this.port = port;
    this.#close = close;
  }

  static async start(serverPort: number): Promise<HostileTarget> {
    const sockets = new Set<Socket>();
    const server = createServer((gateway) => {
      sockets.add(gateway);
      gateway.on('error', () => gateway.destroy());
      target.#accept(gateway, serverPort, sockets);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
    const target: HostileTarget = new HostileTarget(address.port, async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    });
    return target;
  }

  /** Says this to the newest session, unasked. */
  say(bytes: Buffer): void {
    this.#session?.write(bytes);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#close();
  }

  #accept(gateway: Socket, serverPort: number, sockets: Set<Socket>): void {
    const { greeting } = this;
    if (greeting !== null) {
      gateway.once('data', () => {
        gateway.write(greeting);
        gateway.on('data', (chunk: Buffer) => this.heard.push(chunk));
      });
      return;
    }
    const server = connect(serverPort, '127.0.0.1');
    sockets.add(server);
    gateway.once('data', (startup: Buffer) => {
      if (!startup.includes('sallyport catalog')) this.#session = gateway;
    });
    gateway.on('data', (chunk: Buffer) => server.write(chunk));
    server.on('data', (chunk: Buffer) => gateway.write(this.#altered(gateway, chunk)));
    server.on('error', () => server.destroy());
    server.on('close', () => gateway.destroy());
    gateway.on('close', () => server.destroy());
  }

  #altered(gateway: Socket, chunk: Buffer): Buffer {
    if (gateway !== this.#session) return chunk;
    const { before, instead } = this;
    this.before = null;
    this.instead = null;
    return Buffer.concat([before ?? Buffer.alloc(0), instead ?? chunk]);
  }
}
