/** What a hold costs, by `node test/core/approvals/cost.ts`: for notes, not for the test run. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { EmbeddedApprovals } from '../../../services/core/approvals/store/embedded.ts';
import { RedisApprovals } from '../../../services/core/approvals/store/redis.ts';
import { systemClock } from '../../../services/core/model/clock.ts';
import type { Approvals, HoldRequest } from '../../../services/core/model/hold.ts';
import { Secret } from '../../../services/core/model/secret.ts';
import { startRedis } from '../../servers/redis.ts';
import { bob, recordingLog, request } from './people.ts';

const rounds = 1000;
const { log } = recordingLog();
const shared = { maxOpenPerPrincipal: 2000, clock: systemClock, log };

async function timed(name: string, times: number, run: () => Promise<void>): Promise<void> {
  const beganAtMs = performance.now();
  await run();
  const totalMs = performance.now() - beganAtMs;
  console.log(
    `  ${name}: ${((totalMs / times) * 1000).toFixed(0)} µs each, ${totalMs.toFixed(0)} ms for ${times}`,
  );
}

async function one(approvals: Approvals, hold: HoldRequest): Promise<void> {
  await approvals.open(hold);
  const outcome = approvals.outcome(hold.id);
  await approvals.vote(hold.id, bob, 'approve', '');
  await outcome;
}

async function measure(name: string, approvals: Approvals): Promise<void> {
  console.log(name);
  for (let round = 0; round < 200; round += 1) await one(approvals, request());
  await timed('open, vote, outcome', rounds, async () => {
    for (let round = 0; round < rounds; round += 1) await one(approvals, request());
  });
  await timed('deferred: open, vote, takeGrant', 200, async () => {
    for (let round = 0; round < 200; round += 1) {
      const hold = request({ owner: null });
      await approvals.open(hold);
      await approvals.vote(hold.id, bob, 'approve', '');
      await approvals.takeGrant([hold.digest, hold.ruleDigest]);
    }
  });
  await timed('takeGrant that finds none', rounds, async () => {
    for (let round = 0; round < rounds; round += 1) await approvals.takeGrant(['none', 'none']);
  });
  const holds = Array.from({ length: 500 }, () => request());
  await timed('opening 500 together', 500, async () => {
    await Promise.all(holds.map((hold) => approvals.open(hold)));
  });
  const outcomes = holds.map((hold) => approvals.outcome(hold.id));
  // Answered after all that was asked before it.
  await approvals.list();
  const cpu = process.cpuUsage();
  await setTimeout(5000);
  const { user, system } = process.cpuUsage(cpu);
  console.log(`  500 that wait for 5 s: ${((user + system) / 1000).toFixed(0)} ms of CPU`);
  await timed('list of 500 open', 500, async () => {
    await approvals.list();
  });
  await timed('voting on 500 together, until all are told', 500, async () => {
    await Promise.all(holds.map((hold) => approvals.vote(hold.id, bob, 'approve', '')));
    await Promise.all(outcomes);
  });
}

const folder = mkdtempSync(join(tmpdir(), 'sallyport-cost-'));
const embedded = new EmbeddedApprovals({ ...shared, journal: join(folder, 'approvals.journal') });
await measure('embedded', embedded);
await embedded.close();
rmSync(folder, { recursive: true });

const server = await startRedis();
const redis = await RedisApprovals.start({ ...shared, url: new Secret(server.url) });
await measure('Redis on loopback', redis);
await redis.close();
await server.stop();
