import { builtins } from './builtins.ts';
import type { Call } from './call.ts';
import { isHarmlessVariable, isObeyedVariable } from './environment.ts';
import { hasOwnLanguage, runsOthers } from './programs.ts';
import type { Stdin, Word } from './reading.ts';
import type { Redirect } from './redirects.ts';
import type { SimpleCommand } from './script.ts';
import { readShell, shells } from './shells.ts';
import type { Unfolding } from './unfolding.ts';
import { wrapper } from './wrappers.ts';

/** Folders in which nobody but the system's owner puts programs: their `sh` is a shell. */
const systemPath = /^(?:\/usr(?:\/local)?)?\/s?bin\/([^/]+)$/;

export function readFiles(redirects: readonly Redirect[], unfolding: Unfolding): void {
  for (const redirect of redirects) {
    if (redirect.kind !== 'file') continue;
    for (const access of redirect.accesses) unfolding.file(access, redirect.path);
  }
}

/** What a simple command would run. */
export function unfoldCommand(command: SimpleCommand, unfolding: Unfolding): void {
  readFiles(command.redirects, unfolding);
  const startsProgram = command.words.length > 0;
  for (const { name } of command.assignments) {
    if (startsProgram ? !isHarmlessVariable(name) : isObeyedVariable(name)) {
      unfolding.opaque('environment', command.source);
    }
  }
  unfoldWords(command.words, stdinOf(command), command.source, unfolding);
}

function stdinOf({ redirects, piped }: SimpleCommand): Stdin {
  const last = redirects.findLast(({ isStdin }) => isStdin);
  if (last === undefined) return piped ? 'other' : 'inherited';
  const text = last.kind === 'text' ? last.content.word.text : null;
  return text === null ? 'other' : { text };
}

export function unfoldWords(
  words: readonly Word[],
  stdin: Stdin,
  source: string,
  unfolding: Unfolding,
): void {
  const [first, ...args] = words;
  if (first === undefined) return;
  const written = first.text;
  if (written === null) return unfolding.opaque('expanded-name', source);
  const system = written.includes('/') ? (systemPath.exec(written)?.[1] ?? null) : written;
  const name = system ?? written.slice(written.lastIndexOf('/') + 1);
  let reported = false;
  const report = (builtin: boolean): void => {
    if (reported) return;
    reported = true;
    unfolding.command(written, args, builtin);
  };
  const call: Call = {
    name,
    args,
    stdin,
    report,
    words: (inner) => {
      const read = unfolding.deeper(() => unfoldWords(inner, stdin, source, unfolding));
      if (!read) unfolding.opaque('too-large', source);
    },
    text: (text) => {
      if (text.text === null) unfolding.opaque('dynamic-text', source);
      else unfolding.text(text.text);
    },
    opaque: (reason) => unfolding.opaque(reason, source),
    sets: (variable, exported) => {
      if (exported ? !isHarmlessVariable(variable) : isObeyedVariable(variable)) {
        unfolding.opaque('environment', source);
      }
    },
  };
  // Somebody's own `./sh` is what it is, and perhaps a shell.
  if (system === null) report(false);
  mean(call);
}

function mean(call: Call): void {
  const { name, args } = call;
  const builtin = builtins.get(name);
  if (builtin !== undefined) return builtin(call);
  if (shells.has(name)) return readShell(call);
  const runs = wrapper(name);
  if (runs !== null) return runs(call);
  call.report(false);
  if (hasOwnLanguage(name, args)) call.opaque('other-language');
  if (runsOthers(name, args)) call.opaque('runs-others');
}
