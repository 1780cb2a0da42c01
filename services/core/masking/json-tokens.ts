/** What JSON is made of, as bytes (RFC 8259). */
import { isUtf8 } from 'node:buffer';
import { MaskingError } from './errors.ts';

const code = (character: string): number => character.charCodeAt(0);
export const quote = code('"');
export const backslash = code('\\');
export const openObject = code('{');
export const closeObject = code('}');
export const openArray = code('[');
export const closeArray = code(']');
export const comma = code(',');
export const colon = code(':');
/** RFC 7464 puts it before each document of a sequence. */
export const recordSeparator = 0x1e;
export const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf]);
const minus = code('-');
const zero = code('0');
const nine = code('9');

/** @throws MaskingError `unreadable` */
export function unreadable(why: string): never {
  throw new MaskingError('unreadable', `This is not JSON that can be masked: ${why}.`);
}

export const isBlank = (byte: number): boolean =>
  byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

/** What numbers and literals are made of. */
const bare = new Uint8Array(256);
for (const character of '+-.0123456789Eabcdefghijklmnopqrstuvwxyz') bare[code(character)] = 1;
export const isBare = (byte: number): boolean => bare[byte] === 1;

/** What ends a run of plain characters in a string: its end, an escape, or what may not stand there. */
const endsRun = new Uint8Array(256).fill(1, 0, 0x20);
endsRun[quote] = 1;
endsRun[backslash] = 1;

/** A function of its own because V8 compiles it better than inside a larger one; so are the next ones. */
export function stringRunEnd(chunk: Buffer, from: number): number {
  const { length } = chunk;
  let at = from;
  while (at < length && endsRun[chunk[at] ?? 0] === 0) at += 1;
  return at;
}

export function bareEnd(chunk: Buffer, from: number): number {
  const { length } = chunk;
  let at = from;
  while (at < length && bare[chunk[at] ?? 0] === 1) at += 1;
  return at;
}

/** Most strings are ASCII, of which nothing has to be made to know that it is UTF-8. */
export function isAscii(chunk: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at += 1) if ((chunk[at] ?? 0) >= 0x80) return false;
  return true;
}

/** Whether these bytes are a whole number as JSON writes it, without point and exponent. */
export function isInteger(chunk: Buffer, start: number, end: number): boolean {
  const first = chunk[start] === minus ? start + 1 : start;
  if (first === end || (chunk[first] === zero && end - first > 1)) return false;
  for (let at = first; at < end; at += 1) {
    const byte = chunk[at] ?? 0;
    if (byte < zero || byte > nine) return false;
  }
  return true;
}

export const numberForm = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** @param token with its quotes */
export function meaningOf(token: Buffer): string {
  if (!isUtf8(token)) unreadable('a string is not UTF-8');
  if (!token.includes(backslash)) return token.toString('utf8', 1, token.length - 1);
  try {
    return String(JSON.parse(token.toString()));
  } catch {
    // JSON.parse would quote the value.
    return unreadable('a string has an escape in it that is none');
  }
}

export const documentStart = /^\s*["[{]/;

/** Whether the string between these places may begin as an object, an array or a string does. */
export function mayBeDocument(bytes: Buffer, start: number, end: number): boolean {
  let at = start;
  while (at < end && isBlank(bytes[at] ?? 0)) at += 1;
  const byte = bytes[at];
  // Few strings begin with an escape: what it means is looked at later.
  return at < end && (byte === backslash || byte === openObject || byte === openArray);
}

/** `4.111e3` as `4111`: whole numbers without point and exponent, others as they are. */
export function plainNumber(text: string): string {
  const {
    sign = '',
    whole = '',
    fraction = '',
    exponent = '0',
  } = /^(?<sign>-?)(?<whole>\d+)(?:\.(?<fraction>\d+))?(?:[eE](?<exponent>[+-]?\d+))?$/.exec(text)?.groups ??
  {};
  const point = whole.length + Number(exponent);
  const digits = whole + fraction;
  // No detector takes numbers of more digits than this.
  if (point <= 0 || point > 40 || /[1-9]/.test(digits.slice(point))) return text;
  return sign + digits.slice(0, point).padEnd(point, '0');
}
