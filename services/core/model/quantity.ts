/** Durations and sizes as people write them in config and policies. */

const millisecondsOf: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['s', 1_000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
]);

const bytesOf: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['KiB', 1024],
  ['MiB', 1024 ** 2],
  ['GiB', 1024 ** 3],
]);

/** Digits without a leading zero (nobody can say whether 010 is eight), and the unit. */
const quantity = /^(0|[1-9][0-9]{0,11})([A-Za-z]*)$/;

function parse(text: string, units: ReadonlyMap<string, number>): number | null {
  const [, digits = '', unit = ''] = quantity.exec(text) ?? [];
  const factor = units.get(unit);
  return digits === '' || factor === undefined ? null : Number(digits) * factor;
}

/** `250ms`, `30s`, `5m`, `2h`, `1d` -> milliseconds; null for anything else. */
export const parseDuration = (text: string): number | null => parse(text, millisecondsOf);

/** `512KiB`, `16MiB`, `1GiB`, or digits alone -> bytes; null for anything else. */
export const parseSize = (text: string): number | null => parse(text, bytesOf);

/** `90000` -> `90s`: the largest unit without a fraction. */
export function durationText(ms: number): string {
  const units = [...millisecondsOf].reverse();
  const [unit, factor] = units.find(([, each]) => ms >= each && ms % each === 0) ?? ['ms', 1];
  return `${ms / factor}${unit}`;
}
