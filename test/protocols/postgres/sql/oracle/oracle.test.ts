/**
 * The analysis against the truth. Statements run on databases that differ in the values of one secret column each: where the analysis does
 * not say that a statement chooses by that column, all give as many rows, and what it does not mark as coming from it is the same in
 * all. What the server itself tells (EXPLAIN, RowDescription) must agree too.
 *
 * `ORACLE_STATEMENTS=50000 npm test -- test/protocols/postgres/sql/oracle` runs more than there is time for each time; `ORACLE_SEED` begins elsewhere.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { TestServer } from '../database.ts';
import { Random } from '../random.ts';
import { Oracle, type Verdict } from './oracle.ts';
import { GeneratedQueries } from './queries.ts';
import { trickyQueries } from './tricky-queries.ts';

const statements = Number(process.env['ORACLE_STATEMENTS'] ?? 600);
const seed = Number(process.env['ORACLE_SEED'] ?? 1);

let server: TestServer;
let oracle: Oracle;

beforeAll(async () => {
  // Without statistics all databases have the same plans, and so the same order of rows.
  server = await TestServer.start(['autovacuum = off']);
  oracle = await Oracle.open(server);
}, 60_000);

afterAll(() => server.stop());

test('queries that are easy to follow wrongly', async () => {
  const wrong: string[] = [];
  for (const text of trickyQueries) {
    const { kind, misses } = await oracle.judge(text);
    if (misses.length > 0 || kind === 'invalid' || kind === 'opaque')
      wrong.push(`${kind} ${misses.join('; ')}: ${text}`);
  }
  expect(wrong).toEqual([]);
}, 60_000);

test(
  'generated queries',
  async () => {
    const queries = new GeneratedQueries(new Random(seed));
    const counts = new Map<Verdict['kind'], number>();
    const wrong: string[] = [];
    for (let statement = 0; statement < statements; statement++) {
      const text = queries.statement();
      const { kind, misses } = await oracle.judge(text);
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
      if (misses.length > 0 || kind === 'opaque') wrong.push(`${kind} ${misses.join('; ')}: ${text}`);
    }
    expect(wrong).toEqual([]);
    // The generator must not have become one that says nothing.
    const share = (kind: Verdict['kind']): number => (counts.get(kind) ?? 0) / statements;
    expect(share('free')).toBeGreaterThan(0.2);
    expect(share('masked')).toBeGreaterThan(0.1);
    expect(share('chosen')).toBeGreaterThan(0.2);
    expect(share('invalid')).toBeLessThan(0.25);
  },
  60_000 + statements * 500,
);
