import type { KeyObject } from 'node:crypto';
import { isSecret, isSecretName } from './detect/aws-key.ts';
import { at, code, type Detector, isDigit, maxDigitRun } from './detect/bytes.ts';
import { type DetectorName, detectorNames, detectors } from './detectors.ts';
import { minScannedBytes } from './limits.ts';
import type { TransformName } from './transform-names.ts';
import { type ColumnMask, columnMask, redactedText } from './transforms.ts';
import type { ValueKind } from './value-kind.ts';

export interface DetectorMask {
  readonly detector: DetectorName;
  readonly transform: TransformName;
}

/** Something that was found in a text. */
export interface TextFind {
  readonly detector: DetectorName;
  readonly start: number;
  readonly end: number;
  /** What stands in its place. */
  readonly shown: string;
}

export interface Scanned {
  /** The value as it may be seen; null is NULL. */
  readonly value: Buffer | null;
  /** How many finds were masked. */
  readonly count: number;
}

/**
 * How a kind is scanned: `inside` replaces finds where they stand, `whole` masks a value that holds one by the
 * rules of its kind, `not` never looks, because no value of the kind can be read as one of those searched for (an
 * encoded `bytea`, a date).
 */
const scanning: Readonly<Record<ValueKind, 'inside' | 'whole' | 'not'>> = {
  text: 'inside',
  json: 'inside',
  array: 'inside',
  other: 'inside',
  integer: 'whole',
  bigint: 'whole',
  decimal: 'whole',
  smallint: 'not',
  float: 'not',
  boolean: 'not',
  date: 'not',
  time: 'not',
  timestamp: 'not',
  timestamptz: 'not',
  uuid: 'not',
  bytea: 'not',
  inet: 'not',
};

/** Whether a value of this kind can hold anything that is searched for. */
export const isScanned = (kind: ValueKind): boolean => scanning[kind] !== 'not';

const uninteresting = 0;
const digit = 1;
const anchor = 2;
/** Stands for what is beyond either end of a value where a byte is looked up in a table. */
const nothing = 256;

interface Armed {
  readonly name: DetectorName;
  readonly detector: Detector;
  readonly transform: TransformName;
  readonly mask: ColumnMask;
}

interface Find {
  readonly armed: Armed;
  readonly start: number;
  readonly end: number;
}

type Tried = readonly Armed[];
const none: Tried = [];

/** Rows of 257: what is tried beside each byte, and beside `nothing`. Rows where nothing ever is are null. */
type Table = (Tried[] | null)[];
const everywhere: readonly number[] = Array.from({ length: nothing + 1 }, (_, byte) => byte);

function add(table: Table, row: number, beside: readonly number[], one: Armed): void {
  const entries = table[row] ?? everywhere.map(() => none);
  for (const byte of beside) {
    const there = entries[byte] ?? none;
    if (!there.includes(one)) entries[byte] = [...there, one];
  }
  table[row] = entries;
}

/**
 * Searches values for what detectors know and masks what it finds. A value is read once: most bytes cost one look
 * into a table, and detectors are asked only at bytes that can belong to a find. One scanner serves all rows of a
 * result.
 */
export class ValueScanner {
  readonly #key: KeyObject;
  readonly #interest = new Uint8Array(256);
  /** By the anchor's byte and then the byte before it. */
  readonly #byAnchor: Table = Array.from({ length: 256 }, () => null);
  /** By the length of a run of digits and then the byte behind it. */
  readonly #byDigitRun: Table = Array.from({ length: maxDigitRun + 1 }, () => null);
  readonly #afterCapital: Tried;
  readonly #names: ReadonlySet<DetectorName>;
  /** Of secrets that nothing tells but the name beside them; null when they are not searched for. */
  readonly #secretMask: ColumnMask | null;
  /** What `#nextCall` has found besides: where they are called, and where to go on. */
  #calledAt = 0;
  #calledUpTo = 0;

  /** When several masks name one detector, the first one's transform holds. */
  constructor(masks: readonly DetectorMask[], key: KeyObject) {
    this.#key = key;
    const armed = detectorNames.flatMap((name): Armed[] => {
      const transform = masks.find((mask) => mask.detector === name)?.transform;
      if (transform === undefined) return [];
      const mask = columnMask(transform, 'text', { key, field: detectedField(name) });
      return [{ name, detector: detectors[name], transform, mask }];
    });
    this.#names = new Set(armed.map(({ name }) => name));
    this.#secretMask = armed.find(({ name }) => name === 'aws-access-key')?.mask ?? null;
    const afterCapital = armed.filter(({ detector }) => detector.digitRuns.includes('after-capital'));
    this.#afterCapital = afterCapital.length === 0 ? none : afterCapital;
    for (const one of armed) this.#arm(one);
  }

  #arm(one: Armed): void {
    for (const text of one.detector.anchors) {
      const byte = text.charCodeAt(text.length - 1);
      this.#interest[byte] = anchor;
      add(this.#byAnchor, byte, text.length === 1 ? everywhere : [text.charCodeAt(0)], one);
    }
    if (one.detector.digitRuns.length > 0) this.#interest.fill(digit, code('0'), code('9') + 1);
    for (const run of one.detector.digitRuns) {
      if (run === 'after-capital') continue;
      const behind = run.followedBy === 'anything' ? everywhere : [...run.followedBy].map(code);
      for (const length of run.lengths) add(this.#byDigitRun, length, behind, one);
    }
  }

  /** Null when nothing was found: the value is to be passed on as it is. */
  scan(value: Buffer, kind: ValueKind): Scanned | null {
    if (value.length < minScannedBytes || !isScanned(kind)) return null;
    const bytes = kind === 'json' ? withoutEscapes(value) : value;
    const first = this.#find(bytes, 0);
    if (first === null) return null;
    return scanning[kind] === 'whole'
      ? this.#maskWhole(bytes, first, kind)
      : this.#maskInside(bytes, first, kind);
  }

  /** Whether this name says that a secret stands beside it, for which `scanNamed` is to be asked. */
  namesSecret(bytes: Buffer, start = 0, end = bytes.length): boolean {
    return this.#secretMask !== null && isSecretName(bytes, start, end);
  }

  /** What stands beside such a name, where it is a secret; null where it is none. */
  scanNamed(text: Buffer): Scanned | null {
    if (this.#secretMask === null || !isSecret(text)) return null;
    const masked = applied(this.#secretMask, text.toString('latin1'));
    return { value: masked === null ? null : Buffer.from(masked), count: 1 };
  }

  /** The first find at or behind `from`, whose transform may also be `null`: then a word stands in its place. */
  next(text: Buffer, from: number): TextFind | null {
    const find = this.#find(text, from);
    if (find === null) return null;
    const { armed, start, end } = find;
    const shown = applied(armed.mask, text.toString('utf8', start, end)) ?? redactedText;
    return { detector: armed.name, start, end, shown };
  }

  /** Whether it searches for what this detector knows. */
  searchesFor(name: DetectorName): boolean {
    return this.#names.has(name);
  }

  /**
   * Whether `scan` surely finds nothing in the text that lies here, as no detector is called for any of its bytes. For texts that are a
   * part of larger bytes: a Buffer of their own would cost more than this look.
   */
  isPlain(bytes: Buffer, start: number, end: number): boolean {
    return end - start < minScannedBytes || this.#nextCall(bytes, start, start, end) === none;
  }

  #find(bytes: Buffer, floor: number): Find | null {
    let from = floor;
    for (;;) {
      const tried = this.#nextCall(bytes, 0, from, bytes.length);
      if (tried === none) return null;
      const index = this.#calledAt;
      from = this.#calledUpTo;
      for (const armed of tried) {
        const span = armed.detector.match(bytes, index, floor);
        if (span !== null && span.start >= floor) return { armed, start: span.start, end: span.end };
      }
    }
  }

  /** Whom to call at the next byte between `from` and `end` that anybody is called for, in the value that begins at `begin`. */
  #nextCall(bytes: Buffer, begin: number, from: number, end: number): Tried {
    const interest = this.#interest;
    let index = from;
    for (;;) {
      index = nextInteresting(bytes, index, end, interest);
      if (index >= end) return none;
      const start = index;
      const byte = bytes[start] ?? 0;
      const before = start === begin ? nothing : (bytes[start - 1] ?? 0);
      let tried: Tried | undefined;
      if (interest[byte] === anchor) {
        index += 1;
        tried = this.#byAnchor[byte]?.[before];
      } else {
        index = digitRunEnd(bytes, start, end);
        const behind = index === end ? nothing : (bytes[index] ?? 0);
        tried = isCapital(before) ? this.#afterCapital : this.#byDigitRun[index - start]?.[behind];
      }
      if (tried === undefined || tried === none) continue;
      this.#calledAt = start;
      this.#calledUpTo = index;
      return tried;
    }
  }

  #maskWhole(bytes: Buffer, { armed }: Find, kind: ValueKind): Scanned {
    const mask = columnMask(armed.transform, kind, { key: this.#key, field: detectedField(armed.name) });
    const masked = applied(mask, bytes.toString('utf8'));
    return { value: masked === null ? null : Buffer.from(masked), count: 1 };
  }

  #maskInside(bytes: Buffer, first: Find, kind: ValueKind): Scanned {
    const numbers = new BareNumbers(bytes, kind);
    const pieces: Buffer[] = [];
    let copied = 0;
    let count = 0;
    for (let find: Find | null = first; find !== null; find = this.#find(bytes, find.end)) {
      const masked = applied(find.armed.mask, bytes.toString('utf8', find.start, find.end));
      if (masked === null && find.start === 0 && find.end === bytes.length) return { value: null, count: 1 };
      const shown = numbers.includes(find) ? '0' : (masked ?? redactedText);
      pieces.push(bytes.subarray(copied, find.start), Buffer.from(shown));
      copied = find.end;
      count += 1;
    }
    pieces.push(bytes.subarray(copied));
    return { value: Buffer.concat(pieces), count };
  }
}

/** The field whose key `hash` uses for finds: the same address found in two columns gives the same pseudonym. */
const detectedField = (name: DetectorName): string => `detected ${name}`;

const applied = (mask: ColumnMask, text: string): string | null =>
  mask.kind === 'constant' ? mask.text : mask.mask(text);

/*
 * These two loops are functions of their own because V8 compiles them three times as fast as inside the larger one.
 * The `?? 0` is for a byte that is always there; a check of the result would cost as much as the loop.
 */

function nextInteresting(bytes: Buffer, from: number, end: number, interest: Uint8Array): number {
  let index = from;
  while (index < end && interest[bytes[index] ?? 0] === uninteresting) index += 1;
  return index;
}

function digitRunEnd(bytes: Buffer, from: number, end: number): number {
  let index = from;
  while (index < end && isDigit(bytes[index] ?? 0)) index += 1;
  return index;
}

const isCapital = (byte: number): boolean => byte >= 0x41 && byte <= 0x5a;

const jsonEscape = /\\(?:u([\dA-Fa-f]{4})|.)/gs;
const quote = '"';
const backslash = '\\';
/**
 * What JSON must keep escaped: controls, quote, backslash; and halves of surrogate pairs, which UTF-8 does not
 * have.
 */
const staysEscaped = /[\p{Cc}\p{Cs}"\\]/u;

/**
 * The same JSON with its `\u0040` written as `@`. Serialisers escape more than they must (.NET writes `\u002B` for
 * a plus, Python all beyond ASCII), and the type `json` keeps the text as it was sent; `jsonb` has no such escapes.
 */
function withoutEscapes(value: Buffer): Buffer {
  if (!value.includes('\\u')) return value;
  const text = value.toString('utf8').replace(jsonEscape, (written, hex: string | undefined) => {
    if (hex === undefined) return written;
    const character = String.fromCharCode(Number.parseInt(hex, 16));
    return staysEscaped.test(character) ? written : character;
  });
  return Buffer.from(text);
}

const beforeNumber = new Set([...':,[{'].map(code));
const afterNumber = new Set([...',]}'].map(code));
const blank = new Set([...' \t\r\n'].map(code));

/**
 * Finds that are numbers of a JSON document or an array, outside any string, and must stay numbers. Asked in order.
 */
class BareNumbers {
  readonly #bytes: Buffer;
  readonly #structured: boolean;
  #read = 0;
  #inString = false;

  constructor(bytes: Buffer, kind: ValueKind) {
    this.#bytes = bytes;
    // JSON is often kept in text columns.
    const first = at(bytes, skipBlanks(bytes, 0, 1));
    this.#structured = kind === 'json' || kind === 'array' || first === code('{') || first === code('[');
  }

  includes({ start, end }: Find): boolean {
    if (!this.#structured) return false;
    this.#readTo(start);
    if (this.#inString) return false;
    for (let index = start; index < end; index += 1) if (!isDigit(at(this.#bytes, index))) return false;
    const before = at(this.#bytes, skipBlanks(this.#bytes, start - 1, -1));
    const after = at(this.#bytes, skipBlanks(this.#bytes, end, 1));
    return (before === -1 || beforeNumber.has(before)) && (after === -1 || afterNumber.has(after));
  }

  #readTo(start: number): void {
    for (; this.#read < start; this.#read += 1) {
      const byte = at(this.#bytes, this.#read);
      if (byte === code(quote)) this.#inString = !this.#inString;
      else if (byte === code(backslash)) this.#read += 1;
    }
  }
}

function skipBlanks(bytes: Buffer, from: number, step: 1 | -1): number {
  let index = from;
  while (blank.has(at(bytes, index))) index += step;
  return index;
}
