import { ApprovalsError, type Grant, type Hold, type HoldRequest, type HoldState } from '../../model/hold.ts';
import type { GrantId, HoldId } from '../../model/ids.ts';
import { type Party, sameParty } from '../../model/principal.ts';
import { endedKeptMs, maxEndedHolds } from '../limits.ts';
import type { LedgerEvent } from './ledger-event.ts';

/** Holds and grants as the events so far have left them. Live commands and the journal's replay go through `apply`. */
export class Ledger {
  /** Open holds, oldest first. */
  readonly #open = new Map<HoldId, Hold>();
  /** Holds that have left the open state and when, the one that left first in front. */
  readonly #ended = new Map<HoldId, { hold: Hold; readonly endedAtMs: number }>();
  /** By the digest that they are found by: an agent under a window grant looks here for each of its actions. */
  readonly #grants = new Map<string, Map<GrantId, Grant>>();

  get openCount(): number {
    return this.#open.size;
  }

  hold(id: HoldId): Hold | null {
    return this.#open.get(id) ?? this.#ended.get(id)?.hold ?? null;
  }

  /** Open holds, newest first, and then the ended ones, the last that ended first. */
  holds(): readonly Hold[] {
    const ended = [...this.#ended.values()].map((entry) => entry.hold);
    return [...[...this.#open.values()].reverse(), ...ended.reverse()];
  }

  openOf(requester: Party): readonly Hold[] {
    return [...this.#open.values()].filter((hold) => sameParty(hold.request.requester, requester));
  }

  /** Open holds whose time is over, in the order in which it ended. */
  due(nowMs: number): readonly Hold[] {
    const due: Hold[] = [];
    for (const hold of this.#open.values()) if (hold.request.expiresAtMs <= nowMs) due.push(hold);
    return due.sort((left, right) => left.request.expiresAtMs - right.request.expiresAtMs);
  }

  /** Holds for which a client of this process waits: open, or approved and not yet used. */
  waitedFor(): readonly Hold[] {
    return this.holds().filter(
      ({ state, request }) => request.owner !== null && (state === 'open' || state === 'approved'),
    );
  }

  /** A grant in force for either digest; one that lasts before one that a single use ends. */
  grantFor(digests: readonly string[], nowMs: number): Grant | null {
    let once: Grant | null = null;
    for (const key of digests) {
      for (const grant of this.#grants.get(key)?.values() ?? []) {
        if (grant.expiresAtMs <= nowMs) continue;
        if (grant.scope.kind === 'window') return grant;
        if (once === null || grant.expiresAtMs < once.expiresAtMs) once = grant;
      }
    }
    return once;
  }

  /** Drops ended holds that have been kept long enough. */
  forgetEnded(nowMs: number): void {
    for (const [id, { endedAtMs }] of this.#ended) {
      if (this.#ended.size <= maxEndedHolds && endedAtMs > nowMs - endedKeptMs) break;
      this.#ended.delete(id);
    }
  }

  forgetGrants(nowMs: number): void {
    for (const grants of this.#grants.values()) {
      for (const grant of grants.values()) if (grant.expiresAtMs <= nowMs) this.#dropGrant(grant);
    }
  }

  /** @throws ApprovalsError `corrupt` for an event that cannot follow on those before it: the journal was changed. */
  apply(event: LedgerEvent): void {
    switch (event.kind) {
      case 'opened':
        this.#add({ request: event.request, state: 'open', votes: [] }, null);
        return;
      case 'voted':
        this.#change(event.hold, event.state, event.vote.atMs, (hold) => ({
          ...hold,
          votes: [...hold.votes, event.vote],
        }));
        if (event.grant !== null) this.#addGrant(event.grant);
        for (const grant of event.alsoGrants) this.#addGrant(grant);
        return;
      case 'deferred':
        this.#change(event.hold, 'open', 0, (hold) => ({
          ...hold,
          request: { ...hold.request, owner: null } satisfies HoldRequest,
        }));
        return;
      case 'ended':
        this.#change(event.hold, event.state, event.atMs, (hold) => hold);
        return;
      case 'grant-used':
        this.#dropGrant(event.grant);
        return;
      case 'kept-hold':
        this.#add(event.hold, event.endedAtMs);
        return;
      case 'kept-grant':
        this.#addGrant(event.grant);
        return;
    }
  }

  /** The shortest run of events that leads here: what the journal is rewritten to. */
  *snapshot(): Generator<LedgerEvent> {
    for (const [, { hold, endedAtMs }] of this.#ended) yield { kind: 'kept-hold', hold, endedAtMs };
    for (const hold of this.#open.values()) yield { kind: 'kept-hold', hold, endedAtMs: null };
    for (const grants of this.#grants.values()) {
      for (const grant of grants.values()) yield { kind: 'kept-grant', grant };
    }
  }

  #add(hold: Hold, endedAtMs: number | null): void {
    const { id } = hold.request;
    if (this.hold(id) !== null) throw outOfPlace(`hold ${id} is there already`);
    if (endedAtMs === null) this.#open.set(id, hold);
    else this.#ended.set(id, { hold, endedAtMs });
  }

  #addGrant(grant: Grant): void {
    const grants = this.#grants.get(grant.digest) ?? new Map<GrantId, Grant>();
    this.#grants.set(grant.digest, grants.set(grant.id, grant));
  }

  #dropGrant(grant: Pick<Grant, 'id' | 'digest'>): void {
    const grants = this.#grants.get(grant.digest);
    if (!grants?.delete(grant.id)) throw outOfPlace(`grant ${grant.id} is not there`);
    if (grants.size === 0) this.#grants.delete(grant.digest);
  }

  #change(id: HoldId, state: HoldState, atMs: number, change: (hold: Hold) => Hold): void {
    const open = this.#open.get(id);
    if (open !== undefined) {
      const changed = { ...change(open), state };
      if (state === 'open') {
        this.#open.set(id, changed);
      } else {
        this.#open.delete(id);
        this.#ended.set(id, { hold: changed, endedAtMs: atMs });
      }
      return;
    }
    const ended = this.#ended.get(id);
    // The only way on from an ended state: what was approved is used, or its client left before that.
    const leadsOn = ended?.hold.state === 'approved' && (state === 'used' || state === 'withdrawn');
    if (ended === undefined || !leadsOn) throw outOfPlace(`hold ${id} cannot become ${state}`);
    ended.hold = { ...ended.hold, state };
  }
}

const outOfPlace = (what: string): ApprovalsError =>
  new ApprovalsError('corrupt', `an event out of place: ${what}`);
