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

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#at = 0;
    this.#end = bytes.length;
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
    if (this.#type !== lengthDelimitedType) throw malformed();
    this.#isRead = true;
    const length = this.#varint();
    const start = this.#at;
    if (length > this.#end - start) throw malformed();
    this.#at = start + length;
    return this.#bytes.subarray(start, this.#at);
  }

  text(): string {
    return this.bytes().toString();
  }

  message(): WireReader {
    return new WireReader(this.bytes());
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

  #varint(): number {
    let value = 0;
    for (let count = 0; count < maxVarintBytes; count += 1) {
      const byte = this.#bytes[this.#at];
      if (byte === undefined) throw malformed();
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

function varintBytes(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  bytes.push(rest);
  return Buffer.from(bytes);
}

/** A field that holds bytes, a text or a message. */
export const bytesField = (field: number, value: Buffer): Buffer =>
  Buffer.concat([varintBytes((field << 3) | lengthDelimitedType), varintBytes(value.length), value]);

export const textField = (field: number, value: string): Buffer => bytesField(field, Buffer.from(value));

/** The value is its bytes, one character each. */
export const latin1Field = (field: number, value: string): Buffer =>
  bytesField(field, Buffer.from(value, 'latin1'));

export const numberField = (field: number, value: number): Buffer =>
  Buffer.concat([varintBytes((field << 3) | varintType), varintBytes(value)]);

export const message = (...fields: readonly Buffer[]): Buffer => Buffer.concat(fields);
