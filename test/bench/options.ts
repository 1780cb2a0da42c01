import { parseArgs } from 'node:util';
import { parseDuration } from '../../services/core/model/quantity.ts';

export interface Options {
  readonly rounds: number;
  readonly seconds: number;
  readonly quick: boolean;
  /** Names of loads; null for all. */
  readonly only: readonly string[] | null;
  readonly jsonFile: string | null;
  readonly profileFolder: string | null;
  /** How long to soak instead of measuring. */
  readonly soakMs: number | null;
  /** Gateway processes of the soak. */
  readonly workers: number;
}

/** What the command line says that it should not; for people. */
export class UsageError extends Error {}

export const usage = (loads: readonly { readonly name: string; readonly title: string }[]): string => `\
Usage: npm run bench -- [options]

What the gateway costs, beside PostgreSQL itself, Envoy alone as TCP proxy, a relay behind the same Envoy that reads
nothing, and pgbouncer in session mode. Prints the medians of alternating rounds. Exits with 1 when something broke (a
statement failed, a row was lost), never because of a figure.

  --rounds N        rounds of each load over all ways (3; with --quick 1)
  --seconds N       of each run (4; with --quick 1)
  --only LOAD,...   these loads alone
  --quick           all of it in about a minute: a look, not a measurement
  --json FILE       the same figures as JSON
  --cpu-prof FOLDER the gateway process writes a profile when it ends
  --soak DURATION   a mixed load with processes killed, for so long (10m), instead
  --workers N       gateway processes of the soak (1); several share what they know by Redis
  --help

Loads:
${loads.map(({ name, title }) => `  ${name.padEnd(17)} ${title}\n`).join('')}
Examples:
  npm run bench -- --quick
  npm run bench -- --only simple,prepared --rounds 7 --seconds 10
  npm run bench -- --json figures.json
  npm run bench -- --soak 10m
  npm run bench -- --soak 10m --workers 3
`;

const count = (name: string, text: string | undefined, otherwise: number): number => {
  if (text === undefined) return otherwise;
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new UsageError(`--${name} is a number from 1 to 9999, not ${text}`);
  return Number(text);
};

const parsed = (args: readonly string[]) => {
  try {
    return parseArgs({
      args: [...args],
      options: {
        rounds: { type: 'string' },
        seconds: { type: 'string' },
        only: { type: 'string' },
        quick: { type: 'boolean', default: false },
        json: { type: 'string' },
        'cpu-prof': { type: 'string' },
        soak: { type: 'string' },
        workers: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
};

/** @returns null when help was asked for. @throws UsageError */
export function optionsFrom(
  args: readonly string[],
  loads: readonly { readonly name: string }[],
): Options | null {
  const values = parsed(args);
  if (values.help) return null;
  const { quick, soak } = values;
  const only = values.only?.split(',') ?? null;
  const names = loads.map(({ name }) => name);
  const unknown = only?.find((name) => !names.includes(name));
  if (unknown !== undefined)
    throw new UsageError(`there is no load ${unknown}; there are ${names.join(', ')}`);
  const soakMs = soak === undefined ? null : parseDuration(soak);
  if (soak !== undefined && (soakMs === null || soakMs < 60_000)) {
    throw new UsageError('--soak is a duration of at least a minute, as 10m');
  }
  const others = Object.entries(values).filter(
    ([name, value]) => name !== 'soak' && name !== 'workers' && value !== undefined && value !== false,
  );
  if (soakMs !== null && others.length > 0) {
    throw new UsageError(
      `--soak stands alone: there is no ${others.map(([name]) => `--${name}`).join(', ')} of it`,
    );
  }
  if (soakMs === null && values.workers !== undefined) {
    throw new UsageError('--workers is for --soak: the loads measure one process');
  }
  return {
    rounds: count('rounds', values.rounds, quick ? 1 : 3),
    seconds: count('seconds', values.seconds, quick ? 1 : 4),
    quick,
    only,
    jsonFile: values.json ?? null,
    profileFolder: values['cpu-prof'] ?? null,
    soakMs,
    workers: count('workers', values.workers, 1),
  };
}
