import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { LinearExpression } from '../../../services/core/policy/conditions/linear-expression.ts';

/** What JavaScript's own engine says of the whole text. */
const javascript = (pattern: string, text: string): boolean =>
  new RegExp(`^(?:${pattern})$`, 'su').test(text);

const atom = fc.constantFrom(
  ...['a', 'b', '1', '-', '\\d', '\\w', '\\s', '.', '[ab]', '[^a]', '[a-c\\]]', '\\.', '\\p{L}', 'é', '😀'],
);
const quantifier = fc.constantFrom('', '', '*', '+', '?', '{2}', '{1,3}', '{2,}', '*?', '+?');
const { pattern: anyPattern } = fc.letrec<{ pattern: string; sequence: string; item: string }>((tie) => ({
  pattern: fc.array(tie('sequence'), { minLength: 1, maxLength: 3 }).map((branches) => branches.join('|')),
  sequence: fc.array(tie('item'), { maxLength: 3 }).map((items) => items.join('')),
  item: fc.oneof(
    // Deeper nesting of repetitions sends the reference, JavaScript's backtracking engine, into minutes.
    { maxDepth: 1, depthSize: 'small' },
    fc.tuple(atom, quantifier).map(([one, times]) => one + times),
    fc.constantFrom('^', '$'),
    fc
      .tuple(fc.constantFrom('(', '(?:', '(?<n>'), tie('pattern'), quantifier)
      .map(
        ([open, inner, times]) =>
          `${open === '(?<n>' && inner.includes('?<n>') ? '(' : open}${inner})${times}`,
      ),
  ),
}));
const anyText = fc
  .array(fc.constantFrom('a', 'b', 'c', '1', '-', '.', ' ', '\n', ']', 'é', '😀'), { maxLength: 8 })
  .map((characters) => characters.join(''));

/** Null for a pattern that is no pattern, or too large once its repetitions are written out. */
function compiled(pattern: string): LinearExpression | null {
  try {
    return new LinearExpression(pattern);
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof RangeError) return null;
    throw error;
  }
}

test('matches what JavaScript matches', () => {
  fc.assert(
    fc.property(anyPattern, anyText, (pattern, text) => {
      const expression = compiled(pattern);
      fc.pre(expression !== null);
      expect(expression?.matches(text)).toBe(javascript(pattern, text));
    }),
    { numRuns: 2000 },
  );
});

test.each([
  ['a|b', 'ab', false],
  ['prod-.*', 'prod-\nx', true],
  ['[A-Z]{2}-\\d{4}', 'DE-2024', true],
  ['[A-Z]{2}-\\d{4}', 'xDE-2024', false],
  ['\\u{1F600}+', '😀😀', true],
  ['\\ud83d\\ude00', '😀', true],
  ['(|a)*b', 'aab', true],
  ['', '', true],
])('%s on %j: %s', (pattern, text, expected) => {
  expect(new LinearExpression(pattern).matches(text)).toBe(expected);
});

describe('what backtracking dies of takes linear time', () => {
  test.each(['(a+)+b', '(a|a)*b', 'a*a*a*a*a*b', '(.*)*x', '(a?){60}a{60}'])('%s', (pattern) => {
    const expression = new LinearExpression(pattern);
    const startedAtMs = performance.now();
    expect(expression.matches('a'.repeat(4000))).toBe(false);
    // Backtracking takes years for the first; the bound is wide because test machines are slow.
    expect(performance.now() - startedAtMs).toBeLessThan(2000);
  });
});

describe('what is not supported says so', () => {
  test.each([
    ['(a)\\1', /references to groups/],
    ['(?<n>a)\\k<n>', /references to groups/],
    ['(?=a)b', /lookaheads/],
    ['(?<!a)b', /lookaheads and lookbehinds/],
    ['\\bword', /\\b/],
    ['(?i:a)', /flags/],
    ['(', /Unterminated group|Invalid regular expression/],
    ['a{1000}{2}', /Nothing to repeat|Invalid/],
    ['(a{100}){100}', /too large/],
    ['(((){999}){999}){999}', /too large/],
    ['a'.repeat(501), /longer than 500/],
  ])('%s', (pattern, message) => {
    expect(() => new LinearExpression(pattern)).toThrow(message);
  });
});

test('a text over the limit is not looked into', () => {
  expect(new LinearExpression('a*').matches('a'.repeat(4097))).toBeNull();
});
