import { expect, test } from '@jest/globals';
import { loads } from './loads/index.ts';
import { type Options, optionsFrom, UsageError, usage } from './options.ts';

const asked = (...args: readonly string[]): Options | null => optionsFrom(args, loads);

test.each<[readonly string[], Partial<Options>]>([
  [[], { rounds: 3, seconds: 4, quick: false, only: null, soakMs: null }],
  [['--quick'], { rounds: 1, seconds: 1, quick: true }],
  [['--quick', '--seconds', '2'], { rounds: 1, seconds: 2 }],
  [['--rounds', '7', '--only', 'simple,idle'], { rounds: 7, only: ['simple', 'idle'] }],
  [['--soak', '10m'], { soakMs: 600_000, workers: 1 }],
  [['--soak', '10m', '--workers', '3'], { soakMs: 600_000, workers: 3 }],
])('%j', (args, options) => {
  expect(asked(...args)).toMatchObject(options);
});

test.each([
  [['--rounds', '0'], '--rounds'],
  [['--seconds', '1.5'], '--seconds'],
  [['--only', 'simple,nothing'], 'nothing'],
  [['--soak', 'long'], '--soak'],
  [['--soak', '5s'], '--soak'],
  [['--soak', '5m', '--json', 'x'], '--json'],
  [['--soak', '5m', '--workers', '0'], '--workers'],
  [['--workers', '3'], '--soak'],
  [['--fast'], '--fast'],
  [['simple'], 'simple'],
])('%j is refused, and named', (args, named) => {
  expect(() => asked(...args)).toThrow(UsageError);
  expect(() => asked(...args)).toThrow(named);
});

test('--help tells of every load', () => {
  expect(asked('--help')).toBeNull();
  const lines = usage(loads).split('\n');
  for (const { name } of loads)
    expect(lines.filter((line) => line.trim().startsWith(`${name} `))).toHaveLength(1);
});
