import type { BoundAddress } from '../../../envoy/admin.ts';
import { EnvoyError } from '../../../envoy/errors.ts';
import { makeRunDir } from '../../../envoy/files.ts';
import type { Served } from '../../../envoy/listener-kind.ts';
import { EnvoyProcess } from '../../../envoy/process.ts';
import type { Clock } from '../../core/model/clock.ts';
import type { ListenerName } from '../../core/model/ids.ts';
import type { Logger } from '../../core/model/log.ts';
import { processNameOf, workerNumbers } from '../../core/model/worker.ts';
import type { LogLevel } from '../../core/telemetry/logger.ts';
import { runFolder } from '../run-folder.ts';
import { SupervisorError } from './errors.ts';
import { Worker } from './worker.ts';

export interface SupervisorOptions {
  /** The program of a gateway process: services/main.ts. */
  readonly entry: string;
  readonly configFile: string;
  readonly logLevel: LogLevel;
  readonly served: Served;
  /** Path of Envoy's binary. */
  readonly envoyBinary: string;
  /** Reads the config anew, for Envoy's part of it; null when it is broken, which the gateway process tells. */
  readServed(): Served | null;
  readonly log: Logger;
  readonly clock: Clock;
}

/**
 * Keeps the gateway processes and one Envoy running, each of which may die alone, and does nothing else: no connection and
 * no decision goes through here. When we die, whatever the cause, all end: a gateway process when its channel to us
 * closes, Envoy by its watcher (envoy/child.ts).
 */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #runDir: string;
  readonly #workers: readonly Worker[];
  #envoy: EnvoyProcess | null = null;
  #state: 'starting' | 'running' | 'stopping' = 'starting';
  /** Updates of Envoy, one after the other. */
  #updates: Promise<void> = Promise.resolve();

  constructor(options: SupervisorOptions) {
    const { entry, configFile, logLevel, served, log, clock } = options;
    const { gateway } = served;
    this.#options = options;
    this.#runDir = runFolder(gateway.stateDir);
    this.#workers = workerNumbers(gateway.workers).map(
      (worker) =>
        new Worker({
          entry,
          configFile,
          worker,
          workers: gateway.workers,
          logLevel,
          log: worker === null ? log : log.child({ process: processNameOf(worker) }),
          clock,
          configRead: (settingsChanged) => {
            if (settingsChanged) this.#updateEnvoy();
          },
        }),
    );
  }

  /**
   * Resolves once all gateway processes are ready and Envoy has bound all listeners.
   *
   * @throws SupervisorError, EnvoyError; then nothing runs any more
   */
  async start(): Promise<void> {
    const { served, envoyBinary, log, clock } = this.#options;
    try {
      await makeRunDir(this.#runDir);
      await Promise.all(this.#workers.map((worker) => worker.start()));
      this.#mustGoOn();
      this.#envoy = await EnvoyProcess.start({
        binary: envoyBinary,
        served,
        runDir: this.#runDir,
        log: log.child({ component: 'envoy' }),
        clock,
      });
      this.#mustGoOn();
      this.#state = 'running';
    } catch (error) {
      await this.stop();
      throw error;
    }
    await Promise.all(this.#workers.map((worker) => worker.keep()));
  }

  /** Process ids, for logs and tests; undefined while one is down. */
  get pids(): { readonly gateway: readonly (number | undefined)[]; readonly envoy: number | undefined } {
    return { gateway: this.#workers.map(({ pid }) => pid), envoy: this.#envoy?.pid };
  }

  /** Where the listeners are bound. @throws EnvoyError `admin-unreachable`, while Envoy is being restarted */
  async addresses(): Promise<ReadonlyMap<ListenerName, BoundAddress>> {
    return (await this.#envoy?.addresses()) ?? new Map();
  }

  /** Has the gateway processes read their config again; Envoy follows when that holds. */
  reload(): void {
    for (const worker of this.#workers) worker.reload();
  }

  /** Ends the sessions, then the gateway processes, then Envoy. Can be called at any time, and more than once. */
  async stop(): Promise<void> {
    this.#state = 'stopping';
    await Promise.all(this.#workers.map((worker) => worker.stop()));
    await this.#envoy?.stop();
  }

  /** For whoever does not want to wait for sessions to end: `stop` then comes to its end soon. */
  hurry(): void {
    for (const worker of this.#workers) worker.terminate();
  }

  #mustGoOn(): void {
    if (this.#state === 'stopping') throw new SupervisorError('stopped', 'It was stopped before it was up.');
  }

  #updateEnvoy(): void {
    this.#updates = this.#updates.then(() => this.#followConfig());
  }

  /** Never rejects but for a bug. */
  async #followConfig(): Promise<void> {
    const { log, readServed, served: started } = this.#options;
    const served = readServed();
    if (served === null || this.#envoy === null || this.#state !== 'running') return;
    try {
      // As many sockets as there are processes, whatever the config says by now.
      const { restartNeeded } = await this.#envoy.update({
        ...served,
        gateway: { ...served.gateway, workers: started.gateway.workers },
      });
      const listeners = Object.fromEntries(await this.#envoy.addresses());
      log.info({ listeners }, 'Envoy works by the config as it is now');
      if (restartNeeded) {
        log.warn(
          {},
          'part of the change (admin address, threads, overall limits) waits for a restart of the gateway',
        );
      }
    } catch (error) {
      if (!(error instanceof EnvoyError)) throw error;
      log.error({ error }, 'Envoy did not take the new config, and works by the old one');
    }
  }
}
