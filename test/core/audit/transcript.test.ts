import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from '@jest/globals';
import type { StoredEntry } from '../../../services/core/audit/transcript-format.ts';
import {
  checkTranscript,
  findTranscript,
  type ListedTranscript,
  listTranscripts,
  readTranscript,
} from '../../../services/core/audit/transcript-reader.ts';
import {
  TranscriptStore,
  type TranscriptStoreOptions,
} from '../../../services/core/audit/transcript-store.ts';
import { actionId, sessionId, targetName } from '../../../services/core/model/ids.ts';
import type { Transcript, TranscriptEntry } from '../../../services/core/model/transcript.ts';
import { Folder, MemoryLog, openTestTrail } from './fixtures.ts';
import { ManualClock } from './manual-clock.ts';

/** With more than the transcript is to hold: a Principal has claims. */
const principal = {
  issuer: 'https://id.example',
  subject: 'agent-7',
  kind: 'agent',
  actsFor: [{ issuer: 'https://id.example', subject: 'ann' }],
  claims: { email: 'ann@example.org' },
} as const;

const clockDay = '2026-11-21';

function openStore(folder: Folder, settings: Partial<TranscriptStoreOptions['settings']> = {}) {
  const clock = new ManualClock();
  const log = new MemoryLog();
  const store = new TranscriptStore({
    stateDir: folder.path,
    settings: { enabled: true, maxResultBytes: 1_000_000, maxSessionBytes: 10_000_000, ...settings },
    clock,
    log,
  });
  const open = (name: string): Transcript =>
    store.open({
      session: sessionId(`s_${name}`),
      principal,
      target: targetName('shop'),
      protocol: 'postgres',
    });
  return { store, clock, log, open };
}

const pathOf = (folder: Folder, name: string): string =>
  join(folder.path, 'transcripts', clockDay, `s_${name}.jsonl`);
const sha256 = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

async function entriesOf(path: string): Promise<readonly StoredEntry[]> {
  const entries: StoredEntry[] = [];
  for await (const entry of (await readTranscript(path)).entries()) entries.push(entry);
  return entries;
}
const kindsOf = async (path: string): Promise<readonly string[]> =>
  (await entriesOf(path)).map((entry) => entry.kind);

const id = (number: number) => actionId(`a_one.${number}`);
const statement = (number: number, text = `SELECT ${number}`): TranscriptEntry => ({
  kind: 'action',
  action: id(number),
  text,
  parameters: [],
  decision: 'allow',
  rule: 'agents/read',
  message: null,
});
const rows = (number: number, count: number, bytes = 100): TranscriptEntry => ({
  kind: 'result',
  action: id(number),
  columns: null,
  rows: Array.from({ length: count }, () => ['x'.repeat(bytes)]),
  status: null,
});
const status = (number: number, text: string): TranscriptEntry => ({
  kind: 'result',
  action: id(number),
  columns: null,
  rows: [],
  status: text,
});

/** Lets file operations that run come to their end: there is nothing that tells when the last one has. */
async function until(happened: () => boolean): Promise<void> {
  while (!happened()) await new Promise((resolve) => setImmediate(resolve));
}

test('a session is kept with its times, and its hash is that of its file', async () => {
  using folder = new Folder();
  const { clock, open } = openStore(folder);
  const transcript = open('one');
  const entries: readonly TranscriptEntry[] = [
    {
      kind: 'action',
      action: id(1),
      text: 'SELECT $1\n-- \u001b[2J\u202e',
      parameters: ['1', null],
      decision: 'allow',
      rule: 'agents/read',
      message: null,
    },
    {
      kind: 'result',
      action: id(1),
      columns: ['id', 'name'],
      rows: [
        ['1', null],
        ['2', 'é\u2028'],
      ],
      status: 'SELECT 2',
    },
    { kind: 'output', action: null, stream: 'notice', text: 'bye' },
  ];
  for (const entry of entries) {
    clock.advance(1500);
    transcript.append(entry);
  }
  const hash = await transcript.close();
  const path = pathOf(folder, 'one');
  expect(hash).toBe(sha256(path));
  const raw = readFileSync(path, 'utf8');
  expect(raw).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
  const { header } = await readTranscript(path);
  expect(header).toEqual({
    kind: 'header',
    format: 'sallyport-transcript-1',
    session: 's_one',
    principal: {
      issuer: 'https://id.example',
      subject: 'agent-7',
      kind: 'agent',
      actsFor: [{ issuer: 'https://id.example', subject: 'ann' }],
    },
    target: 'shop',
    protocol: 'postgres',
    started: '2026-11-21T12:00:00.000Z',
  });
  expect(await entriesOf(path)).toEqual([
    ...entries.map((entry, index) => ({ ms: 1500 * (index + 1), ...entry })),
    { ms: 4500, kind: 'end', linesLost: 0 },
  ]);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(statSync(dirname(path)).mode & 0o777).toBe(0o700);
});

test('opening touches no disk, and a session that did nothing leaves nothing', async () => {
  using folder = new Folder();
  const { clock, open, store } = openStore(folder);
  const transcript = open('one');
  const silent = open('two');
  transcript.append(statement(1));
  expect(await silent.close()).toBeNull();
  expect(existsSync(join(folder.path, 'transcripts'))).toBe(false);
  // After a while it is written, though the session goes on.
  clock.advance(500);
  await until(() => existsSync(pathOf(folder, 'one')) && statSync(pathOf(folder, 'one')).size > 0);
  expect(await kindsOf(pathOf(folder, 'one'))).toEqual(['action']);
  await store.close();
  expect(await kindsOf(pathOf(folder, 'one'))).toEqual(['action', 'end']);
});

test('when transcripts are disabled nothing is made and nothing is kept', async () => {
  using folder = new Folder();
  const { open, store } = openStore(folder, { enabled: false });
  const transcript = open('one');
  expect(open('two')).toBe(transcript);
  expect(transcript.maxResultBytes).toBe(0);
  transcript.append(statement(1));
  expect(await transcript.close()).toBeNull();
  await store.close();
  expect(readdirSync(folder.path)).toEqual([]);
});

test('what comes after the end is not kept', async () => {
  using folder = new Folder();
  const { open } = openStore(folder);
  const transcript = open('one');
  transcript.append(statement(1));
  const closed = transcript.close();
  transcript.append(statement(2));
  expect(transcript.close()).toBe(closed);
  expect(await closed).toBe(sha256(pathOf(folder, 'one')));
  expect(await kindsOf(pathOf(folder, 'one'))).toEqual(['action', 'end']);
});

test('a result that is too large is cut, once, and what follows is kept', async () => {
  using folder = new Folder();
  const { open } = openStore(folder, { maxResultBytes: 1000 });
  const transcript = open('one');
  expect(transcript.maxResultBytes).toBe(1000);
  transcript.append(statement(1));
  transcript.append({ kind: 'result', action: id(1), columns: ['x'], rows: [], status: null });
  for (let batch = 0; batch < 5; batch += 1) transcript.append(rows(1, 4));
  // Small enough by itself, but there is a hole before it.
  transcript.append(rows(1, 1, 1));
  // The engine may have stopped by itself, and says how much it left out.
  transcript.append({ kind: 'cut', action: id(1), rowsLeftOut: 100, bytesLeftOut: 5000 });
  transcript.append(status(1, 'SELECT 121'));
  transcript.append(statement(2));
  transcript.append(rows(2, 2));
  transcript.append({ kind: 'cut', action: id(2), rowsLeftOut: 7, bytesLeftOut: 70 });
  await transcript.close();
  const entries = await entriesOf(pathOf(folder, 'one'));
  expect(entries.map((entry) => entry.kind)).toEqual([
    ...['action', 'result', 'result', 'result', 'cut', 'result'],
    ...['action', 'result', 'cut', 'end'],
  ]);
  expect(entries[4]).toEqual({ ms: 0, kind: 'cut', action: id(1), rowsLeftOut: 113, bytesLeftOut: 6201 });
  expect(entries[8]).toEqual({ ms: 0, kind: 'cut', action: id(2), rowsLeftOut: 7, bytesLeftOut: 70 });
});

test('over the limit of a session results are left out, and statements are shortened', async () => {
  using folder = new Folder();
  const { open } = openStore(folder, { maxSessionBytes: 20_000 });
  const transcript = open('one');
  for (let number = 1; number <= 5; number += 1) {
    transcript.append(statement(number, 'y'.repeat(9000)));
    transcript.append(rows(number, 10));
    transcript.append({ kind: 'output', action: null, stream: 'notice', text: 'z'.repeat(5000) });
    transcript.append(status(number, 'OK'));
  }
  expect(transcript.maxResultBytes).toBe(0);
  await transcript.close();
  const entries = await entriesOf(pathOf(folder, 'one'));
  const texts = entries.flatMap((entry) =>
    entry.kind === 'action' ? [[entry.text.length, entry.leftOutCharacters]] : [],
  );
  expect(texts).toEqual([
    [9000, undefined],
    [9000, undefined],
    [8192, 808],
    [8192, 808],
    [8192, 808],
  ]);
  const done = entries.flatMap((entry) => (entry.kind === 'result' ? (entry.status ?? []) : []));
  expect(done).toEqual(['OK', 'OK', 'OK', 'OK', 'OK']);
  expect(entries.filter((entry) => entry.kind === 'output')).toHaveLength(1);
  const cuts = entries.filter((entry) => entry.kind === 'cut');
  expect(cuts).toContainEqual(
    expect.objectContaining({ action: id(5), rowsLeftOut: 10, bytesLeftOut: 1000 }),
  );
  expect(cuts).toContainEqual(expect.objectContaining({ action: null, bytesLeftOut: 5000 }));
});

test('no line is longer than a reader holds', async () => {
  using folder = new Folder();
  const { open } = openStore(folder);
  const transcript = open('one');
  transcript.append(statement(1, '\u2028'.repeat(400_000)));
  transcript.append(rows(1, 900, 1000));
  transcript.append({
    kind: 'action',
    action: id(2),
    text: 'x',
    parameters: Array(1000).fill('p'.repeat(1000)),
    decision: 'allow',
    rule: null,
    message: null,
  });
  transcript.append(rows(2, 1, 900_000));
  await transcript.close();
  const entries = await entriesOf(pathOf(folder, 'one'));
  expect(entries[0]).toMatchObject({ kind: 'action', leftOutCharacters: 400_000 - 8192 });
  const kept = entries.flatMap((entry) => (entry.kind === 'result' ? entry.rows : []));
  expect(kept).toHaveLength(900);
  expect(entries.at(-3)).toMatchObject({
    kind: 'action',
    action: id(2),
    leftOutCharacters: 1_000_000 - 32 * 256,
  });
  expect(entries.at(-2)).toMatchObject({ kind: 'cut', rowsLeftOut: 1, bytesLeftOut: 900_000 });
});

test('hundreds of sessions are written through a handful of descriptors', async () => {
  using folder = new Folder();
  const { clock, open, store } = openStore(folder);
  const openFiles = (): number =>
    readdirSync('/proc/self/fd').filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).startsWith(folder.path);
      } catch {
        // The descriptor that listed the folder is gone by now.
        return false;
      }
    }).length;
  const transcripts = Array.from({ length: 300 }, (_, number) => open(`n${number}`));
  for (const transcript of transcripts) transcript.append(statement(1));
  clock.advance(500);
  for (const transcript of transcripts) transcript.append(statement(2));
  const closing = transcripts.map((transcript) => transcript.close());
  let most = 0;
  let done = false;
  const all = Promise.all(closing).then((hashes) => {
    done = true;
    return hashes;
  });
  await until(() => {
    most = Math.max(most, openFiles());
    return done;
  });
  expect(most).toBeLessThanOrEqual(3);
  expect(openFiles()).toBe(0);
  for (const [number, hash] of (await all).entries()) expect(hash).toBe(sha256(pathOf(folder, `n${number}`)));
  await store.close();
});

/** A file that does not open until somebody reads it: a disk that has stopped answering. */
function stuckFile(path: string): { release(): void } {
  mkdirSync(dirname(path), { recursive: true });
  execFileSync('mkfifo', [path]);
  return {
    release: () => {
      const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
      rmSync(path);
      closeSync(fd);
    },
  };
}

test('a disk that does not answer costs results, not memory and not statements', async () => {
  using folder = new Folder();
  const { clock, open } = openStore(folder);
  const stuck = stuckFile(pathOf(folder, 'one'));
  const transcript = open('one');
  for (let number = 1; number <= 200; number += 1) {
    transcript.append(statement(number));
    for (let batch = 0; batch < 10; batch += 1) transcript.append(rows(number, 100));
    transcript.append(status(number, 'SELECT 1000'));
    clock.advance(100);
  }
  // Twenty megabytes came; one is kept.
  expect(transcript.maxResultBytes).toBe(0);
  expect('pendingBytes' in transcript ? transcript.pendingBytes : 0).toBeLessThan(1_200_000);
  stuck.release();
  const closed = transcript.close();
  // What was under way fails, and is tried again.
  let hash: string | null | undefined;
  closed.then((value) => {
    hash = value;
  });
  await until(() => {
    clock.advance(1);
    return hash !== undefined;
  });
  expect(hash).toBe(sha256(pathOf(folder, 'one')));
  const entries = await entriesOf(pathOf(folder, 'one'));
  expect(entries.filter((entry) => entry.kind === 'action')).toHaveLength(200);
  const keptRows = entries.flatMap((entry) => (entry.kind === 'result' ? entry.rows : [])).length;
  const cutRows = entries.reduce((sum, entry) => sum + (entry.kind === 'cut' ? entry.rowsLeftOut : 0), 0);
  expect(cutRows).toBeGreaterThan(100_000);
  expect(keptRows + cutRows).toBe(200_000);
});

test('when statements fill the memory, the process waits for the disk', async () => {
  using folder = new Folder();
  const { clock, open, store } = openStore(folder, { maxSessionBytes: 1e9 });
  const names = ['a', 'b', 'c'];
  const stuck = names.map((name) => stuckFile(pathOf(folder, name)));
  for (const name of names) open(name).append(statement(1));
  clock.advance(500);
  // All writers are stuck now, and this session’s statements come to more than may wait.
  const transcript = open('one');
  const count = 400;
  for (let number = 1; number <= count; number += 1)
    transcript.append(statement(number, 'x'.repeat(200_000)));
  expect(statSync(pathOf(folder, 'one')).size).toBeGreaterThan(64 * 1024 * 1024);
  for (const { release } of stuck) release();
  const hash = transcript.close();
  let closed = false;
  store.close().then(() => {
    closed = true;
  });
  await until(() => {
    clock.advance(1);
    return closed;
  });
  expect(await hash).toBe(sha256(pathOf(folder, 'one')));
  const entries = await entriesOf(pathOf(folder, 'one'));
  expect(entries.flatMap((entry) => (entry.kind === 'action' ? [entry.action] : []))).toEqual(
    Array.from({ length: count }, (_, index) => id(index + 1)),
  );
});

test('a disk that refuses is tried again, told of once, and given up when the session ends', async () => {
  using folder = new Folder();
  const { clock, open, log } = openStore(folder);
  const inTheWay = join(folder.path, 'transcripts', clockDay);
  mkdirSync(dirname(inTheWay), { recursive: true });
  writeFileSync(inTheWay, '');
  const [patient, hasty] = [open('patient'), open('hasty')];
  patient.append(statement(1));
  hasty.append(statement(1));
  let hash: string | null | undefined;
  hasty.close().then((value) => {
    hash = value;
  });
  await until(() => {
    clock.advance(50);
    return hash !== undefined;
  });
  expect(hash).toBeNull();
  const errors = log.lines.filter(({ level }) => level === 'error').map(({ message }) => message);
  expect(errors).toEqual([
    'transcripts cannot be written; results are left out',
    'lines of a transcript could not be written, and are lost',
  ]);
  // What gathers while the disk refuses is written when it does no more, with nothing new to set it off.
  patient.append(statement(2));
  rmSync(inTheWay);
  await until(() => {
    clock.advance(50);
    return (
      existsSync(pathOf(folder, 'patient')) &&
      readFileSync(pathOf(folder, 'patient'), 'utf8').includes('SELECT 2')
    );
  });
  const closed = patient.close();
  let done = false;
  closed.then(() => {
    done = true;
  });
  await until(() => {
    clock.advance(50);
    return done;
  });
  expect(await closed).toBe(sha256(pathOf(folder, 'patient')));
  expect(await kindsOf(pathOf(folder, 'patient'))).toEqual(['action', 'action', 'end']);
});

test('transcripts are listed newest first, and found by their session', async () => {
  using folder = new Folder();
  const { clock, open } = openStore(folder);
  for (const name of ['one', 'two', 'three']) {
    const transcript = open(name);
    transcript.append(statement(1));
    await transcript.close();
    clock.advance(24 * 3600 * 1000);
  }
  writeFileSync(join(folder.path, 'transcripts', 'notes.txt'), '');
  writeFileSync(join(folder.path, 'transcripts', clockDay, 'notes.txt'), '');
  const listed: ListedTranscript[] = [];
  for await (const transcript of listTranscripts(folder.path)) listed.push(transcript);
  expect(listed.map(({ session }) => session)).toEqual(['s_three', 's_two', 's_one']);
  expect(listed[2]).toMatchObject({
    path: pathOf(folder, 'one'),
    bytes: statSync(pathOf(folder, 'one')).size,
  });
  const since: string[] = [];
  for await (const { session } of listTranscripts(folder.path, { sinceMs: Date.UTC(2026, 10, 22, 23) }))
    since.push(session);
  expect(since).toEqual(['s_three', 's_two']);
  expect(await findTranscript(folder.path, sessionId('s_one'))).toBe(pathOf(folder, 'one'));
  for (const name of ['s_four', '../../keys/trail.pem', 's_one.jsonl', '']) {
    expect(await findTranscript(folder.path, sessionId(name))).toBeNull();
  }
  using empty = new Folder();
  for await (const transcript of listTranscripts(empty.path)) expect(transcript).toBe('none');
});

test('a transcript is checked against the trail', async () => {
  using folder = new Folder();
  const { open } = openStore(folder);
  const trail = await openTestTrail(folder);
  const [transcript, other] = [open('one'), open('two')];
  transcript.append(statement(1));
  other.append(statement(1, 'DROP TABLE x'));
  const path = pathOf(folder, 'one');
  const transcriptSha256 = await transcript.close();
  await other.close();
  const check = (): Promise<string> => checkTranscript(path, folder.trail);
  expect(await check()).toBe('not-recorded');
  trail.append({ kind: 'session-closed', session: sessionId('s_one'), why: 'left', transcriptSha256 });
  await trail.close();
  expect(await check()).toBe('intact');
  const text = readFileSync(path, 'utf8');
  writeFileSync(path, text.replace('SELECT 1', 'SELECT 2'));
  expect(await check()).toBe('changed');
  // Another session's transcript in its place.
  writeFileSync(path, readFileSync(pathOf(folder, 'two')));
  expect(await check()).toBe('changed');
  writeFileSync(path, text);
  expect(await check()).toBe('intact');
});

test('what is no transcript is a typed error, and damaged lines are passed over', async () => {
  using folder = new Folder();
  const { open } = openStore(folder);
  const transcript = open('one');
  transcript.append(statement(1));
  await transcript.close();
  const path = pathOf(folder, 'one');
  const text = readFileSync(path, 'utf8');
  const bad = [
    '{"ms":"x","kind":"action"}',
    '{"ms":1,"kind":"result","action":"a","rows":[[{}]]}',
    '{"ms":-1,"kind":"end","linesLost":0}',
    '{"ms":1,"kind":"new"}',
    '{',
    'null',
  ];
  writeFileSync(path, `${text}${bad.join('\n')}\n{"ms":1,"ki`);
  expect(await kindsOf(path)).toEqual(['action', 'end']);
  for (const content of ['', '\n', '{}\n', text.replace('transcript-1', 'transcript-2')]) {
    writeFileSync(path, content);
    await expect(readTranscript(path)).rejects.toEqual(expect.objectContaining({ code: 'bad-transcript' }));
  }
  await expect(readTranscript(join(folder.path, 'none'))).rejects.toEqual(
    expect.objectContaining({ code: 'unavailable' }),
  );
});
