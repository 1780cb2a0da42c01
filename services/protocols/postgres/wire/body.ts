import { WireError } from './errors.ts';
import { headerBytes } from './frames.ts';
import { maxNameBytes } from './limits.ts';

/**
 * Statements are UTF-8 (client_encoding is pinned). `fatal`: a bad sequence is refused, not replaced, since the server would see
 * other text than we. `ignoreBOM`: a leading U+FEFF is kept, as the server keeps it.
 */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Reads the fields of one message in order; `end` insists that nothing is left over. */
export class BodyReader {
  readonly #frame: Buffer;
  #at: number;

  constructor(frame: Buffer, at: number = headerBytes) {
    this.#frame = frame;
    this.#at = at;
  }

  byte(): number {
    this.#need(1);
    return this.#frame.readUInt8(this.#at++);
  }

  /** Int16 as the server reads counts and format codes: unsigned. */
  uint16(): number {
    this.#need(2);
    const value = this.#frame.readUInt16BE(this.#at);
    this.#at += 2;
    return value;
  }

  int16(): number {
    this.#need(2);
    const value = this.#frame.readInt16BE(this.#at);
    this.#at += 2;
    return value;
  }

  int32(): number {
    this.#need(4);
    const value = this.#frame.readInt32BE(this.#at);
    this.#at += 4;
    return value;
  }

  uint32(): number {
    this.#need(4);
    const value = this.#frame.readUInt32BE(this.#at);
    this.#at += 4;
    return value;
  }

  bytes(count: number): Buffer {
    if (count < 0) throw this.#malformed();
    this.#need(count);
    const value = this.#frame.subarray(this.#at, this.#at + count);
    this.#at += count;
    return value;
  }

  /** A value with its Int32 length before it; -1 is NULL. */
  nullableBytes(): Buffer | null {
    const length = this.int32();
    if (length === -1) return null;
    return this.bytes(length);
  }

  /** A NUL-terminated string as raw bytes. */
  stringBytes(): Buffer {
    const end = this.#terminator();
    const value = this.#frame.subarray(this.#at, end);
    this.#at = end + 1;
    return value;
  }

  /** A NUL-terminated string of text. */
  string(): string {
    const bytes = this.stringBytes();
    try {
      return utf8.decode(bytes);
    } catch (cause) {
      throw new WireError('bad-encoding', 'text is not valid UTF-8', { cause });
    }
  }

  /** The name of a statement or portal, as a key: one character a byte, since the server compares bytes. */
  name(): string {
    const start = this.#at;
    // Most are the unnamed one.
    if (this.#frame[start] === 0) {
      this.#at += 1;
      return '';
    }
    const end = this.#terminator();
    if (end - start > maxNameBytes) {
      throw new WireError('name-too-long', `a name of ${end - start} bytes is over ${maxNameBytes}`);
    }
    this.#at = end + 1;
    return this.#frame.toString('latin1', start, end);
  }

  end(): void {
    if (this.#at !== this.#frame.length) throw this.#malformed();
  }

  /** Where the NUL of the string stands that begins here. */
  #terminator(): number {
    const end = this.#frame.indexOf(0, this.#at);
    if (end === -1) throw this.#malformed();
    return end;
  }

  #need(count: number): void {
    if (this.#at + count > this.#frame.length) throw this.#malformed();
  }

  #malformed(): WireError {
    const type = String.fromCharCode(this.#frame[0] ?? 0);
    return new WireError('malformed-message', `the fields of message ${JSON.stringify(type)} do not fill it`);
  }
}

/** The key under which a name from SQL text is kept: the same bytes give the same key as `BodyReader.name`. */
export const nameKey = (sqlName: string): string => Buffer.from(sqlName, 'utf8').toString('latin1');

/** A key back as a person reads it. */
export const nameText = (key: string): string => Buffer.from(key, 'latin1').toString('utf8');
