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

/** Workers of one gateway, and what they say to each other: each message is delivered or lost as the test says. */
function workersOf(count: number, perMinute: number) {
  const clock = new ManualClock();
  const messages: (() => void)[] = [];
  const limits: RateLimit[] = Array.from(
    { length: count },
    (_, asker) =>
      new RateLimit(clock, {
        workers: count,
        borrow(key) {
          for (const [lender, limit] of limits.entries()) {
            if (lender === asker) continue;
            messages.push(() => {
              const loan = limit.lend(key, perMinute);
              if (loan !== null) messages.push(() => limits[asker]?.borrowed(key, perMinute, loan));
            });
          }
        },
      }),
  );
  const deliver = (): void => {
    for (let message = messages.shift(); message !== undefined; message = messages.shift()) message();
  };
  return { clock, limits, messages, deliver };
}

/** The second worker gets back what it has lent while it still has it from the first, which has lent it on. */
const lentOn: { worker: number; waitMs: number; commands: number; fate: 'deliver' | 'lose' | 'keep' }[] = [
  { worker: 0, waitMs: 0, commands: 1, fate: 'deliver' },
  { worker: 3, waitMs: 5000, commands: 1, fate: 'deliver' },
  { worker: 0, waitMs: 55_000, commands: 1, fate: 'lose' },
  { worker: 1, waitMs: 0, commands: 2, fate: 'deliver' },
  { worker: 1, waitMs: 0, commands: 1, fate: 'deliver' },
];

test('several workers together never let through more than one would, whatever becomes of their messages', () => {
  const step = fc.record({
    worker: fc.nat(3),
    waitMs: fc.oneof(fc.constant(0), fc.nat(50), fc.nat(90_000)),
    commands: fc.integer({ min: 1, max: 4 }),
    fate: fc.constantFrom('deliver', 'lose', 'keep'),
  });
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 80 }),
      fc.integer({ min: 1, max: 30 }),
      fc.integer({ min: 2, max: 4 }),
      (steps, perMinute, count) => {
        const { clock, limits, messages, deliver } = workersOf(count, perMinute);
        const passed: { readonly atMs: number; readonly commands: number }[] = [];
        for (const { worker, waitMs, commands, fate } of steps) {
          clock.advance(waitMs);
          const limit = limits[worker % count];
          if (commands === 4) limit?.expect('ada', perMinute);
          else if (limit?.take('ada', commands, perMinute)) passed.push({ atMs: clock.nowMs(), commands });
          if (fate === 'deliver') deliver();
          else if (fate === 'lose') messages.length = 0;
        }
        // Of any stretch of time, whatever came before it.
        for (const [from, { atMs: fromMs }] of passed.entries()) {
          let sum = 0;
          for (const { atMs, commands } of passed.slice(from)) {
            sum += commands;
            expect(sum).toBeLessThanOrEqual(perMinute * (1 + (atMs - fromMs) / 60_000) + 1e-6);
          }
        }
      },
    ),
    { numRuns: 1000, examples: [[lentOn, 2, 2]] },
  );
});

test('who uses one worker of several gets what the others do not use', () => {
  for (const [perMinute, count] of [
    [60, 2],
    [60, 3],
    [10, 4],
    [1, 4],
  ] as const) {
    const { clock, limits, deliver } = workersOf(count, perMinute);
    const [limit] = limits;
    limit?.expect('ada', perMinute);
    let passed = 0;
    // A few times as many as there are: each answer takes a moment, and one that has nothing to give is asked again later.
    for (let command = 0; command < perMinute * 4; command += 1) {
      deliver();
      if (limit?.take('ada', 1, perMinute)) passed += 1;
      clock.advance(1);
    }
    expect(passed).toBeGreaterThanOrEqual(Math.floor(perMinute * 0.9));
    // And so it goes on, minute by minute.
    for (let minute = 0; minute < 60 * 20; minute += 1) {
      clock.advance(100);
      deliver();
      if (limit?.take('ada', 1, perMinute)) passed += 1;
    }
    expect(passed).toBeGreaterThanOrEqual(Math.floor(perMinute * 2.5));
  }
});

test('workers that cannot reach each other have their shares alone, and a limit that is lowered ends what was borrowed', () => {
  const { limits, deliver, messages } = workersOf(2, 10);
  const [one] = limits;
  const takes = (perMinute: number): number => {
    let taken = 0;
    while (one?.take('ada', 1, perMinute)) taken += 1;
    return taken;
  };
  expect(takes(10)).toBe(5);
  expect(messages.length).toBeGreaterThan(0);
  deliver();
  expect(one?.take('ada', 1, 10)).toBe(true);
  expect(takes(2)).toBeLessThanOrEqual(1);
});
