import type { Clock } from '../model/clock.ts';
import type { Principal } from '../model/principal.ts';
import { borrowEveryMs, inUseMs, loanMs, maxLoans, maxRateKeys } from './limits.ts';

/** A part of a bucket, for some time: how much of it, how full it was, and until when by the machine's clock. */
export interface Loan {
  readonly capacity: number;
  readonly commands: number;
  readonly untilMs: number;
}

interface Bucket {
  tokens: number;
  filledAtMs: number;
  perMinute: number;
  /** Of the whole bucket, what is here now. */
  capacity: number;
  lent: readonly Loan[];
  borrowed: readonly Loan[];
  /** When a command was last counted here. */
  usedAtMs: number;
  /** When the other workers were last asked, unless one has answered since. */
  askedAtMs: number;
}

/** The other workers of this gateway, on this machine, each of which has as large a share. */
export interface RateShare {
  readonly workers: number;
  /** Asks the others for what they do not use; `borrowed` is called when one of them gives something. */
  borrow(key: string, perMinute: number): void;
}

export const rateKeyOf = ({ issuer, subject }: Principal, target: string): string =>
  `${issuer}\n${subject}\n${target}`;

const never = Number.NEGATIVE_INFINITY;
const none: readonly Loan[] = [];

/** Ten tenths are a little less than one. */
const rounding = 1e-9;

/**
 * Commands per minute, one token bucket for each principal on each target, so that opening more sessions does not
 * raise the limit. A bucket holds one minute's worth: a burst of that size is let through, then one by one.
 *
 * With several workers each has its share of the bucket, and lends the others what it does not use of it: room, and the commands in
 * it. No part of the bucket is ever in two places, so all workers together let through no more than one would, whatever becomes of
 * their messages. What was lent comes back by itself, so that a message that is lost costs a minute and no more.
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
    bucket.usedAtMs = bucket.filledAtMs;
    const taken = bucket.tokens + rounding >= commands;
    if (taken) bucket.tokens -= commands;
    if (!taken || bucket.tokens < perMinute / this.#share.workers / 2) this.#borrow(bucket, key);
    return taken;
  }

  /** A session begins: what the other workers do not use is here by its first command. */
  expect(key: string, perMinute: number): void {
    this.#borrow(this.#filled(key, perMinute), key);
  }

  /** What another worker may have: all, when nobody uses it here, else half. Null when that is nothing worth having. */
  lend(key: string, perMinute: number): Loan | null {
    const bucket = this.#filled(key, perMinute);
    const part = bucket.filledAtMs - bucket.usedAtMs < inUseMs ? 0.5 : 1;
    const capacity = bucket.capacity * part;
    const least = perMinute / this.#share.workers / maxLoans;
    if (capacity < least || bucket.lent.length >= maxLoans) return null;
    // What is lent on goes back when it must go back from here: otherwise it would be in two places for that time.
    const untilMs = Math.min(this.#clock.nowMs() + loanMs, ...bucket.borrowed.map((each) => each.untilMs));
    const loan = { capacity, commands: bucket.tokens * part, untilMs };
    bucket.lent = [...bucket.lent, loan];
    bucket.capacity -= capacity;
    bucket.tokens -= loan.commands;
    return loan;
  }

  /** Another worker has lent this. */
  borrowed(key: string, perMinute: number, loan: Loan): void {
    // The limit has changed meanwhile: what was lent is of another bucket.
    if (this.#buckets.get(key)?.perMinute !== perMinute || loan.untilMs <= this.#clock.nowMs()) return;
    const bucket = this.#filled(key, perMinute);
    bucket.borrowed = [...bucket.borrowed, loan];
    bucket.capacity += loan.capacity;
    bucket.tokens += Math.min(loan.commands, loan.capacity);
    bucket.askedAtMs = never;
  }

  #borrow(bucket: Bucket, key: string): void {
    if (bucket.capacity + rounding >= bucket.perMinute) return;
    if (bucket.filledAtMs - bucket.askedAtMs < borrowEveryMs) return;
    bucket.askedAtMs = bucket.filledAtMs;
    this.#share.borrow(key, bucket.perMinute);
  }

  #filled(key: string, perMinute: number): Bucket {
    const nowMs = this.#clock.monotonicMs();
    const bucket = this.#bucket(key, perMinute, nowMs);
    const share = perMinute / this.#share.workers;
    if (bucket.perMinute !== perMinute) {
      Object.assign(bucket, {
        perMinute,
        lent: none,
        borrowed: none,
        tokens: Math.min(share, bucket.tokens),
      });
    }
    // What has come back, or has gone back, since then counts neither here nor there for that time.
    const lent = sum(bucket.lent);
    this.#endLoans(bucket);
    const filling = share - lent + sum(bucket.borrowed);
    const minutes = (nowMs - bucket.filledAtMs) / 60_000;
    bucket.capacity = Math.max(0, share - sum(bucket.lent) + sum(bucket.borrowed));
    bucket.tokens = Math.min(bucket.capacity, bucket.tokens + minutes * Math.max(0, filling));
    bucket.filledAtMs = nowMs;
    return bucket;
  }

  #endLoans(bucket: Bucket): void {
    if (bucket.lent.length + bucket.borrowed.length === 0) return;
    const nowMs = this.#clock.nowMs();
    const lasts = ({ untilMs }: Loan): boolean => untilMs > nowMs;
    bucket.lent = bucket.lent.filter(lasts);
    bucket.borrowed = bucket.borrowed.filter(lasts);
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
    const share = perMinute / this.#share.workers;
    const fresh: Bucket = {
      tokens: share,
      filledAtMs: nowMs,
      perMinute,
      capacity: share,
      lent: none,
      borrowed: none,
      usedAtMs: never,
      askedAtMs: never,
    };
    this.#buckets.set(key, fresh);
    return fresh;
  }
}

const sum = (loans: readonly Loan[]): number =>
  loans.length === 0 ? 0 : loans.reduce((total, { capacity }) => total + capacity, 0);
