import type { RuleOutcome } from '../../core/model/decision.ts';
import type { ShellCommand } from './reading.ts';

/** Folders whose programs are called by their names alone. */
const systemPath = /^(?:\/usr(?:\/local)?)?\/s?bin\/([^/]+)$/;

/** Why this is no pattern, as a sentence goes on behind it; null when it is one. */
export function commandPatternFault(pattern: string): string | null {
  if (!/^[\x21-\x7e]+(?: [\x21-\x7e]+)*$/.test(pattern)) {
    return 'must be words of plain ASCII with one space between them, such as "cat /var/log/**"';
  }
  const words = pattern.split(' ');
  const early = words.slice(0, -1).find((word) => word.endsWith('...'));
  return early === undefined ? null : `has "${early}" in the middle: "..." belongs behind the last word`;
}

type Matcher = (text: string) => boolean;

/**
 * Commands by their words: `ls` with any arguments, `git status` with just this one, `cat /var/log/*...` with any number like it. `*` is any run
 * without a slash, `**` any run. An allow rule covers a command whole, and what only the shell knows is not covered; `rm` is also `/bin/rm`, but not
 * `./rm`. To deny or hold it is enough that the words stand in the command in this order, or could: what only the shell knows may be anything.
 */
export function commandMatcher(pattern: string, outcome: RuleOutcome): (command: ShellCommand) => boolean {
  const [name = '', ...args] = pattern.split(' ');
  return outcome === 'allow' ? covers(name, args) : touches(name, args);
}

function covers(name: string, args: readonly string[]): (command: ShellCommand) => boolean {
  const matchesName = glob(name, true);
  const repeated =
    args.at(-1)?.endsWith('...') === true ? glob((args.at(-1) ?? '').slice(0, -3), true) : null;
  const fixed = (repeated === null ? args : args.slice(0, -1)).map((word) => glob(word, true));
  return (command) => {
    if (!matchesName(command.name) && !matchesName(systemPath.exec(command.name)?.[1] ?? '')) return false;
    if (args.length === 0) return true;
    if (command.args.length < fixed.length || (repeated === null && command.args.length > fixed.length)) {
      return false;
    }
    return command.args.every((arg, index) => arg !== null && (fixed[index] ?? repeated)?.(arg) === true);
  };
}

function touches(name: string, args: readonly string[]): (command: ShellCommand) => boolean {
  const matchesName = glob(name, false);
  const matchers = args.map((word) => glob(word.replace(/\.\.\.$/, ''), false));
  return (command) => {
    const last = command.name.slice(command.name.lastIndexOf('/') + 1);
    if (!matchesName(command.name) && !matchesName(last)) return false;
    let met = 0;
    for (const arg of command.args) {
      if (arg === null) return true;
      if (matchers[met]?.(arg) === true) met += 1;
    }
    return met === matchers.length;
  };
}

/** @param strict `*` stops at slashes, and nothing leads out of a folder */
function glob(pattern: string, strict: boolean): Matcher {
  const source = pattern
    .split(/(\*+)/)
    .map((part) =>
      /^\*+$/.test(part)
        ? strict && part === '*'
          ? '[^/]*'
          : '[\\s\\S]*'
        : part.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&'),
    )
    .join('');
  const regex = new RegExp(`^${source}$`);
  if (!strict || !pattern.includes('*')) return (text) => regex.test(text);
  return (text) => regex.test(text) && !/(?:^|\/)\.\.(?:\/|$)/.test(text);
}
