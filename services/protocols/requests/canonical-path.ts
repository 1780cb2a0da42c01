/**
 * A path as it may be decided on: one that has a single reading. Envoy normalises before it asks (dots, slashes, escaped letters), and
 * forwards the rest as it came, on which servers differ: `/admin;x`, `%2561`, `%0d%0a`. What could be read in two ways is refused here.
 */
import { maxPathBytes } from './limits.ts';

export interface CanonicalPath {
  /** As it is forwarded. */
  readonly raw: string;
  /** Decoded, without the slashes between them; the last one is empty when the path ends with a slash. */
  readonly segments: readonly string[];
  /** `;` in it, escaped or not: Java's servers take it and what follows off a segment, most others do not (RFC 3986 section 3.3). */
  readonly hasParameters: boolean;
}

/** Why there is no single reading, as a sentence goes on after "the path". */
export interface NotCanonical {
  readonly fault: string;
}

/** `pchar` and `/` of RFC 3986, with every `%` followed by two hex digits. */
const wellFormed = /^\/(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})*$/;

/** What is never escaped in a canonical path (RFC 3986 section 6.2.2.2): the same letter in another spelling. */
const escapedUnreserved = /%(?:4[1-9A-Fa-f]|5[0-9AaFf]|6[1-9A-Fa-f]|7[0-9AaEe]|3[0-9]|2[DdEe])/;

/** C0 and C1 controls, and DEL. */
const control = /\p{Cc}/u;

/** What must not come out of a segment once it is decoded: separators, and what could be decoded again. */
const structural = /[/\\?#]|%[0-9A-Fa-f]{2}/;

export function readPath(raw: string): CanonicalPath | NotCanonical {
  if (raw.length > maxPathBytes) return { fault: `is longer than ${maxPathBytes} bytes` };
  if (!wellFormed.test(raw)) return { fault: 'has characters in it that stand in no path (RFC 3986)' };
  if (escapedUnreserved.test(raw)) return { fault: 'has letters or digits in it that are percent-encoded' };
  const segments: string[] = [];
  const written = raw.slice(1).split('/');
  for (const [index, part] of written.entries()) {
    if (part === '' && index < written.length - 1) return { fault: 'has an empty segment (//)' };
    const segment = decoded(part);
    if (segment === null) return { fault: 'has percent-encoded bytes in it that are not UTF-8' };
    const fault = segmentFault(segment);
    if (fault !== null) return { fault };
    segments.push(segment);
  }
  return { raw, segments, hasParameters: segments.some((segment) => segment.includes(';')) };
}

/** Null when it is not UTF-8, overlong forms among it. */
export function decoded(text: string): string | null {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    // URIError says no more than that.
    return null;
  }
}

function segmentFault(segment: string): string | null {
  if (control.test(segment)) return 'has a control character in it';
  if (structural.test(segment)) return 'has an escaped separator in it, or is encoded twice';
  if (isDots(segment)) return 'has a dot segment in it';
  if (segment.startsWith(';')) return 'has a segment of parameters alone in it';
  // Windows takes spaces off the end of a name, and others off its beginning.
  if (segment.trim() !== segment) return 'has a segment in it that begins or ends with a space';
  // Servers on Windows and some frameworks turn look-alikes such as U+FF0E and U+2215 into what they look like.
  for (const character of segment) {
    if (character > '\x7f' && /[/\\?#%;.]/.test(character.normalize('NFKC'))) {
      return 'has characters in it that some servers take for dots or separators';
    }
  }
  return null;
}

/** `.`, `..`, and these with parameters: Tomcat's `..;`. */
const isDots = (segment: string): boolean => /^\.{1,2}(?:;.*)?$/s.test(segment);
