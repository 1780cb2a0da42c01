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
  startsWith,
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
/** What a slash or a plus may be written as: by PHP in JSON, and in a URL. */
const escapes = ['\\/', '%2f', '%2b', '%2F', '%2B'] as const;
const escapeEnds = byteSet('\\%');
/** Between a name or an id and its secret: `secret_access_key = "...`, `\"SecretAccessKey\": \"...`, `AKIA...,...`. */
const separators = byteSet(' \t:=,;|>"\'\\');
/** JSON in a string in JSON: `\\\": \\\"`. */
const maxSeparators = 12;

const name = 'secret access key';
/** How far before the secret its name may begin. */
export const secretContextBytes = name.length + maxSeparators;

/** The secret that begins here or behind what separates it. */
function secretBehind(bytes: Uint8Array, from: number): Span | null {
  const start = runEnd(bytes, from, separators, from + maxSeparators);
  return start === from ? null : secretAt(bytes, start);
}

function secretAt(bytes: Uint8Array, start: number): Span | null {
  let end = start;
  for (let count = 0; count < secretBytes; count += 1) {
    const next = afterCharacter(bytes, end);
    if (next === end) return null;
    end = next;
  }
  if (afterCharacter(bytes, end) !== end || at(bytes, end) === code('=')) return null;
  return looksRandom(bytes, start, end, 'base64') ? { start, end } : null;
}

/** Behind one character of a secret; `start` itself where none is. */
function afterCharacter(bytes: Uint8Array, start: number): number {
  if (isIn(secretSet, at(bytes, start))) return start + 1;
  if (!isIn(escapeEnds, at(bytes, start))) return start;
  return start + (escapes.find((written) => startsWith(bytes, start, written))?.length ?? 0);
}

/** `aws_secret_access_key`, `SecretAccessKey`, `Secret access key`, `s3.secret-key`: a name whose value is such a secret. */
export function isSecretName(bytes: Buffer, start: number, end: number): boolean {
  // Nearly all names and texts end with another letter.
  if ((at(bytes, end - 1) | 0x20) !== code('y')) return false;
  return nameForm.test(bytes.toString('latin1', Math.max(start, end - name.length), end));
}
const nameForm = /secret[ _.-]?(?:access[ _.-]?)?key$/i;

/** Whether it is such a secret and nothing else. */
export const isSecret = (value: Uint8Array): boolean => secretAt(value, 0)?.end === value.length;

function startsWithIgnoringCase(bytes: Uint8Array, start: number, text: string): boolean {
  for (let offset = 0; offset < text.length; offset += 1) {
    // Letters of ASCII differ in this bit, and nothing else with these letters does.
    if ((at(bytes, start + offset) | 0x20) !== text.charCodeAt(offset)) return false;
  }
  return true;
}

/** Where the name ends whose `secret` ends before this byte: `secret_access_key`, `SecretAccessKey`, `secret-key`; -1 when it is none. */
function nameEnd(bytes: Uint8Array, index: number): number {
  const skipJoint = (from: number): number =>
    /[_-]/.test(String.fromCharCode(at(bytes, from))) ? from + 1 : from;
  if (!startsWithIgnoringCase(bytes, index - 6, 'secret')) return -1;
  const behind = skipJoint(index);
  const keyStart = startsWithIgnoringCase(bytes, behind, 'access') ? skipJoint(behind + 6) : behind;
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
  anchors: ['KI', 'SI', 't_', 'T_', 't-', 'tA', 'tK'],
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
