/** `npm run bench`: what the gateway costs. `--help` says all of it. */
import { writeFile } from 'node:fs/promises';
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

/** What runs for the first time is compiled: that is not what a statement costs. */
async function warmUp(ways: Ways): Promise<void> {
  const script = '\\set id random(1, 3)\nSELECT name FROM app.users WHERE id = :id;\n';
  const way = await ways.way('gateway');
  for (const mode of ['simple', 'prepared']) {
    await pgbench({ way, folder: ways.gateway.folder, script, args: ['-M', mode, '-c', '8'], seconds: 1 });
  }
}

async function measure(options: Options): Promise<boolean> {
  const { jsonFile, profileFolder, only, quick } = options;
  progress('starting PostgreSQL, Envoy, the relay, pgbouncer and the gateway');
  const profile = `--cpu-prof --cpu-prof-dir=${profileFolder} --cpu-prof-interval=200`;
  await using ways = await startWays(profileFolder === null ? {} : { NODE_OPTIONS: profile });
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
      whole = false;
      broke(name, error);
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
    return (await soak(options.soakMs)) ? 0 : 1;
  }
  const pgbouncer = { package: 'pgbouncer', present: () => onPath('pgbouncer') };
  installDebian([postgresql, psql, pip, pgbouncer], 'The measurements run');
  return (await measure(options)) ? 0 : 1;
}

main().then(
  // Something that still listens must not keep it from ending.
  (status) => process.exit(status),
  (error: unknown) => {
    if (error instanceof UsageError) console.error(`${error.message}\n"npm run bench -- --help" says more.`);
    else broke('the measurement', error);
    process.exit(error instanceof UsageError ? 2 : 1);
  },
);
