import type { Duplex } from 'node:stream';

/**
 * What is written to the client in one turn: messages that lie next to each other in memory go out as one piece, since most
 * of what a server sends passes unchanged and a write for each row would cost more than the row.
 */
export class ClientOutput {
  readonly #socket: Duplex;
  #pieces: Buffer[] = [];
  #last: Buffer | null = null;

  constructor(socket: Duplex) {
    this.#socket = socket;
  }

  add(message: Buffer): void {
    const last = this.#last;
    const follows =
      last !== null &&
      last.buffer === message.buffer &&
      last.byteOffset + last.byteLength === message.byteOffset;
    if (!follows) {
      if (last !== null) this.#pieces.push(last);
      this.#last = message;
      return;
    }
    this.#last = Buffer.from(last.buffer, last.byteOffset, last.byteLength + message.byteLength);
  }

  /** False when the client is slow to take it: the server is then not read on. */
  flush(): boolean {
    const last = this.#last;
    if (last === null) return true;
    this.#last = null;
    if (this.#pieces.length === 0) return this.#socket.write(last);
    const pieces = this.#pieces;
    this.#pieces = [];
    pieces.push(last);
    // Masked rows are many small pieces: one copy is cheaper than a system call's vector of hundreds.
    return this.#socket.write(Buffer.concat(pieces));
  }
}
