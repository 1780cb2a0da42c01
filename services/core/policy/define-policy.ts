/**
 * Policies in TypeScript: `export default definePolicy<PostgresWords>({ ... })`, or a list of them. An editor completes
 * verbs, conditions and transforms, and a typo is a compile error. The file is evaluated apart (evaluate-typescript.ts) and
 * gives the same plain structure as YAML, which is then checked the same way; schema.ts says what each key means.
 */
import { getCallSites } from 'node:util';
import type { z } from 'zod';
import type { ConditionTreatment, DerivedTreatment } from '../model/decision.ts';
import type { PrincipalPattern } from '../model/principal-pattern.ts';

/** The words that a policy may use, as types. */
export interface Words {
  readonly verbs: string;
  readonly opaqueReasons: string;
  /** Condition name to what is written for it. */
  readonly conditions: object;
  readonly detectors: string;
  readonly transforms: string;
}

/** For a policy whose words are only checked when it is loaded. */
export interface AnyWords extends Words {
  readonly conditions: Readonly<Record<string, unknown>>;
}

/** The words of a protocol out of the lists and schemas that it gives to the policy language (`as const`). */
export interface WordsOf<
  Protocol extends {
    readonly verbs: readonly string[];
    readonly opaqueReasons: readonly string[];
    readonly conditions: Readonly<Record<string, { readonly schema: z.ZodType }>>;
  },
  Masking extends Pick<Words, 'detectors' | 'transforms'> = Pick<Words, 'detectors' | 'transforms'>,
> extends Words {
  readonly verbs: Protocol['verbs'][number];
  readonly opaqueReasons: Protocol['opaqueReasons'][number];
  readonly conditions: {
    readonly [Name in keyof Protocol['conditions']]: z.input<Protocol['conditions'][Name]['schema']>;
  };
  readonly detectors: Masking['detectors'];
  readonly transforms: Masking['transforms'];
}

export type Duration = `${number}${'s' | 'm' | 'h' | 'd'}`;
export type Size = number | `${number}${'KiB' | 'MiB' | 'GiB'}`;
export type TimeOfDay = `${number}:${number}`;

export interface Times {
  /** Of the IANA database: `Europe/Berlin`. */
  readonly zone: string;
  readonly weekdays?: readonly ('mon' | 'tue' | 'wed' | 'thu' | 'fri' | 'sat' | 'sun')[];
  readonly from?: TimeOfDay;
  /** Up to, and not with. Earlier than `from` runs past midnight. */
  readonly to?: TimeOfDay;
}

export interface ParameterCondition {
  readonly oneOf?: readonly (string | number | null)[];
  /** A regular expression for the whole value, without lookarounds and references to groups. */
  readonly matches?: string;
  readonly atLeast?: number;
  readonly atMost?: number;
}

export interface Approval {
  /** Any may match. Only persons, unless `kinds` says otherwise. */
  readonly approvers: readonly PrincipalPattern[];
  readonly quorum?: number;
  /** How long the hold stays open. */
  readonly within?: Duration;
  readonly mode?: 'wait' | 'defer';
  /** How long the client is kept waiting, with `mode: 'wait'`. */
  readonly wait?: Duration;
  readonly grant?: 'exact' | { readonly for: Duration; readonly covers: 'action' | 'rule' };
}

type RuleOutcome =
  | { readonly outcome: 'allow' }
  | { readonly outcome: 'deny'; readonly message?: string; readonly hint?: string }
  | { readonly outcome: 'hold'; readonly approval: Approval };

type RuleSubject<W extends Words> =
  | ({
      /** `*` is every effect. */
      readonly effects: readonly (W['verbs'] | '*')[];
      readonly opaque?: readonly W['opaqueReasons'][];
    } & Partial<W['conditions']>)
  | { readonly effects?: never; readonly opaque: readonly W['opaqueReasons'][] };

export type Rule<W extends Words = AnyWords> = {
  readonly name: string;
  /** Narrows the policy's principals. */
  readonly principals?: readonly PrincipalPattern[];
  readonly times?: Times;
  /** CIDR ranges and addresses. */
  readonly sources?: readonly string[];
  readonly listeners?: readonly string[];
  /** By position, from 1. */
  readonly parameters?: Readonly<Record<number, ParameterCondition>>;
} & RuleSubject<W> &
  RuleOutcome;

export interface Mask<W extends Words = AnyWords> {
  readonly fields?: readonly string[];
  readonly detect?: readonly W['detectors'][];
  readonly with: W['transforms'];
  /** Whether a masked field may choose rows; `equality` when left out. */
  readonly inConditions?: ConditionTreatment;
  /** What becomes of values that are computed from a masked field; `mask` when left out. */
  readonly derived?: DerivedTreatment;
}

export interface Policy<W extends Words = AnyWords> {
  readonly name: string;
  /** Any may match; left out, the policy is for everybody. */
  readonly principals?: readonly PrincipalPattern[];
  /** Names, or patterns with `*`. */
  readonly targets: readonly string[];
  readonly rules?: readonly Rule<W>[];
  readonly masks?: readonly Mask<W>[];
  readonly limits?: {
    readonly rows?: number;
    readonly bytes?: Size;
    readonly commandsPerMinute?: number;
    readonly guessesPerMinute?: number;
    readonly session?: Duration;
    readonly idle?: Duration;
  };
  readonly record?: { readonly results: boolean };
}

/** Where `definePolicy` was called. A registered symbol, so that a copy of this module elsewhere says the same. */
export const callSite: unique symbol = Symbol.for('sallyport.policy.callSite') as typeof callSite; // as: TypeScript makes a symbol unique only when it is new

export interface CallSite {
  readonly line: number;
  readonly column: number;
}

export function definePolicy<W extends Words = AnyWords>(policy: Policy<W>): Policy<W> {
  const caller = getCallSites(2)[1];
  const site: CallSite = { line: caller?.lineNumber ?? 1, column: caller?.columnNumber ?? 1 };
  return Object.assign({ ...policy }, { [callSite]: site });
}
