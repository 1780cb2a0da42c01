import { type Command, Option } from 'commander';
import type { ChainReport, Finding, TrailReport, Verdict } from '../../../core/audit/trail-report.ts';
import { verifyTrail } from '../../../core/audit/verify.ts';
import { visibleText } from '../../../core/model/visible-text.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { maxProofFileBytes } from '../limits.ts';
import { collected, examples, jsonOption, placeOption } from '../options.ts';
import { readWholeFile } from '../read-file.ts';
import { bold, green, note, print, printJson, red, waitingFor, yellow } from '../screen.ts';
import { shortTime } from '../time-text.ts';
import { anchorsIn, dirOption, inWordsOfThePerson, type TrailOptions, trailDir } from '../trail-place.ts';

export function define(command: Command): void {
  command
    .description(
      'Read the trail from end to end and tell whether a record was changed, dropped, put in or reordered, and where. ' +
        'By itself it shows that the trail is whole; with anchors or keys that were kept elsewhere, that it is the one ' +
        'that was written. The gateway may run meanwhile.',
    )
    .addOption(dirOption())
    .addOption(
      new Option(
        '--anchor <file>',
        'anchors that "trail anchor" has kept elsewhere; may be given several times',
      )
        .argParser(collected)
        .default([], 'none'),
    )
    .addOption(
      new Option('--public-key <file>', 'PEM of a key that signs the trail; may be given several times')
        .argParser(collected)
        .default([], 'the trail’s own word'),
    )
    .addOption(placeOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      examples(
        'sallyport trail verify -c sallyport.yaml',
        'sallyport trail verify --dir /backup/trail --anchor /mnt/elsewhere/anchors.jsonl',
        '',
        'Exit codes: 0 intact; 1 tampered; 3 torn by a crash, or signed by a key that nobody vouches for',
      ),
    )
    .action(run);
}

interface Options extends TrailOptions {
  readonly anchor: readonly string[];
  readonly publicKey: readonly string[];
  readonly json?: boolean;
}

const exits: Readonly<Record<Verdict, ExitCode>> = {
  intact: exitCodes.ok,
  torn: exitCodes.undecided,
  unproven: exitCodes.undecided,
  tampered: exitCodes.no,
};

async function run(options: Options): Promise<void> {
  const dir = trailDir(options);
  const anchors = await anchorsIn(options.anchor);
  const publicKeys = await Promise.all(
    options.publicKey.map((file) => readWholeFile(file, maxProofFileBytes)),
  );
  const report = await waitingFor(
    `Reading the trail in ${visibleText(dir)}`,
    inWordsOfThePerson(
      () => verifyTrail(dir, { anchors, ...(publicKeys.length > 0 && { publicKeys }) }),
      options.publicKey.join(', '),
    ),
  );
  process.exitCode = exits[report.verdict];
  if (options.json) return printJson(report);
  print(...reportText(report, dir));
  if (report.verdict === 'intact' && anchors.length === 0 && publicKeys.length === 0) {
    note(
      'Nothing that was kept elsewhere was given: whoever has the signing key could have written all of it anew, or cut ' +
        'off its end. "sallyport trail anchor --help" says what helps against that.',
    );
  }
}

const words: Readonly<Record<Verdict, string>> = {
  intact: 'intact',
  torn: 'torn: a crash or a full disk left part of a record, and nothing else is wrong',
  unproven: 'unproven: nothing is wrong, but nobody vouches for a key of it',
  tampered: 'TAMPERED WITH',
};

const colour = (verdict: Verdict): ((text: string) => string) =>
  verdict === 'intact' ? green : verdict === 'tampered' ? red : yellow;

export function reportText({ verdict, chains, otherFiles }: TrailReport, dir: string): readonly string[] {
  return [
    ...chains.flatMap(chainText),
    ...otherFiles.map((file) => yellow(`${visibleText(file)} belongs to no chain, and was not read`)),
    chains.length === 0
      ? yellow(`There is no trail in ${visibleText(dir)}.`)
      : colour(verdict)(`The trail is ${words[verdict]}.`),
  ];
}

const number = (count: number): string => count.toLocaleString('en');

const counted = (count: number, what: string): string => `${number(count)} ${what}${count === 1 ? '' : 's'}`;

function chainText(chain: ChainReport): readonly string[] {
  const { verifiedThrough, unsigned, keys, findings, moreFindings, dropped, anchorsMet, seenBy, lastAt } =
    chain;
  const until = lastAt === null ? '' : ` up to ${shortTime(lastAt)} UTC`;
  return [
    `${bold(visibleText(chain.chain))}  ${colour(chain.verdict)(chain.verdict)}`,
    `  records   ${number(chain.records)} in ${counted(chain.segments, 'file')}${until}`,
    verifiedThrough === null
      ? '  signed    nothing yet'
      : `  signed    up to record ${number(verifiedThrough.seq)}, by ${counted(chain.checkpoints, 'checkpoint')}`,
    ...(unsigned === null || unsigned.records === 0
      ? []
      : [
          `  unsigned  ${counted(unsigned.records, 'record')} since then, from ${number(unsigned.firstSeq)} on`,
        ]),
    ...keys.map(({ keyId, trust, firstSeq }) => {
      const since = keys.length > 1 ? `, from record ${number(firstSeq)} on` : '';
      return `  key       ${visibleText(keyId)} (${trustWords[trust]})${since}`;
    }),
    ...seenBy.map(
      ({ chain: by, seq }) => `  seen      up to record ${number(seq)} by chain ${visibleText(by)}`,
    ),
    ...(anchorsMet > 0 ? [`  anchors   ${number(anchorsMet)} met`] : []),
    ...(dropped > 0 ? [yellow(`  dropped   ${number(dropped)} records that a full disk kept out`)] : []),
    ...findings.map(findingText),
    ...(moreFindings > 0 ? [`  and ${number(moreFindings)} more findings`] : []),
  ];
}

const trustWords = {
  given: 'given',
  endorsed: 'vouched for by the key before it',
  'own-word': 'by the trail’s own word',
} as const;

/** `file:line`, so that editors and terminals make a link of it. */
function findingText({ file, line, seq, kind, message }: Finding): string {
  const harmless = kind === 'torn-record' || kind === 'unendorsed-key';
  const place = line === 0 ? file : `${file}:${line}`;
  const text = `  ${visibleText(place)}: record ${seq}: ${kind}: ${visibleText(message)}`;
  return harmless ? yellow(text) : red(text);
}
