/** How much work a text will be, found in one pass without recursion, before the parser sees it. */
export interface Measure {
  /**
   * Tokens, never fewer than the parser sees. `(a, b) = (...)` counts its right side once for each column on its left,
   * since the parser's tree repeats it: 600 bytes of such assignments within one another make gigabytes.
   */
  readonly tokens: number;
  /** Parentheses and brackets open at once, at most. */
  readonly nesting: number;
  readonly statements: number;
}

/** An open parenthesis, and what a token within it weighs. */
interface Level {
  commas: number;
  /** What a token weighs because of the assignments around this parenthesis. */
  readonly weight: number;
  /** Columns of the assignment whose right side is being read at this level. */
  assigned: number;
}

const digit = /[0-9]/;
/** Flex's ident_start and ident_cont (src/backend/parser/scan.l): every character beyond ASCII is a letter. */
const identifier = /[A-Za-z_\u0080-\uffff][A-Za-z_\u0080-\uffff0-9$]*/y;
const number = /[0-9][A-Za-z_\u0080-\uffff0-9]*(?:\.[0-9][A-Za-z_\u0080-\uffff0-9]*)?/y;
const dollarQuote = /\$(?:[A-Za-z_\u0080-\uffff][A-Za-z_\u0080-\uffff0-9]*)?\$/y;
const lineEnd = /[\n\r]/g;
const commentEdge = /\/\*|\*\//g;
const singleQuote = /'/g;
const doubleQuote = /"/g;
const quoteOrBackslash = /['\\]/g;
/** Whitespace with a line break in it, comments included: a quote behind it continues the literal before it. */
const continuation = /[ \t\f\v]*(?:--[^\n\r]*)?[\n\r](?:[ \t\n\r\f\v]|--[^\n\r]*[\n\r])*'/y;

/** Follows PostgreSQL's lexer with standard_conforming_strings on: where a literal or comment ends decides what counts. */
export function measure(text: string): Measure {
  const scanner = new Scanner(text);
  scanner.run();
  return { tokens: scanner.tokens, nesting: scanner.nesting, statements: scanner.statements };
}

class Scanner {
  tokens = 0;
  nesting = 0;
  statements = 1;
  readonly #text: string;
  #at = 0;
  readonly #levels: Level[] = [];
  #level: Level = { commas: 0, weight: 1, assigned: 1 };
  /** Items of the parenthesis that was closed by the token before this one; 0 when it was something else. */
  #closed = 0;

  constructor(text: string) {
    this.#text = text;
  }

  run(): void {
    const text = this.#text;
    while (this.#at < text.length) {
      const character = text[this.#at] ?? '';
      switch (character) {
        case ' ':
        case '\t':
        case '\n':
        case '\r':
        case '\f':
        case '\v':
          this.#at += 1;
          continue;
        case '-':
          if (text[this.#at + 1] === '-') this.#skipLine();
          else this.#operator();
          continue;
        case '/':
          if (text[this.#at + 1] === '*') this.#skipComment();
          else this.#operator();
          continue;
        case "'":
          this.#literal(false);
          continue;
        case '"':
          this.#skipQuoted('"');
          this.#count(0);
          continue;
        case '$':
          this.#dollar();
          continue;
        case '(':
        case '[':
          this.#count();
          this.#open();
          continue;
        case ')':
        case ']':
          this.#count();
          this.#close();
          continue;
        case ',':
          this.#count();
          this.#level.commas += 1;
          this.#level.assigned = 1;
          continue;
        case ';':
          this.#count();
          this.statements += 1;
          this.#level.assigned = 1;
          continue;
        case '=':
          this.#equals();
          continue;
        default:
          if (digit.test(character)) this.#word(number);
          else if (!this.#word(identifier)) this.#operator();
      }
    }
  }

  #count(characters = 1): void {
    this.#at += characters;
    this.tokens += this.#level.weight * this.#level.assigned;
    this.#closed = 0;
  }

  /** Operators of several characters count several times: more than the parser sees is on the safe side. */
  #operator(): void {
    this.#count();
  }

  #open(): void {
    this.#levels.push(this.#level);
    if (this.#levels.length > this.nesting) this.nesting = this.#levels.length;
    this.#level = { commas: 0, weight: this.#level.weight * this.#level.assigned, assigned: 1 };
  }

  #close(): void {
    const items = this.#level.commas + 1;
    this.#level = this.#levels.pop() ?? this.#level;
    this.#closed = items;
  }

  #equals(): void {
    const assigned = this.#closed;
    this.#count();
    // A comparison of rows looks the same; it then counts too much, up to the next comma.
    if (assigned > this.#level.assigned) this.#level.assigned = assigned;
  }

  #word(expression: RegExp): boolean {
    const from = this.#at;
    expression.lastIndex = from;
    if (!expression.test(this.#text)) return false;
    const word = this.#text.slice(from, expression.lastIndex);
    if (this.#text[expression.lastIndex] === "'" && (word === 'E' || word === 'e')) {
      this.#at = expression.lastIndex;
      this.#literal(true);
    } else {
      this.#count(expression.lastIndex - from);
    }
    return true;
  }

  #skipLine(): void {
    this.#at = this.#find(lineEnd);
  }

  /** PostgreSQL's comments nest. */
  #skipComment(): void {
    let open = 0;
    do {
      const at = this.#find(commentEdge);
      open += this.#text[at] === '/' ? 1 : -1;
      this.#at = at + 2;
    } while (open > 0 && this.#at < this.#text.length);
  }

  /** Where the expression matches next; the end of the text when it does not. */
  #find(expression: RegExp): number {
    expression.lastIndex = this.#at;
    return expression.exec(this.#text)?.index ?? this.#text.length;
  }

  /** A literal with all its continuation lines, which keep the kind (E'' or not) of the first. */
  #literal(escapes: boolean): void {
    for (;;) {
      this.#skipQuoted("'", escapes);
      continuation.lastIndex = this.#at;
      if (!continuation.test(this.#text)) break;
      this.#at = continuation.lastIndex - 1;
    }
    this.#count(0);
  }

  /** From one quote to behind the other. */
  #skipQuoted(quote: string, escapes = false): void {
    const edge = quote === '"' ? doubleQuote : escapes ? quoteOrBackslash : singleQuote;
    this.#at += 1;
    while (this.#at < this.#text.length) {
      const at = this.#find(edge);
      const isClosing = this.#text[at] === quote && this.#text[at + 1] !== quote;
      this.#at = at + (isClosing ? 1 : 2);
      if (isClosing) return;
    }
  }

  #dollar(): void {
    dollarQuote.lastIndex = this.#at;
    if (!dollarQuote.test(this.#text)) {
      this.#count();
      return;
    }
    const tag = this.#text.slice(this.#at, dollarQuote.lastIndex);
    const end = this.#text.indexOf(tag, dollarQuote.lastIndex);
    this.#count((end < 0 ? this.#text.length : end + tag.length) - this.#at);
  }
}
