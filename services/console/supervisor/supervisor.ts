import type { BoundAddress } from '../../../envoy/admin.ts';
import { restartDelayMs } from '../../../envoy/backoff.ts';
import { EnvoyError } from '../../../envoy/errors.ts';
import { makeRunDir } from '../../../envoy/files.ts';
import { EnvoyProcess } from '../../../envoy/process.ts';
import type { Clock, Timer } from '../../core/model/clock.ts';
import type { ListenerName } from '../../core/model/ids.ts';
import type { Logger } from '../../core/model/log.ts';
import type { GatewaySettings } from '../../core/model/settings.ts';
import type { LogLevel } from '../../core/telemetry/logger.ts';
import type { FromGateway } from '../process-messages.ts';
import { runFolder } from '../run-folder.ts';
import { SupervisorError } from './errors.ts';
import { GatewayChild } from './gateway-child.ts';
import { healthyMs, readyMs } from './limits.ts';

export interface SupervisorOptions {
  /** The program of a gateway process: services/main.ts. */
  readonly entry: string;
  readonly configFile: string;
  readonly logLevel: LogLevel;
  readonly gateway: GatewaySettings;
  /** Path of Envoy's binary. */
  readonly envoyBinary: string;
  /** Reads the config anew, for Envoy's part of it; null when it is broken, which the gateway process tells. */
  readGateway(): GatewaySettings | null;
  readonly log: Logger;
  readonly clock: Clock;
}

/**
 * Keeps one gateway process and one Envoy running, each of which may die alone, and does nothing else: no connection and
 * no decision goes through here. When we die, whatever the cause, both end: the gateway process when its channel to us
 * closes, Envoy by its watcher (envoy/child.ts).
 */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #runDir: string;
  #gateway: GatewayChild | null = null;
  #envoy: EnvoyProcess | null = null;
  #deaths = 0;
  #restart: Timer | null = null;
  /** Called when the gateway process that is being started is ready, or will not be. */
  #ready: (() => void) | null = null;
  #state: 'starting' | 'running' | 'stopping' = 'starting';
  /** Updates of Envoy, one after the other. */
  #updates: Promise<void> = Promise.resolve();

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#runDir = runFolder(options.gateway.stateDir);
  }

  /**
   * Resolves once the gateway process is ready and Envoy has bound all listeners.
   *
   * @throws SupervisorError, EnvoyError; then nothing runs any more
   */
  async start(): Promise<void> {
    const { gateway, envoyBinary, log, clock } = this.#options;
    try {
      await makeRunDir(this.#runDir);
      await this.#launch();
      this.#mustGoOn();
      this.#envoy = await EnvoyProcess.start({
        binary: envoyBinary,
        gateway,
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
    // It may have died while Envoy was being started, when nobody looked.
    const child = this.#gateway;
    if (child?.hasEnded) this.#gatewayEnded(child, await child.ended);
  }

  /** Process ids, for logs and tests; undefined while one is down. */
  get pids(): { readonly gateway: number | undefined; readonly envoy: number | undefined } {
    const child = this.#gateway;
    return { gateway: child?.hasEnded ? undefined : child?.pid, envoy: this.#envoy?.pid };
  }

  /** Where the listeners are bound. @throws EnvoyError `admin-unreachable`, while Envoy is being restarted */
  async addresses(): Promise<ReadonlyMap<ListenerName, BoundAddress>> {
    return (await this.#envoy?.addresses()) ?? new Map();
  }

  /** Has the gateway process read its config again; Envoy follows when that holds. */
  reload(): void {
    this.#gateway?.send({ kind: 'reload' });
  }

  /** Ends the sessions, then the gateway process, then Envoy. Can be called at any time, and more than once. */
  async stop(): Promise<void> {
    this.#state = 'stopping';
    this.#restart?.cancel();
    this.#ready?.();
    await this.#gateway?.stop();
    await this.#envoy?.stop();
  }

  /** For whoever does not want to wait for sessions to end: `stop` then comes to its end soon. */
  hurry(): void {
    this.#gateway?.terminate();
  }

  #mustGoOn(): void {
    if (this.#state === 'stopping') throw new SupervisorError('stopped', 'It was stopped before it was up.');
  }

  /** One start of the gateway process: resolves when it is ready. @throws SupervisorError */
  async #launch(): Promise<void> {
    const { entry, configFile, logLevel, log, clock } = this.#options;
    const child = new GatewayChild({
      entry,
      configFile,
      logLevel,
      log,
      clock,
      onMessage: (message) => this.#said(child, message),
    });
    this.#gateway = child;
    void child.ended.then((how) => this.#gatewayEnded(child, how)); // `ended` never rejects
    const { promise: ready, resolve } = Promise.withResolvers<'ready'>();
    this.#ready = () => resolve('ready');
    const { promise: tooLate, resolve: giveUp } = Promise.withResolvers<'too-late'>();
    const timer = clock.after(readyMs, () => giveUp('too-late'));
    const outcome = await Promise.race([ready, tooLate, child.ended]);
    timer.cancel();
    this.#ready = null;
    this.#mustGoOn();
    if (outcome === 'ready') {
      log.info({ pid: child.pid }, 'the gateway process is ready');
      return;
    }
    child.terminate();
    const why = outcome === 'too-late' ? `it was not ready within ${readyMs} ms` : `it ended: ${outcome}`;
    throw new SupervisorError(
      'gateway-did-not-start',
      `The gateway process did not start: ${why}.`,
      child.problems,
    );
  }

  #said(child: GatewayChild, message: FromGateway): void {
    if (child !== this.#gateway) return;
    switch (message.kind) {
      case 'ready':
        this.#ready?.();
        return;
      case 'reloaded':
        if (message.settingsChanged) this.#updateEnvoy();
        return;
      case 'failed':
        return; // kept by the child: its end comes next
    }
  }

  #gatewayEnded(child: GatewayChild, how: string): void {
    if (this.#state !== 'running' || child !== this.#gateway) return;
    const { clock, log } = this.#options;
    this.#deaths = clock.monotonicMs() - child.startedAtMs > healthyMs ? 1 : this.#deaths + 1;
    const delayMs = restartDelayMs(this.#deaths, Math.random());
    const { problems } = child;
    log.error(
      { how, problems, deaths: this.#deaths, delayMs },
      'the gateway process ended, and is started again',
    );
    this.#restart?.cancel();
    this.#restart = clock.after(delayMs, () => void this.#relaunch());
  }

  async #relaunch(): Promise<void> {
    try {
      await this.#launch();
      // It reads the config when it starts, and that may be another than Envoy works by.
      this.#updateEnvoy();
    } catch (error) {
      if (!(error instanceof SupervisorError)) throw error;
      // Its end leads to the next try.
      if (error.code !== 'stopped')
        this.#options.log.error({ error }, 'the gateway process could not be started again');
    }
  }

  #updateEnvoy(): void {
    this.#updates = this.#updates.then(() => this.#followConfig());
  }

  /** Never rejects but for a bug. */
  async #followConfig(): Promise<void> {
    const { log, readGateway } = this.#options;
    const gateway = readGateway();
    if (gateway === null || this.#envoy === null || this.#state !== 'running') return;
    try {
      const { restartNeeded } = await this.#envoy.update(gateway);
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
