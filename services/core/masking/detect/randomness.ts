import type { TailAlphabet } from './api-key-forms.ts';
import { at, byteSet, digits, isDigit, isIn, lowerCase, upperCase } from './bytes.ts';

const hexSet = byteSet(`${digits}abcdef`);
const upperSet = byteSet(upperCase);
const lowerSet = byteSet(lowerCase);

/** Twenty random characters of base62 have eighteen different ones or so, 32 digits of hex fourteen: fewer are a placeholder. */
const fewestDifferent = 8;

/** Whether these characters are as chosen by chance, and not words, `xxxx` or the name of a setting. */
export function looksRandom(bytes: Uint8Array, start: number, end: number, alphabet: TailAlphabet): boolean {
  const different = new Set<number>();
  let digit = false;
  let upper = false;
  let lower = false;
  for (let index = start; index < end; index += 1) {
    const byte = at(bytes, index);
    if (alphabet === 'hex' && !isIn(hexSet, byte)) return false;
    digit ||= isDigit(byte);
    upper ||= isIn(upperSet, byte);
    lower ||= isIn(lowerSet, byte);
    if (different.size < fewestDifferent) different.add(byte);
  }
  if (different.size < fewestDifferent) return false;
  if (alphabet === 'hex') return digit;
  return upper && lower && (digit || alphabet !== 'mixed');
}
