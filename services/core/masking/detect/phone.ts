import { at, byteSet, code, type Detector, digitSet, isDigit, isIn, runEnd, type Span } from './bytes.ts';
import { endsNumber, startsNumber } from './number-bounds.ts';

/** ITU-T E.164: at most 15 digits with the country code. Fewer than eight are more often something else. */
const mostDigits = 15;
const fewestDigits = 8;
/** What may stand between two digits: one of these, or two when one is a parenthesis (`+44 (0)20`). */
const separators = byteSet(' -.()/');
const parentheses = byteSet('()');

const plus = code('+');
const dash = code('-');
const dot = code('.');
const space = code(' ');
const open = code('(');
const close = code(')');
const one = code('1');

/** A number with a plus and a country code, up to the last group that fits into 15 digits. */
function international(bytes: Uint8Array, start: number): Span | null {
  const first = at(bytes, start + 1);
  if (!isDigit(first) || first === 0x30 || !startsNumber(bytes, start)) return null;
  let count = 0;
  let end = -1;
  let begin = start + 1;
  while (isDigit(at(bytes, begin))) {
    const groupEnd = runEnd(bytes, begin, digitSet, begin + mostDigits + 1);
    count += groupEnd - begin;
    if (count > mostDigits) break;
    if (count >= fewestDigits && endsNumber(bytes, groupEnd)) end = groupEnd;
    begin = runEnd(bytes, groupEnd, separators, groupEnd + 2);
    const apart = begin - groupEnd === 2 && !isIn(parentheses, at(bytes, groupEnd));
    if (apart && !isIn(parentheses, at(bytes, groupEnd + 1))) break;
  }
  return end === -1 ? null : { start, end };
}

/** NANP's NXX: the first digit 2 to 9, and not N11 (`911`), which are services. */
function isNxx(bytes: Uint8Array, start: number): boolean {
  const first = at(bytes, start);
  if (first < 0x32 || first > 0x39) return false;
  if (!isDigit(at(bytes, start + 1)) || !isDigit(at(bytes, start + 2))) return false;
  return !(at(bytes, start + 1) === one && at(bytes, start + 2) === one);
}

/** Where the exchange (the middle three digits) begins, or -1: `415-555`, `415.555`, `(415) 555`, `(415)555`. */
function exchangeStart(bytes: Uint8Array, area: number): number {
  const separator = at(bytes, area + 3);
  if (at(bytes, area - 1) === open) {
    if (separator !== close) return -1;
    return area + (at(bytes, area + 4) === space ? 5 : 4);
  }
  return separator === dash || separator === dot ? area + 4 : -1;
}

/** Spaces alone do not make a phone number: `200 300 4000` is three numbers. */
function northAmerican(bytes: Uint8Array, area: number): Span | null {
  const exchange = isNxx(bytes, area) ? exchangeStart(bytes, area) : -1;
  if (exchange === -1 || !isNxx(bytes, exchange)) return null;
  const parenthesis = at(bytes, area - 1) === open;
  const separator = at(bytes, exchange + 3);
  const expected = parenthesis
    ? separator === dash || separator === space
    : separator === at(bytes, area + 3);
  if (!expected) return null;
  const end = exchange + 8;
  if (runEnd(bytes, exchange + 4, digitSet, end) !== end || !endsNumber(bytes, end)) return null;
  if (at(bytes, end) === dash && isDigit(at(bytes, end + 1))) return null;
  const start = withTrunkPrefix(bytes, parenthesis ? area - 1 : area, parenthesis ? space : separator);
  return start === -1 ? null : { start, end };
}

/** Takes in a `1` before the number; -1 when another number stands there, so that this is a part of it. */
function withTrunkPrefix(bytes: Uint8Array, start: number, separator: number): number {
  const before = at(bytes, start - 1);
  if (before === separator && at(bytes, start - 2) === one && startsNumber(bytes, start - 2))
    return start - 2;
  if ((before === dash || before === dot) && isDigit(at(bytes, start - 2))) return -1;
  return startsNumber(bytes, start) ? start : -1;
}

export const phone: Detector = {
  about:
    'A phone number that looks like nothing else: +country code, (415) 555-2671, 415-555-2671, 415.555.2671.',
  anchors: ['+'],
  digitRuns: [{ lengths: [3], followedBy: '-.)' }],
  match(bytes: Uint8Array, index: number): Span | null {
    return at(bytes, index) === plus ? international(bytes, index) : northAmerican(bytes, index);
  },
};
