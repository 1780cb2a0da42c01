import {
  maxExpressionCharacters,
  maxExpressionInputCharacters,
  maxExpressionInstructions,
} from '../limits.ts';

/** One step of the machine. `next` and `other` are indexes of instructions. */
type Instruction =
  | { readonly kind: 'character'; readonly matches: (character: string) => boolean }
  | { readonly kind: 'start' }
  | { readonly kind: 'end' }
  | { readonly kind: 'fork'; next: number; other: number }
  | { readonly kind: 'jump'; next: number };

/** What a parsed piece of the pattern is, before repetitions are written out. */
type Node =
  | { readonly kind: 'character'; readonly matches: (character: string) => boolean }
  | { readonly kind: 'start' | 'end' }
  | { readonly kind: 'sequence'; readonly items: readonly Node[] }
  | { readonly kind: 'choice'; readonly branches: readonly Node[] }
  | { readonly kind: 'repeat'; readonly item: Node; readonly least: number; readonly most: number | null };

const notSupported = (what: string): RangeError =>
  new RangeError(`${what} cannot be matched in linear time and are not supported`);

const tooLarge = (): RangeError => new RangeError('it is too large once its repetitions are written out');

/** The largest number that `#seen` holds. */
const maxStep = 2 ** 32 - 1;

const asciiCharacters = Array.from({ length: 128 }, (_, code) => String.fromCharCode(code));

/** `source` is an escape, a class or `.`, in JavaScript's syntax; JavaScript says what it matches. */
function characterMatcher(source: string): (character: string) => boolean {
  const expression = new RegExp(`^${source}$`, 'su');
  const ascii = new Set(asciiCharacters.filter((character) => expression.test(character)));
  return (character) => (character < '\x80' ? ascii.has(character) : expression.test(character));
}

/** Reads a pattern that `new RegExp(pattern, 'su')` has accepted, so it need not look for mistakes of syntax. */
class Parser {
  readonly #pattern: string;
  #at = 0;

  constructor(pattern: string) {
    this.#pattern = pattern;
  }

  choice(): Node {
    const branches = [this.#sequence()];
    while (this.#take('|')) branches.push(this.#sequence());
    const [only] = branches;
    return branches.length === 1 && only !== undefined ? only : { kind: 'choice', branches };
  }

  #sequence(): Node {
    const items: Node[] = [];
    while (this.#at < this.#pattern.length && !this.#sees('|') && !this.#sees(')')) {
      items.push(this.#repeated(this.#item()));
    }
    return { kind: 'sequence', items };
  }

  #repeated(item: Node): Node {
    const bounds = this.#match(/[*+?]|\{(\d+)(,(\d*))?\}/y);
    if (bounds === null) return item;
    // A lazy quantifier prefers another match, but the whole value matches with it or without it.
    this.#take('?');
    const [sign, least = '', comma, most = ''] = bounds;
    if (sign === '*') return { kind: 'repeat', item, least: 0, most: null };
    if (sign === '+') return { kind: 'repeat', item, least: 1, most: null };
    if (sign === '?') return { kind: 'repeat', item, least: 0, most: 1 };
    const atMost = comma === undefined ? Number(least) : most === '' ? null : Number(most);
    return { kind: 'repeat', item, least: Number(least), most: atMost };
  }

  #item(): Node {
    if (this.#take('^')) return { kind: 'start' };
    if (this.#take('$')) return { kind: 'end' };
    if (this.#sees('(')) return this.#group();
    if (this.#sees('\\')) return this.#escape();
    // In `u` mode a `[` within a class is escaped, so the first bare `]` ends it.
    const source = this.#match(/\[(?:\\.|[^\]\\])*\]|\./suy)?.[0];
    if (source !== undefined) return { kind: 'character', matches: characterMatcher(source) };
    const literal = String.fromCodePoint(this.#pattern.codePointAt(this.#at) ?? 0);
    this.#at += literal.length;
    return { kind: 'character', matches: (character) => character === literal };
  }

  #group(): Node {
    if (this.#match(/\(\?<?[=!]/y) !== null) throw notSupported('lookaheads and lookbehinds');
    if (this.#match(/\(\?[ims-]+:/y) !== null) throw new RangeError('flags in groups are not supported');
    this.#match(/\((?:\?:|\?<[^>]*>)?/y);
    const node = this.choice();
    this.#take(')');
    return node;
  }

  #escape(): Node {
    if (this.#match(/\\[bB]/y) !== null) throw new RangeError('\\b and \\B are not supported');
    if (this.#match(/\\(?:[1-9]|k<)/y) !== null) throw notSupported('references to groups');
    const source = this.#match(
      /\\(?:[pP]\{[^}]*\}|u\{[^}]*\}|u[dD][89abAB]..\\u[dD][c-fC-F]..|u[\da-fA-F]{4}|x[\da-fA-F]{2}|c[a-zA-Z]|.)/suy,
    );
    return { kind: 'character', matches: characterMatcher(source?.[0] ?? '') };
  }

  #sees(character: string): boolean {
    return this.#pattern[this.#at] === character;
  }

  #take(character: string): boolean {
    if (!this.#sees(character)) return false;
    this.#at += 1;
    return true;
  }

  /** `expression` is sticky. */
  #match(expression: RegExp): RegExpExecArray | null {
    expression.lastIndex = this.#at;
    const found = expression.exec(this.#pattern);
    if (found !== null) this.#at += found[0].length;
    return found;
  }
}

/**
 * A regular expression in JavaScript's syntax (flags `s` and `u`) that must match a whole text, and that always takes
 * time linear in it: Thompson's construction (Communications of the ACM 11/6, 1968). JavaScript's own engine backtracks,
 * and what an agent sends as a parameter would choose how long; checkers of patterns (safe-regex2, which is among our
 * dependencies' dependencies) look only at nested stars and let `a*a*a*b` and `(a|a)*` through.
 *
 * Lookarounds, references to groups, `\b` and flags in groups are not supported.
 */
export class LinearExpression {
  readonly pattern: string;
  readonly #program: Instruction[] = [];
  #emitted = 0;
  /** Room for the machine to run in, kept because a match would else be mostly allocation. Nothing here is awaited. */
  readonly #threads: Uint16Array;
  readonly #nextThreads: Uint16Array;
  readonly #seen: Uint32Array;
  readonly #open: number[] = [];
  #step = 0;

  /** @throws RangeError or SyntaxError, with a sentence for the person who wrote the pattern. */
  constructor(pattern: string) {
    this.pattern = pattern;
    if (pattern.length > maxExpressionCharacters) {
      throw new RangeError(`it is longer than ${maxExpressionCharacters} characters`);
    }
    // JavaScript finds every mistake of syntax, in words that people know.
    void new RegExp(pattern, 'su');
    this.#emit(new Parser(pattern).choice());
    this.#threads = new Uint16Array(this.#program.length);
    this.#nextThreads = new Uint16Array(this.#program.length);
    this.#seen = new Uint32Array(this.#program.length + 1);
  }

  /** Null when the text is too long to look into. */
  matches(text: string): boolean | null {
    if (text.length > maxExpressionInputCharacters) return null;
    const size = this.#program.length;
    let from = this.#threads;
    let to = this.#nextThreads;
    let count = this.#follow(0, from, this.#newStep(), true, text.length === 0);
    let at = 0;
    for (const character of text) {
      if (count === 0) return false;
      at += character.length;
      const step = this.#newStep();
      let reached = 0;
      for (let thread = 0; thread < count; thread += 1) {
        const index = from[thread] ?? 0;
        const instruction = this.#program[index];
        if (instruction?.kind === 'character' && instruction.matches(character)) {
          reached = this.#follow(index + 1, to, step, false, at === text.length, reached);
        }
      }
      count = reached;
      [from, to] = [to, from];
    }
    return this.#seen[size] === this.#step;
  }

  /** Steps are numbered, so that `#seen` need not be cleared for each. */
  #newStep(): number {
    this.#step = this.#step >= maxStep ? 1 : this.#step + 1;
    if (this.#step === 1) this.#seen.fill(0);
    return this.#step;
  }

  /** Adds every instruction that is reached from `index` without reading a character; gives how many there are then. */
  #follow(
    index: number,
    threads: Uint16Array,
    step: number,
    atStart: boolean,
    atEnd: boolean,
    known = 0,
  ): number {
    let count = known;
    const open = this.#open;
    open.push(index);
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (this.#seen[next] === step) continue;
      this.#seen[next] = step;
      const instruction = this.#program[next];
      // The index after the last instruction is the end of the pattern: marked as seen, and nothing more to do.
      if (instruction === undefined) continue;
      switch (instruction.kind) {
        case 'character':
          threads[count] = next;
          count += 1;
          break;
        case 'start':
          if (atStart) open.push(next + 1);
          break;
        case 'end':
          if (atEnd) open.push(next + 1);
          break;
        case 'jump':
          open.push(instruction.next);
          break;
        case 'fork':
          open.push(instruction.other, instruction.next);
          break;
      }
    }
    return count;
  }

  #add<Kind extends Instruction>(instruction: Kind): Kind {
    if (this.#program.length >= maxExpressionInstructions) throw tooLarge();
    this.#program.push(instruction);
    return instruction;
  }

  #emit(node: Node): void {
    // Counted beside the instructions, since `(((){999}){999}){999}` has none.
    this.#emitted += 1;
    if (this.#emitted > 10 * maxExpressionInstructions) throw tooLarge();
    switch (node.kind) {
      case 'character':
      case 'start':
      case 'end':
        this.#add(node);
        return;
      case 'sequence':
        for (const item of node.items) this.#emit(item);
        return;
      case 'choice':
        this.#emitChoice(node.branches);
        return;
      case 'repeat':
        this.#emitRepeat(node.item, node.least, node.most);
        return;
    }
  }

  #emitChoice(branches: readonly Node[]): void {
    const jumps: { next: number }[] = [];
    for (const [index, branch] of branches.entries()) {
      if (index === branches.length - 1) {
        this.#emit(branch);
        break;
      }
      const fork = this.#add({ kind: 'fork', next: this.#program.length + 1, other: 0 });
      this.#emit(branch);
      jumps.push(this.#add({ kind: 'jump', next: 0 }));
      fork.other = this.#program.length;
    }
    for (const jump of jumps) jump.next = this.#program.length;
  }

  #emitRepeat(item: Node, least: number, most: number | null): void {
    for (let count = 0; count < least; count += 1) this.#emit(item);
    if (most === null) {
      const start = this.#program.length;
      const fork = this.#add({ kind: 'fork', next: start + 1, other: 0 });
      this.#emit(item);
      this.#add({ kind: 'jump', next: start });
      fork.other = this.#program.length;
      return;
    }
    const forks: { other: number }[] = [];
    for (let count = least; count < most; count += 1) {
      forks.push(this.#add({ kind: 'fork', next: this.#program.length + 1, other: 0 }));
      this.#emit(item);
    }
    for (const fork of forks) fork.other = this.#program.length;
  }
}
