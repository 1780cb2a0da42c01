import { isUtf8 } from 'node:buffer';
import type { BodyMasker } from './body-masker.ts';
import { MaskingError } from './errors.ts';
import { HeldBytes } from './held-bytes.ts';
import type { PathNode } from './json-path.ts';
import { JsonPlace } from './json-place.ts';
import {
  backslash,
  bareEnd,
  byteOrderMark,
  closeArray,
  closeObject,
  colon,
  comma,
  documentStart,
  isAscii,
  isBare,
  isBlank,
  isInteger,
  mayBeDocument,
  meaningOf,
  numberForm,
  openArray,
  openObject,
  plainNumber,
  quote,
  recordSeparator,
  stringRunEnd,
  unreadable,
} from './json-tokens.ts';
import type { JsonMask } from './json-values.ts';
import { maxHeldBytes, maxKeyBytes, maxNestedDocuments, maxNumberBytes } from './limits.ts';
import type { ValueScanner } from './scan.ts';
import { SecretNearby } from './secret-nearby.ts';
import { fullMask } from './value-kind.ts';

/** What is masked in JSON documents: fields by path (json-path.ts), and in all other strings, keys and numbers what detectors find. */
export interface JsonPlan {
  readonly paths: PathNode<JsonMask>;
  /** Null when no mask names a detector. */
  readonly scanner: ValueScanner | null;
}

/** How a string is taken: `held` until it can be looked at, `passed` on as it is, or `dropped`, as what stands for it is out already. */
type Taking = 'held' | 'passed' | 'dropped';

const nothing = Buffer.alloc(0);

/**
 * JSON documents, one or any number behind each other (NDJSON, RFC 7464, a watch). What is not masked leaves byte for byte as it came. Keys
 * and strings count as what they mean, whatever escapes they are written with; JSON in a string is masked as JSON. What is no JSON by
 * RFC 8259 is unreadable, since its readers may differ on what it says.
 */
export class JsonMasker implements BodyMasker {
  count = 0;
  readonly #plan: JsonPlan;
  readonly #nesting: number;
  readonly #place: JsonPlace;
  readonly #secret = new SecretNearby();
  /** The depth at which an object was opened that is not shown; 0 while all is. */
  #hiddenFrom = 0;
  #atStart = true;
  #byteOrderMarkBytes = 0;

  #chunk: Buffer = nothing;
  /** Before it, all of the chunk is in `#out`, or is not shown. */
  #from = 0;
  #out: Buffer[] = [];

  /** What is under way, and where in the chunk it begins; what of it came in earlier chunks is held. */
  #token: 'none' | 'string' | 'bare' = 'none';
  #tokenStart = 0;
  readonly #held = new HeldBytes();
  /** Of a string. */
  #taking: Taking = 'held';
  #isKey = false;
  #escaped = false;

  /** @param nesting in how many other documents this one stands, as a string */
  constructor(plan: JsonPlan, root: PathNode<JsonMask> = plan.paths, nesting = 0) {
    this.#plan = plan;
    this.#nesting = nesting;
    this.#place = new JsonPlace(root);
  }

  write(chunk: Buffer): Buffer {
    this.#chunk = chunk;
    this.#from = 0;
    this.#tokenStart = 0;
    let at = 0;
    while (at < chunk.length) {
      if (this.#token === 'string') at = this.#readString(at);
      else if (this.#token === 'bare') at = this.#readBare(at);
      else at = this.#readStructure(at);
    }
    this.#keepToken();
    this.#showTo(chunk.length);
    this.#chunk = nothing;
    return this.#takeOut();
  }

  end(): Buffer {
    // A number at the top ends where the document does.
    this.#tokenStart = 0;
    this.#from = 0;
    if (this.#token === 'bare') this.#endBare(0);
    const isPartOfMark = this.#byteOrderMarkBytes % byteOrderMark.length !== 0;
    if (this.#token !== 'none' || this.#place.depth > 0 || isPartOfMark) unreadable('it broke off');
    return this.#takeOut();
  }

  #takeOut(): Buffer {
    const out = this.#out;
    this.#out = [];
    const [only] = out;
    return only !== undefined && out.length === 1 ? only : Buffer.concat(out);
  }

  #showTo(end: number): void {
    if (this.#hiddenFrom === 0 && end > this.#from) this.#out.push(this.#chunk.subarray(this.#from, end));
    this.#from = Math.max(this.#from, end);
  }

  #put(text: string): void {
    if (this.#hiddenFrom === 0) this.#out.push(Buffer.from(text));
  }

  /** What stands between strings, numbers and literals, up to the beginning of one. */
  #readStructure(start: number): number {
    const chunk = this.#chunk;
    for (let at = start; at < chunk.length; at += 1) {
      const byte = chunk[at] ?? 0;
      if (this.#atStart && this.#isByteOrderMark(byte)) continue;
      if (isBlank(byte)) continue;
      if (byte === quote) {
        this.#beginString(at);
        return this.#readPlainString(at + 1);
      }
      if (isBare(byte)) {
        this.#place.wantValue();
        this.#token = 'bare';
        this.#tokenStart = at;
        return at;
      }
      this.#readSign(byte, at);
    }
    return chunk.length;
  }

  #isByteOrderMark(byte: number): boolean {
    const isNext = byte === byteOrderMark[this.#byteOrderMarkBytes];
    if (isNext) {
      this.#byteOrderMarkBytes += 1;
    } else {
      this.#atStart = false;
      if (this.#byteOrderMarkBytes % byteOrderMark.length !== 0) unreadable('it begins with half a mark');
    }
    return isNext;
  }

  #readSign(byte: number, at: number): void {
    switch (byte) {
      case openObject:
      case openArray:
        return this.#open(byte === openObject, at);
      case closeObject:
      case closeArray:
        return this.#close(byte === closeObject, at);
      case comma:
        return this.#place.comma();
      case colon:
        return this.#place.colon();
      case recordSeparator:
        if (this.#place.depth > 0) unreadable('a document broke off');
        return;
      default:
        unreadable(`the byte ${byte} stands between values`);
    }
  }

  #open(isObject: boolean, at: number): void {
    const { mask } = this.#place;
    this.#place.open(isObject);
    if (isObject && mask !== null && this.#hiddenFrom === 0) {
      this.#showTo(at);
      this.#put(mask.object);
      this.count += 1;
      this.#hiddenFrom = this.#place.depth;
    }
  }

  #close(isObject: boolean, at: number): void {
    const { depth } = this.#place;
    this.#place.close(isObject);
    this.#secret.closed(depth - 1);
    if (this.#hiddenFrom === depth) {
      this.#from = at + 1;
      this.#hiddenFrom = 0;
    }
  }

  #beginString(at: number): void {
    this.#isKey = this.#place.expectsKey;
    if (!this.#isKey) this.#place.wantValue();
    this.#token = 'string';
    this.#tokenStart = at;
    this.#escaped = false;
    this.#taking = this.#takingOfString();
  }

  #takingOfString(): Taking {
    if (this.#hiddenFrom > 0) return 'dropped';
    if (this.#plan.scanner !== null) return 'held';
    // A key tells the way; JSON in a string has a way of its own.
    if (this.#isKey) return this.#place.parent.dead ? 'passed' : 'held';
    return this.#place.mask === null && this.#place.node.dead ? 'passed' : 'held';
  }

  /**
   * Most strings come whole and without an escape, and stay as they are: these are looked at where they lie.
   *
   * @returns up to where it was read: `start` when it is another one, or has to be looked at more closely
   */
  #readPlainString(start: number): number {
    const end = stringRunEnd(this.#chunk, start);
    if (this.#chunk[end] !== quote || this.#taking !== 'held') return start;
    if (this.#isKey ? !this.#isPlainKey(start, end) : !this.#isPlainValue(start, end)) return start;
    this.#token = 'none';
    if (!this.#isKey) this.#place.afterValue();
    return end + 1;
  }

  /** Also finds where the key leads to. */
  #isPlainKey(start: number, end: number): boolean {
    const chunk = this.#chunk;
    if (end - start + 2 > maxKeyBytes) return false;
    if (!isAscii(chunk, start, end) || !this.#isUnsearched(start, end)) return false;
    this.#secret.key(this.#place.depth, this.#isSecretName(start, end));
    if (this.#place.parent.dead) this.#place.afterDeadKey();
    else this.#place.afterKey(chunk.toString('latin1', start, end));
    return true;
  }

  #isPlainValue(start: number, end: number): boolean {
    if (this.#place.mask !== null || end - start + 2 > maxHeldBytes) return false;
    if (mayBeDocument(this.#chunk, start, end)) return false;
    if (this.#secret.isNear || this.#isSecretName(start, end)) return false;
    return (
      this.#plan.scanner === null || (isAscii(this.#chunk, start, end) && this.#isUnsearched(start, end))
    );
  }

  #isSecretName(start: number, end: number): boolean {
    return this.#plan.scanner?.namesSecret(this.#chunk, start, end) ?? false;
  }

  #isUnsearched(start: number, end: number): boolean {
    return this.#plan.scanner?.isPlain(this.#chunk, start, end) ?? true;
  }

  #readString(start: number): number {
    const chunk = this.#chunk;
    let at = start;
    if (this.#escaped) {
      this.#escaped = false;
      at += 1;
    }
    for (;;) {
      at = stringRunEnd(chunk, at);
      if (at >= chunk.length) return chunk.length;
      if (chunk[at] === quote) {
        this.#endString(at + 1);
        return at + 1;
      }
      if (chunk[at] !== backslash) unreadable('a string has a control character in it');
      if (at + 1 === chunk.length) this.#escaped = true;
      at += 2;
    }
  }

  /** The chunk ends, and what is under way goes on in the next one. */
  #keepToken(): void {
    if (this.#token === 'none') return;
    if (this.#token === 'string' && this.#taking !== 'held') {
      if (this.#taking === 'dropped') this.#from = this.#chunk.length;
      return;
    }
    this.#showTo(this.#tokenStart);
    this.#held.append(this.#chunk.subarray(this.#tokenStart));
    this.#from = this.#chunk.length;
    if (this.#token === 'bare') {
      if (this.#held.length > maxNumberBytes) unreadable('a number is too long');
    } else if (this.#isKey && this.#held.length > maxKeyBytes) {
      unreadable('a key is too long');
    } else if (this.#held.length > maxHeldBytes) {
      const shown = this.#longString();
      const held = this.#held.take();
      this.#out.push(shown === null ? held : Buffer.from(shown));
      this.#taking = shown === null ? 'passed' : 'dropped';
    }
  }

  /** What stands for a string that is too long to be looked at; null where nothing has to be looked for. Asked once for each. */
  #longString(): string | null {
    const shown =
      this.#place.mask?.longString ?? (this.#plan.scanner === null ? null : JSON.stringify(fullMask));
    if (shown !== null) this.count += 1;
    return shown;
  }

  /** All of what was under way. */
  #wholeToken(end: number): Buffer {
    const here = this.#chunk.subarray(this.#tokenStart, end);
    if (this.#held.length === 0) return here;
    this.#held.append(here);
    // What is shown of it from here on comes out of what was held.
    this.#tokenStart = end;
    this.#from = end;
    return this.#held.take();
  }

  /** @param shown null leaves it as it came */
  #endToken(token: Buffer, shown: string | null, end: number): void {
    this.#token = 'none';
    if (this.#hiddenFrom > 0) return;
    if (shown === null) {
      // One that came whole is shown with what is around it.
      if (this.#tokenStart === end) this.#out.push(token);
      return;
    }
    this.#showTo(this.#tokenStart);
    this.#put(shown);
    this.#from = end;
  }

  #endString(end: number): void {
    if (this.#taking === 'held') {
      const token = this.#wholeToken(end);
      this.#endToken(token, this.#shownString(token), end);
    } else {
      if (this.#taking === 'dropped') this.#from = end;
      this.#token = 'none';
    }
    if (!this.#isKey) this.#place.afterValue();
    else if (this.#taking !== 'held') this.#place.afterDeadKey();
  }

  /** @param token with its quotes; what is returned has them too */
  #shownString(token: Buffer): string | null {
    if (this.#isKey) {
      if (token.length > maxKeyBytes) unreadable('a key is too long');
      return this.#shownKey(meaningOf(token));
    }
    if (token.length > maxHeldBytes) return this.#longString();
    if (this.#place.mask === null && !mayBeDocument(token, 1, token.length - 1)) return this.#scanned(token);
    const masked = maskedText(
      this.#plan,
      this.#place.node,
      this.#place.mask,
      meaningOf(token),
      this.#nesting,
    );
    if (masked === null) return null;
    this.count += masked.count;
    return masked.text === null ? 'null' : JSON.stringify(masked.text);
  }

  #shownKey(key: string): string | null {
    const { scanner } = this.#plan;
    this.#place.afterKey(key);
    if (scanner === null) return null;
    const text = Buffer.from(key);
    this.#secret.key(this.#place.depth, scanner.namesSecret(text));
    return this.#scannedText(text);
  }

  #scanned(token: Buffer): string | null {
    if (this.#plan.scanner === null) return null;
    if (token.includes(backslash)) return this.#scannedText(Buffer.from(meaningOf(token)));
    if (!isUtf8(token)) unreadable('a string is not UTF-8');
    return this.#scannedText(token.subarray(1, -1));
  }

  #scannedText(text: Buffer): string | null {
    const { scanner } = this.#plan;
    if (scanner === null) return null;
    const named = this.#secret.isNear && !this.#isKey ? scanner.scanNamed(text) : null;
    if (!this.#isKey && scanner.namesSecret(text)) this.#secret.text(this.#place.depth);
    const scanned = named ?? scanner.scan(text, 'text');
    if (scanned === null) return null;
    this.count += scanned.count;
    // A key cannot be null.
    return JSON.stringify(scanned.value?.toString() ?? (this.#isKey ? fullMask : null));
  }

  #readBare(start: number): number {
    const end = bareEnd(this.#chunk, start);
    if (end < this.#chunk.length) this.#endBare(end);
    return end;
  }

  #endBare(end: number): void {
    if (this.#isPlainInteger(end)) {
      this.#token = 'none';
      return this.#place.afterValue();
    }
    const token = this.#wholeToken(end);
    if (token.length > maxNumberBytes) unreadable('a number is too long');
    this.#endToken(token, this.#hiddenFrom > 0 ? null : this.#shownBare(token.toString('latin1')), end);
    this.#place.afterValue();
  }

  #isPlainInteger(end: number): boolean {
    const start = this.#tokenStart;
    if (this.#held.length > 0 || this.#place.mask !== null || end - start > maxNumberBytes) return false;
    return isInteger(this.#chunk, start, end) && (this.#hiddenFrom > 0 || this.#isUnsearched(start, end));
  }

  #shownBare(text: string): string | null {
    if (text === 'null') return null;
    const isBoolean = text === 'true' || text === 'false';
    if (!isBoolean && !numberForm.test(text)) unreadable('there is a word that is no value');
    if (this.#place.mask !== null) {
      this.count += 1;
      return isBoolean ? this.#place.mask.boolean : this.#place.mask.number(text);
    }
    const { scanner } = this.#plan;
    if (isBoolean || scanner === null) return null;
    const scanned = scanner.scan(Buffer.from(plainNumber(text)), 'bigint');
    if (scanned === null) return null;
    this.count += scanned.count;
    return scanned.value?.toString() ?? 'null';
  }
}

export interface MaskedText {
  /** null is null. */
  readonly text: string | null;
  readonly count: number;
}

const beginsObject = /^[\s[]*\{\s*["}]/;

/**
 * A text that stands somewhere in what is masked, at this place: masked itself, or as the JSON that it is, or searched by detectors. Null
 * leaves it as it is.
 */
export function maskedText(
  plan: JsonPlan,
  node: PathNode<JsonMask>,
  mask: JsonMask | null,
  text: string,
  nesting: number,
): MaskedText | null {
  if (mask !== null) return { text: mask.string(text), count: 1 };
  const { scanner } = plan;
  if (documentStart.test(text)) {
    const masked = maskedDocument(plan, node, text, nesting);
    if (masked !== 'no-document') return masked;
    // Half a document: its fields could not be found.
    if (!node.dead && beginsObject.test(text)) return { text: fullMask, count: 1 };
  }
  const scanned = scanner?.scan(Buffer.from(text), 'text') ?? null;
  return scanned === null ? null : { text: scanned.value?.toString() ?? null, count: scanned.count };
}

function maskedDocument(
  plan: JsonPlan,
  node: PathNode<JsonMask>,
  text: string,
  nesting: number,
): MaskedText | null | 'no-document' {
  if (nesting >= maxNestedDocuments) return { text: fullMask, count: 1 };
  const masker = new JsonMasker(plan, node, nesting + 1);
  try {
    const shown = Buffer.concat([masker.write(Buffer.from(text)), masker.end()]);
    return masker.count === 0 ? null : { text: shown.toString(), count: masker.count };
  } catch (error) {
    if (error instanceof MaskingError) return 'no-document';
    throw error;
  }
}
