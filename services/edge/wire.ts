/**
 * Protobuf's wire format (protobuf.dev, "Encoding"), for the messages of the hot path: objects made by a general reader cost several times
 * what the rest of an answer does. protos/ declares the fields; a test holds both ways of reading against each other.
 */
import { SallyportError } from '../core/model/errors.ts';

export class WireError extends SallyportError<'malformed'> {}

const varintType = 0;
const fixed64Type = 1;
const lengthDelimitedType = 2;
const fixed32Type = 5;
/** Of 64 bits, seven a byte. */
const maxVarintBytes = 10;

/** One message, field by field. What is not read is passed over. */
export class WireReader {
  readonly #bytes: Buffer;
  readonly #end: number;
  #at: number;
  #type = varintType;
  #isRead = true;

  constructor(bytes: Buffer, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  /** The number of the next field; 0 when there is none. @throws WireError */
  next(): number {
    if (!this.#isRead) this.#skip();
    if (this.#at >= this.#end) return 0;
    const tag = this.#varint();
    this.#type = tag & 7;
    this.#isRead = false;
    return tag >>> 3;
  }

  /** @throws WireError */
  bytes(): Buffer {
    const start = this.#openField();
    return this.#bytes.subarray(start, this.#at);
  }

  /** @throws WireError */
  text(): string {
    const start = this.#openField();
    return this.#bytes.toString('utf8', start, this.#at);
  }

  /** A text of one character for each byte. @throws WireError */
  latin1(): string {
    const start = this.#openField();
    return this.#bytes.toString('latin1', start, this.#at);
  }

  /** @throws WireError */
  message(): WireReader {
    const start = this.#openField();
    return new WireReader(this.#bytes, start, this.#at);
  }

  bool(): boolean {
    return this.number() !== 0;
  }

  /** Of a varint field whose values fit into 32 bits. @throws WireError */
  number(): number {
    if (this.#type !== varintType) throw malformed();
    this.#isRead = true;
    return this.#varint();
  }

  /** Where the field's bytes begin; they end where the reader stands then. */
  #openField(): number {
    if (this.#type !== lengthDelimitedType) throw malformed();
    this.#isRead = true;
    const length = this.#varint();
    const start = this.#at;
    if (length > this.#end - start) throw malformed();
    this.#at = start + length;
    return start;
  }

  #varint(): number {
    let value = 0;
    for (let count = 0; count < maxVarintBytes; count += 1) {
      const byte = this.#bytes[this.#at];
      // The bytes may go on behind this message: what stands there is none of its own.
      if (byte === undefined || this.#at >= this.#end) throw malformed();
      this.#at += 1;
      // What is beyond 53 bits is of no field that is read here.
      if (count < 7) value += (byte & 0x7f) * 2 ** (7 * count);
      if (byte < 0x80) return value;
    }
    throw malformed();
  }

  #skip(): void {
    this.#isRead = true;
    switch (this.#type) {
      case varintType:
        this.#varint();
        break;
      case fixed64Type:
        this.#at += 8;
        break;
      case lengthDelimitedType: {
        // Read first: it moves on by itself.
        const length = this.#varint();
        this.#at += length;
        break;
      }
      case fixed32Type:
        this.#at += 4;
        break;
      default:
        throw malformed();
    }
    if (this.#at > this.#end) throw malformed();
  }
}

const malformed = (): WireError => new WireError('malformed', 'This is not a message of protobuf.');

/** A message that is written: its bytes, one character each. Many small texts are put together at a fraction of what many small Buffers cost. */
export type Written = string;

export const toBytes = (written: Written): Buffer => Buffer.from(written, 'latin1');

function varint(value: number): Written {
  let written = '';
  let rest = value;
  while (rest > 0x7f) {
    written += String.fromCharCode((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  return written + String.fromCharCode(rest);
}

/** What stands before the bytes of a field of this length. */
const openField = (field: number, length: number): Written =>
  varint((field << 3) | lengthDelimitedType) + varint(length);

/** A field that holds bytes, or a message. */
export const bytesField = (field: number, value: Written): Written => openField(field, value.length) + value;

const beyondAscii = /[\u0080-\uffff]/;

export const textField = (field: number, value: string): Written =>
  bytesField(field, beyondAscii.test(value) ? Buffer.from(value).toString('latin1') : value);

export const numberField = (field: number, value: number): Written =>
  varint((field << 3) | varintType) + varint(value);

/**
 * A message within others that ends with a large field: the bytes of that are copied once.
 *
 * @param path the numbers of the fields within each other, the outermost first and that of the bytes last
 * @param before what stands in the innermost message before them
 */
export function messageAround(path: readonly number[], before: Written, bytes: Buffer): Buffer {
  const [last = 0, ...around] = path.toReversed();
  let head = before + openField(last, bytes.length);
  for (const field of around) head = openField(field, head.length + bytes.length) + head;
  return Buffer.concat([toBytes(head), bytes]);
}
