import { FrameReader } from '../wire/frames.ts';
import { frontend } from '../wire/frontend.ts';
import { maxFrontendFrameBytes } from '../wire/limits.ts';

/**
 * The client's messages, in order. While a statement waits for a person, those behind it are cut off the stream already: not to
 * act on them, but to hear the client's goodbye, which may come without the end of the connection.
 */
export class ClientFrames {
  readonly #reader = new FrameReader(maxFrontendFrameBytes);
  #ahead: Buffer[] = [];
  #aheadTaken = 0;
  #aheadBytes = 0;

  get bufferedBytes(): number {
    return this.#aheadBytes + this.#reader.bufferedBytes;
  }

  push(chunk: Buffer): void {
    this.#reader.push(chunk);
  }

  /** The next whole message, or null when it has not fully arrived. @throws WireError */
  next(): Buffer | null {
    const frame = this.#ahead[this.#aheadTaken];
    if (frame === undefined) return this.#reader.next();
    this.#aheadTaken += 1;
    this.#aheadBytes -= frame.length;
    if (this.#aheadTaken === this.#ahead.length) {
      this.#ahead = [];
      this.#aheadTaken = 0;
    }
    return frame;
  }

  /** Reads ahead as far as whole messages have arrived: whether one of them is Terminate. @throws WireError */
  endsInGoodbye(): boolean {
    for (let frame = this.#reader.next(); frame !== null; frame = this.#reader.next()) {
      this.#ahead.push(frame);
      this.#aheadBytes += frame.length;
      if (frame[0] === frontend.terminate) return true;
    }
    return false;
  }
}
