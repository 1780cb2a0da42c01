import { maxDomainBytes, maxDomainLabelBytes, maxLocalPartBytes } from '../limits.ts';
import {
  afterEscape,
  at,
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
} from './bytes.ts';

/**
 * Narrower than RFC 5322's atext: `=`, `/`, `&`, `?`, `{`, `|`, `}`, `*` and the backtick stand between values more
 * often than in them. Wider by RFC 6531's letters beyond ASCII, or half a name would stay.
 */
const localPart = byteSet(`${upperCase}${lowerCase}${digits}._%+-'!#$^~`, true);
/** Not a quote or dash in front of it, nor the rest of a character that the limit of 64 bytes cut in two. */
const localPartStart = byteSet(upperCase + lowerCase + digits, true).fill(0, 0x80, 0xc0);
const label = byteSet(`${upperCase}${lowerCase}${digits}-`, true);
const topLevel = byteSet(upperCase + lowerCase, true);
const dot = code('.');
const percent = code('%');

function localPartBegin(bytes: Uint8Array, sign: number, floor: number): number {
  const lowest = Math.max(floor, sign - maxLocalPartBytes);
  let start = sign;
  while (start > lowest && isIn(localPart, at(bytes, start - 1))) start -= 1;
  start = afterEscape(bytes, start);
  while (start < sign && !isIn(localPartStart, at(bytes, start))) start += 1;
  return start;
}

/** At least two letters, or an IDNA label: `example.1` and `example.c` are no domains. */
function isTopLevel(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start < 2) return false;
  return runEnd(bytes, start, topLevel, end) === end || startsWith(bytes, start, 'xn--');
}

/** The end of the longest run of labels that ends in a top-level domain; `start` when there is none. */
function domainEnd(bytes: Uint8Array, start: number): number {
  let end = start;
  let begin = start;
  while (begin - start < maxDomainBytes) {
    const labelEnd = runEnd(bytes, begin, label, begin + maxDomainLabelBytes);
    if (labelEnd === begin || isIn(label, at(bytes, labelEnd))) break;
    if (begin > start && isTopLevel(bytes, begin, labelEnd)) end = labelEnd;
    if (at(bytes, labelEnd) !== dot) break;
    begin = labelEnd + 1;
  }
  return end;
}

export const email: Detector = {
  about: 'An e-mail address with a domain of two labels or more, also with its @ written %40 as in URLs.',
  anchors: ['@', '%'],
  digitRuns: [],
  match(bytes: Uint8Array, sign: number, floor: number): Span | null {
    const escaped = at(bytes, sign) === percent;
    if (escaped && !startsWith(bytes, sign, '%40')) return null;
    const domain = sign + (escaped ? 3 : 1);
    if (!isIn(localPart, at(bytes, sign - 1))) return null;
    const start = localPartBegin(bytes, sign, floor);
    if (start >= sign) return null;
    const end = domainEnd(bytes, domain);
    return end === domain ? null : { start, end };
  },
};
