import type { Command } from 'commander';
import { visibleText } from '../../../core/model/visible-text.ts';
import type { MaskSetStatus } from '../../../protocols/protocol.ts';
import { exitCodes } from '../exit-codes.ts';
import { type MaskingOptions, maskInstallerOf, unwantedNote } from '../masking-target.ts';
import { configOption, examples, jsonOption } from '../options.ts';
import { green, noteWarning, print, printJson, red, yellow } from '../screen.ts';

export function define(command: Command): void {
  command
    .description(
      'Tell of each set of masks whether the ring inside the database is there and as it should be.',
    )
    .argument('<target>', 'the target’s name')
    .addOption(configOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      examples(
        'sallyport masking status shop',
        'sallyport masking status shop --json | jq -r ".sets[].state"',
        '',
        'Exit codes: 0 all are installed; 1 one is missing or stale',
      ),
    )
    .action(run);
}

interface Options extends MaskingOptions {
  readonly json?: boolean;
}

const colours = { installed: green, missing: red, stale: yellow } as const;

async function run(target: string, options: Options): Promise<void> {
  const { status } = await maskInstallerOf(target, options);
  const { sets, unwanted, warnings } = status;
  const whole = sets.every(({ state }) => state === 'installed');
  process.exitCode = whole ? exitCodes.ok : exitCodes.no;
  if (options.json) return printJson(status);
  print(...sets.flatMap(linesOf));
  for (const name of unwanted) noteWarning(unwantedNote(target, name));
  if (sets.length === 0) print('No policy masks columns of this target.');
  for (const warning of warnings) noteWarning(visibleText(warning));
  const toDo = !whole || sets.some(({ notes }) => notes.length > 0);
  if (toDo) print(`sallyport masking install ${visibleText(target)} brings it in step.`);
}

const linesOf = ({ name, masks, state, notes }: MaskSetStatus): readonly string[] => [
  `${name}  ${colours[state](state)}`,
  ...masks.map((mask) => `  ${visibleText(mask)}`),
  ...notes.map((note) => `  ! ${visibleText(note)}`),
];
