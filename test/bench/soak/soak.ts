/**
 * `npm run bench -- --soak 10m`: a mixed load while processes are killed, then the same load in peace, to see whether memory
 * and descriptors stay flat; and at the end whether database, clients and trail agree.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { usualConsole } from '../../e2e/config-text.ts';
import { TestGateway } from '../../e2e/gateway.ts';
import { freePort } from '../../servers/postgres.ts';
import { startRedis } from '../../servers/redis.ts';
import { Approver } from '../approver.ts';
import { lines } from '../columns.ts';
import { progress } from '../progress.ts';
import { gatewayOptions } from '../ways.ts';
import { kinds, openClient, runClient, type Soak } from './clients.ts';
import { Ledger } from './ledger.ts';
import { type Generation, processesOf, Samples, trendMibPerMinute } from './samples.ts';
import { verdictOn } from './verdict.ts';

const sampleMs = 1_000;
/** The first part of the time, in which processes are killed; the rest shows what one process does in the long run. */
const killingShare = 0.4;
const maxKills = 8;
/** Between two kills, so that something happens in between. */
const minBetweenKillsMs = 10_000;
/** After a kill and until everything answers again: Envoy and the gateway notice at their own pace. */
const calmMs = 5_000;
/** A person's token lasts ten minutes. */
const loginMs = 5 * 60_000;

type Victim = 'gateway' | 'envoy' | 'postgres';
const victims: readonly Victim[] = ['gateway', 'envoy', 'gateway', 'postgres'];

/** kill -9, and how long it takes until a client gets an answer again. Of several workers, each has its turn. */
async function killAndWait(victim: Victim, turn: number, gateway: TestGateway): Promise<number> {
  const beganMs = performance.now();
  if (victim === 'postgres') {
    // One backend: PostgreSQL then ends all others and recovers, as after a crash.
    const direct = await gateway.direct();
    direct.on('error', () => undefined);
    const { rows } = await direct.query("SELECT pid FROM pg_stat_activity WHERE usename = 'gateway' LIMIT 1");
    process.kill(rows[0].pid, 'SIGKILL');
  } else {
    const running = await processesOf(gateway.up.process.pid ?? 0);
    const candidates = running.filter(({ kind }) => kind === victim);
    const found = candidates[turn % candidates.length];
    if (found === undefined) throw new Error(`there is no ${victim} to kill`);
    process.kill(found.pid, 'SIGKILL');
  }
  const deadlineMs = performance.now() + 30_000;
  for (;;) {
    // The last answers of what was just killed are none.
    await wait(50);
    try {
      const client = await openClient(gateway, 'first-again');
      await client.query('SELECT name FROM app.users');
      await client.end();
      return performance.now() - beganMs;
    } catch (error) {
      if (performance.now() > deadlineMs) throw error;
    }
  }
}

function generationRow(generation: Generation): readonly string[] {
  const { kind, pid, samples } = generation;
  const mibs = samples.map(({ mib }) => mib);
  const descriptors = samples.map((sample) => sample.descriptors);
  const trend = trendMibPerMinute(generation);
  const seconds = ((samples.at(-1)?.atMs ?? 0) - (samples[0]?.atMs ?? 0)) / 1000;
  return [
    kind,
    String(pid),
    `${seconds.toFixed(0)} s`,
    ...[mibs[0], mibs.at(-1), Math.max(...mibs)].map((mib) => (mib ?? 0).toFixed(0)),
    trend === null ? '' : trend.toFixed(2),
    ...[descriptors[0], descriptors.at(-1), Math.max(...descriptors)].map(String),
  ];
}

/** Several workers share holds, grants and sessions by a Redis of their own. */
async function startGateway(workers: number, stack: AsyncDisposableStack): Promise<TestGateway> {
  const port = await freePort();
  if (workers === 1) return stack.use(await TestGateway.start(gatewayOptions({ port })));
  const redis = await startRedis();
  stack.defer(() => redis.stop());
  return stack.use(
    await TestGateway.start(
      gatewayOptions({
        port,
        gateway: [`workers: ${workers}`],
        config: [...usualConsole, 'approvals: {redis: env:REDIS_URL}'],
        env: { REDIS_URL: redis.url },
      }),
    ),
  );
}

/** @returns whether everything held */
export async function soak(
  durationMs: number,
  workers: number,
  stack: AsyncDisposableStack,
): Promise<boolean> {
  progress('starting PostgreSQL, Envoy and the gateway');
  const gateway = await startGateway(workers, stack);
  const supervisor = gateway.up.process.pid ?? 0;
  const ledger = new Ledger();
  const samples = new Samples();
  const stop = new AbortController();
  let disturbedUntilMs = 0;
  let approver = await Approver.logIn(gateway, 'pat');
  const context: Soak = {
    gateway,
    ledger,
    stopped: stop.signal,
    disturbed: () => performance.now() < disturbedUntilMs,
    approver: () => approver,
  };
  await (await gateway.connect()).end();
  await samples.take(supervisor);
  const idle = { gateway: samples.now('gateway'), envoy: samples.now('envoy') };

  const beganMs = performance.now();
  const clients = Promise.all(
    kinds.flatMap((kind) =>
      Array.from({ length: kind.clients }, (_, number) => runClient(kind, number, context)),
    ),
  );
  const recoveries: string[] = [];
  const killingMs = durationMs * killingShare;
  const kills = Math.min(maxKills, Math.floor(killingMs / minBetweenKillsMs));
  let killed = 0;
  let loggedInMs = beganMs;
  let toldMs = beganMs;
  for (let nowMs = beganMs; nowMs - beganMs < durationMs; nowMs = performance.now()) {
    await samples.take(supervisor);
    if (nowMs - loggedInMs > loginMs) {
      approver = await Approver.logIn(gateway, 'pat');
      loggedInMs = nowMs;
    }
    if (killed < kills && nowMs - beganMs > ((killed + 1) * killingMs) / (kills + 1)) {
      const victim = victims[killed % victims.length] ?? 'gateway';
      disturbedUntilMs = Number.POSITIVE_INFINITY;
      const tookMs = await killAndWait(victim, killed, gateway);
      killed += 1;
      // The worker that it spoke to may be the one that was killed.
      approver = await Approver.logIn(gateway, 'pat');
      loggedInMs = performance.now();
      disturbedUntilMs = performance.now() + calmMs;
      recoveries.push(`${victim} ${(tookMs / 1000).toFixed(1)} s`);
      progress(`  killed ${victim}; answered again after ${(tookMs / 1000).toFixed(1)} s`);
    }
    if (nowMs - toldMs > 30_000) {
      toldMs = nowMs;
      const done = [...ledger.counts.values()].reduce((sum, count) => sum + count, 0);
      progress(
        `  ${done} steps, gateway ${samples.now('gateway').mib.toFixed(0)} MiB, ${ledger.unexpected.length} unexpected errors`,
      );
    }
    await wait(sampleMs);
  }
  progress('  stopping the clients');
  stop.abort();
  await clients;
  while ((await gateway.sessions()).length > 0);
  await samples.take(supervisor);
  const after = { gateway: samples.now('gateway'), envoy: samples.now('envoy') };

  progress('  comparing database, clients and trail');
  const { findings, faults } = await verdictOn(gateway, ledger);
  const head = [
    'process',
    'pid',
    'lived',
    'MiB first',
    'last',
    'most',
    'MiB/minute',
    'fds first',
    'last',
    'most',
  ];
  console.log(lines([head, ...samples.generations.map(generationRow)], 2).join('\n'));
  console.log(
    `\nDescriptors without a session: gateway ${idle.gateway.descriptors} before, ${after.gateway.descriptors} after; ` +
      `Envoy ${idle.envoy.descriptors} before, ${after.envoy.descriptors} after.`,
  );
  console.log(`Killed, and until it answered again: ${recoveries.join(', ')}.`);
  console.log(`Done: ${[...ledger.counts].map(([kind, count]) => `${count} ${kind}`).join(', ')}.`);
  for (const finding of findings) console.log(finding);
  for (const fault of faults) console.error(`FAULT: ${fault}`);
  console.log(faults.length === 0 ? 'Everything held.' : `${faults.length} faults.`);
  return faults.length === 0;
}
