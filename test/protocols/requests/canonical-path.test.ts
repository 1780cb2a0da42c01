import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { readPath } from '../../../services/protocols/requests/canonical-path.ts';

const segmentsOf = (path: string): readonly string[] | string => {
  const read = readPath(path);
  return 'fault' in read ? read.fault : read.segments;
};

test.each<[string, readonly string[]]>([
  ['/', ['']],
  ['/users/7', ['users', '7']],
  ['/users/', ['users', '']],
  ['/a%20b', ['a b']],
  ['/caf%C3%A9', ['café']],
  ['/caf%c3%a9', ['café']],
  ['/100%25', ['100%']],
  ['/a;b=c', ['a;b=c']],
  ["/~it's/(fine)!*,@:$&+=", ["~it's", '(fine)!*,@:$&+=']],
])('%s is read as %j', (path, segments) => {
  expect(segmentsOf(path)).toEqual(segments);
});

test.each([
  ['', 'stand in no path'],
  ['users', 'stand in no path'],
  ['*', 'stand in no path'],
  ['/a b', 'stand in no path'],
  ['/a?b', 'stand in no path'],
  ['/a#b', 'stand in no path'],
  ['/a\\b', 'stand in no path'],
  ['/a\u00e9', 'stand in no path'],
  ['/a%2', 'stand in no path'],
  ['/a%zz', 'stand in no path'],
  ['/%u0041', 'stand in no path'],
  ['/%41', 'percent-encoded'],
  ['/%7e', 'percent-encoded'],
  ['/a%2Eb', 'percent-encoded'],
  ['/a//b', 'empty segment'],
  ['/a/./b', 'dot segment'],
  ['/a/..', 'dot segment'],
  ['/a/..;/b', 'dot segment'],
  ['/a/..%3B/b', 'dot segment'],
  ['/;/b', 'parameters alone'],
  ['/%3bx/b', 'parameters alone'],
  ['/a%2Fb', 'escaped separator'],
  ['/a%5Cb', 'escaped separator'],
  ['/a%3Fb', 'escaped separator'],
  ['/a%23b', 'escaped separator'],
  ['/a%252e', 'encoded twice'],
  ['/a%2525', 'encoded twice'],
  ['/a%00', 'control character'],
  ['/a%0D%0A', 'control character'],
  ['/a%7F', 'control character'],
  ['/a%C2%85', 'control character'],
  ['/%C0%AE', 'not UTF-8'],
  ['/%ED%A0%80', 'not UTF-8'],
  ['/%FF', 'not UTF-8'],
  ['/%EF%BC%8E%EF%BC%8E', 'take for dots'],
  ['/%E2%80%A5', 'take for dots'],
  ['/a%EF%BC%8Fb', 'take for dots'],
  ['/admin%20', 'space'],
  ['/%20admin', 'space'],
  [`/${'a'.repeat(9_000)}`, 'longer than'],
])('%s is refused: %s', (path, why) => {
  expect(segmentsOf(path)).toContain(why);
});

describe('of any path', () => {
  const anyPath = fc
    .array(
      fc.oneof(
        fc.constantFrom(
          'a',
          'Z',
          '7',
          '.',
          '..',
          ';',
          '%2e',
          '%2F',
          '%25',
          '%41',
          '%0a',
          '%C3%A9',
          '%c0',
          '\\',
          ' ',
          '+',
          '*',
          '~',
          '//',
        ),
        fc.string({ maxLength: 4 }),
      ),
      { maxLength: 12 },
    )
    .map((parts) => `/${parts.join('/')}`);

  test('what is accepted has one reading: decoding it again, or once more normalised by URL, changes nothing', () => {
    fc.assert(
      fc.property(anyPath, (path) => {
        const read = readPath(path);
        if ('fault' in read) return;
        for (const segment of read.segments) {
          expect(segment).not.toMatch(/%[0-9A-Fa-f]{2}|[/\\?#\p{Cc}]/u);
          expect(segment.normalize('NFKC')).not.toMatch(/^\.{1,2}$/);
        }
        // The WHATWG parser is the most forgiving reader that there is.
        expect(new URL(path, 'http://host').pathname).toBe(path);
      }),
      { numRuns: 2_000 },
    );
  });

  test('segments that are encoded as they should be come back as they were', () => {
    const segment = fc
      .string({ minLength: 1, unit: 'grapheme' })
      .filter((text) => text.isWellFormed() && 'segments' in readPath(`/${encodeURIComponent(text)}`));
    fc.assert(
      fc.property(fc.array(segment, { minLength: 1, maxLength: 5 }), (segments) => {
        expect(segmentsOf(`/${segments.map(encodeURIComponent).join('/')}`)).toEqual(segments);
      }),
    );
  });
});
