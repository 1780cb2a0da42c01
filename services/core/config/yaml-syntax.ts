import { Composer, CST, type ErrorCode, Lexer, type ParsedNode, Parser } from 'yaml';
import type { Position } from '../model/problem.ts';
import { maxDepth, maxTokens } from './limits.ts';

/** Something wrong at a character of the file. */
export interface YamlFault {
  readonly offset: number;
  readonly message: string;
}

export interface YamlSyntax {
  /** Null when the text is not YAML, so that a tree made of it would say what nobody wrote. */
  readonly contents: ParsedNode | null;
  readonly faults: readonly YamlFault[];
  position(offset: number): Position;
}

/**
 * YAML 1.2 with its core schema and strings as keys: no tags, no directives, one document.
 *
 * The text is judged by its tokens before the library composes nodes of it: lexer and parser take linear time and no
 * stack, while composing recurses. Measured with yaml 2.9: its own check for duplicate keys takes 5 minutes for a
 * mapping of 100,000 keys, so it is off, and `yaml-tree.ts` checks.
 */
export function parseYaml(text: string): YamlSyntax {
  const position = positionsIn(text);
  const syntax = (faults: readonly YamlFault[], contents: ParsedNode | null = null): YamlSyntax => ({
    contents,
    faults,
    position,
  });
  if (tokenCount(text) > maxTokens) {
    return syntax([{ offset: 0, message: `The file has more than ${maxTokens} words, which is the limit.` }]);
  }
  const tokens = [...new Parser().parse(text)];
  const { tooDeep, refused } = surveyed(tokens);
  if (tooDeep !== null) return syntax([{ offset: tooDeep, message: tooDeepMessage }]);
  const [document, second] = new Composer(composing).compose(tokens, true, text.length);
  // With `forceDoc` the composer always yields one.
  if (document === undefined) return syntax([]);
  const faults = [...refused];
  if (second !== undefined) {
    faults.push({ offset: second.range[0], message: 'A second document begins here; a file holds one.' });
  }
  const errors = document.errors.filter(({ code }) => !toldByItsTag.includes(code));
  for (const { code, message, pos } of errors)
    faults.push({ offset: pos[0], message: sentence(code, message) });
  return syntax(faults, errors.length > 0 || second !== undefined ? null : document.contents);
}

/** Not the library's LineCounter, which misses lines after some errors (in a plain text of several lines, for one). */
function positionsIn(text: string): (offset: number) => Position {
  const starts = [0];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return (offset) => {
    // An error about what is missing at the end may stand behind it.
    const at = Math.min(Math.max(offset, 0), text.length);
    let [low, high] = [0, starts.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((starts[middle] ?? 0) <= at) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: at - (starts[low] ?? 0) + 1 };
  };
}

const composing = {
  version: '1.2',
  schema: 'core',
  strict: true,
  stringKeys: true,
  uniqueKeys: false,
  merge: false,
  resolveKnownTags: false,
  logLevel: 'error',
} as const;

const tooDeepMessage = `This lies more than ${maxDepth} lists and sections deep, which is the limit.`;

function tokenCount(text: string): number {
  let count = 0;
  for (const _ of new Lexer().lex(text)) {
    count += 1;
    if (count > maxTokens) break;
  }
  return count;
}

interface Survey {
  /** Where the first thing stands that lies too deep. */
  readonly tooDeep: number | null;
  /** Tags and directives. */
  readonly refused: readonly YamlFault[];
}

function surveyed(tokens: readonly CST.Token[]): Survey {
  const refused: YamlFault[] = [];
  const pending: { readonly token: CST.Token; readonly depth: number }[] = [];
  const push = (found: readonly (CST.Token | null | undefined)[], depth: number): void => {
    for (const token of found) if (token) pending.push({ token, depth });
  };
  push(tokens, 0);
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { token, depth } = next;
    if (depth > maxDepth) return { tooDeep: token.offset, refused };
    if (token.type === 'tag') refused.push({ offset: token.offset, message: tagMessage });
    if (token.type === 'directive') refused.push({ offset: token.offset, message: directiveMessage });
    if (token.type === 'document') push([...token.start, token.value], depth);
    if (token.type === 'block-scalar') push(token.props, depth);
    if (CST.isCollection(token)) {
      for (const { start, key, sep, value } of token.items)
        push([...start, key, ...(sep ?? []), value], depth + 1);
    }
  }
  return { tooDeep: null, refused };
}

const tagMessage = 'Tags (!name) are not used here: write the value without one.';
const directiveMessage =
  'Directives (a line that begins with %) are not used here; the file is read as YAML 1.2.';

/** The survey has told of every tag already. */
const toldByItsTag: readonly ErrorCode[] = ['TAG_RESOLVE_FAILED', 'BAD_COLLECTION_TYPE'];

/** In our words: many of the library's messages quote the text, which may be a secret in the wrong place. */
const sentences: Readonly<Record<Exclude<ErrorCode, 'MISSING_CHAR'>, string>> = {
  ALIAS_PROPS: 'An alias (*name) takes neither an anchor nor a tag.',
  BAD_ALIAS: 'This is not the name of an anchor. Text that begins with * or & must be quoted.',
  BAD_COLLECTION_TYPE: tagMessage,
  BAD_DIRECTIVE: directiveMessage,
  BAD_DQ_ESCAPE:
    'This is not an escape that double quotes know. Use single quotes, or write \\\\ for a backslash.',
  BAD_INDENT: 'The indentation does not fit the lines above.',
  BAD_PROP_ORDER: 'An anchor (&name) stands after the indicator (-, ? or :), not before it.',
  BAD_SCALAR_START: 'Text that begins with this character must be quoted.',
  BLOCK_AS_IMPLICIT_KEY: 'There are two keys on one line. Text with ": " in it must be quoted.',
  BLOCK_IN_FLOW: 'Within [ ] and { } there can be no indented lists and sections.',
  DUPLICATE_KEY: 'This key stands here already.',
  IMPOSSIBLE: 'This cannot be read as YAML.',
  KEY_OVER_1024_CHARS: 'A key has at most 1024 characters.',
  MULTILINE_IMPLICIT_KEY: 'A key stands on one line, with a colon after it.',
  MULTIPLE_ANCHORS: 'A value has one anchor at most.',
  MULTIPLE_DOCS: 'A second document begins here; a file holds one.',
  MULTIPLE_TAGS: tagMessage,
  NON_STRING_KEY: 'A key must be plain text.',
  RESOURCE_EXHAUSTION: tooDeepMessage,
  TAB_AS_INDENT: 'Lines are indented by spaces, not by tabs.',
  TAG_RESOLVE_FAILED: tagMessage,
  UNEXPECTED_TOKEN: 'This was not expected here: a quote, a bracket, a comma or the indentation is wrong.',
};

/** What is missing the library says best (`Missing closing "quote`), and those messages are constant. */
const sentence = (code: ErrorCode, message: string): string =>
  code === 'MISSING_CHAR' ? `${message}.` : sentences[code];
