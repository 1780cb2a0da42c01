import type { Command } from 'commander';
import { visibleText } from '../../../core/model/visible-text.ts';
import {
  adminOption,
  adminPasswordOption,
  maskInstallerOf,
  printOption,
  printOrRun,
  type ScriptOptions,
  unwantedNote,
} from '../masking-target.ts';
import { configOption, examples } from '../options.ts';
import { noteWarning, print } from '../screen.ts';

export function define(command: Command): void {
  command
    .description(
      'Make the ring inside the database: for each set of masks a role and views that show masked columns masked. Run it again ' +
        'when masks or tables have changed. The target’s section has "ring: {password: env:NAME}".',
    )
    .argument('<target>', 'the target’s name')
    .addOption(configOption())
    .addOption(printOption())
    .addOption(adminOption())
    .addOption(adminPasswordOption())
    .addHelpText(
      'after',
      examples(
        'sallyport masking install shop --admin postgres --admin-password env:ADMIN_PASSWORD',
        'sallyport masking install shop --print | psql -v ON_ERROR_STOP=1 service=shop-admin',
      ),
    )
    .action(run);
}

async function run(target: string, options: ScriptOptions): Promise<void> {
  const installer = await maskInstallerOf(target, options);
  const { sets, unwanted, warnings } = installer.status;
  if (!(await printOrRun(installer, await installer.installScript(), options))) return;
  print(...sets.map(({ name, masks }) => visibleText(`${name}: ${masks.join(', ')}`)));
  for (const name of unwanted) noteWarning(unwantedNote(target, name));
  if (sets.length === 0) print('No policy masks columns of this target.');
  for (const warning of warnings) noteWarning(visibleText(warning));
}
