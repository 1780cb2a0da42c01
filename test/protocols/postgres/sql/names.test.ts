import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { dotted, splitDotted } from '../../../../services/protocols/postgres/sql/names.ts';

test('a dotted name can be taken apart again, whatever is in its parts', () => {
  fc.assert(
    fc.property(fc.array(fc.string(), { minLength: 1, maxLength: 4 }), (parts) => {
      expect(splitDotted(dotted(...parts))).toEqual(parts);
    }),
  );
});

test.each(['', '.', 'a.', '.a', 'a..b', '"a', 'a"b', '"a"b'])('%j is no dotted name', (text) => {
  expect(splitDotted(text)).toBeNull();
});
