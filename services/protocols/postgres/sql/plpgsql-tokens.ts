/** The tokens of a PL/pgSQL body: where its declarations are, how deep its blocks stand, and what of it is no SQL. */
import type { ScanToken } from 'libpg-query';
import { scan } from './parse.ts';

/** Without comments; null where the lexer refuses the text. PL/pgSQL has SQL's own lexer. */
export function tokensOf(text: string): readonly ScanToken[] | null {
  return scan(text)?.filter(({ tokenName }) => !comments.has(tokenName)) ?? null;
}

const comments: ReadonlySet<string> = new Set(['SQL_COMMENT', 'C_COMMENT']);

const word = (token: ScanToken | undefined): string => token?.text.toLowerCase() ?? '';

/** BEGIN, IF, LOOP and CASE within one another; never fewer than there are. */
export function blockDepth(tokens: readonly ScanToken[]): number {
  let open = 0;
  let deepest = 0;
  for (const [at, token] of tokens.entries()) {
    const text = word(token);
    // Elsewhere it is a name (AS end), or ends a CASE of SQL.
    if (text === 'end' && beginsStatement(tokens[at - 1])) open = Math.max(0, open - 1);
    else if (opensBlock(text, tokens, at)) {
      open += 1;
      deepest = Math.max(deepest, open);
    }
  }
  return deepest;
}

const beforeStatements: ReadonlySet<string> = new Set([';', 'begin', 'then', 'else', 'loop']);

const beginsStatement = (before: ScanToken | undefined): boolean => beforeStatements.has(word(before));

function opensBlock(text: string, tokens: readonly ScanToken[], at: number): boolean {
  const before = tokens[at - 1];
  if (word(before) === 'end') return false;
  if (text === 'case') return beginsStatement(before);
  if (text !== 'if') return text === 'begin' || text === 'loop';
  // DROP TABLE IF EXISTS t
  const next = word(tokens[at + 1]) === 'not' ? at + 2 : at + 1;
  return word(tokens[next]) !== 'exists' || tokens[next + 1]?.text === '(';
}

/** A change of the text, in bytes. */
interface Edit {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

function edited(text: string, edits: readonly Edit[]): string {
  const bytes = Buffer.from(text);
  const parts: Buffer[] = [];
  let copied = 0;
  for (const { from, to, text: replacement } of edits) {
    parts.push(bytes.subarray(copied, from), Buffer.from(replacement));
    copied = to;
  }
  return Buffer.concat([...parts, bytes.subarray(copied)]).toString('utf8');
}

/** Where the type of a declaration begins, when a declaration begins here: behind its name and CONSTANT. -1 elsewhere. */
function typeOfDeclaration(tokens: readonly ScanToken[], at: number): number {
  const before = tokens[at - 1];
  const begins = word(before) === 'declare' || before?.text === ';';
  const name = tokens[at];
  if (!begins || name === undefined || verbs.has(word(name))) return -1;
  if (name.keywordName !== 'NO_KEYWORD' && name.keywordName !== 'UNRESERVED_KEYWORD') return -1;
  return word(tokens[at + 1]) === 'constant' ? at + 2 : at + 1;
}

/** What a statement begins with, and SQL takes for any name. */
const verbs: ReadonlySet<string> = new Set(
  `abort alter assert begin call case close commit continue copy declare delete discard drop elseif elsif execute exit explain
   fetch for foreach get if import insert listen load lock loop merge move notify open perform prepare raise refresh reset return
   revoke rollback set show truncate update values while`.split(/\s+/),
);

/** `u app.users%ROWTYPE` as `u app.users`, which is the same: libpg-query takes the former for a scalar. */
export function withoutRowType(text: string, tokens: readonly ScanToken[]): string {
  const edits: Edit[] = [];
  for (const at of tokens.keys()) {
    let end = typeOfDeclaration(tokens, at);
    if (end === -1) continue;
    while (tokens[end + 1]?.text === '.') end += 2;
    const percent = tokens[end + 1];
    const rowType = tokens[end + 2];
    if (percent?.text === '%' && rowType !== undefined && word(rowType) === 'rowtype')
      edits.push({ from: percent.start, to: rowType.end, text: '' });
  }
  return edited(text, edits);
}

/** With `text` in the place of these types, in declarations. */
export function withTextInsteadOf(
  types: ReadonlySet<string>,
  text: string,
  tokens: readonly ScanToken[],
): string {
  const wanted = [...types].map((type) => (tokensOf(type) ?? []).map((token) => token.text));
  const edits: Edit[] = [];
  for (const at of tokens.keys()) {
    const start = typeOfDeclaration(tokens, at);
    const from = tokens[start];
    if (from === undefined) continue;
    const matching = wanted
      .filter((type) => type.length > 0 && type.every((part, index) => tokens[start + index]?.text === part))
      .reduce((longest, type) => (type.length > longest ? type.length : longest), 0);
    const last = tokens[start + matching - 1];
    if (matching > 0 && last !== undefined) edits.push({ from: from.start, to: last.end, text: 'text' });
  }
  return edited(text, edits);
}

/** The two sides of an assignment: what stands before and behind the first := or = outside of subscripts. */
export function assignmentAt(text: string): { readonly target: string; readonly value: string } | null {
  const bytes = Buffer.from(text);
  let open = 0;
  for (const token of tokensOf(text) ?? []) {
    if (token.text === '[' || token.text === '(') open += 1;
    else if (token.text === ']' || token.text === ')') open -= 1;
    else if (open === 0 && (token.text === ':=' || token.text === '=')) {
      return {
        target: bytes.subarray(0, token.start).toString('utf8'),
        value: bytes.subarray(token.end).toString('utf8'),
      };
    }
  }
  return null;
}

/** Counts of tokens by their text, keywords without case. */
export class TokenCount {
  readonly #counts = new Map<string, { readonly token: ScanToken; count: number }>();

  add(tokens: readonly ScanToken[], times: 1 | -1): void {
    for (const token of tokens) {
      const key = token.keywordName === 'NO_KEYWORD' ? token.text : word(token);
      const known = this.#counts.get(key);
      if (known === undefined) this.#counts.set(key, { token, count: times });
      else known.count += times;
    }
  }

  /**
   * Whether all that is left is PL/pgSQL's own: names, constants, punctuation, its keywords, and so many parentheses. No expression or
   * statement of SQL is made of these that reads a table, or runs a function or an operator.
   */
  isStructure(parentheses: number): boolean {
    for (const [key, { token, count }] of this.#counts) {
      if (count === 0) continue;
      if (key === '(' || key === ')') {
        if (count !== parentheses) return false;
      } else if (!isStructural(key, token)) return false;
    }
    return true;
  }
}

const structuralNames: ReadonlySet<string> = new Set(['IDENT', 'ICONST', 'SCONST', 'FCONST', 'PARAM']);

const punctuation: ReadonlySet<string> = new Set([
  ...[';', ',', '.', ':=', '=', '=>', '..', '<<', '>>', '[', ']', '#'],
  // %TYPE and %ROWTYPE
  '%',
]);

/** Reserved in SQL, and words of PL/pgSQL or of types too. */
const reserved: ReadonlySet<string> = new Set(
  `all and array as case collate default else end false fetch for from in into not null on or then to true using when
   with`.split(/\s+/),
);

/** Not reserved in SQL, where statements begin with them. */
const statements: ReadonlySet<string> = new Set(
  'alter call copy delete drop insert merge truncate update values'.split(' '),
);

function isStructural(key: string, { tokenName, keywordName }: ScanToken): boolean {
  if (keywordName === 'RESERVED_KEYWORD') return reserved.has(key);
  if (keywordName !== 'NO_KEYWORD') return !statements.has(key);
  // U&"a" has no name of its own.
  return structuralNames.has(tokenName) || punctuation.has(key) || /^[uU]&["']/.test(key);
}
