import type { LoadResult } from './figures.ts';
import { median, type WayFigures, type WayName, type WaysResult } from './figures.ts';
import { type PgbenchFigures, type PgbenchOptions, pgbench } from './pgbench.ts';
import { progress } from './progress.ts';
import type { Ways } from './ways.ts';

export interface Extent {
  readonly rounds: number;
  readonly seconds: number;
  /** Fewer sessions, holds and variants: a look, not a measurement. */
  readonly quick: boolean;
}

/** Something to measure, by the name that `--only` knows. */
export interface Load {
  readonly name: string;
  readonly title: string;
  /** Left out by `--quick`. */
  readonly detail?: boolean;
  /** @throws when something broke: a statement failed, a row was lost */
  run(ways: Ways, extent: Extent): Promise<Omit<LoadResult, 'load' | 'title'>>;
}

/** One run of pgbench over each way in turn, round after round, so that what else the machine does falls on all alike. */
export async function overWays(
  ways: Ways,
  { rounds, seconds }: Extent,
  names: readonly WayName[],
  options: Pick<PgbenchOptions, 'script' | 'args' | 'latencies'>,
): Promise<ReadonlyMap<WayName, readonly PgbenchFigures[]>> {
  const seen = new Map<WayName, PgbenchFigures[]>(names.map((name) => [name, []]));
  for (let round = 1; round <= rounds; round++) {
    for (const name of names) {
      progress(`  round ${round} of ${rounds}: ${name}`);
      const { folder } = ways.gateway;
      seen.get(name)?.push(await pgbench({ ...options, seconds, folder, way: await ways.way(name) }));
    }
  }
  return seen;
}

/** The medians of one figure of the rounds. */
export function medians(
  seen: ReadonlyMap<WayName, readonly PgbenchFigures[]>,
  unit: string,
  figure: (round: PgbenchFigures) => number,
): WaysResult {
  const ways: Partial<Record<WayName, WayFigures>> = {};
  for (const [name, all] of seen) {
    const rounds = all.map(figure);
    const cpus = all.flatMap(({ cpuUs }) => cpuUs ?? []);
    ways[name] = { value: median(rounds), rounds, cpuUs: cpus.length === 0 ? null : median(cpus) };
  }
  return { unit, ways };
}
