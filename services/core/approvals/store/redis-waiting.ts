import type { Clock, Timer } from '../../model/clock.ts';
import { messageOf } from '../../model/errors.ts';
import { ApprovalsError, type HoldOutcome } from '../../model/hold.ts';
import type { HoldId } from '../../model/ids.ts';
import type { Logger } from '../../model/log.ts';
import { maxOrphans, orphanKeptMs } from '../limits.ts';

/** What Redis says of a hold to one who waits for it. */
export type Claim = HoldOutcome | { readonly kind: 'pending'; readonly leftMs: number };

export interface WaitingPlaceParts {
  readonly clock: Clock;
  readonly log: Logger;
  /** Asks Redis how a hold ended, and uses it up for this wait. @throws ApprovalsError */
  claim(id: HoldId, wait: string): Promise<Claim>;
  /** @throws ApprovalsError */
  withdraw(ids: readonly HoldId[]): Promise<void>;
}

interface Waiter {
  readonly wait: string;
  resolve(outcome: HoldOutcome): void;
}

interface WaitingHold {
  readonly id: HoldId;
  readonly waiters: Set<Waiter>;
  timer: Timer;
  /** By this process's timer; Redis has the last word while it can be reached. */
  overdue: boolean;
  /** A claim is under way; `again` when something happened meanwhile that it may have missed. */
  settling: boolean;
  again: boolean;
}

/**
 * The clients of this process that wait for holds in Redis. A hold is looked at when Redis publishes that it was
 * decided, when a heartbeat shows that such a message was lost, and when its time is over; never on a timer of its own.
 */
export class WaitingPlace {
  readonly #parts: WaitingPlaceParts;
  readonly #holds = new Map<HoldId, WaitingHold>();
  /** Holds that Redis may have as open though nobody waits, and until when they are withdrawn again and again. */
  readonly #orphans = new Map<HoldId, number>();
  #waits = 0;

  constructor(parts: WaitingPlaceParts) {
    this.#parts = parts;
  }

  get ids(): readonly HoldId[] {
    return [...this.#holds.keys(), ...this.#orphans.keys()];
  }

  opened(id: HoldId, leftMs: number): WaitingHold {
    const timer = this.#parts.clock.after(leftMs, () => this.#timeIsOver(hold));
    const hold: WaitingHold = {
      id,
      waiters: new Set(),
      timer,
      overdue: false,
      settling: false,
      again: false,
    };
    this.#holds.set(id, hold);
    return hold;
  }

  async outcome(id: HoldId): Promise<HoldOutcome> {
    const wait = String(++this.#waits);
    let hold = this.#holds.get(id);
    if (hold === undefined) {
      const claim = await this.#parts.claim(id, wait);
      if (claim.kind !== 'pending') return claim;
      hold = this.#holds.get(id) ?? this.opened(id, claim.leftMs);
    }
    const { promise, resolve } = Promise.withResolvers<HoldOutcome>();
    hold.waiters.add({ wait, resolve });
    void this.#settle(hold);
    return promise;
  }

  /** Redis has said that this hold is no longer open. */
  decided(id: HoldId): void {
    const hold = this.#holds.get(id);
    if (hold !== undefined) this.#lookAt(hold);
  }

  /** Redis has said which holds of this process are open: the others were decided, or are gone. */
  async stillOpen(open: ReadonlySet<string>): Promise<void> {
    for (const hold of this.#holds.values()) if (!open.has(hold.id)) void this.#settle(hold);
    await this.#withdrawOrphans();
  }

  /** Nobody waits for this hold any more, and Redis could not be told. */
  orphan(id: HoldId): void {
    if (this.#orphans.size >= maxOrphans) return;
    this.#orphans.set(id, this.#parts.clock.monotonicMs() + orphanKeptMs);
  }

  /** The client has left: whatever becomes of the hold in Redis, it is withdrawn here. */
  leave(id: HoldId): void {
    const hold = this.#holds.get(id);
    if (hold !== undefined) this.#dismiss(hold, { kind: 'withdrawn' });
  }

  close(): void {
    for (const hold of this.#holds.values()) this.#dismiss(hold, { kind: 'withdrawn' });
  }

  #dismiss(hold: WaitingHold, outcome: HoldOutcome): void {
    for (const waiter of hold.waiters) waiter.resolve(outcome);
    hold.waiters.clear();
    this.#forget(hold);
  }

  #forget(hold: WaitingHold): void {
    hold.timer.cancel();
    this.#holds.delete(hold.id);
  }

  #timeIsOver(hold: WaitingHold): void {
    hold.overdue = true;
    this.#lookAt(hold);
  }

  /** A hold for which nobody waits yet is asked about by whoever comes to wait. */
  #lookAt(hold: WaitingHold): void {
    if (hold.waiters.size === 0) this.#forget(hold);
    else void this.#settle(hold);
  }

  /** Never rejects. */
  async #settle(hold: WaitingHold): Promise<void> {
    if (hold.settling) {
      hold.again = true;
      return;
    }
    hold.settling = true;
    do {
      hold.again = false;
      for (const waiter of hold.waiters) await this.#settleOne(hold, waiter);
    } while (hold.again && hold.waiters.size > 0);
    hold.settling = false;
  }

  async #settleOne(hold: WaitingHold, waiter: Waiter): Promise<void> {
    let claim: Claim;
    try {
      claim = await this.#parts.claim(hold.id, waiter.wait);
    } catch (error) {
      this.#claimFailed(hold, error);
      return;
    }
    if (claim.kind === 'pending') {
      if (!hold.overdue) return;
      // Our clock runs ahead of Redis's.
      hold.overdue = false;
      hold.timer = this.#parts.clock.after(claim.leftMs, () => this.#timeIsOver(hold));
      return;
    }
    hold.waiters.delete(waiter);
    if (hold.waiters.size === 0) this.#forget(hold);
    waiter.resolve(claim);
  }

  /** While Redis is away a hold stays held, until its time is over. */
  #claimFailed(hold: WaitingHold, error: unknown): void {
    const { id } = hold;
    if (!(error instanceof ApprovalsError) || error.code !== 'unavailable') {
      this.#parts.log.error({ hold: id, error: messageOf(error) }, 'a hold cannot be waited for');
      this.orphan(id);
      this.#dismiss(hold, { kind: 'withdrawn' });
    } else if (hold.overdue) {
      this.orphan(id);
      this.#dismiss(hold, { kind: 'expired' });
    }
  }

  async #withdrawOrphans(): Promise<void> {
    if (this.#orphans.size === 0) return;
    const nowMs = this.#parts.clock.monotonicMs();
    await this.#parts.withdraw([...this.#orphans.keys()]);
    for (const [id, untilMs] of this.#orphans) if (untilMs <= nowMs) this.#orphans.delete(id);
  }
}
