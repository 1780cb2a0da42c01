import type { Command } from 'commander';
import {
  adminOption,
  adminPasswordOption,
  maskInstallerOf,
  printOption,
  printOrRun,
  type ScriptOptions,
} from '../masking-target.ts';
import { configOption, examples } from '../options.ts';
import { note, print } from '../screen.ts';

export function define(command: Command): void {
  command
    .description(
      'Take the ring inside the database away. While the target’s section has "ring", nobody who is under masks is let in without it.',
    )
    .argument('<target>', 'the target’s name')
    .addOption(configOption())
    .addOption(printOption())
    .addOption(adminOption())
    .addOption(adminPasswordOption())
    .addHelpText(
      'after',
      examples(
        'sallyport masking uninstall shop --admin postgres --admin-password env:ADMIN_PASSWORD',
        'sallyport masking uninstall shop --print',
      ),
    )
    .action(run);
}

async function run(target: string, options: ScriptOptions): Promise<void> {
  const installer = await maskInstallerOf(target, options);
  const script = installer.uninstallScript();
  if (script === null) return note('There is nothing to take away.');
  if (await printOrRun(installer, script, options)) print('The ring is gone.');
}
