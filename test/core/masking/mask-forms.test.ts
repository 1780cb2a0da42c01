import { createSecretKey } from 'node:crypto';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { holdsMask, isMask } from '../../../services/core/masking/mask-forms.ts';
import { transformNames } from '../../../services/core/masking/transform-names.ts';
import { columnMask } from '../../../services/core/masking/transforms.ts';

const context = { key: createSecretKey(Buffer.alloc(32, 7)), field: 'app.users.email' };

test('what any transform makes of any text is known again, but for NULL and the beginning of a month', () => {
  const texts = fc.oneof(
    fc.string(),
    fc.emailAddress(),
    fc.stringMatching(/^\d{9,19}$/),
    fc.string({ unit: 'grapheme' }),
  );
  fc.assert(
    fc.property(fc.constantFrom(...transformNames), texts, (transform, text) => {
      const mask = columnMask(transform, 'text', context);
      const shown = mask.kind === 'constant' ? mask.text : mask.mask(text);
      if (shown === null || /^\d{4}-\d\d/.test(shown)) return;
      expect({ shown, isMask: isMask(shown) }).toEqual({ shown, isMask: true });
    }),
    { numRuns: 2000 },
  );
});

test.each([
  ['', false, false],
  ['jane@corp.example', false, false],
  ['****', false, false],
  ['* * * * *', false, false],
  ['masked', false, false],
  ['4111 1111 1111 1111', false, false],
  [' ******** ', true, true],
  ['"********"', true, true],
  ['Mail to [masked], please', false, true],
  ['Mail to a***@***.example', false, true],
  ['by masked-amber-falcon', false, true],
])('%j is a mask: %p, and holds one: %p', (text, is, holds) => {
  expect([isMask(text), holdsMask(text)]).toEqual([is, holds]);
});
