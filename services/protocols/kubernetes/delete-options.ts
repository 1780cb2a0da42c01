/**
 * The options of a DELETE in protobuf, in which client-go's typed clients send them (k8s.io/apimachinery, runtime.Unknown and meta/v1 DeleteOptions). Strict:
 * a field that is not known, is there twice or is of another type could be read by the API server as what it is not here.
 */
import type { JsonObject, JsonValue } from '../../core/model/strict-json.ts';
import { isObject, textAt } from './api-object.ts';

const magic = Buffer.from('k8s\0', 'latin1');

/** As the same options are written in JSON; null when they cannot be read in one way only. */
export function readDeleteOptions(body: Buffer): JsonObject | null {
  if (!body.subarray(0, magic.length).equals(magic)) return null;
  const unknown = messageOf(body.subarray(magic.length), {
    1: { name: 'typeMeta', read: (bytes) => messageOf(bytes, { 1: text('apiVersion'), 2: text('kind') }) },
    2: { name: 'raw', read: (bytes) => messageOf(bytes, options) },
    3: text('contentEncoding'),
    4: text('contentType'),
  });
  if (unknown === null) return null;
  const { typeMeta, raw, contentEncoding = '', contentType = '' } = unknown;
  const kind = isObject(typeMeta) ? textAt(typeMeta, 'kind') : '';
  const isPlain = contentEncoding === '' && contentType === '' && kind === 'DeleteOptions';
  // Without options there is nothing in it.
  const read = raw ?? {};
  return isPlain && isObject(read) ? read : null;
}

/** A field whose value has its length before it; `read` gives null for what it cannot be. */
interface LongField {
  readonly name: string;
  readonly read: (bytes: Buffer) => JsonValue;
  readonly isList?: true;
}

interface NumberField {
  readonly name: string;
  readonly number: 'signed' | 'boolean';
}

type Fields = Readonly<Record<number, LongField | NumberField>>;

const text = (name: string): LongField => ({ name, read: textOf });

const options: Fields = {
  1: { name: 'gracePeriodSeconds', number: 'signed' },
  2: {
    name: 'preconditions',
    read: (bytes) => messageOf(bytes, { 1: text('uid'), 2: text('resourceVersion') }),
  },
  3: { name: 'orphanDependents', number: 'boolean' },
  4: text('propagationPolicy'),
  5: { ...text('dryRun'), isList: true },
  6: { name: 'ignoreStoreReadErrorWithClusterBreakingPotential', number: 'boolean' },
};

function textOf(bytes: Buffer): string | null {
  const read = bytes.toString('utf8');
  return Buffer.from(read, 'utf8').equals(bytes) ? read : null;
}

/** @see https://protobuf.dev/programming-guides/encoding/ */
function messageOf(bytes: Buffer, fields: Fields): JsonObject | null {
  const message: Record<string, JsonValue> = {};
  let at = 0;
  while (at < bytes.length) {
    const tag = varintAt(bytes, at);
    const field = tag === null ? undefined : fields[Number(tag.value >> 3n)];
    const next = tag === null ? null : varintAt(bytes, tag.end);
    if (tag === null || next === null || field === undefined) return null;
    const wireType = Number(tag.value & 7n);
    let value: JsonValue;
    if ('number' in field) {
      if (wireType !== 0) return null;
      value = field.number === 'boolean' ? next.value !== 0n : Number(BigInt.asIntN(64, next.value));
      at = next.end;
    } else {
      const end = next.end + Number(next.value);
      if (wireType !== 2 || end > bytes.length) return null;
      value = field.read(bytes.subarray(next.end, end));
      if (value === null) return null;
      at = end;
    }
    const before = message[field.name];
    if ('isList' in field) message[field.name] = [...(Array.isArray(before) ? before : []), value];
    else if (before === undefined) message[field.name] = value;
    else return null;
  }
  return message;
}

/** Ten bytes hold 64 bits. */
const maxVarintBytes = 10;

function varintAt(bytes: Buffer, from: number): { readonly value: bigint; readonly end: number } | null {
  let value = 0n;
  for (let at = from; at < bytes.length && at < from + maxVarintBytes; at += 1) {
    const byte = bytes[at] ?? 0;
    value |= BigInt(byte & 0x7f) << BigInt(7 * (at - from));
    if (byte < 0x80) return value < 1n << 64n ? { value, end: at + 1 } : null;
  }
  return null;
}
