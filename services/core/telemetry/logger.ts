import pino from 'pino';
import type { Logger } from '../model/log.ts';
import { maxLogQueueBytes } from './limits.ts';
import { escapedLine, terminalLine } from './log-line.ts';
import { LogFields, type LogValue } from './log-value.ts';

export const logLevels = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof logLevels)[number];

export interface LoggerOptions {
  /** Lines below this level are not written. */
  readonly level: LogLevel;
  /** `json` for machines, `terminal` for a person; `terminal-in-colour` when the terminal shows it. */
  readonly format: 'json' | 'terminal' | 'terminal-in-colour';
  /** Takes one whole line with its line feed. */
  write(line: string): void;
}

class PinoLogger implements Logger {
  readonly #pino: pino.Logger;
  readonly #fields: Readonly<Record<string, LogValue>>;

  constructor(writer: pino.Logger, fields: Readonly<Record<string, LogValue>>) {
    this.#pino = writer;
    this.#fields = fields;
  }

  debug(fields: Readonly<Record<string, unknown>>, message: string): void {
    this.#write('debug', fields, message);
  }

  info(fields: Readonly<Record<string, unknown>>, message: string): void {
    this.#write('info', fields, message);
  }

  warn(fields: Readonly<Record<string, unknown>>, message: string): void {
    this.#write('warn', fields, message);
  }

  error(fields: Readonly<Record<string, unknown>>, message: string): void {
    this.#write('error', fields, message);
  }

  /** Not pino's own child, which would write a field that a line gives anew twice. */
  child(fields: Readonly<Record<string, unknown>>): Logger {
    return new PinoLogger(this.#pino, { ...this.#fields, ...new LogFields().of(fields) });
  }

  #write(level: LogLevel, fields: Readonly<Record<string, unknown>>, message: string): void {
    if (!this.#pino.isLevelEnabled(level)) return;
    this.#pino[level]({ ...this.#fields, ...new LogFields().of(fields) }, message);
  }
}

export function createLogger(options: LoggerOptions): Logger {
  const { format } = options;
  const write = (line: string): void => {
    const text = line.endsWith('\n') ? line.slice(0, -1) : line;
    const shown = format === 'json' ? escapedLine(text) : terminalLine(text, format === 'terminal-in-colour');
    options.write(`${shown}\n`);
  };
  const settings: pino.LoggerOptions = {
    level: options.level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (level) => ({ level }) },
  };
  return new PinoLogger(pino(settings, { write }), {});
}

/**
 * The log of this process: standard error, JSON unless a person sits before it. Lines are written behind the event
 * loop's back and, when the process exits, before it does; those over the limit of the queue are dropped and
 * counted.
 */
export function createProcessLogger(level: LogLevel): Logger {
  const queue = pino.destination({ dest: 2, sync: false, minLength: 0, maxLength: maxLogQueueBytes });
  let dropped = 0;
  queue.on('drop', () => {
    dropped += 1;
  });
  queue.on('error', () => {
    // A full disk behind standard error must not end the gateway, and there is nowhere else to say so.
    dropped += 1;
  });
  queue.on('drain', () => {
    if (dropped === 0) return;
    const lines = dropped;
    dropped = 0;
    log.warn({ lines }, 'log lines were dropped, because standard error did not take them');
  });
  const colour = process.env['NO_COLOR'] === undefined ? 'terminal-in-colour' : 'terminal';
  const format = process.stderr.isTTY ? colour : 'json';
  const log = createLogger({ level, format, write: (line) => void queue.write(line) });
  return log;
}
