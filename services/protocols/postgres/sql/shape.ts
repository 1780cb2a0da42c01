/**
 * Texts that differ only in constants, as those of clients that write values into their SQL, mean the same: `... WHERE id = 17`,
 * `... WHERE id = 18`. The parser takes a hundred times as long to say so as it takes to see it here.
 *
 * No guess is in it. The scanner knows only what is the same for every text: it gives up on everything of PostgreSQL's lexer that
 * is not plain (comments, dollars, backslashes, whatever is not printable ASCII), and what it takes for a constant counts only where
 * the parser's own tree has one, at the same place, and one whose value the analysis never looks at. Texts of one shape then
 * give the lexer the same tokens and the parser the same tree but for these values.
 */
import type { RawStmt } from 'libpg-query';
import { maxShapedCharacters } from './limits.ts';

export interface Shape {
  /** The text with a mark in the place of each constant. */
  readonly key: string;
  /** Where the constants begin, in characters, which are bytes here. */
  readonly constants: readonly number[];
}

/** Neither can stand in a text that has a shape. */
const numberMark = '\u0001';
const stringMark = '\u0002';

const plain = /^[ -~\n\t]*$/;
/** Comments, dollar quotes and parameters, escapes. */
const notPlain = /--|\/\*|[$\\]/;

/** Runs of these belong together: a name, a number with a fraction, a prefix of a string. */
const isWordCharacter = (code: number): boolean =>
  (code >= 0x30 && code <= 0x39) ||
  (code >= 0x41 && code <= 0x5a) ||
  (code >= 0x61 && code <= 0x7a) ||
  code === 0x5f ||
  code === 0x2e;
const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39;

const singleQuote = 0x27;
const doubleQuote = 0x22;
const ampersand = 0x26;
/** Up to here a run of digits is an int4 (2,147,483,647), and never a numeric. */
const maxDigits = 9;

/** Null for a text that is too long or not plain, and for one without constants. */
export function shapeOf(text: string): Shape | null {
  if (text.length > maxShapedCharacters || !plain.test(text) || notPlain.test(text)) return null;
  const constants: number[] = [];
  let key = '';
  let copied = 0;
  let at = 0;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    let end = at + 1;
    let mark = '';
    if (code === singleQuote || code === doubleQuote) {
      end = endOfQuoted(text, at, code);
      if (end === -1) return null;
      // With a prefix (E'', B'', U&'') it is another kind of constant; those stay as they are.
      const before = text.charCodeAt(at - 1);
      if (code === singleQuote && !isWordCharacter(before) && before !== ampersand) mark = stringMark;
    } else if (isWordCharacter(code)) {
      while (end < text.length && isWordCharacter(text.charCodeAt(end))) end += 1;
      if (isWholeNumber(text, at, end)) mark = numberMark;
    }
    if (mark !== '') {
      key += text.slice(copied, at) + mark;
      copied = end;
      constants.push(at);
    }
    at = end;
  }
  return constants.length === 0 ? null : { key: key + text.slice(copied), constants };
}

/** A doubled quote stands for one. -1 where the text ends before it does. */
function endOfQuoted(text: string, start: number, quote: number): number {
  let at = start + 1;
  while (at < text.length) {
    if (text.charCodeAt(at) !== quote) at += 1;
    else if (text.charCodeAt(at + 1) === quote) at += 2;
    else return at + 1;
  }
  return -1;
}

function isWholeNumber(text: string, start: number, end: number): boolean {
  if (end - start > maxDigits) return false;
  for (let at = start; at < end; at += 1) if (!isDigit(text.charCodeAt(at))) return false;
  return true;
}

/**
 * Where a constant is a value and no more: its type counts, its value does not. Not among them: ORDER BY 1 (a column), arguments
 * of functions (the name of a setting, a text that is run), type modifiers, and everything that is no expression.
 */
const valuePlaces: Readonly<Record<string, readonly string[]>> = {
  A_Expr: ['lexpr', 'rexpr'],
  ResTarget: ['val'],
  SelectStmt: ['valuesLists', 'limitCount', 'limitOffset'],
};

/** In others, definitions and settings, constants have meanings of their own. */
const rowStatements = ['SelectStmt', 'InsertStmt', 'UpdateStmt', 'DeleteStmt'] as const;

/** Whether all constants of the text are values only, so that any others may stand in their places. */
export function constantsAreValues({ stmt }: RawStmt, { constants }: Shape): boolean {
  if (stmt === undefined || !rowStatements.some((kind) => kind in stmt)) return false;
  const values = new Set<number>();
  collect(stmt, '', values);
  return constants.every((at) => values.has(at));
}

/** `kind`: of the node whose body this is; empty where it is something else. */
function collect(part: unknown, kind: string, values: Set<number>): void {
  if (typeof part !== 'object' || part === null) return;
  const places = valuePlaces[kind];
  for (const [key, child] of Object.entries(part)) {
    if (places?.includes(key)) takeConstants(child, values);
    collect(child, Array.isArray(part) ? '' : key, values);
  }
}

/**
 * Of a constant, of one that is cast, or of a list of them. A cast is no place of its own: `set_config('role'::text, ...)` names a
 * setting as well with it as without.
 */
function takeConstants(part: unknown, values: Set<number>): void {
  if (typeof part !== 'object' || part === null) return;
  if (Array.isArray(part)) {
    for (const item of part) takeConstants(item, values);
  } else if ('List' in part) {
    takeConstants((part.List as { readonly items?: unknown }).items, values); // a List node has nothing else
  } else if ('TypeCast' in part) {
    takeConstants((part.TypeCast as { readonly arg?: unknown }).arg, values); // what is cast
  } else if ('A_Const' in part) {
    const { location } = part.A_Const as { readonly location?: number }; // 0 is left out; no constant can stand there
    if (location !== undefined) values.add(location);
  }
}
