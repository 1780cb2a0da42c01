/**
 * Values as a person reads them, for transcripts, approvers and parameter conditions. Text format is text already; of the
 * binary formats those that drivers use are decoded, and any other is shown as hex.
 */

/** pg_type.dat: OIDs of built-in types never change. */
export const typeOids = {
  bool: 16,
  bytea: 17,
  char: 18,
  name: 19,
  int8: 20,
  int2: 21,
  int4: 23,
  text: 25,
  oid: 26,
  json: 114,
  xml: 142,
  float4: 700,
  float8: 701,
  unknown: 705,
  inet: 869,
  bpchar: 1042,
  varchar: 1043,
  date: 1082,
  time: 1083,
  timestamp: 1114,
  timestamptz: 1184,
  numeric: 1700,
  uuid: 2950,
  jsonb: 3802,
} as const;

const textual: ReadonlySet<number> = new Set([
  typeOids.char,
  typeOids.name,
  typeOids.text,
  typeOids.json,
  typeOids.xml,
  typeOids.unknown,
  typeOids.bpchar,
  typeOids.varchar,
]);

export const isTextual = (typeOid: number): boolean => textual.has(typeOid);

/** `format` 0 is text, 1 binary. A value whose bytes do not fit its type is shown as hex, never thrown over. */
export function valueText(bytes: Buffer | null, typeOid: number, format: number): string | null {
  if (bytes === null) return null;
  if (format === 0 || textual.has(typeOid)) return bytes.toString('utf8');
  return binaryText(bytes, typeOid) ?? `\\x${bytes.toString('hex')}`;
}

function binaryText(bytes: Buffer, typeOid: number): string | null {
  switch (typeOid) {
    case typeOids.bool:
      return bytes.length === 1 ? (bytes[0] === 0 ? 'f' : 't') : null;
    case typeOids.int2:
      return bytes.length === 2 ? String(bytes.readInt16BE()) : null;
    case typeOids.int4:
      return bytes.length === 4 ? String(bytes.readInt32BE()) : null;
    case typeOids.oid:
      return bytes.length === 4 ? String(bytes.readUInt32BE()) : null;
    case typeOids.int8:
      return bytes.length === 8 ? String(bytes.readBigInt64BE()) : null;
    case typeOids.float4:
      return bytes.length === 4 ? String(Math.fround(bytes.readFloatBE())) : null;
    case typeOids.float8:
      return bytes.length === 8 ? String(bytes.readDoubleBE()) : null;
    case typeOids.uuid:
      return bytes.length === 16 ? uuidText(bytes) : null;
    case typeOids.jsonb:
      // One version byte, 1, before the text (jsonb_recv).
      return bytes[0] === 1 ? bytes.toString('utf8', 1) : null;
    case typeOids.date:
      return bytes.length === 4 ? dateText(bytes.readInt32BE()) : null;
    case typeOids.timestamp:
    case typeOids.timestamptz:
      return bytes.length === 8
        ? timestampText(bytes.readBigInt64BE(), typeOid === typeOids.timestamptz)
        : null;
    case typeOids.numeric:
      return numericText(bytes);
    case typeOids.bytea:
      return `\\x${bytes.toString('hex')}`;
    default:
      return null;
  }
}

const uuidText = (bytes: Buffer): string =>
  bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');

/** PostgreSQL counts from 2000-01-01. */
const epochMs = Date.UTC(2000, 0, 1);
const dayMs = 86_400_000;

function isoText(ms: number): string | null {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}

const dateText = (days: number): string | null => isoText(epochMs + days * dayMs)?.slice(0, 10) ?? null;

function timestampText(microseconds: bigint, withZone: boolean): string | null {
  // Before 2000 too the fraction counts upwards.
  const fraction = ((microseconds % 1_000_000n) + 1_000_000n) % 1_000_000n;
  const text = isoText(epochMs + Number((microseconds - fraction) / 1_000_000n) * 1000);
  if (text === null) return null;
  const digits = fraction === 0n ? '' : `.${String(fraction).padStart(6, '0')}`;
  return `${text.slice(0, 19).replace('T', ' ')}${digits}${withZone ? '+00' : ''}`;
}

/** numeric_recv: count of base-10,000 digits, weight of the first, sign, display scale, digits. */
function numericText(bytes: Buffer): string | null {
  if (bytes.length < 8) return null;
  const count = bytes.readUInt16BE(0);
  const weight = bytes.readInt16BE(2);
  const sign = bytes.readUInt16BE(4);
  const scale = bytes.readUInt16BE(6);
  if (bytes.length !== 8 + 2 * count || weight > 1000) return null;
  if (sign === 0xc000) return 'NaN';
  if (sign !== 0 && sign !== 0x4000) return null;
  const digit = (at: number): string =>
    String(at >= 0 && at < count ? bytes.readUInt16BE(8 + 2 * at) : 0).padStart(4, '0');
  let whole = '';
  for (let at = 0; at <= weight; at++) whole += digit(at);
  let fraction = '';
  for (let at = weight + 1; fraction.length < scale; at++) fraction += digit(at);
  const text = whole.replace(/^0+(?=\d)/, '') || '0';
  return (sign === 0x4000 ? '-' : '') + (scale > 0 ? `${text}.${fraction.slice(0, scale)}` : text);
}
