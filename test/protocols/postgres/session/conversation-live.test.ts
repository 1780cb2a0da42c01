/** Conversations with the gateway and with PostgreSQL itself: the answers must be the same. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { frame, say } from '../../../attacks/raw-client.ts';
import { BothSides, refusedText, type Step } from './both-sides.ts';

let both: BothSides;

beforeAll(async () => {
  both = await BothSides.start();
}, 60_000);

afterAll(() => both.stop());

/** `pause` stands where what was sent before is answered first. */
const steps = (...parts: readonly (Buffer | 'pause')[]): readonly Step[] =>
  parts.flatMap((bytes, at) => (bytes === 'pause' ? [] : [{ bytes, pause: parts[at - 1] === 'pause' }]));

describe('after an error', () => {
  test('what comes behind it is skipped up to Sync, however late it comes', () =>
    both.expectSame(
      steps(
        say.parse('SELECT nope'),
        say.flush(),
        'pause',
        say.parse('SELECT 1', 's1'),
        say.bind('', 's1'),
        say.execute(),
        say.query('SELECT 2'),
        say.sync(),
        say.bind('', 's1'),
        say.sync(),
      ),
    ));
});

describe('the unnamed statement', () => {
  const use = [say.bind(), say.execute(), say.sync()];
  const cases: Readonly<Record<string, readonly Step[]>> = {
    'outlives a refusal': steps(say.describe('P', 'nosuch'), say.sync(), ...use),
    'outlives a Query and a Parse that are skipped': steps(
      say.parse('SELECT nope', 's1'),
      say.query('SELECT 2'),
      say.parse('SELECT 3'),
      say.sync(),
      ...use,
    ),
    'goes with a Query': steps(say.query('SELECT 2'), ...use),
    'goes with a Query behind it in its pipeline': steps(
      say.parse('SELECT 3'),
      say.query('SELECT 2'),
      ...use,
    ),
    'goes with a Query that is refused': [
      { bytes: say.query(refusedText.gateway), direct: say.query(refusedText.direct) },
      ...steps(...use),
    ],
    'outlives DEALLOCATE ALL and DISCARD ALL': steps(
      say.parse('DEALLOCATE ALL', 's1'),
      say.bind('', 's1'),
      say.execute(),
      say.sync(),
      ...use,
      say.parse('DISCARD ALL', 's1'),
      say.bind('', 's1'),
      say.execute(),
      say.sync(),
      ...use,
    ),
    'goes with a Parse that fails': steps(say.parse('SELECT nope'), say.sync(), ...use),
    'goes with a Parse that is refused': [
      { bytes: say.parse(refusedText.gateway), direct: say.parse(refusedText.direct) },
      ...steps(say.sync(), ...use),
    ],
  };
  for (const [name, then] of Object.entries(cases))
    test(name, () => both.expectSame([...steps(say.parse('SELECT 1'), say.sync()), ...then]));
});

test('thousands of unnamed statements and portals in one pipeline', async () => {
  const once = [say.parse('SELECT $1::int'), say.bind('', '', { parameters: ['1'] }), say.execute()];
  const answers = await both.expectSame(
    steps(Buffer.concat(Array.from({ length: 6_000 }, () => once).flat())),
  );
  expect(answers.filter((answer) => answer === 'D(1)')).toHaveLength(6_000);
});

test('what is defined can be used by what is sent right behind it', async () => {
  const texts = [
    'CREATE TABLE made (n int)',
    'INSERT INTO made VALUES (1), (2)',
    'SELECT count(*) FROM made',
    'ALTER TABLE made RENAME n TO m',
    'SELECT max(m) FROM made',
    'DROP TABLE made',
  ];
  const extended = texts.map((text) =>
    Buffer.concat([say.parse(text), say.bind(), say.execute(), say.sync()]),
  );
  for (const messages of [texts.map(say.query), extended]) {
    const answers = await both.expectSame(steps(Buffer.concat(messages)));
    expect(answers).toEqual(expect.arrayContaining(['C(INSERT 0 2)', 'D(2)', 'C(DROP TABLE)']));
  }
});

test('a definition that is changed and never run keeps nobody waiting', () =>
  both.expectSame(
    steps(
      say.query('BEGIN'),
      Buffer.concat([say.parse('ALTER TABLE t ADD x int', 's1'), say.bind('p1', 's1'), say.sync()]),
      Buffer.concat([say.parse('SELECT count(*) FROM u'), say.bind(), say.execute(), say.sync()]),
      say.query('COMMIT'),
      say.query('SELECT count(*) FROM t'),
    ),
  ));

test('a name that the server would cut is refused, and so is text that is not UTF-8; the session goes on', () => {
  const long = 'n'.repeat(64);
  const direct = say.parse('SELECT nope');
  const refused = [say.parse('SELECT 1', long), say.bind('', long), say.execute(long), say.close('S', long)];
  const notText = Buffer.from([0x27, 0xff, 0x27, 0]);
  return both.expectSame([
    ...refused.flatMap((bytes) => [{ bytes, direct }, { bytes: say.sync() }]),
    ...steps(frame('Q', notText), frame('P', '', notText, Buffer.alloc(2)), say.sync()),
  ]);
});

test('the server’s own last words reach the client', async () => {
  const answers = await both.expectSame(
    steps(say.parse('SELECT 1'), say.query('SELECT pg_terminate_backend(pg_backend_pid())')),
  );
  expect(answers.at(-1)).toBe('E(57P01)');
});
