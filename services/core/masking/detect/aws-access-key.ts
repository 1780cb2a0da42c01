import {
  at,
  beginsWord,
  byteSet,
  code,
  type Detector,
  digits,
  isIn,
  runEnd,
  type Span,
  upperCase,
  wordSet,
} from './bytes.ts';

const letterA = code('A');
const member = byteSet(upperCase + digits);
const length = 20;

export const awsAccessKey: Detector = {
  about:
    'An AWS access key id: AKIA (lasting) or ASIA (temporary) and 16 characters. The secret key beside it has no ' +
    'mark of its own and is not found.',
  anchors: ['KI', 'SI'],
  digitRuns: [],
  match(bytes: Uint8Array, index: number): Span | null {
    const start = index - 2;
    if (at(bytes, start) !== letterA || at(bytes, index + 1) !== letterA) return null;
    if (!beginsWord(bytes, start, wordSet)) return null;
    const end = start + length;
    if (runEnd(bytes, start, member, end) !== end || isIn(wordSet, at(bytes, end))) return null;
    return { start, end };
  },
};
