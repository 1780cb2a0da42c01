/** Bytes that are kept back from one chunk to the next, however many chunks they come in. */
export class HeldBytes {
  #space = Buffer.alloc(0);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  append(bytes: Buffer): void {
    const wanted = this.#length + bytes.length;
    if (wanted > this.#space.length) {
      // Doubled, since a value may come byte by byte.
      const space = Buffer.allocUnsafe(Math.max(wanted, 2 * this.#space.length));
      this.#space.copy(space, 0, 0, this.#length);
      this.#space = space;
    }
    bytes.copy(this.#space, this.#length);
    this.#length = wanted;
  }

  /** All of them, which are held no more. */
  take(): Buffer {
    const taken = this.#space.subarray(0, this.#length);
    this.#space = Buffer.alloc(0);
    this.#length = 0;
    return taken;
  }
}
