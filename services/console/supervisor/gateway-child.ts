import { type ChildProcess, spawn } from 'node:child_process';
import type { Clock } from '../../core/model/clock.ts';
import { messageOf } from '../../core/model/errors.ts';
import type { Logger } from '../../core/model/log.ts';
import type { WorkerNumber } from '../../core/model/worker.ts';
import type { LogLevel } from '../../core/telemetry/logger.ts';
import { type FromGateway, fromGateway, type ToGateway } from '../process-messages.ts';
import { stopMs, terminateMs } from './limits.ts';

export interface GatewayChildOptions {
  /** The program of a gateway process: services/main.ts. */
  readonly entry: string;
  readonly configFile: string;
  readonly worker: WorkerNumber;
  /** How many there are. */
  readonly workers: number;
  readonly logLevel: LogLevel;
  readonly log: Logger;
  readonly clock: Clock;
  /** Called with all that it says but why it failed. */
  onMessage(message: FromGateway): void;
}

/** One life of a gateway process. */
export class GatewayChild {
  /** How it ended, in words. Never rejects. */
  readonly ended: Promise<string>;
  readonly startedAtMs: number;
  readonly #process: ChildProcess;
  readonly #options: GatewayChildOptions;
  #hasEnded = false;
  #problems: readonly string[] = [];

  constructor(options: GatewayChildOptions) {
    this.#options = options;
    this.startedAtMs = options.clock.monotonicMs();
    this.#process = spawn(
      process.execPath,
      [
        ...process.execArgv,
        options.entry,
        ...['--config', options.configFile],
        ...['--log-level', options.logLevel],
        ...(options.worker === null
          ? []
          : ['--worker', String(options.worker), '--workers', String(options.workers)]),
      ],
      {
        // Its output is ours; the channel is how it is told to stop, and how it learns that we are gone.
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
        // A session of its own: Ctrl-C in the terminal reaches us alone, and the sessions are ended in order.
        detached: true,
      },
    );
    this.ended = new Promise((resolve) => {
      const end = (how: string): void => {
        this.#hasEnded = true;
        resolve(how);
      };
      this.#process.once('exit', (code, signal) => end(signal ?? `exit status ${code}`));
      this.#process.once('error', (error) => end(messageOf(error)));
    });
    this.#process.on('message', (message) => this.#said(message));
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Why it could not start, as far as it said so. */
  get problems(): readonly string[] {
    return this.#problems;
  }

  send(message: ToGateway): void {
    if (this.#hasEnded || !this.#process.connected) return;
    this.#process.send(message, (error) => {
      // It ended just now; who waits for its end learns of it there.
      if (error !== null) this.#options.log.debug({ error }, 'a message did not reach the gateway process');
    });
  }

  /** Asks it to end, and makes it end when it does not. */
  async stop(): Promise<void> {
    if (this.#hasEnded) return;
    const { clock, log } = this.#options;
    this.send({ kind: 'stop' });
    const tooLong = clock.after(stopMs, () => {
      log.warn({ stopMs }, 'the gateway process did not end when asked to, and is terminated');
      this.terminate();
    });
    await this.ended;
    tooLong.cancel();
  }

  /** Makes it end at once: without waiting for sessions, and if need be without its consent. */
  terminate(): void {
    if (this.#hasEnded) return;
    this.#process.kill('SIGTERM');
    const tooLong = this.#options.clock.after(terminateMs, () => this.#process.kill('SIGKILL'));
    // `ended` never rejects, so this promise cannot be dropped with an error in it.
    void this.ended.then(() => tooLong.cancel());
  }

  #said(message: unknown): void {
    const parsed = fromGateway.safeParse(message);
    if (!parsed.success) {
      this.#options.log.warn({ message }, 'the gateway process said something unknown');
      return;
    }
    if (parsed.data.kind === 'failed') this.#problems = parsed.data.problems;
    else this.#options.onMessage(parsed.data);
  }
}
