import type { Parameter } from '../../../core/model/action.ts';
import { type Bind, formatOf } from '../wire/frontend.ts';
import { valueText } from '../wire/values.ts';
import type { QueryValue } from './catalog-connection.ts';

/** One bound value; text and digest bytes are made only when somebody asks for them. */
class BoundParameter implements Parameter {
  readonly #value: Buffer | null;
  readonly #typeOid: number;
  readonly #format: number;

  constructor(value: Buffer | null, typeOid: number, format: number) {
    this.#value = value;
    this.#typeOid = typeOid;
    this.#format = format;
  }

  get text(): string | null {
    return valueText(this.#value, this.#typeOid, this.#format);
  }

  get items(): number {
    return itemsOf(this.#value, this.#format);
  }

  /** Type, format and whether it is NULL belong to what is approved: the same bytes mean other values under another type. */
  get bound(): Uint8Array {
    const head = Buffer.alloc(7);
    head.writeUInt32BE(this.#typeOid);
    head.writeUInt16BE(this.#format, 4);
    head.writeUInt8(this.#value === null ? 0 : 1, 6);
    return this.#value === null ? head : Buffer.concat([head, this.#value]);
  }
}

/**
 * How many items an array has, and never less; Infinity for what is none. In the text format each stands between commas, or in a text
 * with commas of its own (array_in); in the binary one the head says how many there are (array_recv).
 */
export function itemsOf(value: Buffer | null, format: number): number {
  if (value === null) return 1;
  if (format === 0) return itemsInText(value);
  if (value.length < arrayHeadBytes) return Infinity;
  const dimensions = value.readInt32BE();
  if (dimensions < 0 || dimensions > maxDimensions) return Infinity;
  if (value.length < arrayHeadBytes + dimensions * dimensionBytes) return Infinity;
  let items = dimensions === 0 ? 0 : 1;
  for (let at = 0; at < dimensions; at++) items *= value.readUInt32BE(arrayHeadBytes + at * dimensionBytes);
  return items;
}

/** The number of dimensions, a flag, and the type of the items. */
const arrayHeadBytes = 12;
/** A length and a lower bound. */
const dimensionBytes = 8;
/** MAXDIM */
const maxDimensions = 6;

const whitespace: ReadonlySet<number> = new Set(Buffer.from(' \t\n\v\f\r'));
const openingBrace = 0x7b;
const openingBracket = 0x5b;
const comma = 0x2c;

/** `{a,b}`, or `[1:2]={a,b}`; int2vector has no brackets. */
function itemsInText(value: Buffer): number {
  const first = value.find((byte) => !whitespace.has(byte));
  if (first !== openingBrace && first !== openingBracket) return Infinity;
  let commas = 0;
  for (const byte of value) if (byte === comma) commas += 1;
  return commas + 1;
}

/** The value again, out of what was bound. */
export function boundValue({ bound }: Parameter): QueryValue {
  const bytes = Buffer.from(bound);
  const value = bytes.readUInt8(6) === 0 ? null : bytes.subarray(7);
  return { typeOid: bytes.readUInt32BE(), format: bytes.readUInt16BE(4), value };
}

export const boundParameters = (bind: Bind, types: readonly number[]): readonly Parameter[] =>
  bind.parameters.map(
    (value, at) => new BoundParameter(value, types[at] ?? 0, formatOf(bind.parameterFormats, at)),
  );
