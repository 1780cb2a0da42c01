import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** A TCP client that remembers what it got. */
export class TcpClient {
  readonly socket: Socket;
  /** Resolves when the connection has ended, however it did. */
  readonly closed: Promise<void>;
  received = '';

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      this.received += text;
    });
    // A connection that is refused may also be reset: for the client both are its end.
    socket.on('error', () => socket.destroy());
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
  }

  static async connect(port: number): Promise<TcpClient> {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    return new TcpClient(socket);
  }

  get localPort(): number {
    return this.socket.localPort ?? 0;
  }

  send(text: string): void {
    this.socket.write(text, 'latin1');
  }

  /** What has been received, once it is that many bytes; what there is, when the connection ends before. */
  async reads(bytes: number): Promise<string> {
    const more = (): Promise<void> => new Promise((resolve) => this.socket.once('data', () => resolve()));
    while (this.received.length < bytes && !this.socket.destroyed) await Promise.race([more(), this.closed]);
    return this.received;
  }

  close(): Promise<void> {
    this.socket.destroy();
    return this.closed;
  }
}

/** Connects, says something, and tells whether an answer came: whether the door is open. */
export async function isServed(port: number): Promise<boolean> {
  const client = await TcpClient.connect(port);
  client.send('hello');
  const answer = await client.reads(5);
  await client.close();
  return answer === 'hello';
}
