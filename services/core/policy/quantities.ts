import { z } from 'zod';

const durationProblem = { error: 'must be a duration like 30s, 5m, 2h or 1d' };
const sizeProblem = { error: 'must be a size like 512KiB, 16MiB or a number of bytes' };

const unitsMs: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

const unitsBytes: Readonly<Record<string, number>> = {
  '': 1,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
};

/** `30s`, `5m`, `2h`, `1d` -> milliseconds, at least one second. */
export const duration = z
  .string(durationProblem)
  .regex(/^[1-9]\d{0,8}[smhd]$/, durationProblem)
  .transform((text) => Number(text.slice(0, -1)) * (unitsMs[text.slice(-1)] ?? Number.NaN));

/** `512KiB`, `16MiB` or a number of bytes -> bytes. */
export const size = z
  .union(
    [
      z.int(sizeProblem).min(1, sizeProblem).transform(String),
      z.string(sizeProblem).regex(/^[1-9]\d{0,11}(KiB|MiB|GiB)?$/, sizeProblem),
    ],
    sizeProblem,
  )
  .transform((text) => Number.parseInt(text, 10) * (unitsBytes[text.replace(/^\d+/, '')] ?? Number.NaN));

const wholeUnit = (value: number, units: readonly (readonly [string, number])[]): string => {
  const [name, factor] = units.find(([, each]) => value >= each && value % each === 0) ?? ['', 1];
  return `${value / factor}${name}`;
};

/** `90000` -> `90s`: the largest unit without a fraction. */
export const durationText = (ms: number): string =>
  wholeUnit(ms, [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['m', 60_000],
    ['s', 1000],
    ['ms', 1],
  ]);
