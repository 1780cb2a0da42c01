import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import type { Clock } from '../services/core/model/clock.ts';
import { InvariantError, messageOf } from '../services/core/model/errors.ts';
import type { Logger } from '../services/core/model/log.ts';
import { envoyEnvironment } from './environment.ts';
import { quotedLogLines, stopMs } from './limits.ts';
import { joinAccessLine, joinApplicationLine } from './log-lines.ts';

/**
 * Starts Envoy so that it dies with us. The shell becomes Envoy (exec), so that our child's process id, signals and exit
 * status are Envoy's own. Before, it leaves a watcher behind that reads from a pipe whose other end is ours: a line means
 * that Envoy has ended; the end of the file means that we were killed without a word, and then Envoy is killed.
 * (prctl's parent-death signal would be simpler, and Node cannot ask for it.)
 */
const startScript = `envoy=$$
(read -r ended <&3 || kill -KILL "$envoy") >/dev/null 2>&1 &
exec "$@" 3<&-`;

export interface ChildOptions {
  readonly binary: string;
  readonly arguments: readonly string[];
  readonly log: Logger;
  readonly clock: Clock;
}

/** One life of the Envoy process. */
export class EnvoyChild {
  /** How it ended, in words. Never rejects. */
  readonly ended: Promise<string>;
  readonly startedAtMs: number;
  readonly #process: ChildProcess;
  readonly #options: ChildOptions;
  readonly #complaints: string[] = [];
  #hasEnded = false;

  constructor(options: ChildOptions) {
    this.#options = options;
    this.startedAtMs = options.clock.monotonicMs();
    this.#process = spawn(
      '/bin/sh',
      ['-c', startScript, 'sallyport-envoy', options.binary, ...options.arguments],
      {
        stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
        env: envoyEnvironment(),
        // A session of its own: Ctrl-C in the terminal reaches us alone, and we end the sessions before we end Envoy.
        detached: true,
      },
    );
    this.#process.once('exit', () => {
      this.#hasEnded = true;
      this.#watcher.end('ended\n');
    });
    this.ended = new Promise((resolve) => {
      // `close` comes when its last lines have been read too; `error` when there was no process at all.
      this.#process.once('close', (code, signal) => resolve(signal ?? `exit status ${code}`));
      this.#process.once('error', (error) => {
        this.#hasEnded = true;
        resolve(messageOf(error));
      });
    });
    // The watcher may have gone first; then there is nobody to tell.
    this.#watcher.on('error', (error) => options.log.debug({ error }, 'the watcher of Envoy has gone'));
    this.#joinLogs();
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** The last warnings and errors it wrote, for error messages. */
  get complaints(): string {
    return this.#complaints.join('\n');
  }

  /** Asks it to end, and makes it end when it does not. */
  async stop(): Promise<void> {
    if (this.#hasEnded) return;
    this.#process.kill('SIGTERM');
    const tooLong = this.#options.clock.after(stopMs, () => {
      this.#options.log.warn({ stopMs }, 'Envoy did not end when asked to, and is killed');
      this.#process.kill('SIGKILL');
    });
    await this.ended;
    tooLong.cancel();
  }

  get #watcher(): Writable {
    const pipe = this.#process.stdio[3];
    if (pipe === null || pipe === undefined || !('write' in pipe)) {
      throw new InvariantError('descriptor 3 is a pipe'); // spawn was told so
    }
    return pipe;
  }

  #joinLogs(): void {
    const { log } = this.#options;
    this.#eachLine(this.#process.stdout, (line) => joinAccessLine(line, log));
    this.#eachLine(this.#process.stderr, (line) => {
      const complaint = joinApplicationLine(line, log);
      if (complaint === null) return;
      this.#complaints.push(complaint);
      if (this.#complaints.length > quotedLogLines) this.#complaints.shift();
    });
  }

  #eachLine(stream: Readable | null, take: (line: string) => void): void {
    if (stream === null) throw new InvariantError('stdout and stderr are pipes'); // spawn was told so
    createInterface({ input: stream }).on('line', take);
  }
}
