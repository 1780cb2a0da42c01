import { maxBase64KeyBytes } from '../limits.ts';
import { type ApiKeyForm, apiKeyForms, type TailAlphabet } from './api-key-forms.ts';
import {
  at,
  base64urlSet,
  beginsWord,
  byteSet,
  code,
  type Detector,
  digits,
  lowerCase,
  runEnd,
  type Span,
  startsWith,
  upperCase,
} from './bytes.ts';
import { looksRandom } from './randomness.ts';

const base64Set = byteSet(`${upperCase}${lowerCase}${digits}+/`);
const padding = byteSet('=');
const dot = code('.');
/** SendGrid's keys have a second part. */
const fewestSecondPart = 16;

/** The two characters at whose second a form is tried. */
const anchorOf = ({ prefix, anchor }: ApiKeyForm): string => prefix.slice(anchor - 1, anchor + 1);
const pairOf = (first: number, second: number): number => first * 256 + second;
const formsByAnchor = Map.groupBy(apiKeyForms, (form) => {
  const text = anchorOf(form);
  return pairOf(text.charCodeAt(0), text.charCodeAt(1));
});

function tailEnd(bytes: Uint8Array, start: number, alphabet: TailAlphabet): number {
  if (alphabet !== 'base64') return runEnd(bytes, start, base64urlSet);
  const end = runEnd(bytes, start, base64Set, start + maxBase64KeyBytes);
  return runEnd(bytes, end, padding, end + 2);
}

export const apiKey: Detector = {
  about:
    'A secret key with a prefix that its issuer publishes (detect/api-key-forms.ts), and random characters behind it.',
  anchors: [...new Set(apiKeyForms.map(anchorOf))],
  digitRuns: [],
  match(bytes: Uint8Array, index: number): Span | null {
    const candidates = formsByAnchor.get(pairOf(at(bytes, index - 1), at(bytes, index))) ?? [];
    for (const { prefix, anchor, tail, alphabet } of candidates) {
      const start = index - anchor;
      // One attempt a word, since a tail is made of the same characters as a prefix: `ghp_ghp_ghp_...` is read once.
      if (!startsWith(bytes, start, prefix) || !beginsWord(bytes, start, base64urlSet)) continue;
      const tailStart = start + prefix.length;
      const end = tailEnd(bytes, tailStart, alphabet);
      if (end - tailStart < tail || !looksRandom(bytes, tailStart, end, alphabet)) continue;
      if (alphabet === 'base64' || at(bytes, end) !== dot) return { start, end };
      const secondEnd = runEnd(bytes, end + 1, base64urlSet);
      return { start, end: secondEnd - end > fewestSecondPart ? secondEnd : end };
    }
    return null;
  },
};
