import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { compactAboveBytes } from '../../../services/core/approvals/limits.ts';
import { EmbeddedApprovals } from '../../../services/core/approvals/store/embedded.ts';
import { holdId } from '../../../services/core/model/ids.ts';
import { maxOpenPerPrincipal } from './contract.ts';
import { type EmbeddedUnderTest, startEmbedded } from './embedded-store.ts';
import { ManualClock } from './manual-clock.ts';
import { bob, cleo, minuteMs, party, recordingLog, request } from './people.ts';

let store: EmbeddedUnderTest;
let approvals: EmbeddedApprovals;

beforeEach(async () => {
  store = await startEmbedded();
  approvals = store.approvals;
});
afterEach(() => store.stop());

describe('a restart', () => {
  test('withdraws what the clients of the dead process waited for, and keeps the rest', async () => {
    const waiting = request({ approval: { quorum: 2 } });
    const unused = request();
    const deferred = request({ owner: null, approval: { quorum: 2 } });
    const turned = request();
    const rejected = request({ requester: party('agent-2') });
    for (const hold of [waiting, unused, deferred, turned, rejected]) await approvals.open(hold);
    await approvals.vote(waiting.id, bob, 'approve', 'first');
    await approvals.vote(unused.id, bob, 'approve', '');
    await approvals.vote(deferred.id, bob, 'approve', 'first');
    await approvals.defer(turned.id);
    await approvals.vote(rejected.id, bob, 'reject', 'no');

    const next = store.reopen();
    const state = async (hold: { id: typeof waiting.id }) => (await next.show(hold.id))?.state;
    expect(await state(waiting)).toBe('withdrawn');
    expect(await state(unused)).toBe('withdrawn');
    expect(await state(deferred)).toBe('open');
    expect(await state(turned)).toBe('open');
    expect(await state(rejected)).toBe('rejected');
    expect(await next.vote(waiting.id, cleo, 'approve', '')).toEqual({ kind: 'refused', why: 'not-open' });
    expect(await next.vote(deferred.id, bob, 'approve', '')).toMatchObject({ why: 'already-voted' });
    expect(await next.vote(deferred.id, cleo, 'approve', '')).toMatchObject({ approvalsLeft: 0 });
    expect(await next.takeGrant([deferred.digest, ''])).toMatchObject({
      approvers: [party('bob'), party('cleo')],
    });
  });

  test('keeps grants, and does not bring back one that was used', async () => {
    const [kept, used] = [request({ owner: null }), request({ owner: null })];
    const window = { kind: 'window', forMs: 10 * minuteMs, covers: 'rule' } as const;
    const lasting = request({ approval: { grant: window } });
    for (const hold of [kept, used, lasting]) {
      await approvals.open(hold);
      await approvals.vote(hold.id, bob, 'approve', '');
    }
    expect(await approvals.takeGrant([used.digest, ''])).not.toBeNull();

    // Twice: once from what was appended, once from what that start has rewritten.
    store.reopen();
    const next = store.reopen();
    expect(await next.takeGrant([used.digest, ''])).toBeNull();
    expect(await next.takeGrant(['', lasting.ruleDigest])).toMatchObject({ hold: lasting.id });
    store.clock.advance(minuteMs);
    expect(await next.takeGrant([kept.digest, ''])).toBeNull();
    expect(await next.takeGrant(['', lasting.ruleDigest])).toMatchObject({ hold: lasting.id });
  });

  test('expires what ran out meanwhile', async () => {
    const hold = request({ owner: null });
    await approvals.open(hold);
    store.clock.advance(minuteMs);
    expect(await store.reopen().vote(hold.id, bob, 'approve', '')).toMatchObject({ why: 'expired' });
  });

  test('lists the same as before', async () => {
    const holds = [1, 2, 3, 4].map(() => request({ owner: null }));
    for (const hold of holds) await approvals.open(hold);
    if (holds[2]) await approvals.vote(holds[2].id, bob, 'reject', 'no');
    if (holds[0]) await approvals.withdraw(holds[0].id);
    const before = await approvals.list();
    store.reopen();
    expect(await store.reopen().list()).toEqual(before);
  });

  test('after kill -9 finds all that was answered', async () => {
    const fixture = join(import.meta.dirname, 'embedded-process.ts');
    const child = spawn(process.execPath, [fixture, store.journal], { stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    for await (const text of child.stdout.setEncoding('utf8')) {
      said += text;
      if (said.endsWith('\n')) break;
    }
    child.kill('SIGKILL');
    await once(child, 'exit');
    const [waiting = '', deferred = ''] = said.trim().split(' ');

    const next = store.reopen();
    expect(await next.show(holdId(waiting))).toMatchObject({ state: 'withdrawn' });
    expect(await next.vote(holdId(waiting), bob, 'approve', '')).toMatchObject({ why: 'not-open' });
    expect(await next.show(holdId(deferred))).toMatchObject({ state: 'open' });
  });
});

describe('the journal', () => {
  test('is for the gateway’s user alone, also when it was not', async () => {
    expect((await stat(store.journal)).mode & 0o777).toBe(0o600);
    await store.stop();
    store = await startEmbedded();
    await writeFile(store.journal, '', { mode: 0o644 });
    store.reopen();
    expect((await stat(store.journal)).mode & 0o777).toBe(0o600);
  });

  test('may end anywhere within its last line', async () => {
    const hold = request({ owner: null });
    await approvals.open(hold);
    const before = (await stat(store.journal)).size;
    await approvals.vote(hold.id, bob, 'reject', 'no');
    const whole = await readFile(store.journal);
    for (let size = before + 1; size < whole.length; size += 1) {
      await writeFile(store.journal, whole);
      await truncate(store.journal, size);
      expect(await store.reopen().show(hold.id)).toMatchObject({ state: 'open', votes: [] });
    }
    expect(store.lines.at(-1)).toMatch(/^warn the last line of the approvals journal was torn/);
    // Whole after all, but for what a file system adds to a file that was being written when the power went.
    await writeFile(store.journal, Buffer.concat([whole, Buffer.alloc(512)]));
    expect(await store.reopen().show(hold.id)).toMatchObject({ state: 'rejected' });
  });

  test('may end within its very first line', async () => {
    const whole = await readFile(store.journal);
    await truncate(store.journal, whole.length - 5);
    expect(await store.reopen().list()).toEqual([]);
    expect(await readFile(store.journal)).toEqual(whole);
  });

  test.each([
    ['no JSON', () => '{"kind":"deferred","hol'],
    ['another shape', () => '{"kind":"deferred"}'],
    ['an unknown kind', () => '{"kind":"approved","hold":"h_1"}'],
    ['an event of a hold that is not there', () => '{"kind":"deferred","hold":"h_1"}'],
    ['not UTF-8', () => Buffer.from([0x22, 0xff, 0x22])],
    ['a field that this version does not know', (line: string) => line.replace('{', '{"more":1,')],
    [
      'a condition on approvers that this version does not know',
      (line: string) => line.replace('"groups"', '"clearance":["secret"],"groups"'),
    ],
    ['a line twice', (line: string) => line],
  ])('with %s in its middle is refused, and the place is named', async (_name, damage) => {
    await approvals.open(request({ owner: null }));
    const text = await readFile(store.journal, 'utf8');
    const [header = '', line = ''] = text.split('\n');
    await appendFile(store.journal, Buffer.concat([Buffer.from(damage(line)), Buffer.from(`\n${line}\n`)]));
    const damaged = `line 3, from byte ${header.length + line.length + 2} on`;
    expect(() => store.reopen()).toThrow(
      expect.objectContaining({ code: 'corrupt', message: expect.stringContaining(damaged) }),
    );
  });

  test('of another version is refused', async () => {
    await writeFile(store.journal, '{"kind":"journal","version":2}\n');
    expect(() => store.reopen()).toThrow(expect.objectContaining({ code: 'corrupt' }));
  });

  test('that cannot be opened is a typed error', () => {
    const { log } = recordingLog();
    const journal = join(store.journal, 'not-a-folder');
    const open = () => new EmbeddedApprovals({ journal, maxOpenPerPrincipal, clock: new ManualClock(), log });
    expect(open).toThrow(expect.objectContaining({ code: 'unavailable' }));
  });

  test('is rewritten before it grows without end', async () => {
    const open = request({ owner: null, approval: { quorum: 2, withinMs: 30 * 24 * 60 * minuteMs } });
    await approvals.open(open);
    await approvals.vote(open.id, bob, 'approve', '');
    const text = 'x'.repeat(200_000);
    let largest = 0;
    for (let written = 0; written < 3 * compactAboveBytes; written += text.length) {
      const hold = request({ text, requester: party('agent-2') });
      await approvals.open(hold);
      await approvals.withdraw(hold.id);
      // A day later nothing of it is kept any more.
      store.clock.advance(60 * minuteMs);
      largest = Math.max(largest, (await stat(store.journal)).size);
    }
    expect(largest).toBeGreaterThan(compactAboveBytes - 2 * text.length);
    expect(largest).toBeLessThan(1.5 * compactAboveBytes);
    expect(await store.reopen().vote(open.id, cleo, 'approve', '')).toMatchObject({ approvalsLeft: 0 });
    expect((await stat(store.journal)).mode & 0o777).toBe(0o600);
  });

  test('TOK-043: is one process’s: when a second one opens it, the first can release nothing more', async () => {
    const [waiting, deferred] = [request(), request({ owner: null })];
    for (const hold of [waiting, deferred]) await approvals.open(hold);
    await approvals.vote(deferred.id, bob, 'approve', '');
    const outcome = approvals.outcome(waiting.id);
    const second = store.reopen();
    const unavailable = { code: 'unavailable', message: expect.stringContaining('another process') };
    await expect(approvals.takeGrant([deferred.digest, ''])).rejects.toMatchObject(unavailable);
    await expect(approvals.vote(waiting.id, bob, 'approve', '')).rejects.toMatchObject(unavailable);
    expect(await second.takeGrant([deferred.digest, ''])).not.toBeNull();
    await approvals.close();
    expect(await outcome).toEqual({ kind: 'withdrawn' });
  });

  test('that something else writes to is not written any more', async () => {
    const hold = request();
    await approvals.open(hold);
    await appendFile(store.journal, 'x');
    await expect(approvals.vote(hold.id, bob, 'approve', '')).rejects.toMatchObject({ code: 'unavailable' });
    await truncate(store.journal, 0);
    await expect(approvals.vote(hold.id, bob, 'approve', '')).rejects.toMatchObject({ code: 'unavailable' });
  });

  test('on a full disk changes nothing and releases nothing; with room again it goes on', async () => {
    const fixture = join(import.meta.dirname, 'full-disk-process.ts');
    // The limit on the size of a file stands in for a full disk: write(2) takes a part and then fails.
    const child = spawn(
      'bash',
      ['-c', 'ulimit -S -f 64; exec "$0" "$@"', process.execPath, fixture, store.journal],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    let said = '';
    for await (const text of child.stdout.setEncoding('utf8')) said += text;
    expect(JSON.parse(said)).toEqual({
      refusedVote: 'unavailable',
      stateAfterRefusedVote: 'open',
      waiterSettled: false,
      voteWithRoom: 'counted',
      outcome: 'released',
    });
    expect((await store.reopen().list()).map((hold) => hold.state)).toContain('used');
  });
});
