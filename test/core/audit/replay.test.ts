import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type ReplayOptions, replay } from '../../../services/core/audit/replay.ts';
import { readTranscript } from '../../../services/core/audit/transcript-reader.ts';
import { Folder } from './fixtures.ts';
import { ManualClock } from './manual-clock.ts';

const header = {
  kind: 'header',
  format: 'sallyport-transcript-1',
  session: 's_one',
  principal: { issuer: 'i', subject: 'agent-7', kind: 'agent', actsFor: [{ issuer: 'i', subject: 'ann' }] },
  target: 'shop',
  protocol: 'postgres',
  started: '2026-11-21T12:00:00.000Z',
};
const title = '-- session s_one, 2026-11-21T12:00:00.000Z\n-- agent-7 (agent) for ann on shop (postgres)\n';
const end = { ms: 9000, kind: 'end', linesLost: 0 };

/** Runs every pause at once, and remembers how long it was. */
class Pauses extends ManualClock {
  readonly ms: number[] = [];

  override after(delayMs: number, run: () => void) {
    this.ms.push(delayMs);
    const timer = super.after(delayMs, run);
    queueMicrotask(() => this.advance(delayMs));
    return timer;
  }
}

async function play(lines: readonly object[], options: Partial<ReplayOptions> = {}, head: object = header) {
  using folder = new Folder();
  const path = join(folder.path, 'day', 's_one.jsonl');
  mkdirSync(dirname(path));
  writeFileSync(path, [head, ...lines].map((line) => `${JSON.stringify(line)}\n`).join(''));
  const clock = new Pauses();
  let shown = '';
  const { complete } = await replay(await readTranscript(path), {
    speed: Number.POSITIVE_INFINITY,
    clock,
    write: (text) => {
      shown += text;
    },
    ...options,
  });
  return { shown: shown.replace(title, ''), complete, pauses: clock.ms };
}

test('a session looks as it looked to its client', async () => {
  const { shown, complete } = await play([
    {
      ms: 0,
      kind: 'action',
      action: 'a_one.1',
      text: 'SELECT id, name\n  FROM users\n WHERE id < $1',
      parameters: ['3', null],
      decision: 'allow',
      rule: 'agents/read',
      message: null,
    },
    { ms: 2, kind: 'result', action: 'a_one.1', columns: ['id', 'name', 'e-mail'], rows: [], status: null },
    {
      ms: 2,
      kind: 'result',
      action: 'a_one.1',
      columns: null,
      rows: [
        ['1', 'Ann', '***'],
        ['2', '日本', null],
      ],
      status: null,
    },
    {
      ms: 2,
      kind: 'result',
      action: 'a_one.1',
      columns: null,
      rows: [['17', '', 'two\nlines']],
      status: null,
    },
    { ms: 3, kind: 'result', action: 'a_one.1', columns: null, rows: [], status: 'SELECT 3' },
    {
      ms: 4,
      kind: 'action',
      action: 'a_one.2',
      text: 'DROP TABLE users',
      parameters: [],
      decision: 'deny',
      rule: 'agents/no-drop',
      message: 'Refused: DROP.',
    },
    {
      ms: 5,
      kind: 'output',
      action: 'a_one.2',
      stream: 'error',
      text: 'ERROR:  Refused: DROP.\nHINT:  Ask.\n',
    },
    {
      ms: 6,
      kind: 'action',
      action: 'a_one.3',
      text: 'SELECT 1',
      parameters: [],
      decision: 'allow',
      rule: null,
      message: null,
    },
    {
      ms: 7,
      kind: 'action',
      action: 'a_one.4',
      text: 'UPDATE t SET x = 1',
      parameters: [],
      decision: 'hold',
      rule: 'agents/update',
      message: null,
    },
    { ms: 7, kind: 'result', action: 'a_one.3', columns: ['?column?'], rows: [], status: null },
    { ms: 7, kind: 'result', action: 'a_one.3', columns: null, rows: [['1']], status: null },
    { ms: 8, kind: 'cut', action: 'a_one.3', rowsLeftOut: 12, bytesLeftOut: 345 },
    { ms: 8, kind: 'output', action: null, stream: 'notice', text: 'bye' },
    end,
  ]);
  expect(complete).toBe(true);
  expect(shown).toBe(`
shop=> SELECT id, name
shop->   FROM users
shop->  WHERE id < $1
-- parameter 1: 3
-- parameter 2: NULL
-- allowed by agents/read
 id | name | e-mail
----+------+------------------
 1  | Ann  | ***
 2  | 日本 | ⟨NULL⟩
 17 |      | two⟨U+000A⟩lines
(3 rows)
SELECT 3

shop=> DROP TABLE users
-- refused by agents/no-drop: Refused: DROP.
ERROR:  Refused: DROP.
HINT:  Ask.

shop=> SELECT 1
-- allowed

shop=> UPDATE t SET x = 1
-- held by agents/update
-- of action 3
 ?column?
----------
 1
(1 row)
-- left out of the transcript: 12 rows, 345 bytes
bye
-- end of the session
`);
});

test('widths are bounded, and hold for rows that come later', async () => {
  const long = 'x'.repeat(500);
  const { shown } = await play(
    [
      { ms: 0, kind: 'result', action: 'a_one.1', columns: ['short', 'long'], rows: [], status: null },
      { ms: 0, kind: 'result', action: 'a_one.1', columns: null, rows: [['abc', long]], status: null },
      {
        ms: 5000,
        kind: 'result',
        action: 'a_one.1',
        columns: null,
        rows: [['abcdefghijk', 'y', 'beyond the names']],
        status: null,
      },
      end,
    ],
    { speed: 1 },
  );
  const lines = shown.split('\n');
  expect(lines[1]).toBe(` short | long${' '.repeat(56)}`.trimEnd());
  expect(lines[2]).toBe(`${'-'.repeat(7)}+${'-'.repeat(62)}`);
  expect(lines[3]).toBe(` abc   | ${'x'.repeat(59)}…`);
  expect(lines[4]).toBe(` abcd… | y${' '.repeat(59)} | beyond the names`);
  expect(lines[5]).toBe('(2 rows)');
});

test.each<readonly [string, Partial<ReplayOptions>, readonly number[]]>([
  ['as it was, but for long pauses', { speed: 1 }, [100, 2000, 400]],
  ['twice as fast', { speed: 2 }, [50, 1000, 200]],
  ['with every pause', { speed: 1, maxPauseMs: null }, [100, 3_600_000, 400]],
  ['with short pauses', { speed: 0.5, maxPauseMs: 300 }, [200, 600, 600]],
  ['at once', { speed: Number.POSITIVE_INFINITY }, []],
])('the timing is kept: %s', async (_, options, pauses) => {
  const output = (ms: number) => ({ ms, kind: 'output', action: null, stream: 'data', text: 'x' });
  const played = await play(
    [
      output(0),
      output(100),
      output(100.2),
      output(3_600_100.2),
      output(3_600_100),
      output(3_600_500),
      { ...end, ms: 3_600_500 },
    ],
    options,
  );
  expect(played.pauses.map(Math.round)).toEqual(pauses);
});

test('rows are shown before the pause that follows them', async () => {
  const shownBeforePause: string[] = [];
  let shown = '';
  const clock = new Pauses();
  const noticing = {
    nowMs: () => clock.nowMs(),
    monotonicMs: () => clock.monotonicMs(),
    after: (delayMs: number, run: () => void) => {
      shownBeforePause.push(shown);
      return clock.after(delayMs, run);
    },
  };
  await play(
    [
      { ms: 0, kind: 'result', action: 'a_one.1', columns: ['n'], rows: [], status: null },
      { ms: 0, kind: 'result', action: 'a_one.1', columns: null, rows: [['1']], status: null },
      { ms: 1000, kind: 'result', action: 'a_one.1', columns: null, rows: [['2']], status: null },
      { ms: 1000, kind: 'result', action: 'a_one.1', columns: null, rows: [], status: 'SELECT 2' },
      { ...end, ms: 1000 },
    ],
    {
      speed: 1,
      clock: noticing,
      write: (text) => {
        shown += text;
      },
    },
  );
  expect(shownBeforePause).toHaveLength(1);
  expect(shownBeforePause[0]).toContain('\n---\n 1\n');
  expect(shown).toContain(' 1\n 2\n(2 rows)\nSELECT 2\n');
});

test('it stops when it is told to, and waits for whoever writes', async () => {
  const stop = new AbortController();
  let writes = 0;
  const played = play([{ ms: 100, kind: 'output', action: null, stream: 'data', text: 'x' }, end], {
    speed: 1,
    clock: new ManualClock(),
    signal: stop.signal,
    write: async () => {
      await new Promise((resolve) => setImmediate(resolve));
      writes += 1;
      if (writes === 2) setImmediate(() => stop.abort(new Error('stopped')));
    },
  });
  await expect(played).rejects.toThrow('stopped');
  expect(writes).toBe(2);
});

test('a transcript without an end says so', async () => {
  const { shown, complete } = await play([
    { ms: 0, kind: 'result', action: 'a_one.1', columns: ['n'], rows: [], status: null },
    { ms: 0, kind: 'result', action: 'a_one.1', columns: null, rows: [['1']], status: null },
  ]);
  expect(complete).toBe(false);
  expect(shown).toContain('(1 row)\n-- the transcript has no end');
});

test('whatever a session held, a terminal gets nothing to obey', async () => {
  const text = () =>
    fc.string({
      unit: fc.oneof(
        fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
        fc.constantFrom('\u001b', '\u009b', '\r', '\n', '\u202e', '\u0007', ']0;', '[6n', 'P$q"p', '\\'),
      ),
      maxLength: 30,
    });
  const value = () => fc.option(text(), { nil: null });
  const action = fc.constantFrom('a_one.1', 'a_one.2', 'a_\u001b[31m.\u001b');
  const entry = fc.oneof(
    fc.record({
      kind: fc.constant('action'),
      action,
      text: text(),
      parameters: fc.array(value(), { maxLength: 3 }),
      decision: fc.constantFrom('allow', 'deny', 'hold'),
      rule: value(),
      message: value(),
    }),
    fc.record({
      kind: fc.constant('result'),
      action,
      columns: fc.option(fc.array(text(), { maxLength: 3 }), { nil: null }),
      status: value(),
      rows: fc.array(fc.array(value(), { maxLength: 4 }), { maxLength: 4 }),
    }),
    fc.record({
      kind: fc.constant('output'),
      action: fc.option(action, { nil: null }),
      stream: fc.constantFrom('notice', 'data'),
      text: text(),
    }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(entry, { maxLength: 8 }), text(), async (entries, name) => {
      const head = {
        ...header,
        session: name,
        target: name,
        protocol: name,
        started: name,
        principal: { ...header.principal, subject: name },
      };
      const { shown } = await play(
        entries.map((fields) => ({ ms: 0, ...fields })),
        {},
        head,
      );
      expect(shown).not.toMatch(/(?![\n\t])[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/u);
    }),
    { numRuns: 200 },
  );
});

test('long texts are cut', async () => {
  const { shown } = await play([
    {
      ms: 0,
      kind: 'action',
      action: 'a_one.1',
      text: 'x'.repeat(100_000),
      parameters: [],
      decision: 'allow',
      rule: null,
      message: null,
      leftOutCharacters: 5,
    },
    { ms: 0, kind: 'end', linesLost: 3 },
  ]);
  expect(shown.length).toBeLessThan(17_000);
  expect(shown).toContain('-- 100000 characters in all\n-- 5 characters were left out of the transcript\n');
  expect(shown).toContain('-- 3 lines were lost: the disk was full\n');
});
