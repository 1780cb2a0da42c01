import { describe, expect, test } from '@jest/globals';
import { compilePaths, parseJsonPath } from '../../../services/core/masking/json-path.ts';

function isMasked(path: string, place: readonly string[]): boolean {
  const parsed = parseJsonPath(path);
  if ('fault' in parsed) throw new Error(parsed.fault);
  let node = compilePaths([{ path: parsed, mask: true }]);
  for (const key of place) node = node.step(key);
  return node.mask === true;
}

test.each<[string, string, boolean]>([
  ['email', 'email', true],
  ['email', 'users.email', false],
  ['users[*].email', 'users.email', true],
  ['users[].email', 'users.email', true],
  ['users.email', 'users.email', true],
  ['[*].email', 'email', true],
  ['[*][*].email', 'email', true],
  ['users[*].email', 'users', false],
  ['users[*].email', 'users.email.domain', false],
  ['**.email', 'email', true],
  ['**.email', 'a.b.c.email', true],
  ['**.email', 'a.email.c', false],
  ['a.**.email', 'a.email', true],
  ['a.**.email', 'a.b.c.email', true],
  ['a.**.email', 'b.email', false],
  ['**.a.**.b', 'x.a.y.a.z.b', true],
  ['data.*', 'data.token', true],
  ['data.*', 'data', false],
  ['data.**', 'data', true],
  ['data.**', 'data.a.b', true],
  ['*_token', 'access_token', true],
  ['*tok*n', 'my_token', true],
  ['*tok*n', 'token_of', false],
  ['metadata.annotations."a.b/c"', 'metadata.annotations.a|b/c', true],
  ['"*"', 'x', false],
  ['"say \\"x\\""', 'say "x"', true],
  ['Email', 'email', false],
])('%s masks %s: %s', (path, place, masked) => {
  expect(
    isMasked(
      path,
      place.split('.').map((key) => key.replaceAll('|', '.')),
    ),
  ).toBe(masked);
});

describe('what is no path is refused with a word', () => {
  test.each([
    '',
    '.',
    'a.',
    '.a',
    'a..b',
    'users[0].email',
    'a[',
    '"a',
    '[*]',
    'a"b"',
    '$.a[?(@.x)]',
    `${'a.'.repeat(40)}b`,
  ])('%s', (text) => {
    expect(parseJsonPath(text)).toEqual({ fault: expect.stringContaining('write names with dots between') });
  });
});

test('the first path that leads to a value says what becomes of it', () => {
  const path = (text: string) => {
    const parsed = parseJsonPath(text);
    if ('fault' in parsed) throw new Error(parsed.fault);
    return parsed;
  };
  const root = compilePaths([
    { path: path('**.email'), mask: 'first' },
    { path: path('users.email'), mask: 'second' },
  ]);
  expect(root.step('users').step('email').mask).toBe('first');
});
