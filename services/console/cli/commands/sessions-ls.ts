import { type Command, Option } from 'commander';
import { visibleText } from '../../../core/model/visible-text.ts';
import { sessionPageSchema, transcriptPageSchema } from '../../api/schemas.ts';
import { columnList } from '../column-list.ts';
import { GatewayClient } from '../gateway-client.ts';
import { examples, jsonOption, limitOption, placeOption, sinceTime, socketOption } from '../options.ts';
import { firstItems } from '../pages.ts';
import { note, noteWarning, print, printJson } from '../screen.ts';
import type { PlaceOptions } from '../state-folder.ts';
import { fromNow, shortTime } from '../time-text.ts';
import { speakerText } from '../who-text.ts';

export function define(command: Command): void {
  command
    .description(
      'List the sessions that are open, or with --recorded the transcripts of all that there were.',
    )
    .addOption(new Option('--recorded', 'list transcripts, newest day first'))
    .addOption(
      new Option(
        '--since <time>',
        'with --recorded, only from this day on: 2026-07-15T00:00:00Z, or 7d',
      ).argParser(sinceTime),
    )
    .addOption(limitOption('sessions'))
    .addOption(placeOption())
    .addOption(socketOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      examples(
        'sallyport sessions ls',
        'sallyport sessions ls --recorded --since 7d',
        'sallyport sessions ls --json',
      ),
    )
    .action(run);
}

interface Options extends PlaceOptions {
  readonly recorded?: boolean;
  readonly since?: number;
  readonly limit: number;
  readonly json?: boolean;
}

async function run(options: Options): Promise<void> {
  const client = await GatewayClient.open(options);
  const more =
    options.recorded || options.since !== undefined
      ? await recorded(client, options)
      : await open(client, options);
  if (more) note(`There are more than ${options.limit}: --limit lists them.`);
}

async function open(client: GatewayClient, { limit, json }: Options): Promise<boolean> {
  const { items, more, lastPage } = await firstItems(client, '/v1/sessions', {}, sessionPageSchema, limit);
  if (lastPage.silent.length > 0) {
    noteWarning(
      `not every gateway process has answered; the sessions of these are missing: ${lastPage.silent.map(visibleText).join(', ')}`,
    );
  }
  if (json) {
    printJson(items);
    return false;
  }
  const nowMs = Date.now();
  if (items.length === 0) print('No open sessions.');
  else {
    const head = ['SESSION', 'WHO', 'TARGET', 'FROM', 'OPENED', 'ACTIVE', 'ACTIONS'];
    const severalProcesses = new Set(items.map((session) => session.process)).size > 1;
    print(
      ...columnList(
        severalProcesses ? [...head, 'PROCESS'] : head,
        items.map((session) => [
          session.id,
          speakerText(session.principal),
          session.target,
          session.source,
          fromNow(session.openedAt, nowMs),
          fromNow(session.lastActiveAt, nowMs),
          String(session.actions),
          ...(severalProcesses ? [session.process] : []),
        ]),
      ),
    );
  }
  return more;
}

const stateText = (live: boolean | null): string => (live === null ? '?' : live ? 'open' : 'ended');

async function recorded(client: GatewayClient, { since, limit, json }: Options): Promise<boolean> {
  const query = since === undefined ? {} : { since: new Date(since).toISOString() };
  const { items, more } = await firstItems(client, '/v1/transcripts', query, transcriptPageSchema, limit);
  if (json) {
    printJson(items);
    return false;
  }
  if (items.length === 0) print('No transcripts.');
  else
    print(
      ...columnList(
        ['SESSION', 'WHO', 'TARGET', 'STARTED (UTC)', 'BYTES', 'STATE'],
        items.map(({ session, header, bytes, live }) => [
          session,
          header === null ? '?' : speakerText(header.principal),
          header?.target ?? '?',
          header === null ? '?' : shortTime(header.started),
          String(bytes),
          header === null ? 'cannot be read' : stateText(live),
        ]),
      ),
    );
  return more;
}
