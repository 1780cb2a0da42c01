import { createHash } from 'node:crypto';
import { linesOf } from './line-reader.ts';
import { type ChainPlace, headerSchema, readFrame, type SegmentHeader, type TornBytes } from './record.ts';
import type { SegmentPlace } from './segment-names.ts';

/** Where a chain stopped, as its next writer finds it. */
export interface ChainEnd extends ChainPlace {
  readonly segment: number;
  /** Of the segment that holds the last record; null when its header is damaged. */
  readonly header: SegmentHeader | null;
}

export interface FoundEnd {
  /** The last whole record; null when there is none at all. */
  readonly end: ChainEnd | null;
  /** What stands behind it, oldest first. */
  readonly torn: readonly TornBytes[];
  /** The highest number that a segment has; 0 when there is none. */
  readonly lastSegment: number;
}

interface SegmentEnd {
  readonly last: ChainPlace | null;
  readonly header: SegmentHeader | null;
  readonly torn: TornBytes | null;
}

function parseHeader(content: Buffer): SegmentHeader | null {
  try {
    return headerSchema.safeParse(JSON.parse(content.toString())).data ?? null;
  } catch {
    // Not JSON: then it is no header, which is what the caller is told.
    return null;
  }
}

async function readEnd({ path, number }: SegmentPlace): Promise<SegmentEnd> {
  let last: ChainPlace | null = null;
  let header: SegmentHeader | null = null;
  let torn: TornBytes | null = null;
  let lines = 0;
  for await (const chunk of linesOf(path)) {
    for (const line of chunk) {
      lines += 1;
      if (!line.terminated) torn = { segment: number, bytes: line.bytes, sha256: line.sha256() };
      // A damaged line is left to the verifier: the chain goes on from the last record that is whole in itself.
      const frame = line.terminated && line.content !== null ? readFrame(line.content) : null;
      if (frame?.selfHashed !== true || line.content === null) continue;
      last = { seq: frame.seq, hash: frame.hash };
      if (line.number === 1) header = parseHeader(line.content);
    }
  }
  // A file without a byte is what a crash leaves between making a segment and writing its header.
  if (lines === 0) torn = { segment: number, bytes: 0, sha256: createHash('sha256').digest('hex') };
  return { last, header, torn };
}

/**
 * Reads the chain's last segment, and those before it while there is no whole record in it.
 * @throws AuditError `unavailable`
 */
export async function findChainEnd(segments: readonly SegmentPlace[]): Promise<FoundEnd> {
  const lastSegment = segments.at(-1)?.number ?? 0;
  const torn: TornBytes[] = [];
  for (const place of segments.toReversed()) {
    const found = await readEnd(place);
    if (found.torn !== null) torn.unshift(found.torn);
    if (found.last !== null) {
      return { end: { ...found.last, segment: place.number, header: found.header }, torn, lastSegment };
    }
  }
  return { end: null, torn, lastSegment };
}
