/** What is measured, as `--json` writes it and the table shows it. */

/** In the order in which the table shows them. */
export const wayNames = ['direct', 'envoy', 'relay', 'pgbouncer', 'gateway'] as const;
export type WayName = (typeof wayNames)[number];

export interface Goal {
  readonly kind: 'at-least' | 'at-most';
  readonly value: number;
}

/** One figure, the median of its rounds where there were several. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly goal: Goal | null;
}

export interface WayFigures {
  readonly value: number;
  readonly rounds: readonly number[];
  /** Microseconds of the processor's time of the engine's process for one statement; null where there is no engine. */
  readonly cpuUs: number | null;
}

/** One load over several ways to the database. */
export interface WaysResult {
  readonly unit: string;
  readonly ways: Readonly<Partial<Record<WayName, WayFigures>>>;
}

export interface LoadResult {
  readonly load: string;
  readonly title: string;
  readonly ways: WaysResult | null;
  readonly figures: readonly Figure[];
}

export const atLeast = (value: number): Goal => ({ kind: 'at-least', value });
export const atMost = (value: number): Goal => ({ kind: 'at-most', value });

export const meets = ({ value, goal }: Figure): boolean =>
  goal === null || (goal.kind === 'at-least' ? value >= goal.value : value <= goal.value);

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  const middle = sorted.length >> 1;
  const upper = sorted[middle];
  if (upper === undefined) throw new Error('there is no median of nothing');
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}

/** How much of one way's rate another one reaches. */
export function ratio({ ways }: WaysResult, of: WayName, to: WayName): number {
  const over = ways[of];
  const under = ways[to];
  if (over === undefined || under === undefined) throw new Error(`${of} and ${to} were not both measured`);
  return over.value / under.value;
}
