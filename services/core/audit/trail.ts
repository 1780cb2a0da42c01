import type { Clock, Timer } from '../model/clock.ts';
import { InvariantError, messageOf } from '../model/errors.ts';
import type { Logger } from '../model/log.ts';
import type { AuditSettings } from '../model/settings.ts';
import type { Telemetry } from '../model/telemetry.ts';
import type { CommitWaiter, Trail, TrailEntry } from '../model/trail-entry.ts';
import { type Anchor, anchorFormat } from './anchor.ts';
import { ChainBuffer } from './chain-buffer.ts';
import type { ChainEnd } from './chain-end.ts';
import type { ChainLock } from './chain-lock.ts';
import { AuditError, systemCodeOf } from './errors.ts';
import { IsoTime } from './iso-time.ts';
import { shortened } from './json-line.ts';
import type { Endorsement } from './key-store.ts';
import {
  maxBacklogBytes,
  maxBatchBytes,
  maxEndsARecord,
  maxRecordCharacters,
  maxWriteDelayMs,
  retryWriteMs,
  syncEveryMs,
} from './limits.ts';
import type { ActionEnded, ChainEntry, SingleEntry, TornBytes } from './record.ts';
import { RecordJson } from './record-json.ts';
import type { SegmentFile } from './segment-file.ts';
import type { SegmentSeries } from './segment-series.ts';
import { checkpointText, type SigningKey } from './signing.ts';

export interface TrailHealth {
  readonly writable: boolean;
  /** Why not; null when it is writable. */
  readonly error: string | null;
}

export interface TrailOptions {
  readonly stateDir: string;
  /** Names this process' chain: lower-case letters, digits, `.`, `_`, `-`. The same after every restart. */
  readonly chain: string;
  readonly settings: Pick<
    AuditSettings,
    'segmentBytes' | 'checkpointEveryMs' | 'checkpointEveryRecords' | 'signingKey'
  >;
  readonly clock: Clock;
  readonly log: Logger;
  readonly telemetry: Pick<Telemetry, 'enabled' | 'trailCommitted'>;
  /** Called when the trail stops being writable, and when it is again. */
  onHealth(health: TrailHealth): void;
  /**
   * Called with every checkpoint once it is on the disk, to be kept elsewhere: earlier, a power cut could take away
   * what an anchor vouches for.
   */
  onCheckpoint?(anchor: Anchor): void;
}

/** What `openTrail` has found and taken. */
export interface TrailStart {
  readonly lock: ChainLock;
  readonly key: SigningKey;
  readonly series: SegmentSeries;
  readonly end: ChainEnd | null;
  readonly endorsement: Endorsement | null;
}

/** A write has failed, and none has worked since. */
interface Fault {
  readonly error: string;
  /** The first record whose waiters were refused. */
  readonly from: number;
  /** Whether the segment is not to be trusted any more. */
  abandon: boolean;
  dropped: number;
}

/** Errors that end when there is room: the same file is then gone on with, in the middle of a record if need be. */
const noRoom: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG', 'EAGAIN']);

/** One process' chain of records, as its only writer. Made by `openTrail` (open-trail.ts). */
export class AuditTrail implements Trail {
  readonly #options: TrailOptions;
  readonly #lock: ChainLock;
  readonly #key: SigningKey;
  readonly #series: SegmentSeries;
  readonly #time = new IsoTime();
  readonly #json = new RecordJson();
  readonly #lines: ChainBuffer;
  #segment: SegmentFile;
  #rotateAtBytes: number;

  #turn: NodeJS.Immediate | null = null;
  #turnFirstSeq: number;
  /** How actions have ended, for the next record of that. */
  #ends: ActionEnded[] = [];
  /** When the oldest record that is not yet written came; kept while telemetry is on. */
  #oldestMs = 0;
  #writeTimer: Timer | null = null;
  /** Something of this turn was not written when it should have been; its waiters must not go on. */
  #turnLost = false;
  #waiters: CommitWaiter[] = [];

  /** Records that no checkpoint signs yet; a segment's header is the first. */
  #sinceCheckpoint = 1;
  #checkpointTimer: Timer | null = null;
  /** Checkpoints that are in the batch, and those that are written and not yet on the disk. */
  #checkpoints: Anchor[] = [];
  #unsyncedCheckpoints: Anchor[] = [];

  #unsynced = false;
  #syncTimer: Timer | null = null;
  #syncing = false;
  /** Ends when the segments before this one are on the disk and closed. */
  #formerClosed: Promise<void> = Promise.resolve();

  #fault: Fault | null = null;
  #retryTimer: Timer | null = null;
  #closed = false;

  constructor(options: TrailOptions, start: TrailStart) {
    this.#options = options;
    this.#lock = start.lock;
    this.#key = start.key;
    this.#series = start.series;
    this.#rotateAtBytes = options.settings.segmentBytes;
    const { end: after, endorsement } = start;
    const begun = this.#series.create({ why: 'started', after, torn: [], endorsement, at: this.#now() });
    this.#segment = begun.segment;
    this.#lines = new ChainBuffer(maxBacklogBytes, begun.header);
    this.#turnFirstSeq = this.#lines.last.seq + 1;
    this.#syncTimer = this.#syncLater();
  }

  get writable(): boolean {
    return this.#fault === null && !this.#closed;
  }

  append(entry: TrailEntry): void {
    if (this.#closed) {
      this.#beginTurn();
      this.#turnLost = true;
      this.#options.log.error({ kind: entry.kind }, 'a record came after the trail was closed, and is lost');
      return;
    }
    this.#writeTimer ??= this.#writeLater();
    if (entry.kind === 'action-ended') {
      this.#ends.push(entry);
      if (this.#ends.length === maxEndsARecord) this.#addEnds();
      return;
    }
    // What a session did stands before its end.
    if (entry.kind !== 'action') this.#addEnds();
    this.#append(entry);
  }

  #addEnds(): void {
    if (this.#ends.length === 0) return;
    const ends = this.#ends;
    this.#ends = [];
    this.#append({ kind: 'actions-ended', ended: ends });
  }

  #append(entry: SingleEntry | ChainEntry): void {
    if (this.#options.telemetry.enabled && this.#lines.pendingBytes === 0) {
      this.#oldestMs = this.#options.clock.monotonicMs();
    }
    this.#add(entry, this.#now());
    this.#sinceCheckpoint += 1;
    if (this.#sinceCheckpoint >= this.#options.settings.checkpointEveryRecords) this.#addCheckpoint();
    else this.#checkpointTimer ??= this.#checkpointLater();
    if (this.#lines.pendingBytes >= maxBatchBytes) this.#writePending();
  }

  afterCommit(waiter: CommitWaiter): void {
    this.#beginTurn();
    this.#waiters.push(waiter);
  }

  /**
   * Signs and writes what is left, and gives up the chain. To be called after the last session has ended.
   * @throws AuditError `unavailable` when the disk does not have it all
   */
  async close(): Promise<void> {
    if (this.#closed) return;
    if (this.#fault !== null) this.#retry();
    this.#addEnds();
    if (this.#sinceCheckpoint > 0) this.#addCheckpoint();
    this.#closed = true;
    if (this.#turn !== null) clearImmediate(this.#turn);
    this.#endTurn();
    const timers = [this.#writeTimer, this.#checkpointTimer, this.#syncTimer, this.#retryTimer];
    for (const timer of timers) timer?.cancel();
    try {
      await this.#formerClosed;
      await this.#segment.close();
      if (this.#fault !== null) throw new AuditError('unavailable', this.#fault.error);
      this.#tellCheckpoints(this.#unsyncedCheckpoints);
    } catch (cause) {
      throw new AuditError('unavailable', `the trail could not be closed: ${messageOf(cause)}`, { cause });
    } finally {
      this.#lock.release();
    }
  }

  // A turn of the event loop: records gather, one write takes them, everybody who waited is told. Nobody waits for the ends of
  // actions: those of a few milliseconds are one record, so that an action costs one record and one write, not two.

  #writeLater(): Timer {
    return this.#options.clock.after(maxWriteDelayMs, () => {
      this.#writeTimer = null;
      this.#addEnds();
      if (this.#turn === null) this.#endTurn();
    });
  }

  #beginTurn(): void {
    if (this.#turn !== null) return;
    // Immediates run after the poll phase, in which every socket that was ready has been read.
    this.#turn = setImmediate(() => this.#endTurn());
  }

  #endTurn(): void {
    this.#turn = null;
    const waiters = this.#waiters;
    this.#waiters = [];
    const committed = this.#writePending() && !this.#turnLost;
    this.#turnLost = false;
    if (committed) this.#committed();
    tell(waiters, committed);
  }

  #committed(): void {
    const { telemetry, clock } = this.#options;
    const { seq } = this.#lines.last;
    if (telemetry.enabled) {
      telemetry.trailCommitted(clock.monotonicMs() - this.#oldestMs, seq + 1 - this.#turnFirstSeq);
    }
    this.#turnFirstSeq = seq + 1;
    if (this.#checkpoints.length === 0) return;
    this.#unsyncedCheckpoints.push(...this.#checkpoints);
    this.#checkpoints = [];
  }

  #add(entry: SingleEntry | ChainEntry, at: string): void {
    let members = this.#json.of(entry);
    if (members.length > maxRecordCharacters) {
      members = JSON.stringify(shortened(entry, members.length)).slice(1, -1);
    }
    if (this.#lines.push(at, members)) return;
    // No room: the batch goes now, and if the disk does not take it the record is counted instead of kept.
    if (this.#writePending() && this.#lines.push(at, members)) return;
    if (this.#fault === null) throw new InvariantError('a record is larger than the buffer of all records');
    this.#fault.dropped += 1;
  }

  #now(): string {
    return this.#time.at(this.#options.clock.nowMs());
  }

  // Writing.

  /** Hands all that waits to the kernel. False when it does not take it. */
  #writePending(): boolean {
    if (this.#fault !== null) return false;
    if (this.#lines.pendingBytes === 0) return true;
    try {
      this.#writeAll();
      if (this.#closed || this.#segment.size < this.#rotateAtBytes) return true;
      this.#addCheckpoint();
      this.#writeAll();
    } catch (error) {
      this.#failed(error, false);
      return false;
    }
    this.#rotate();
    return true;
  }

  #writeAll(): void {
    while (this.#lines.pendingBytes > 0) this.#lines.wrote(this.#segment.write(this.#lines.pending));
    this.#unsynced = true;
    this.#syncTimer ??= this.#syncLater();
  }

  #rotate(): void {
    try {
      this.#replaceSegment('size', []);
      this.#rotateAtBytes = this.#options.settings.segmentBytes;
    } catch (error) {
      // The old segment still takes records: a larger one is all the harm.
      this.#options.log.warn({ error: messageOf(error) }, 'no new segment of the trail could be made');
      this.#rotateAtBytes = this.#segment.size + maxBatchBytes;
    }
  }

  /** Goes on in a new segment. What waits is chained behind its header. */
  #replaceSegment(why: 'size' | 'fault', torn: readonly TornBytes[]): void {
    const former = this.#segment;
    const after = { ...this.#lines.written().place, segment: former.place.number };
    const { segment, header } = this.#series.create({ why, after, torn, endorsement: null, at: this.#now() });
    this.#segment = segment;
    this.#unsynced = true;
    this.#sinceCheckpoint += 1;
    const dropped = this.#lines.rechain(header);
    if (this.#fault !== null) this.#fault.dropped += dropped;
    this.#formerClosed = Promise.all([this.#formerClosed, former.close()]).then(
      () => undefined,
      (error: unknown) => {
        this.#options.log.error({ error: messageOf(error) }, 'a segment of the trail could not be closed');
      },
    );
  }

  // Checkpoints.

  #checkpointLater(): Timer {
    const { clock, settings } = this.#options;
    return clock.after(settings.checkpointEveryMs, () => {
      this.#checkpointTimer = null;
      this.#beginTurn();
      this.#addCheckpoint();
    });
  }

  #addCheckpoint(): void {
    // While the disk refuses, records may have to be chained anew: the one after it works again signs them all.
    if (this.#fault !== null) return;
    this.#checkpointTimer?.cancel();
    this.#checkpointTimer = null;
    this.#sinceCheckpoint = 0;
    const { chain } = this.#options;
    const { seq, hash } = this.#lines.last;
    const at = this.#now();
    const keyId = this.#key.id;
    const signature = this.#key.sign(checkpointText(chain, seq, hash, at));
    this.#add({ kind: 'checkpoint', keyId, signature }, at);
    this.#checkpoints.push({ format: anchorFormat, chain, seq, hash, at, keyId, signature });
  }

  // The disk, behind the hot path's back.

  #syncLater(): Timer {
    return this.#options.clock.after(syncEveryMs, () => {
      this.#syncTimer = null;
      if (!this.#syncing) void this.#sync(); // it catches what can go wrong
    });
  }

  async #sync(): Promise<void> {
    this.#syncing = true;
    await this.#formerClosed;
    const segment = this.#segment;
    const checkpoints = this.#unsyncedCheckpoints;
    this.#unsyncedCheckpoints = [];
    this.#unsynced = false;
    try {
      await segment.sync();
      // Writes to a file that was removed succeed, and are gone.
      if (segment === this.#segment && !segment.isAsLeft()) {
        throw new AuditError('unavailable', `${segment.place.path} was removed or changed by somebody else`);
      }
      this.#tellCheckpoints(checkpoints);
    } catch (error) {
      // After a failed fsync the kernel may have thrown away what it had taken: this file is not gone on with either.
      if (segment === this.#segment && !this.#closed) this.#failed(error, true);
    }
    this.#syncing = false;
    if (this.#unsynced && !this.#closed) this.#syncTimer ??= this.#syncLater();
  }

  #tellCheckpoints(anchors: readonly Anchor[]): void {
    for (const anchor of anchors) {
      try {
        this.#options.onCheckpoint?.(anchor);
      } catch (error) {
        this.#options.log.error({ error: messageOf(error) }, 'an anchor could not be kept');
      }
    }
  }

  #failed(error: unknown, abandon: boolean): void {
    if (this.#fault !== null) {
      this.#fault.abandon ||= abandon;
      return;
    }
    const text = messageOf(error);
    this.#fault = { error: text, from: this.#turnFirstSeq, abandon, dropped: 0 };
    this.#options.log.error({ error: text }, 'the trail cannot be written; new actions are refused');
    this.#retryTimer = this.#retryLater();
    this.#options.onHealth({ writable: false, error: text });
  }

  #retryLater(): Timer {
    return this.#options.clock.after(retryWriteMs, () => this.#retry());
  }

  #retry(): void {
    const fault = this.#fault;
    if (fault === null) return;
    try {
      this.#resume(fault);
    } catch (error) {
      this.#options.log.debug({ error: messageOf(error) }, 'the trail still cannot be written');
      this.#retryTimer = this.#retryLater();
      return;
    }
    this.#fault = null;
    const { error, from, dropped } = fault;
    const through = this.#lines.last.seq;
    // Who waits for a record that was late is refused, as the record below says of all of them.
    if (this.#turn !== null) this.#turnLost = true;
    this.#beginTurn();
    this.#add({ kind: 'write-resumed', error, from, through, dropped }, this.#now());
    this.#addCheckpoint();
    this.#options.log.info({ from, through, dropped }, 'the trail can be written again');
    this.#options.onHealth({ writable: true, error: null });
  }

  #resume(fault: Fault): void {
    if (!fault.abandon && this.#segment.isAsLeft()) {
      try {
        this.#writeAll();
        return;
      } catch (error) {
        if (noRoom.has(systemCodeOf(error))) throw error;
      }
    }
    const { tornBytes } = this.#lines.written();
    const torn = this.#segment.tornAfter(this.#segment.size - tornBytes);
    this.#replaceSegment('fault', torn === null ? [] : [torn]);
    this.#checkpoints = []; // those that were not written have been left out
    this.#writeAll();
  }
}

function tell(waiters: readonly CommitWaiter[], committed: boolean): void {
  let thrown: { readonly error: unknown } | null = null;
  for (const waiter of waiters) {
    try {
      if (committed) waiter.committed();
      else waiter.notCommitted();
    } catch (error) {
      // One session's bug must not keep the others waiting for ever; it is thrown once all were told.
      thrown ??= { error };
    }
  }
  if (thrown !== null) throw thrown.error;
}
