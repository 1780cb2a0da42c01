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
  /** Chunks not yet given out; only the first may have been given out in part. */
  #chunks: Buffer[] = [];
  #offset = 0;
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
    this.#chunks.push(chunk);
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
    const first = this.#chunks[0] ?? nothing;
    if (first.length - this.#offset >= headerBytes) return first.readUInt32BE(this.#offset + 1);
    // The header is split over chunks: rare, so a copy of all that waits is cheap enough and keeps one way to read.
    this.#join();
    return (this.#chunks[0] ?? nothing).readUInt32BE(1);
  }

  #take(count: number): Buffer {
    let first = this.#chunks[0] ?? nothing;
    if (first.length - this.#offset < count) {
      this.#join();
      first = this.#chunks[0] ?? nothing;
    }
    const frame = first.subarray(this.#offset, this.#offset + count);
    this.#offset += count;
    this.#bytes -= count;
    if (this.#offset === first.length) {
      this.#chunks.shift();
      this.#offset = 0;
    }
    return frame;
  }

  /** Called only when a whole message has arrived, or its header has not: so each byte is copied at most twice. */
  #join(): void {
    const [first = nothing, ...others] = this.#chunks;
    this.#chunks = [Buffer.concat([first.subarray(this.#offset), ...others])];
    this.#offset = 0;
  }
}
