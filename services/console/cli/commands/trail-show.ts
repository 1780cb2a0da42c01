import { type Command, Option } from 'commander';
import { readTrail } from '../../../core/audit/read.ts';
import { type SessionId, sessionId } from '../../../core/model/ids.ts';
import { visibleText } from '../../../core/model/visible-text.ts';
import { printableJson } from '../../printable-json.ts';
import { maxFieldCharacters } from '../limits.ts';
import { collected, examples, jsonOption, placeOption, sinceTime, wholeNumber } from '../options.ts';
import { bold, dim, note, print, printJsonLine } from '../screen.ts';
import { dirOption, inWordsOfThePerson, type TrailOptions, trailDir } from '../trail-place.ts';

export function define(command: Command): void {
  command
    .description(
      'Show records of the trail, oldest first, one a line. It reads the files as they are: "trail verify" tells whether ' +
        'they are to be believed.',
    )
    .addOption(new Option('--session <id>', 'only of this session').argParser(sessionId))
    .addOption(
      new Option(
        '--kind <kind>',
        'only of this kind (action, hold-vote, session-killed, …); may be given several times',
      )
        .argParser(collected)
        .default([], 'all'),
    )
    .addOption(new Option('--since <time>', '2026-07-15T10:00:00Z, or how long ago: 2h').argParser(sinceTime))
    .addOption(new Option('--last <number>', 'only the last so many').argParser(wholeNumber))
    .addOption(dirOption())
    .addOption(placeOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      examples(
        'sallyport trail show --last 20',
        'sallyport trail show --session s_9Zk…',
        'sallyport trail show --kind hold-vote --since 7d --json | jq .approver.subject',
      ),
    )
    .action(run);
}

interface Options extends TrailOptions {
  readonly session?: SessionId;
  readonly kind: readonly string[];
  readonly since?: number;
  readonly last?: number;
  readonly json?: boolean;
}

type TrailLine = Readonly<Record<string, unknown>> & { readonly kind: string; readonly at: string };

async function run(options: Options): Promise<void> {
  const dir = trailDir(options);
  const show = (record: TrailLine): void =>
    options.json ? printJsonLine(record) : print(recordText(record));
  const last: TrailLine[] = [];
  let shown = 0;
  await inWordsOfThePerson(async () => {
    const filter = {
      ...(options.session !== undefined && { session: options.session }),
      ...(options.since !== undefined && { sinceMs: options.since }),
    };
    for await (const record of readTrail(dir, filter)) {
      if (options.kind.length > 0 && !options.kind.includes(record.kind)) continue;
      shown += 1;
      if (options.last === undefined) show({ ...record });
      else if (last.push({ ...record }) > options.last) last.shift();
    }
  }, dir);
  for (const record of last) show(record);
  if (shown === 0) note('There are no such records.');
}

/** What only proves that the record is in its place. */
const frame: ReadonlySet<string> = new Set(['kind', 'at', 'prev', 'hash', 'seq']);

function recordText(record: TrailLine): string {
  const fields = Object.entries(record)
    .filter(([name, value]) => !frame.has(name) && value !== null)
    .map(([name, value]) => `${dim(`${visibleText(name)}=`)}${fieldText(value)}`);
  return [dim(visibleText(record.at)), bold(visibleText(record.kind)), ...fields].join('  ');
}

const bare = /^[\w.:/@+-]+$/;

function fieldText(value: unknown): string {
  if (typeof value === 'string' && bare.test(value)) return value;
  // Look-alikes are marked as well: JSON alone would let them pass.
  const text = visibleText(printableJson(value));
  return text.length <= maxFieldCharacters ? text : `${text.slice(0, maxFieldCharacters)}…`;
}
