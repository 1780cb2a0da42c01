/**
 * Run by faults.test.ts: the kernel's limit for the size of a file (RLIMIT_FSIZE) is what a full disk is to a writer,
 * a short write and then an error, and needs neither root nor a file system of its own.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { readTrail } from '../../../services/core/audit/read.ts';
import type { TrailHealth } from '../../../services/core/audit/trail.ts';
import { verifyTrail } from '../../../services/core/audit/verify.ts';
import { action, committed, openTestTrail } from './fixtures.ts';
import { ManualClock } from './manual-clock.ts';

const [stateDir = ''] = process.argv.slice(2);
const dir = join(stateDir, 'trail');
const path = join(dir, 'gateway-1-000001.jsonl');
const limitFiles = (bytes: number | 'unlimited'): unknown =>
  execFileSync('prlimit', ['--pid', String(process.pid), `--fsize=${bytes}:`]);

const clock = new ManualClock();
const health: TrailHealth[] = [];
const trail = await openTestTrail(
  { path: stateDir },
  { clock, onHealth: (change) => health.push(change), settings: { segmentBytes: 1e9 } },
);
trail.append(action(0));
trail.append(action(1));
const beforeFull = await committed(trail);

limitFiles(statSync(path).size + 1000);
for (const number of [2, 3, 4]) trail.append(action(number));
const whenFull = await committed(trail);
const verdictWhenFull = (await verifyTrail(dir)).verdict;
clock.advance(1000);
trail.append(action(5));
const stillFull = await committed(trail);
const writableWhenFull = trail.writable;

limitFiles('unlimited');
clock.advance(250);
trail.append(action(6));
const afterwards = await committed(trail);
const { verdict, chains } = await verifyTrail(dir);
const kept: string[] = [];
for await (const record of readTrail(dir, { kinds: ['action'] })) {
  if (record.kind === 'action') kept.push(record.action);
}
const toldHealth = [...health];

// Once more, until memory is full as well.
limitFiles(statSync(path).size + 1000);
let appended = 0;
for (; appended < 20_000; appended += 1) trail.append(action(1000 + appended));
await committed(trail);
limitFiles('unlimited');
clock.advance(250);
await committed(trail);
await trail.close();
const [chain] = (await verifyTrail(dir)).chains;
const resumed = readFileSync(path, 'utf8')
  .split('\n')
  .findLast((line) => line.includes('"kind":"write-resumed"'));
let late = 0;
for await (const record of readTrail(dir, { kinds: ['action'] })) {
  if (record.kind === 'action' && Number(record.action.slice('a_one.'.length)) >= 1000) late += 1;
}
const dropped = Number(/"dropped":(\d+)/.exec(resumed ?? '')?.[1]);

console.log(
  JSON.stringify({
    beforeFull,
    whenFull,
    verdictWhenFull,
    stillFull,
    writableWhenFull,
    afterwards,
    health: toldHealth,
    verdict,
    segments: chains[0]?.segments,
    kept,
    droppedSome: dropped > 0 && chain?.verdict === 'intact',
    droppedIsCounted: dropped + late === appended && chain?.dropped === dropped,
  }),
);
process.exit(0);
