/** Why a command line cannot be fully understood: only the shell at the target would know. */
export const shellOpaqueReasons = [
  /** The text does not parse, or is written as this gateway does not read it. What follows that place is unread. */
  'syntax-error',
  'too-large',
  /** Control characters, invisible ones, and command names that are not plain ASCII: a person would read something else. */
  'deceptive-text',
  /** Shells read it differently: bash runs one thing, dash or ash another. */
  'dialect',
  /** The name of a command, or what stands in its place, comes from a variable, a substitution or a file name pattern. */
  'expanded-name',
  /** Text that the shell evaluates is not constant: `eval "$x"`, `$((x))`, `${!x}`. */
  'dynamic-text',
  /** A shell that reads its commands from whoever is connected. */
  'interactive-shell',
  /** A shell that reads its commands from a pipe or a file: `curl ... | sh`. */
  'stdin-script',
  /** A shell runs a file: `sh x`, `. ./x`. */
  'script-file',
  /** Aliases and options that change how later text is read or where commands are found. */
  'shell-settings',
  /** A variable that programs may obey by running something or reading other settings: PATH, LD_PRELOAD, GIT_EXTERNAL_DIFF. */
  'environment',
  /** A program with a language of its own: python, awk, vi, another kind of shell. */
  'other-language',
  /** A program or an option that runs others in a way this gateway does not unfold: `tar --to-command`, `ssh`. */
  'runs-others',
] as const;
export type ShellOpaqueReason = (typeof shellOpaqueReasons)[number];

export interface ShellOpaque {
  readonly reason: ShellOpaqueReason;
  /** The place, as it is written there, for a person. */
  readonly what: string;
}

/** A command that would run, or might: both sides of an `if`, each body of a function, each arm of a `case`. */
export interface ShellCommand {
  /** After quote removal, as it would be looked up: `rm`, `/bin/rm`, `./rm`. */
  readonly name: string;
  /** After quote removal; null stands for any number of words that only the shell at the target can tell. */
  readonly args: readonly (string | null)[];
  /** `cd`, `test`, `export x=1`: it does nothing but to the shell that reads it, and shows nothing that is not in the text. */
  readonly builtin: boolean;
}

/** A redirection to or from a file. /dev/null and the shell's own descriptors are none. */
export interface ShellFile {
  readonly access: 'read' | 'write';
  /** null when only the shell at the target can tell. */
  readonly path: string | null;
}

export interface ShellReading {
  readonly commands: readonly ShellCommand[];
  readonly files: readonly ShellFile[];
  /** Empty: every command that can run is in `commands`. */
  readonly opaque: readonly ShellOpaque[];
}

/** One word of a command. `text` is null when only the shell at the target can tell it; then `many` says that it may be none or several. */
export interface Word {
  readonly text: string | null;
  readonly many: boolean;
  /** What of it is known, from its beginning: `X=` of `X=$y`. */
  readonly head: string;
}

export const constant = (text: string): Word => ({ text, many: false, head: text });
export const unknownWords: Word = { text: null, many: true, head: '' };
export const unknownWord: Word = { text: null, many: false, head: '' };

/** What a command reads: text that is written in the line, what its surroundings read, or something else. */
export type Stdin = { readonly text: string } | 'inherited' | 'other';
