import type { Clock } from '../model/clock.ts';
import { maxLockoutSources } from './limits.ts';

export interface LockoutTerms {
  /** Failed logins within `windowMs` after which the address is locked out. */
  readonly failures: number;
  readonly windowMs: number;
  readonly lockMs: number;
}

interface Record {
  failures: number;
  windowEndsAtMs: number;
  lockedUntilMs: number;
}

/** Source addresses that failed to log in too often. Decided at the door, before a byte is read. */
export class Lockout {
  readonly #terms: LockoutTerms;
  readonly #clock: Clock;
  readonly #records = new Map<string, Record>();

  constructor(terms: LockoutTerms, clock: Clock) {
    this.#terms = terms;
    this.#clock = clock;
  }

  /** `times`: how many failures this one counts for. */
  failed(ip: string, times = 1): void {
    const nowMs = this.#clock.monotonicMs();
    let record = this.#records.get(ip);
    if (record === undefined || record.windowEndsAtMs <= nowMs) {
      // Taken out first: a Map keeps the place of a key that is set again, and only a new address needs room.
      this.#records.delete(ip);
      if (this.#records.size >= maxLockoutSources) {
        const oldest = this.#records.keys().next();
        if (!oldest.done) this.#records.delete(oldest.value);
      }
      record = {
        failures: 0,
        windowEndsAtMs: nowMs + this.#terms.windowMs,
        lockedUntilMs: record?.lockedUntilMs ?? 0,
      };
      this.#records.set(ip, record);
    }
    record.failures += times;
    if (record.failures >= this.#terms.failures) record.lockedUntilMs = nowMs + this.#terms.lockMs;
  }

  /** Whether there was anything to forgive. */
  succeeded(ip: string): boolean {
    return this.#records.delete(ip);
  }

  /** How long the address stays locked out; 0 when it is not. */
  lockedForMs(ip: string): number {
    const record = this.#records.get(ip);
    return record === undefined ? 0 : Math.max(0, record.lockedUntilMs - this.#clock.monotonicMs());
  }
}
