/**
 * `node test/bench/trail.bench.ts`: what a record of the trail costs, against writing the same bytes with plain
 * fs.writeSync. Prints figures and ratios, and never fails: machines differ.
 */
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openTrail } from '../../services/core/audit/open-trail.ts';
import type { AuditTrail } from '../../services/core/audit/trail.ts';
import { verifyTrail } from '../../services/core/audit/verify.ts';
import { systemClock } from '../../services/core/model/clock.ts';
import { actionId, sessionId, targetName } from '../../services/core/model/ids.ts';
import type { Logger } from '../../services/core/model/log.ts';
import type { TrailEntry } from '../../services/core/model/trail-entry.ts';

const records = 200_000;
const rounds = 3;

const log: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: console.warn,
  error: console.error,
  child: () => log,
};

/** What the checkpoint appends for `SELECT ... WHERE id = $1`, and for its end. */
const entries: readonly TrailEntry[] = [
  {
    kind: 'action',
    action: actionId('a_Zk3p0sXv9QeW2rT5yU8iOg.1234'),
    session: sessionId('s_Zk3p0sXv9QeW2rT5yU8iOg'),
    target: targetName('shop'),
    decision: 'allow',
    rule: 'agents/read-orders',
    reason: null,
    policyVersion: '3f9a0c1b7d2e',
    effects: ['select app.orders'],
    opaque: [],
    text: 'SELECT id, customer, total FROM app.orders WHERE id = $1',
    textBytes: 56,
    textSha256: 'c0ffee00'.repeat(8),
    parameters: ['48151623'],
  },
  {
    kind: 'action-ended',
    action: actionId('a_Zk3p0sXv9QeW2rT5yU8iOg.1234'),
    session: sessionId('s_Zk3p0sXv9QeW2rT5yU8iOg'),
    result: 'completed',
    rows: 1,
    bytes: 48,
    maskedValues: 0,
    errorCode: null,
    durationMs: 1.25,
  },
];

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const committed = (trail: AuditTrail): Promise<void> =>
  new Promise((resolve, reject) => {
    trail.afterCommit({ committed: resolve, notCommitted: () => reject(new Error('not committed')) });
  });

/** Microseconds for one record, with its share of the turn. The processor's time says more on a machine that is shared. */
interface Figures {
  readonly wallUs: number;
  readonly cpuUs: number;
}

/** Runs turn after turn; each one takes a batch. */
async function measure(batch: number, runTurn: () => Promise<void>): Promise<Figures> {
  const cpu = process.cpuUsage();
  const beganMs = performance.now();
  for (let done = 0; done < records; done += batch) await runTurn();
  const wallUs = ((performance.now() - beganMs) * 1000) / records;
  const { user, system } = process.cpuUsage(cpu);
  return { wallUs, cpuUs: (user + system) / records };
}

async function trailFigures(folder: string, entry: TrailEntry, batch: number): Promise<Figures> {
  const trail = await openTrail({
    stateDir: folder,
    chain: 'bench',
    settings: {
      segmentBytes: 64 * 1024 * 1024,
      checkpointEveryMs: 1000,
      checkpointEveryRecords: 1000,
      signingKey: null,
    },
    clock: systemClock,
    log,
    telemetry: { enabled: false, trailCommitted: () => undefined },
    onHealth: ({ error }) => console.warn(error),
  });
  const figures = await measure(batch, () => {
    for (let index = 0; index < batch; index += 1) trail.append(entry);
    return committed(trail);
  });
  await trail.close();
  return figures;
}

/** The same turns, the same bytes, and nothing but the write. */
async function plainFigures(folder: string, line: Buffer, batch: number): Promise<Figures> {
  const bytes = Buffer.concat(Array.from({ length: batch }, () => line));
  const fd = openSync(join(folder, 'plain'), 'a');
  const figures = await measure(batch, () => {
    writeSync(fd, bytes);
    return turn();
  });
  closeSync(fd);
  return figures;
}

/** The least disturbed of the rounds. */
const best = (figures: readonly Figures[]): Figures => ({
  wallUs: Math.min(...figures.map(({ wallUs }) => wallUs)),
  cpuUs: Math.min(...figures.map(({ cpuUs }) => cpuUs)),
});

for (const entry of entries) {
  for (const batch of [1, 50]) {
    const trails: Figures[] = [];
    const plains: Figures[] = [];
    let lineBytes = 0;
    for (let round = 0; round < rounds; round += 1) {
      const folder = mkdtempSync(join(tmpdir(), 'sallyport-bench-'));
      trails.push(await trailFigures(folder, entry, batch));
      const [, line = ''] = readFileSync(join(folder, 'trail/bench-000001.jsonl'), 'utf8').split('\n');
      // Ends share a line: what one of them would be.
      const bytes = Buffer.from(`${entry.kind === 'action' ? line : JSON.stringify(entry)}\n`);
      lineBytes = bytes.length;
      plains.push(await plainFigures(folder, bytes, batch));
      rmSync(folder, { recursive: true });
    }
    const [trail, plain] = [best(trails), best(plains)];
    const show = ({ wallUs, cpuUs }: Figures): string => `${wallUs.toFixed(2)} µs (cpu ${cpuUs.toFixed(2)})`;
    console.log(
      `${entry.kind.padEnd(12)} ${lineBytes} bytes, ${String(batch).padStart(2)} a turn: trail ${show(trail)}, ` +
        `${Math.round(1e6 / trail.wallUs)} records/s; plain writeSync ${show(plain)}; ` +
        `ratio ${(trail.cpuUs / plain.cpuUs).toFixed(1)}, added cpu ${(trail.cpuUs - plain.cpuUs).toFixed(2)} µs`,
    );
  }
}

const folder = mkdtempSync(join(tmpdir(), 'sallyport-bench-'));
const [entry] = entries;
if (entry !== undefined) await trailFigures(folder, entry, 50);
const beganMs = performance.now();
const report = await verifyTrail(join(folder, 'trail'));
const tookMs = performance.now() - beganMs;
const verified = report.chains[0]?.records ?? 0;
console.log(
  `verify       ${verified} records, ${report.verdict}: ${((tookMs / verified) * 1000).toFixed(2)} µs a record`,
);
rmSync(folder, { recursive: true });
