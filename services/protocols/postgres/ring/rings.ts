import type { KeyObject } from 'node:crypto';
import type { Obligations } from '../../../core/model/decision.ts';
import { InvariantError } from '../../../core/model/errors.ts';
import type { TargetName } from '../../../core/model/ids.ts';
import type { Catalog } from '../sql/catalog.ts';
import type { PostgresTarget } from '../target.ts';
import { planRing, planRingInSlices } from './plan.ts';
import { asRingRole, type Ring, ringOf } from './ring.ts';
import { type RingState, stateOf } from './state.ts';

export interface RingsParts {
  readonly name: TargetName;
  readonly target: PostgresTarget;
  readonly catalog: () => Catalog;
  readonly maskingKey: KeyObject;
}

/** The rings of one target, as sessions ask for them. */
export class Rings {
  readonly #parts: RingsParts;
  /** By obligations, which are one object for each principal, target and policy version. */
  readonly #ofObligations = new WeakMap<Obligations, Ring | 'none'>();
  readonly #logins = new Map<string, PostgresTarget>();
  /** By role. Policies make few, and a changed target begins anew. */
  readonly #inUse = new Map<string, Ring>();
  /** By role, for each catalog. */
  readonly #states = new WeakMap<Catalog, Map<string, RingState>>();

  constructor(parts: RingsParts) {
    this.#parts = parts;
  }

  /** The ring that sessions under these obligations are opened in; null when it is none. */
  of(obligations: Obligations): Ring | null {
    const { name, target } = this.#parts;
    if (target.ring === null) return null;
    let ring = this.#ofObligations.get(obligations);
    if (ring === undefined) {
      ring = ringOf(name, target, obligations) ?? 'none';
      this.#ofObligations.set(obligations, ring);
    }
    return ring === 'none' ? null : ring;
  }

  /** The target as its sessions log in to it: one object, by which its hosts are remembered. */
  loginTo(ring: Ring): PostgresTarget {
    const { target } = this.#parts;
    if (target.ring === null) throw new InvariantError('a ring is of a target that has rings');
    let login = this.#logins.get(ring.role);
    if (login === undefined) {
      login = asRingRole(target, ring, target.ring);
      this.#logins.set(ring.role, login);
    }
    return login;
  }

  /** Whether it is in the target as it should be, by the catalog at hand. */
  state(ring: Ring): RingState {
    const { target, maskingKey } = this.#parts;
    const catalog = this.#parts.catalog();
    const states = this.#statesOn(catalog);
    let state = states.get(ring.role);
    if (state === undefined) {
      state = stateOf(planRing(ring, target.searchPath, catalog, maskingKey), target.searchPath, catalog);
      states.set(ring.role, state);
    }
    return state;
  }

  /** Finds the state of all rings that sessions were opened in, on a catalog that is about to be used: nobody waits for that later. */
  async prepare(catalog: Catalog): Promise<void> {
    for (const ring of this.#inUse.values()) await this.#find(ring, catalog);
  }

  /** Finds its state on the catalog at hand, and keeps it. */
  async find(ring: Ring): Promise<RingState> {
    this.#inUse.set(ring.role, ring);
    await this.#find(ring, this.#parts.catalog());
    return this.state(ring);
  }

  async #find(ring: Ring, catalog: Catalog): Promise<void> {
    const { target, maskingKey } = this.#parts;
    const states = this.#statesOn(catalog);
    if (states.has(ring.role)) return;
    const plan = await planRingInSlices(ring, target.searchPath, catalog, maskingKey);
    states.set(ring.role, stateOf(plan, target.searchPath, catalog));
  }

  #statesOn(catalog: Catalog): Map<string, RingState> {
    const states = this.#states.get(catalog) ?? new Map<string, RingState>();
    this.#states.set(catalog, states);
    return states;
  }

  /** Whether a session that was opened in this ring sees masked values alone, under the obligations that are in force now. */
  covers(ring: Ring, obligations: Obligations): boolean {
    return this.of(obligations)?.role === ring.role && this.state(ring).kind === 'installed';
  }
}
