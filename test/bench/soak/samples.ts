/** Memory and descriptors of the gateway's processes over time. */
import { readFile } from 'node:fs/promises';
import { descriptorsOf, residentMib } from '../process-figures.ts';

export type ProcessKind = 'gateway' | 'envoy';

interface Sample {
  readonly atMs: number;
  readonly mib: number;
  readonly descriptors: number;
}

/** One process from its first sample to its last: it was killed, or the soak ended. */
export interface Generation {
  readonly kind: ProcessKind;
  readonly pid: number;
  readonly samples: Sample[];
}

/** The supervisor's children by what they run. */
export async function processesOf(
  supervisor: number,
): Promise<readonly { kind: ProcessKind; pid: number }[]> {
  const children = await readFile(`/proc/${supervisor}/task/${supervisor}/children`, 'utf8');
  const found = await Promise.all(
    children
      .split(' ')
      .filter((pid) => pid !== '')
      .map(async (text) => {
        const pid = Number(text);
        // Who has just been killed is no more.
        const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
        if (command.includes('services/main.ts')) return [{ kind: 'gateway', pid } as const];
        return /^[^\0]*\/envoy[^/\0]*\0/.test(command) ? [{ kind: 'envoy', pid } as const] : [];
      }),
  );
  return found.flat();
}

export class Samples {
  readonly generations: Generation[] = [];
  #living: readonly Generation[] = [];

  async take(supervisor: number): Promise<void> {
    const living: Generation[] = [];
    for (const { kind, pid } of await processesOf(supervisor)) {
      try {
        const sample = {
          atMs: performance.now(),
          mib: await residentMib(pid),
          descriptors: await descriptorsOf(pid),
        };
        let generation = this.generations.find((each) => each.pid === pid);
        if (generation === undefined) {
          generation = { kind, pid, samples: [] };
          this.generations.push(generation);
        }
        generation.samples.push(sample);
        living.push(generation);
      } catch (error) {
        // It was killed while it was looked at; a process that lives is readable.
        if (!(error instanceof Error && ('code' in error || error.message.includes('has ended'))))
          throw error;
      }
    }
    this.#living = living;
  }

  /** All processes of this kind together, as `take` last saw them. */
  now(kind: ProcessKind): { readonly mib: number; readonly descriptors: number } {
    const sum = { mib: 0, descriptors: 0 };
    for (const each of this.#living) {
      const sample = each.kind === kind ? each.samples.at(-1) : undefined;
      sum.mib += sample?.mib ?? 0;
      sum.descriptors += sample?.descriptors ?? 0;
    }
    return sum;
  }
}

/** Less says nothing of a trend. */
const trendMs = 60_000;

/**
 * MiB a minute by least squares over the second half of its life: in the first, code is compiled and caches are filled. Null when
 * it did not live long enough to tell.
 */
export function trendMibPerMinute({ samples }: Generation): number | null {
  const warm = samples.slice(samples.length >> 1);
  const [start, end] = [warm[0], warm.at(-1)];
  if (start === undefined || end === undefined || end.atMs - start.atMs < trendMs) return null;
  const meanAt = warm.reduce((sum, { atMs }) => sum + atMs, 0) / warm.length;
  const meanMib = warm.reduce((sum, { mib }) => sum + mib, 0) / warm.length;
  let over = 0;
  let under = 0;
  for (const { atMs, mib } of warm) {
    over += (atMs - meanAt) * (mib - meanMib);
    under += (atMs - meanAt) ** 2;
  }
  return (over / under) * 60_000;
}
