import type { Command } from 'commander';
import { visibleText } from '../../../core/model/visible-text.ts';
import { whoamiSchema } from '../../api/schemas.ts';
import { GatewayClient } from '../gateway-client.ts';
import { examples, jsonOption, placeOption, socketOption } from '../options.ts';
import { bold, print, printJson } from '../screen.ts';
import type { PlaceOptions } from '../state-folder.ts';
import { fromNow, shortTime } from '../time-text.ts';

export function define(command: Command): void {
  command
    .description('Tell whom the gateway takes you for, and what you may do there.')
    .addOption(placeOption())
    .addOption(socketOption())
    .addOption(jsonOption())
    .addHelpText('after', examples('sallyport whoami', 'sallyport whoami --json | jq .groups'))
    .action(run);
}

interface Options extends PlaceOptions {
  readonly json?: boolean;
}

async function run(options: Options): Promise<void> {
  const client = await GatewayClient.open(options);
  const whoami = await client.get('/v1/whoami', whoamiSchema);
  if (options.json) return printJson(whoami);
  const { subject, issuer, groups, roles, expiresAt } = whoami;
  const held = (['operator', 'auditor'] as const).filter((role) => roles[role]);
  print(
    `${bold(visibleText(subject))} (${visibleText(issuer)})`,
    `  groups  ${groups.map(visibleText).join(', ') || 'none'}`,
    `  roles   ${held.join(', ') || 'none (holds that you could decide, you see all the same)'}`,
    `  token   ends ${fromNow(expiresAt, Date.now())} (${shortTime(expiresAt)} UTC)`,
  );
}
