import { constant, type ShellFile, unknownWord, type Word } from './reading.ts';
import type { WordReader } from './words.ts';

export type Redirect =
  | {
      readonly kind: 'file';
      readonly accesses: readonly ShellFile['access'][];
      readonly path: Word;
      readonly isStdin: boolean;
      /** Nothing of the command may follow. */
      readonly ends: boolean;
    }
  /** `2>&1`, `<&-`: no file. */
  | { readonly kind: 'descriptor'; readonly isStdin: boolean; readonly ends: false }
  /** `<(a)` stands behind the operator: its commands are read where it stands. */
  | { readonly kind: 'substitution'; readonly isStdin: boolean; readonly ends: false }
  | { readonly kind: 'text'; readonly content: HereText; readonly isStdin: boolean; readonly ends: false };

/** The text of a here-document stands below the line that asks for it: it is filled in when its lines are read. */
export interface HereText {
  word: Word;
}

export interface UnreadHereDocument {
  readonly delimiter: string;
  readonly quoted: boolean;
  readonly stripsTabs: boolean;
  readonly content: HereText;
}

const descriptorNumber = /[0-9]{1,4}(?=[<>])/y;
/** bash opens a descriptor and keeps its number in the variable, dash takes it for a word. */
const descriptorVariable = /\{[A-Za-z_][A-Za-z0-9_]*\}[<>]/y;
const operator = /&>>?|<<<|<<-?|<[&>]?|>[>&|]?/y;
const blanks = /(?:[ \t]|\\\n)*/y;
const delimiterPattern = /(?:'[^'\n]*'|"[^"\\$`\n]*"|\\[^\n]|[A-Za-z0-9_.!%+,/:=@^#-])+/y;

/** The redirection that begins here; null, and nothing read, when none does. */
export function readRedirect(words: WordReader, hereDocuments: UnreadHereDocument[]): Redirect | null {
  if (words.match(descriptorVariable) !== null) return words.fail();
  const number = words.match(descriptorNumber);
  if (words.startsWith('<(') || words.startsWith('>(')) return number === null ? null : words.fail();
  const found = words.match(operator);
  if (found === null) return null;
  words.match(blanks);
  const isStdin = found.startsWith('<') && (number === null || Number(number) === 0);
  if (found === '<<' || found === '<<-') {
    const content: HereText = { word: unknownWord };
    hereDocuments.push({ ...delimiterAt(words), stripsTabs: found === '<<-', content });
    return { kind: 'text', content, isStdin, ends: false };
  }
  const start = words.at;
  const word = words.word();
  if (word.end === start) return words.fail();
  if (found === '<<<') {
    const text = word.text === null ? unknownWord : constant(`${word.text}\n`);
    return { kind: 'text', content: { word: text }, isStdin, ends: false };
  }
  if (/^[<>]\(/.test(words.source.slice(start, start + 2)))
    return { kind: 'substitution', isStdin, ends: false };
  if (found === '<&' || found === '>&') {
    if (word.text !== null && /^(?:[0-9]+-?|-)$/.test(word.text)) {
      return { kind: 'descriptor', isStdin, ends: false };
    }
    // bash takes the quotes off such a word twice.
    if (!word.bare) return { kind: 'file', accesses: ['write'], path: unknownWord, isStdin, ends: false };
  }
  const accesses: ShellFile['access'][] =
    found === '<' || found === '<&' ? ['read'] : found === '<>' ? ['read', 'write'] : ['write'];
  return { kind: 'file', accesses, path: word, isStdin, ends: found.startsWith('&') };
}

function delimiterAt(words: WordReader): Pick<UnreadHereDocument, 'delimiter' | 'quoted'> {
  const written = words.match(delimiterPattern);
  const next = words.source[words.at];
  if (written === null || (next !== undefined && !' \t\n|&;<>()'.includes(next))) return words.fail();
  const delimiter = written.replaceAll(/'([^']*)'|"([^"]*)"|\\(.)/g, '$1$2$3');
  return { delimiter, quoted: delimiter !== written };
}

/**
 * The bodies of here-documents, which begin at this line. `expand` reads the expansions of one that is not quoted.
 * Within a substitution some shells also end one at `EOF)`.
 */
export function readHereDocuments(
  words: WordReader,
  unread: readonly UnreadHereDocument[],
  inSubstitution: boolean,
  expand: (body: string) => Word,
): void {
  for (const { delimiter, quoted, stripsTabs, content } of unread) {
    const lines: string[] = [];
    for (;;) {
      if (words.at >= words.source.length) return words.fail();
      const newline = words.source.indexOf('\n', words.at);
      const end = newline < 0 ? words.source.length : newline;
      const written = words.source.slice(words.at, end);
      const line = stripsTabs ? written.replace(/^\t+/, '') : written;
      // A line that goes on can make or unmake the last one.
      if (!quoted && line.endsWith('\\')) return words.fail();
      if (inSubstitution && line !== delimiter && line.startsWith(delimiter)) return words.fail();
      words.at = Math.min(end + 1, words.source.length);
      if (line === delimiter) break;
      lines.push(`${line}\n`);
    }
    const body = lines.join('');
    content.word = quoted ? constant(body) : expand(body);
  }
}
