import { open } from 'node:fs/promises';
import type { Clock, Timer } from '../model/clock.ts';
import { messageOf } from '../model/errors.ts';
import type { Logger } from '../model/log.ts';
import type { Trail } from '../model/trail-entry.ts';
import { maxSiblings, siblingsEveryMs, siblingTailBytes } from './limits.ts';
import { type ChainSeen, readFrame } from './record.ts';
import { listTrail, type SegmentPlace, trailFolder } from './segment-names.ts';

export interface SiblingChainsOptions {
  readonly stateDir: string;
  /** The chain of this process, in which the others are named. */
  readonly chain: string;
  readonly trail: Pick<Trail, 'append'>;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Records in this process' chain how far the other chains of the folder have come, so that one that is taken away or cut off is
 * missed, as by an anchor. Of what somebody else wrote only the last file's end is read.
 */
export class SiblingChains {
  readonly #options: SiblingChainsOptions;
  readonly #dir: string;
  /** By chain. */
  readonly #seen = new Map<string, ChainSeen>();
  #timer: Timer | null = null;
  #looking: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: SiblingChainsOptions) {
    this.#options = options;
    this.#dir = trailFolder(options.stateDir);
  }

  /** Looks now, and from then on every minute. */
  async start(): Promise<void> {
    await this.look();
    this.#lookLater();
  }

  /** Records those chains that have something new to be seen. Never rejects. */
  look(): Promise<void> {
    this.#looking = this.#looking.then(() => this.#look());
    return this.#looking;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    await this.#looking;
  }

  #lookLater(): void {
    if (this.#closed) return;
    this.#timer = this.#options.clock.after(siblingsEveryMs, () => {
      void this.look().then(() => this.#lookLater());
    });
  }

  async #look(): Promise<void> {
    const { chain: own, trail, log } = this.#options;
    try {
      const { chains } = await listTrail(this.#dir);
      for (const chain of this.#seen.keys()) {
        if (!chains.has(chain)) log.error({ chain }, 'a chain of the trail is gone');
      }
      const found: ChainSeen[] = [];
      for (const [chain, segments] of [...chains].slice(0, maxSiblings)) {
        const seen = chain === own ? null : await this.#lookAt(chain, segments);
        if (seen !== null) found.push(seen);
      }
      if (found.length === 0 || this.#closed) return;
      trail.append({ kind: 'chains-seen', chains: found });
      for (const seen of found) this.#seen.set(seen.chain, seen);
    } catch (error) {
      log.warn({ error: messageOf(error) }, 'the other chains of the trail could not be looked at');
    }
  }

  /** Null when there is nothing to be seen that was not seen before. System calls throw. */
  async #lookAt(chain: string, segments: readonly SegmentPlace[]): Promise<ChainSeen | null> {
    const before = this.#seen.get(chain)?.seq ?? 0;
    // A new segment may have no checkpoint yet; the one before it ends with one.
    for (const { path } of segments.slice(-2).reverse()) {
      const file = await open(path);
      try {
        const { size } = await file.stat();
        const tail = Buffer.alloc(Math.min(size, siblingTailBytes));
        await file.read(tail, 0, tail.length, size - tail.length);
        const checkpoint = lastCheckpoint(tail);
        if (checkpoint === null) continue;
        if (!tellsSomething(tail, checkpoint, before)) return null;
        // What a power cut took away from that chain must not stand in this one: then an honest trail would look cut off.
        await file.datasync();
        const { seq, hash, at } = checkpoint;
        return { chain, seq, hash, at };
      } finally {
        await file.close();
      }
    }
    return null;
  }
}

interface Checkpoint {
  /** The record that it signs. */
  readonly seq: number;
  readonly hash: string;
  readonly at: string;
  /** Where its line begins. */
  readonly offset: number;
}

const lineFeed = 0x0a;
// Within a text of a record the quotes would be escaped.
const checkpointKind = '"kind":"checkpoint"';
const headPattern = /^\{"seq":[0-9]+,"at":"([^"]*)","kind":"([a-z-]+)"/;
const maxHeadBytes = 128;

const headOf = (line: Buffer): { readonly at: string; readonly kind: string } | null => {
  const [, at, kind] = headPattern.exec(line.toString('latin1', 0, maxHeadBytes)) ?? [];
  return at === undefined || kind === undefined ? null : { at, kind };
};

/** The last whole one in these bytes. */
function lastCheckpoint(tail: Buffer): Checkpoint | null {
  for (let found = tail.lastIndexOf(checkpointKind); found > 0; ) {
    const offset = tail.lastIndexOf(lineFeed, found) + 1;
    const end = tail.indexOf(lineFeed, found);
    const line = tail.subarray(offset, end === -1 ? offset : end);
    const frame = readFrame(line);
    const head = headOf(line);
    if (frame?.selfHashed === true && head?.kind === 'checkpoint') {
      return { seq: frame.seq - 1, hash: frame.prev, at: head.at, offset };
    }
    if (offset < 2) return null;
    found = tail.lastIndexOf(checkpointKind, offset - 2);
  }
  return null;
}

/**
 * Whether there is more behind record `before` than chains that were seen and their signatures: else two idle processes would go on
 * for ever recording that the other has recorded something.
 */
function tellsSomething(tail: Buffer, checkpoint: Checkpoint, before: number): boolean {
  for (let end = checkpoint.offset - 1; end > 0; ) {
    const start = tail.lastIndexOf(lineFeed, end - 1) + 1;
    const line = tail.subarray(start, end);
    const seq = readFrame(line)?.seq;
    if (seq !== undefined && seq <= before) return false;
    const kind = headOf(line)?.kind;
    if (kind !== 'checkpoint' && kind !== 'chains-seen') return true;
    end = start - 1;
  }
  return checkpoint.seq > before;
}
