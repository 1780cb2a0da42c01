import type { Command } from 'commander';
import { EnvoyError } from '../../../../envoy/errors.ts';
import { keyInFile, renderStandalone } from '../../../../envoy/render.ts';
import { loadSettings } from '../../../core/config/load.ts';
import { systemClock } from '../../../core/model/clock.ts';
import { protocols } from '../../../protocols/index.ts';
import { runFolder } from '../../run-folder.ts';
import { CliError } from '../errors.ts';
import { configOption, examples } from '../options.ts';
import { problemLine } from '../problem-line.ts';
import { onError, print } from '../screen.ts';

export function define(command: Command): void {
  command
    .description(
      'Print the config that Envoy is given, as one file that stands alone, for people who run their own Envoy. Its unix ' +
        'sockets are in the state folder, where the gateway’s processes serve. Private keys are not printed: it names the files ' +
        'in which this Envoy looks for them.',
    )
    .addOption(configOption())
    .addHelpText(
      'after',
      examples(
        'sallyport envoy render -c sallyport.yaml > envoy.json',
        'envoy --mode validate -c envoy.json',
      ),
    )
    .action(run);
}

function run({ config }: { readonly config: string }): void {
  const { settings, problems } = loadSettings(config, { protocols, env: process.env, clock: systemClock });
  if (settings === null) {
    throw new CliError('config', `${config} cannot be used.`, null, {
      details: problems.map((problem) => problemLine(problem, onError)),
    });
  }
  try {
    const runDir = runFolder(settings.gateway.stateDir);
    print(renderStandalone(settings, runDir, keyInFile(runDir)).trimEnd());
  } catch (cause) {
    if (!(cause instanceof EnvoyError)) throw cause;
    throw new CliError('config', cause.message, null, { cause });
  }
}
