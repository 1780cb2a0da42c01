import { restartDelayMs } from '../../../envoy/backoff.ts';
import type { Timer } from '../../core/model/clock.ts';
import type { FromGateway } from '../process-messages.ts';
import { SupervisorError } from './errors.ts';
import { GatewayChild, type GatewayChildOptions } from './gateway-child.ts';
import { healthyMs, readyMs } from './limits.ts';

export interface WorkerOptions extends Omit<GatewayChildOptions, 'onMessage'> {
  /** Its config was read again, by itself or because it was started again. With `settingsChanged`, Envoy's part may be another. */
  configRead(settingsChanged: boolean): void;
}

/** Keeps one gateway process running, life after life, with a back-off of its own. */
export class Worker {
  readonly #options: WorkerOptions;
  #child: GatewayChild | null = null;
  #deaths = 0;
  #restart: Timer | null = null;
  /** Called when the process that is being started is ready, or will not be. */
  #ready: (() => void) | null = null;
  #state: 'starting' | 'running' | 'stopping' = 'starting';

  constructor(options: WorkerOptions) {
    this.#options = options;
  }

  /** Undefined while it is down. */
  get pid(): number | undefined {
    return this.#child?.hasEnded ? undefined : this.#child?.pid;
  }

  /** The first life: resolves when the process is ready. @throws SupervisorError, when it will not be */
  start(): Promise<void> {
    return this.#launch();
  }

  /** From now on it is started again whenever it ends, or has ended since it was ready. */
  async keep(): Promise<void> {
    if (this.#state !== 'starting') return;
    this.#state = 'running';
    const child = this.#child;
    if (child?.hasEnded) this.#ended(child, await child.ended);
  }

  reload(): void {
    this.#child?.send({ kind: 'reload' });
  }

  /** Ends its sessions and then the process. Can be called at any time, and more than once. */
  async stop(): Promise<void> {
    this.#state = 'stopping';
    this.#restart?.cancel();
    this.#ready?.();
    await this.#child?.stop();
  }

  terminate(): void {
    this.#child?.terminate();
  }

  /** One life: resolves when the process is ready. @throws SupervisorError */
  async #launch(): Promise<void> {
    const { entry, configFile, worker, workers, logLevel, log, clock } = this.#options;
    const child = new GatewayChild({
      entry,
      configFile,
      worker,
      workers,
      logLevel,
      log,
      clock,
      onMessage: (message) => this.#said(child, message),
    });
    this.#child = child;
    void child.ended.then((how) => this.#ended(child, how)); // `ended` never rejects
    const { promise: ready, resolve } = Promise.withResolvers<'ready'>();
    this.#ready = () => resolve('ready');
    const { promise: tooLate, resolve: giveUp } = Promise.withResolvers<'too-late'>();
    const timer = clock.after(readyMs, () => giveUp('too-late'));
    const outcome = await Promise.race([ready, tooLate, child.ended]);
    timer.cancel();
    this.#ready = null;
    if (this.#state === 'stopping') {
      throw new SupervisorError('stopped', 'It was stopped before it was up.');
    }
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
    if (child !== this.#child) return;
    switch (message.kind) {
      case 'ready':
        this.#ready?.();
        return;
      case 'reloaded':
        this.#options.configRead(message.settingsChanged);
        return;
      case 'failed':
        return; // kept by the child: its end comes next
    }
  }

  #ended(child: GatewayChild, how: string): void {
    if (this.#state !== 'running' || child !== this.#child) return;
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
      this.#options.configRead(true);
    } catch (error) {
      if (!(error instanceof SupervisorError)) throw error;
      // Its end leads to the next try.
      if (error.code !== 'stopped')
        this.#options.log.error({ error }, 'the gateway process could not be started again');
    }
  }
}
