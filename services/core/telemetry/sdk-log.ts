import type { DiagLogger } from '@opentelemetry/api';
import type { Clock } from '../model/clock.ts';
import type { Logger } from '../model/log.ts';
import { sdkWarningEveryMs } from './limits.ts';

/**
 * What OpenTelemetry says about itself, in our log: once a minute, because a collector that is away fails all the
 * time.
 */
export class SdkLog implements DiagLogger {
  readonly #log: Logger;
  readonly #clock: Clock;
  #quietUntilMs = Number.NEGATIVE_INFINITY;
  #leftOut = 0;

  constructor(log: Logger, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  error(message: string, ...details: unknown[]): void {
    this.#say(message, details);
  }

  warn(message: string, ...details: unknown[]): void {
    this.#say(message, details);
  }

  info(): void {
    // The level that is set with this logger lets only warnings and errors through, also for the two below.
  }

  debug(): void {
    // See info.
  }

  verbose(): void {
    // See info.
  }

  #say(message: string, details: readonly unknown[]): void {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs < this.#quietUntilMs) {
      this.#leftOut += 1;
      return;
    }
    this.#quietUntilMs = nowMs + sdkWarningEveryMs;
    this.#log.warn({ says: message, details, leftOut: this.#leftOut }, 'OpenTelemetry reports a problem');
    this.#leftOut = 0;
  }
}
