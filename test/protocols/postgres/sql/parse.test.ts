import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { decodeText, parse, parseOnEventLoop } from '../../../../services/protocols/postgres/sql/parse.ts';
import { type Analyst, TestServer } from './database.ts';

let server: TestServer;
let analyst: Analyst;

beforeAll(async () => {
  server = await TestServer.start();
  analyst = await server.analyst(
    await server.database(['CREATE SCHEMA app', 'CREATE TABLE app.t(a int, b int)']),
  );
});

afterAll(() => server.stop());

test.each([
  ['invalid UTF-8', Buffer.from([0x53, 0x95, 0x5c, 0x27])],
  ['an overlong encoding', Buffer.from([0xc0, 0xa7])],
  ['half of a surrogate pair', Buffer.from([0xed, 0xa0, 0x80])],
  ['a zero byte', Buffer.from('SELECT 1\0; DROP TABLE t')],
])('%s is refused', (_, bytes) => {
  expect(decodeText(bytes)).toMatchObject({ reason: 'unparsable' });
});

test('a byte order mark stays, and is what the server sees', async () => {
  const text = decodeText(Buffer.from('\ufeffSELECT 1'));
  expect(text).toBe('\ufeffSELECT 1');
  expect(await analyst.effects('\ufeffSELECT 1')).toEqual(['unacceptable: unparsable']);
});

test('a zero character in a text is refused: the parser would not see what stands behind it', async () => {
  expect(await analyst.effects('SELECT 1\0; DROP TABLE app.t')).toEqual(['unacceptable: unparsable']);
});

test('a refusal tells PostgreSQL’s own message, and where', async () => {
  const { intent } = await analyst.analyse("SELECT 'ü'\nFRM t frm t");
  expect(intent.unacceptable).toEqual({
    reason: 'unparsable',
    message: 'syntax error at or near "t"',
    position: 16,
    hint: 'Check it at: t frm t; the gateway refuses what it cannot read.',
  });
});

test.each([
  ['', 0],
  ['-- nothing', 0],
  [';;', 0],
  ['SELECT 1; SELECT 2', 2],
])('%j holds %i statements', (text, count) => {
  const parsed = parse(text);
  expect(parsed.kind === 'parsed' && parsed.statements.length).toBe(count);
});

const repeated = (text: string, count: number): string => text.repeat(count);
const list = (count: number): string => Array.from({ length: count }, (_, at) => at).join(',');

/** The worker answers these; the event loop only measures them. */
test.each([
  ['an IN list of 5,000', `SELECT 1 FROM t WHERE a IN (${list(5_000)})`],
  ['900 statements', repeated('INSERT INTO t VALUES (1, 2);', 900)],
  ['a sum of 20,000', `SELECT 1${repeated('+1', 20_000)}`],
  ['a UNION of 5,000', `SELECT 1${repeated(' UNION ALL SELECT 1', 5_000)}`],
  [
    '20,000 rows of VALUES',
    `INSERT INTO t VALUES ${Array.from({ length: 20_000 }, (_, at) => `(${at}, 1)`).join(',')}`,
  ],
  ['a comment of 200 KB', `SELECT 1 -- ${repeated('x', 200_000)}`],
  ['a literal of 900 KB', `SELECT '${repeated('x', 900_000)}'`],
])('%s goes to the worker and is understood', async (_, text) => {
  expect(parseOnEventLoop(text)).toBe('large');
  const { intent } = await analyst.analyse(text);
  expect(intent.unacceptable).toBeNull();
  expect(intent.opaque).toEqual([]);
});

const nested = (levels: number, inside: (inner: string) => string): string => {
  let text = 'SELECT 1';
  for (let level = 0; level < levels; level++) text = inside(text);
  return text;
};

test.each([
  ['2,000 parentheses', `SELECT ${repeated('(', 2_000)}1${repeated(')', 2_000)}`],
  ['100,000 statements', repeated('SELECT 1;', 100_000)],
  ['an IN list of 2 MB', `SELECT 1 WHERE 1 IN (${list(300_000)})`],
  [
    'multiple assignments within one another',
    nested(40, (inner) => `WITH x AS (UPDATE t SET (a, b) = (${inner})) SELECT 1`),
  ],
  ['3,000 NOTs', `SELECT ${repeated('NOT ', 3_000)}true`],
  ['900 CASEs', `SELECT ${repeated('CASE WHEN true THEN ', 900)}1${repeated(' END', 900)}`],
])('%s are refused as too large', async (_, text) => {
  expect(await analyst.effects(text)).toEqual(['unacceptable: too-large']);
});

test.each([
  ['queries', nested(90, (inner) => `SELECT (${inner})`)],
  ['sub-queries in FROM', nested(60, (inner) => `SELECT * FROM (${inner}) x`)],
  ['joins', `SELECT 1 FROM t a${Array.from({ length: 150 }, (_, at) => ` JOIN t b${at} ON true`).join('')}`],
  ['functions', `SELECT ${repeated('lower(', 150)}'a'${repeated(')', 150)}`],
  ['operators', `SELECT 1${repeated(' + 1', 450)}`],
  [
    'WITH tables that double their columns',
    nested(1, () => {
      const tables = Array.from(
        { length: 8 },
        (_, at) => `c${at + 1} AS (SELECT x.*, y.* FROM c${at} x, c${at} y)`,
      );
      return `WITH c0 AS (SELECT * FROM t), ${tables.join(', ')} SELECT 1 FROM c8`;
    }),
  ],
])('%s nested as deep as nobody writes them are understood', async (_, text) => {
  const { intent } = await analyst.analyse(text);
  expect(intent.unacceptable).toBeNull();
  expect(intent.opaque).toEqual([]);
});

test('columns that double without end are stopped where PostgreSQL stops', async () => {
  const tables = Array.from(
    { length: 30 },
    (_, at) => `c${at + 1} AS (SELECT x.*, y.* FROM c${at} x, c${at} y)`,
  );
  const told = await analyst.effects(`WITH c0 AS (SELECT * FROM t), ${tables.join(', ')} SELECT * FROM c30`);
  expect(told).toContain('opaque: unknown-column');
});
