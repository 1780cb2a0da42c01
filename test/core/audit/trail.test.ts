import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import type { Anchor } from '../../../services/core/audit/anchor.ts';
import { AuditError } from '../../../services/core/audit/errors.ts';
import { verifyTrail } from '../../../services/core/audit/verify.ts';
import { actionId } from '../../../services/core/model/ids.ts';
import { action, actionEnded, committed, Folder, MemoryLog, openTestTrail, session } from './fixtures.ts';
import { ManualClock } from './manual-clock.ts';

const segmentText = (folder: Folder, number = 1): string =>
  readFileSync(join(folder.trail, `gateway-1-${String(number).padStart(6, '0')}.jsonl`), 'utf8');
const segmentLines = (folder: Folder, number = 1): readonly string[] =>
  segmentText(folder, number).split('\n').slice(0, -1);
const records = (folder: Folder, number = 1): readonly Record<string, unknown>[] =>
  segmentLines(folder, number).map((line) => JSON.parse(line) as Record<string, unknown>); // its shape is what is tested
const kinds = (folder: Folder, number = 1): readonly unknown[] =>
  records(folder, number).map((record) => record['kind']);
test('a record is a line of JSON, chained to the one before by the hash of its bytes', async () => {
  using folder = new Folder();
  const trail = await openTestTrail(folder);
  trail.append(action(1));
  trail.append(action(2));
  expect(await committed(trail)).toBe(true);
  const lines = segmentLines(folder);
  expect(lines).toHaveLength(3);
  let prev = '0'.repeat(64);
  for (const [index, line] of lines.entries()) {
    const record = JSON.parse(line) as Record<string, unknown>; // its shape is what is tested
    expect(Object.keys(record).slice(0, 3)).toEqual(['seq', 'at', 'kind']);
    expect(Object.keys(record).slice(-2)).toEqual(['prev', 'hash']);
    expect(record).toMatchObject({ seq: index + 1, at: '2026-11-21T12:00:00.000Z', prev });
    const covered = line.slice(0, line.lastIndexOf(',"hash":'));
    expect(record['hash']).toBe(createHash('sha256').update(covered).digest('hex'));
    prev = String(record['hash']);
  }
  expect(JSON.parse(lines[1] ?? '')).toMatchObject(action(1));
  await trail.close();
});

test('the chain begins with its name and the public key, and its files are its own', async () => {
  using folder = new Folder();
  const trail = await openTestTrail(folder);
  await trail.close();
  const keys = readdirSync(join(folder.path, 'keys'));
  const [genesis] = records(folder);
  expect(genesis).toMatchObject({ kind: 'genesis', chain: 'gateway-1', segment: 1, torn: [] });
  const publicPem = readFileSync(join(folder.path, 'keys', `trail-${genesis?.['keyId']}.pub.pem`), 'utf8');
  expect(publicPem.replaceAll(/-----.*-----|\n/g, '')).toBe(genesis?.['publicKey']);
  expect(keys).toContain('trail.pem');
  const mode = (...path: string[]): number => statSync(join(folder.path, ...path)).mode & 0o777;
  expect([mode('keys'), mode('keys', 'trail.pem')]).toEqual([0o700, 0o600]);
  expect([mode('trail'), mode('trail', 'gateway-1-000001.jsonl')]).toEqual([0o700, 0o600]);
});

test('one write serves all sessions of a turn; everybody is told after it, whoever throws', () => {
  using folder = new Folder();
  const script = join(import.meta.dirname, 'turn-process.ts');
  const { stdout, stderr } = spawnSync(process.execPath, [script, folder.path], { encoding: 'utf8' });
  expect(stderr).toBe('');
  const { first, ...rest } = JSON.parse(stdout) as { first: { writes: number; lines: number } }; // printed by the script
  expect(rest).toEqual({ toldInTheTurn: 0, told: 50, bug: 'a bug' });
  expect(first.lines).toBe(51);
  // Wake-ups of Node's own threads are counted too; there are a few when the machine is busy.
  expect(first.writes).toBeLessThan(10);
});

test('ends of actions share a record, and stand before the end of their session', async () => {
  using folder = new Folder();
  const clock = new ManualClock();
  const trail = await openTestTrail(folder, { clock, settings: { checkpointEveryRecords: 1000 } });
  const closed = {
    kind: 'session-closed',
    session: session('one'),
    why: 'done',
    transcriptSha256: null,
  } as const;
  trail.append(action(1));
  trail.append(actionEnded(1));
  trail.append(action(2));
  trail.append(actionEnded(2));
  expect(await committed(trail)).toBe(true);
  expect(kinds(folder)).toEqual(['genesis', 'action', 'action']);
  // Nobody waits for them, and a few milliseconds later they are there all the same.
  clock.advance(5);
  expect(kinds(folder)).toEqual(['genesis', 'action', 'action', 'actions-ended']);
  expect(records(folder).at(-1)).toMatchObject({ ended: [actionEnded(1), actionEnded(2)] });
  trail.append(actionEnded(3));
  trail.append(closed);
  for (let number = 4; number < 4 + 201; number += 1) trail.append(actionEnded(number));
  await trail.close();
  expect(kinds(folder).slice(4)).toEqual([
    'actions-ended',
    'session-closed',
    'actions-ended',
    'actions-ended',
    'checkpoint',
  ]);
  expect(await verifyTrail(folder.trail)).toMatchObject({ verdict: 'intact' });
});

test('no text can forge a record', async () => {
  using folder = new Folder();
  const trail = await openTestTrail(folder);
  const forged = '"}\n{"seq":99,"at":"2026-11-21T12:00:00.000Z","kind":"hold-vote","verdict":"approve"}\r\n';
  const characters = Array.from({ length: 0x500 }, (_, code) => String.fromCharCode(code)).join('');
  const hidden = '\u2028\u2029\u0085\u202e\u200b\ufeff\u{e0041}\ud800 \u001b[2J\u009b2J';
  const text = forged + characters + hidden;
  trail.append(action(1, { text, parameters: [text, null, '=cmd|calc'], effects: [text] }));
  trail.append(action(2, { text: 'nothing but ASCII \x7f' }));
  expect(await committed(trail)).toBe(true);
  const raw = segmentText(folder);
  expect(raw.split('\n')).toHaveLength(4);
  // What any viewer takes for a line's end, a terminal for a command, or nobody sees, is not in the file.
  expect(raw).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
  expect(records(folder)[1]).toMatchObject({ text, parameters: [text, null, '=cmd|calc'] });
  await trail.close();
  expect((await verifyTrail(folder.trail)).verdict).toBe('intact');
});

test('a record that is too large is cut and says so', async () => {
  using folder = new Folder();
  const trail = await openTestTrail(folder);
  const effects = Array.from({ length: 50_000 }, (_, number) => `select app.t${number}`);
  trail.append(action(1, { effects, text: '\u2028'.repeat(300_000) }));
  trail.append(action(2));
  expect(await committed(trail)).toBe(true);
  const [, large, next] = records(folder);
  expect(large).toMatchObject({ kind: 'action', action: 'a_one.1', shortened: expect.any(Number) });
  expect(large?.['effects']).toHaveLength(32);
  expect(next).toMatchObject({ action: 'a_one.2' });
  expect(next).not.toHaveProperty('shortened');
  await trail.close();
  expect((await verifyTrail(folder.trail)).verdict).toBe('intact');
});

test('a turn that brings more than a batch holds is written in pieces', async () => {
  using folder = new Folder();
  const trail = await openTestTrail(folder, { settings: { segmentBytes: 100_000_000 } });
  for (let number = 1; number <= 20_000; number += 1) trail.append(action(number));
  expect(await committed(trail)).toBe(true);
  await trail.close();
  const report = await verifyTrail(folder.trail);
  expect(report).toMatchObject({ verdict: 'intact', chains: [{ records: 22_002 }] });
});

test('a checkpoint is signed after so many records, and after so much time', async () => {
  using folder = new Folder();
  const clock = new ManualClock();
  const anchors: Anchor[] = [];
  const trail = await openTestTrail(folder, {
    clock,
    settings: { checkpointEveryRecords: 5, checkpointEveryMs: 1000 },
    onCheckpoint: (anchor) => anchors.push(anchor),
  });
  for (let number = 1; number <= 5; number += 1) trail.append(action(number));
  await committed(trail);
  expect(kinds(folder)).toEqual(['genesis', ...Array(4).fill('action'), 'checkpoint', 'action']);
  clock.advance(999);
  await committed(trail);
  expect(records(folder)).toHaveLength(7);
  clock.advance(1);
  await committed(trail);
  expect(kinds(folder).slice(6)).toEqual(['action', 'checkpoint']);
  // While nothing comes in there is nothing to sign.
  clock.advance(60_000);
  await committed(trail);
  expect(records(folder)).toHaveLength(8);
  await trail.close();
  expect(anchors.map((anchor) => anchor.seq)).toEqual([5, 7]);
  expect(anchors[1]).toMatchObject({ chain: 'gateway-1', hash: records(folder)[6]?.['hash'] });
  const report = await verifyTrail(folder.trail, { anchors });
  expect(report.chains[0]).toMatchObject({
    verdict: 'intact',
    checkpoints: 2,
    anchorsMet: 2,
    unsigned: null,
  });
  expect(report.chains[0]?.verifiedThrough).toEqual(anchors[1]);
});

test('segments are closed with a checkpoint and go on where the last one ended', async () => {
  using folder = new Folder();
  const trail = await openTestTrail(folder, { settings: { segmentBytes: 4000 } });
  for (let number = 1; number <= 40; number += 1) {
    trail.append(action(number));
    await committed(trail);
  }
  await trail.close();
  const report = await verifyTrail(folder.trail);
  expect(report).toMatchObject({ verdict: 'intact', otherFiles: [] });
  const segments = report.chains[0]?.segments ?? 0;
  expect(segments).toBeGreaterThan(3);
  for (let number = 2; number <= segments; number += 1) {
    const last = records(folder, number - 1).at(-1);
    expect(last?.['kind']).toBe('checkpoint');
    expect(records(folder, number)[0]).toMatchObject({
      kind: 'segment',
      segment: number,
      why: 'size',
      previous: { segment: number - 1, lastSeq: last?.['seq'], lastHash: last?.['hash'] },
    });
  }
});

test('a header is signed like any other record', async () => {
  using folder = new Folder();
  const trail = await openTestTrail(folder, { settings: { segmentBytes: 1 } });
  trail.append(action(1));
  await committed(trail);
  expect(kinds(folder, 2)).toEqual(['segment']);
  await trail.close();
  expect(await verifyTrail(folder.trail)).toMatchObject({ verdict: 'intact', chains: [{ unsigned: null }] });
});

test('a restart goes on with the chain in a new segment', async () => {
  using folder = new Folder();
  for (const run of [1, 2, 3]) {
    const trail = await openTestTrail(folder);
    trail.append(action(run));
    await committed(trail);
    await trail.close();
  }
  expect(records(folder, 2)[0]).toMatchObject({ kind: 'segment', why: 'started', seq: 4 });
  const report = await verifyTrail(folder.trail);
  expect(report).toMatchObject({ verdict: 'intact', chains: [{ segments: 3, records: 9, lastSeq: 9 }] });
});

test('a chain has one writer', async () => {
  using folder = new Folder();
  const trail = await openTestTrail(folder);
  const refused = expect.objectContaining({ code: 'chain-locked' });
  await expect(openTestTrail(folder)).rejects.toEqual(refused);
  // Another process, too.
  const source = `
    import { lockChain } from ${JSON.stringify(join(import.meta.dirname, '../../../services/core/audit/chain-lock.ts'))};
    try { lockChain(${JSON.stringify(folder.trail)}, 'gateway-1'); console.log('locked'); }
    catch (error) { console.log(error.code); }`;
  const other = (): string =>
    spawnSync(process.execPath, ['--input-type=module', '-e', source], { encoding: 'utf8' }).stdout.trim();
  expect(other()).toBe('chain-locked');
  const second = await openTestTrail(folder, { chain: 'gateway-2' });
  await second.close();
  await trail.close();
  expect(other()).toBe('locked');
  // That process has died without a word, and is in nobody's way.
  await (await openTestTrail(folder)).close();
  const report = await verifyTrail(folder.trail);
  expect(report.chains.map(({ chain, verdict }) => `${chain} ${verdict}`)).toEqual([
    'gateway-1 intact',
    'gateway-2 intact',
  ]);
});

test.each(['', '../x', 'a/b', 'A', '.hidden', 'x'.repeat(65), 'a\nb'])('%j names no chain', async (chain) => {
  using folder = new Folder();
  await expect(openTestTrail(folder, { chain })).rejects.toBeInstanceOf(AuditError);
});

test('what comes after the end is not committed, and is told', async () => {
  using folder = new Folder();
  const log = new MemoryLog();
  const trail = await openTestTrail(folder, { log });
  await trail.close();
  await trail.close();
  trail.append({
    kind: 'session-closed',
    session: session('one'),
    why: 'late',
    transcriptSha256: null,
  });
  expect(trail.writable).toBe(false);
  expect(await committed(trail)).toBe(false);
  expect(log.lines).toEqual([
    expect.objectContaining({ level: 'error', fields: { kind: 'session-closed' } }),
  ]);
});

test('a state folder that cannot be used is a typed error', async () => {
  using folder = new Folder();
  const stateDir = join(folder.path, 'file');
  writeFileSync(stateDir, '');
  await expect(openTestTrail(folder, { stateDir })).rejects.toEqual(
    expect.objectContaining({ code: 'unavailable' }),
  );
});

test('telemetry hears how long records waited', async () => {
  using folder = new Folder();
  const clock = new ManualClock();
  const heard: (readonly [number, number])[] = [];
  const trail = await openTestTrail(folder, {
    clock,
    telemetry: { enabled: true, trailCommitted: (lagMs, count) => heard.push([lagMs, count]) },
  });
  trail.append(action(1));
  trail.append({
    kind: 'grant-used',
    grant: 'g_1',
    hold: 'h_1' as never, // a brand only
    action: actionId('a_one.2'),
    session: session('one'),
  });
  clock.advance(3);
  await committed(trail);
  expect(heard).toEqual([[3, 2]]);
  await trail.close();
});
