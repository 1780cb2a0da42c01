import { LRUCache } from 'lru-cache';
import type { Circumstances, Connection, Policies } from '../checkpoint/contract.ts';
import type { Action } from '../model/action.ts';
import type { Deny, Obligations } from '../model/decision.ts';
import type { PolicyName, TargetName } from '../model/ids.ts';
import type { Principal } from '../model/principal.ts';
import { matchesGlob } from '../model/principal-pattern.ts';
import { dynamicTruth } from './decide.ts';
import { type Explanation, explain } from './explain.ts';
import { maxMaskCombinations, maxViews } from './limits.ts';
import { connectionDenied, noConnection, shown } from './refusals.ts';
import { type DenyRule, type Policy, principalTruth, type Rule } from './rule.ts';
import { and, no, unknown, yes } from './truth.ts';
import { obligationsOf, RuleView } from './view.ts';
import { connectVerb, type Vocabulary } from './vocabulary.ts';

/** The policies of one version. Immutable but for its caches. */
export class PolicySet implements Policies {
  /** No policies and no targets: everything is refused. In force until the first load. */
  static readonly none = new PolicySet('none', [], {
    protocols: {},
    reachedBy: {},
    targets: [],
    listeners: [],
    detectors: [],
    transforms: [],
  });

  readonly version: string;
  readonly policies: readonly Policy[];
  readonly #vocabulary: Vocabulary;
  /** Protocols by target; a target that is not here is not in the config. */
  readonly #protocols: ReadonlyMap<TargetName, string>;
  /** By target, the policies that mean it, in policy order. */
  readonly #byTarget: ReadonlyMap<TargetName, readonly Policy[]>;
  readonly #views = new LRUCache<string, RuleView>({ max: maxViews });

  constructor(version: string, policies: readonly Policy[], vocabulary: Vocabulary) {
    this.version = version;
    this.policies = policies;
    this.#vocabulary = vocabulary;
    this.#protocols = new Map(vocabulary.targets.map(({ name, protocol }) => [name, protocol]));
    const means = (policy: Policy, target: TargetName): boolean =>
      policy.targets.some((pattern) => matchesGlob(pattern, target));
    this.#byTarget = new Map(
      vocabulary.targets.map(({ name }) => [name, policies.filter((policy) => means(policy, name))]),
    );
  }

  get names(): readonly PolicyName[] {
    return this.policies.map((policy) => policy.name);
  }

  view(principal: Principal, target: TargetName): RuleView {
    const protocol = this.#protocols.get(target) ?? null;
    const policies = (this.#byTarget.get(target) ?? []).filter(
      (policy) => principalTruth(policy.principals, principal) === yes,
    );
    const rules = policies
      .flatMap((policy) => (protocol === null ? [] : (policy.byProtocol.get(protocol)?.rules ?? [])))
      .filter((rule) => principalTruth(rule.principals, principal) === yes);
    // What matters of a principal is which policies and rules are for it, so all of whom that is the same share a view.
    const orders = (items: readonly { readonly order: number }[]): string =>
      items.map((item) => item.order).join(',');
    const key = `${target}\n${orders(policies)}\n${orders(rules)}`;
    let view = this.#views.get(key);
    if (view === undefined) {
      const words = protocol === null ? null : (this.#vocabulary.protocols[protocol] ?? null);
      const obligations = obligationsOf(policies, protocol);
      view = new RuleView({
        version: this.version,
        target,
        words,
        policies,
        rules,
        obligations,
        maskedByTarget: false,
      });
      this.#views.set(key, view);
    }
    return view;
  }

  /**
   * The obligations that principals on this target may be under: those of the policies that are for everybody, with those of any of the
   * others. Who is who is known when they come, so each combination may be. Null when there are too many of them.
   */
  possibleObligations(target: TargetName): readonly Obligations[] | null {
    const protocol = this.#protocols.get(target) ?? null;
    const policies = (this.#byTarget.get(target) ?? []).filter(
      ({ byProtocol }) =>
        protocol !== null && byProtocol.get(protocol)?.masks.some(({ fields }) => fields.length > 0),
    );
    const always = policies.filter((policy) => policy.principals === null);
    let combinations: readonly (readonly Policy[])[] = [always];
    for (const policy of policies) {
      if (policy.principals === null) continue;
      combinations = combinations.flatMap((each) => [each, [...each, policy]]);
      if (combinations.length > maxMaskCombinations) return null;
    }
    return combinations.map((each) => obligationsOf(each, protocol));
  }

  /**
   * A connection may go on when an allow or hold rule could apply to what will be done with it; whatever is not known yet
   * counts as "could". A deny rule on `connect` refuses once it surely applies.
   */
  refuseConnection(connection: Connection, nowMs: number): Deny | null {
    const circumstances: Circumstances = {
      nowMs,
      source: connection.source,
      listener: connection.listener,
    };
    const targets = this.#reachable(connection);
    let possible = false;
    for (const [policy, meant] of this.#policiesOn(targets)) {
      const targetTruth = meant.length === targets.length ? yes : unknown;
      const policyTruth = and(targetTruth, principalTruth(policy.principals, connection.principal));
      if (policyTruth === no) continue;
      for (const rule of this.#rulesOn(policy, meant)) {
        if (possible && rule.outcome !== 'deny') continue;
        const ruleTruth = and(
          principalTruth(rule.principals, connection.principal),
          dynamicTruth(rule, null, circumstances),
        );
        const truth = and(policyTruth, ruleTruth);
        if (rule.outcome !== 'deny') possible ||= truth !== no;
        else if (truth === yes && deniesConnections(rule)) return connectionDenied(rule, where(connection));
      }
    }
    return possible ? null : noConnection(where(connection), this.#guidance(connection));
  }

  explain(
    principal: Principal,
    target: TargetName,
    action: Action,
    circumstances: Circumstances,
    maskedByTarget = false,
  ): Explanation {
    const view = this.view(principal, target);
    return explain({
      view: maskedByTarget ? view.onMaskedTarget : view,
      policies: this.policies,
      protocol: this.#protocols.get(target) ?? null,
      principal,
      action,
      circumstances,
      connection: this.refuseConnection({ ...circumstances, principal, target }, circumstances.nowMs),
    });
  }

  /** The targets that the connection may be for. Empty when it names one that is not in the config. */
  #reachable({ target, listener }: Connection): readonly TargetName[] {
    const protocol = this.#vocabulary.listeners.find(({ name }) => name === listener)?.protocol;
    const names = target === null ? [...this.#protocols.keys()] : [target];
    return names.filter((name) => {
      const spoken = this.#protocols.get(name);
      if (spoken === undefined) return false;
      return protocol === undefined || this.#vocabulary.reachedBy[spoken] === protocol;
    });
  }

  /** In policy order, each policy that means one of these targets, with those that it means. */
  #policiesOn(targets: readonly TargetName[]): readonly (readonly [Policy, readonly TargetName[]])[] {
    const meant = new Map<Policy, TargetName[]>();
    for (const target of targets) {
      for (const policy of this.#byTarget.get(target) ?? []) {
        const known = meant.get(policy);
        if (known === undefined) meant.set(policy, [target]);
        else known.push(target);
      }
    }
    return [...meant].sort(([left], [right]) => left.order - right.order);
  }

  /** The policy's rules in the protocols of these targets; one that two of them share comes twice. */
  #rulesOn(policy: Policy, targets: readonly TargetName[]): readonly Rule[] {
    const protocols = new Set(targets.map((target) => this.#protocols.get(target) ?? ''));
    return [...protocols].flatMap((protocol) => policy.byProtocol.get(protocol)?.rules ?? []);
  }

  #guidance({ principal, target }: Connection): string {
    return principal === null || target === null ? '' : this.view(principal, target).guidance();
  }
}

/** A connection has no tables or paths yet, so a rule with conditions on them is not about it. */
const deniesConnections = (rule: DenyRule): boolean => rule.verbs.has(connectVerb) && rule.tests.length === 0;

const where = ({ source, listener, target }: Connection): string =>
  `from ${source.ip} by listener ${listener}${target === null ? '' : ` to ${shown(target)}`}`;
