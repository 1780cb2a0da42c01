import { WireError } from './errors.ts';

/** Type byte and Int32 length (which counts itself but not the type byte): every message after start-up begins so. */
export const headerBytes = 5;

const nothing = Buffer.alloc(0);

/**
 * Cuts a byte stream into whole messages, wherever it was split: push what the socket gave, then call `next` until it
 * gives null. Lengths are checked before anything is kept for them. A frame is a view of the pushed chunk where it lies within
 * one, so frames that follow each other on the wire lie next to each other in memory.
 *
 * https://www.postgresql.org/docs/current/protocol-message-formats.html
 */
export class FrameReader {
  readonly #maxFrameBytes: number;
  /** The chunk that messages are cut from, given out up to the offset, and those that came behind it. */
  #first: Buffer = nothing;
  #offset = 0;
  #others: Buffer[] = [];
  #bytes = 0;

  constructor(maxFrameBytes: number) {
    this.#maxFrameBytes = maxFrameBytes;
  }

  /** How many bytes wait here, of whole and of unfinished messages. */
  get bufferedBytes(): number {
    return this.#bytes;
  }

  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    if (this.#bytes > 0) this.#others.push(chunk);
    else {
      this.#first = chunk;
      this.#offset = 0;
    }
    this.#bytes += chunk.length;
  }

  /**
   * The next whole message with its header, or null when it has not fully arrived.
   * @throws WireError `impossible-length`, `frame-too-long`
   */
  next(): Buffer | null {
    if (this.#bytes < headerBytes) return null;
    const frameBytes = 1 + this.#lengthWord();
    if (frameBytes < headerBytes) {
      throw new WireError('impossible-length', `a message claims a length of ${frameBytes - 1} bytes`);
    }
    if (frameBytes > this.#maxFrameBytes) {
      const most = this.#maxFrameBytes;
      throw new WireError('frame-too-long', `a message of ${frameBytes} bytes is over the limit of ${most}`);
    }
    return this.#bytes < frameBytes ? null : this.#take(frameBytes);
  }

  /** Everything that waits, as one buffer; the reader is empty afterwards. */
  takeRest(): Buffer {
    return this.#bytes === 0 ? nothing : this.#take(this.#bytes);
  }

  #lengthWord(): number {
    // A header that is split over chunks is rare, so a copy of all that waits is cheap enough and keeps one way to read.
    if (this.#first.length - this.#offset < headerBytes) this.#join();
    return this.#first.readUInt32BE(this.#offset + 1);
  }

  #take(count: number): Buffer {
    if (this.#first.length - this.#offset < count) this.#join();
    const frame = this.#first.subarray(this.#offset, this.#offset + count);
    this.#offset += count;
    this.#bytes -= count;
    if (this.#offset === this.#first.length) {
      this.#first = this.#others.length === 0 ? nothing : (this.#others.shift() ?? nothing);
      this.#offset = 0;
    }
    return frame;
  }

  /** Called only when a whole message has arrived, or its header has not: so each byte is copied at most twice. */
  #join(): void {
    this.#first = Buffer.concat([this.#first.subarray(this.#offset), ...this.#others]);
    this.#offset = 0;
    this.#others = [];
  }
}
