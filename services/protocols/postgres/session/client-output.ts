import type { Duplex } from 'node:stream';

/**
 * What is written to the client in one turn: messages that lie next to each other in memory go out as one piece, since most
 * of what a server sends passes unchanged and a write for each row would cost more than the row.
 */
export class ClientOutput {
  readonly #socket: Duplex;
  #pieces: Buffer[] = [];
  /** The memory of the piece that may grow yet, and where in it the piece lies. */
  #memory: ArrayBufferLike | null = null;
  #start = 0;
  #end = 0;

  constructor(socket: Duplex) {
    this.#socket = socket;
  }

  add(message: Buffer): void {
    const { buffer, byteOffset, byteLength } = message;
    if (buffer === this.#memory && byteOffset === this.#end) {
      this.#end += byteLength;
      return;
    }
    if (this.#memory !== null) this.#pieces.push(this.#piece(this.#memory));
    this.#memory = buffer;
    this.#start = byteOffset;
    this.#end = byteOffset + byteLength;
  }

  /** False when the client is slow to take it: the server is then not read on. */
  flush(): boolean {
    if (this.#memory === null) return true;
    const last = this.#piece(this.#memory);
    this.#memory = null;
    if (this.#pieces.length === 0) return this.#socket.write(last);
    const pieces = this.#pieces;
    this.#pieces = [];
    pieces.push(last);
    // One copy is cheaper than a system call's vector of many small pieces.
    return this.#socket.write(Buffer.concat(pieces));
  }

  #piece(memory: ArrayBufferLike): Buffer {
    return Buffer.from(memory, this.#start, this.#end - this.#start);
  }
}
