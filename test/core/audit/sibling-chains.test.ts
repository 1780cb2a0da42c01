import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { siblingsEveryMs } from '../../../services/core/audit/limits.ts';
import { SiblingChains } from '../../../services/core/audit/sibling-chains.ts';
import type { AuditTrail } from '../../../services/core/audit/trail.ts';
import type { TrailReport } from '../../../services/core/audit/trail-report.ts';
import { verifyTrail } from '../../../services/core/audit/verify.ts';
import { action, committed, Folder, MemoryLog, openTestTrail } from './fixtures.ts';
import { ManualClock } from './manual-clock.ts';

interface Process {
  readonly chain: string;
  readonly trail: AuditTrail;
  readonly siblings: SiblingChains;
  readonly log: MemoryLog;
}

/** A process that looks at the others when the test says so. */
async function begin(
  folder: Folder,
  chain: string,
  { segmentBytes = 1024 * 1024, checkpointEveryRecords = 5 } = {},
): Promise<Process> {
  const log = new MemoryLog();
  const trail = await openTestTrail(folder, { chain, settings: { segmentBytes, checkpointEveryRecords } });
  const options = { stateDir: folder.path, chain, trail, clock: new ManualClock(), log };
  return { chain, trail, siblings: new SiblingChains(options), log };
}

/** Writes so many actions. */
async function work({ trail }: Process, actions: number): Promise<void> {
  for (let number = 1; number <= actions; number += 1) trail.append(action(number));
  await committed(trail);
}

async function end({ trail, siblings }: Process): Promise<void> {
  await siblings.close();
  await trail.close();
}

const filesOf = (folder: Folder, chain: string): readonly string[] =>
  readdirSync(folder.trail)
    .filter((name) => name.startsWith(`${chain}-0`))
    .sort();

const linesOf = (folder: Folder, file: string): readonly string[] =>
  readFileSync(join(folder.trail, file), 'utf8').split('\n').slice(0, -1);

const recordsOf = (folder: Folder, chain: string): readonly Record<string, unknown>[] =>
  filesOf(folder, chain)
    .flatMap((file) => linesOf(folder, file))
    .map((line) => JSON.parse(line));

const found = (report: TrailReport, chain: string): readonly string[] =>
  report.chains
    .find((each) => each.chain === chain)
    ?.findings.map(({ kind, message }) => `${kind}: ${message}`) ?? ['no report'];

/** The chain as it was once it had so many records, in the same files. */
function cutAt(folder: Folder, chain: string, records: number): void {
  let left = records;
  for (const file of filesOf(folder, chain)) {
    const lines = linesOf(folder, file).slice(0, left);
    left -= lines.length;
    if (lines.length === 0) rmSync(join(folder.trail, file));
    else writeFileSync(join(folder.trail, file), lines.map((line) => `${line}\n`).join(''));
  }
}

test('a chain that is taken away as a whole is named, by whom it was missed and how far it went', async () => {
  using folder = new Folder();
  const [one, two] = [await begin(folder, 'gateway-1'), await begin(folder, 'gateway-2')];
  await work(two, 7);
  await one.siblings.look();
  await Promise.all([end(one), end(two)]);
  const whole = await verifyTrail(folder.trail);
  expect(whole.verdict).toBe('intact');
  expect(whole.chains.map(({ chain, seenBy }) => [chain, seenBy])).toEqual([
    ['gateway-1', []],
    ['gateway-2', [{ chain: 'gateway-1', seq: 5 }]],
  ]);
  for (const file of filesOf(folder, 'gateway-2')) rmSync(join(folder.trail, file));
  const report = await verifyTrail(folder.trail);
  expect(report.verdict).toBe('tampered');
  expect(found(report, 'gateway-1')).toEqual([]);
  expect(found(report, 'gateway-2')).toEqual([
    expect.stringMatching(
      /^cut-off: chain gateway-1 saw record 5 of this one, signed at 2026-\S+, and nothing of it is here$/,
    ),
  ]);
});

test('a chain that is cut anywhere before what another saw of it is found out, and behind that it is not', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 40 }), fc.nat(), async (actions, at) => {
      using folder = new Folder();
      const [one, two] = [
        await begin(folder, 'gateway-1'),
        await begin(folder, 'gateway-2', { segmentBytes: 3000 }),
      ];
      await work(two, actions);
      await one.siblings.look();
      await Promise.all([end(one), end(two)]);
      const seen = (await verifyTrail(folder.trail)).chains[1]?.seenBy[0]?.seq ?? 0;
      const records = recordsOf(folder, 'gateway-2').length;
      const kept = 1 + (at % records);
      cutAt(folder, 'gateway-2', kept);
      const report = await verifyTrail(folder.trail);
      expect(found(report, 'gateway-2').some((text) => text.startsWith('cut-off'))).toBe(kept < seen);
      expect(report.chains[0]?.verdict).toBe('intact');
    }),
    { numRuns: 40 },
  );
});

test('a chain that was written anew, with the right key, is not the one that was seen', async () => {
  using folder = new Folder();
  const [one, two] = [await begin(folder, 'gateway-1'), await begin(folder, 'gateway-2')];
  await work(two, 9);
  await one.siblings.look();
  await Promise.all([end(one), end(two)]);
  for (const file of filesOf(folder, 'gateway-2')) rmSync(join(folder.trail, file));
  const forged = await begin(folder, 'gateway-2');
  forged.trail.append(action(99));
  await work(forged, 30);
  await end(forged);
  const report = await verifyTrail(folder.trail);
  expect(report.verdict).toBe('tampered');
  expect(found(report, 'gateway-2')).toEqual([
    expect.stringMatching(/^seen-otherwise: chain gateway-1 saw record \d+ of this one, .* it was another$/),
  ]);
});

test('what one chain says of another counts only where it stands whole itself', async () => {
  using folder = new Folder();
  const [one, two] = [await begin(folder, 'gateway-1'), await begin(folder, 'gateway-2')];
  await work(two, 9);
  await one.siblings.look();
  await Promise.all([end(one), end(two)]);
  const [file = ''] = filesOf(folder, 'gateway-1');
  const lines = linesOf(folder, file).map((line) =>
    line.includes('chains-seen')
      ? line.replace(/"hash":"[0-9a-f]{64}","at"/, `"hash":"${'0'.repeat(64)}","at"`)
      : line,
  );
  writeFileSync(join(folder.trail, file), lines.map((line) => `${line}\n`).join(''));
  const report = await verifyTrail(folder.trail);
  expect(report.chains.map(({ verdict }) => verdict)).toEqual(['tampered', 'intact']);
});

test('processes that do nothing soon have nothing to record of each other', async () => {
  using folder = new Folder();
  // Whatever is recorded is signed at once, and so can be seen by the other.
  const often = { checkpointEveryRecords: 1 };
  const processes = [await begin(folder, 'gateway-1', often), await begin(folder, 'gateway-2', often)];
  const lookAround = async (): Promise<number> => {
    for (const { siblings, trail } of processes) {
      await siblings.look();
      await committed(trail);
    }
    return processes.reduce((sum, { chain }) => sum + recordsOf(folder, chain).length, 0);
  };
  for (const process of processes) await work(process, 4);
  await lookAround();
  const settled = await lookAround();
  expect(await lookAround()).toBe(settled);
  await Promise.all(processes.map((process) => work(process, 1)));
  // Each has an action, what it saw of the other, and their signatures.
  expect(await lookAround()).toBe(settled + 8);
  expect(await lookAround()).toBe(settled + 8);
  await Promise.all(processes.map(end));
});

test('chains of workers that there are no more are named at each start, and stay as they are', async () => {
  using folder = new Folder();
  const former = await begin(folder, 'gateway-2');
  await work(former, 5);
  await end(former);
  for (let start = 0; start < 2; start += 1) {
    const process = await begin(folder, 'gateway');
    await process.siblings.start();
    await process.siblings.look();
    await end(process);
  }
  const seen = recordsOf(folder, 'gateway').filter(({ kind }) => kind === 'chains-seen');
  expect(seen.map(({ chains }) => chains)).toEqual([
    [expect.objectContaining({ chain: 'gateway-2' })],
    [expect.objectContaining({ chain: 'gateway-2' })],
  ]);
  expect((await verifyTrail(folder.trail)).verdict).toBe('intact');
});

test('looks at the start and every minute, tells of a chain that vanishes, and lives with files it cannot read', async () => {
  using folder = new Folder();
  const clock = new ManualClock();
  const log = new MemoryLog();
  const two = await begin(folder, 'gateway-2');
  await work(two, 5);
  const trail = await openTestTrail(folder, { chain: 'gateway-1' });
  const siblings = new SiblingChains({ stateDir: folder.path, chain: 'gateway-1', trail, clock, log });
  await siblings.start();
  await work(two, 5);
  clock.advance(siblingsEveryMs);
  await siblings.look();
  await committed(trail);
  const seen = recordsOf(folder, 'gateway-1').filter(({ kind }) => kind === 'chains-seen');
  expect(seen.length).toBe(2);
  await end(two);
  for (const file of filesOf(folder, 'gateway-2')) rmSync(join(folder.trail, file));
  writeFileSync(join(folder.trail, 'gateway-3-000001.jsonl'), '"kind":"checkpoint"\n{"seq":1\n');
  await siblings.look();
  expect(log.lines.map(({ message, fields }) => ({ message, fields }))).toEqual([
    { message: 'a chain of the trail is gone', fields: { chain: 'gateway-2' } },
  ]);
  await siblings.close();
  await trail.close();
});
