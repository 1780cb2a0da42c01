import type { Command } from 'commander';
import type { StoredEntry } from '../../../core/audit/transcript-format.ts';
import type { StoredTranscript } from '../../../core/audit/transcript-reader.ts';
import { visibleText } from '../../../core/model/visible-text.ts';
import { columnList } from '../column-list.ts';
import { GatewayClient } from '../gateway-client.ts';
import { examples, jsonOption, placeOption, socketOption } from '../options.ts';
import { bold, note, print, printJson, printJsonLine } from '../screen.ts';
import type { PlaceOptions } from '../state-folder.ts';
import { storedSession } from '../stored-session.ts';
import { shortTime } from '../time-text.ts';
import { speakerText } from '../who-text.ts';

export function define(command: Command): void {
  command
    .description(
      'Show what was done in one session: every action with its decision, without the results. Needs the role of auditor.',
    )
    .argument('<id>', 'the session’s id')
    .addOption(placeOption())
    .addOption(socketOption())
    .addOption(jsonOption())
    .option('--entries', 'print the whole transcript as JSON lines')
    .addHelpText(
      'after',
      examples('sallyport sessions show s_9Zk…', 'sallyport sessions show s_9Zk… --entries > session.jsonl'),
    )
    .action(run);
}

interface Options extends PlaceOptions {
  readonly json?: boolean;
  readonly entries?: boolean;
}

interface ShownAction {
  readonly number: string;
  readonly ms: number;
  readonly text: string;
  readonly parameters: readonly (string | null)[];
  decision: string;
  rule: string | null;
  message: string | null;
}

async function run(id: string, options: Options): Promise<void> {
  const client = await GatewayClient.open(options);
  const transcript = await storedSession(client, id);
  if (options.entries) {
    printJsonLine(transcript.header);
    for await (const entry of transcript.entries()) printJsonLine(entry);
    return;
  }
  const { actions, ended } = await actionsOf(transcript);
  const { header } = transcript;
  if (options.json) return printJson({ ...header, ended, actions });
  print(
    bold(`Session ${visibleText(header.session)}`),
    `  who      ${visibleText(speakerText(header.principal))}`,
    `  issuer   ${visibleText(header.principal.issuer)}`,
    `  target   ${visibleText(`${header.target} (${header.protocol})`)}`,
    `  started  ${shortTime(header.started)} UTC, ${ended ? 'ended' : 'without an end: it goes on, or its gateway was killed'}`,
    '',
  );
  if (actions.length === 0) return print('Nothing was done in it.');
  print(
    ...columnList(
      ['#', 'AFTER', 'DECISION', 'RULE', 'TEXT'],
      actions.map(({ number, ms, decision, rule, text }) => [
        number,
        `${(ms / 1000).toFixed(1)} s`,
        decision,
        rule ?? '',
        // One line a command: line breaks and indentation are of no interest in a list.
        text.replaceAll(/\s+/g, ' '),
      ]),
    ),
  );
  note(`With results and time: sallyport sessions replay ${visibleText(header.session)}`);
}

async function actionsOf(
  transcript: StoredTranscript,
): Promise<{ readonly actions: readonly ShownAction[]; readonly ended: boolean }> {
  const actions = new Map<string, ShownAction>();
  let ended = false;
  for await (const entry of transcript.entries()) {
    if (entry.kind === 'action') actions.set(entry.action, shownAction(entry));
    ended = entry.kind === 'end';
  }
  return { actions: [...actions.values()], ended };
}

const shownAction = ({
  action,
  ms,
  text,
  parameters,
  decision,
  rule,
  message,
}: Extract<StoredEntry, { kind: 'action' }>): ShownAction => ({
  number: action.slice(action.lastIndexOf('.') + 1),
  ms,
  text,
  parameters,
  decision,
  rule,
  message,
});
