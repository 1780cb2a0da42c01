/**
 * Lineage, tested against the truth: every query runs on two databases that differ in the masked columns alone. Where the analysis
 * says that a query does not choose rows by them, both give as many rows; and where it says that an output column does not
 * come from them, both give the same values in it. Whatever way a value finds out, this sees it.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type pg from 'pg';
import { type Analyst, TestServer } from './database.ts';
import { Random } from './random.ts';
import { RandomQueries } from './random-queries.ts';

const seeds = [1, 2, 3];
const statementsPerSeed = 1_000;

const secret = new Set(['app.people.ssn', 'app.parted.ssn', 'app.secretnotes.ssn']);

const schema = (ssn: (of: string) => string): readonly string[] => [
  'CREATE SCHEMA app',
  'CREATE TABLE app.people(id int PRIMARY KEY, name text, ssn text, n int)',
  'CREATE TABLE app.tags(id int PRIMARY KEY, person int, tag text, amount int)',
  'CREATE TABLE app.parted(id int, ssn text, k int) PARTITION BY LIST (k)',
  'CREATE TABLE app.parted1 PARTITION OF app.parted FOR VALUES IN (1)',
  'CREATE TABLE app.parted2 PARTITION OF app.parted FOR VALUES IN (2)',
  'CREATE TABLE app.notes(id int, note text)',
  'CREATE TABLE app.secretnotes(ssn text) INHERITS (app.notes)',
  `INSERT INTO app.people SELECT g, 'n' || g, ${ssn('g')}, g * 10 FROM generate_series(1, 6) g`,
  "INSERT INTO app.tags SELECT g, g % 4 + 1, 't' || g % 3, g * 7 FROM generate_series(1, 8) g",
  `INSERT INTO app.parted SELECT g, ${ssn('g')}, g % 2 + 1 FROM generate_series(1, 4) g`,
  "INSERT INTO app.notes VALUES (1, 'a')",
  `INSERT INTO app.secretnotes VALUES (2, 'b', ${ssn('2')})`,
  "CREATE VIEW app.coded AS SELECT id, ssn AS code, name || '!' AS nick FROM app.people WHERE n > 10",
  'CREATE VIEW app.tagged AS SELECT x.code, t.tag, x.id FROM app.coded x JOIN app.tags t ON t.person = x.id',
  'CREATE VIEW app.documents AS SELECT p.*, to_jsonb(p) AS doc FROM app.people p',
  'CREATE MATERIALIZED VIEW app.filled AS SELECT id, upper(ssn) AS loud FROM app.people',
  "CREATE FUNCTION app.everybody() RETURNS SETOF app.people LANGUAGE sql AS 'SELECT * FROM app.people'",
];

let server: TestServer;
let databases: readonly pg.Client[];
let analyst: Analyst;

beforeAll(async () => {
  server = await TestServer.start();
  const first = await server.database(schema((of) => `'s-' || ${of} || '-aa'`));
  const second = await server.database(schema((of) => `'s-' || ${of} * 7919 % 13 || '-bbb'`));
  analyst = await server.analyst(first, { searchPath: ['app', 'pg_temp'] });
  databases = [await server.connect(first), await server.connect(second)];
  for (const database of databases) {
    await database.query("SET search_path = app; SET statement_timeout = '1s'; SET jit = off");
  }
});

afterAll(() => server.stop());

/** Rows of the statement, changes undone; null when the server refuses it. */
async function rowsOf(database: pg.Client, text: string): Promise<readonly unknown[][] | null> {
  await database.query('BEGIN');
  try {
    return (await database.query<unknown[]>({ text, rowMode: 'array' })).rows;
  } catch (refused) {
    // A random statement may be wrong; anything else would show as too few that ran.
    expect(refused).toHaveProperty('severity', 'ERROR');
    return null;
  } finally {
    await database.query('ROLLBACK');
  }
}

const shown = (rows: readonly unknown[][], columns: readonly number[]): readonly string[] =>
  rows.map((row) => JSON.stringify(columns.map((at) => row[at]))).sort();

type Verdict = 'refused by the server' | 'chooses by masked columns' | 'same' | 'opaque' | 'different';

async function compare(text: string): Promise<Verdict> {
  const [first, second] = await Promise.all(databases.map((database) => rowsOf(database, text)));
  if (!first || !second) return 'refused by the server';
  const { intent } = await analyst.analyse(text);
  if (intent.opaque.length > 0 || intent.unacceptable !== null) return 'opaque';
  if ((await analyst.conditions(text)).some((column) => secret.has(column)))
    return 'chooses by masked columns';
  const { outputs } = await analyst.facts(text);
  const free = (outputs ?? []).flatMap(({ sources }, at) =>
    sources.some((source) => secret.has(`${source.relation}.${source.column}`)) ? [] : [at],
  );
  return JSON.stringify(shown(first, free)) === JSON.stringify(shown(second, free)) ? 'same' : 'different';
}

test.each(seeds)(
  'what the analysis calls unmasked does not depend on masked values (seed %i)',
  async (seed) => {
    const queries = new RandomQueries(new Random(seed));
    const counts = new Map<Verdict, number>();
    const leaks: string[] = [];
    for (let statement = 0; statement < statementsPerSeed; statement++) {
      const text = queries.statement();
      const verdict = await compare(text);
      counts.set(verdict, (counts.get(verdict) ?? 0) + 1);
      if (verdict === 'different' || verdict === 'opaque') leaks.push(`${verdict}: ${text}`);
    }
    expect(leaks).toEqual([]);
    // The generator must not have become one that says nothing.
    expect(counts.get('same') ?? 0).toBeGreaterThan(statementsPerSeed / 3);
    expect(counts.get('chooses by masked columns') ?? 0).toBeGreaterThan(statementsPerSeed / 10);
  },
  120_000,
);
