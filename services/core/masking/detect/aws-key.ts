import {
  at,
  beginsWord,
  byteSet,
  code,
  type Detector,
  digits,
  isIn,
  lowerCase,
  runEnd,
  type Span,
  upperCase,
  wordSet,
} from './bytes.ts';
import { looksRandom } from './randomness.ts';

const letterA = code('A');
const idSet = byteSet(upperCase + digits);
const idBytes = 20;

/** A secret has no mark of its own: forty characters of base64, found by what stands before it. */
const secretSet = byteSet(`${upperCase}${lowerCase}${digits}+/`);
const secretBytes = 40;
/** Between a name or an id and its secret: `secret_access_key = "...`, `\"SecretAccessKey\": \"...`, `AKIA...,...`. */
const separators = byteSet(' \t:=,;|>"\'\\');
const maxSeparators = 8;

const name = 'secret access key';
/** How far before the secret its name may begin. */
export const secretContextBytes = name.length + maxSeparators;

/** The secret that begins here or behind what separates it. */
function secretBehind(bytes: Uint8Array, from: number): Span | null {
  const start = runEnd(bytes, from, separators, from + maxSeparators);
  const end = start + secretBytes;
  if (start === from || runEnd(bytes, start, secretSet, end + 1) !== end || at(bytes, end) === code('=')) {
    return null;
  }
  return looksRandom(bytes, start, end, 'base64') ? { start, end } : null;
}

function startsWithIgnoringCase(bytes: Uint8Array, start: number, text: string): boolean {
  for (let offset = 0; offset < text.length; offset += 1) {
    // Letters of ASCII differ in this bit, and nothing else with these letters does.
    if ((at(bytes, start + offset) | 0x20) !== text.charCodeAt(offset)) return false;
  }
  return true;
}

/** Where the name ends whose `secret` ends before this byte: `secret_access_key`, `SecretAccessKey`, `secret-access-key`; -1 when it is none. */
function nameEnd(bytes: Uint8Array, index: number): number {
  const skipJoint = (from: number): number =>
    /[_-]/.test(String.fromCharCode(at(bytes, from))) ? from + 1 : from;
  if (!startsWithIgnoringCase(bytes, index - 6, 'secret')) return -1;
  const access = skipJoint(index);
  if (!startsWithIgnoringCase(bytes, access, 'access')) return -1;
  const keyStart = skipJoint(access + 6);
  return startsWithIgnoringCase(bytes, keyStart, 'key') ? keyStart + 3 : -1;
}

function matchId(bytes: Uint8Array, start: number): Span | null {
  if (at(bytes, start) !== letterA || at(bytes, start + 3) !== letterA) return null;
  if (!beginsWord(bytes, start, wordSet)) return null;
  const end = start + idBytes;
  if (runEnd(bytes, start, idSet, end) !== end || isIn(wordSet, at(bytes, end))) return null;
  return { start, end };
}

export const awsAccessKey: Detector = {
  about:
    'An AWS access key id: AKIA (lasting) or ASIA (temporary) and 16 characters. Also the secret key behind an id, or behind its name.',
  anchors: ['KI', 'SI', 't_', 'T_', 't-', 'tA'],
  digitRuns: [],
  match(bytes: Uint8Array, index: number): Span | null {
    if (at(bytes, index) === code('I')) {
      const id = matchId(bytes, index - 2);
      if (id === null) return null;
      return { start: id.start, end: secretBehind(bytes, id.end)?.end ?? id.end };
    }
    const end = nameEnd(bytes, index);
    return end === -1 ? null : secretBehind(bytes, end);
  },
};
