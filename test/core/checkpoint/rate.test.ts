import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { maxRateKeys } from '../../../services/core/checkpoint/limits.ts';
import { RateLimit } from '../../../services/core/checkpoint/rate.ts';
import { ManualClock } from '../approvals/manual-clock.ts';

const start = () => {
  const clock = new ManualClock();
  return { clock, rate: new RateLimit(clock, { workers: 1, borrow: () => undefined }) };
};

test('a minute’s worth passes at once, and then one for each share of a minute', () => {
  const { clock, rate } = start();
  const takes = (count: number): readonly boolean[] =>
    Array.from({ length: count }, () => rate.take('ada', 1, 60));
  expect(takes(61)).toEqual([...Array(60).fill(true), false]);
  clock.advance(999);
  expect(takes(1)).toEqual([false]);
  clock.advance(1);
  expect(takes(2)).toEqual([true, false]);
  clock.advance(3_600_000);
  expect(takes(61)).toEqual([...Array(60).fill(true), false]);
});

test('a text of many commands takes as many, all or none', () => {
  const { rate } = start();
  expect(rate.take('ada', 4, 10)).toBe(true);
  expect(rate.take('ada', 7, 10)).toBe(false);
  expect(rate.take('ada', 6, 10)).toBe(true);
  expect(rate.take('ada', 1, 10)).toBe(false);
  // More than a minute's worth never fits, however long one waits.
  expect(rate.take('bob', 11, 10)).toBe(false);
});

test('keys do not share', () => {
  const { rate } = start();
  expect(rate.take('ada', 1, 1)).toBe(true);
  expect(rate.take('ada', 1, 1)).toBe(false);
  expect(rate.take('bob', 1, 1)).toBe(true);
});

test('a limit that a reload lowers holds at once', () => {
  const { rate } = start();
  expect(rate.take('ada', 1, 100)).toBe(true);
  expect(rate.take('ada', 6, 5)).toBe(false);
  expect(rate.take('ada', 5, 5)).toBe(true);
  expect(rate.take('ada', 1, 100)).toBe(false);
});

test('the key that was unused for longest is forgotten when there are too many', () => {
  const { rate } = start();
  for (let key = 0; key < maxRateKeys; key += 1) expect(rate.take(`${key}`, 1, 1)).toBe(true);
  // Used again, so that 1 is now the oldest.
  expect(rate.take('0', 1, 1)).toBe(false);
  expect(rate.take('new', 1, 1)).toBe(true);
  expect(rate.take('0', 1, 1)).toBe(false);
  expect(rate.take('2', 1, 1)).toBe(false);
  expect(rate.take('1', 1, 1)).toBe(true);
});

test('in no minute do more than two minutes’ worth pass, and one who keeps to the rate is never refused', () => {
  const steps = fc.array(fc.record({ waitMs: fc.nat(40_000), commands: fc.integer({ min: 1, max: 8 }) }), {
    maxLength: 60,
  });
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 20 }), (moves, perMinute) => {
      const { clock, rate } = start();
      const passed: { readonly atMs: number; readonly commands: number }[] = [];
      for (const { waitMs, commands } of moves) {
        clock.advance(waitMs);
        const atMs = clock.nowMs();
        const recent = passed.filter((one) => one.atMs > atMs - 60_000);
        const sum = recent.reduce((total, one) => total + one.commands, 0);
        const taken = rate.take('ada', commands, perMinute);
        // Nothing taken for a whole minute: the bucket is full.
        if (sum === 0) expect(taken).toBe(commands <= perMinute);
        if (taken) {
          passed.push({ atMs, commands });
          expect(sum + commands).toBeLessThanOrEqual(2 * perMinute);
        }
      }
    }),
    { numRuns: 100 },
  );
});
