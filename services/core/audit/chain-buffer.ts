import { storedText } from './json-line.ts';
import { type ChainPlace, hashText, headText, previousText, recordHash, uncoveredBytes } from './record.ts';

const lineFeed = 0x0a;
/** The parts of one of our own lines. */
const linePattern = /^\{"seq":[0-9]+,"at":"([^"]*)",(.*),"prev":"[0-9a-f]{64}","hash":"[0-9a-f]{64}"\}$/s;

/**
 * Records on their way to the disk: chained, hashed, and laid out as the bytes of their lines, in one buffer that is
 * written with one system call and used again. No I/O happens here.
 */
export class ChainBuffer {
  readonly #bytes: Buffer;
  /** The record before the first byte of the buffer. */
  #base: ChainPlace;
  #last: ChainPlace;
  /** What is before it has been written. */
  #start = 0;
  #end = 0;
  /** Lines that are chained and not yet in the buffer: many are laid out at once, for the price of one. */
  #lines = '';
  #linesBytes = 0;

  constructor(capacityBytes: number, last: ChainPlace) {
    this.#bytes = Buffer.allocUnsafeSlow(capacityBytes);
    this.#base = last;
    this.#last = last;
  }

  /** The newest record, written or not. */
  get last(): ChainPlace {
    return this.#last;
  }

  get pendingBytes(): number {
    return this.#end - this.#start + this.#linesBytes;
  }

  /** The bytes to be written next. Valid until the next call of anything here. */
  get pending(): Uint8Array {
    this.#layOut();
    return this.#bytes.subarray(this.#start, this.#end);
  }

  /** Adds a record. `members` are those of its JSON object, without the braces. False when there is no room: then nothing was added. */
  push(at: string, members: string): boolean {
    const { seq, hash } = this.#last;
    const covered = storedText(`${headText(seq + 1, at)},${members}${previousText(hash)}`);
    const bytes = covered.bytes + uncoveredBytes + 1;
    if (this.#end + this.#linesBytes + bytes > this.#bytes.length) return false;
    const ownHash = recordHash(covered.text);
    this.#lines += covered.text + hashText(ownHash);
    this.#linesBytes += bytes;
    this.#last = { seq: seq + 1, hash: ownHash };
    return true;
  }

  #layOut(): void {
    if (this.#linesBytes === 0) return;
    const encoding = this.#lines.length === this.#linesBytes ? 'latin1' : 'utf8';
    this.#end += this.#bytes.write(this.#lines, this.#end, encoding);
    this.#lines = '';
    this.#linesBytes = 0;
  }

  /** `bytes` of `pending` have reached the kernel. */
  wrote(bytes: number): void {
    this.#start += bytes;
    if (this.pendingBytes === 0) this.#restart(this.#last);
  }

  /**
   * The last record that was written whole, and how many bytes of the next one were written after it.
   */
  written(): { readonly place: ChainPlace; readonly tornBytes: number } {
    const boundary = this.#boundary();
    let place = this.#base;
    for (const line of this.#linesBetween(0, boundary)) {
      place = { seq: place.seq + 1, hash: recordedHash(line) };
    }
    return { place, tornBytes: this.#start - boundary };
  }

  /**
   * Lays out everything that was not written whole once more, behind another record: a new segment's header has come
   * between. Checkpoints are left out, as they sign what their records no longer are. Returns how many records found
   * no room, which is so only when numbers gained a digit.
   */
  rechain(place: ChainPlace): number {
    this.#layOut();
    const lines = this.#linesBetween(this.#boundary(), this.#end);
    this.#restart(place);
    let dropped = 0;
    for (const line of lines) {
      const [, at = '', members = ''] = linePattern.exec(line) ?? [];
      if (members.startsWith('"kind":"checkpoint"')) continue;
      if (!this.push(at, members)) dropped += 1;
    }
    return dropped;
  }

  /** Where the first record begins that was not written whole. */
  #boundary(): number {
    return this.#start === 0 ? 0 : this.#bytes.lastIndexOf(lineFeed, this.#start - 1) + 1;
  }

  #linesBetween(start: number, end: number): readonly string[] {
    // The last line's line feed leaves an empty string at the end.
    return this.#bytes.toString('utf8', start, end).split('\n').slice(0, -1);
  }

  #restart(place: ChainPlace): void {
    this.#base = place;
    this.#last = place;
    this.#start = 0;
    this.#end = 0;
  }
}

/** The hash at the end of one of our own lines. */
const recordedHash = (line: string): string => line.slice(-66, -2);
