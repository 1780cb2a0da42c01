import { type Command, Option } from 'commander';
import { visibleText } from '../../../core/model/visible-text.ts';
import { type Status, statusSchema } from '../../api/schemas.ts';
import { exitCodes } from '../exit-codes.ts';
import { GatewayClient, gatewayIsHealthy } from '../gateway-client.ts';
import { examples, jsonOption, placeOption, socketOption } from '../options.ts';
import { problemLine } from '../problem-line.ts';
import { bold, green, onOutput, print, printJson, red, yellow } from '../screen.ts';
import type { PlaceOptions } from '../state-folder.ts';
import { shortTime } from '../time-text.ts';

export function define(command: Command): void {
  command
    .description('Tell how the gateway is. The exit code is 0 when all is well, and 1 when something is not.')
    .addOption(placeOption())
    .addOption(socketOption())
    .addOption(jsonOption())
    .addOption(
      new Option(
        '--health',
        'only whether it answers and can write its trail: nothing is printed, and no token is needed',
      ).conflicts('json'),
    )
    .addHelpText(
      'after',
      examples(
        'sallyport status',
        'sallyport status --json | jq .policy.version',
        'sallyport status --health   (for a watchdog)',
      ),
    )
    .action(run);
}

interface Options extends PlaceOptions {
  readonly json?: boolean;
  readonly health?: boolean;
}

async function run(options: Options): Promise<void> {
  if (options.health) {
    process.exitCode = (await gatewayIsHealthy(options)) ? exitCodes.ok : exitCodes.no;
    return;
  }
  const client = await GatewayClient.open(options);
  const status = await client.get('/v1/status', statusSchema);
  if (options.json) printJson(status);
  else print(...statusText(status));
  const well =
    status.trail.writable &&
    status.processes.every(({ policyRefused }) => !policyRefused) &&
    status.openHolds !== null &&
    status.silent.length === 0;
  process.exitCode = well ? exitCodes.ok : exitCodes.no;
}

function statusText({
  version,
  startedAt,
  policy,
  trail,
  listeners,
  sessions,
  openHolds,
  processes,
  silent,
}: Status): readonly string[] {
  const inForce = `${policy.policies.map(visibleText).join(', ') || 'none'} (version ${visibleText(policy.version)})`;
  return [
    bold(`Sallyport ${visibleText(version)}, up since ${shortTime(startedAt)} UTC`),
    ...listeners.map(
      ({ name, protocol, address, port, tls }) =>
        `  listener  ${visibleText(name)}: ${visibleText(protocol)} on ${visibleText(address)}:${port}${tls ? ', TLS' : ''}`,
    ),
    `  policies  ${inForce}, since ${shortTime(policy.loadedAt)} UTC`,
    ...(policy.refused
      ? [`            ${yellow('the last change was refused, and these are still in force:')}`]
      : []),
    ...policy.problems.map((problem) => `            ${problemLine(problem, onOutput)}`),
    `  trail     ${trail.writable ? green('writable') : red('cannot be written: every new action is refused')}`,
    `  sessions  ${sessions} open`,
    `  holds     ${openHolds === null ? red('the approvals cannot be reached') : `${openHolds} open`}`,
    ...(processes.length > 1 ? processes.map(processText) : []),
    ...silent.map((name) => `  process   ${red(`${visibleText(name)} does not answer`)}`),
  ];
}

function processText(process: Status['processes'][number]): string {
  const { process: name, startedAt, sessions, trailWritable, policyVersion, policyRefused } = process;
  return [
    `  process   ${visibleText(name)}: up since ${shortTime(startedAt)} UTC`,
    `${sessions} sessions`,
    trailWritable ? 'trail writable' : red('its trail cannot be written'),
    `policies ${visibleText(policyVersion)}${policyRefused ? yellow(', a change was refused') : ''}`,
  ].join(', ');
}
