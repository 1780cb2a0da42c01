import type { ShellOpaqueReason, Stdin, Word } from './reading.ts';

/** A command whose name is known, and what can be said of it. */
export interface Call {
  readonly name: string;
  readonly args: readonly Word[];
  readonly stdin: Stdin;
  /** It is a command like any other, to be decided by its name. */
  report(builtin: boolean): void;
  /** It runs a command of these words. */
  words(words: readonly Word[]): void;
  /** A shell reads this text. */
  text(text: Word): void;
  opaque(reason: ShellOpaqueReason): void;
  /** It sets a variable; `exported`: programs see it for certain. */
  sets(variable: string, exported: boolean): void;
}

export type Meaning = (call: Call) => void;
