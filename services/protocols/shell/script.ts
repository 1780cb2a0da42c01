import { constant, unknownWord, type Word } from './reading.ts';
import { type Redirect, readHereDocuments, readRedirect, type UnreadHereDocument } from './redirects.ts';
import type { Unfolding } from './unfolding.ts';
import { type ReadWord, UnreadableText, Value, WordReader } from './words.ts';

export interface Assignment {
  readonly name: string;
  readonly value: Word;
}

/** One simple command, before what it runs is looked at. */
export interface SimpleCommand {
  readonly assignments: readonly Assignment[];
  readonly words: readonly Word[];
  readonly redirects: readonly Redirect[];
  /** It reads what the command before it in a pipeline writes. */
  readonly piped: boolean;
  readonly source: string;
}

export interface Script {
  readonly commands: readonly SimpleCommand[];
  /** Redirections of groups, loops and subshells. */
  readonly redirects: readonly Redirect[];
  /** Where commands begin in the text, for the second reader. */
  readonly starts: ReadonlySet<number>;
  /** What could not be read, and with it all behind it; null when everything was. */
  readonly unreadable: string | null;
}

const blanks = /(?:[ \t]|\\\n)*/y;
const comment = /#[^\n]*/y;
const assignmentName = /([A-Za-z_][A-Za-z0-9_]*)=/y;
/** bash assigns, dash runs a command of that name. */
const bashAssignment = /[A-Za-z_][A-Za-z0-9_]*(?:\+=|\[[^\]]*\]\+?=)/y;
const functionName = /^[A-Za-z_][A-Za-z0-9_-]*$/;
const reserved = new Set(
  '! { } case do done elif else esac fi for if in then until while function select coproc'.split(' '),
);
const endsList = new Set(['}', 'do', 'done', 'elif', 'else', 'esac', 'fi', 'then']);

/** Reads a text as POSIX XCU 2.10 has it, so far as bash, dash and busybox ash agree on it. */
export function readScript(text: string, unfolding: Unfolding): Script {
  return new ScriptReader(text, unfolding).script();
}

class ScriptReader {
  readonly #words: WordReader;
  readonly #unfolding: Unfolding;
  readonly #commands: SimpleCommand[] = [];
  readonly #redirects: Redirect[] = [];
  readonly #starts = new Set<number>();
  #hereDocuments: UnreadHereDocument[] = [];
  /** Substitutions that are open around this place. */
  #substitutions = 0;

  constructor(text: string, unfolding: Unfolding) {
    this.#unfolding = unfolding;
    this.#words = new WordReader(text, {
      listUntilParenthesis: () => this.#substitution(),
      text: (inner) => unfolding.text(inner),
      opaque: (reason, what) => unfolding.opaque(reason, what),
    });
  }

  script(): Script {
    let unreadable: string | null = null;
    try {
      this.#list();
      if (this.#words.at < this.#words.source.length || this.#hereDocuments.length > 0) this.#words.fail();
    } catch (error) {
      if (!(error instanceof UnreadableText)) throw error;
      unreadable = error.message;
    }
    return { commands: this.#commands, redirects: this.#redirects, starts: this.#starts, unreadable };
  }

  #deeper(read: () => void): void {
    if (!this.#unfolding.deeper(read)) {
      this.#unfolding.opaque('too-large', 'lists within one another');
      this.#words.fail();
    }
  }

  #substitution(): void {
    // Which of the two the next lines belong to depends on the shell.
    if (this.#hereDocuments.length > 0) this.#words.fail();
    this.#substitutions += 1;
    this.#deeper(() => this.#list());
    this.#substitutions -= 1;
    if (this.#hereDocuments.length > 0) this.#words.fail();
    this.#expect(')');
  }

  /** The shell finds the last line of a here-document first, and reads its expansions then. */
  #expandedBody(body: string): Word {
    if (!/[$`\\]/.test(body)) return constant(body);
    const inner = new ScriptReader(body, this.#unfolding);
    const value = new Value(true);
    this.#deeper(() => {
      for (;;) {
        const character = inner.#words.source[inner.#words.at];
        if (character === undefined) break;
        inner.#words.inDoubleQuotes(value, character, true);
      }
    });
    this.#commands.push(...inner.#commands);
    this.#redirects.push(...inner.#redirects);
    return value.word;
  }

  #expect(operator: string): void {
    if (!this.#words.startsWith(operator)) this.#words.fail();
    this.#words.at += operator.length;
  }

  /** Blanks, and a comment when one begins here. */
  #skipBlanks(): void {
    this.#words.match(blanks);
    if (this.#words.startsWith('#')) this.#words.match(comment);
  }

  #skipNewlines(): void {
    for (;;) {
      this.#skipBlanks();
      if (!this.#words.startsWith('\n')) return;
      this.#words.at += 1;
      const unread = this.#hereDocuments;
      this.#hereDocuments = [];
      readHereDocuments(this.#words, unread, this.#substitutions > 0, (body) => this.#expandedBody(body));
    }
  }

  /** The word that begins here, as it is written; nothing is read. */
  #ahead(): string {
    const found = /[^ \t\n|&;<>()]*/y;
    found.lastIndex = this.#words.at;
    return found.exec(this.#words.source)?.[0] ?? '';
  }

  #keyword(word: string): void {
    this.#skipNewlines();
    if (this.#ahead() !== word) this.#words.fail();
    this.#words.at += word.length;
  }

  /** Commands up to the end, a closing parenthesis, `;;`, or a reserved word that ends a list. */
  #list(): void {
    for (;;) {
      this.#skipNewlines();
      const words = this.#words;
      if (words.at >= words.source.length || words.startsWith(')') || words.startsWith(';;')) return;
      if (words.startsWith(';&') || endsList.has(this.#ahead())) return;
      this.#pipelines();
      this.#skipBlanks();
      if (words.startsWith(';;') || words.startsWith(';&')) return;
      if (words.startsWith(';') || words.startsWith('&')) words.at += 1;
      else if (words.at < words.source.length && !words.startsWith('\n') && !words.startsWith(')')) {
        // Behind a group or a loop a reserved word needs no separator.
        if (!endsList.has(this.#ahead())) words.fail();
      }
    }
  }

  /** `a | b && ! c || d` */
  #pipelines(): void {
    let piped = false;
    for (;;) {
      this.#skipBlanks();
      while (this.#ahead() === '!') {
        this.#words.at += 1;
        this.#skipBlanks();
      }
      this.#command(piped);
      this.#skipBlanks();
      const operator = ['&&', '||', '|&', '|'].find((each) => this.#words.startsWith(each));
      if (operator === undefined) return;
      this.#words.at += operator.length;
      piped = operator === '|' || operator === '|&';
      this.#skipNewlines();
    }
  }

  #command(piped: boolean): void {
    const words = this.#words;
    if (words.startsWith('(')) {
      // bash computes, the others run what is in there.
      if (words.startsWith('((')) words.fail();
      words.at += 1;
      this.#deeper(() => this.#list());
      this.#expect(')');
      return this.#trailingRedirects();
    }
    const ahead = this.#ahead();
    if (!reserved.has(ahead)) return this.#simple(piped);
    this.#deeper(() => this.#compound(ahead));
    this.#trailingRedirects();
  }

  #compound(opening: string): void {
    this.#words.at += opening.length;
    switch (opening) {
      case '{':
        this.#list();
        return this.#keyword('}');
      case 'if':
        return this.#if();
      case 'while':
      case 'until':
        this.#list();
        return this.#doGroup();
      case 'for':
      case 'select':
        return this.#for();
      case 'case':
        return this.#case();
      case 'function':
        this.#skipBlanks();
        return this.#function(this.#words.word());
      default:
        this.#words.at -= opening.length;
        return this.#words.fail();
    }
  }

  #doGroup(): void {
    this.#keyword('do');
    this.#list();
    this.#keyword('done');
  }

  #if(): void {
    this.#list();
    this.#keyword('then');
    this.#list();
    const next = this.#ahead();
    if (next === 'elif') {
      this.#words.at += next.length;
      return this.#if();
    }
    if (next === 'else') {
      this.#words.at += next.length;
      this.#list();
    }
    this.#keyword('fi');
  }

  #for(): void {
    this.#skipBlanks();
    const name = this.#words.word();
    if (!name.bare || name.text === null || !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name.text)) this.#words.fail();
    else this.#commands.push(this.#assigned(name.text));
    this.#skipNewlines();
    if (this.#ahead() === 'in') {
      this.#words.at += 2;
      this.#skipBlanks();
      while (!this.#words.startsWith(';') && !this.#words.startsWith('\n')) this.#oneWord();
    }
    this.#skipBlanks();
    if (this.#words.startsWith(';') && !this.#words.startsWith(';;')) this.#words.at += 1;
    this.#doGroup();
  }

  /** A variable that takes values which only the shell at the target knows. */
  #assigned(name: string): SimpleCommand {
    return {
      assignments: [{ name, value: unknownWord }],
      words: [],
      redirects: [],
      piped: false,
      source: `for ${name}`,
    };
  }

  #oneWord(): ReadWord {
    const word = this.#words.word();
    if (word.end === word.start) this.#words.fail();
    this.#skipBlanks();
    return word;
  }

  #case(): void {
    this.#skipBlanks();
    this.#oneWord();
    this.#keyword('in');
    for (;;) {
      this.#skipNewlines();
      if (this.#ahead() === 'esac') break;
      if (this.#words.startsWith('(')) this.#words.at += 1;
      do {
        this.#skipBlanks();
        this.#oneWord();
      } while (this.#accept('|'));
      this.#expect(')');
      this.#list();
      if (!this.#accept(';;&') && !this.#accept(';;') && !this.#accept(';&')) break;
    }
    this.#keyword('esac');
  }

  #accept(operator: string): boolean {
    if (!this.#words.startsWith(operator)) return false;
    this.#words.at += operator.length;
    return true;
  }

  /** A function's body counts as if it ran: what calls it is a command like others, which may have another meaning elsewhere. */
  #function(name: ReadWord): void {
    if (name.text === null || !name.bare || !functionName.test(name.text) || reserved.has(name.text)) {
      this.#words.fail();
    }
    this.#skipBlanks();
    if (this.#accept('(')) {
      this.#skipBlanks();
      this.#expect(')');
    }
    this.#skipNewlines();
    const opening = this.#ahead();
    if (!this.#words.startsWith('(') && (!reserved.has(opening) || opening === '!')) this.#words.fail();
    this.#deeper(() => this.#command(false));
  }

  #trailingRedirects(): void {
    for (;;) {
      this.#skipBlanks();
      const redirect = readRedirect(this.#words, this.#hereDocuments);
      if (redirect === null) break;
      this.#redirects.push(redirect);
    }
    const next = this.#words.source[this.#words.at];
    if (next !== undefined && !'\n;&|)'.includes(next) && !endsList.has(this.#ahead())) this.#words.fail();
  }

  #simple(piped: boolean): void {
    const start = this.#words.at;
    const assignments: Assignment[] = [];
    const words: ReadWord[] = [];
    const redirects: Redirect[] = [];
    let ends = false;
    for (;;) {
      this.#skipBlanks();
      const redirect = readRedirect(this.#words, this.#hereDocuments);
      if (redirect !== null) {
        redirects.push(redirect);
        ends ||= redirect.ends;
        continue;
      }
      const next = this.#words.source[this.#words.at];
      if (next === undefined || '\n;&|)'.includes(next)) break;
      // `a &> f b` is one command in bash, and two in dash.
      if (ends) this.#words.fail();
      if (next === '(') {
        const [name, ...others] = words;
        if (name === undefined || others.length + assignments.length + redirects.length > 0)
          this.#words.fail();
        else return this.#function(name);
      }
      if (words.length === 0) {
        const assignment = this.#assignment();
        if (assignment !== null) {
          assignments.push(assignment);
          continue;
        }
      }
      const word = this.#words.word();
      // A line that goes on may hide a reserved word or an assignment.
      if (words.length === 0) {
        if (this.#words.source.slice(word.start, word.end).includes('\\\n')) this.#words.fail();
        this.#starts.add(word.start);
      }
      words.push(word);
    }
    if (assignments.length + words.length + redirects.length === 0) this.#words.fail();
    const source = this.#words.source.slice(start, this.#words.at).trim();
    this.#commands.push({ assignments, words, redirects, piped, source });
  }

  #assignment(): Assignment | null {
    if (this.#words.match(bashAssignment) !== null) return this.#words.fail();
    const name = this.#words.match(assignmentName)?.slice(0, -1);
    if (name === undefined) return null;
    if (!this.#words.startsWith('(')) return { name, value: this.#words.word(true) };
    this.#words.at += 1;
    for (;;) {
      this.#skipNewlines();
      if (this.#accept(')')) break;
      // [index]=value evaluates the index.
      if (this.#words.startsWith('[')) this.#words.fail();
      this.#oneWord();
    }
    return { name, value: unknownWord };
  }
}
