import type { Command } from 'commander';
import { killedSchema } from '../../api/schemas.ts';
import { GatewayClient } from '../gateway-client.ts';
import { examples, jsonOption, placeOption, reasonOption, socketOption } from '../options.ts';
import { noteWarning, print, printJson } from '../screen.ts';
import type { PlaceOptions } from '../state-folder.ts';

export function define(command: Command): void {
  command
    .description(
      'End an open session at once: its client is cut off and told your reason, and its open holds are withdrawn. Needs the role of operator.',
    )
    .argument('<id>', 'the session’s id')
    .addOption(reasonOption())
    .addOption(placeOption())
    .addOption(socketOption())
    .addOption(jsonOption())
    .addHelpText('after', examples('sallyport sessions kill s_9Zk… --reason "runs wild"'))
    .action(run);
}

interface Options extends PlaceOptions {
  readonly reason: string;
  readonly json?: boolean;
}

async function run(id: string, options: Options): Promise<void> {
  const client = await GatewayClient.open(options);
  const path = `/v1/sessions/${encodeURIComponent(id)}/kill`;
  const killed = await client.post(path, { reason: options.reason }, killedSchema);
  if (options.json) printJson(killed);
  else print(`Session ${killed.session} was ended.`);
  if (!killed.recorded) noteWarning('the gateway could not record this: its trail cannot be written');
}
