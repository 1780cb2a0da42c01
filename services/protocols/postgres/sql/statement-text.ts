import { scanSync } from 'libpg-query';
import { InvariantError } from '../../../core/model/errors.ts';

/** Cuts statements out of a text. The parser counts bytes of UTF-8; for ASCII, nearly every text, those are characters. */
export class TextCutter {
  readonly #text: string;
  readonly #bytes: Buffer | null;

  constructor(text: string) {
    this.#text = text;
    const bytes = Buffer.byteLength(text) === text.length ? null : Buffer.from(text);
    this.#bytes = bytes;
  }

  /** A length of 0 reaches to the end. */
  cut(fromByte: number, lengthBytes: number): string {
    const source = this.#bytes ?? this.#text;
    const to = lengthBytes === 0 ? source.length : fromByte + lengthBytes;
    return typeof source === 'string'
      ? source.slice(fromByte, to).trim()
      : source.toString('utf8', fromByte, to).trim();
  }
}

/**
 * The text behind the first of these keywords outside parentheses: of PREPARE p (int) AS ... and DECLARE c CURSOR FOR ....
 * The statement has been parsed, so the keyword is there.
 */
export function textBehind(keyword: 'as' | 'for', text: string): string {
  let open = 0;
  for (const token of scanSync(text).tokens) {
    if (token.text === '(') open += 1;
    else if (token.text === ')') open -= 1;
    // Both words are reserved: a name that is spelled so stands in quotes.
    else if (open === 0 && token.text.toLowerCase() === keyword)
      return new TextCutter(text).cut(token.end, 0);
  }
  throw new InvariantError(`a parsed statement has no ${keyword}`);
}
