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

  /** Type, format and whether it is NULL belong to what is approved: the same bytes mean other values under another type. */
  get bound(): Uint8Array {
    const head = Buffer.alloc(7);
    head.writeUInt32BE(this.#typeOid);
    head.writeUInt16BE(this.#format, 4);
    head.writeUInt8(this.#value === null ? 0 : 1, 6);
    return this.#value === null ? head : Buffer.concat([head, this.#value]);
  }
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
