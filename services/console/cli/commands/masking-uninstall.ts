import { type Command, Option } from 'commander';
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
    .addOption(new Option('--unwanted', 'only those of masks that no policy has any more'))
    .addOption(printOption())
    .addOption(adminOption())
    .addOption(adminPasswordOption())
    .addHelpText(
      'after',
      examples(
        'sallyport masking uninstall shop --admin postgres --admin-password env:ADMIN_PASSWORD',
        'sallyport masking uninstall shop --unwanted --print | psql -v ON_ERROR_STOP=1 service=shop-admin',
      ),
    )
    .action(run);
}

interface Options extends ScriptOptions {
  readonly unwanted?: boolean;
}

async function run(target: string, options: Options): Promise<void> {
  const installer = await maskInstallerOf(target, options);
  const script = installer.uninstallScript(options.unwanted === true ? 'unwanted' : 'all');
  if (script === null) return note('There is nothing to take away.');
  if (await printOrRun(installer, script, options)) print('It is gone.');
}
