import { createHash } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { summaryOf, trailParameters } from '../../../services/core/checkpoint/intent-summary.ts';
import {
  maxTrailParameterCharacters,
  maxTrailParameters,
  maxTrailTextCharacters,
} from '../../../services/core/checkpoint/limits.ts';
import { intent } from '../policy/actors.ts';

test('a long text is cut in the trail, and its size and hash are of the whole', () => {
  const text = 'ü'.repeat(maxTrailTextCharacters + 1);
  expect(summaryOf(intent(['select app.users', 'listen'], { text }))).toEqual({
    effects: ['select app.users', 'listen'],
    text: 'ü'.repeat(maxTrailTextCharacters),
    textBytes: 2 * (maxTrailTextCharacters + 1),
    textSha256: createHash('sha256').update(text).digest('hex'),
  });
});

test('one intent is summed up once, and two of the same text apart', () => {
  const [one, other] = [intent(['select a']), intent(['select b'])];
  expect(summaryOf(one)).toBe(summaryOf(one));
  expect(summaryOf(other).effects).toEqual(['select b']);
});

test('parameters are cut, NULL stays NULL, and what is left out is counted', () => {
  expect(trailParameters([])).toEqual([]);
  const long = 'x'.repeat(maxTrailParameterCharacters + 1);
  expect(trailParameters(['1', null, '', long])).toEqual(['1', null, '', long.slice(1)]);
  const many = Array.from({ length: maxTrailParameters + 2 }, (_, at) => `${at}`);
  const kept = trailParameters(many);
  expect(kept.slice(0, -1)).toEqual(many.slice(0, maxTrailParameters));
  expect(kept.at(-1)).toBe('... and 2 more');
  expect(trailParameters(many.slice(0, maxTrailParameters))).toHaveLength(maxTrailParameters);
});
