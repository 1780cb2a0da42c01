/**
 * Which function or operator PostgreSQL runs, tested against PostgreSQL: among many overloads that somebody has added, a view is made of
 * a random expression, and pg_depend says what it runs. Whatever is not a built-in must be among the calls that the analysis tells.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type pg from 'pg';
import { type Analyst, TestServer } from './database.ts';
import { Random, times } from './random.ts';

const random = new Random(7);

const types = [
  'int',
  'bigint',
  'smallint',
  'numeric',
  'float8',
  'text',
  'varchar',
  'bool',
  'date',
  'timestamptz',
  'interval',
  'json',
  'jsonb',
  'int[]',
  'text[]',
  'citext',
  'hstore',
  'app.whole',
  'app.words',
  'app.mood',
  'app.rows',
  'anyelement',
  'anyarray',
  'anyenum',
];
const functionNames = [
  'lower',
  'abs',
  'length',
  'round',
  'max',
  'substr',
  'to_json',
  'i',
  'x',
  'shout',
  'concat',
  'date',
  'text',
];
const operatorNames = ['=', '<>', '+', '-', '||', '->', '@>', '%', '*', '<', '~~', '&&', '===', '->>'];
const columns = [
  'i',
  'b',
  'n',
  'f',
  'x',
  'v',
  'c',
  'h',
  'j',
  'js',
  'd',
  'ts',
  'a',
  'ta',
  'w',
  'wt',
  'm',
  'bo',
  'iv',
  's',
];
const literals = [
  "'1'",
  "'a'",
  '1',
  '1.5',
  '10000000000',
  'true',
  'NULL',
  "'{1}'",
  'ARRAY[1, 2]',
  "ARRAY['a']",
  'now()',
  'current_date',
  "'x'::text",
  "'1'::varchar",
  "'a=>1'::public.hstore",
  'ROW(1, 2)',
  't',
  't.*',
  '(t).i',
  '(SELECT i FROM app.rows LIMIT 1)',
];
const otherFunctions = [
  'upper',
  'coalesce',
  'sum',
  'min',
  'array_agg',
  'jsonb_build_object',
  'nullif',
  'greatest',
  'count',
  'replace',
  'array_append',
];

const rowsTable = `CREATE TABLE app.rows(i int, b bigint, n numeric, f float8, x text, v varchar(10), c citext, h hstore, j jsonb,
  js json, d date, ts timestamptz, a int[], ta text[], w app.whole, wt app.words, m app.mood, bo bool, iv interval, s smallint)`;

/** Signatures that PostgreSQL does not take (a polymorphic result, a second of the same) are left out. */
async function tryAll(client: pg.Client, statements: readonly string[]): Promise<number> {
  let made = 0;
  for (const statement of statements) {
    try {
      await client.query(statement);
      made += 1;
    } catch (refused) {
      expect(refused).toHaveProperty('severity', 'ERROR');
    }
  }
  return made;
}

const addedFunction = (): string => {
  const listed = times(random.pick([1, 1, 1, 2, 2, 3]), () => random.pick(types)).join(', ');
  const more = random.pick(['', '', '', '', ', VARIADIC text[]', ', z int DEFAULT 1']);
  const returns = random.pick(['int', 'text', 'bool', 'numeric']);
  const name = `${random.pick(['app', 'public'])}.${random.pick(functionNames)}`;
  return `CREATE FUNCTION ${name}(${listed}${more}) RETURNS ${returns} LANGUAGE sql AS 'SELECT NULL::${returns}'`;
};

const addedOperator = (at: number): string => {
  const schema = random.pick(['app', 'public']);
  const [left, right] = [random.pick(types), random.pick(types)];
  const isPrefix = random.chance(0.1);
  const given = isPrefix ? right : `${left}, ${right}`;
  const leftSide = isPrefix ? '' : `LEFTARG = ${left}, `;
  return `CREATE FUNCTION ${schema}.operator${at}(${given}) RETURNS bool LANGUAGE sql AS 'SELECT true';
    CREATE OPERATOR ${schema}.${isPrefix ? '-' : random.pick(operatorNames)} (${leftSide}RIGHTARG = ${right}, FUNCTION = ${schema}.operator${at})`;
};

const addedCast = (from: string, to: string, when: string): string => {
  const name = `app.cast_${from.replaceAll(/\W/g, '')}_${to}`;
  return `CREATE FUNCTION ${name}(${from}) RETURNS ${to} LANGUAGE sql AS 'SELECT NULL::${to}';
    CREATE CAST (${from} AS ${to}) WITH FUNCTION ${name}(${from}) ${when}`;
};

function expression(depth: number): string {
  const inner = () => expression(depth - 1);
  if (depth <= 0 || random.chance(0.3)) {
    return random.chance(0.65) ? `t.${random.pick(columns)}` : random.pick(literals);
  }
  switch (random.below(10)) {
    case 0:
    case 1:
    case 2:
      return `(${inner()} ${random.pick([...operatorNames, '/', '>=', 'LIKE', '~', 'IS DISTINCT FROM'])} ${inner()})`;
    case 3:
    case 4:
    case 5: {
      const name = random.pick([...functionNames, ...otherFunctions]);
      return `${name}(${times(1 + random.below(2), inner).join(', ')})`;
    }
    case 6:
      return `(${inner()})::${random.pick(['int', 'text', 'numeric', 'app.whole', 'jsonb', 'app.mood', 'bool', 'date'])}`;
    case 7:
      return `(CASE ${inner()} WHEN ${inner()} THEN ${inner()} ELSE ${inner()} END)`;
    case 8:
      return random.pick([
        `(${inner()} IN (${inner()}, ${inner()}))`,
        `(${inner()} = ANY(${inner()}))`,
        `((${inner()}, ${inner()}) = (${inner()}, ${inner()}))`,
        `coalesce(${inner()}, ${inner()})`,
      ]);
    default:
      return random.pick([
        `(- ${inner()})`,
        `t.${random.pick(functionNames)}`,
        `(${inner()} BETWEEN ${inner()} AND ${inner()})`,
      ]);
  }
}

/** Functions outside pg_catalog that the view runs; null when PostgreSQL refuses the expression. */
async function runBy(client: pg.Client, text: string): Promise<readonly string[] | null> {
  await client.query('BEGIN');
  try {
    await client.query(`CREATE TEMP VIEW judged AS SELECT (${text}) IS NULL AS judged FROM app.rows t`);
    const { rows } = await client.query<{ name: string }>(`
      SELECT DISTINCT n.nspname || '.' || p.proname AS name FROM pg_depend d
        JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid AND r.ev_class = 'judged'::regclass
        LEFT JOIN pg_operator o ON d.refclassid = 'pg_operator'::regclass AND o.oid = d.refobjid
        JOIN pg_proc p ON p.oid = CASE WHEN d.refclassid = 'pg_proc'::regclass THEN d.refobjid ELSE o.oprcode END
        JOIN pg_namespace n ON n.oid = p.pronamespace
      WHERE d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass)`);
    return rows.map((row) => row.name);
  } catch (refused) {
    expect(refused).toHaveProperty('severity', 'ERROR');
    return null;
  } finally {
    await client.query('ROLLBACK');
  }
}

let server: TestServer;
let database: string;

beforeAll(async () => {
  server = await TestServer.start();
  database = await server.database([
    'CREATE EXTENSION hstore; CREATE EXTENSION citext; CREATE EXTENSION pg_trgm',
    "CREATE SCHEMA app; CREATE DOMAIN app.whole AS int; CREATE DOMAIN app.words AS text; CREATE TYPE app.mood AS ENUM ('a', 'b')",
    rowsTable,
  ]);
  const client = await server.connect(database);
  const made = await tryAll(client, [
    ...times(60, addedFunction),
    ...times(80, addedOperator),
    addedCast('app.rows', 'int', 'AS IMPLICIT'),
    addedCast('app.mood', 'bool', 'AS ASSIGNMENT'),
    addedCast('hstore', 'text', 'AS IMPLICIT'),
    addedCast('jsonb', 'date', ''),
  ]);
  expect(made).toBeGreaterThan(80);
});

afterAll(() => server.stop());

test.each([[['app', 'public']], [['public', 'app']], [['app', 'pg_catalog', 'public']]])(
  'every function that PostgreSQL chooses is told, with search_path %j',
  async (searchPath) => {
    const client = await server.connect(database);
    await client.query(`SET search_path = ${searchPath.join(', ')}`);
    const analyst: Analyst = await server.analyst(database, { searchPath });
    const missed: string[] = [];
    let judged = 0;
    let exact = 0;
    for (let turn = 0; turn < 1_000; turn++) {
      const text = expression(2);
      const actual = await runBy(client, text);
      if (actual === null) continue;
      judged += 1;
      const told = await analyst.effects(`SELECT (${text}) IS NULL FROM app.rows t`);
      const calls = told.filter((line) => line.startsWith('call ')).map((line) => line.slice('call '.length));
      if (!actual.every((name) => calls.includes(name)))
        missed.push(`${text} runs ${actual.join(', ')}; told: ${told.join(', ')}`);
      if (calls.length === actual.length) exact += 1;
    }
    expect(missed).toEqual([]);
    expect(judged).toBeGreaterThan(200);
    // A type's own input function may be told where only its cast runs; otherwise nothing is told that does not run.
    expect(exact / judged).toBeGreaterThan(0.9);
  },
  60_000,
);
