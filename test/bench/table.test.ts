import { expect, test } from '@jest/globals';
import { atLeast, type LoadResult, median } from './figures.ts';
import { plain, table } from './table.ts';

test('the median of an odd and of an even number of rounds', () => {
  expect(median([9, 1, 5])).toBe(5);
  expect(median([9, 1, 5, 7])).toBe(6);
  expect(() => median([])).toThrow('nothing');
});

test('a load stands in one line with its ratios, and a figure beside its goal', () => {
  const way = (value: number, cpuUs: number | null) => ({ value, rounds: [value], cpuUs });
  const result: LoadResult = {
    load: 'simple',
    title: '8 clients',
    ways: {
      unit: 'statements/s',
      ways: {
        direct: way(20_000, null),
        envoy: way(10_000, null),
        relay: way(8_000, 75),
        gateway: way(6_000, 120),
      },
    },
    figures: [
      { name: 'gateway / relay', value: 0.75, unit: '', goal: atLeast(0.9) },
      { name: 'rate', value: 6_000, unit: '/s', goal: atLeast(150) },
      { name: 'memory', value: 12.34, unit: 'MiB', goal: null },
    ],
  };
  expect(table([result], plain)).toBe(`\
load    unit          direct   Envoy  relay  pgbouncer  gateway  gw/relay  gw/Envoy  CPU gw  CPU relay
simple  statements/s  20,000  10,000  8,000               6,000      0.75      0.60     120       75.0

simple  gateway / relay      0.75  at least 0.9  not met
simple  rate             6,000 /s  at least 150      met
simple  memory           12.3 MiB

simple: 8 clients
CPU: microseconds of the processor’s time of the gateway process, or the relay’s, for one statement.`);
});
