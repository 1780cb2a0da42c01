import type { Clock } from '../model/clock.ts';
import { maxRateKeys } from './limits.ts';

interface Bucket {
  tokens: number;
  filledAtMs: number;
}

/**
 * Commands per minute, one token bucket for each principal on each target, so that opening more sessions does not
 * raise the limit. A bucket holds one minute's worth: a burst of that size is let through, then one by one.
 */
export class RateLimit {
  readonly #clock: Clock;
  readonly #buckets = new Map<string, Bucket>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes `commands` tokens if they are there; false when the action must be refused. */
  take(key: string, commands: number, perMinute: number): boolean {
    const nowMs = this.#clock.monotonicMs();
    const bucket = this.#bucket(key, perMinute, nowMs);
    const refilled = bucket.tokens + ((nowMs - bucket.filledAtMs) / 60_000) * perMinute;
    bucket.tokens = Math.min(perMinute, refilled);
    bucket.filledAtMs = nowMs;
    if (bucket.tokens < commands) return false;
    bucket.tokens -= commands;
    return true;
  }

  #bucket(key: string, perMinute: number, nowMs: number): Bucket {
    const known = this.#buckets.get(key);
    if (known !== undefined) {
      // Moved to the end: a Map keeps insertion order, so its first key is the longest unused.
      this.#buckets.delete(key);
      this.#buckets.set(key, known);
      return known;
    }
    if (this.#buckets.size >= maxRateKeys) {
      const oldest = this.#buckets.keys().next();
      if (!oldest.done) this.#buckets.delete(oldest.value);
    }
    const fresh: Bucket = { tokens: perMinute, filledAtMs: nowMs };
    this.#buckets.set(key, fresh);
    return fresh;
  }
}
