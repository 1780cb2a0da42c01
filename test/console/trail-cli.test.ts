import { generateKeyPairSync } from 'node:crypto';
import { appendFile, cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { keysFolder } from '../../services/core/audit/key-store.ts';
import { action } from '../core/policy/actors.ts';
import { type Finished, onTerminal, plain, program, rawControls, sallyport, start } from './cli.ts';
import { startConsole } from './gateway.ts';

let folder: string;
/** A trail that a gateway has written and closed, and that nobody has touched. */
let trail: string;
let segment: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-trail-cli-'));
  const gateway = await startConsole();
  const session = gateway.session('agent-7');
  for (let count = 0; count < 20; count += 1) session.submit(action(['select app.orders']), null);
  const { id } = await gateway.hold();
  await sallyport(['holds', 'reject', id, '--yes', '--reason', 'no\r\n{"kind":"hold-vote"}\u001b[2J\u202e'], {
    env: { SALLYPORT_SOCKET: gateway.socketPath, SALLYPORT_TOKEN: gateway.token('bob', 'dba') },
  });
  session.close('over');
  gateway.checkpoint.close();
  await gateway.trail.close();
  trail = join(folder, 'trail');
  await cp(join(gateway.stateDir, 'trail'), trail, { recursive: true });
  await cp(keysFolder(gateway.stateDir), join(folder, 'keys'), { recursive: true });
  segment = (await readdir(trail)).find((name) => name.endsWith('.jsonl')) ?? '';
  for (const name of await readdir(trail)) if (name !== segment) await rm(join(trail, name));
  await gateway.stop();
});

afterAll(() => rm(folder, { recursive: true }));

/** A copy in which somebody has changed the lines. */
async function copyWith(change: (lines: string[]) => readonly string[]): Promise<string> {
  const copy = await mkdtemp(join(folder, 'copy-'));
  const lines = (await readFile(join(trail, segment), 'utf8')).trimEnd().split('\n');
  await writeFile(
    join(copy, segment),
    change(lines)
      .map((line) => `${line}\n`)
      .join(''),
  );
  return copy;
}

const verify = (dir: string, ...more: string[]): Promise<Finished> =>
  sallyport(['trail', 'verify', '--dir', dir, ...more]);

describe('trail verify', () => {
  test('tells that nobody touched it, and what that is worth', async () => {
    const { status, stdout, stderr } = await verify(trail);
    expect(status).toBe(0);
    expect(stdout).toMatch(
      /^gateway-1 {2}intact\n {2}records {3}\d+ in 1 file up to .* UTC\n {2}signed {4}up to record \d+, by \d checkpoints?\n {2}key {7}\w{32} \(by the trail’s own word\)\nThe trail is intact\.\n$/,
    );
    expect(stderr).toContain('Nothing that was kept elsewhere was given');
    expect(JSON.parse((await verify(trail, '--json')).stdout)).toMatchObject({ verdict: 'intact' });
  });

  test('says where it was changed', async () => {
    const changed = await copyWith((lines) => lines.with(5, (lines[5] ?? '').replace('allow', 'deny')));
    const { status, stdout, stderr } = await verify(changed);
    expect(status).toBe(1);
    expect(stdout).toContain(`  ${segment}:6: record 6: changed-record: `);
    expect(stdout).toMatch(/The trail is TAMPERED WITH\.\n$/);
    expect(stderr).toBe('');
    const dropped = await copyWith((lines) => lines.toSpliced(5, 1));
    expect((await verify(dropped)).stdout).toMatch(/: missing-records: /);
    const json = await verify(dropped, '--json');
    expect([json.status, JSON.parse(json.stdout).verdict]).toEqual([1, 'tampered']);
  });

  test('tells a crash from tampering', async () => {
    const torn = await copyWith((lines) => lines);
    await appendFile(join(torn, segment), '{"seq":99,"at":"2026');
    const { status, stdout } = await verify(torn);
    expect(status).toBe(3);
    expect(stdout).toContain(
      'The trail is torn: a crash or a full disk left part of a record, and nothing else is wrong.',
    );
  });

  test('finds what was cut off at the end, by an anchor', async () => {
    const anchors = join(folder, 'anchors.jsonl');
    const anchored = await sallyport(['trail', 'anchor', '--dir', trail, '--to', anchors]);
    expect(anchored.stdout).toMatch(
      /^gateway-1: everything up to record \d+, [0-9a-f]{64}\nKept in .*anchors\.jsonl\.\n$/,
    );
    expect((await verify(trail, '--anchor', anchors)).stdout).toContain('  anchors   1 met\n');
    const cut = await copyWith((lines) => lines.slice(0, 8));
    expect((await verify(cut)).status).toBe(0);
    const found = await verify(cut, '--anchor', anchors);
    expect([found.status, found.stdout]).toEqual([1, expect.stringContaining(': cut-off: ')]);
    await writeFile(join(folder, 'no-anchors'), 'x\n');
    expect(await verify(trail, '--anchor', join(folder, 'no-anchors'))).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('no-anchors: line 1 of the anchor file is not an anchor'),
    });
    expect((await verify(trail, '--anchor', join(folder, 'absent'))).status).toBe(2);
  });

  test('believes the keys that are given, and no others', async () => {
    const keys = (await readdir(join(folder, 'keys'))).filter((name) => name.endsWith('.pub.pem'));
    const own = join(folder, 'keys', keys[0] ?? '');
    const given = await verify(trail, '--public-key', own);
    expect([given.status, given.stdout]).toEqual([0, expect.stringContaining('(given)')]);
    expect(given.stderr).toBe('');
    const other = join(folder, 'other.pem');
    await writeFile(other, generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }));
    expect(await verify(trail, '--public-key', other)).toMatchObject({
      status: 1,
      stdout: expect.stringContaining('untrusted-key'),
    });
    expect(await verify(trail, '--public-key', segment)).toMatchObject({ status: 2 });
  });

  test('says that there is none', async () => {
    expect(await verify(join(folder, 'absent'))).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(
        /^error: the trail's folder .* cannot be read \(ENOENT\)\nhint: Name the trail’s folder/,
      ),
    });
    const empty = await mkdtemp(join(folder, 'empty-'));
    expect(await verify(empty)).toMatchObject({ status: 3, stdout: `There is no trail in ${empty}.\n` });
  });

  test('is coloured on a terminal, and not with NO_COLOR', async () => {
    const args = ['trail', 'verify', '--dir', trail];
    const coloured = await onTerminal(args).finished;
    expect(coloured.stdout).not.toBe(plain(coloured.stdout).replaceAll('\n', '\r\n'));
    const without = await onTerminal(args, { env: { NO_COLOR: '1' } }).finished;
    expect(without.stdout).toBe(plain(without.stdout).replaceAll('\n', '\r\n'));
    expect(plain(coloured.stdout)).toBe(plain(without.stdout));
  });
});

describe('trail anchor', () => {
  test('does not vouch for a trail that was tampered with, or that nothing signs', async () => {
    const changed = await copyWith((lines) => lines.with(5, (lines[5] ?? '').replace('allow', 'deny')));
    const to = join(folder, 'never.jsonl');
    const refused = await sallyport(['trail', 'anchor', '--dir', changed, '--to', to]);
    expect(refused).toMatchObject({ status: 1, stderr: expect.stringContaining('error: Nothing was kept') });
    const unsigned = await copyWith((lines) => lines.slice(0, 2));
    expect(await sallyport(['trail', 'anchor', '--dir', unsigned, '--to', to])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('There is no signed checkpoint'),
    });
    await expect(readFile(to)).rejects.toThrow('ENOENT');
  });
});

describe('trail show', () => {
  const show = (...more: string[]): Promise<Finished> =>
    sallyport(['trail', 'show', '--dir', trail, ...more]);

  test('shows records, one a line', async () => {
    const { stdout } = await show('--kind', 'session-opened');
    expect(stdout).toMatch(
      /^\S+Z {2}session-opened {2}session=s_\S+ {2}listener=inside {2}source=10\.1\.2\.3:50000 {2}target=shop {2}principal=.*\n$/,
    );
    const last = await show('--last', '3');
    expect(last.stdout.trimEnd().split('\n')).toHaveLength(3);
    const session = /session=(s_\S+)/.exec(stdout)?.[1] ?? '';
    const ofSession = await show('--session', session, '--json');
    const records = ofSession.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    // Opened, and 20 actions; its end may have come after the trail was closed.
    expect(records.length).toBeGreaterThanOrEqual(21);
    expect(await show('--kind', 'no-such-kind')).toMatchObject({
      status: 0,
      stderr: 'There are no such records.\n',
    });
    expect((await show('--since', 'yesterday')).status).toBe(2);
  });

  test('TOK-057: a reason with line breaks and escapes is one record, and one line', async () => {
    const { stdout } = await show('--kind', 'hold-vote');
    expect(stdout.trimEnd().split('\n')).toHaveLength(1);
    expect(stdout).not.toMatch(rawControls);
    expect(stdout).toContain(String.raw`reason="no\r\n{\"kind\":\"hold-vote\"}\u001b[2J\u202e"`);
    const json = await show('--kind', 'hold-vote', '--json');
    expect(json.stdout).not.toMatch(rawControls);
    expect(JSON.parse(json.stdout).reason).toBe('no\r\n{"kind":"hold-vote"}\u001b[2J\u202e');
  });

  test('into a pipe that is closed early is no failure', async () => {
    const many = await copyWith((lines) => Array(200).fill(lines).flat());
    const piped = start('/bin/sh', ['-c', `${program} trail show --dir ${many} --json | head -n 1`], {
      input: '',
    });
    const { stdout, stderr } = await piped.finished;
    expect(stderr).toBe('');
    expect(stdout.split('\n')[0]).toMatch(/^\{"seq":1,/);
  });
});
