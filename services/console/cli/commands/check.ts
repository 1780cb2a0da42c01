import { type Command, Option } from 'commander';
import type { Problem } from '../../../core/model/problem.ts';
import { visibleText } from '../../../core/model/visible-text.ts';
import { protocols } from '../../../protocols/index.ts';
import { readConfig } from '../config-files.ts';
import { checkEnvoy } from '../envoy-check.ts';
import { exitCodes } from '../exit-codes.ts';
import { checkOnline } from '../online-check.ts';
import { configOption, examples, jsonOption } from '../options.ts';
import { hasError, problemCount, problemLine } from '../problem-line.ts';
import { quietLog } from '../quiet-log.ts';
import { green, onOutput, print, printJson, waitingFor } from '../screen.ts';

export function define(command: Command): void {
  command
    .description(
      'Tell all that is wrong with a config and its policies, each with file, line and column. Nothing is started, and ' +
        'without --online nothing is connected to.',
    )
    .addOption(configOption())
    .addOption(
      new Option(
        '--online',
        'also reach every target, issuer and Redis, and tell which tables, columns and functions of policies are nowhere',
      ),
    )
    .addOption(jsonOption())
    .addHelpText(
      'after',
      examples(
        'sallyport check',
        'sallyport check -c /etc/sallyport.yaml --online',
        "sallyport check --json | jq -r '.problems[].message'",
        '',
        'Exit codes: 0 no error; 2 an error in the config or a policy; 1 an error that only --online could find',
      ),
    )
    .action(run);
}

interface Options {
  readonly config: string;
  readonly online?: boolean;
  readonly json?: boolean;
}

interface Found {
  readonly problems: readonly Problem[];
  /** Those of them that only --online finds. */
  readonly online: readonly Problem[];
  /** What was looked at, for the last line. */
  readonly looked: readonly string[];
  readonly policyVersion: string | null;
}

async function run(options: Options): Promise<void> {
  const { problems, online, looked, policyVersion } = await find(options);
  const broken = hasError(problems);
  const all = [...problems, ...online];
  process.exitCode = broken ? exitCodes.usage : hasError(online) ? exitCodes.no : exitCodes.ok;
  if (options.json) {
    return printJson({ ok: !hasError(all), config: options.config, policyVersion, looked, problems: all });
  }
  print(...all.map((problem) => problemLine(problem, onOutput)));
  const count = all.length === 0 ? green('no problems') : problemCount(all);
  print(
    `${visibleText(options.config)}: ${count}${looked.length > 0 ? ` (${looked.map(visibleText).join('; ')})` : ''}`,
  );
}

async function find({ config, online }: Options): Promise<Found> {
  const files = await readConfig(config, protocols);
  const { settings, document, policies, problems } = files;
  const policyVersion = policies.policies?.version ?? null;
  if (settings === null || document === null) return { problems, online: [], looked: [], policyVersion };
  const envoy = await waitingFor('Having Envoy check its config', checkEnvoy(settings, document));
  const offline = [...problems, ...envoy.problems];
  const looked = [
    counted(settings.gateway.listeners.length, 'listener'),
    counted(settings.targets.length, 'target'),
    ...(policies.policies === null ? [] : [policyCount(policies.policies.names.length)]),
    envoy.validatedBy === null
      ? 'Envoy is not here yet to look at its config'
      : `Envoy ${envoy.validatedBy.version} takes its config`,
  ];
  if (!online || policies.policies === null) return { problems: offline, online: [], looked, policyVersion };
  const found = await waitingFor(
    'Reaching targets, issuers and Redis',
    checkOnline({ ...files, settings, policySet: policies.policies }, protocols, quietLog),
  );
  const reached = found.reached.length === 0 ? 'nothing reached' : `reached ${found.reached.join(', ')}`;
  return { problems: offline, online: found.problems, looked: [...looked, reached], policyVersion };
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;
const policyCount = (count: number): string => `${count} ${count === 1 ? 'policy' : 'policies'}`;
