/**
 * Messages that go out together. Those that lie next to each other in memory are one piece: most of what passes is not changed, and
 * lies as it came.
 */
export class AdjacentPieces {
  #pieces: Buffer[] = [];
  /** The memory of the piece that may grow yet, and where in it the piece lies. */
  #memory: ArrayBufferLike | null = null;
  #start = 0;
  #end = 0;

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

  /** All that was added, as one; null when there is nothing. */
  take(): Buffer | null {
    if (this.#memory === null) return null;
    const last = this.#piece(this.#memory);
    this.#memory = null;
    if (this.#pieces.length === 0) return last;
    const pieces = this.#pieces;
    this.#pieces = [];
    pieces.push(last);
    // One copy is cheaper than a system call's vector of many small pieces.
    return Buffer.concat(pieces);
  }

  #piece(memory: ArrayBufferLike): Buffer {
    return Buffer.from(memory, this.#start, this.#end - this.#start);
  }
}
