import type { z } from 'zod';
import type { Effect } from '../model/action.ts';
import type { Mask, RuleOutcome } from '../model/decision.ts';
import { InvariantError } from '../model/errors.ts';
import type { ListenerName, TargetName } from '../model/ids.ts';

/** A condition in a protocol's own words; see `PolicyWords` in protocols/protocol.ts, which fits this. */
export interface ProtocolCondition {
  readonly schema: z.ZodType;
  /** `value` is the schema's output; see `EffectCondition` for what the outcome is for. */
  compile(value: unknown, outcome: RuleOutcome): (effect: Effect) => boolean;
}

/** What a protocol adds to the policy language. Policy knows no protocol, so it names the shape and not the type. */
export interface ProtocolWords {
  readonly verbs: readonly string[];
  readonly opaqueReasons: readonly string[];
  readonly conditions: Readonly<Record<string, ProtocolCondition>>;
  guesses(masks: readonly Mask[], effect: Effect): number;
  guessedLists?(masks: readonly Mask[], effect: Effect): readonly number[];
  readonly masksDerived: boolean;
  returnsDerived(mask: Mask, effect: Effect): boolean;
  untraced?: { readonly reason: string; mayReturn(mask: Mask, effect: Effect): boolean };
  unmasks?(effect: Effect): boolean;
  onlyReads?(effects: readonly Effect[]): boolean;
  /** What is wrong with a mask's field pattern, in a sentence; null when nothing is. */
  fieldProblem(pattern: string): string | null;
  /** Whether what targets answer passes through the gateway's hands: without, it can neither be masked nor counted. */
  readonly readsAnswers: boolean;
  readonly countsRows: boolean;
}

/** Everything that the words of a policy are checked against. */
export interface Vocabulary {
  /** By the protocol's name. */
  readonly protocols: Readonly<Record<string, ProtocolWords>>;
  /** By the protocol's name, what clients speak on the listeners that lead to its targets. */
  readonly reachedBy: Readonly<Record<string, string>>;
  readonly targets: readonly { readonly name: TargetName; readonly protocol: string }[];
  readonly listeners: readonly { readonly name: ListenerName; readonly protocol: string }[];
  readonly detectors: readonly string[];
  readonly transforms: readonly string[];
}

/** Every protocol's verb for opening a connection: decided at the door, see `PolicySet.refuseConnection`. */
export const connectVerb = 'connect';

/** In `effects:`, every verb of the target's protocol. */
export const everyVerb = '*';

/** The protocol's condition of this name; null when it has none. `name` is a person's text: `constructor` is none. */
export const conditionOf = (words: ProtocolWords, name: string): ProtocolCondition | null =>
  Object.hasOwn(words.conditions, name) ? (words.conditions[name] ?? null) : null;

/** @throws InvariantError when a protocol's words clash with those that every rule has. */
export function checkProtocols({ protocols }: Vocabulary, ruleKeys: readonly string[]): void {
  for (const [protocol, words] of Object.entries(protocols)) {
    const clash = ruleKeys.find((key) => conditionOf(words, key) !== null);
    if (clash !== undefined)
      throw new InvariantError(`${protocol} has a condition "${clash}", which every rule has`);
    if (!words.verbs.includes(connectVerb)) {
      throw new InvariantError(`${protocol} has no verb "${connectVerb}", by which connections are denied`);
    }
  }
}
