import type { Clock } from '../../../core/model/clock.ts';
import type { PostgresTarget, TargetHost } from '../target.ts';
import { hostPauseMs } from './limits.ts';
import type { WantedAttributes } from './session-attributes.ts';

export interface Attempt {
  readonly host: TargetHost;
  readonly wanted: WantedAttributes;
}

/** `db.example.com:5432`, `[::1]:5432` */
export const hostText = ({ host, port }: TargetHost): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;

/**
 * In which order the hosts of one target are tried, and which of them are left alone because they could not be reached. One that is
 * paused still comes last: when no other will do, it may be back.
 */
export class HostOrder {
  readonly #target: PostgresTarget;
  readonly #pausedUntilMs = new Map<string, number>();

  constructor(target: PostgresTarget) {
    this.#target = target;
  }

  /** What to try until something has worked; `paused` and `reached` may be called between two of them. */
  *attempts(clock: Clock): Generator<Attempt, void, undefined> {
    const { furtherHosts, loadBalanceHosts, sessionAttributes } = this.#target;
    const all = [this.#target, ...furtherHosts];
    const hosts = loadBalanceHosts ? shuffled(all) : all;
    const passes: readonly WantedAttributes[] =
      sessionAttributes === 'prefer-standby' ? ['standby', 'any'] : [sessionAttributes];
    const pausedBefore = hosts.filter((host) => this.#isPaused(host, clock));
    for (const wanted of passes) {
      for (const host of hosts) {
        if (this.#isPaused(host, clock)) continue;
        // Of one whose pause has just ended, one session finds out whether it is back; all others go on without it.
        if (this.#pausedUntilMs.has(hostText(host))) this.pause(host, clock);
        yield { host, wanted };
      }
    }
    const wanted = passes.at(-1) ?? 'any';
    for (const host of pausedBefore) yield { host, wanted };
  }

  pause(host: TargetHost, clock: Clock): void {
    this.#pausedUntilMs.set(hostText(host), clock.monotonicMs() + hostPauseMs);
  }

  reached(host: TargetHost): void {
    this.#pausedUntilMs.delete(hostText(host));
  }

  #isPaused(host: TargetHost, clock: Clock): boolean {
    return clock.monotonicMs() < (this.#pausedUntilMs.get(hostText(host)) ?? 0);
  }
}

/** Fisher and Yates. */
function shuffled(hosts: readonly TargetHost[]): readonly TargetHost[] {
  const order = [...hosts];
  for (let last = order.length - 1; last > 0; last--) {
    const other = Math.floor(Math.random() * (last + 1));
    [order[last], order[other]] = [order[other] as TargetHost, order[last] as TargetHost]; // both are below its length
  }
  return order;
}
