import { createInterface } from 'node:readline/promises';
import { type Command, Option } from 'commander';
import { maxOpenHolds } from '../../core/approvals/limits.ts';
import { visibleText } from '../../core/model/visible-text.ts';
import {
  type HoldDetail,
  type HoldSummary,
  holdPageSchema,
  holdSchema,
  type VoteAnswer,
  type VoteBody,
  voteAnswerSchema,
} from '../api/schemas.ts';
import { CliError } from './errors.ts';
import { GatewayClient } from './gateway-client.ts';
import { holdText, sizeText } from './hold-text.ts';
import { examples, jsonOption, placeOption, reasonOption, socketOption } from './options.ts';
import { firstItems } from './pages.ts';
import { note, noteWarning, print, printJson, terminalColumns, terminalRows } from './screen.ts';
import type { PlaceOptions } from './state-folder.ts';

interface Options extends PlaceOptions {
  readonly reason: string;
  readonly yes?: boolean;
  readonly digest?: string;
  readonly together?: boolean;
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
    .addOption(
      new Option(
        '--together',
        'decide also on the other open holds that say that they are of the same command, of the same requester',
      ).conflicts('digest'),
    )
    .addOption(placeOption())
    .addOption(socketOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      examples(
        `sallyport holds ${verdict} h_3q2-7w… --reason "ticket 42"`,
        `sallyport holds ${verdict} h_3q2-7w… --reason "ticket 42" --yes --digest 9f86d0…`,
        `sallyport holds ${verdict} h_3q2-7w… --reason "ticket 42" --together`,
      ),
    )
    .action((id: string, options: Options) => vote(verdict, id, options));
}

async function vote(verdict: VoteBody['verdict'], id: string, options: Options): Promise<void> {
  const client = await GatewayClient.open(options);
  const hold = await client.get(pathOf(id), holdSchema);
  if (options.digest !== undefined && options.digest !== hold.digest) {
    throw new CliError(
      'failed',
      `Hold ${hold.id} is not what --digest names: its digest is ${hold.digest}.`,
      'Look at it again, and decide then.',
    );
  }
  const holds = [hold, ...(options.together ? await othersOfCommand(client, hold) : [])];
  if (!options.json) for (const shown of holds) print(...holdText(shown, terminalColumns(), Date.now()), '');
  if (!options.yes) await confirm(verdict, holds);
  const { voted, failed } = await castAll(client, holds, { verdict, reason: options.reason });
  const [first] = failed;
  if (first !== undefined && holds.length === 1) throw first;
  if (options.json) printJson(options.together ? voted : voted[0]);
  else
    for (const { hold: after, approvalsLeft } of voted)
      print(resultText(after, approvalsLeft, holds.length > 1));
  if (first !== undefined) {
    const count = `${failed.length} of ${holds.length} holds`;
    throw new CliError('failed', `${count} were not decided. The first: ${first.message}`);
  }
}

const pathOf = (id: string): string => `/v1/holds/${encodeURIComponent(id)}`;

/** Each with the digest of what was shown of it. One that is gone meanwhile must not keep the others waiting. */
async function castAll(
  client: GatewayClient,
  holds: readonly HoldDetail[],
  given: Pick<VoteBody, 'verdict' | 'reason'>,
): Promise<{ readonly voted: readonly VoteAnswer[]; readonly failed: readonly CliError[] }> {
  const voted: VoteAnswer[] = [];
  const failed: CliError[] = [];
  for (const { id, digest } of holds) {
    try {
      voted.push(await client.post(`${pathOf(id)}/votes`, { ...given, digest }, voteAnswerSchema));
    } catch (error) {
      if (!(error instanceof CliError)) throw error;
      failed.push(error);
    }
  }
  return { voted, failed };
}

/**
 * What a client says of its commands anybody may say: so only what the very same requester asks, for the same people, of the same target.
 * @throws CliError
 */
async function othersOfCommand(client: GatewayClient, hold: HoldDetail): Promise<readonly HoldDetail[]> {
  if (hold.command === null) {
    throw new CliError(
      'failed',
      `Hold ${hold.id} says of no command that it is a part of it.`,
      'Leave out --together.',
    );
  }
  const open = await firstItems(client, '/v1/holds', { state: 'open' }, holdPageSchema, maxOpenHolds);
  const alike = ({ command, requester, chain, target }: HoldSummary | HoldDetail): string =>
    JSON.stringify([command, requester, chain, target]);
  const others = open.items.filter(
    (other) => other.id !== hold.id && other.mayVote && alike(other) === alike(hold),
  );
  // As they were asked.
  return Promise.all(others.toReversed().map(({ id }) => client.get(pathOf(id), holdSchema)));
}

/** @throws CliError unless a person says yes */
async function confirm(verdict: VoteBody['verdict'], holds: readonly HoldDetail[]): Promise<void> {
  if (!process.stdin.isTTY || !process.stdout.isTTY) {
    throw new CliError(
      'usage',
      `Nothing was decided: there is no terminal to ask on whether to ${verdict} this.`,
      'Give --yes, once a person has seen the hold.',
    );
  }
  const rows = terminalRows() ?? 0;
  const lines = holds.flatMap((hold) => holdText(hold, terminalColumns(), Date.now())).length;
  if (lines > rows) noteWarning('it is longer than the screen: scroll up and read it from the beginning');
  const asked = createInterface({ input: process.stdin, output: process.stdout });
  const interrupted = new AbortController();
  // Without a listener readline would only pause at Ctrl-C, and Ctrl-D would leave the question open for ever.
  asked.once('SIGINT', () => interrupted.abort());
  asked.once('close', () => interrupted.abort());
  try {
    const [hold] = holds;
    const what = holds.length === 1 && hold !== undefined ? sizeText(hold.text) : `${holds.length} holds`;
    const verb = verdict === 'approve' ? 'Approve' : 'Reject';
    const question = `${what}, as shown above. ${verb} ${holds.length === 1 ? 'it' : 'them all'}? [y/N] `;
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

function resultText(hold: HoldDetail, approvalsLeft: number, isOneOfSeveral: boolean): string {
  const result = plainResultText(hold, approvalsLeft);
  return isOneOfSeveral ? `${visibleText(hold.id)}: ${result}` : result;
}

function plainResultText(hold: HoldDetail, approvalsLeft: number): string {
  if (hold.state === 'rejected') return 'Rejected. The client is told, with your reason.';
  if (approvalsLeft > 0) {
    const others = approvalsLeft === 1 ? '1 more person' : `${approvalsLeft} more people`;
    return `Approved by you; ${others} must approve before it runs.`;
  }
  return hold.clientWaits
    ? 'Approved. The client has waited for it, and it runs now.'
    : `Approved. ${visibleText(hold.requester.subject)} must send exactly the same again, and it runs.`;
}
