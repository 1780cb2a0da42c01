import { maxPemLineBytes } from '../limits.ts';
import {
  at,
  byteSet,
  code,
  type Detector,
  digits,
  runEnd,
  type Span,
  startsWith,
  upperCase,
} from './bytes.ts';

const dash = code('-');
const quote = code('"');
const backslash = code('\\');
const labelSet = byteSet(`${upperCase}${digits} `);
const begin = '-----BEGIN ';
const end = '-----END ';

/** The end of a line `-----BEGIN label-----` or `-----END label-----`, and its label; null when it is none. */
function pemLine(bytes: Uint8Array, start: number, opening: string): { end: number; label: string } | null {
  if (!startsWith(bytes, start, opening)) return null;
  const labelStart = start + opening.length;
  const labelEnd = runEnd(bytes, labelStart, labelSet, start + maxPemLineBytes);
  if (!startsWith(bytes, labelEnd, '-----')) return null;
  return { end: labelEnd + 5, label: Buffer.from(bytes.subarray(labelStart, labelEnd)).toString('latin1') };
}

/**
 * The end of the line that closes the block; the whole rest when it was cut off, since what is there is key. A
 * quote ends it at the latest: it closes the JSON string or array element that holds the block, and must stay.
 */
export function blockEnd(bytes: Uint8Array, start: number): number {
  for (let index = start; index < bytes.length; index += 1) {
    const byte = at(bytes, index);
    if (byte === dash) {
      const line = pemLine(bytes, index, end);
      if (line !== null) return line.end;
    } else if (byte === quote) {
      let closing = index;
      while (closing > start && at(bytes, closing - 1) === backslash) closing -= 1;
      return closing;
    }
  }
  return bytes.length;
}

/** Whether a block that reaches to the end of these bytes was closed there, so that what comes next is no part of it. */
export function isClosedAtEnd(bytes: Uint8Array): boolean {
  for (
    let start = Math.max(0, bytes.length - end.length - maxPemLineBytes - 5);
    start < bytes.length;
    start += 1
  ) {
    if (pemLine(bytes, start, end)?.end === bytes.length) return true;
  }
  return false;
}

export const privateKey: Detector = {
  about:
    'A private key in PEM (RFC 7468, OpenSSH, PGP), from BEGIN to END or, if it was cut off, to the end.',
  anchors: ['--'],
  digitRuns: [],
  match(bytes: Uint8Array, index: number): Span | null {
    // Called at each dash but the first; so the dashes of a ruled line are told apart at once.
    const start = index - 1;
    const line = pemLine(bytes, start, begin);
    if (line === null || !line.label.includes('PRIVATE KEY')) return null;
    return { start, end: blockEnd(bytes, line.end) };
  },
};
