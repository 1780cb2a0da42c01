/**
 * `node test/bench/postgres.bench.ts [--rounds N] [--seconds N] [--only LOAD,...] [--json FILE] [--cpu-prof FOLDER]`: what the
 * gateway costs, against PostgreSQL itself, Envoy alone as TCP proxy, and a relay behind the same Envoy that reads nothing.
 *
 * Rounds alternate, so that what else the machine does falls on all alike; medians and ratios are printed, and nothing fails:
 * machines differ. The processor's time that the engine's process takes for a statement says more than statements a
 * second on a machine that is shared. `--cpu-prof` has the gateway write a profile when it ends.
 */
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { standardPolicy, TestGateway } from '../e2e/gateway.ts';
import { gatewaySettings, listenerSettings, makeSocketDir, startEnvoy } from '../servers/envoy.ts';
import { startTcpProxy } from './tcp-proxy.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '4' },
    only: { type: 'string' },
    json: { type: 'string' },
    'cpu-prof': { type: 'string' },
  },
});

/** Fifty rules on tables that nobody asks for, so that the policy is not a toy. */
const manyRules = Array.from(
  { length: 50 },
  (_, number) =>
    `      - {name: table-${number}, effects: [select], tables: [app.table_${number}], outcome: allow}\n`,
).join('');

const profile = values['cpu-prof'];
const gateway = await TestGateway.start({
  policy: standardPolicy.replace('    masks:\n', `${manyRules}    masks:\n`),
  listener: ['connectionsPerSecond: 100000'],
  ...(profile === undefined
    ? {}
    : { env: { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${profile} --cpu-prof-interval=200` } }),
});
const runDir = await makeSocketDir();
const relay = fork(join(import.meta.dirname, 'bare-relay.ts'), [runDir, String(gateway.postgres.port)]);
await once(relay, 'message');
const settings = gatewaySettings(listenerSettings('postgres', { connectionsPerSecond: 100_000 }));
// As many threads as the gateway's own Envoy has.
const envoy = await startEnvoy({
  gateway: { ...settings, envoy: { admin: null, concurrency: null } },
  runDir,
});
const proxy = await startTcpProxy(gateway.postgres.port);

const direct = {
  PGHOST: '127.0.0.1',
  PGPORT: String(gateway.postgres.port),
  PGDATABASE: 'shop',
  PGUSER: 'postgres',
};
const ways = {
  direct,
  envoy: { ...direct, PGPORT: String(proxy.port) },
  relay: { ...direct, PGPORT: String(await envoy.port('postgres')) },
  gateway: gateway.libpq(),
};
type Way = keyof typeof ways;
const wayNames = Object.keys(ways) as Way[]; // its keys are all that it has
/** Whose processor time is counted; the kernel's ticks are hundredths of a second (USER_HZ). */
const engines: Partial<Record<Way, number>> = { gateway: await gateway.processId() };
if (relay.pid !== undefined) engines.relay = relay.pid;
const tickMs = 10;

const bigRows = 200_000;
const admin = await gateway.direct();
await admin.query(`SET ROLE gateway;
  CREATE TABLE app.big (id int, name text, email text, note text, at timestamptz);
  INSERT INTO app.big SELECT n, 'name of ' || n, 'user' || n || '@example.com', repeat('some words ', 8), '2026-01-01'
    FROM generate_series(1, ${bigRows}) n;
  RESET ROLE`);
const [size] = (
  await admin.query(
    // Each row's header and count, and a length before each value.
    `SELECT sum(7 + 5 * 4 + octet_length(id::text || name || email || note || at::text))::float8 AS bytes FROM app.big`,
  )
).rows;
await admin.end();
const bigMegabytes = Number(size.bytes) / 1e6;

// The names are not masked; the policy masks two columns beside them.
const one = 'SELECT name FROM app.users WHERE id = :id';
const loads: Readonly<Record<string, { readonly script: string; readonly args: readonly string[] }>> = {
  simple: { script: `\\set id random(1, 3)\n${one};\n`, args: ['-M', 'simple', '-c', '8'] },
  prepared: { script: `\\set id random(1, 3)\n${one};\n`, args: ['-M', 'prepared', '-c', '8'] },
  single: { script: `\\set id random(1, 3)\n${one};\n`, args: ['-M', 'prepared', '-c', '1'] },
  connections: { script: 'SELECT name FROM app.users;\n', args: ['-C', '-c', '4'] },
  rows: { script: 'SELECT id, name, email, note, at FROM app.big;\n', args: ['-c', '1'] },
};

interface Figures {
  readonly perSecond: number;
  /** Milliseconds of the engine's processor time for one; null where there is no engine. */
  readonly cpuMs: number | null;
}

async function ticksOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // proc(5): utime and stime are fields 14 and 15; the name, which may hold anything, is the second and ends with the last ")".
  const [user, system] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13);
  return Number(user) + Number(system);
}

async function measure(load: string, way: Way): Promise<Figures> {
  const { script = '', args = [] } = loads[load] ?? {};
  const file = join(gateway.folder, `${load}.sql`);
  await writeFile(file, script);
  const pid = engines[way];
  const before = pid === undefined ? 0 : await ticksOf(pid);
  const child = spawn('pgbench', ['-n', ...args, '-T', values.seconds, '-f', file, 'shop'], {
    env: { PATH: process.env['PATH'], ...ways[way] },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  for await (const text of child.stdout.setEncoding('utf8')) output += text;
  const [, perSecond] = /^tps = ([\d.]+)/m.exec(output) ?? [];
  const [, count] = /^number of transactions actually processed: (\d+)/m.exec(output) ?? [];
  if (perSecond === undefined) throw new Error(`pgbench did not say how fast ${way} was:\n${output}`);
  const cpuMs = pid === undefined ? null : (((await ticksOf(pid)) - before) * tickMs) / Number(count);
  return { perSecond: Number(perSecond), cpuMs };
}

const median = (figures: readonly number[]): number =>
  figures.toSorted((a, b) => a - b)[figures.length >> 1] ?? 0;

// What runs for the first time is compiled: that is not what a statement costs.
await measure('simple', 'gateway');
const results: Record<string, unknown>[] = [];
const wanted = values.only?.split(',') ?? Object.keys(loads);
for (const load of wanted) {
  const seen: Record<Way, Figures[]> = { direct: [], envoy: [], relay: [], gateway: [] };
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const way of wayNames) seen[way].push(await measure(load, way));
  }
  const figures = Object.fromEntries(
    wayNames.map((way) => {
      const cpus = seen[way].flatMap(({ cpuMs }) => cpuMs ?? []);
      const cpuMs = cpus.length === 0 ? null : median(cpus);
      return [way, { perSecond: median(seen[way].map(({ perSecond }) => perSecond)), cpuMs }];
    }),
  ) as Record<Way, Figures>; // each way is given once
  const added = (1e6 / figures.gateway.perSecond - 1e6 / figures.relay.perSecond).toFixed(0);
  const shown = wayNames.map((way) => {
    const { perSecond, cpuMs } = figures[way];
    const rate = load === 'rows' ? `${(perSecond * bigMegabytes).toFixed(0)} MB/s` : perSecond.toFixed(0);
    const cpu = load === 'rows' ? `${cpuMs?.toFixed(0)} ms` : `${((cpuMs ?? 0) * 1000).toFixed(0)} µs`;
    return `${way} ${rate}${cpuMs === null ? '' : ` (cpu ${cpu})`}`;
  });
  const ratio = figures.gateway.perSecond / figures.relay.perSecond;
  results.push({ load, figures, ratio });
  console.log(
    `${load.padEnd(11)} ${shown.join(', ')}; gateway / relay ${ratio.toFixed(2)}` +
      (load === 'single' ? `, ${added} µs added` : ''),
  );
}
if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(results, null, 2)}\n`);
await proxy[Symbol.asyncDispose]();
await envoy.stop();
relay.kill();
await gateway[Symbol.asyncDispose]();
process.exit(0);
