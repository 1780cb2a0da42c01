/** `npm run bench`: what the gateway costs. `--help` says all of it. */
import { appendFile, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { installDebian, onPath, pip, postgresql, psql } from '../servers/debian.ts';
import { type LoadResult, meets } from './figures.ts';
import { loads } from './loads/index.ts';
import { type Options, optionsFrom, UsageError, usage } from './options.ts';
import { pgbench } from './pgbench.ts';
import { progress } from './progress.ts';
import { soak } from './soak/soak.ts';
import { coloured, plain, table } from './table.ts';
import { startWays, type Ways } from './ways.ts';

const broke = (what: string, error: unknown): void => {
  console.error(`${what} broke: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
};

/** The last lines of the gateway's log that are more than information. */
const complaintsOf = (log: string): string =>
  log
    .split('\n')
    .filter((line) => line !== '' && !line.includes('"level":"info"'))
    .slice(-20)
    .join('\n');

/** What runs for the first time is compiled: that is not what a statement costs. */
async function warmUp(ways: Ways): Promise<void> {
  const script = '\\set id random(1, 3)\nSELECT name FROM app.users WHERE id = :id;\n';
  const way = await ways.way('gateway');
  for (const mode of ['simple', 'prepared']) {
    await pgbench({ way, folder: ways.gateway.folder, script, args: ['-M', mode, '-c', '8'], seconds: 1 });
  }
}

/** What runs beside us; it must not outlive us. */
const started = new AsyncDisposableStack();
let interrupted = false;

async function measure(options: Options): Promise<boolean> {
  const { jsonFile, profileFolder, only, quick } = options;
  // Once all is measured would be late to learn that it cannot be written.
  if (jsonFile !== null) await appendFile(jsonFile, '');
  progress('starting PostgreSQL, Envoy, the relay, pgbouncer and the gateway');
  const profile = `--cpu-prof --cpu-prof-dir=${profileFolder} --cpu-prof-interval=200`;
  const ways = await startWays(profileFolder === null ? {} : { NODE_OPTIONS: profile }, started);
  progress('warming up');
  await warmUp(ways);
  const results: LoadResult[] = [];
  let whole = true;
  for (const load of loads) {
    if (only === null ? quick && load.detail : !only.includes(load.name)) continue;
    const { name, title } = load;
    progress(`${name}: ${title}`);
    try {
      results.push({ load: name, title, ...(await load.run(ways, options)) });
    } catch (error) {
      // What fails then fails because everything is being stopped.
      if (interrupted) return false;
      whole = false;
      broke(name, error);
      console.error(complaintsOf(ways.gateway.up.errorOutput));
    }
  }
  const colours = process.stdout.isTTY && process.env['NO_COLOR'] === undefined;
  console.log(table(results, colours ? coloured : plain));
  if (jsonFile !== null) {
    const { rounds, seconds } = options;
    const machine = { processors: cpus().length, model: cpus()[0]?.model ?? null };
    const withGoals = results.map((result) => ({
      ...result,
      figures: result.figures.map((figure) => ({
        ...figure,
        met: figure.goal === null ? null : meets(figure),
      })),
    }));
    const document = { rounds, seconds, quick, machine, whole, results: withGoals };
    await writeFile(jsonFile, `${JSON.stringify(document, null, 2)}\n`);
  }
  return whole;
}

async function main(): Promise<number> {
  const options = optionsFrom(process.argv.slice(2), loads);
  if (options === null) {
    console.log(usage(loads));
    return 0;
  }
  if (options.soakMs !== null) {
    installDebian([postgresql, psql, pip], 'The soak runs');
    return (await soak(options.soakMs, options.workers, started)) ? 0 : 1;
  }
  const pgbouncer = { package: 'pgbouncer', present: () => onPath('pgbouncer') };
  installDebian([postgresql, psql, pip, pgbouncer], 'The measurements run');
  return (await measure(options)) ? 0 : 1;
}

function fail(error: unknown): number {
  if (error instanceof UsageError) {
    console.error(`${error.message}\n"npm run bench -- --help" says more.`);
    return 2;
  }
  broke('the measurement', error);
  return 1;
}

for (const [signal, status] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.on(signal, () => {
    // Whoever asks twice does not want to wait.
    if (interrupted) process.exit(status);
    interrupted = true;
    progress('stopping what was started');
    started.disposeAsync().then(
      () => process.exit(status),
      (error: unknown) => process.exit(fail(error)),
    );
  });
}

main()
  .catch(fail)
  .then(async (status) => {
    // Then it is the signal that ends us, and what broke is its doing.
    if (interrupted) return;
    await started.disposeAsync();
    // Something that still listens must not keep it from ending.
    process.exit(status);
  })
  .catch((error: unknown) => process.exit(fail(error)));
