import { at, code, type Detector, digitSet, isDigit, runEnd, type Span } from './bytes.ts';
import { endsNumber, startsNumber } from './number-bounds.ts';

const dash = code('-');
const length = '123-45-6789'.length;

const number = (bytes: Uint8Array, start: number, end: number): number => {
  let value = 0;
  for (let index = start; index < end; index += 1) value = value * 10 + at(bytes, index) - 0x30;
  return value;
};

export const usSsn: Detector = {
  about: 'A US social security number, written with dashes. Nine bare digits are too many other things.',
  anchors: [],
  digitRuns: [{ lengths: [3], followedBy: '-' }],
  match(bytes: Uint8Array, start: number): Span | null {
    if (at(bytes, start + 6) !== dash) return null;
    if (runEnd(bytes, start + 4, digitSet, start + 6) !== start + 6) return null;
    const end = start + length;
    if (runEnd(bytes, start + 7, digitSet, end) !== end) return null;
    // A longer chain of numbers with dashes is something else: a serial number, a phone number.
    if (at(bytes, start - 1) === dash && isDigit(at(bytes, start - 2))) return null;
    if (at(bytes, end) === dash && isDigit(at(bytes, end + 1))) return null;
    if (!startsNumber(bytes, start) || !endsNumber(bytes, end)) return null;
    const area = number(bytes, start, start + 3);
    // SSA, "Social Security Number Randomization": never assigned, before it or since.
    if (area === 0 || area === 666 || area >= 900) return null;
    if (number(bytes, start + 4, start + 6) === 0 || number(bytes, start + 7, end) === 0) return null;
    return { start, end };
  },
};
