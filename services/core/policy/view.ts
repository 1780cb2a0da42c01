import type { Circumstances, PolicyView } from '../checkpoint/contract.ts';
import type { Action, Effect, Intent } from '../model/action.ts';
import type { Decision, Deny, Mask, Obligations } from '../model/decision.ts';
import { InvariantError } from '../model/errors.ts';
import type { TargetName } from '../model/ids.ts';
import { type DecisionContext, decideUnits, dynamicTruth, type Unit } from './decide.ts';
import { guidanceOf } from './guidance.ts';
import { defaultGuessesPerMinute, maxRememberedCombinations, maxRememberedRules } from './limits.ts';
import { type MaskedUse, unacceptable } from './refusals.ts';
import { isAbout, type Policy, type PolicyLimits, type Rule } from './rule.ts';
import { no, type Truth, truthOf, unknown, yes } from './truth.ts';
import type { ProtocolWords } from './vocabulary.ts';

const smallest = (policies: readonly Policy[], limit: keyof PolicyLimits): number | null => {
  const limits = policies.map((policy) => policy.limits[limit]).filter((value) => value !== null);
  return limits.length === 0 ? null : Math.min(...limits);
};

/** Every mask is in force, and the smallest of each limit. */
export function obligationsOf(policies: readonly Policy[], protocol: string | null): Obligations {
  const said = policies.map((policy) => policy.recordResults).filter((value) => value !== null);
  return {
    masks: policies.flatMap((policy) =>
      protocol === null ? [] : (policy.byProtocol.get(protocol)?.masks ?? []),
    ),
    limits: {
      maxRows: smallest(policies, 'maxRows'),
      maxBytes: smallest(policies, 'maxBytes'),
      commandsPerMinute: smallest(policies, 'commandsPerMinute'),
      guessesPerMinute: smallest(policies, 'guessesPerMinute') ?? defaultGuessesPerMinute,
      sessionMs: smallest(policies, 'sessionMs'),
      idleMs: smallest(policies, 'idleMs'),
    },
    // What the client saw is recorded unless a policy says no, and where policies differ, the record is kept.
    recordResults: said.length === 0 || said.includes(true),
    recordResultsAsked: said.includes(true),
  };
}

/** A decision, or how to come to it from what changes between two runs of the same action. */
interface Plan {
  /** What beside the effects it rests on. */
  readonly opaque: Intent['opaque'];
  readonly unacceptable: Intent['unacceptable'];
  /** Null when the decision depends on time, source or parameters. */
  readonly settled: Decision | null;
  readonly units: readonly Unit[];
  readonly dynamic: readonly Rule[];
  /** At masked fields that may be guessed at; each run counts. */
  readonly guesses: number;
  /** Parameters that are lists of guesses. */
  readonly guessedLists: readonly number[];
  /** By the truths of `dynamic`, as digits to the base of 3. */
  readonly remembered: Map<number, Decision>;
}

const noGuesses = { guesses: 0, guessedLists: [] } as const;

const truths: readonly Truth[] = [no, unknown, yes];

export interface ViewParts {
  readonly version: string;
  readonly target: TargetName;
  /** Null when the target is not in the config. */
  readonly words: ProtocolWords | null;
  /** Those that apply to the principal and the target, in policy order. */
  readonly policies: readonly Policy[];
  /** Of these policies, the rules that are for the principal, in policy order. */
  readonly rules: readonly Rule[];
  readonly obligations: Obligations;
  /** Whether the target shows masked fields masked. */
  readonly maskedByTarget: boolean;
}

function indexed(rules: readonly Rule[], keys: (rule: Rule) => ReadonlySet<string>): Map<string, Rule[]> {
  const index = new Map<string, Rule[]>();
  for (const rule of rules) {
    for (const key of keys(rule)) {
      const known = index.get(key);
      if (known === undefined) index.set(key, [rule]);
      else known.push(rule);
    }
  }
  return index;
}

/** Whether the rule applies with the parameters that are best for the action. */
function mostLenient(rule: Rule, circumstances: Circumstances): Truth {
  const truth = dynamicTruth(rule, null, circumstances);
  return truth === unknown ? truthOf(rule.outcome !== 'deny') : truth;
}

function refusedUse(words: ProtocolWords, mask: Mask, effect: Effect): MaskedUse['reason'] | null {
  if (choosesTooMuch(words, mask, effect)) return 'masked-field-in-condition';
  const isRefused = mask.derived === 'refuse' || !words.masksDerived;
  return isRefused && words.returnsDerived(mask, effect) ? 'masked-field-derived' : null;
}

function choosesTooMuch(words: ProtocolWords, mask: Mask, effect: Effect): boolean {
  switch (mask.inConditions) {
    case 'allow':
      return false;
    case 'equality':
      return words.guesses([mask], effect) === Infinity;
    case 'deny':
      return words.guesses([mask], effect) > 0;
  }
}

const noRules: readonly Rule[] = [];

/**
 * The rules that some principals share on one target. The first decision on an intent looks at the rules of its verbs;
 * every later one takes a look-up by the list of its effects, plus the dynamic conditions of rules that are about it.
 */
export class RuleView implements PolicyView, DecisionContext {
  readonly version: string;
  readonly target: TargetName;
  readonly obligations: Obligations;
  readonly #parts: ViewParts;
  readonly #byVerb: ReadonlyMap<string, readonly Rule[]>;
  readonly #byOpaque: ReadonlyMap<string, readonly Rule[]>;
  /** By effects: intents of texts that differ in constants only have one list of them. */
  readonly #plans = new WeakMap<Intent['effects'], Plan>();
  readonly #guessable: readonly Mask[];
  /** The masks as they are for fields that the target masks: those may choose rows. */
  readonly #onMaskedFields: readonly Mask[];
  #guidance: string | null = null;
  #onMaskedTarget: RuleView | null = null;

  constructor(parts: ViewParts) {
    this.#parts = parts;
    this.version = parts.version;
    this.target = parts.target;
    this.obligations = parts.obligations;
    this.#guessable = parts.obligations.masks.filter((mask) => mask.inConditions === 'equality');
    this.#onMaskedFields = parts.obligations.masks.map((mask) => ({ ...mask, inConditions: 'allow' }));
    this.#byVerb = indexed(parts.rules, (rule) => rule.verbs);
    this.#byOpaque = indexed(parts.rules, (rule) => rule.opaque);
  }

  get onMaskedTarget(): RuleView {
    this.#onMaskedTarget ??= new RuleView({ ...this.#parts, maskedByTarget: true });
    return this.#onMaskedTarget;
  }

  get hasPolicies(): boolean {
    return this.#parts.policies.length > 0;
  }

  guidance(): string {
    this.#guidance ??= guidanceOf(this.#parts.rules);
    return this.#guidance;
  }

  decide(action: Action, circumstances: Circumstances): Decision {
    const plan = this.#planOf(action.intent);
    return plan.settled ?? this.#decideDynamic(plan, action, circumstances);
  }

  guesses({ intent, parameters }: Action): number {
    if (this.#guessable.length === 0) return 0;
    const { guesses, guessedLists } = this.#planOf(intent);
    if (guessedLists.length === 0) return guesses;
    // A list that is not here, or that nobody can count, could be of any length.
    return guessedLists.reduce(
      (sum, at) => sum + Math.max(1, parameters[at]?.items ?? Infinity) - 1,
      guesses,
    );
  }

  refuseAlways(intent: Intent, circumstances: Circumstances): Deny | null {
    const plan = this.#planOf(intent);
    const decision =
      plan.settled ?? decideUnits(this, plan.units, (rule) => mostLenient(rule, circumstances));
    return decision.kind === 'deny' ? decision : null;
  }

  /** What must be allowed, each with the rules that are about it. */
  units(intent: Intent): readonly Unit[] {
    const seesMasks = this.#seesMasks(intent);
    const effects = intent.effects.map(
      (effect): Unit => ({
        kind: 'effect',
        text: effect.resource === '' ? effect.verb : `${effect.verb} ${effect.resource}`,
        rules: this.#rulesAbout(effect),
        masked: this.#maskedUse(seesMasks ? this.#onMaskedFields : this.obligations.masks, effect),
        untraced: null,
      }),
    );
    const reasons = intent.opaque.map(
      (reason): Unit => ({
        kind: 'opaque',
        text: reason,
        rules: this.#byOpaque.get(reason) ?? noRules,
        masked: null,
        untraced: null,
      }),
    );
    return [...effects, ...reasons, ...this.#untraced(intent)];
  }

  /** What a target itself masks is no exception: code that it runs may do so with other rights. */
  #untraced({ effects }: Intent): readonly Unit[] {
    const untraced = this.#parts.words?.untraced;
    if (untraced === undefined) return [];
    const { reason, mayReturn } = untraced;
    for (const mask of this.obligations.masks) {
      const effect = effects.find((each) => mayReturn(mask, each));
      if (effect === undefined) continue;
      const field = mask.fields.find((each) => mayReturn({ ...mask, fields: [each] }, effect));
      const about = { effect: `${effect.verb} ${effect.resource}`, field: field ?? 'a masked field', mask };
      const rules = this.#byOpaque.get(reason) ?? noRules;
      return [{ kind: 'opaque', text: reason, rules, masked: null, untraced: about }];
    }
    return [];
  }

  #rulesAbout(effect: Effect): readonly Rule[] {
    const about = (this.#byVerb.get(effect.verb) ?? noRules).filter((rule) => isAbout(rule, effect));
    const { coveredBy = null } = effect;
    const covering = coveredBy === null ? noRules : (this.#byOpaque.get(coveredBy) ?? noRules);
    if (covering.length === 0) return about;
    return [...new Set([...about, ...covering])].sort((left, right) => left.order - right.order);
  }

  #planOf(intent: Intent): Plan {
    const { effects, opaque, unacceptable } = intent;
    let plan = this.#plans.get(effects);
    if (plan?.opaque !== opaque || plan.unacceptable !== unacceptable) {
      plan = { opaque, unacceptable, ...this.#plan(intent) };
      this.#plans.set(effects, plan);
    }
    return plan;
  }

  #plan(intent: Intent): Omit<Plan, 'opaque' | 'unacceptable'> {
    if (intent.target !== this.target) {
      throw new InvariantError(`an action on ${intent.target} was given to the rules of ${this.target}`);
    }
    const remembered = new Map<number, Decision>();
    if (intent.unacceptable !== null) {
      const settled = unacceptable(intent.unacceptable);
      return { settled, units: [], dynamic: [], guesses: 0, guessedLists: [], remembered };
    }
    const guessed = this.#guessesIn(intent);
    const units = this.units(intent);
    const about = new Set(units.flatMap((unit) => unit.rules));
    const dynamic = [...about].filter((rule) => rule.dynamic.length > 0);
    if (dynamic.length > 0) return { settled: null, units, dynamic, ...guessed, remembered };
    // The units are not kept: an intent is cached as long as its text, and there are many.
    return { settled: decideUnits(this, units, () => yes), units: [], dynamic, ...guessed, remembered };
  }

  #decideDynamic(plan: Plan, action: Action, circumstances: Circumstances): Decision {
    const { dynamic, units, remembered } = plan;
    if (dynamic.length > maxRememberedRules) {
      return decideUnits(this, units, (rule) => dynamicTruth(rule, action.parameters, circumstances));
    }
    let state = 0;
    for (const rule of dynamic) state = state * 3 + dynamicTruth(rule, action.parameters, circumstances);
    const known = remembered.get(state);
    if (known !== undefined) return known;
    const met = new Map<Rule, Truth>();
    let digits = state;
    for (const rule of dynamic.toReversed()) {
      met.set(rule, truths[digits % 3] ?? no);
      digits = Math.floor(digits / 3);
    }
    const decision = decideUnits(this, units, (rule) => met.get(rule) ?? yes);
    if (remembered.size >= maxRememberedCombinations) remembered.clear();
    remembered.set(state, decision);
    return decision;
  }

  /** Whether the target masks whatever the action looks at. */
  #seesMasks({ effects }: Intent): boolean {
    const { words, maskedByTarget } = this.#parts;
    return maskedByTarget && words?.onlyReads?.(effects) === true;
  }

  #guessesIn(intent: Intent): Pick<Plan, 'guesses' | 'guessedLists'> {
    const { words } = this.#parts;
    const masks = this.#guessable;
    if (words === null || masks.length === 0 || this.#seesMasks(intent)) return noGuesses;
    const { effects } = intent;
    return {
      guesses: effects.reduce((sum, effect) => sum + words.guesses(masks, effect), 0),
      guessedLists: effects.flatMap((effect) => words.guessedLists?.(masks, effect) ?? []),
    };
  }

  #maskedUse(masks: readonly Mask[], effect: Effect): MaskedUse | null {
    const { words } = this.#parts;
    for (const mask of masks) {
      const reason = words === null ? null : refusedUse(words, mask, effect);
      if (words === null || reason === null) continue;
      // The protocol says only that a field of the mask is used; asked field by field, it says which.
      const field = mask.fields.find(
        (each) => refusedUse(words, { ...mask, fields: [each], detect: [] }, effect) === reason,
      );
      const unmasks = words.unmasks?.(effect) === true;
      return { reason, field: field ?? 'a masked field', mask, unmasks };
    }
    return null;
  }
}
