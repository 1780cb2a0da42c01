/**
 * Reading values as bytes. Detectors look at UTF-8 without decoding it: what they search for is ASCII, and a byte of
 * a longer character is 0x80 or more.
 *
 * So digits and signs outside ASCII (fullwidth `４`, Arabic-Indic `٤`, a fullwidth `＠`) are not found. They are rare
 * in what applications store, and folding them would make every value slower. Detectors are a net under field masks
 * for what people did not know was there; who can choose the query can always write `replace(email, '@', ' at ')`,
 * and only lineage stops that.
 */

/** A set of bytes, one entry a byte: 1 is a member. */
export type ByteSet = Uint8Array;

export const digits = '0123456789';
export const upperCase = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';
export const lowerCase = 'abcdefghijklmnopqrstuvwxyz';

/** `nonAscii` adds all bytes of characters beyond ASCII. */
export function byteSet(ascii: string, nonAscii = false): ByteSet {
  const set = new Uint8Array(256);
  for (const byte of Buffer.from(ascii, 'latin1')) set[byte] = 1;
  if (nonAscii) set.fill(1, 0x80);
  return set;
}

export const code = (character: string): number => character.charCodeAt(0);

const backslash = code('\\');
const letterU = code('u');

export const letterSet = byteSet(upperCase + lowerCase);
export const wordSet = byteSet(upperCase + lowerCase + digits);
/** RFC 4648 section 5. Also what tokens of all kinds are made of. */
export const base64urlSet = byteSet(`${upperCase}${lowerCase}${digits}-_`);

/** The byte at an index; -1 beyond either end, which is in no set. */
export const at = (bytes: Uint8Array, index: number): number => bytes[index] ?? -1;

export const isIn = (set: ByteSet, byte: number): boolean => set[byte] === 1;

export const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39;

/** The first index from `start` on, below `limit`, whose byte is not in the set. */
export function runEnd(bytes: Uint8Array, start: number, set: ByteSet, limit = bytes.length): number {
  let index = start;
  const end = Math.min(limit, bytes.length);
  while (index < end && set[bytes[index] ?? 0] === 1) index += 1;
  return index;
}

export const digitSet = byteSet(digits);

/** Whether an odd number of backslashes stands right before `index`, so that JSON's escape takes in its byte. */
function isEscaped(bytes: Uint8Array, index: number): boolean {
  let start = index;
  while (at(bytes, start - 1) === backslash) start -= 1;
  return (index - start) % 2 === 1;
}

/**
 * Where a text may begin at the earliest that was read backwards up to `start`: `\nalice` begins at `alice`, and
 * `\u00e9lan` at `lan`. JSON is scanned without decoding it, so that what is masked can be put back in its place, and
 * cutting an escape in two would break it. `start` itself when no escape is there.
 */
export function afterEscape(bytes: Uint8Array, start: number): number {
  if (!isEscaped(bytes, start)) return start;
  return start + (at(bytes, start) === letterU ? 5 : 1);
}

/** Whether a word can begin at `start`: nothing of `word` stands right before it, but for the letter of an escape. */
export function beginsWord(bytes: Uint8Array, start: number, word: ByteSet): boolean {
  const before = at(bytes, start - 1);
  return !isIn(word, before) || (isIn(letterSet, before) && isEscaped(bytes, start - 1));
}

/** Whether the bytes from `start` on are this ASCII text. */
export function startsWith(bytes: Uint8Array, start: number, text: string): boolean {
  for (let offset = 0; offset < text.length; offset += 1) {
    if (at(bytes, start + offset) !== text.charCodeAt(offset)) return false;
  }
  return true;
}

/** Where something was found: from `start` up to but not including `end`. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/**
 * One kind of value. `match` is called at its anchors and at the first digit of its runs. It reads a bounded number
 * of bytes around `index`, or bytes that no other call reads, so that a whole value is read in linear time. What
 * begins before `floor`, where the last find ended, is not taken.
 */
export interface Detector {
  readonly about: string;
  /** A character at which it is called, or two of which it is called at the second. The rarer, the faster. */
  readonly anchors: readonly string[];
  readonly digitRuns: readonly DigitRun[];
  match(bytes: Uint8Array, index: number, floor: number): Span | null;
}

/** Runs of digits of these lengths, up to `maxDigitRun`, or of any when they stand right after a capital letter. */
export type DigitRun =
  | { readonly lengths: readonly number[]; readonly followedBy: string | 'anything' }
  | 'after-capital';

/** Longer runs of digits are all alike to detectors: none of them takes any. */
export const maxDigitRun = 19;
