import type { Duplex } from 'node:stream';
import { AdjacentPieces } from './adjacent-pieces.ts';

/** What is written to the client in one turn: a write for each row would cost more than the row. */
export class ClientOutput {
  readonly #socket: Duplex;
  readonly #pieces = new AdjacentPieces();

  constructor(socket: Duplex) {
    this.#socket = socket;
  }

  add(message: Buffer): void {
    this.#pieces.add(message);
  }

  /** False when the client is slow to take it: the server is then not read on. */
  flush(): boolean {
    const bytes = this.#pieces.take();
    return bytes === null || this.#socket.write(bytes);
  }
}
