import { isLocalName } from './environment.ts';
import type { ShellOpaqueReason, Word } from './reading.ts';

/** The text cannot be read from here on. */
export class UnreadableText extends Error {}

/** What words need of the reader of commands: substitutions hold whole command lists. */
export interface Substitutions {
  /** Reads commands up to the `)` that closes them, and it. */
  listUntilParenthesis(): void;
  /** A text of its own, as in backticks. */
  text(text: string): void;
  opaque(reason: ShellOpaqueReason, what: string): void;
}

export interface ReadWord extends Word {
  readonly start: number;
  readonly end: number;
  /** Nothing of it was quoted or expanded: what stands there is what it is. */
  readonly bare: boolean;
}

const endsWord = new Set([' ', '\t', '\n', '|', '&', ';', '<', '>', '(', ')']);
const parameter = /[A-Za-z_][A-Za-z0-9_]*|[0-9@*#?$!-]/y;
/** A number whatever happens; IFS, which could split it, is not set in silence. */
const numericParameters = new Set(['?', '#', '$', '!']);
const ansiString = /'(?:[^'\\]|\\.)*'/sy;
const backticks = /`(?:[^`\\]|\\.)*`/sy;
const bracedParameter = /#?(?:[A-Za-z_][A-Za-z0-9_]*|[0-9]+|[@*#?$!-])/y;
/** What may stand behind the name in `${name...}`, with a word after it. */
const parameterOperator = /:?[-=+?]|##?|%%?|\/[/#%]?|\^\^?|,,?/y;
const constantSubstring = /: ?-?[0-9]{1,9}(?::-?[0-9]{1,9})?\}/y;
const constantSubscript = /\[(?:[@*]|[0-9]{1,9})\]/y;

/**
 * Reads the words of a shell's text: quotes, escapes and expansions as in POSIX XCU 2.2 and 2.6, so far as bash, dash and busybox ash
 * agree. Where they do not, or where this reader does not know, it throws UnreadableText rather than guess.
 */
export class WordReader {
  readonly source: string;
  at: number;
  readonly #substitutions: Substitutions;

  constructor(source: string, substitutions: Substitutions) {
    this.source = source;
    this.at = 0;
    this.#substitutions = substitutions;
  }

  fail(): never {
    throw new UnreadableText(this.source.slice(this.at) || 'the end of the text');
  }

  match(pattern: RegExp): string | null {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.source)?.[0] ?? null;
    if (found !== null) this.at += found.length;
    return found;
  }

  startsWith(text: string): boolean {
    return this.source.startsWith(text, this.at);
  }

  /** A word that starts here, up to the first blank or operator that is not quoted. `isValue`: of an assignment. */
  word(isValue = false): ReadWord {
    const start = this.at;
    const value = new Value(isValue);
    if (this.startsWith('~')) value.unknown(false);
    while (this.at < this.source.length) {
      const character = this.source.charAt(this.at);
      const opensSubstitution = (character === '<' || character === '>') && this.source[this.at + 1] === '(';
      if (endsWord.has(character) && !opensSubstitution) break;
      this.#unquoted(value, character);
    }
    const raw = this.source.slice(start, this.at);
    // dash and ash leave braces alone; bash makes several words of them.
    if (/\{.*(?:,|\.\.)/s.test(raw)) value.unknown(true);
    if (isValue && /(?:^|[:=])~/.test(raw)) value.unknown(false);
    return { ...value.word, start, end: this.at, bare: value.bare };
  }

  #unquoted(value: Value, character: string): void {
    switch (character) {
      case '\\': {
        const next = this.source[this.at + 1];
        if (next === undefined) return this.fail();
        this.at += 2;
        if (next === '\n') return;
        value.bare = false;
        value.add(next);
        return;
      }
      case "'": {
        const end = this.source.indexOf("'", this.at + 1);
        if (end < 0) return this.fail();
        value.add(this.source.slice(this.at + 1, end));
        value.bare = false;
        this.at = end + 1;
        return;
      }
      case '"':
        value.bare = false;
        this.at += 1;
        return this.#quoted(value);
      case '<':
      case '>':
        this.at += 2;
        value.unknown(false);
        return this.#substitutions.listUntilParenthesis();
      case '$':
        if (this.source[this.at + 1] === "'") return this.#ansi(value);
        if (this.source[this.at + 1] === '"') {
          // bash translates it, dash keeps the dollar.
          value.unknown(false);
          this.at += 1;
          return;
        }
        return this.#dollar(value, false);
      case '`':
        return this.#backticks(value, false);
      case '*':
      case '?':
      case '[':
        // The test command's own name is a pattern too, but one that nobody means.
        if (character !== '[' || !this.#isTestCommand()) value.unknown(true);
        value.add(character);
        this.at += 1;
        return;
      default:
        value.add(character);
        this.at += 1;
    }
  }

  #isTestCommand(): boolean {
    const around = [this.source[this.at - 1] ?? ' ', this.source[this.at + 1] ?? ' '];
    return around.every((character) => endsWord.has(character)) || this.#isDoubleBracket();
  }

  #isDoubleBracket(): boolean {
    const start = this.source[this.at - 1] === '[' ? this.at - 1 : this.at;
    const around = [this.source[start - 1] ?? ' ', this.source[start + 2] ?? ' '];
    return this.source.startsWith('[[', start) && around.every((character) => endsWord.has(character));
  }

  /** Up to the closing double quote, and it. */
  #quoted(value: Value): void {
    value.present();
    for (;;) {
      const character = this.source[this.at];
      if (character === undefined) return this.fail();
      if (character === '"') {
        this.at += 1;
        return;
      }
      this.inDoubleQuotes(value, character);
    }
  }

  /** One piece of what double quotes or a here-document hold. */
  inDoubleQuotes(value: Value, character: string, inHereDocument = false): void {
    if (character === '$') return this.#dollar(value, true);
    if (character === '`') return this.#backticks(value, true);
    const next = this.source[this.at + 1];
    if (character === '\\' && next !== undefined && (inHereDocument ? '$`\\\n' : '$`"\\\n').includes(next)) {
      if (next !== '\n') value.add(next);
      this.at += 2;
      return;
    }
    value.add(character);
    this.at += 1;
  }

  /** `$'...'`: escapes in bash, a dollar and a quoted text in dash, which ends it elsewhere when there is an escaped quote. */
  #ansi(value: Value): void {
    this.at += 1;
    const text = this.match(ansiString);
    if (text === null || text.includes("\\'")) return this.fail();
    value.unknown(false);
  }

  #dollar(value: Value, quoted: boolean): void {
    const start = this.at;
    this.at += 1;
    if (this.startsWith('((')) {
      value.unknown(!quoted);
      return this.#arithmetic();
    }
    if (this.startsWith('(')) {
      this.at += 1;
      value.unknown(!quoted);
      return this.#substitutions.listUntilParenthesis();
    }
    if (this.startsWith('{')) {
      this.at += 1;
      return this.#braced(value, start, quoted);
    }
    // $[...] is arithmetic in bash only; a line that goes on could hide what follows the dollar.
    if (this.startsWith('[') || this.startsWith('\\\n')) return this.fail();
    const name = this.match(parameter);
    if (name === null) value.add('$');
    else value.unknown(name === '@' || (!quoted && !numericParameters.has(name)));
  }

  #backticks(value: Value, quoted: boolean): void {
    const text = this.match(backticks);
    if (text === null) return this.fail();
    const inner = text.slice(1, -1);
    // Whether \" within quotes within backticks is a quote depends on the shell.
    if (quoted && inner.includes('\\"')) return this.fail();
    value.unknown(!quoted);
    this.#substitutions.text(inner.replaceAll(/\\([$`\\])/g, '$1'));
  }

  /**
   * `$((...))` with numbers alone is a number. A variable's value is evaluated again in bash, and may run a command there:
   * x='a[$(id)]'. `$((a) b)` is a subshell in a substitution, and is told apart differently by shells.
   */
  #arithmetic(): void {
    const start = this.at - 1;
    this.at += 2;
    let open = 0;
    let evaluates = false;
    for (;;) {
      const character = this.source[this.at];
      if (character === undefined) return this.fail();
      if (character === '(') open += 1;
      else if (character === ')') {
        if (open === 0) break;
        open -= 1;
      } else if (character === '$') {
        this.at += 1;
        const name = this.match(parameter);
        if (name === null) return this.fail();
        if (!numericParameters.has(name)) evaluates = true;
        continue;
      } else if (/[A-Za-z_]/.test(character)) evaluates = true;
      else if (!/[0-9 \t\n+\-*/%<>=!&|^~?:,]/.test(character)) return this.fail();
      this.at += 1;
    }
    if (!this.startsWith('))')) return this.fail();
    this.at += 2;
    if (evaluates) this.#substitutions.opaque('dynamic-text', this.source.slice(start, this.at));
  }

  #braced(value: Value, start: number, quoted: boolean): void {
    const dynamic = (): void => this.#substitutions.opaque('dynamic-text', this.source.slice(start, this.at));
    // ${!x} evaluates what x holds.
    if (/!(?!\})/y.test(this.source.slice(this.at, this.at + 2))) {
      this.at += 1;
      if (this.match(bracedParameter) === null) return this.fail();
      this.match(constantSubscript);
      if (this.match(/\}/y) === null) return this.fail();
      value.unknown(true);
      return dynamic();
    }
    const name = this.match(bracedParameter);
    if (name === null) return this.fail();
    const subscript = this.match(constantSubscript);
    const many = !quoted || name === '@' || subscript !== null;
    value.unknown(many);
    if (this.match(/\}/y) !== null || this.match(constantSubstring) !== null) return;
    if (this.match(/@[A-Za-z]\}/y) !== null) return dynamic();
    const operator = this.match(parameterOperator);
    if (operator === null) return this.fail();
    if (operator.endsWith('=') && !isLocalName(name)) {
      this.#substitutions.opaque('environment', this.source.slice(start, this.at));
    }
    for (;;) {
      const character = this.source[this.at];
      // What quotes and braces mean here differs between shells.
      if (character === undefined || `'"\\{`.includes(character)) return this.fail();
      if (character === '}') break;
      if ((character === '<' || character === '>') && this.source[this.at + 1] === '(') return this.fail();
      this.inDoubleQuotes(new Value(false), character);
    }
    this.at += 1;
  }
}

/** What a word is so far. */
export class Value {
  #head = '';
  #isKnown = true;
  #many = false;
  readonly #isValue: boolean;
  bare = true;

  constructor(isValue: boolean) {
    this.#isValue = isValue;
  }

  add(text: string): void {
    if (this.#isKnown) this.#head += text;
  }

  /** There is a word here, though it may hold nothing: `""`. */
  present(): void {
    this.bare = false;
  }

  /** Nothing is split in the value of an assignment. */
  unknown(many: boolean): void {
    this.#isKnown = false;
    this.#many ||= many && !this.#isValue;
    this.bare = false;
  }

  get word(): Word {
    return { text: this.#isKnown ? this.#head : null, many: this.#many, head: this.#head };
  }
}
