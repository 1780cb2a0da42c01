import { unreachable } from '../model/errors.ts';
import {
  hashedBigint,
  hashedBytes,
  hashedInteger,
  hashedText,
  hashedUuid,
  type MaskContext,
  wordPair,
} from './keyed-hash.ts';
import { monthOf } from './month.ts';
import { isPart, type ShownPart, shownPart, type TransformName } from './transform-names.ts';
import { canonicalValues, fullMask, hasPseudonym, type ValueKind } from './value-kind.ts';

export const redactedText = '[masked]';

/** Letters and digits only: what is shown goes into JSON, arrays and CSV, where other characters have a meaning. */
const notShown = /[^\p{L}\p{N}]/gu;

/**
 * Values that are shorter than this are masked in full, or half of them would be given away: nine characters for the last four, the
 * length of a US social security number, which is the shortest thing whose last four digits people show each other.
 */
export const fewestCharacters = (shown: number): number => 2 * shown + 1;

/** Of which each is one UTF-16 unit, and shown as it is. */
const plainLetters = /^[A-Za-z0-9]*$/;

function partText(text: string, { side, characters }: ShownPart): string {
  const fewest = fewestCharacters(characters);
  if (plainLetters.test(text)) {
    if (text.length < fewest) return fullMask;
    return side === 'first' ? `${text.slice(0, characters)}****` : `****${text.slice(-characters)}`;
  }
  // A character is at most two UTF-16 units: this much is enough to count them, however long the text.
  const end = side === 'first' ? text.trimStart().slice(0, 2 * fewest) : text.trimEnd().slice(-2 * fewest);
  const all = Array.from(end);
  if (all.length < fewest) return fullMask;
  const shown = side === 'first' ? all.slice(0, characters) : all.slice(-characters);
  const plain = shown.join('').replace(notShown, '*');
  return side === 'first' ? `${plain}****` : `****${plain}`;
}

function partInteger(text: string, { side, characters }: ShownPart): string {
  const digits = text.replace('-', '');
  if (digits.length < fewestCharacters(characters)) return '0';
  // Number drops leading zeros, which JSON forbids.
  return String(Number(side === 'first' ? digits.slice(0, characters) : digits.slice(-characters)));
}

function partUuid(text: string, { side, characters }: ShownPart): string {
  const shown = (side === 'first' ? text.slice(0, characters) : text.slice(-characters)).replace(
    /[^\da-f]/gi,
    '0',
  );
  const zeros = canonicalValues.uuid;
  return side === 'first' ? shown + zeros.slice(characters) : zeros.slice(0, -characters) + shown;
}

const emailShape = /^([^\s@])[^\s@]*@[^\s@]+$/u;
const shownInitial = /[\p{L}\p{N}]/u;

/** `.example` is reserved by RFC 2606: a masked address can be sent to by nobody. */
function emailText(text: string): string {
  const initial = emailShape.exec(text.trimEnd())?.[1];
  if (initial === undefined) return fullMask;
  // A local part of one letter would be shown whole.
  const shown = shownInitial.test(initial) && text.indexOf('@') > initial.length ? initial : '*';
  return `${shown}***@***.example`;
}

/** Keeps only what an application's code may rely on: whether the top of it is an object, a list or a plain value. */
function fullJson(text: string): string {
  switch (text.trimStart()[0]) {
    case '{':
      return '{}';
    case '[':
      return '[]';
    case '"':
      return JSON.stringify(fullMask);
    default:
      return 'null';
  }
}

/**
 * What a column's mask does. A constant one is encoded once, in whatever format; of the others only the text is
 * looked at, so in a binary format a protocol decodes to text, masks, and encodes again.
 */
export type ColumnMask =
  | { readonly kind: 'constant'; readonly text: string | null }
  | { readonly kind: 'each'; mask(text: string): string };

const constant = (text: string | null): ColumnMask => ({ kind: 'constant', text });
const each = (mask: (text: string) => string): ColumnMask => ({ kind: 'each', mask });

/** @param shownText how texts are shown: by digits or by words */
function hashMask(
  kind: ValueKind,
  context: MaskContext,
  shownText: (text: string, context: MaskContext) => string,
): ColumnMask {
  if (!hasPseudonym(kind)) return constant(canonicalValues[kind]);
  switch (kind) {
    case 'text':
      return each((text) => shownText(text, context));
    case 'json':
      return each((text) => JSON.stringify(shownText(text, context)));
    case 'integer':
    case 'decimal':
      return each((text) => hashedInteger(text, context));
    case 'bigint':
      return each((text) => hashedBigint(text, context));
    case 'uuid':
      return each((text) => hashedUuid(text, context));
    case 'bytea':
      return each((text) => hashedBytes(text, context));
    default:
      return unreachable(kind);
  }
}

function partMask(kind: ValueKind, part: ShownPart): ColumnMask {
  switch (kind) {
    case 'text':
      return each((text) => partText(text, part));
    case 'integer':
    case 'bigint':
      return each((text) => partInteger(text, part));
    case 'uuid':
      return each((text) => partUuid(text, part));
    default:
      return fullKind(kind);
  }
}

/** What is no date of four digits of year (`infinity`, BC), or is written in another style, is masked in full. */
function monthMask(kind: ValueKind): ColumnMask {
  switch (kind) {
    case 'text':
    case 'date':
    case 'timestamp':
    case 'timestamptz':
      return each((text) => monthOf(text) ?? canonicalValues[kind]);
    default:
      return fullKind(kind);
  }
}

const fullKind = (kind: ValueKind): ColumnMask =>
  kind === 'json' ? each(fullJson) : constant(canonicalValues[kind]);

/**
 * The mask of a column that holds a masked field as it is. NULL stays NULL and is not given to it. The result always
 * parses as the kind:
 *
 * | kind | full, redact, email | first, last | hash, pseudonym | month |
 * | --- | --- | --- | --- | --- |
 * | text | see transform-names.ts | four stars and the characters | see transform-names.ts | a date's month |
 * | smallint | 0 | 0 | 0 | 0 |
 * | integer | 0 | its digits (the last four of `-4000001234` are 1234), 0 when it is too short | 1 to 2^31-1 | 0 |
 * | bigint | 0 | as integer | 1 to 2^53-1 | 0 |
 * | decimal | 0 | 0 | 1 to 2^31-1 | 0 |
 * | date, timestamp, timestamptz | `canonicalValues` | same | same | the first of the month |
 * | float, boolean, time, inet, array | `canonicalValues` | same | same | same |
 * | uuid | all zeros | zeros and its digits | a version 8 uuid | all zeros |
 * | json | `{}`, `[]`, `"********"` or `null`, as its top is | same | as text, in a JSON string | as full |
 * | bytea | empty | empty | ten bytes | empty |
 * | other | NULL | NULL | NULL | NULL |
 *
 * `null` gives NULL for every kind.
 */
export function columnMask(transform: TransformName, kind: ValueKind, context: MaskContext): ColumnMask {
  if (isPart(transform)) return partMask(kind, shownPart(transform));
  switch (transform) {
    case 'null':
      return constant(null);
    case 'hash':
      return hashMask(kind, context, hashedText);
    case 'pseudonym':
      return hashMask(kind, context, wordPair);
    case 'month':
      return monthMask(kind);
    case 'email':
      return kind === 'text' ? each(emailText) : fullKind(kind);
    case 'redact':
      return kind === 'text' ? constant(redactedText) : fullKind(kind);
    case 'full':
      return fullKind(kind);
    default:
      return unreachable(transform);
  }
}

/** Masks one value; `columnMask` is for many of one column. Null is NULL. */
export function maskText(
  transform: TransformName,
  kind: ValueKind,
  text: string,
  context: MaskContext,
): string | null {
  const mask = columnMask(transform, kind, context);
  return mask.kind === 'constant' ? mask.text : mask.mask(text);
}

/**
 * What stands for every value of a column that is computed from a masked one, whatever the mask's transform: the last
 * four characters of `reverse(card)` are its first. It also stands for NULL, because the query chooses when a
 * computed column is NULL (`nullif(salary, 90000)`), and a JSON value's shape likewise.
 */
export const maskDerived = (kind: ValueKind): string | null => canonicalValues[kind];
