import { createHash } from 'node:crypto';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { linesOf } from '../../../services/core/audit/line-reader.ts';
import { readTrail, type TrailFilter } from '../../../services/core/audit/read.ts';
import { action, actionEnded, committed, Folder, openTestTrail, session } from './fixtures.ts';
import { ManualClock } from './manual-clock.ts';

async function read(folder: Folder, filter: TrailFilter): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const record of readTrail(folder.trail, filter)) {
    found.push(record.kind === 'action' ? `${record.session} ${record.action.split('.')[1]}` : record.kind);
  }
  return found;
}

/** Two processes, two sessions, a record a second. */
async function writeTrail(folder: Folder): Promise<ManualClock> {
  const clock = new ManualClock();
  const settings = { segmentBytes: 3000 };
  const one = await openTestTrail(folder, { clock, settings });
  const two = await openTestTrail(folder, { clock, settings, chain: 'gateway-2' });
  for (let number = 0; number < 40; number += 1) {
    const [trail, name] = number % 2 === 0 ? [one, 'even'] : [two, 'odd'];
    trail.append(action(number, { session: session(name) }));
    await committed(trail);
    clock.advance(1000);
  }
  await one.close();
  await two.close();
  return clock;
}

test('records of all chains come in the order of their time, and as the filter says', async () => {
  using folder = new Folder();
  const clock = await writeTrail(folder);
  const numbers = (from: number, to: number, step = 1): readonly string[] =>
    Array.from({ length: Math.ceil((to - from) / step) }, (_, index) => from + index * step).map(
      (number) => `s_${number % 2 === 0 ? 'even' : 'odd'} ${number}`,
    );
  const kinds = ['action'] as const;
  expect(await read(folder, { kinds })).toEqual(numbers(0, 40));
  expect(await read(folder, { session: session('even') })).toEqual(numbers(0, 40, 2));
  expect(await read(folder, { chain: 'gateway-2', kinds })).toEqual(numbers(1, 40, 2));
  const sinceMs = clock.nowMs() - 5000;
  expect(await read(folder, { kinds, sinceMs })).toEqual(numbers(35, 40));
  expect(await read(folder, { kinds, untilMs: sinceMs })).toEqual(numbers(0, 36));
  expect(await read(folder, { kinds, sinceMs, untilMs: sinceMs + 1000, session: session('odd') })).toEqual(
    numbers(35, 36),
  );
  expect(await read(folder, { kinds: ['hold-vote'] })).toEqual([]);
  expect(await read(folder, { kinds: ['genesis'] })).toEqual(['genesis', 'genesis']);
  // A session's id within somebody's text is no record of that session.
  expect(await read(folder, { session: session('even 0') })).toEqual([]);
});

test('ends of actions come one by one, though they share a line', async () => {
  using folder = new Folder();
  const trail = await openTestTrail(folder);
  for (const number of [1, 2, 3]) trail.append(actionEnded(number, number === 2 ? 'two' : 'one'));
  await trail.close();
  const ends = [];
  for await (const record of readTrail(folder.trail, { session: session('one') })) ends.push(record);
  const frame = {
    seq: 2,
    at: '2026-11-21T12:00:00.000Z',
    prev: expect.any(String),
    hash: expect.any(String),
  };
  expect(ends).toEqual([1, 3].map((number) => ({ ...actionEnded(number), ...frame })));
  expect(await read(folder, { kinds: ['action-ended'] })).toHaveLength(3);
});

test('a reader may stop when it has seen enough', async () => {
  using folder = new Folder();
  await writeTrail(folder);
  for await (const record of readTrail(folder.trail, { kinds: ['action'] })) {
    expect(record).toMatchObject({ kind: 'action', action: 'a_one.0' });
    break;
  }
});

test('damaged and unfinished lines are passed over', async () => {
  using folder = new Folder();
  await writeTrail(folder);
  const path = join(folder.trail, 'gateway-1-000001.jsonl');
  const lines = readFileSync(path, 'utf8').split('\n');
  writeFileSync(path, lines.with(1, `${lines[1]?.slice(0, 40)}`).join('\n'));
  appendFileSync(path, 'null\n17\n"text"\n{}\n{"seq":9');
  expect(await read(folder, { kinds: ['action'], session: session('even') })).toHaveLength(19);
  expect(await read(folder, {})).not.toContain(undefined);
});

test('a line without end is not held in memory', async () => {
  using folder = new Folder();
  const path = join(folder.path, 'long');
  const long = Buffer.alloc(20_000_000, 'x');
  writeFileSync(path, Buffer.concat([Buffer.from('one\n'), long, Buffer.from('\nthree\nfour')]));
  const lines: string[] = [];
  for await (const chunk of linesOf(path)) {
    for (const line of chunk) {
      const text = line.content?.toString() ?? line.sha256();
      lines.push(`${line.number} ${line.offset} ${line.bytes} ${line.terminated} ${text}`);
    }
  }
  expect(lines).toEqual([
    '1 0 3 true one',
    `2 4 20000000 true ${createHash('sha256').update(long).digest('hex')}`,
    '3 20000005 5 true three',
    '4 20000011 4 false four',
  ]);
});

test('a folder that is not there is a typed error', async () => {
  using folder = new Folder();
  await expect(read(folder, {})).rejects.toEqual(expect.objectContaining({ code: 'unavailable' }));
});
