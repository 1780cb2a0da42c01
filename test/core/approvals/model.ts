/** Holds and grants as plainly as they can be said: what both stores are measured by. */
import type { GrantScope } from '../../../services/core/model/decision.ts';
import type { HoldState } from '../../../services/core/model/hold.ts';

export interface ModelHold {
  readonly requester: string;
  readonly digest: string;
  readonly rule: string;
  readonly quorum: number;
  readonly grant: GrantScope;
  readonly withinMs: number;
  readonly expiresAtMs: number;
  waits: boolean;
  state: HoldState;
  /** What a client that has waited since the opening was told; null while it waits. */
  told: string | null;
  readonly votes: [voter: string, verdict: 'approve' | 'reject'][];
}

interface ModelGrant {
  readonly hold: number;
  readonly found: 'digest' | 'rule';
  readonly by: string;
  readonly once: boolean;
  readonly expiresAtMs: number;
}

export class Model {
  nowMs = 0;
  readonly holds: ModelHold[] = [];
  grants: ModelGrant[] = [];
  readonly #maxOpen: number;

  constructor(maxOpen: number) {
    this.#maxOpen = maxOpen;
  }

  /** The holds of which one stands for the action already, or what became of a new one. */
  open(
    asked: Omit<ModelHold, 'state' | 'told' | 'votes' | 'expiresAtMs'>,
  ): 'opened' | 'too-many' | readonly ModelHold[] {
    const own = this.holds.filter((hold) => hold.state === 'open' && hold.requester === asked.requester);
    const same = own.filter((hold) => !hold.waits && hold.digest === asked.digest);
    if (same.length > 0) return same;
    if (own.length >= this.#maxOpen) return 'too-many';
    const expiresAtMs = this.nowMs + asked.withinMs;
    this.holds.push({ ...asked, expiresAtMs, state: 'open', told: null, votes: [] });
    return 'opened';
  }

  vote(n: number, voter: string, verdict: 'approve' | 'reject'): string {
    const hold = this.holds[n];
    if (!hold) return 'unknown-hold';
    if (voter === 'ada' || voter === hold.requester) return 'requester-cannot-approve';
    if (hold.state === 'expired') return 'expired';
    if (hold.state !== 'open') return 'not-open';
    if (hold.votes.some(([other]) => other === voter)) return 'already-voted';
    hold.votes.push([voter, verdict]);
    if (verdict === 'reject') this.#end(hold, 'rejected');
    else if (hold.votes.length === hold.quorum) this.#approve(hold);
    return 'counted';
  }

  #approve(hold: ModelHold): void {
    const { grant, withinMs } = hold;
    if (!hold.waits || grant.kind === 'window') {
      const byRule = grant.kind === 'window' && grant.covers === 'rule';
      this.grants.push({
        hold: this.holds.indexOf(hold),
        found: byRule ? 'rule' : 'digest',
        by: byRule ? hold.rule : hold.digest,
        once: grant.kind === 'exact',
        expiresAtMs: this.nowMs + (grant.kind === 'window' ? grant.forMs : withinMs),
      });
    }
    // Somebody waits for every waiting hold here, so it is used at once.
    if (hold.waits) this.#end(hold, 'used', 'released');
    else this.#end(hold, 'approved');
  }

  #end(hold: ModelHold, state: HoldState, told: string = state): void {
    hold.state = state;
    hold.told ??= told;
  }

  /** Whether an approval would leave a second grant for one use of the same action: which is taken first is open. */
  wouldBeAmbiguous(n: number): boolean {
    const hold = this.holds[n];
    return this.grants.some((grant) => grant.once && grant.by === hold?.digest);
  }

  defer(n: number): boolean {
    const hold = this.holds[n];
    if (hold?.state !== 'open') return false;
    hold.waits = false;
    hold.told ??= 'deferred';
    return true;
  }

  withdraw(n: number): void {
    const hold = this.holds[n];
    if (hold?.state === 'open') this.#end(hold, 'withdrawn');
  }

  advance(ms: number): void {
    this.nowMs += ms;
    for (const hold of this.holds) {
      if (hold.state === 'open' && hold.expiresAtMs <= this.nowMs) this.#end(hold, 'expired');
    }
    this.grants = this.grants.filter((grant) => grant.expiresAtMs > this.nowMs);
  }

  /** The grants of which one is taken for this action. */
  grantsFor(digest: string, rule: string): readonly ModelGrant[] {
    const found = this.grants.filter((grant) => grant.by === (grant.found === 'rule' ? rule : digest));
    const lasting = found.filter((grant) => !grant.once);
    return lasting.length > 0 ? lasting : found;
  }

  take(grant: ModelGrant): void {
    if (grant.once) this.grants = this.grants.filter((other) => other !== grant);
  }
}
