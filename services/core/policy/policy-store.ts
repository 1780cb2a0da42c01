import type { Circumstances, Connection, Policies, PolicyView } from '../checkpoint/contract.ts';
import type { Action } from '../model/action.ts';
import type { Deny } from '../model/decision.ts';
import type { PolicyName, TargetName } from '../model/ids.ts';
import type { Principal } from '../model/principal.ts';
import type { Problem } from '../model/problem.ts';
import type { Explanation } from './explain.ts';
import type { LoadedPolicies } from './load.ts';
import type { PolicySet } from './policy-set.ts';

export interface PolicyStatus {
  readonly version: string;
  readonly policies: readonly PolicyName[];
  /** When the policies in force were loaded, in milliseconds since the Unix epoch. */
  readonly loadedAtMs: number;
  /** What the last load found. With `refused`, the policies in force are those from before it. */
  readonly problems: readonly Problem[];
  readonly refused: boolean;
}

/** The policies in force. A session notices a new version when it next decides; none is dropped for it. */
export class PolicyStore implements Policies {
  #current: PolicySet;
  #loadedAtMs: number;
  #problems: readonly Problem[] = [];
  #refused = false;

  /** `PolicySet.none` refuses everything until the first load. */
  constructor(initial: PolicySet, nowMs: number) {
    this.#current = initial;
    this.#loadedAtMs = nowMs;
  }

  get version(): string {
    return this.#current.version;
  }

  view(principal: Principal, target: TargetName): PolicyView {
    return this.#current.view(principal, target);
  }

  refuseConnection(connection: Connection, nowMs: number): Deny | null {
    return this.#current.refuseConnection(connection, nowMs);
  }

  explain(
    principal: Principal,
    target: TargetName,
    action: Action,
    circumstances: Circumstances,
  ): Explanation {
    return this.#current.explain(principal, target, action, circumstances);
  }

  /** False when the new policies are broken: then the old ones stay in force, and `status` tells what is wrong. */
  replace(loaded: LoadedPolicies, nowMs: number): boolean {
    this.#problems = loaded.problems;
    this.#refused = loaded.policies === null;
    if (loaded.policies === null) return false;
    this.#current = loaded.policies;
    this.#loadedAtMs = nowMs;
    return true;
  }

  status(): PolicyStatus {
    return {
      version: this.#current.version,
      policies: this.#current.names,
      loadedAtMs: this.#loadedAtMs,
      problems: this.#problems,
      refused: this.#refused,
    };
  }
}
