import { createInterface } from 'node:readline/promises';
import { type Command, Option } from 'commander';
import { visibleText } from '../../core/model/visible-text.ts';
import { type HoldDetail, holdSchema, type VoteBody, voteAnswerSchema } from '../api/schemas.ts';
import { CliError } from './errors.ts';
import { GatewayClient } from './gateway-client.ts';
import { holdText, sizeText } from './hold-text.ts';
import { examples, jsonOption, placeOption, reasonOption, socketOption } from './options.ts';
import { note, noteWarning, print, printJson, terminalColumns, terminalRows } from './screen.ts';
import type { PlaceOptions } from './state-folder.ts';

interface Options extends PlaceOptions {
  readonly reason: string;
  readonly yes?: boolean;
  readonly digest?: string;
  readonly json?: boolean;
}

/** What `holds approve` and `holds reject` have in common: look, confirm, and vote on exactly what was looked at. */
export function defineVote(command: Command, verdict: VoteBody['verdict'], description: string): void {
  command
    .description(description)
    .argument('<id>', 'the hold’s id')
    .addOption(reasonOption())
    .addOption(new Option('-y, --yes', 'do not ask for confirmation'))
    .addOption(new Option('--digest <hex>', 'only if it still is what "holds show" showed with this digest'))
    .addOption(placeOption())
    .addOption(socketOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      examples(
        `sallyport holds ${verdict} h_3q2-7w… --reason "ticket 42"`,
        `sallyport holds ${verdict} h_3q2-7w… --reason "ticket 42" --yes --digest 9f86d0…`,
      ),
    )
    .action((id: string, options: Options) => vote(verdict, id, options));
}

async function vote(verdict: VoteBody['verdict'], id: string, options: Options): Promise<void> {
  const client = await GatewayClient.open(options);
  const path = `/v1/holds/${encodeURIComponent(id)}`;
  const hold = await client.get(path, holdSchema);
  if (options.digest !== undefined && options.digest !== hold.digest) {
    throw new CliError(
      'failed',
      `Hold ${hold.id} is not what --digest names: its digest is ${hold.digest}.`,
      'Look at it again, and decide then.',
    );
  }
  if (!options.json) print(...holdText(hold, terminalColumns(), Date.now()), '');
  if (!options.yes) await confirm(verdict, hold);
  const body: VoteBody = { verdict, reason: options.reason, digest: hold.digest };
  const { hold: after, approvalsLeft } = await client.post(`${path}/votes`, body, voteAnswerSchema);
  if (options.json) printJson({ hold: after, approvalsLeft });
  else print(resultText(after, approvalsLeft));
}

/** @throws CliError unless a person says yes */
async function confirm(verdict: VoteBody['verdict'], hold: HoldDetail): Promise<void> {
  if (!process.stdin.isTTY || !process.stdout.isTTY) {
    throw new CliError(
      'usage',
      `Nothing was decided: there is no terminal to ask on whether to ${verdict} this.`,
      'Give --yes, once a person has seen the hold.',
    );
  }
  const rows = terminalRows() ?? 0;
  if (hold.text.split('\n').length > rows - 10) {
    noteWarning('it is longer than the screen: scroll up and read it from the beginning');
  }
  const asked = createInterface({ input: process.stdin, output: process.stdout });
  const interrupted = new AbortController();
  // Without a listener readline would only pause at Ctrl-C, and Ctrl-D would leave the question open for ever.
  asked.once('SIGINT', () => interrupted.abort());
  asked.once('close', () => interrupted.abort());
  try {
    const question = `${sizeText(hold.text)}, as shown above. ${verdict === 'approve' ? 'Approve' : 'Reject'} it? [y/N] `;
    const answer = await asked.question(question, { signal: interrupted.signal });
    if (/^(y|yes)$/i.test(answer.trim())) return;
  } catch (error) {
    if (!interrupted.signal.aborted) throw error;
    note('');
    throw new CliError('interrupted', 'Nothing was decided.');
  } finally {
    asked.close();
  }
  throw new CliError('failed', 'Nothing was decided.');
}

function resultText(hold: HoldDetail, approvalsLeft: number): string {
  if (hold.state === 'rejected') return 'Rejected. The client is told, with your reason.';
  if (approvalsLeft > 0) {
    const others = approvalsLeft === 1 ? '1 more person' : `${approvalsLeft} more people`;
    return `Approved by you; ${others} must approve before it runs.`;
  }
  return hold.clientWaits
    ? 'Approved. The client has waited for it, and it runs now.'
    : `Approved. ${visibleText(hold.requester.subject)} must send exactly the same again, and it runs.`;
}
