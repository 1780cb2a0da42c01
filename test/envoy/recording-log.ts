import type { Logger } from '../../services/core/model/log.ts';

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
}

/** A log that tests read and wait for. */
export class RecordingLog implements Logger {
  readonly lines: LogLine[] = [];
  #waiting: { readonly wanted: (line: LogLine) => boolean; readonly found: (line: LogLine) => void }[] = [];

  debug = (fields: LogLine['fields'], message: string): void =>
    this.#add({ level: 'debug', fields, message });
  info = (fields: LogLine['fields'], message: string): void => this.#add({ level: 'info', fields, message });
  warn = (fields: LogLine['fields'], message: string): void => this.#add({ level: 'warn', fields, message });
  error = (fields: LogLine['fields'], message: string): void =>
    this.#add({ level: 'error', fields, message });

  child(): Logger {
    return this;
  }

  /** The first line that is wanted, of those that were written and those that will be. */
  line(wanted: (line: LogLine) => boolean): Promise<LogLine> {
    const written = this.lines.find(wanted);
    if (written !== undefined) return Promise.resolve(written);
    return new Promise((found) => this.#waiting.push({ wanted, found }));
  }

  #add(line: LogLine): void {
    this.lines.push(line);
    this.#waiting = this.#waiting.filter(({ wanted, found }) => {
      if (!wanted(line)) return true;
      found(line);
      return false;
    });
  }
}
