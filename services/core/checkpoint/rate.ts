import type { Clock } from '../model/clock.ts';
import type { Principal } from '../model/principal.ts';
import { borrowEveryMs, maxRateKeys } from './limits.ts';

interface Bucket {
  tokens: number;
  filledAtMs: number;
  perMinute: number;
  /** When the other workers were last asked, unless they have answered since. */
  askedAtMs: number;
}

/** The other workers of this gateway, each of which has as large a share. */
export interface RateShare {
  readonly workers: number;
  /** Asks the others for what they have left; `lent` is called when one of them gives something. */
  borrow(key: string, perMinute: number): void;
}

export const rateKeyOf = ({ issuer, subject }: Principal, target: string): string =>
  `${issuer}\n${subject}\n${target}`;

/**
 * Commands per minute, one token bucket for each principal on each target, so that opening more sessions does not
 * raise the limit. A bucket holds one minute's worth: a burst of that size is let through, then one by one.
 *
 * With several workers each has its share of the bucket, and of what comes into it, and gets from the others what they do not
 * use. So all of them together never let through more than the limit, whatever becomes of the messages; while they cannot
 * reach each other, a principal has only the shares of those workers that its sessions are on.
 */
export class RateLimit {
  readonly #clock: Clock;
  readonly #share: RateShare;
  readonly #buckets = new Map<string, Bucket>();

  constructor(clock: Clock, share: RateShare) {
    this.#clock = clock;
    this.#share = share;
  }

  /** Takes `commands` tokens if they are there; false when the action must be refused. */
  take(key: string, commands: number, perMinute: number): boolean {
    const bucket = this.#filled(key, perMinute);
    const taken = bucket.tokens + rounding >= commands;
    if (taken) bucket.tokens -= commands;
    if (bucket.tokens < perMinute / this.#share.workers / 2) this.#borrow(bucket, key, perMinute);
    return taken;
  }

  /** A session begins: what the other workers have left is here by its first command. */
  expect(key: string, perMinute: number): void {
    this.#borrow(this.#filled(key, perMinute), key, perMinute);
  }

  /** What another worker may have of this one's share: all that nobody here uses, within a few questions. */
  lend(key: string, perMinute: number): number {
    const bucket = this.#filled(key, perMinute);
    const given = bucket.tokens < 2 ? bucket.tokens : bucket.tokens / 2;
    bucket.tokens -= given;
    return given;
  }

  lent(key: string, perMinute: number, commands: number): void {
    const bucket = this.#filled(key, perMinute);
    bucket.tokens = Math.min(perMinute, bucket.tokens + commands);
    bucket.askedAtMs = Number.NEGATIVE_INFINITY;
  }

  #borrow(bucket: Bucket, key: string, perMinute: number): void {
    if (this.#share.workers === 1) return;
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - bucket.askedAtMs < borrowEveryMs) return;
    bucket.askedAtMs = nowMs;
    this.#share.borrow(key, perMinute);
  }

  #filled(key: string, perMinute: number): Bucket {
    const nowMs = this.#clock.monotonicMs();
    const share = perMinute / this.#share.workers;
    const bucket = this.#bucket(key, perMinute, nowMs);
    // What was borrowed under another limit is not this one's.
    if (bucket.perMinute !== perMinute) bucket.tokens = Math.min(share, bucket.tokens);
    bucket.perMinute = perMinute;
    const refilled = bucket.tokens + ((nowMs - bucket.filledAtMs) / 60_000) * share;
    // What was borrowed may be over the share; nothing is added to it then.
    bucket.tokens = Math.max(Math.min(share, refilled), bucket.tokens);
    bucket.filledAtMs = nowMs;
    return bucket;
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
    const fresh: Bucket = {
      tokens: perMinute / this.#share.workers,
      filledAtMs: nowMs,
      perMinute,
      askedAtMs: Number.NEGATIVE_INFINITY,
    };
    this.#buckets.set(key, fresh);
    return fresh;
  }
}

/** Ten tenths are a little less than one. */
const rounding = 1e-9;
