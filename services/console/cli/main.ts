/** `sallyport`: finds the command that was asked for, reads its file, runs it, and ends with a code that says how it went. */
import { Command, CommanderError } from 'commander';
import { messageOf } from '../../core/model/errors.ts';
import { type CommandEntry, commands, groups } from './command-table.ts';
import { CliError } from './errors.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';
import { messageLines, messageText } from './message-text.ts';
import { note, noteError } from './screen.ts';

const helpOfExitCodes = `
Exit codes:
  ${exitCodes.ok}   done; or yes: allowed, intact, nothing wrong
  ${exitCodes.no}   no: denied, tampered, a vote refused, not there; or it failed
  ${exitCodes.usage}   the command line, the config or a policy is wrong
  ${exitCodes.undecided}   neither: held, or a trail that is torn or unproven
  ${exitCodes.notPermitted}   not logged in, or not permitted
  ${exitCodes.unreachable}   the gateway, an issuer or a target cannot be reached
  ${exitCodes.bug}  a bug of sallyport   ${exitCodes.interrupted}  interrupted

Examples:
  sallyport check -c sallyport.yaml
  sallyport up -c sallyport.yaml
  sallyport login -c sallyport.yaml && sallyport holds ls

Every command has its own --help, with examples.`;

async function main(words: readonly string[]): Promise<ExitCode> {
  // `sallyport help holds approve` is what people try who know git.
  const asked = words[0] === 'help' ? [...words.slice(1), '--help'] : [...words];
  const program = await programFor(asked);
  try {
    await program.parseAsync(asked, { from: 'user' });
    return toldExitCode();
  } catch (error) {
    return endOf(error);
  }
}

/** What a command that ran to its end has set as its answer. */
const toldExitCode = (): ExitCode =>
  Object.values(exitCodes).find((code) => code === process.exitCode) ?? exitCodes.ok;

async function programFor(asked: readonly string[]): Promise<Command> {
  const program = withManners(new Command('sallyport'))
    .description('The guarded gate between AI agents and what they touch.')
    .version(await version(asked), '-V, --version', 'print the version')
    .usage('<command> [options]')
    .addHelpText('after', helpOfExitCodes);
  const parents = new Map([['', program]]);
  const chosen = chosenBy(asked);
  for (const entry of commands) {
    const words = entry.words.split(' ');
    const name = words.pop() ?? '';
    const parent = parents.get(words.join(' ')) ?? addGroup(program, words.join(' '), parents);
    const command = withManners(parent.command(name)).summary(entry.summary).description(entry.summary);
    if (entry === chosen) (await entry.load()).define(command);
  }
  return program;
}

function addGroup(program: Command, word: string, parents: Map<string, Command>): Command {
  const summary = groups.find((group) => group.word === word)?.summary ?? '';
  const group = withManners(program.command(word)).description(summary).usage('<command> [options]');
  parents.set(word, group);
  return group;
}

/** The same behaviour in all commands, which inherit nothing that is set later. */
const withManners = (command: Command): Command =>
  command
    .exitOverride()
    .helpCommand(false)
    .helpOption('-h, --help', 'show this help')
    .configureHelp({ showGlobalOptions: false, helpWidth: 100 })
    .configureOutput({
      // Commander quotes what was typed, or pasted.
      outputError: (text) => noteError(messageLines(text.replace(/^error: /, '').trimEnd()), [], null),
    });

/** The command that the leading words name. */
const chosenBy = (asked: readonly string[]): CommandEntry | undefined =>
  commands.find((entry) => entry.words.split(' ').every((word, index) => asked[index] === word));

async function version(asked: readonly string[]): Promise<string> {
  if (!asked.includes('--version') && !asked.includes('-V')) return '';
  const { default: manifest } = await import('../../../package.json', { with: { type: 'json' } });
  return manifest.version;
}

function endOf(error: unknown): ExitCode {
  if (error instanceof CommanderError) {
    // Asked for help or the version: that was the answer. Help in place of a missing command is a mistake.
    if (error.exitCode === 0) return exitCodes.ok;
    return exitCodes.usage;
  }
  if (error instanceof CliError) {
    const hint = error.hint === null ? null : messageText(error.hint);
    noteError(messageLines(error.message), error.details, hint);
    return error.exitCode;
  }
  const message = `${messageText(messageOf(error))} (a bug of sallyport)`;
  noteError(message, [], 'Please report it, with what follows.');
  if (error instanceof Error) note(messageLines(error.stack ?? ''));
  return exitCodes.bug;
}

// `sallyport trail show | head` closes the pipe when it has enough: that is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(exitCodes.ok);
  throw error;
});

process.exitCode = await main(process.argv.slice(2));
