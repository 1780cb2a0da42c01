import type { Clock } from '../model/clock.ts';
import { visibleLines, visibleText } from '../model/visible-text.ts';
import { maxMeasuredRows, maxReplayPauseMs, maxShownCharacters } from './limits.ts';
import { TextTable } from './text-table.ts';
import type { StoredEntry, TranscriptHeader } from './transcript-format.ts';
import type { StoredTranscript } from './transcript-reader.ts';

export interface ReplayOptions {
  /** 2 is twice as fast; Infinity does not wait at all. */
  readonly speed: number;
  /** The longest pause, before `speed`; null keeps them all as they were. */
  readonly maxPauseMs?: number | null;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
  /** Gets nothing but printable text, line feeds and tabs. When it returns a promise, it is waited for. */
  write(text: string): void | Promise<void>;
}

/**
 * Shows a session as its client saw it, with its pauses. Whatever was in it, nothing of it is obeyed by a terminal.
 * `complete` is false when the transcript has no end.
 * @throws AuditError `unavailable`; what `signal` gives as its reason
 */
export async function replay(
  transcript: StoredTranscript,
  options: ReplayOptions,
): Promise<{ readonly complete: boolean }> {
  const { speed, clock, signal, write } = options;
  const longestMs = options.maxPauseMs === undefined ? maxReplayPauseMs : options.maxPauseMs;
  const screen = new Screen(transcript.header);
  await write(screen.title());
  let shownMs = 0;
  let complete = false;
  for await (const entry of transcript.entries()) {
    signal?.throwIfAborted();
    const pauseMs = Math.min(Math.max(0, entry.ms - shownMs), longestMs ?? Number.POSITIVE_INFINITY) / speed;
    shownMs = Math.max(shownMs, entry.ms);
    if (pauseMs >= 1) {
      await write(screen.beforePause());
      await pause(clock, pauseMs, signal);
    }
    await write(screen.show(entry));
    complete = entry.kind === 'end';
  }
  if (!complete) await write(screen.unfinished());
  return { complete };
}

function pause(clock: Clock, forMs: number, signal: AbortSignal | undefined): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = clock.after(forMs, resolve);
  const abort = (): void => {
    timer.cancel();
    reject(signal?.reason);
  };
  signal?.addEventListener('abort', abort, { once: true });
  return promise.finally(() => signal?.removeEventListener('abort', abort));
}

const shownLines = (text: string): readonly string[] => {
  const lines = visibleLines(text.slice(0, maxShownCharacters));
  return text.length <= maxShownCharacters ? lines : [...lines, remark(`${text.length} characters in all`)];
};
const remark = (text: string): string => `-- ${text}`;
const joined = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('');

/** Turns entries into text. */
class Screen {
  readonly #header: TranscriptHeader;
  readonly #target: string;
  #table: { readonly action: string; readonly rows: TextTable } | null = null;
  #lastAction: string | null = null;

  constructor(header: TranscriptHeader) {
    this.#header = header;
    this.#target = visibleText(header.target);
  }

  title(): string {
    const { session, principal, protocol, started } = this.#header;
    const behind = principal.actsFor.map((party) => ` for ${party.subject}`).join('');
    const who = `${principal.subject} (${principal.kind})${behind}`;
    return joined([
      remark(visibleText(`session ${session}, ${started}`)),
      remark(visibleText(`${who} on ${this.#header.target} (${protocol})`)),
    ]);
  }

  /** Rows that wait for more of them, to be laid out together, are shown before a pause. */
  beforePause(): string {
    return this.#table === null || this.#table.rows.waitingRows === 0 ? '' : this.#table.rows.print();
  }

  show(entry: StoredEntry): string {
    if (entry.kind === 'result' && entry.columns === null && this.#table?.action === entry.action) {
      return this.#rows(this.#table.rows, entry);
    }
    const tableEnd = this.#table === null ? '' : this.#table.rows.end();
    this.#table = null;
    return tableEnd + this.#other(entry);
  }

  unfinished(): string {
    const tableEnd = this.#table === null ? '' : this.#table.rows.end();
    return `${tableEnd}${remark('the transcript has no end: the session goes on, or its gateway was killed')}\n`;
  }

  #other(entry: StoredEntry): string {
    switch (entry.kind) {
      case 'action':
        this.#lastAction = entry.action;
        return joined([
          '',
          ...shownLines(entry.text).map(
            (line, index) => `${this.#target}${index === 0 ? '=>' : '->'} ${line}`,
          ),
          ...entry.parameters.map((value, index) =>
            remark(`parameter ${index + 1}: ${value === null ? 'NULL' : shownLines(value).join('\n--   ')}`),
          ),
          ...leftOut(entry.leftOutCharacters),
          remark(decisionText(entry)),
        ]);
      case 'masked':
        return joined([remark(visibleText(`masked in the target by ${entry.ring} (${entry.ringVersion})`))]);
      case 'result': {
        const whose = this.#whose(entry.action);
        if (entry.columns === null && entry.rows.length === 0) return whose + statusLine(entry.status);
        // Rows without a head: it was cut, or is damaged.
        const names = entry.columns ?? entry.rows[0]?.map((_, index) => `${index + 1}`) ?? [];
        const rows = new TextTable(names);
        this.#table = { action: entry.action, rows };
        return whose + this.#rows(rows, entry);
      }
      case 'output':
        return (
          this.#whose(entry.action) +
          joined([
            ...shownLines(withoutLastBreak(entry.text)).map((line) =>
              entry.stream === 'stdin' ? `< ${line}` : line,
            ),
            ...leftOut(entry.leftOutCharacters),
          ])
        );
      case 'cut':
        return joined([
          remark(`left out of the transcript: ${entry.rowsLeftOut} rows, ${entry.bytesLeftOut} bytes`),
        ]);
      case 'end':
        return joined([
          ...(entry.linesLost > 0 ? [remark(`${entry.linesLost} lines were lost: the disk was full`)] : []),
          remark('end of the session'),
        ]);
    }
  }

  #rows(table: TextTable, { rows, status }: Extract<StoredEntry, { kind: 'result' }>): string {
    table.add(rows);
    if (status === null) return table.waitingRows < maxMeasuredRows ? '' : table.print();
    this.#table = null;
    return table.end() + statusLine(status);
  }

  /** In a pipeline answers come after several actions: then it is said to which they belong. */
  #whose(action: string | null): string {
    if (action === null || action === this.#lastAction) return '';
    this.#lastAction = action;
    return `${remark(visibleText(`of action ${action.slice(action.lastIndexOf('.') + 1)}`))}\n`;
  }
}

const leftOut = (characters: number | undefined): readonly string[] =>
  characters === undefined ? [] : [remark(`${characters} characters were left out of the transcript`)];

const statusLine = (status: string | null): string => (status === null ? '' : joined(shownLines(status)));

const withoutLastBreak = (text: string): string => (text.endsWith('\n') ? text.slice(0, -1) : text);

function decisionText(entry: Extract<StoredEntry, { kind: 'action' }>): string {
  const words = { allow: 'allowed', deny: 'refused', hold: 'held' } as const;
  const rule = entry.rule === null ? '' : ` by ${entry.rule}`;
  const message = entry.message === null ? '' : `: ${entry.message}`;
  return visibleText(`${words[entry.decision]}${rule}${message}`.slice(0, maxShownCharacters));
}
