import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { targetName } from '../../../../services/core/model/ids.ts';
import { createAnalyser } from '../../../../services/protocols/postgres/sql/analyse.ts';
import { analyseParsed, catalogContext } from '../../../../services/protocols/postgres/sql/analyse-text.ts';
import type { Analysis } from '../../../../services/protocols/postgres/sql/analysis.ts';
import type { CatalogContext } from '../../../../services/protocols/postgres/sql/context.ts';
import { parseOnEventLoop } from '../../../../services/protocols/postgres/sql/parse.ts';
import { shapeOf } from '../../../../services/protocols/postgres/sql/shape.ts';
import { type Analyst, attacks, pinnedPath, TestServer } from './database.ts';
import { Random } from './random.ts';
import { RandomQueries } from './random-queries.ts';

let server: TestServer;
let analyst: Analyst;
let context: CatalogContext;

beforeAll(async () => {
  server = await TestServer.start();
  analyst = await server.analyst(await server.corpusDatabase());
  context = catalogContext(analyst.catalogs.loaded.catalog, parsed);
}, 60_000);

afterAll(() => server.stop());

const parsed = (text: string) => {
  const result = parseOnEventLoop(text);
  if (result === 'large' || result.kind === 'broken') throw new Error(`it cannot be parsed here: ${text}`);
  return result;
};

const marks = (text: string): string | null =>
  shapeOf(text)?.key.replaceAll('\u0001', '<n>').replaceAll('\u0002', '<s>') ?? null;

test.each<readonly [string, string | null]>([
  ["SELECT a FROM t WHERE id = 17 AND name = 'Ann'", 'SELECT a FROM t WHERE id = <n> AND name = <s>'],
  ["SELECT 'it''s', ''", 'SELECT <s>, <s>'],
  ['SELECT t1.a2, "b""3" FROM t1', null],
  ['SELECT "4" FROM t WHERE id=5', 'SELECT "4" FROM t WHERE id=<n>'],
  ['SELECT 1.5, 2e3, 0x1F, 1_000, .5, 7.', null],
  ['SELECT 999999999, 1000000000', 'SELECT <n>, 1000000000'],
  // Other kinds of constants, by their prefixes.
  ["SELECT B'1', x'1F', E'a', N'b', U&'c', d 'e'", "SELECT B'1', x'1F', E'a', N'b', U&'c', d <s>"],
  ['SELECT -1', 'SELECT -<n>'],
  // What the scanner does not read.
  ['SELECT 1 -- 2', null],
  ['SELECT 1 /* 2 */', null],
  ['SELECT $1, 2', null],
  ["SELECT $$a$$, 'b'", null],
  ["SELECT E'\\'', 'b'", null],
  ["SELECT 'ü'", null],
  ["SELECT 'a\u0001'", null],
  ["SELECT 1, 'not closed", null],
  ["SELECT 1, \"not closed 'a'", null],
  [`SELECT ${'1, '.repeat(2000)}1`, null],
])('%s', (text, shape) => {
  expect(marks(text)).toBe(shape);
});

const shares = (one: string, other: string): boolean => {
  const { catalogs } = analyst;
  const target = targetName('test');
  const analyser = createAnalyser({
    target,
    catalogs,
    searchPath: pinnedPath,
    largeTexts: server.largeTexts,
  });
  const [first, second] = [analyser.analyse(one), analyser.analyse(other)];
  if (first instanceof Promise || second instanceof Promise) throw new Error('it went to the worker');
  expect([first.intent.text, second.intent.text]).toEqual([one, other]);
  return first.statements === second.statements;
};

test.each<readonly [string, string]>([
  ['SELECT email FROM app.users WHERE id = 1', 'SELECT email FROM app.users WHERE id = 22'],
  [
    "SELECT id FROM app.users WHERE email LIKE 'a%' LIMIT 10",
    "SELECT id FROM app.users WHERE email LIKE '' LIMIT 5",
  ],
  ['SELECT id FROM app.users WHERE id IN (1, 2)', 'SELECT id FROM app.users WHERE id IN (30, 4)'],
  ['SELECT id FROM app.users WHERE id BETWEEN 1 AND 2', 'SELECT id FROM app.users WHERE id BETWEEN 5 AND 7'],
  [
    "INSERT INTO app.users (id, email) VALUES (1, 'a')",
    "INSERT INTO app.users (id, email) VALUES (2, 'b;--'')')".replace(';--', ''),
  ],
  ["UPDATE app.users SET email = 'a' WHERE id = 1", "UPDATE app.users SET email = 'b' WHERE id = 2"],
  ["SELECT id FROM app.users WHERE id = '5'::int", "SELECT id FROM app.users WHERE id = 'x'::int"],
])('one analysis serves %s and %s', (one, other) => {
  expect(shares(one, other)).toBe(true);
});

test.each<readonly [string, string]>([
  // A constant that names a column.
  ['SELECT id, email FROM app.users ORDER BY 1', 'SELECT id, email FROM app.users ORDER BY 2'],
  ['SELECT email FROM app.users GROUP BY 1', 'SELECT email FROM app.users GROUP BY 2'],
  ['SELECT DISTINCT ON (1) id, email FROM app.users', 'SELECT DISTINCT ON (2) id, email FROM app.users'],
  // The name of a setting, of a sequence, of what is run.
  ["SELECT set_config('a.b', 'x', true)", "SELECT set_config('search_path', 'x', true)"],
  [
    "SELECT set_config('a.b'::text, 'x'::text, true)",
    "SELECT set_config('search_path'::text, 'x'::text, true)",
  ],
  ["SELECT set_config(text 'a.b', 'x', true)", "SELECT set_config(text 'role', 'x', true)"],
  [
    "SELECT id FROM app.users WHERE set_config('a.b'::text, 'x', true) = 'x'",
    "SELECT id FROM app.users WHERE set_config('role'::text, 'x', true) = 'x'",
  ],
  ["SELECT current_setting('a.b')", "SELECT current_setting('role')"],
  ["SELECT current_setting('a.b'::text)", "SELECT current_setting('role'::text)"],
  ["SELECT lower('A')", "SELECT lower('B')"],
  ["SET application_name = 'a'", "SET application_name = 'b'"],
  ["DO 'BEGIN END'", "DO 'BEGIN PERFORM 1; END'"],
  ["COPY app.users TO STDOUT WITH (DELIMITER ',')", "COPY app.users TO STDOUT WITH (DELIMITER ';')"],
  ['CREATE TABLE app.n (a int DEFAULT 1 + 2)', 'CREATE TABLE app.n (a int DEFAULT 3 + 2)'],
  // Names of the session stand for their own text.
  [
    'PREPARE p AS SELECT id FROM app.users WHERE id = 1',
    'PREPARE p AS SELECT id FROM app.users WHERE id = 2',
  ],
  ['EXECUTE p (1)', 'EXECUTE p (2)'],
  ['SELECT id FROM app.users WHERE id = 1; SELECT 1', 'SELECT id FROM app.users WHERE id = 2; SELECT 1'],
  // Another kind of constant, another shape.
  ['SELECT id FROM app.users WHERE id = 1', "SELECT id FROM app.users WHERE id = '1'"],
  ["SELECT id FROM app.users WHERE email = 'a'", "SELECT id FROM app.users WHERE email = 'a'\n'b'"],
  ['SELECT id::numeric(5) FROM app.users', 'SELECT id::numeric(6) FROM app.users'],
])('%s does not speak for %s', (one, other) => {
  expect(shares(one, other)).toBe(false);
});

/** Other constants in the places of those that the scanner finds. */
function otherConstants(text: string, random: Random): string | null {
  const shape = shapeOf(text);
  if (shape === null) return null;
  const strings = ["''", "'x'", "'app.users'", "'a''b'", "'1'", "'search_path'"];
  return [...shape.key]
    .map((character) => {
      if (character === '\u0001')
        return String(random.below(2) === 0 ? random.below(4) : random.below(999_999_999));
      return character === '\u0002' ? (strings[random.below(strings.length)] ?? "''") : character;
    })
    .join('');
}

/** What the text means when nothing is known from before. */
function alone(text: string): Analysis {
  const result = parsed(text);
  if (result.kind === 'refused') throw new Error(`${result.why.message}: ${text}`);
  const circumstances = { target: 'test', searchPath: pinnedPath, emptySearchPath: false };
  return analyseParsed(text, result.statements, circumstances, context, 1_000_000);
}

/** All but the texts of statements, which are those of the first of the shape. */
const meaning = ({ intent, statements }: Analysis) => ({
  intent,
  statements: statements.map(({ text, ...facts }) => facts),
});

test('a text means the same whether another of its shape came before it or not', async () => {
  const random = new Random(20_261_121);
  const queries = new RandomQueries(random);
  // Our own file; see /shared/attacks/README.md.
  const corpus = JSON.parse(readFileSync(join(attacks, 'postgres.json'), 'utf8')) as {
    readonly cases: readonly { readonly sql: string }[];
  };
  const names = [
    "'a.b'",
    "'a.b'::text",
    "text 'a.b'",
    "('a.b')",
    "'a.b'::text::varchar",
    "CAST('a.b' AS text)",
  ];
  const settings = names.flatMap((name) => [
    `SELECT set_config(${name}, 'x'::text, true)`,
    `SELECT 1 WHERE current_setting(${name}) = 'x'`,
  ]);
  const texts = [
    ...settings,
    ...corpus.cases.map(({ sql }) => sql),
    ...Array.from({ length: 1_000 }, () => queries.statement()),
  ];
  let compared = 0;
  let shared = 0;
  for (const text of texts) {
    const first = await analyst.analyse(text);
    if (first.intent.unacceptable !== null) continue;
    for (let round = 0; round < (settings.includes(text) ? 30 : 2); round += 1) {
      const other = otherConstants(text, random);
      if (other === null) break;
      const second = await analyst.analyse(other);
      if (second.intent.unacceptable !== null) continue;
      expect(meaning(second)).toEqual(meaning(alone(other)));
      compared += 1;
      if (second.statements === first.statements && other !== text) shared += 1;
    }
  }
  // The test would say nothing if hardly any were shared.
  expect(compared).toBeGreaterThan(600);
  expect(shared).toBeGreaterThan(150);
}, 120_000);
