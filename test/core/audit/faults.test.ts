import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  closeSync,
  cpSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, test } from '@jest/globals';
import type { TrailHealth } from '../../../services/core/audit/trail.ts';
import type { TrailReport } from '../../../services/core/audit/trail-report.ts';
import { verifyTrail } from '../../../services/core/audit/verify.ts';
import { action, committed, Folder, openTestTrail } from './fixtures.ts';
import { ManualClock } from './manual-clock.ts';

const segmentPath = (folder: Folder, number: number): string =>
  join(folder.trail, `gateway-1-${String(number).padStart(6, '0')}.jsonl`);
const recordsOf = (folder: Folder, number: number): readonly Record<string, unknown>[] =>
  readFileSync(segmentPath(folder, number), 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, unknown>); // its shape is what is tested
const findingsOf = (report: TrailReport): readonly string[] =>
  report.chains.flatMap((chain) => chain.findings.map(({ kind, file, line }) => `${kind} ${file}:${line}`));

/** Closes the descriptor under the trail's feet: a real EBADF. */
function closeDescriptorOf(path: string): void {
  for (const name of readdirSync('/proc/self/fd')) {
    try {
      if (readlinkSync(`/proc/self/fd/${name}`) === path) closeSync(Number(name));
    } catch {
      // The descriptor that listed the folder is gone by now.
    }
  }
}

async function trailWithClock(folder: Folder) {
  const clock = new ManualClock();
  const health: TrailHealth[] = [];
  const trail = await openTestTrail(folder, { clock, onHealth: (change) => health.push(change) });
  trail.append(action(1));
  await committed(trail);
  return { clock, health, trail };
}

test('when a write fails nobody goes on, and the trail goes on in a new segment', async () => {
  using folder = new Folder();
  const { clock, health, trail } = await trailWithClock(folder);
  closeDescriptorOf(segmentPath(folder, 1));
  trail.append(action(2));
  const [first, second] = [committed(trail), committed(trail)];
  expect(await Promise.all([first, second])).toEqual([false, false]);
  expect(trail.writable).toBe(false);
  expect(health).toEqual([{ writable: false, error: expect.stringContaining('EBADF') }]);
  // What comes in meanwhile is kept, and its waiters are refused.
  trail.append(action(3));
  expect(await committed(trail)).toBe(false);
  clock.advance(250);
  expect(trail.writable).toBe(true);
  expect(health[1]).toEqual({ writable: true, error: null });
  trail.append(action(4));
  expect(await committed(trail)).toBe(true);
  await trail.close();
  expect(recordsOf(folder, 2)).toMatchObject([
    { kind: 'segment', why: 'fault', seq: 3, torn: [], previous: { segment: 1, lastSeq: 2 } },
    { kind: 'action', action: 'a_one.2', seq: 4 },
    { kind: 'action', action: 'a_one.3', seq: 5 },
    { kind: 'write-resumed', from: 3, through: 5, dropped: 0 },
    { kind: 'checkpoint' },
    { kind: 'action', action: 'a_one.4' },
    { kind: 'checkpoint' },
  ]);
  expect(await verifyTrail(folder.trail)).toMatchObject({ verdict: 'intact', chains: [{ segments: 2 }] });
});

test('checkpoints that were not written are signed anew, since a header has come between', async () => {
  using folder = new Folder();
  const { clock, trail } = await trailWithClock(folder);
  closeDescriptorOf(segmentPath(folder, 1));
  for (let number = 2; number <= 25; number += 1) trail.append(action(number));
  expect(await committed(trail)).toBe(false);
  clock.advance(250);
  expect(await committed(trail)).toBe(true);
  await trail.close();
  const { verdict, chains } = await verifyTrail(folder.trail);
  expect([verdict, chains[0]?.checkpoints]).toEqual(['intact', 1]);
  const numbers = recordsOf(folder, 2).flatMap((record) => record['action'] ?? []);
  expect(numbers).toEqual(Array.from({ length: 24 }, (_, index) => `a_one.${index + 2}`));
});

test('who waited for a record that was late is refused, even if it came in time', async () => {
  using folder = new Folder();
  const { clock, trail } = await trailWithClock(folder);
  closeDescriptorOf(segmentPath(folder, 1));
  trail.append(action(2));
  expect(await committed(trail)).toBe(false);
  trail.append(action(3));
  const late = committed(trail);
  clock.advance(250);
  expect(trail.writable).toBe(true);
  expect(await late).toBe(false);
  expect(recordsOf(folder, 2)).toContainEqual(
    expect.objectContaining({ kind: 'write-resumed', from: 3, through: 5 }),
  );
  await trail.close();
});

test('a failed fsync is a failed write', async () => {
  using folder = new Folder();
  const clock = new ManualClock();
  const { promise: failed, resolve } = Promise.withResolvers<TrailHealth>();
  const trail = await openTestTrail(folder, { clock, onHealth: resolve });
  closeDescriptorOf(segmentPath(folder, 1));
  clock.advance(200);
  expect(await failed).toEqual({ writable: false, error: expect.stringContaining('EBADF') });
  expect(trail.writable).toBe(false);
  clock.advance(250);
  trail.append(action(1));
  expect(await committed(trail)).toBe(true);
  await trail.close();
  expect((await verifyTrail(folder.trail)).verdict).toBe('intact');
});

test('a segment that was taken away is noticed, and its records are reported missing', async () => {
  using folder = new Folder();
  const clock = new ManualClock();
  const { promise: failed, resolve } = Promise.withResolvers<TrailHealth>();
  const trail = await openTestTrail(folder, { clock, onHealth: resolve });
  trail.append(action(1));
  await committed(trail);
  rmSync(segmentPath(folder, 1));
  clock.advance(200);
  expect((await failed).error).toContain('removed or changed');
  clock.advance(250);
  trail.append(action(2));
  expect(await committed(trail)).toBe(true);
  await trail.close();
  const report = await verifyTrail(folder.trail);
  expect(report.verdict).toBe('tampered');
  expect(findingsOf(report)).toEqual(['missing-records gateway-1-000002.jsonl:1']);
});

test.each<readonly [string, (path: string) => void]>([
  [
    'replaced by a copy',
    (path) => {
      renameSync(path, `${path}.old`);
      cpSync(`${path}.old`, path);
    },
  ],
  ['written to by somebody else', (path) => appendFileSync(path, 'x')],
])('a segment that was %s is not gone on with', async (_, change) => {
  using folder = new Folder();
  const clock = new ManualClock();
  const { promise: failed, resolve } = Promise.withResolvers<TrailHealth>();
  const trail = await openTestTrail(folder, { clock, onHealth: resolve });
  trail.append(action(1));
  await committed(trail);
  change(segmentPath(folder, 1));
  clock.advance(200);
  expect((await failed).error).toContain('removed or changed');
  clock.advance(250);
  trail.append(action(2));
  expect(await committed(trail)).toBe(true);
  await trail.close();
  expect(recordsOf(folder, 2)[0]).toMatchObject({ why: 'fault', previous: { lastSeq: 2 } });
});

test('a full disk: refused, kept in the middle of a record, and gone on with when there is room', () => {
  using folder = new Folder();
  const script = join(import.meta.dirname, 'full-disk-process.ts');
  const { stdout, stderr } = spawnSync(process.execPath, [script, folder.path], { encoding: 'utf8' });
  expect(stderr).toBe('');
  const told: unknown = JSON.parse(stdout);
  expect(told).toEqual({
    beforeFull: true,
    whenFull: false,
    // The last line is half there: whoever looks now is told so.
    verdictWhenFull: 'torn',
    stillFull: false,
    writableWhenFull: false,
    afterwards: true,
    health: [
      { writable: false, error: expect.stringContaining('EFBIG') },
      { writable: true, error: null },
    ],
    verdict: 'intact',
    segments: 1,
    kept: ['a_one.0', 'a_one.1', 'a_one.2', 'a_one.3', 'a_one.4', 'a_one.5', 'a_one.6'],
    // Of some ten thousand records, four MiB were kept.
    droppedSome: true,
    droppedIsCounted: true,
  });
});

test.each([50, 400, 1500])('killed after %i commits: nothing that was committed is lost', async (commits) => {
  using folder = new Folder();
  const script = join(import.meta.dirname, 'killed-process.ts');
  for (const run of [1, 2]) {
    const child: ChildProcess = spawn(process.execPath, [script, folder.path, String(run)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    if (child.stdout === null) throw new Error('the child has a pipe');
    let last = -1;
    for await (const line of createInterface({ input: child.stdout })) {
      last = Number(line);
      if (last >= commits) break;
    }
    child.kill('SIGKILL');
    await once(child, 'exit');
    const report = await verifyTrail(folder.trail);
    expect(['intact', 'torn']).toContain(report.verdict);
    const number = report.chains[0]?.segments ?? 0;
    const ids = new Set(recordsOf(folder, number).map((record) => record['action']));
    for (let id = 0; id <= last; id += 1) expect(ids).toContain(`a_run${run}.${id}`);
  }
  const trail = await openTestTrail(folder);
  await trail.close();
  expect(['intact', 'torn']).toContain((await verifyTrail(folder.trail)).verdict);
});

/** A chain whose last segment ends as this leaves it, and then goes on. */
async function tornTrail(folder: Folder, tear: (path: string) => void): Promise<void> {
  const first = await openTestTrail(folder);
  first.append(action(1));
  first.append(action(2));
  await first.close();
  tear(segmentPath(folder, 1));
  const second = await openTestTrail(folder);
  second.append(action(3));
  await second.close();
}

const tears: readonly (readonly [string, (path: string) => void])[] = [
  ['half a record', (path) => truncateSync(path, statSync(path).size - 100)],
  ['a record without its line feed', (path) => truncateSync(path, statSync(path).size - 1)],
  ['one byte of a record', (path) => appendFileSync(path, '{')],
  [
    'what a power cut leaves',
    (path) => appendFileSync(path, Buffer.concat([Buffer.from('{"se'), Buffer.alloc(5000)])),
  ],
  ['more than a record can hold', (path) => appendFileSync(path, Buffer.alloc(3_000_000))],
  ['half a header', (path) => truncateSync(path, 100)],
  ['an empty file', (path) => truncateSync(path, 0)],
];

test.each(tears)('%s at the end is a crash, and the next segment tells of it', async (_, tear) => {
  using folder = new Folder();
  await tornTrail(folder, tear);
  const report = await verifyTrail(folder.trail);
  expect(report.verdict).toBe('torn');
  expect(report.chains[0]?.findings).toHaveLength(1);
  expect(report.chains[0]?.findings[0]).toMatchObject({
    kind: 'torn-record',
    file: 'gateway-1-000001.jsonl',
    message: expect.stringContaining('gateway-1-000002.jsonl tells'),
  });
  expect(report.chains[0]?.unsigned).toBeNull();
});

test('crashes in a row before any header was whole', async () => {
  using folder = new Folder();
  await (await openTestTrail(folder)).close();
  writeFileSync(segmentPath(folder, 2), '{"seq":3,');
  writeFileSync(segmentPath(folder, 3), '');
  await (await openTestTrail(folder)).close();
  expect(recordsOf(folder, 4)[0]).toMatchObject({
    torn: [
      { segment: 2, bytes: 9 },
      { segment: 3, bytes: 0 },
    ],
  });
  const report = await verifyTrail(folder.trail);
  expect(report.verdict).toBe('torn');
  expect(findingsOf(report)).toEqual([
    'torn-record gateway-1-000002.jsonl:1',
    'torn-record gateway-1-000003.jsonl:0',
  ]);
});

test.each<readonly [string, (path: string) => void]>([
  [
    'changed',
    (path) => {
      const bytes = readFileSync(path);
      bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
      writeFileSync(path, bytes);
    },
  ],
  ['shortened', (path) => truncateSync(path, statSync(path).size - 1)],
  ['lengthened', (path) => appendFileSync(path, 'x')],
  ['ended with a line feed', (path) => appendFileSync(path, '\n')],
])('torn bytes that were %s afterwards are tampering', async (_, change) => {
  using folder = new Folder();
  await tornTrail(folder, (path) => truncateSync(path, statSync(path).size - 100));
  change(segmentPath(folder, 1));
  const report = await verifyTrail(folder.trail);
  expect(report.verdict).toBe('tampered');
  expect(findingsOf(report).join()).toMatch(/changed-torn-bytes|changed-record/);
});

test('a chain whose last record was changed goes on behind the last whole one', async () => {
  using folder = new Folder();
  await tornTrail(folder, (path) => {
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, text.replace(/("signature":")./, '$1!'));
  });
  expect(recordsOf(folder, 2)[0]).toMatchObject({ seq: 4, previous: { lastSeq: 3 }, torn: [] });
  const report = await verifyTrail(folder.trail);
  expect(report.verdict).toBe('tampered');
  expect(findingsOf(report)[0]).toBe('changed-record gateway-1-000001.jsonl:4');
});

test('torn bytes that were taken away are tampering', async () => {
  using folder = new Folder();
  await tornTrail(folder, (path) => appendFileSync(path, '{"seq":'));
  const path = segmentPath(folder, 1);
  truncateSync(path, statSync(path).size - 7);
  const report = await verifyTrail(folder.trail);
  expect(findingsOf(report)).toEqual(['changed-torn-bytes gateway-1-000002.jsonl:1']);
});

test('a trail that is closed while the disk refuses says that it is not whole', async () => {
  using folder = new Folder();
  const { trail } = await trailWithClock(folder);
  closeDescriptorOf(segmentPath(folder, 1));
  rmSync(folder.trail, { recursive: true });
  trail.append(action(2));
  expect(await committed(trail)).toBe(false);
  await expect(trail.close()).rejects.toEqual(expect.objectContaining({ code: 'unavailable' }));
});
