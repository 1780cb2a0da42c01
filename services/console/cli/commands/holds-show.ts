import type { Command } from 'commander';
import { holdSchema } from '../../api/schemas.ts';
import { GatewayClient } from '../gateway-client.ts';
import { holdText } from '../hold-text.ts';
import { examples, jsonOption, placeOption, socketOption } from '../options.ts';
import { note, print, printJson, terminalColumns } from '../screen.ts';
import type { PlaceOptions } from '../state-folder.ts';

export function define(command: Command): void {
  command
    .description(
      'Show one hold, whole: its text to the last character, with whatever cannot be seen, or passes for something ' +
        'else, shown as its code point.',
    )
    .argument('<id>', 'the hold’s id, as the client was told')
    .addOption(placeOption())
    .addOption(socketOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      examples('sallyport holds show h_3q2-7w…', 'sallyport holds show h_3q2-7w… --json | jq -r .text'),
    )
    .action(run);
}

interface Options extends PlaceOptions {
  readonly json?: boolean;
}

async function run(id: string, options: Options): Promise<void> {
  const client = await GatewayClient.open(options);
  const hold = await client.get(`/v1/holds/${encodeURIComponent(id)}`, holdSchema);
  if (options.json) return printJson(hold);
  print(...holdText(hold, terminalColumns(), Date.now()));
  if (hold.mayVote) note(`To decide: sallyport holds approve ${hold.id} --reason "…"  (or reject)`);
}
