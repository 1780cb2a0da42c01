import { type Command, Option } from 'commander';
import { appendAnchors } from '../../../core/audit/anchor.ts';
import { verifyTrail } from '../../../core/audit/verify.ts';
import { visibleText } from '../../../core/model/visible-text.ts';
import { CliError } from '../errors.ts';
import { examples, jsonOption, placeOption } from '../options.ts';
import { note, print, printJson, waitingFor } from '../screen.ts';
import { dirOption, inWordsOfThePerson, type TrailOptions, trailDir } from '../trail-place.ts';
import { reportText } from './trail-verify.ts';

export function define(command: Command): void {
  command
    .description(
      'Verify the trail, and add its newest signed checkpoint to a file. Keep that file where the gateway’s operators ' +
        'cannot change it (another account, a ticket, paper): with it "trail verify" finds a trail that was cut off or ' +
        'written anew, even by somebody who had the signing key.',
    )
    .addOption(
      new Option('--to <file>', 'the anchor file; it is made when it is not there').makeOptionMandatory(),
    )
    .addOption(dirOption())
    .addOption(placeOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      examples(
        'sallyport trail anchor --to /mnt/elsewhere/anchors.jsonl',
        '@hourly sallyport trail anchor -c /etc/sallyport.yaml --to /mnt/elsewhere/anchors.jsonl   (a line for cron)',
      ),
    )
    .action(run);
}

interface Options extends TrailOptions {
  readonly to: string;
  readonly json?: boolean;
}

async function run(options: Options): Promise<void> {
  const dir = trailDir(options);
  const report = await waitingFor(
    `Reading the trail in ${visibleText(dir)}`,
    inWordsOfThePerson(() => verifyTrail(dir), dir),
  );
  if (report.verdict === 'tampered') {
    for (const line of reportText(report, dir)) note(line);
    throw new CliError(
      'failed',
      'Nothing was kept: an anchor would vouch for a trail that was tampered with.',
    );
  }
  const anchors = report.chains.map((chain) => chain.verifiedThrough).filter((anchor) => anchor !== null);
  if (anchors.length === 0) {
    throw new CliError(
      'failed',
      `There is no signed checkpoint in ${visibleText(dir)} yet.`,
      'The gateway signs one within audit.checkpointEvery, and when it stops.',
    );
  }
  await inWordsOfThePerson(() => appendAnchors(options.to, anchors), options.to);
  if (options.json) return printJson(anchors);
  for (const { chain, seq, hash } of anchors) {
    print(`${visibleText(chain)}: everything up to record ${seq}, ${hash}`);
  }
  print(`Kept in ${visibleText(options.to)}.`);
}
