/**
 * JSON as every parser reads it (RFC 8259), or why there is no such reading. JSON.parse would not tell: it takes the last of two members of
 * one name, where others take the first, and loses digits that a rule or another parser counts.
 */
import { maxJsonDepth, maxJsonValues } from './limits.ts';

export type JsonNode =
  | { readonly kind: 'object'; readonly members: ReadonlyMap<string, JsonNode> }
  | { readonly kind: 'array'; readonly items: readonly JsonNode[] }
  | { readonly kind: 'string'; readonly text: string }
  /** As it is written: `1e3`, `-0`, `12345678901234567890`. */
  | { readonly kind: 'number'; readonly text: string }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'null' };

/** Why it is not one document that all parsers read alike, as a sentence goes on after "it". */
export interface NotJson {
  readonly fault: string;
}

/** Ends the reading from any depth. */
class Fault extends Error {}

export function readJson(bytes: Uint8Array): JsonNode | NotJson {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    // TypeError says no more than that.
    return { fault: 'is not UTF-8' };
  }
  return readJsonText(text);
}

export function readJsonText(text: string): JsonNode | NotJson {
  try {
    return new Reader(text).document();
  } catch (error) {
    if (error instanceof Fault) return { fault: error.message };
    throw error;
  }
}

const number = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const space = /[ \t\n\r]*/y;
/** Up to the end of a string, or the next escape or what may not stand there. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what may not stand there
const plain = /[^"\\\x00-\x1f]*/y;
const escapes: Readonly<Record<string, string>> = {
  ...{ '"': '"', '\\': '\\', '/': '/', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' },
};

/** How many values there are, itself and those within it. */
export function valuesIn(node: JsonNode): number {
  const below = node.kind === 'array' ? node.items : node.kind === 'object' ? node.members.values() : [];
  let count = 1;
  for (const each of below) count += valuesIn(each);
  return count;
}

class Reader {
  readonly #text: string;
  #at = 0;
  #values = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): JsonNode {
    if (this.#text.startsWith('\ufeff')) throw new Fault('begins with a byte order mark');
    const node = this.#value(1);
    this.#match(space);
    if (this.#at < this.#text.length) throw new Fault('goes on after its end');
    return node;
  }

  #value(depth: number): JsonNode {
    this.#values += 1;
    if (this.#values > maxJsonValues) throw new Fault(`has more than ${maxJsonValues} values`);
    if (depth > maxJsonDepth) throw new Fault(`is nested deeper than ${maxJsonDepth} levels`);
    this.#match(space);
    switch (this.#text[this.#at]) {
      case '{':
        return this.#object(depth);
      case '[':
        return this.#array(depth);
      case '"':
        return { kind: 'string', text: this.#string() };
      case 't':
        return this.#word('true', { kind: 'boolean', value: true });
      case 'f':
        return this.#word('false', { kind: 'boolean', value: false });
      case 'n':
        return this.#word('null', { kind: 'null' });
      default: {
        const text = this.#match(number);
        if (text === '') throw new Fault('is not JSON');
        return { kind: 'number', text };
      }
    }
  }

  #object(depth: number): JsonNode {
    const members = new Map<string, JsonNode>();
    this.#at += 1;
    if (this.#next() === '}') return this.#closed({ kind: 'object', members });
    for (;;) {
      if (this.#next() !== '"') throw new Fault('is not JSON');
      const name = this.#string();
      if (members.has(name)) throw new Fault('has a name twice in one object');
      // Setting it changes what other names of the object mean to JavaScript's servers.
      if (name === '__proto__') throw new Fault('has a member __proto__');
      if (this.#next() !== ':') throw new Fault('is not JSON');
      this.#at += 1;
      members.set(name, this.#value(depth + 1));
      if (this.#next() === '}') return this.#closed({ kind: 'object', members });
      this.#comma();
    }
  }

  #array(depth: number): JsonNode {
    const items: JsonNode[] = [];
    this.#at += 1;
    if (this.#next() === ']') return this.#closed({ kind: 'array', items });
    for (;;) {
      items.push(this.#value(depth + 1));
      if (this.#next() === ']') return this.#closed({ kind: 'array', items });
      this.#comma();
    }
  }

  #closed(node: JsonNode): JsonNode {
    this.#at += 1;
    return node;
  }

  #comma(): void {
    if (this.#next() !== ',') throw new Fault('is not JSON');
    this.#at += 1;
  }

  #string(): string {
    this.#at += 1;
    let text = '';
    for (;;) {
      text += this.#match(plain);
      const character = this.#text[this.#at];
      this.#at += 1;
      if (character === '"') break;
      if (character !== '\\') throw new Fault('is not JSON');
      text += this.#escaped();
    }
    // C's strings end at a NUL, and what stands for half a character becomes another one or an error.
    if (text.includes('\0')) throw new Fault('has a NUL in it');
    if (!text.isWellFormed()) throw new Fault('has half of a surrogate pair in it');
    return text;
  }

  #escaped(): string {
    const letter = this.#text[this.#at] ?? '';
    this.#at += 1;
    if (letter !== 'u') {
      const character = escapes[letter];
      if (character === undefined) throw new Fault('is not JSON');
      return character;
    }
    const digits = this.#text.slice(this.#at, this.#at + 4);
    if (!/^[0-9A-Fa-f]{4}$/.test(digits)) throw new Fault('is not JSON');
    this.#at += 4;
    return String.fromCharCode(Number.parseInt(digits, 16));
  }

  #word(word: string, node: JsonNode): JsonNode {
    if (!this.#text.startsWith(word, this.#at)) throw new Fault('is not JSON');
    this.#at += word.length;
    return node;
  }

  /** The next character that counts. */
  #next(): string | undefined {
    this.#match(space);
    return this.#text[this.#at];
  }

  #match(sticky: RegExp): string {
    sticky.lastIndex = this.#at;
    const [found = ''] = sticky.exec(this.#text) ?? [];
    this.#at += found.length;
    return found;
  }
}
