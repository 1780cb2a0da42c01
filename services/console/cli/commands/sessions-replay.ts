import { type Command, InvalidArgumentError, Option } from 'commander';
import { replay } from '../../../core/audit/replay.ts';
import { systemClock } from '../../../core/model/clock.ts';
import { CliError } from '../errors.ts';
import { GatewayClient } from '../gateway-client.ts';
import { examples, placeOption, socketOption } from '../options.ts';
import type { PlaceOptions } from '../state-folder.ts';
import { storedSession } from '../stored-session.ts';

export function define(command: Command): void {
  command
    .description(
      'Play a recorded session back as its client saw it, with its pauses (those over 2 s are cut to that, unless --real-time ' +
        'keeps them). Nothing in it can do anything to your terminal. Needs the role of auditor.',
    )
    .argument('<id>', 'the session’s id')
    .addOption(
      new Option('--speed <factor>', '2 is twice as fast, 0.5 half; "max" does not wait at all')
        .argParser(speed)
        .default(1),
    )
    .addOption(new Option('--real-time', 'keep every pause as long as it was'))
    .addOption(placeOption())
    .addOption(socketOption())
    .addHelpText(
      'after',
      examples(
        'sallyport sessions replay s_9Zk…',
        'sallyport sessions replay s_9Zk… --speed 4',
        'sallyport sessions replay s_9Zk… --speed max | less',
      ),
    )
    .action(run);
}

interface Options extends PlaceOptions {
  readonly speed: number;
  readonly realTime?: boolean;
}

function speed(text: string): number {
  if (text === 'max') return Number.POSITIVE_INFINITY;
  const factor = /^\d+(\.\d+)?$/.test(text) ? Number(text) : 0;
  if (factor <= 0) throw new InvalidArgumentError('It must be a number over 0, or "max".');
  return factor;
}

async function run(id: string, options: Options): Promise<void> {
  const client = await GatewayClient.open(options);
  const transcript = await storedSession(client, id);
  const interrupted = new AbortController();
  process.once('SIGINT', () => interrupted.abort(new CliError('interrupted', 'The replay was stopped.')));
  // The clock of the product keeps no process alive; here there is nothing else that would.
  const alive = setInterval(() => undefined, 60_000);
  try {
    await replay(transcript, {
      speed: options.speed,
      ...(options.realTime && { maxPauseMs: null }),
      clock: systemClock,
      signal: interrupted.signal,
      write,
    });
  } finally {
    clearInterval(alive);
  }
}

/** Waits for a slow terminal, or a program behind a pipe that reads page by page. */
const write = (text: string): void | Promise<void> => {
  if (process.stdout.write(text)) return undefined;
  return new Promise((resolve) => process.stdout.once('drain', () => resolve()));
};
