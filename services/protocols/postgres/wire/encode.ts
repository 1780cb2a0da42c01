/** Masked values in binary: the counterpart of values.ts for the texts that core/masking gives. */
import { isTextual, typeOids } from './values.ts';

const epochDays = Date.UTC(2000, 0, 1) / 86_400_000;

/** Null when the type has no encoder here or the text is not one of its values: the caller then sends NULL. */
export function encodeBinary(text: string, typeOid: number, elementOid: number): Buffer | null {
  if (isTextual(typeOid)) return Buffer.from(text);
  switch (typeOid) {
    case typeOids.bool:
      return Buffer.from([text === 'true' ? 1 : 0]);
    case typeOids.int2:
      return integer(text, 2);
    case typeOids.int4:
    case typeOids.oid:
      return integer(text, 4);
    case typeOids.int8:
      return integer(text, 8);
    case typeOids.float4: {
      const bytes = Buffer.alloc(4);
      bytes.writeFloatBE(Number(text));
      return bytes;
    }
    case typeOids.float8: {
      const bytes = Buffer.alloc(8);
      bytes.writeDoubleBE(Number(text));
      return bytes;
    }
    case typeOids.numeric:
      return numeric(text);
    case typeOids.bytea:
      return /^\\x(?:[\da-f]{2})*$/.test(text) ? Buffer.from(text.slice(2), 'hex') : null;
    case typeOids.uuid:
      return Buffer.from(text.replaceAll('-', ''), 'hex');
    case typeOids.jsonb:
      return Buffer.concat([Buffer.from([1]), Buffer.from(text)]);
    case typeOids.date:
      return integer(String(Date.parse(`${text}T00:00:00Z`) / 86_400_000 - epochDays), 4);
    case typeOids.timestamp:
    case typeOids.timestamptz:
      return integer(
        String((Date.parse(`${text.slice(0, 10)}T00:00:00Z`) / 86_400_000 - epochDays) * 86_400e6),
        8,
      );
    case typeOids.time:
      return text === '00:00:00' ? Buffer.alloc(8) : null;
    case typeOids.inet:
      // Family (AF_INET), bits, whether it is a cidr, length, address (inet_send).
      return text === '0.0.0.0' ? Buffer.from([2, 32, 0, 4, 0, 0, 0, 0]) : null;
    default:
      return text === '{}' && elementOid !== 0 ? emptyArray(elementOid) : null;
  }
}

function integer(text: string, width: 2 | 4 | 8): Buffer | null {
  if (!/^-?\d+$/.test(text)) return null;
  const value = BigInt(text);
  const bits = BigInt(8 * width);
  if (BigInt.asIntN(8 * width, value) !== value && value >> bits !== 0n) return null;
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(BigInt.asIntN(64, value));
  return bytes.subarray(8 - width);
}

/** Whole numbers only, which is all that masks of a decimal are (numeric_send's fields: see values.ts). */
function numeric(text: string): Buffer | null {
  if (!/^\d+$/.test(text)) return null;
  const digits: number[] = [];
  for (let rest = BigInt(text); rest > 0n; rest /= 10_000n) digits.unshift(Number(rest % 10_000n));
  const bytes = Buffer.alloc(8 + 2 * digits.length);
  bytes.writeUInt16BE(digits.length);
  bytes.writeInt16BE(Math.max(0, digits.length - 1), 2);
  digits.forEach((digit, at) => bytes.writeUInt16BE(digit, 8 + 2 * at));
  return bytes;
}

/** array_send: dimensions, flags, element type. */
function emptyArray(elementOid: number): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt32BE(elementOid, 8);
  return bytes;
}
