import { join } from 'node:path';
import type { Clock, Timer } from '../model/clock.ts';
import { InvariantError, messageOf } from '../model/errors.ts';
import type { SessionId, TargetName } from '../model/ids.ts';
import type { Logger } from '../model/log.ts';
import type { AuditSettings } from '../model/settings.ts';
import type { TrailPrincipal } from '../model/trail-entry.ts';
import type { Transcript } from '../model/transcript.ts';
import {
  maxPendingBytes,
  maxPendingStatementBytes,
  maxTranscriptWrites,
  transcriptChunkBytes,
  transcriptFlushMs,
} from './limits.ts';
import { SessionTranscript, type TranscriptHost } from './session-transcript.ts';
import {
  dayOf,
  transcriptFormat,
  transcriptName,
  transcriptNamePattern,
  transcriptsFolder,
} from './transcript-format.ts';

export interface TranscriptStoreOptions {
  readonly stateDir: string;
  readonly settings: AuditSettings['transcripts'];
  readonly clock: Clock;
  readonly log: Logger;
}

export interface TranscriptOpening {
  readonly session: SessionId;
  readonly principal: TrailPrincipal;
  readonly target: TargetName;
  readonly protocol: string;
}

/** Keeps nothing, and costs nothing. */
const noTranscript: Transcript = {
  append: () => undefined,
  maxResultBytes: 0,
  close: () => Promise.resolve(null),
};

/**
 * Writes the transcripts of all sessions of a process, behind their back: entries gather in memory, and a few files
 * at a time are opened, written and closed again. So ten thousand idle sessions hold no descriptor, and a session
 * that lives for a millisecond costs one write.
 */
export class TranscriptStore {
  readonly #options: TranscriptStoreOptions;
  readonly #host: TranscriptHost;
  readonly #open = new Set<SessionTranscript>();
  /** Those with something to write: at the next flush, as soon as may be, and now. */
  readonly #dirty = new Set<SessionTranscript>();
  readonly #queue = new Set<SessionTranscript>();
  readonly #writing = new Set<SessionTranscript>();
  #pendingBytes = 0;
  #flushTimer: Timer | null = null;
  #failing = false;

  constructor(options: TranscriptStoreOptions) {
    this.#options = options;
    const pendingBytes = (): number => this.#pendingBytes;
    this.#host = {
      pendingChanged: (bytes) => {
        this.#pendingBytes += bytes;
      },
      get crowded() {
        return pendingBytes() > maxPendingBytes;
      },
      get overfull() {
        return pendingBytes() > maxPendingStatementBytes;
      },
      writeSoon: (transcript) => this.#writeSoon(transcript),
      writeAtOnce: (transcript) => this.#enqueue(transcript),
      linesLost: (error) => {
        options.log.error(
          { error: messageOf(error) },
          'lines of a transcript could not be written, and are lost',
        );
      },
      closed: (transcript) => this.#open.delete(transcript),
    };
  }

  /** Touches no disk. */
  open(opening: TranscriptOpening): Transcript {
    const { settings, clock, stateDir } = this.#options;
    if (!settings.enabled) return noTranscript;
    const name = transcriptName(opening.session);
    if (!transcriptNamePattern.test(name))
      throw new InvariantError(`a session id that names no file: ${name}`);
    const started = new Date(clock.nowMs()).toISOString();
    const { session, target, protocol } = opening;
    // Field by field: a whole Principal fits the type as well, and its claims may hold personal data.
    const { issuer, subject, kind, actsFor } = opening.principal;
    const principal = { issuer, subject, kind, actsFor };
    const transcript = new SessionTranscript({
      header: { kind: 'header', format: transcriptFormat, session, principal, target, protocol, started },
      path: join(transcriptsFolder(stateDir), dayOf(started), name),
      settings,
      clock,
      host: this.#host,
    });
    this.#open.add(transcript);
    return transcript;
  }

  /** Closes what is open, and waits until the disk has it or has refused it for long enough. */
  async close(): Promise<void> {
    await Promise.all([...this.#open].map((transcript) => transcript.close()));
    this.#flushTimer?.cancel();
  }

  #writeSoon(transcript: SessionTranscript): void {
    if (transcript.pendingBytes >= transcriptChunkBytes) this.#enqueue(transcript);
    else this.#writeLater(transcript);
  }

  #writeLater(transcript: SessionTranscript): void {
    this.#dirty.add(transcript);
    this.#flushTimer ??= this.#options.clock.after(transcriptFlushMs, () => {
      this.#flushTimer = null;
      for (const dirty of this.#dirty) this.#enqueue(dirty);
    });
  }

  #enqueue(transcript: SessionTranscript): void {
    this.#dirty.delete(transcript);
    this.#queue.add(transcript);
    this.#writeNext();
  }

  #writeNext(): void {
    for (const transcript of this.#queue) {
      if (this.#writing.size >= maxTranscriptWrites) return;
      // It comes back when its write has ended.
      if (this.#writing.has(transcript)) continue;
      this.#queue.delete(transcript);
      this.#writing.add(transcript);
      void this.#write(transcript); // it catches what can go wrong
    }
  }

  async #write(transcript: SessionTranscript): Promise<void> {
    try {
      if (await transcript.write()) this.#failing = false;
      // A write takes what had gathered when it began.
      if (transcript.pendingBytes > 0) {
        if (transcript.closing) this.#queue.add(transcript);
        else this.#writeLater(transcript);
      }
    } catch (error) {
      // Once, not with every attempt: a full disk is known by then.
      if (!this.#failing) {
        this.#options.log.error(
          { error: messageOf(error) },
          'transcripts cannot be written; results are left out',
        );
      }
      this.#failing = true;
      this.#writeLater(transcript);
    }
    this.#writing.delete(transcript);
    this.#writeNext();
  }
}
