import { isUtf8 } from 'node:buffer';
import {
  hasSqlDetails,
  loadModule,
  type ParseResult,
  parsePlPgSQLSync,
  parseSync,
  type RawStmt,
  type ScanToken,
  scanSync,
} from 'libpg-query';
import type { Unacceptable } from '../../../core/model/action.ts';
import { messageOf } from '../../../core/model/errors.ts';
import {
  maxNesting,
  maxStatements,
  maxTextBytes,
  maxTextBytesOnEventLoop,
  maxTokens,
  maxTokensOnEventLoop,
} from './limits.ts';
import { type Measure, measure } from './measure.ts';

await loadModule();

export type Parsed =
  | { readonly kind: 'parsed'; readonly statements: readonly RawStmt[] }
  | { readonly kind: 'refused'; readonly why: Unacceptable }
  /** The parser itself has failed: it can no longer be trusted in this thread. */
  | { readonly kind: 'broken'; readonly why: Unacceptable };

/** `ignoreBOM` keeps a byte order mark, as the server does. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const malformed = (message: string): Unacceptable => ({
  reason: 'unparsable',
  message,
  hint: 'Send text in UTF-8 (client_encoding=UTF8).',
});

/** The bytes of a Query or Parse message, without the zero byte at their end. */
export function decodeText(bytes: Uint8Array): string | Unacceptable {
  if (bytes.includes(0)) return malformed('The statement holds a zero byte.');
  // A replaced byte would make the server read something else than we do.
  return isUtf8(bytes) ? utf8.decode(bytes) : malformed('The statement is not valid UTF-8.');
}

/** Why a text is not parsed at all; null when it may be. */
function refuseUnread(text: string): Unacceptable | null {
  // The parser is in C: it would read up to the zero character, and leave what stands behind it unseen.
  if (text.includes('\0')) return malformed('The statement holds a zero byte.');
  // A character is one to three bytes of UTF-8 per UTF-16 unit, so most texts need not be counted.
  if (text.length * 3 <= maxTextBytes || Buffer.byteLength(text) <= maxTextBytes) return null;
  return tooLarge(`The statement is larger than ${maxTextBytes} bytes.`, 'Send it in smaller parts.');
}

function refuseMeasured({ tokens, nesting, statements }: Measure): Unacceptable | null {
  if (nesting > maxNesting) {
    return tooLarge(`The statement nests parentheses more than ${maxNesting} deep.`, 'Write it flatter.');
  }
  if (statements - 1 > maxStatements) {
    return tooLarge(`The text has more than ${maxStatements} statements.`, 'Send it in smaller parts.');
  }
  if (tokens > maxTokens) {
    return tooLarge(
      `The statement is longer than ${maxTokens} tokens.`,
      'Send it in smaller parts, or use COPY.',
    );
  }
  return null;
}

const tooLarge = (message: string, hint: string): Unacceptable => ({ reason: 'too-large', message, hint });

/** Once the WebAssembly module has trapped, its memory may be anything: this thread does not parse any more. */
let broken: Unacceptable | null = null;

/** PostgreSQL's own parser (version 18). Measure the text first: hostile text breaks the parser for the whole thread. */
export function parse(text: string): Parsed {
  if (broken !== null) return { kind: 'broken', why: broken };
  // libpg-query refuses the empty string, which PostgreSQL answers with EmptyQueryResponse.
  if (text === '') return { kind: 'parsed', statements: [] };
  let result: ParseResult;
  try {
    result = parseSync(text);
  } catch (thrown) {
    if (hasSqlDetails(thrown)) return { kind: 'refused', why: syntaxError(text, thrown) };
    broken = trappedAt(thrown);
    return { kind: 'broken', why: broken };
  }
  return { kind: 'parsed', statements: result.stmts ?? [] };
}

/**
 * The body of the one CREATE FUNCTION ... LANGUAGE plpgsql in the text, as libpg-query writes it down; null where it does not parse. Measure it
 * first, and its blocks: nested deeply they break the parser as well.
 */
export const parsePlpgsql = (text: string): unknown => orNull(() => parsePlPgSQLSync(text));

/** The tokens of a text; null where there is one that SQL has not got. */
export const scan = (text: string): readonly ScanToken[] | null => orNull(() => scanSync(text).tokens);

/** A syntax error is a plain Error here, and so is what this parser has not got (an array of %TYPE). A SyntaxError is JSON that it got wrong. */
function orNull<Result>(run: () => Result): Result | null {
  if (broken !== null) return null;
  try {
    return run();
  } catch (thrown) {
    const isTrap =
      thrown instanceof Error && (thrown.name === 'RangeError' || thrown.name === 'RuntimeError');
    if (isTrap) broken = trappedAt(thrown);
    return null;
  }
}

const trappedAt = (thrown: unknown): Unacceptable => ({
  reason: 'unparsable',
  message: `The statement could not be parsed: ${messageOf(thrown)}.`,
  hint: 'Simplify it, or send it in smaller parts.',
});

/** For texts that may keep the event loop busy, and for the worker thread: measures, then parses. */
export function parseMeasured(text: string): Parsed {
  const why = refuseMeasured(measure(text));
  return why === null ? parse(text) : { kind: 'refused', why };
}

/** `large` when the text has to go to the worker thread, which measures it again. */
export function parseOnEventLoop(text: string): Parsed | 'large' {
  const unread = refuseUnread(text);
  if (unread !== null) return { kind: 'refused', why: unread };
  if (text.length > maxTextBytesOnEventLoop) return 'large';
  const measured = measure(text);
  const why = refuseMeasured(measured);
  if (why !== null) return { kind: 'refused', why };
  return measured.tokens > maxTokensOnEventLoop || broken !== null ? 'large' : parse(text);
}

const maxShownContext = 40;

function syntaxError(
  text: string,
  error: { readonly message: string; readonly sqlDetails?: { readonly cursorPosition: number } },
): Unacceptable {
  // Positions are counted in characters, which are code points.
  const characters = Array.from(text);
  const position = error.sqlDetails?.cursorPosition ?? 0;
  const near = characters.slice(position, position + maxShownContext).join('');
  return {
    reason: 'unparsable',
    // As PostgreSQL says it: clients know these words, and show the place.
    message: error.message,
    position: position + 1,
    hint: `Check ${near === '' ? 'the end of the statement' : `it at: ${near}`}; the gateway refuses what it cannot read.`,
  };
}
