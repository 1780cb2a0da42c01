import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import { unreachable } from '../model/errors.ts';
import { MaskingError } from './errors.ts';
import { hashHexDigits, last4MinCharacters, maxFieldKeys } from './limits.ts';
import { canonicalValues, fullMask, type ValueKind } from './value-kind.ts';

/** Each transform and what it does to text; `maskText` says what becomes of other kinds. */
export const transforms = {
  full: 'Eight stars, whatever the length.',
  redact: 'The word [masked]: for readers who would take stars for the data.',
  last4: 'Four stars and the last four characters; shorter than nine characters: as full.',
  email: 'The first letter: a***@***.example. The domain is hidden, since a small one names its owner.',
  hash: 'masked- and 20 hex digits of a keyed hash: equal values of one field stay equal, for joins and counts.',
  null: 'No value at all.',
} as const;

export type TransformName = keyof typeof transforms;
export const transformNames = Object.keys(transforms) as readonly TransformName[]; // keys of the literal above

/** @throws MaskingError `unknown-transform` */
export function transformName(name: string): TransformName {
  const found = transformNames.find((known) => known === name);
  if (found === undefined) {
    throw new MaskingError(
      'unknown-transform',
      `"${name}" is no transform; there are ${transformNames.join(', ')}`,
    );
  }
  return found;
}

export interface MaskContext {
  /** The gateway's masking key; a KeyObject, because it shows its bytes to no log and no inspector. */
  readonly key: KeyObject;
  /** The field the value comes from (`app.users.email`); `hash` of one field says nothing about another's. */
  readonly field: string;
}

export const redactedText = '[masked]';

/** Upper bound of a `bigint` pseudonym: a driver that parses int8 into a double must not round two into one. */
const maxSafePseudonym = BigInt(Number.MAX_SAFE_INTEGER);
const maxIntegerPseudonym = 2n ** 31n - 1n;

const fieldKeys = new WeakMap<KeyObject, Map<string, KeyObject>>();

function fieldKey({ key, field }: MaskContext): KeyObject {
  let keys = fieldKeys.get(key);
  if (keys === undefined) {
    keys = new Map();
    fieldKeys.set(key, keys);
  }
  let derived = keys.get(field);
  if (derived === undefined) {
    if (keys.size >= maxFieldKeys) keys.clear();
    derived = createSecretKey(createHmac('sha256', key).update(`sallyport-mask-1\0${field}`).digest());
    keys.set(field, derived);
  }
  return derived;
}

/**
 * HMAC-SHA-256 under a key of the field's own. Without the gateway's key a table of hashes cannot be searched by
 * trying values; whoever may write the field and read it back masked can still try them one by one, online.
 */
const pseudonym = (text: string, context: MaskContext): string =>
  createHmac('sha256', fieldKey(context)).update(text, 'utf8').digest('hex');

/** 1 to `max`. The first 64 bits of the hash, so that the remainder's bias is below 2^-11 for the widest kind. */
const pseudonymNumber = (text: string, context: MaskContext, max: bigint): string =>
  String((BigInt(`0x${pseudonym(text, context).slice(0, 16)}`) % max) + 1n);

/** RFC 9562 section 5.8, version 8: bits of one's own choosing. */
function pseudonymUuid(text: string, context: MaskContext): string {
  const hex = pseudonym(text, context);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(12, 15)}-a${hex.slice(15, 18)}-${hex.slice(18, 30)}`;
}

const hashText = (text: string, context: MaskContext): string =>
  `masked-${pseudonym(text, context).slice(0, hashHexDigits)}`;

/** Letters and digits only: what is shown goes into JSON, arrays and CSV, where other characters have a meaning. */
const notShown = /[^\p{L}\p{N}]/gu;

function last4Text(text: string): string {
  // A character is at most two UTF-16 units: this tail is enough to count nine, however long the text.
  const characters = Array.from(text.trimEnd().slice(-2 * last4MinCharacters));
  if (characters.length < last4MinCharacters) return fullMask;
  return `****${characters.slice(-4).join('').replace(notShown, '*')}`;
}

function last4Integer(text: string): string {
  const digits = text.replace('-', '');
  // Number drops leading zeros, which JSON forbids.
  return digits.length >= last4MinCharacters ? String(Number(digits.slice(-4))) : '0';
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

function hashMask(kind: ValueKind, context: MaskContext): ColumnMask {
  switch (kind) {
    case 'text':
      return each((text) => hashText(text, context));
    case 'json':
      return each((text) => JSON.stringify(hashText(text, context)));
    case 'integer':
    case 'decimal':
      return each((text) => pseudonymNumber(text, context, maxIntegerPseudonym));
    case 'bigint':
      return each((text) => pseudonymNumber(text, context, maxSafePseudonym));
    case 'uuid':
      return each((text) => pseudonymUuid(text, context));
    case 'bytea':
      return each((text) => `\\x${pseudonym(text, context).slice(0, hashHexDigits)}`);
    // Too few values for a pseudonym to hide anything or to stay distinct; or of no use as one.
    case 'smallint':
    case 'float':
    case 'boolean':
    case 'date':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
    case 'inet':
    case 'array':
    case 'other':
      return constant(canonicalValues[kind]);
    default:
      return unreachable(kind);
  }
}

function last4Mask(kind: ValueKind): ColumnMask {
  switch (kind) {
    case 'text':
      return each(last4Text);
    case 'integer':
    case 'bigint':
      return each(last4Integer);
    case 'uuid':
      return each((text) => `00000000-0000-0000-0000-00000000${text.slice(-4).replace(/[^\da-f]/gi, '0')}`);
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
 * | kind | full, redact, email | last4 | hash |
 * | --- | --- | --- | --- |
 * | text | see `transforms` | see `transforms` | `masked-` and 20 hex digits |
 * | smallint | 0 | 0 | 0 |
 * | integer | 0 | its last four digits (`-4000001234` gives 1234), 0 below nine digits | 1 to 2^31-1 |
 * | bigint | 0 | as integer | 1 to 2^53-1 |
 * | decimal | 0 | 0 | 1 to 2^31-1 |
 * | float, boolean, date, time, timestamp, timestamptz, inet, array | `canonicalValues` | same | same |
 * | uuid | all zeros | zeros and its last four digits | a version 8 uuid |
 * | json | `{}`, `[]`, `"********"` or `null`, as its top is | same | the hash as a JSON string |
 * | bytea | empty | empty | ten bytes |
 * | other | NULL | NULL | NULL |
 *
 * `null` gives NULL for every kind.
 */
export function columnMask(transform: TransformName, kind: ValueKind, context: MaskContext): ColumnMask {
  switch (transform) {
    case 'null':
      return constant(null);
    case 'hash':
      return hashMask(kind, context);
    case 'last4':
      return last4Mask(kind);
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
