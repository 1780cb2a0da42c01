import { type Command, Option } from 'commander';
import type { Action, Intent } from '../../../core/model/action.ts';
import { messageOf } from '../../../core/model/errors.ts';
import { principalKinds } from '../../../core/model/principal.ts';
import type { Settings } from '../../../core/model/settings.ts';
import { visibleText } from '../../../core/model/visible-text.ts';
import type { Explanation } from '../../../core/policy/explain.ts';
import { keptMaskingKey } from '../../../masking-key.ts';
import { protocols } from '../../../protocols/index.ts';
import type { Analyst, Protocol, Understanding } from '../../../protocols/protocol.ts';
import { wholeConfig } from '../config-files.ts';
import { CliError } from '../errors.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { explanationText } from '../explanation-text.ts';
import { maxInputBytes } from '../limits.ts';
import { collected, configOption, examples, jsonOption, pointInTime } from '../options.ts';
import { quietLog } from '../quiet-log.ts';
import { readStandardInput } from '../read-file.ts';
import { print, printJson, waitingFor } from '../screen.ts';
import {
  circumstancesOf,
  claimOption,
  groupList,
  ipOption,
  parametersOf,
  supposedPrincipal,
  targetOf,
  type WhoOptions,
} from '../what-if.ts';

export function define(command: Command): void {
  command
    .description(
      'Tell how a command would be decided: by which rule, and why the others did not decide. It reads the target’s catalog, ' +
        'and runs nothing.',
    )
    .addOption(configOption())
    .addOption(new Option('--as <subject>', 'who asks').makeOptionMandatory())
    .addOption(
      new Option('--groups <list>', 'their groups: dba,oncall').argParser(groupList).default([], 'none'),
    )
    .addOption(
      new Option('--kind <kind>', 'what they are (default: as their issuer says)').choices(principalKinds),
    )
    .addOption(new Option('--issuer <issuer>', 'name or URL of their issuer (default: the config’s first)'))
    .addOption(
      new Option('--claim <name=value>', 'a claim of their token; may be given several times')
        .argParser(claimOption)
        .default({}, 'none'),
    )
    .addOption(
      new Option('--acting-for <subject>', 'for whom they act, nearest first; may be given several times')
        .argParser(collected)
        .default([], 'nobody'),
    )
    .addOption(new Option('--target <name>', 'where').makeOptionMandatory())
    .addOption(
      new Option('--text, --sql <text>', 'what they send; - reads standard input').makeOptionMandatory(),
    )
    .addOption(
      new Option('--param <text>', 'a parameter beside it, in their order; \\N is NULL')
        .argParser(collected)
        .default([], 'none'),
    )
    .addOption(
      new Option('--setup <text>', 'what was sent before in the same session; may be given several times')
        .argParser(collected)
        .default([], 'nothing'),
    )
    .addOption(new Option('--source <ip>', 'from where').argParser(ipOption).default('127.0.0.1'))
    .addOption(
      new Option('--listener <name>', 'by which listener (default: the first of the target’s protocol)'),
    )
    .addOption(new Option('--at <time>', 'when (default: now)').argParser(pointInTime))
    .addOption(jsonOption())
    .addHelpText(
      'after',
      examples(
        'sallyport policy explain --as agent-7 --groups agents --target shop --sql "DELETE FROM app.orders"',
        'sallyport policy explain --as agent-7 --acting-for ada --target shop --sql - --at 2026-07-18T03:00:00Z < job.sql',
        'sallyport policy explain --as ci --kind workload --claim ref=main --target shop --sql "SELECT $1" --param 7 --json',
        '',
        'Exit codes: 0 allow; 1 deny; 3 hold',
      ),
    )
    .action(run);
}

interface Options extends WhoOptions {
  readonly config: string;
  readonly target: string;
  readonly sql: string;
  readonly param: readonly string[];
  readonly setup: readonly string[];
  readonly source: string;
  readonly listener?: string;
  readonly at?: number;
  readonly json?: boolean;
}

const exits: Readonly<Record<Explanation['decision'], ExitCode>> = {
  allow: exitCodes.ok,
  deny: exitCodes.no,
  hold: exitCodes.undecided,
};

async function run(options: Options): Promise<void> {
  const text = options.sql === '-' ? await readStandardInput(maxInputBytes) : options.sql;
  const { settings, policySet } = await wholeConfig(options.config, protocols);
  const target = targetOf(settings, options.target);
  const principal = supposedPrincipal(options, settings);
  const circumstances = circumstancesOf(settings, target, options);
  const analyst = await waitingFor(
    `Reading the catalog of ${visibleText(target.name)}`,
    analystOf(target, settings),
  );
  try {
    const intent = await analyst.analyse(text, options.setup);
    const action: Action = { intent, parameters: parametersOf(options.param), sessionState: '' };
    const { obligations } = policySet.view(principal, target.name);
    const inRing = analyst.masksInTarget?.(obligations) ?? false;
    const explanation = policySet.explain(principal, target.name, action, circumstances, inRing);
    const masks = analyst.masks(intent, obligations);
    process.exitCode = exits[explanation.decision];
    const understood = analyst.understanding?.(intent, obligations) ?? null;
    if (options.json) printJson(explanationJson(explanation, intent, masks, understood));
    else print(...explanationText(explanation, masks, understood?.sections ?? []));
  } finally {
    await analyst.close();
  }
}

/** @throws CliError `unreachable` */
async function analystOf(
  { name, protocol: spoken, settings }: ReturnType<typeof targetOf>,
  { gateway }: Settings,
): Promise<Analyst> {
  const protocol: Protocol | undefined = protocols.find((each) => each.name === spoken);
  if (protocol === undefined) throw new CliError('config', `Nobody speaks "${spoken}" here.`);
  try {
    return await protocol.createAnalyst(name, settings, quietLog, await keptMaskingKey(gateway.stateDir));
  } catch (cause) {
    throw new CliError(
      'unreachable',
      `Target ${name} cannot be reached: ${messageOf(cause)}`,
      'A decision depends on what is in the target, so its catalog is read.',
      { cause },
    );
  }
}

/** The first eight keys are what programs rely on; the others say why. */
const explanationJson = (
  explanation: Explanation,
  intent: Intent,
  masks: readonly string[],
  understood: Understanding | null,
) => ({
  decision: explanation.decision,
  rule: explanation.rule,
  reason: explanation.reason,
  effects: distinct(intent.effects.map(({ verb }) => verb)),
  relations: namesIn(intent, 'relation'),
  functions: namesIn(intent, 'function'),
  opaque: intent.opaque,
  masks,
  message: explanation.message,
  hint: explanation.hint,
  approval: explanation.approval,
  analysis: understood?.json ?? null,
  explanation: { effects: explanation.effects, opaque: explanation.opaque },
  policies: explanation.policies,
  limits: explanation.limits,
  connection: explanation.connection,
  policyVersion: explanation.policyVersion,
});

/** What a protocol's effects say under this name, where they have it. */
const namesIn = ({ effects }: Intent, name: 'relation' | 'function'): readonly string[] =>
  distinct(
    effects.flatMap((effect) => {
      const value: unknown = Reflect.get(effect, name);
      return typeof value === 'string' ? [value] : [];
    }),
  );

const distinct = (items: readonly string[]): readonly string[] => [...new Set(items)].toSorted();
