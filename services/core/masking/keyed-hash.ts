/** Pseudonyms: what stands for a value so that equal values of one field stay equal, and says nothing else of it. */
import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import { hashHexDigits, maxFieldKeys } from './limits.ts';
import { adjectives, nouns } from './pseudonym-words.ts';

export interface MaskContext {
  /** The gateway's masking key; a KeyObject, because it shows its bytes to no log and no inspector. */
  readonly key: KeyObject;
  /** The field the value comes from (`app.users.email`); the hash of one field says nothing about another's. */
  readonly field: string;
}

/** Upper bound of a `bigint`: a driver that parses int8 into a double must not round two into one. */
const maxSafeNumber = BigInt(Number.MAX_SAFE_INTEGER);
const maxInteger = 2n ** 31n - 1n;

const fieldKeys = new WeakMap<KeyObject, Map<string, KeyObject>>();

/** The key of one field's pseudonyms: who has it can look values of this field up, and of no other. */
export function fieldKey({ key, field }: MaskContext): KeyObject {
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
 * HMAC-SHA-256 under a key of the field's own, in hex. Without the gateway's key a table of hashes cannot be searched
 * by trying values; whoever may write the field and read it back masked can still try them one by one, online.
 */
const keyedHash = (text: string, context: MaskContext): string =>
  createHmac('sha256', fieldKey(context)).update(text, 'utf8').digest('hex');

/** 1 to `max`. The first 64 bits of the hash, so that the remainder's bias is below 2^-11 for the widest kind. */
const hashedNumber = (text: string, context: MaskContext, max: bigint): string =>
  String((BigInt(`0x${keyedHash(text, context).slice(0, 16)}`) % max) + 1n);

export const hashedInteger = (text: string, context: MaskContext): string =>
  hashedNumber(text, context, maxInteger);

export const hashedBigint = (text: string, context: MaskContext): string =>
  hashedNumber(text, context, maxSafeNumber);

/** RFC 9562 section 5.8, version 8: bits of one's own choosing. */
export function hashedUuid(text: string, context: MaskContext): string {
  const hex = keyedHash(text, context);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(12, 15)}-a${hex.slice(15, 18)}-${hex.slice(18, 30)}`;
}

export const hashedText = (text: string, context: MaskContext): string =>
  `masked-${keyedHash(text, context).slice(0, hashHexDigits)}`;

export const hashedBytes = (text: string, context: MaskContext): string =>
  `\\x${keyedHash(text, context).slice(0, hashHexDigits)}`;

/** One of 65,536, marked so that nobody takes it for a name: of 300 values two are likely to share one. */
export function wordPair(text: string, context: MaskContext): string {
  const hex = keyedHash(text, context);
  const word = (words: readonly string[], digits: string): string => words[Number.parseInt(digits, 16)] ?? '';
  return `masked-${word(adjectives, hex.slice(0, 2))}-${word(nouns, hex.slice(2, 4))}`;
}
