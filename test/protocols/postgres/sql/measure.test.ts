import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { scanSync } from 'libpg-query';
import { measure } from '../../../../services/protocols/postgres/sql/measure.ts';

/** What a lexer can be misled by, in every order. */
const pieces = [
  "'",
  "''",
  '"',
  '\\',
  'E',
  "e'",
  '$',
  '$$',
  '$a$',
  '$é$',
  '--',
  '\n',
  '\r',
  ' ',
  '/*',
  '*/',
  '(',
  ')',
  '[',
  ']',
  ',',
  '=',
  ';',
  '+',
  'a',
  'é',
  '1',
  '1.5e3',
  'x1',
  'B',
  'U&',
  'U&"',
  "N'",
  "'a'",
  '"b"',
  '::',
  '<>',
  '.',
  '..',
  ':=',
  '@',
  '#',
  '|',
  '$1',
  '\t',
  '\f',
  '\v',
  "E'\\''",
  '\u00a0',
  'ab$c$d',
];

interface Token {
  readonly text: string;
  readonly tokenName: string;
}

/** PostgreSQL's own lexer; null where it refuses the text, which the parser then does too. */
function tokensOf(text: string): readonly Token[] | null {
  try {
    return scanSync(text).tokens.filter((token) => !token.tokenName.includes('COMMENT'));
  } catch (refused) {
    expect(refused).toHaveProperty('message');
    return null;
  }
}

function deepest(tokens: readonly Token[]): number {
  let open = 0;
  let most = 0;
  for (const { text } of tokens) {
    if (text === '(' || text === '[') open += 1;
    if (text === ')' || text === ']') open = Math.max(0, open - 1);
    most = Math.max(most, open);
  }
  return most;
}

test('never counts less than PostgreSQL’s lexer sees, wherever literals and comments end', () => {
  const soup = fc
    .array(fc.constantFrom(...pieces), { minLength: 1, maxLength: 14 })
    .map((parts) => parts.join(''));
  fc.assert(
    fc.property(soup, (text) => {
      const tokens = tokensOf(text);
      if (tokens === null) return;
      const measured = measure(text);
      expect(measured.tokens).toBeGreaterThanOrEqual(tokens.length);
      expect(measured.nesting).toBeGreaterThanOrEqual(deepest(tokens));
      expect(measured.statements).toBeGreaterThanOrEqual(
        1 + tokens.filter((token) => token.text === ';').length,
      );
    }),
    { numRuns: 20_000 },
  );
});

test.each([
  ['SELECT 1', 2, 0, 1],
  ['', 0, 0, 1],
  ["SELECT ')' || /* ( */ $$ ((( $$ -- ((", 5, 0, 1],
  ["SELECT E'\\'(' || '\\'", 5, 0, 1],
  ["SELECT E'a'\n '\\'('", 2, 0, 1],
  ['SELECT ((1));', 7, 2, 2],
  ['SELECT 1.5, 2', 4, 0, 1],
  ['SELECT a /* x /* ( */ ( */ + 1', 4, 0, 1],
])('%j has %i tokens, %i deep, in %i statements', (text, tokens, nesting, statements) => {
  expect(measure(text)).toEqual({ tokens, nesting, statements });
});

test('counts the right side of a multiple assignment once for each of its columns, as the parser’s tree does', () => {
  let bomb = 'SELECT 1';
  for (let level = 0; level < 12; level++)
    bomb = `WITH x AS (UPDATE t SET (a, b, c) = ROW((${bomb}))) SELECT 1`;
  expect(bomb.length).toBeLessThan(700);
  expect(measure(bomb).tokens).toBeGreaterThan(1_000_000);
});
