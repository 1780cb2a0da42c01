import { join, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import type { BoundAddress } from '../../../../envoy/admin.ts';
import { findEnvoy } from '../../../../envoy/binary.ts';
import { EnvoyError, type EnvoyErrorCode } from '../../../../envoy/errors.ts';
import { loadSettings } from '../../../core/config/load.ts';
import { systemClock } from '../../../core/model/clock.ts';
import type { ListenerName } from '../../../core/model/ids.ts';
import type { ListenerSettings, Settings } from '../../../core/model/settings.ts';
import { visibleText } from '../../../core/model/visible-text.ts';
import { createProcessLogger, type LogLevel, logLevels } from '../../../core/telemetry/logger.ts';
import { protocols } from '../../../protocols/index.ts';
import { SupervisorError } from '../../supervisor/errors.ts';
import { Supervisor } from '../../supervisor/supervisor.ts';
import { wholeConfig } from '../config-files.ts';
import { CliError, type CliErrorCode } from '../errors.ts';
import { configOption, examples } from '../options.ts';
import { problemLine } from '../problem-line.ts';
import { bold, note, onError, print } from '../screen.ts';

export function define(command: Command): void {
  command
    .description(
      'Run the gateway in the foreground: its process, or as many as gateway.workers says, and Envoy, which is fetched the ' +
        'first time. Each is started again when it dies. Ctrl-C or SIGTERM ends the sessions and then all; a second one does not wait for sessions. SIGHUP reads the ' +
        'config again, and so does a change of its files. The log goes to standard error: text on a terminal, else JSON.',
    )
    .addOption(configOption())
    .addOption(
      new Option('--log-level <level>', 'what is logged at least').choices(logLevels).default('info'),
    )
    .addOption(
      new Option('--gateway <file>', 'the program of the gateway process')
        .default(join(import.meta.dirname, '../../../main.ts'))
        .hideHelp(),
    )
    .addHelpText('after', examples('sallyport up', 'sallyport up -c /etc/sallyport.yaml --log-level warn'))
    .action(run);
}

interface Options {
  readonly config: string;
  readonly logLevel: LogLevel;
  readonly gateway: string;
}

async function run({ config, logLevel, gateway }: Options): Promise<void> {
  const { settings, problems } = await wholeConfig(config, protocols);
  for (const problem of problems) note(problemLine(problem, onError));
  const envoy = await inWords(() => findEnvoy({ env: process.env, onProgress: note }));
  const supervisor = new Supervisor({
    entry: resolve(gateway),
    configFile: resolve(config),
    logLevel,
    served: settings,
    envoyBinary: envoy.path,
    readServed: () => loadSettings(config, { protocols, env: process.env, clock: systemClock }).settings,
    log: createProcessLogger(logLevel),
    clock: systemClock,
  });
  const stopped = stoppedBySignal(supervisor);
  process.on('SIGHUP', () => supervisor.reload());
  try {
    await inWords(() => supervisor.start());
  } catch (error) {
    // Told to stop while it was starting: that is a clean stop.
    if (error instanceof CliError && error.code === 'interrupted') return;
    throw error;
  }
  print(...upText(settings, await supervisor.addresses()));
  await stopped;
}

/** Resolves when all is stopped, after the first SIGTERM or SIGINT. */
function stoppedBySignal(supervisor: Supervisor): Promise<void> {
  return new Promise((resolve, reject) => {
    let asked = 0;
    const stop = (): void => {
      asked += 1;
      if (asked === 1) {
        note('Stopping …');
        supervisor.stop().then(resolve, reject);
      } else {
        supervisor.hurry();
      }
    };
    process.on('SIGTERM', stop);
    process.on('SIGINT', stop);
  });
}

function upText(
  { gateway, targets }: Settings,
  addresses: ReadonlyMap<ListenerName, BoundAddress>,
): readonly string[] {
  return [
    bold(
      gateway.workers === 1 ? 'The gateway is up.' : `The gateway is up, with ${gateway.workers} workers.`,
    ),
    ...gateway.listeners.map((listener) => {
      const reachable = targets
        .filter(({ protocol }) => protocol === listener.protocol)
        .map(({ name }) => name);
      return `  ${listenerText(listener, addresses.get(listener.name))}  ->  ${reachable.map(visibleText).join(', ')}`;
    }),
  ];
}

function listenerText(
  { name, protocol, address, port, tls }: ListenerSettings,
  bound?: BoundAddress,
): string {
  const host = bound?.address ?? address;
  const at = `${host.includes(':') ? `[${host}]` : host}:${bound?.port ?? port}`;
  return `${visibleText(name)}  ${visibleText(protocol)}${tls === null ? '' : ' over TLS'} on ${bold(at)}`;
}

const codes: Readonly<Partial<Record<EnvoyErrorCode, CliErrorCode>>> = {
  'socket-path-too-long': 'config',
  'bad-listener-name': 'config',
  'unknown-protocol': 'config',
  'bad-admin-address': 'config',
  'host-taken': 'config',
  'config-refused': 'config',
  'download-failed': 'unreachable',
};

async function inWords<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof EnvoyError) {
      throw new CliError(codes[cause.code] ?? 'failed', cause.message, null, { cause });
    }
    if (!(cause instanceof SupervisorError)) throw cause;
    if (cause.code === 'stopped') throw new CliError('interrupted', cause.message, null, { cause });
    const lines = [cause.message, ...cause.problems];
    const code = cause.problems.length > 0 ? 'config' : 'failed';
    throw new CliError(code, lines.join('\n'), 'Its log above may say more.', { cause });
  }
}
