import { readFiles, unfoldCommand, unfoldWords } from './commands.ts';
import { secondReading } from './grammar.ts';
import { constant, type ShellReading } from './reading.ts';
import { readScript } from './script.ts';
import { Unfolding } from './unfolding.ts';

export { commandMatcher, commandPatternFault } from './command-pattern.ts';
export {
  type ShellCommand,
  type ShellFile,
  type ShellOpaque,
  type ShellOpaqueReason,
  type ShellReading,
  shellOpaqueReasons,
} from './reading.ts';

/** What a line would run in the shell that a user logs in to: sh, bash, dash or busybox ash. */
export function readCommandLine(text: string): ShellReading {
  const unfolding = new Unfolding(readText);
  unfolding.text(text);
  return unfolding.reading;
}

/** What a program and its arguments would run, started without a shell: `kubectl exec pod -- sh -c 'ls | wc'`. */
export function readArgv(argv: readonly string[]): ShellReading {
  const unfolding = new Unfolding(readText);
  const source = argv.join(' ');
  if (unfolding.accepts(source)) unfoldWords(argv.map(constant), 'inherited', source, unfolding);
  return unfolding.reading;
}

function readText(text: string, unfolding: Unfolding): void {
  const script = readScript(text, unfolding);
  for (const command of script.commands) unfoldCommand(command, unfolding);
  readFiles(script.redirects, unfolding);
  if (script.unreadable !== null) return unfolding.opaque('syntax-error', script.unreadable);
  const disagreement = secondReading(text, script.starts);
  if (disagreement !== null) unfolding.opaque('syntax-error', disagreement);
}
