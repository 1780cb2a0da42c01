import { type Command, Option } from 'commander';
import { visibleText } from '../../../core/model/visible-text.ts';
import { type HoldSummary, holdPageSchema } from '../../api/schemas.ts';
import { columnList } from '../column-list.ts';
import { GatewayClient } from '../gateway-client.ts';
import { examples, jsonOption, limitOption, placeOption, socketOption } from '../options.ts';
import { firstItems } from '../pages.ts';
import { note, print, printJson } from '../screen.ts';
import type { PlaceOptions } from '../state-folder.ts';
import { fromNow } from '../time-text.ts';
import { speakerText } from '../who-text.ts';

export function define(command: Command): void {
  command
    .description('List the holds that you may see: those that you could decide, and your own. Newest first.')
    .addOption(
      new Option('--state <state>', 'which of them').choices(['open', 'ended', 'all']).default('open'),
    )
    .addOption(limitOption('holds'))
    .addOption(placeOption())
    .addOption(socketOption())
    .addOption(jsonOption())
    .addHelpText('after', examples('sallyport holds ls', 'sallyport holds ls --state all --json'))
    .action(run);
}

interface Options extends PlaceOptions {
  readonly state: string;
  readonly limit: number;
  readonly json?: boolean;
}

async function run(options: Options): Promise<void> {
  const client = await GatewayClient.open(options);
  const { state, limit } = options;
  const { items, more } = await firstItems(client, '/v1/holds', { state }, holdPageSchema, limit);
  if (options.json) return printJson(items);
  if (items.length === 0)
    return print(state === 'open' ? 'No open holds that you may see.' : 'No holds that you may see.');
  const nowMs = Date.now();
  const namesCommands = items.some(({ command }) => command !== null);
  print(
    ...columnList(
      [
        'HOLD',
        'STATE',
        'EXPIRES',
        'ASKED BY',
        'TARGET',
        ...(namesCommands ? ['COMMAND'] : []),
        'EFFECTS',
        'YOU',
      ],
      items.map((hold) => [
        hold.id,
        hold.state,
        hold.state === 'open' ? fromNow(hold.expiresAt, nowMs) : '',
        speakerText({ ...hold.requester, actsFor: behind(hold) }),
        hold.target,
        ...(namesCommands ? [commandText(hold)] : []),
        effectsText(hold),
        hold.mayVote ? 'may decide' : '',
      ]),
    ),
  );
  if (more) note(`There are more than ${limit}: --limit lists them.`);
  if (items.some(({ mayVote }) => mayVote))
    note(`To see one whole: sallyport holds show ${visibleText(items[0]?.id ?? '')}`);
  if (areOfOneCommand(items))
    note('To decide on all of one command at once: sallyport holds approve HOLD --together --reason "…"');
}

/** Its words, and enough of what tells it from others; all of it stands in the hold. */
const commandText = ({ command }: HoldSummary): string => (command ?? '').slice(0, maxCommandCharacters);
const maxCommandCharacters = 24;

const behind = ({ chain, requester }: HoldSummary) =>
  chain.filter(({ subject, issuer }) => subject !== requester.subject || issuer !== requester.issuer);

const effectsText = ({ effects, effectsLeftOut, alsoApproves }: HoldSummary): string =>
  [
    ...effects,
    ...(effectsLeftOut > 0 ? [`and ${effectsLeftOut} more`] : []),
    ...(alsoApproves > 0 ? [`and ${alsoApproves} other actions`] : []),
  ].join(', ');

/** Whether there are several to decide on that say that they are of one command. */
const areOfOneCommand = (holds: readonly HoldSummary[]): boolean => {
  const commands = holds.flatMap(({ command, mayVote }) => (command !== null && mayVote ? [command] : []));
  return new Set(commands).size < commands.length;
};
