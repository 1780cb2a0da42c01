import type { BodyMasker } from './body-masker.ts';
import { secretContextBytes } from './detect/aws-key.ts';
import { type ByteSet, base64urlSet, code, isIn, runEnd } from './detect/bytes.ts';
import { blockEnd, isClosedAtEnd } from './detect/private-key.ts';
import { HeldBytes } from './held-bytes.ts';
import { textOverlapBytes, textPieceBytes } from './limits.ts';
import type { TextFind, ValueScanner } from './scan.ts';
import { redactedText } from './transforms.ts';

const newline = code('\n');
const dashes = '-----';
/** What the only finds without a bound are made of, beside private keys: tokens and keys. */
const tokenSet: ByteSet = Uint8Array.from(base64urlSet);
tokenSet[code('.')] = 1;

/** Longer than the line that closes a private key, wherever it is cut. */
const keptOfBlockBytes = 128;

/**
 * Text in lines. A line is kept back until it is whole, since only private keys go over several; one that is longer than a piece is looked
 * at in pieces that overlap. What has no end (a private key without its last line, a token of 64 KiB) is not shown from its beginning on.
 */
export class TextMasker implements BodyMasker {
  count = 0;
  readonly #scanner: ValueScanner;
  readonly #held = new HeldBytes();
  /** `block`: inside a private key. `run`: inside a token whose beginning was masked. */
  #inside: 'lines' | 'block' | 'run' = 'lines';
  #out: Buffer[] = [];

  constructor(scanner: ValueScanner) {
    this.#scanner = scanner;
  }

  write(chunk: Buffer): Buffer {
    this.#held.append(chunk);
    return this.#read(false);
  }

  end(): Buffer {
    return this.#read(true);
  }

  #read(isLast: boolean): Buffer {
    const text = this.#held.take();
    this.#out = [];
    let at = 0;
    for (;;) {
      const before = at;
      const inside = this.#inside;
      if (inside === 'block') at = this.#skipBlock(text, at, isLast);
      else if (inside === 'run') at = this.#skipRun(text, at);
      else at = this.#showLines(text, at, isLast);
      if (at === before && inside === this.#inside) break;
    }
    this.#held.append(text.subarray(at));
    return Buffer.concat(this.#out);
  }

  /** @returns up to where it was read */
  #skipBlock(text: Buffer, at: number, isLast: boolean): number {
    const rest = text.subarray(at);
    const end = blockEnd(rest, 0);
    if (end < rest.length || isClosedAtEnd(rest)) {
      this.#inside = 'lines';
      return at + end;
    }
    // The line that closes it may be here in half.
    return isLast ? text.length : Math.max(at, text.length - keptOfBlockBytes);
  }

  #skipRun(text: Buffer, at: number): number {
    const end = runEnd(text, at, tokenSet);
    if (end < text.length) this.#inside = 'lines';
    return end;
  }

  #showLines(text: Buffer, start: number, isLast: boolean): number {
    let whole = start;
    while (whole < text.length) {
      const end = text.indexOf(newline, whole) + 1 || (isLast ? text.length : 0);
      const isLong = (end === 0 ? text.length : end) - whole > textPieceBytes;
      if (isLong) return whole === start ? this.#showPiece(text, whole) : this.#showUpTo(text, start, whole);
      if (end === 0) break;
      whole = end;
    }
    return this.#showUpTo(text, start, whole);
  }

  /** Whole lines, none of them too long. */
  #showUpTo(text: Buffer, start: number, end: number): number {
    const lines = text.subarray(start, end);
    let shown = 0;
    for (let find = this.#scanner.next(lines, 0); find !== null; find = this.#scanner.next(lines, find.end)) {
      this.#show(lines.subarray(shown, find.start), find.shown);
      shown = find.end;
      if (find.detector === 'private-key') {
        // It is followed through all that comes, line by line or not.
        this.#inside = 'block';
        return start + afterOpening(lines, find);
      }
    }
    this.#out.push(lines.subarray(shown));
    return end;
  }

  /** The beginning of a line that is too long, up to where nothing that was found, or could be, is cut in two. */
  #showPiece(text: Buffer, start: number): number {
    const piece = text.subarray(start, start + textPieceBytes);
    const finds: TextFind[] = [];
    for (let find = this.#scanner.next(piece, 0); find !== null; find = this.#scanner.next(piece, find.end)) {
      finds.push(find);
      if (find.detector === 'private-key') break;
    }
    let cut = piece.length - textOverlapBytes;
    while (cut > 0 && isIn(tokenSet, piece[cut - 1] ?? 0)) cut -= 1;
    for (const { detector, start: from, end } of finds.toReversed()) {
      // What is found by its name must be seen with it, in this piece or in the next one.
      const begin = detector === 'aws-access-key' ? from - secretContextBytes : from;
      if (begin < cut && end > cut) cut = begin > 0 ? begin : Math.min(cut, from);
    }
    let shown = 0;
    for (const find of finds) {
      if (find.detector === 'private-key' && find.start <= cut) {
        this.#show(piece.subarray(shown, find.start), find.shown);
        this.#inside = 'block';
        return start + afterOpening(piece, find);
      }
      if (find.end > cut) break;
      this.#show(piece.subarray(shown, find.start), find.shown);
      shown = find.end;
    }
    if (cut === 0) {
      const [first] = finds;
      if (first?.start === 0 && first.end < piece.length) {
        this.#show(piece.subarray(0, 0), first.shown);
        return start + first.end;
      }
      this.#show(piece.subarray(0, 0), redactedText);
      this.#inside = 'run';
      return start;
    }
    this.#out.push(piece.subarray(shown, cut));
    return start + cut;
  }

  #show(before: Buffer, masked: string): void {
    this.#out.push(before, Buffer.from(masked));
    this.count += 1;
  }
}

/** Where the key itself begins, behind the line `-----BEGIN label-----`. */
const afterOpening = (text: Buffer, { start }: TextFind): number =>
  text.indexOf(dashes, start + dashes.length) + dashes.length;
