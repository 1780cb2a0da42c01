import type { SessionId } from '../model/ids.ts';
import { linesOf } from './line-reader.ts';
import type { ChainEntry, RecordPlace, TrailRecord } from './record.ts';
import { listTrail, type SegmentPlace } from './segment-names.ts';

/** Records must meet every condition that is given. */
export interface TrailFilter {
  readonly chain?: string;
  readonly session?: SessionId;
  readonly kinds?: readonly TrailRecord['kind'][];
  /** Milliseconds since the Unix epoch. */
  readonly sinceMs?: number;
  readonly untilMs?: number;
}

/**
 * The trail's records, all chains together, oldest first (within a chain as they stand). For people who look at it:
 * lines that are damaged or not finished are passed over, and it is `verifyTrail` that tells of them.
 * @throws AuditError `unavailable`
 */
export async function* readTrail(
  dir: string,
  filter: TrailFilter = {},
): AsyncGenerator<TrailRecord, void, undefined> {
  const { chains } = await listTrail(dir);
  const wanted = [...chains].filter(([chain]) => filter.chain === undefined || filter.chain === chain);
  const streams = wanted.map(([, segments]) => readChain(segments, filter));
  try {
    yield* merge(streams);
  } finally {
    await Promise.all(streams.map((stream) => stream.return()));
  }
}

/** By time; there are as many streams as there are processes, so looking at all of them is no cost. */
async function* merge(
  streams: readonly AsyncGenerator<TrailRecord, void, undefined>[],
): AsyncGenerator<TrailRecord, void, undefined> {
  const heads = await Promise.all(streams.map(async (stream) => ({ stream, next: await stream.next() })));
  for (;;) {
    let first: { readonly head: (typeof heads)[number]; readonly record: TrailRecord } | null = null;
    for (const head of heads) {
      if (head.next.done === true) continue;
      if (first === null || head.next.value.at < first.record.at) first = { head, record: head.next.value };
    }
    if (first === null) return;
    yield first.record;
    first.head.next = await first.head.stream.next();
  }
}

async function* readChain(
  segments: readonly SegmentPlace[],
  filter: TrailFilter,
): AsyncGenerator<TrailRecord, void, undefined> {
  for (const [index, segment] of segments.entries()) {
    const next = segments[index + 1];
    // When the next segment began before the time that is asked for, nothing in this one is of interest.
    if (next !== undefined && filter.sinceMs !== undefined && (await beganAtMs(next)) < filter.sinceMs)
      continue;
    for await (const lines of linesOf(segment.path)) {
      for (const { content } of lines) {
        if (content === null) continue;
        for (const record of parse(content, filter)) {
          if (matches(record, filter)) yield record;
        }
      }
    }
  }
}

async function beganAtMs(segment: SegmentPlace): Promise<number> {
  for await (const lines of linesOf(segment.path)) {
    const [first] = lines;
    const [record] = first?.content ? parse(first.content, {}) : [];
    return record === undefined ? Number.POSITIVE_INFINITY : Date.parse(record.at);
  }
  return Number.POSITIVE_INFINITY;
}

type Line = TrailRecord | (Extract<ChainEntry, { kind: 'actions-ended' }> & RecordPlace);

/** The records of a line: one, but for the ends of actions. */
function parse(content: Buffer, filter: TrailFilter): readonly TrailRecord[] {
  // Searching bytes is ten times cheaper than parsing, and most records are of other sessions.
  if (filter.session !== undefined && !content.includes(filter.session)) return [];
  let value: unknown;
  try {
    value = JSON.parse(content.toString());
  } catch {
    // Half a line, while its writer is at it, or a damaged one: passed over, as the contract above says.
    return [];
  }
  if (typeof value !== 'object' || value === null || !('kind' in value)) return [];
  // What we wrote ourselves; that it is still what we wrote is what verifyTrail is for.
  const line = value as Line;
  if (line.kind !== 'actions-ended') return [line];
  const { seq, at, prev, hash } = line;
  return line.ended.map((end) => ({ seq, at, ...end, prev, hash }));
}

function matches(record: TrailRecord, filter: TrailFilter): boolean {
  const { session, kinds, sinceMs, untilMs } = filter;
  if (session !== undefined && !('session' in record && record.session === session)) return false;
  if (kinds !== undefined && !kinds.includes(record.kind)) return false;
  if (sinceMs === undefined && untilMs === undefined) return true;
  const atMs = Date.parse(record.at);
  return !(sinceMs !== undefined && atMs < sinceMs) && !(untilMs !== undefined && atMs > untilMs);
}
