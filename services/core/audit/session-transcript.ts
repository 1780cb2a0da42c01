import type { Clock } from '../model/clock.ts';
import type { ActionId } from '../model/ids.ts';
import type { AuditSettings } from '../model/settings.ts';
import type { Transcript, TranscriptEntry } from '../model/transcript.ts';
import { type StoredText, storedText } from './json-line.ts';
import {
  maxCloseAttempts,
  maxPendingSessionBytes,
  maxRecordCharacters,
  maxShortenedItemCharacters,
  maxShortenedItems,
  maxTextCharactersPastLimit,
} from './limits.ts';
import { TranscriptFile } from './transcript-file.ts';
import type { CutEntry, StoredEntry, TranscriptHeader } from './transcript-format.ts';

/** What a transcript needs of the store: the disk is shared, and so is the memory that waits for it. */
export interface TranscriptHost {
  pendingChanged(bytes: number): void;
  /** Results are to be left out. */
  readonly crowded: boolean;
  /** Not even statements may wait any longer. */
  readonly overfull: boolean;
  writeSoon(transcript: SessionTranscript): void;
  writeAtOnce(transcript: SessionTranscript): void;
  linesLost(error: unknown): void;
  closed(transcript: SessionTranscript): void;
}

export interface SessionTranscriptParts {
  readonly header: TranscriptHeader;
  readonly path: string;
  readonly settings: AuditSettings['transcripts'];
  readonly clock: Clock;
  readonly host: TranscriptHost;
}

type KeptEntry = Exclude<TranscriptEntry, { kind: 'cut' }>;
type ResultEntry = Extract<TranscriptEntry, { kind: 'result' | 'output' }>;

/** One session's transcript, as it is written: what is kept, and what is cut. */
export class SessionTranscript implements Transcript {
  readonly #parts: SessionTranscriptParts;
  readonly #file: TranscriptFile;
  readonly #startedMs: number;
  #fileBytes = 0;
  /** The action whose results come in, how much of them was kept, and whether the rest is left out. */
  #resultAction: ActionId | null = null;
  /** The engine counts bytes; characters, never more, are counted here at no cost, should one forget to. */
  #resultCharacters = 0;
  #cutting = false;
  /** Left out since the last line. */
  #cut: CutEntry | null = null;
  #linesLost = 0;
  #closing: PromiseWithResolvers<string | null> | null = null;
  #failures = 0;

  constructor(parts: SessionTranscriptParts) {
    this.#parts = parts;
    this.#file = new TranscriptFile(parts.path);
    this.#startedMs = parts.clock.monotonicMs();
  }

  get pendingBytes(): number {
    return this.#file.pendingBytes;
  }

  get closing(): boolean {
    return this.#closing !== null;
  }

  get maxResultBytes(): number {
    const { maxResultBytes, maxSessionBytes } = this.#parts.settings;
    return this.#crowded ? 0 : Math.max(0, Math.min(maxResultBytes, maxSessionBytes - this.#fileBytes));
  }

  append(entry: TranscriptEntry): void {
    if (this.#closing !== null) return;
    switch (entry.kind) {
      case 'action':
        this.#keep(entry);
        break;
      case 'output':
        if (entry.stream === 'error') this.#keep(entry);
        else this.#keepResult(entry);
        break;
      case 'result':
        this.#keepResult(entry);
        break;
      case 'masked':
        this.#keep(entry);
        break;
      case 'cut':
        this.#leaveOut(entry.action, entry.rowsLeftOut, entry.bytesLeftOut);
        break;
    }
  }

  close(): Promise<string | null> {
    if (this.#closing !== null) return this.#closing.promise;
    const closing = Promise.withResolvers<string | null>();
    if (this.#fileBytes === 0 && this.#cut === null) {
      closing.resolve(null);
      this.#parts.host.closed(this);
    } else {
      this.#put(this.#line({ kind: 'end', linesLost: this.#linesLost }));
    }
    this.#closing = closing;
    if (this.pendingBytes > 0) this.#parts.host.writeAtOnce(this);
    return closing.promise;
  }

  /**
   * Called by the store when it is this transcript's turn; never twice at a time. False when the rest was given up.
   * Throws what system calls throw: then it is to be tried again.
   */
  async write(): Promise<boolean> {
    const { host } = this.#parts;
    let written = true;
    try {
      host.pendingChanged(-(await this.#file.write()));
    } catch (error) {
      this.#failures += 1;
      if (this.#closing === null || this.#failures < maxCloseAttempts) throw error;
      host.pendingChanged(-this.#file.abandon());
      host.linesLost(error);
      written = false;
    }
    if (this.#closing === null || this.pendingBytes > 0) return written;
    host.closed(this);
    this.#file.sha256().then(this.#closing.resolve, this.#closing.reject);
    return written;
  }

  get #crowded(): boolean {
    return this.#file.pendingBytes > maxPendingSessionBytes || this.#parts.host.crowded;
  }

  /** What a session did is never left out; past the limits, its text is cut. */
  #keep(entry: KeptEntry): void {
    const pastLimit = this.#fileBytes > this.#parts.settings.maxSessionBytes;
    const line = this.#line(pastLimit ? withShortText(entry) : entry);
    this.#put(line.text.length > maxRecordCharacters ? this.#line(withShortText(entry)) : line);
    if (this.#parts.host.overfull) this.#writeNow();
  }

  /** Memory is full of statements: the process waits for the disk rather than lose one. */
  #writeNow(): void {
    const { lines, bytes } = this.#file.gathered;
    this.#parts.host.pendingChanged(-bytes);
    try {
      this.#file.writeNow();
    } catch (error) {
      this.#linesLost += lines;
      this.#parts.host.linesLost(error);
    }
  }

  #keepResult(entry: ResultEntry): void {
    const characters = sumOf(entry, (text) => text.length);
    if (entry.action !== null && entry.action !== this.#resultAction) {
      this.#resultAction = entry.action;
      this.#resultCharacters = 0;
      this.#cutting = false;
    }
    const { maxResultBytes, maxSessionBytes } = this.#parts.settings;
    const tooMuch =
      this.#resultCharacters + characters > maxResultBytes ||
      this.#fileBytes + characters > maxSessionBytes ||
      this.#crowded;
    const nothing = characters === 0;
    if (!nothing && (tooMuch || (this.#cutting && entry.action !== null))) return this.#leaveOutResult(entry);
    const line = this.#line(entry);
    if (line.text.length <= maxRecordCharacters) {
      this.#resultCharacters += characters;
      this.#put(line);
    } else if (entry.kind === 'result' && entry.rows.length > 1) {
      const half = entry.rows.length >> 1;
      this.#keepResult({ ...entry, rows: entry.rows.slice(0, half), status: null });
      this.#keepResult({ ...entry, columns: null, rows: entry.rows.slice(half) });
    } else {
      this.#leaveOutResult(entry);
    }
  }

  /** What was shown is left out; that the command was done is not. */
  #leaveOutResult(entry: ResultEntry): void {
    const rows = entry.kind === 'result' ? entry.rows.length : 0;
    this.#leaveOut(entry.action, rows, bytesOf(entry));
    if (entry.kind === 'result' && entry.status !== null) this.#keep({ ...entry, columns: null, rows: [] });
  }

  #leaveOut(action: ActionId | null, rows: number, bytes: number): void {
    const same = this.#cut?.action === action ? this.#cut : null;
    if (this.#cut !== null && same === null) this.#putCut(this.#cut);
    this.#cut = {
      kind: 'cut',
      action,
      rowsLeftOut: (same?.rowsLeftOut ?? 0) + rows,
      bytesLeftOut: (same?.bytesLeftOut ?? 0) + bytes,
    };
    // With a hole in it a result would say what was never shown: nothing more of it is kept.
    if (action === this.#resultAction) this.#cutting = true;
  }

  #putCut(cut: CutEntry): void {
    this.#cut = null;
    this.#put(this.#line(cut));
  }

  #line(entry: DistributiveOmit<StoredEntry, 'ms'>): StoredText {
    const ms = Math.round(this.#parts.clock.monotonicMs() - this.#startedMs);
    return lineOf(`{"ms":${ms},${JSON.stringify(entry).slice(1)}`);
  }

  #put(line: StoredText): void {
    if (this.#fileBytes === 0) this.#add(lineOf(JSON.stringify(this.#parts.header)));
    if (this.#cut !== null) this.#putCut(this.#cut);
    this.#add(line);
    this.#parts.host.writeSoon(this);
  }

  #add({ text, bytes }: StoredText): void {
    this.#file.add(text, bytes);
    this.#fileBytes += bytes;
    this.#parts.host.pendingChanged(bytes);
  }
}

/** `Omit` on each member of a union. */
type DistributiveOmit<Union, Key extends PropertyKey> = Union extends unknown ? Omit<Union, Key> : never;

function lineOf(json: string): StoredText {
  const { text, bytes } = storedText(json);
  return { text: `${text}\n`, bytes: bytes + 1 };
}

/** The entry with as much of its text as the trail would keep, and how much that is short of the whole. */
function withShortText(entry: KeptEntry): KeptEntry & { readonly leftOutCharacters?: number } {
  const cut = (text: string | null, limit: number): string | null => text?.slice(0, limit) ?? null;
  const length = (texts: readonly (string | null)[]): number =>
    texts.reduce((sum, text) => sum + (text?.length ?? 0), 0);
  switch (entry.kind) {
    case 'action': {
      const text = entry.text.slice(0, maxTextCharactersPastLimit);
      const parameters = entry.parameters
        .slice(0, maxShortenedItems)
        .map((parameter) => cut(parameter, maxShortenedItemCharacters));
      const message = cut(entry.message, maxTextCharactersPastLimit);
      const whole = length([entry.text, entry.message, ...entry.parameters]);
      const leftOutCharacters = whole - length([text, message, ...parameters]);
      return { ...entry, text, parameters, message, leftOutCharacters };
    }
    case 'masked':
      return entry;
    case 'result':
      // Nothing but the command's tag is kept of it past the limits.
      return entry;
    case 'output': {
      const text = entry.text.slice(0, maxTextCharactersPastLimit);
      return { ...entry, text, leftOutCharacters: entry.text.length - text.length };
    }
  }
}

/** Of the values of an entry, each measured so. */
function sumOf(entry: ResultEntry, measure: (text: string) => number): number {
  switch (entry.kind) {
    case 'result': {
      const head = entry.columns === null ? 0 : sumOfTexts(entry.columns, measure);
      return entry.rows.reduce((sum, row) => sum + sumOfTexts(row, measure), head);
    }
    case 'output':
      return measure(entry.text);
  }
}

const sumOfTexts = (texts: readonly (string | null)[], measure: (text: string) => number): number =>
  texts.reduce((sum, text) => sum + (text === null ? 0 : measure(text)), 0);

const bytesOf = (entry: ResultEntry): number => sumOf(entry, (text) => Buffer.byteLength(text));
