import type { TargetName } from './ids.ts';

/**
 * One thing that an action does, and the unit that a rule matches: an action is allowed when each of its effects is.
 * A protocol extends this with what its own policy conditions look at (tables, verbs, namespaces).
 */
export interface Effect {
  /** A word of the protocol's closed vocabulary: `select`, `update`, `drop`; `get`, `exec`. */
  readonly verb: string;
  /** What it is done to, as a person would write it (`app.users`); empty when there is no such thing. */
  readonly resource: string;
  /** An opaque reason whose rules are about this effect as well: it is a part of what they would have let pass unread. */
  readonly coveredBy?: string | null;
}

/** A refusal that no rule can lift: what was sent cannot be read, is over a limit, or the target could not say or would not do it. */
export interface Unacceptable {
  readonly reason: 'unparsable' | 'too-large' | 'unsupported' | 'target-unavailable' | 'refused-by-target';
  readonly message: string;
  readonly hint: string;
  /** Where in the text it is, in characters from 1, where that is known. */
  readonly position?: number;
}

/**
 * All that can be known of an action from its own text, its target and the target's catalog. The same text on the same
 * catalog gives the same object, so decisions are cached by its identity. It never changes after it was made.
 */
export interface Intent {
  readonly protocol: string;
  readonly target: TargetName;
  /** Exactly what was sent, decoded but not normalised: what approvers read and the digest binds. */
  readonly text: string;
  /** How many commands the text holds; for limits per minute. */
  readonly commands: number;
  readonly effects: readonly Effect[];
  /** Why the action cannot be fully understood; only a rule that names a reason can allow it. Mostly empty. */
  readonly opaque: readonly string[];
  /** Versions of the relations and functions it touches (`app.users@812`): a hold is void when one changes. */
  readonly versions: readonly string[];
  /** What it sets off at the target by itself, a sentence each, for approvers; decided are the effects. */
  readonly consequences: readonly string[];
  readonly unacceptable: Unacceptable | null;
}

/** A value sent beside the text. */
export interface Parameter {
  /** As a person reads it, for approvers, trail and `parameters:` conditions; null is SQL's NULL. */
  readonly text: string | null;
  /** What the digest of a hold binds: type, format and raw bytes. */
  readonly bound: Uint8Array;
  /** How many values it holds, where it is a list; Infinity where that cannot be told. */
  readonly items?: number;
}

/** One decoded unit of intent that asks to pass. */
export interface Action {
  readonly intent: Intent;
  readonly parameters: readonly Parameter[];
  /** What of the session's state changes the meaning of the text (role, search path); bound by a hold's digest. */
  readonly sessionState: string;
}

export const noParameters: readonly Parameter[] = [];
