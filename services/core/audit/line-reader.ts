import { createHash, type Hash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { AuditError, systemCodeOf } from './errors.ts';
import { maxLineBytes, readChunkBytes } from './limits.ts';

/** A line of a file, without its line feed. */
export interface Line {
  /** From 1. */
  readonly number: number;
  /** Where it begins in the file. */
  readonly offset: number;
  readonly bytes: number;
  /** Null when it is longer than `maxLineBytes`. */
  readonly content: Buffer | null;
  /** False for what follows the last line feed of the file. */
  readonly terminated: boolean;
  sha256(): string;
}

/** Where to begin: the start of a line. */
export type LineStart = Pick<Line, 'number' | 'offset'>;

const lineFeed = 0x0a;
const fileStart: LineStart = { number: 1, offset: 0 };

/** Cuts a stream of chunks into lines, holding at most one line and one chunk. */
class LineCutter {
  #number: number;
  #offset: number;
  /** The beginning of a line whose end has not been seen; or, when it is too long, its hash. */
  #held: Buffer[] = [];
  #heldBytes = 0;
  #tooLong: Hash | null = null;

  constructor(from: LineStart) {
    this.#number = from.number;
    this.#offset = from.offset;
  }

  cut(chunk: Buffer): readonly Line[] {
    const lines: Line[] = [];
    let start = 0;
    for (let end = chunk.indexOf(lineFeed); end !== -1; end = chunk.indexOf(lineFeed, start)) {
      this.#hold(chunk.subarray(start, end));
      lines.push(this.#take(true));
      start = end + 1;
    }
    this.#hold(chunk.subarray(start));
    return lines;
  }

  /** What follows the last line feed; null when nothing does. */
  rest(): Line | null {
    return this.#heldBytes === 0 ? null : this.#take(false);
  }

  #hold(part: Buffer): void {
    if (part.length === 0) return;
    this.#heldBytes += part.length;
    if (this.#tooLong === null && this.#heldBytes > maxLineBytes) {
      this.#tooLong = createHash('sha256');
      for (const held of this.#held) this.#tooLong.update(held);
      this.#held = [];
    }
    if (this.#tooLong === null) this.#held.push(part);
    else this.#tooLong.update(part);
  }

  #take(terminated: boolean): Line {
    const [first] = this.#held;
    const whole = this.#held.length === 1 && first !== undefined ? first : Buffer.concat(this.#held);
    const content = this.#tooLong === null ? whole : null;
    const hash = this.#tooLong ?? null;
    const line: Line = {
      number: this.#number,
      offset: this.#offset,
      bytes: this.#heldBytes,
      content,
      terminated,
      sha256: () => (hash ?? createHash('sha256').update(whole)).digest('hex'),
    };
    this.#number += 1;
    this.#offset += this.#heldBytes + 1;
    this.#held = [];
    this.#heldBytes = 0;
    this.#tooLong = null;
    return line;
  }
}

/**
 * The lines of a file, by the chunk: a generator that gives single lines costs more than hashing them. Memory is
 * bounded, whatever is in the file.
 * @throws AuditError `unavailable`
 */
export async function* linesOf(
  path: string,
  from: LineStart = fileStart,
): AsyncGenerator<readonly Line[], void, undefined> {
  try {
    const file = await open(path, 'r');
    try {
      const cutter = new LineCutter(from);
      let position = from.offset;
      for (;;) {
        const chunk = Buffer.allocUnsafe(readChunkBytes);
        const { bytesRead } = await file.read(chunk, 0, chunk.length, position);
        if (bytesRead === 0) break;
        position += bytesRead;
        yield cutter.cut(chunk.subarray(0, bytesRead));
      }
      const rest = cutter.rest();
      if (rest !== null) yield [rest];
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (systemCodeOf(cause) === '') throw cause;
    throw new AuditError('unavailable', `${path} cannot be read (${systemCodeOf(cause)})`, { cause });
  }
}
