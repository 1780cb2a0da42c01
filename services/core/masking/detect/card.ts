import { at, code, type Detector, digitSet, isDigit, maxDigitRun, runEnd, type Span } from './bytes.ts';
import { endsNumber, startsNumber } from './number-bounds.ts';

interface Brand {
  /** First digits as numbers of equal length, both included. */
  readonly from: number;
  readonly to: number;
  readonly lengths: readonly number[];
}

/** ISO/IEC 7812 issuer ranges of the networks that issue cards today, with the lengths that each one uses. */
const brands: readonly Brand[] = [
  { from: 4, to: 4, lengths: [13, 16, 19] }, // Visa
  { from: 51, to: 55, lengths: [16] }, // Mastercard
  { from: 2221, to: 2720, lengths: [16] }, // Mastercard, since 2017
  { from: 34, to: 34, lengths: [15] }, // American Express
  { from: 37, to: 37, lengths: [15] },
  { from: 6011, to: 6011, lengths: [16, 19] }, // Discover
  { from: 644, to: 649, lengths: [16, 19] },
  { from: 65, to: 65, lengths: [16, 19] }, // Discover, RuPay
  { from: 60, to: 60, lengths: [16] }, // RuPay
  { from: 81, to: 82, lengths: [16] },
  { from: 508, to: 508, lengths: [16] },
  { from: 3528, to: 3589, lengths: [16, 17, 18, 19] }, // JCB
  { from: 300, to: 305, lengths: [14, 16] }, // Diners Club
  { from: 3095, to: 3095, lengths: [14, 16] },
  { from: 36, to: 36, lengths: [14, 16] },
  { from: 38, to: 39, lengths: [14, 16] },
  { from: 62, to: 62, lengths: [16, 17, 18, 19] }, // UnionPay
  { from: 2200, to: 2204, lengths: [16, 17, 18, 19] }, // Mir
  { from: 9792, to: 9792, lengths: [16] }, // Troy
  { from: 5018, to: 5018, lengths: [13, 14, 15, 16, 17, 18, 19] }, // Maestro
  { from: 5020, to: 5020, lengths: [13, 14, 15, 16, 17, 18, 19] },
  { from: 5038, to: 5038, lengths: [13, 14, 15, 16, 17, 18, 19] },
  { from: 5893, to: 5893, lengths: [13, 14, 15, 16, 17, 18, 19] },
  { from: 6304, to: 6304, lengths: [13, 14, 15, 16, 17, 18, 19] },
  { from: 6759, to: 6759, lengths: [13, 14, 15, 16, 17, 18, 19] },
  { from: 6761, to: 6763, lengths: [13, 14, 15, 16, 17, 18, 19] },
];

/** For each first four digits, which lengths a card that begins so may have: bit n is length n. */
const lengthsByPrefix = new Uint32Array(10_000);
for (const { from, to, lengths } of brands) {
  const scale = 10 ** (4 - String(from).length);
  const bits = lengths.reduce((sum, length) => sum | (1 << length), 0);
  for (let prefix = from * scale; prefix < (to + 1) * scale; prefix += 1) {
    lengthsByPrefix[prefix] = (lengthsByPrefix[prefix] ?? 0) | bits;
  }
}

/** How people write cards in groups: four by four, American Express, Diners Club. Longest first. */
const groupings: readonly (readonly number[])[] = [
  [4, 4, 4, 4, 3],
  [4, 4, 4, 4],
  [4, 6, 5],
  [4, 6, 4],
];
const space = code(' ');
const dash = code('-');

function allowedLengths(bytes: Uint8Array, start: number): number {
  let prefix = 0;
  for (let index = start; index < start + 4; index += 1) prefix = prefix * 10 + at(bytes, index) - 0x30;
  return lengthsByPrefix[prefix] ?? 0;
}

/** ISO/IEC 7812-1 annex B, over the digits of the span, separators left out. */
function passesLuhn(bytes: Uint8Array, start: number, end: number): boolean {
  let sum = 0;
  let doubled = false;
  for (let index = end - 1; index >= start; index -= 1) {
    const byte = at(bytes, index);
    if (!isDigit(byte)) continue;
    const digit = byte - 0x30;
    const weighed = doubled ? digit * 2 : digit;
    sum += weighed > 9 ? weighed - 9 : weighed;
    doubled = !doubled;
  }
  return sum % 10 === 0;
}

/** The end of digits in exactly these groups, or -1. */
function groupsEnd(bytes: Uint8Array, start: number, groups: readonly number[], separator: number): number {
  let begin = start;
  for (const size of groups) {
    if (begin !== start) {
      if (at(bytes, begin) !== separator) return -1;
      begin += 1;
    }
    const end = runEnd(bytes, begin, digitSet, begin + size);
    if (end - begin !== size || isDigit(at(bytes, end))) return -1;
    begin = end;
  }
  return begin;
}

function grouped(bytes: Uint8Array, start: number, lengths: number): Span | null {
  const separator = at(bytes, start + 4);
  if (separator !== space && separator !== dash) return null;
  for (const groups of groupings) {
    const end = groupsEnd(bytes, start, groups, separator);
    if (end === -1 || !endsNumber(bytes, end)) continue;
    const length = end - start - (groups.length - 1);
    if ((lengths & (1 << length)) !== 0 && passesLuhn(bytes, start, end)) return { start, end };
  }
  return null;
}

/**
 * About one in forty random numbers of sixteen digits has a known prefix and passes Luhn: a table of such numbers
 * that are no cards is better excluded by the policy than by a rule here that would miss cards.
 */
export const card: Detector = {
  about:
    'A payment card: 13 to 19 digits of a known issuer that pass Luhn, plain or grouped by spaces or dashes.',
  anchors: [],
  digitRuns: [
    { lengths: [4], followedBy: ' -' },
    { lengths: [13, 14, 15, 16, 17, 18, 19], followedBy: 'anything' },
  ],
  match(bytes: Uint8Array, start: number): Span | null {
    const end = runEnd(bytes, start, digitSet, start + maxDigitRun);
    const length = end - start;
    const lengths = allowedLengths(bytes, start);
    if (lengths === 0 || !startsNumber(bytes, start)) return null;
    if (length === 4) return grouped(bytes, start, lengths);
    if ((lengths & (1 << length)) === 0 || !endsNumber(bytes, end)) return null;
    return passesLuhn(bytes, start, end) ? { start, end } : null;
  },
};
