import { join } from 'node:path';
import { messageOf } from '../model/errors.ts';
import type { Logger } from '../model/log.ts';
import { ChainBuffer } from './chain-buffer.ts';
import type { Endorsement } from './key-store.ts';
import { maxLineBytes } from './limits.ts';
import { type ChainPlace, chainStart, type SegmentHeader, type TornBytes, trailFormat } from './record.ts';
import { SegmentFile } from './segment-file.ts';
import { segmentName } from './segment-names.ts';
import type { SigningKey } from './signing.ts';

export interface SeriesParts {
  readonly dir: string;
  readonly chain: string;
  readonly key: SigningKey;
  readonly log: Logger;
  /** The highest number that a segment has. */
  readonly lastSegment: number;
  /** Ends of files that no header tells of yet. */
  readonly torn: readonly TornBytes[];
}

/** What a new segment's header tells. */
export interface NewSegment {
  readonly why: 'started' | 'size' | 'fault';
  /** The last whole record and the segment it stands in; null begins the chain. */
  readonly after: (ChainPlace & { readonly segment: number }) | null;
  readonly torn: readonly TornBytes[];
  readonly endorsement: Endorsement | null;
  readonly at: string;
}

/** The segments of one chain, in the order in which they are made. */
export class SegmentSeries {
  readonly #parts: SeriesParts;
  #lastSegment: number;
  #torn: readonly TornBytes[];

  constructor(parts: SeriesParts) {
    this.#parts = parts;
    this.#lastSegment = parts.lastSegment;
    this.#torn = parts.torn;
  }

  /** Makes the next segment and writes its header; also the header's place in the chain. System calls throw. */
  create(wanted: NewSegment): { readonly segment: SegmentFile; readonly header: ChainPlace } {
    const { dir, chain } = this.#parts;
    const number = this.#lastSegment + 1;
    const file = segmentName(chain, number);
    const line = new ChainBuffer(maxLineBytes, wanted.after ?? chainStart);
    line.push(wanted.at, JSON.stringify(this.#header(number, wanted)).slice(1, -1));
    const header = line.last;
    const segment = new SegmentFile({ chain, number, file, path: join(dir, file) });
    try {
      while (line.pendingBytes > 0) line.wrote(segment.write(line.pending));
    } catch (error) {
      this.#discard(segment);
      throw error;
    }
    this.#lastSegment = number;
    this.#torn = [];
    return { segment, header };
  }

  #header(segment: number, { why, after, torn, endorsement }: NewSegment): SegmentHeader {
    const { chain, key } = this.#parts;
    const fields = {
      format: trailFormat,
      chain,
      segment,
      torn: [...torn, ...this.#torn],
      keyId: key.id,
      publicKey: key.publicKey,
    } as const;
    if (after === null) return { kind: 'genesis', ...fields };
    const previous = { segment: after.segment, lastSeq: after.seq, lastHash: after.hash };
    return { kind: 'segment', ...fields, why, previous, endorsement };
  }

  /** A segment without a whole header is taken away; if that fails too, the next header tells of it. */
  #discard(segment: SegmentFile): void {
    try {
      segment.discard();
    } catch (error) {
      this.#parts.log.warn({ error: messageOf(error) }, 'an unfinished segment could not be removed');
      this.#lastSegment = segment.place.number;
      const torn = segment.tornAfter(0);
      if (torn !== null) this.#torn = [...this.#torn, torn];
    }
  }
}
