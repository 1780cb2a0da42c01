import { at, beginsWord, code, isDigit, isIn, wordSet } from './bytes.ts';

const dot = code('.');

/** Whether a number of its own begins here, and not the tail of a word or of a decimal fraction. */
export function startsNumber(bytes: Uint8Array, start: number): boolean {
  if (at(bytes, start - 1) === dot) return !isDigit(at(bytes, start - 2));
  return beginsWord(bytes, start, wordSet);
}

/** Whether a number ends here, and not the head of a word or of a decimal fraction. */
export function endsNumber(bytes: Uint8Array, end: number): boolean {
  const next = at(bytes, end);
  if (next === dot) return !isDigit(at(bytes, end + 1));
  return !isIn(wordSet, next);
}
