import { createSecretKey } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import {
  nationalIdCountries,
  nationalIdForms,
} from '../../../services/core/masking/detect/national-id-forms.ts';
import type { DetectorName } from '../../../services/core/masking/detectors.ts';
import { ValueScanner } from '../../../services/core/masking/scan.ts';
import { nationalIdExamples } from './national-id-examples.ts';

const key = createSecretKey(Buffer.alloc(32, 1));
const scannerOf = (detector: DetectorName): ValueScanner =>
  new ValueScanner([{ detector, transform: 'redact' }], key);
const seen = (scanner: ValueScanner, text: string): string =>
  scanner.scan(Buffer.from(text), 'text')?.value?.toString() ?? text;

const strong = scannerOf('national-id');

describe.each(nationalIdCountries)('%s', (country) => {
  const scanner = scannerOf(`national-id-${country}`);
  const examples = nationalIdExamples[country];

  test.each([...examples.strong, ...examples.weak])('%s is found, wherever it stands', (id) => {
    for (const [before, after] of [
      ['', ''],
      ['id ', ', and'],
      ['"', '"'],
      ['(', ')'],
      ['a;', ';b'],
      ['id=', '.'],
    ] as const) {
      expect(seen(scanner, before + id + after)).toBe(`${before}[masked]${after}`);
    }
  });

  test.each([...examples.strong, ...examples.weak])('%s within something longer is none', (id) => {
    for (const [before, after] of [
      ['a', ''],
      ['', 'a'],
      ['7', ''],
      ['', '7'],
      ['0.', ''],
      ['', '.5'],
    ] as const) {
      expect(seen(scanner, before + id + after)).toBe(before + id + after);
    }
  });

  test('national-id finds the strong forms and no other', () => {
    for (const id of examples.strong) expect(seen(strong, `is ${id}!`)).toBe('is [masked]!');
    for (const id of examples.weak) expect(seen(strong, `is ${id}!`)).toBe(`is ${id}!`);
  });

  test('each form has an example', () => {
    const shapeOf = (text: string): string => text.replaceAll(/\d/g, '9').replaceAll(/[A-Z]/g, 'A');
    const tried = (isStrong: boolean) =>
      nationalIdForms.filter((form) => form.country === country && form.isStrong === isStrong);
    for (const [forms, found] of [
      [tried(true), examples.strong],
      [tried(false), examples.weak],
    ] as const) {
      const shapes = found.map(shapeOf);
      const without = forms.filter(
        ({ pattern }) => !shapes.some((shape) => [...pattern].every((c, at) => fits(c, shape[at]))),
      );
      expect(without.map(({ pattern }) => pattern)).toEqual([]);
    }
  });
});

/** Whether a character of a pattern is met by one of a shape. */
const fits = (pattern: string, shape: string | undefined): boolean =>
  pattern === shape || (pattern === 'X' && /[9A]/.test(shape ?? '')) || (shape === '9' && /\d/.test(pattern));

/** Modulo 11 with 10 shown as 0, and modulo 10 with even weights, let some errors through by themselves. */
const passingErrors: Readonly<Record<string, number>> = { br: 0.02, mx: 0.1 };

test.each(nationalIdForms.filter(({ pattern }) => !/^AA ?9/.test(pattern)))(
  'one wrong digit in $pattern of $country is found out',
  ({ country, pattern, passes }) => {
    const { strong: strongOnes, weak } = nationalIdExamples[country];
    const compact = (text: string): string => text.replaceAll(/[^\dA-Z]/g, '');
    const ids = [...strongOnes, ...weak]
      .map(compact)
      .filter((id) => id.length === compact(pattern).length && passes(id));
    expect(ids.length).toBeGreaterThan(0);
    const wrong = ids.flatMap((id) =>
      [...id].flatMap((right, at) =>
        // The century of a Swedish number is not counted.
        !/\d/.test(right) || (country === 'se' && at < id.length - 10)
          ? []
          : [...'0123456789'.replace(right, '')].map((digit) => id.slice(0, at) + digit + id.slice(at + 1)),
      ),
    );
    expect(wrong.filter(passes).length / wrong.length).toBeLessThanOrEqual(passingErrors[country] ?? 0);
  },
);

test.each([
  ['a serial number', '12-880320-0016 880320-0016-1'],
  ['a card in groups', '2341 2341 2346 1111'],
  ['thousands', '1 36 574 261 809'],
  ['ones and zeros only', '000000000 00000000000 0000000000 111.111.111-11'],
])('%s is no national id', (_, text) => {
  for (const country of nationalIdCountries) {
    expect(seen(scannerOf(`national-id-${country}`), text)).toBe(text);
  }
});
