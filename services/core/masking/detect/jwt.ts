import { at, base64urlSet, beginsWord, code, type Detector, runEnd, type Span } from './bytes.ts';

const dot = code('.');
const letterE = code('e');
/** `{"alg":"x"}` takes 15 characters; shorter is no header. */
const fewestHeaderCharacters = 15;
/** RFC 7519: three segments when signed (the last may be empty), five when encrypted (the second may be). */
const signedSegments = 3;
const encryptedSegments = 5;

export const jwt: Detector = {
  about: 'A JSON web token, signed, unsigned or encrypted, in its compact form.',
  // `eyJ` is `{"` in base64url; the J is the rarest of the three in text.
  anchors: ['yJ'],
  digitRuns: [],
  match(bytes: Uint8Array, index: number): Span | null {
    const start = index - 2;
    if (at(bytes, start) !== letterE) return null;
    // One attempt a word: otherwise `eyJeyJeyJ...` would be read again from each of its Js.
    if (!beginsWord(bytes, start, base64urlSet)) return null;
    const headerEnd = runEnd(bytes, start, base64urlSet);
    if (headerEnd - start < fewestHeaderCharacters) return null;
    let end = headerEnd;
    let signedEnd = -1;
    let segments = 1;
    while (segments < encryptedSegments && at(bytes, end) === dot) {
      end = runEnd(bytes, end + 1, base64urlSet);
      segments += 1;
      if (segments === signedSegments) signedEnd = end;
    }
    if (segments === encryptedSegments) return { start, end };
    return signedEnd === -1 ? null : { start, end: signedEnd };
  },
};
