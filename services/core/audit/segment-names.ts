import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { AuditError, systemCodeOf } from './errors.ts';

/** A process' name in file names: no separators, no surprises on any file system. */
const chainNamePattern = /^[a-z0-9][a-z0-9._-]{0,63}$/;
const segmentNamePattern = /^(.+)-([0-9]{6,15})\.jsonl$/;
/** Six digits sort by name up to a million segments; more digits then follow, and nothing but the sorting by eye is lost. */
const numberDigits = 6;

export const trailFolder = (stateDir: string): string => join(stateDir, 'trail');

/** @throws AuditError `bad-chain-name` */
export function checkChainName(chain: string): void {
  if (!chainNamePattern.test(chain)) {
    throw new AuditError(
      'bad-chain-name',
      `${JSON.stringify(chain)} cannot name a chain: lower-case letters, digits, '.', '_' and '-', at most 64`,
    );
  }
}

export const segmentName = (chain: string, number: number): string =>
  `${chain}-${String(number).padStart(numberDigits, '0')}.jsonl`;

export interface SegmentPlace {
  readonly chain: string;
  readonly number: number;
  readonly file: string;
  readonly path: string;
}

export interface TrailListing {
  /** Each chain's segments in their order; chains by name. */
  readonly chains: ReadonlyMap<string, readonly SegmentPlace[]>;
  /** Files that are neither segments nor locks (with SQLite's journal beside one, while it is held). */
  readonly otherFiles: readonly string[];
}

function placeOf(dir: string, file: string): SegmentPlace | null {
  const match = segmentNamePattern.exec(file);
  const [chain, digits] = [match?.[1], match?.[2]];
  if (chain === undefined || digits === undefined || !chainNamePattern.test(chain)) return null;
  const number = Number(digits);
  // `x-0000001.jsonl` beside `x-000001.jsonl` must not count as the same segment.
  if (number === 0 || segmentName(chain, number) !== file) return null;
  return { chain, number, file, path: join(dir, file) };
}

/**
 * What stands in a trail's folder.
 * @throws AuditError `unavailable`
 */
export async function listTrail(dir: string): Promise<TrailListing> {
  let files: string[];
  try {
    files = await readdir(dir);
  } catch (cause) {
    throw new AuditError('unavailable', `the trail's folder ${dir} cannot be read (${systemCodeOf(cause)})`, {
      cause,
    });
  }
  const places = files.map((file) => placeOf(dir, file)).filter((place) => place !== null);
  places.sort((left, right) => left.number - right.number);
  const chains = Map.groupBy(places, (place) => place.chain);
  const segments = new Set(places.map((place) => place.file));
  return {
    chains: new Map([...chains].sort(([left], [right]) => (left < right ? -1 : 1))),
    otherFiles: files.filter((file) => !segments.has(file) && !/\.lock(-journal)?$/.test(file)).sort(),
  };
}
