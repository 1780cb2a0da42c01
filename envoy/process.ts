import type { Clock, Timer } from '../services/core/model/clock.ts';
import type { ListenerName } from '../services/core/model/ids.ts';
import type { Logger } from '../services/core/model/log.ts';
import { type BoundAddress, EnvoyAdmin } from './admin.ts';
import { adminAddress } from './admin-address.ts';
import { restartDelayMs } from './backoff.ts';
import { EnvoyChild } from './child.ts';
import { EnvoyError } from './errors.ts';
import { makeRunDir, removeOldSecrets, writeConfig } from './files.ts';
import { accessLogFlushMs, applyMs, drainMs, healthyMs, pollMs, startMs } from './limits.ts';
import type { Served } from './listener-kind.ts';
import { configFiles, type EnvoyConfig, keyInline, renderConfig, renderStandalone } from './render.ts';
import { validateConfig } from './validate.ts';

export interface EnvoyOptions {
  /** Path of the binary: see binary.ts. */
  readonly binary: string;
  readonly served: Served;
  /** Folder of the unix sockets and of Envoy's files; made with mode 0700. */
  readonly runDir: string;
  readonly log: Logger;
  readonly clock: Clock;
}

/** An Envoy that is kept running until it is told to stop. */
export class EnvoyProcess {
  /** Of the config that Envoy started with: its admin interface moves only when it is started anew. */
  readonly admin: EnvoyAdmin;
  readonly #options: EnvoyOptions;
  #served: Served;
  #config: EnvoyConfig;
  #child: EnvoyChild | null = null;
  #deaths = 0;
  #restart: Timer | null = null;
  #state: 'starting' | 'running' | 'stopping' = 'starting';

  private constructor(options: EnvoyOptions, config: EnvoyConfig) {
    this.#options = options;
    this.#served = options.served;
    this.#config = config;
    this.admin = new EnvoyAdmin(adminAddress(options.served.gateway.envoy, options.runDir));
  }

  /**
   * Checks the config, writes the files and starts Envoy; resolves once all listeners are bound.
   *
   * @throws EnvoyError
   */
  static async start(options: EnvoyOptions): Promise<EnvoyProcess> {
    const { binary, served, runDir } = options;
    const config = renderConfig(served, runDir);
    await makeRunDir(runDir);
    const envoy = new EnvoyProcess(options, config);
    if (await envoy.admin.ready()) {
      throw new EnvoyError(
        'already-running',
        `An Envoy runs in ${runDir} already. Stop that gateway, or give this one another state folder.`,
      );
    }
    await validateConfig(binary, renderStandalone(served, runDir, keyInline), runDir);
    await writeConfig(config, runDir);
    try {
      await envoy.#launch();
    } catch (error) {
      await envoy.stop();
      throw error;
    }
    envoy.#state = 'running';
    return envoy;
  }

  /** Envoy's process id; undefined while it is down. */
  get pid(): number | undefined {
    return this.#child?.hasEnded === false ? this.#child.pid : undefined;
  }

  /**
   * Where the listeners are bound now. @throws EnvoyError `admin-unreachable`, while Envoy is being restarted.
   */
  addresses(): Promise<ReadonlyMap<ListenerName, BoundAddress>> {
    return this.admin.boundAddresses();
  }

  /**
   * Goes over to other listeners and targets; sessions that run go on. Resolves once Envoy works by them. When it does not take
   * them, the old ones stay in force and on disk. One update at a time.
   *
   * @returns whether something changed that only a restart of Envoy brings into force (admin address, threads, overall limits)
   * @throws EnvoyError
   */
  async update(served: Served): Promise<{ readonly restartNeeded: boolean }> {
    const { binary, runDir } = this.#options;
    const config = renderConfig(served, runDir);
    await validateConfig(binary, renderStandalone(served, runDir, keyInline), runDir);
    const before = await this.admin.appliedVersions();
    const changed = await writeConfig(config, runDir);
    try {
      await this.#untilApplied(config, before.rejected);
    } catch (error) {
      await writeConfig(this.#config, runDir);
      throw error;
    }
    await removeOldSecrets(config, runDir);
    const sameThreads = served.gateway.envoy.concurrency === this.#served.gateway.envoy.concurrency;
    this.#config = config;
    this.#served = served;
    return { restartNeeded: changed.includes('bootstrap') || !sameThreads };
  }

  /** Ends Envoy, and with it every connection that is still open. */
  async stop(): Promise<void> {
    this.#state = 'stopping';
    this.#restart?.cancel();
    await this.#child?.stop();
  }

  /** One start: resolves when Envoy serves, and rejects when it will not. */
  async #launch(): Promise<void> {
    const { binary, runDir, log, clock } = this.#options;
    const { concurrency } = this.#served.gateway.envoy;
    const child = new EnvoyChild({
      binary,
      log,
      clock,
      arguments: [
        ...['--config-path', configFiles(runDir).bootstrap],
        // Hot restart shares memory between Envoys of one machine, and two gateways must know nothing of each other.
        '--disable-hot-restart',
        ...['--log-level', 'info'],
        ...['--drain-time-s', String(drainMs / 1000)],
        ...['--file-flush-interval-msec', String(accessLogFlushMs)],
        ...(concurrency === null ? [] : ['--concurrency', String(concurrency)]),
      ],
    });
    this.#child = child;
    // `ended` never rejects, so this promise cannot be dropped with an error in it.
    void child.ended.then((how) => this.#ended(child, how));
    await this.#untilServing(child);
    log.info({ pid: child.pid }, 'Envoy is ready');
  }

  async #untilServing(child: EnvoyChild): Promise<void> {
    const { clock } = this.#options;
    const deadlineMs = clock.monotonicMs() + startMs;
    let why = `it was not ready within ${startMs} ms`;
    while (clock.monotonicMs() < deadlineMs) {
      const progress = await this.#progress();
      if (progress === 'serving') return;
      if (progress === 'refused') {
        why = 'it did not take the listeners';
        break;
      }
      if (child.hasEnded) {
        why = `it ended: ${await child.ended}`;
        break;
      }
      await this.#pause();
    }
    throw new EnvoyError('did-not-start', `Envoy did not start: ${why}.\n${child.complaints}`.trim());
  }

  async #progress(): Promise<'serving' | 'refused' | 'not-yet'> {
    try {
      if (!(await this.admin.ready())) return 'not-yet';
      const bound = await this.addresses();
      if (this.#served.gateway.listeners.every(({ name }) => bound.has(name))) return 'serving';
      const { rejected } = await this.admin.appliedVersions();
      return rejected > 0 ? 'refused' : 'not-yet';
    } catch (error) {
      if (error instanceof EnvoyError) return 'not-yet';
      throw error;
    }
  }

  #ended(child: EnvoyChild, how: string): void {
    if (this.#state !== 'running') return;
    const { clock, log } = this.#options;
    this.#deaths = clock.monotonicMs() - child.startedAtMs > healthyMs ? 1 : this.#deaths + 1;
    const delayMs = restartDelayMs(this.#deaths, Math.random());
    log.error({ how, deaths: this.#deaths, delayMs }, 'Envoy ended, and is started again');
    this.#restart = clock.after(delayMs, () => void this.#relaunch());
  }

  async #relaunch(): Promise<void> {
    try {
      await this.#launch();
    } catch (error) {
      if (!(error instanceof EnvoyError)) throw error;
      if (this.#state === 'stopping') return;
      this.#options.log.error({ error }, 'Envoy could not be started again');
      // Its end, if it has not ended yet, leads to the next try.
      await this.#child?.stop();
    }
  }

  async #untilApplied({ versions }: EnvoyConfig, rejectedBefore: number): Promise<void> {
    const { clock } = this.#options;
    const deadlineMs = clock.monotonicMs() + applyMs;
    while (clock.monotonicMs() < deadlineMs) {
      const { listeners, clusters, routes, rejected } = await this.admin.appliedVersions();
      const routed = versions.routes === null || routes === versions.routes;
      if (listeners === versions.listeners && clusters === versions.clusters && routed) return;
      if (rejected > rejectedBefore) break;
      await this.#pause();
    }
    throw new EnvoyError(
      'config-refused',
      `Envoy did not take the new listeners, and works by the old ones.\n${this.#child?.complaints}`.trim(),
    );
  }

  /** Envoy announces none of what is waited for here, so it is asked again and again. */
  #pause(): Promise<void> {
    return new Promise((resolve) => {
      this.#options.clock.after(pollMs, resolve);
    });
  }
}
