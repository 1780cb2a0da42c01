/** Where what functions return comes from, and what they ask of the columns that their bodies read. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { PostgresEffect } from '../../../../services/protocols/postgres/sql/analysis.ts';
import { type Analyst, TestServer } from './database.ts';

let server: TestServer;
let analyst: Analyst;

beforeAll(async () => {
  server = await TestServer.start();
  const database = await server.database([
    'CREATE SCHEMA app; CREATE SCHEMA other; SET search_path TO app, public',
    'CREATE TABLE app.users (id int PRIMARY KEY, name text, email text, ssn text, pay int)',
    'CREATE TABLE app.log (line text)',
    'CREATE TABLE other.users (id int, name text, email text)',
    'CREATE TYPE app.card AS (mail text, label text)',
    "CREATE FUNCTION app.email_of(int) RETURNS text LANGUAGE sql AS 'SELECT email FROM app.users WHERE id = $1'",
    "CREATE FUNCTION app.email_by_path(who int) RETURNS text LANGUAGE sql AS 'SELECT email FROM users WHERE id = who'",
    'CREATE FUNCTION app.email_atomic(who int) RETURNS text BEGIN ATOMIC SELECT 1; SELECT email FROM app.users WHERE id = email_atomic.who; END',
    'CREATE FUNCTION app.email_returned(who int) RETURNS text RETURN (SELECT email FROM app.users WHERE id = who)',
    "CREATE FUNCTION app.by_id(int) RETURNS app.users LANGUAGE sql STRICT AS 'SELECT * FROM app.users WHERE id = $1'",
    "CREATE FUNCTION app.row_by_id(int) RETURNS app.users LANGUAGE sql AS 'SELECT u FROM app.users u WHERE id = $1'",
    "CREATE FUNCTION app.everybody() RETURNS SETOF app.users LANGUAGE sql AS 'SELECT * FROM app.users WHERE ssn IS NOT NULL'",
    "CREATE FUNCTION app.listed(int) RETURNS TABLE (no int, mail text, shout text) LANGUAGE sql AS 'SELECT id, email, upper(email) FROM app.users WHERE id > $1'",
    'CREATE FUNCTION app.two(who int, OUT mail text, OUT label text) LANGUAGE sql AS $$ SELECT email, name || who FROM app.users WHERE id = who $$',
    "CREATE FUNCTION app.one(who int, OUT mail text) LANGUAGE sql AS 'SELECT email FROM app.users WHERE id = who'",
    "CREATE FUNCTION app.carded(int) RETURNS SETOF app.card LANGUAGE sql AS 'SELECT email, name FROM app.users WHERE id = $1'",
    "CREATE FUNCTION app.records() RETURNS SETOF record LANGUAGE sql AS 'SELECT id, email, upper(email) FROM app.users'",
    "CREATE FUNCTION app.nested(int) RETURNS text LANGUAGE sql AS 'SELECT app.email_of($1)'",
    "CREATE FUNCTION app.last_counts() RETURNS text LANGUAGE sql AS 'SELECT ssn FROM app.users; SELECT name FROM app.users LIMIT 1'",
    "CREATE FUNCTION app.echo(text) RETURNS text LANGUAGE sql AS 'SELECT $1'",
    "CREATE FUNCTION app.same(a anyelement) RETURNS anyelement LANGUAGE sql AS 'SELECT a'",
    "CREATE FUNCTION app.second(a text, b text DEFAULT app.email_of(1)) RETURNS text LANGUAGE sql AS 'SELECT b'",
    "CREATE FUNCTION app.first_of(VARIADIC list text[]) RETURNS text LANGUAGE sql AS 'SELECT list[1]'",
    "CREATE FUNCTION app.mail(app.users) RETURNS text LANGUAGE sql AS 'SELECT $1.email'",
    "CREATE FUNCTION app.calling(u app.users) RETURNS text LANGUAGE sql AS 'SELECT u.name'",
    "CREATE FUNCTION app.strictly(text) RETURNS int LANGUAGE sql STRICT AS 'SELECT 1'",
    "CREATE FUNCTION app.pick(int) RETURNS text LANGUAGE sql AS 'SELECT name FROM app.users'",
    "CREATE FUNCTION app.pick(text) RETURNS text LANGUAGE sql AS 'SELECT email FROM app.users'",
    "CREATE FUNCTION app.recursive(int) RETURNS text LANGUAGE sql AS 'SELECT 1::text'",
    "CREATE OR REPLACE FUNCTION app.recursive(int) RETURNS text LANGUAGE sql AS 'SELECT CASE WHEN $1 > 0 THEN app.recursive($1 - 1) ELSE (SELECT email FROM app.users LIMIT 1) END'",
    "CREATE FUNCTION app.nothing(int) RETURNS void LANGUAGE sql AS 'SELECT ssn FROM app.users'",
    "CREATE FUNCTION app.definer(int) RETURNS text LANGUAGE sql SECURITY DEFINER SET search_path TO app, pg_temp AS 'SELECT email FROM users WHERE id = $1'",
    "CREATE FUNCTION app.elsewhere() RETURNS text LANGUAGE sql SET search_path TO other AS 'SELECT app.email_by_path(1)'",
    // Conditions.
    "CREATE FUNCTION app.has_ssn(text) RETURNS bool LANGUAGE sql AS 'SELECT EXISTS (SELECT 1 FROM app.users WHERE ssn = $1)'",
    "CREATE FUNCTION app.name_by_ssn(code text) RETURNS text LANGUAGE sql AS 'SELECT name FROM app.users WHERE ssn = code'",
    "CREATE FUNCTION app.like_ssn(text) RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM app.users WHERE ssn LIKE $1'",
    "CREATE FUNCTION app.joined(text) RETURNS bigint LANGUAGE sql AS 'WITH a AS (SELECT $1 AS x) SELECT count(*) FROM app.users u JOIN a ON u.ssn = a.x'",
    "CREATE FUNCTION app.asks(text) RETURNS bool LANGUAGE sql AS 'SELECT app.has_ssn($1)'",
    "CREATE FUNCTION app.asks_const() RETURNS bool LANGUAGE sql AS $$ SELECT app.has_ssn('s-1') $$",
    "CREATE FUNCTION app.asks_own(text) RETURNS bool LANGUAGE sql AS $$ SELECT app.has_ssn('x' || $1) $$",
    "CREATE FUNCTION app.rich() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM app.users WHERE pay > 100 AND ssn IS NOT NULL'",
    "CREATE FUNCTION app.copies(int) RETURNS void LANGUAGE sql AS 'INSERT INTO app.log SELECT ssn FROM app.users WHERE id = $1'",
    "CREATE FUNCTION app.notes(text) RETURNS void LANGUAGE sql AS 'INSERT INTO app.log VALUES ($1)'",
    "CREATE FUNCTION app.keeps(int) RETURNS text LANGUAGE sql AS $$ SELECT set_config('app.x', ssn, false) FROM app.users WHERE id = $1 $$",
    "CREATE FUNCTION app.changed(int) RETURNS text LANGUAGE sql AS 'UPDATE app.users SET pay = 0 WHERE id = $1 RETURNING email'",
    // Other languages, and what cannot be read.
    "CREATE FUNCTION app.coded(int) RETURNS text LANGUAGE plpgsql AS 'BEGIN EXECUTE lower($$ SELECT 1 $$); RETURN 1; END'",
    "CREATE FUNCTION app.coded_ssn(int) RETURNS text LANGUAGE plpgsql AS 'DECLARE r text; BEGIN SELECT ssn INTO r FROM users WHERE id = $1; RETURN r; END'",
    "CREATE FUNCTION app.coded_pay(int) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT pay FROM app.users WHERE id = $1); END'",
    "CREATE FUNCTION app.over_ssn(int) RETURNS text LANGUAGE sql AS 'SELECT app.coded_ssn($1)'",
    "CREATE FUNCTION app.coded_over(int) RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN app.email_of($1); END'",
    "CREATE FUNCTION app.over_code(int) RETURNS text LANGUAGE sql AS 'SELECT app.coded($1)'",
    "CREATE FUNCTION app.dynamic() RETURNS xml LANGUAGE sql AS $$ SELECT query_to_xml('SELECT ssn FROM app.users', true, false, '') $$",
    "CREATE FUNCTION app.statistics() RETURNS text LANGUAGE sql AS $$ SELECT most_common_vals::text FROM pg_stats WHERE attname = 'ssn' $$",
    "CREATE FUNCTION app.lowered(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT lower($1)'",
    // Used otherwise than by a call.
    "CREATE FUNCTION app.alike(text, text) RETURNS bool LANGUAGE sql AS 'SELECT EXISTS (SELECT 1 FROM app.users WHERE ssn = $1 || $2)'",
    'CREATE OPERATOR app.<~> (LEFTARG = text, RIGHTARG = text, FUNCTION = app.alike)',
    "CREATE FUNCTION app.plain_alike(text, text) RETURNS bool LANGUAGE sql AS 'SELECT $1 = $2'",
    'CREATE OPERATOR app.<=~> (LEFTARG = text, RIGHTARG = text, FUNCTION = app.plain_alike)',
    "CREATE FUNCTION app.adds(text, text) RETURNS text LANGUAGE sql AS 'SELECT $1 || (SELECT max(ssn) FROM app.users)'",
    'CREATE AGGREGATE app.gathered(text) (SFUNC = app.adds, STYPE = text)',
    "CREATE FUNCTION app.is_known(text) RETURNS bool LANGUAGE sql AS 'SELECT EXISTS (SELECT 1 FROM app.users WHERE ssn = $1)'",
    'CREATE DOMAIN app.known AS text CHECK (app.is_known(VALUE))',
    'CREATE TABLE app.checked (x text CHECK (app.is_known(x)), y text DEFAULT app.email_of(1))',
    'CREATE VIEW app.v AS SELECT id, app.email_of(id) AS mail, app.has_ssn(name) AS told FROM app.users',
    'CREATE VIEW app.v_code AS SELECT app.coded(1) AS coded',
    'CREATE MATERIALIZED VIEW app.m AS SELECT app.email_of(1) AS mail',
    'CREATE EXTENSION pg_trgm SCHEMA public; CREATE EXTENSION citext SCHEMA public',
  ]);
  analyst = await server.analyst(database);
}, 60_000);

afterAll(() => server.stop());

describe('each output column has the columns that it comes from; ~ where it is computed', () => {
  test.each<readonly [string, readonly string[]]>([
    ['SELECT app.email_of(1)', ['app.users.email']],
    ['SELECT upper(app.email_of(1))', ['~app.users.email']],
    ['SELECT email_by_path(1)', ['app.users.email']],
    ['SELECT email_atomic(1)', ['app.users.email']],
    ['SELECT email_returned(who => 1)', ['app.users.email']],
    ['SELECT name, email FROM app.by_id(1)', ['app.users.name', 'app.users.email']],
    ['SELECT name, email FROM app.row_by_id(1)', ['app.users.name', 'app.users.email']],
    ['SELECT (app.by_id(1)).email', ['app.users.email']],
    ['SELECT (app.by_id(1)).*', ['id', 'name', 'email', 'ssn', 'pay'].map((one) => `app.users.${one}`)],
    ['SELECT email FROM app.everybody()', ['app.users.email']],
    ['SELECT e.email FROM app.everybody() e', ['app.users.email']],
    ['SELECT * FROM app.listed(1)', ['app.users.id', 'app.users.email', '~app.users.email']],
    ['SELECT c, a FROM app.listed(1) AS l(a, b, c)', ['~app.users.email', 'app.users.id']],
    ['SELECT l FROM app.listed(1) l', ['~app.users.id+app.users.email']],
    [
      'SELECT * FROM app.listed(1) WITH ORDINALITY',
      ['app.users.id', 'app.users.email', '~app.users.email', '-'],
    ],
    [
      'SELECT b, g FROM ROWS FROM (app.listed(1), generate_series(1, 2)) AS r(a, b, c, g)',
      ['app.users.email', '-'],
    ],
    ['SELECT l.mail FROM app.users u, LATERAL app.listed(u.id) l', ['app.users.email']],
    ['SELECT * FROM app.two(1)', ['app.users.email', '~app.users.name']],
    ['SELECT (app.two(1)).mail', ['app.users.email']],
    ['SELECT * FROM app.one(1)', ['app.users.email']],
    ['SELECT mail FROM app.carded(1)', ['app.users.email']],
    ['SELECT c, b FROM app.records() AS r(a int, b text, c text)', ['~app.users.email', 'app.users.email']],
    ['SELECT app.nested(1)', ['app.users.email']],
    ['SELECT app.last_counts()', ['app.users.name']],
    ['SELECT app.echo(ssn) FROM app.users', ['app.users.ssn']],
    ['SELECT app.echo(upper(ssn)) FROM app.users', ['~app.users.ssn']],
    ['SELECT app.echo(app.echo(ssn)) FROM app.users', ['app.users.ssn']],
    ['SELECT app.same(ssn), app.same(1) FROM app.users', ['app.users.ssn', '-']],
    ["SELECT app.second('a'), app.second('a', name) FROM app.users", ['app.users.email', 'app.users.name']],
    ["SELECT app.second(b => ssn, a => 'x') FROM app.users", ['app.users.ssn']],
    ['SELECT app.first_of(name, ssn) FROM app.users', ['~app.users.name+app.users.ssn']],
    ['SELECT app.first_of(VARIADIC ARRAY[ssn]) FROM app.users', ['~app.users.ssn']],
    ['SELECT app.mail(u), u.mail, (u).mail FROM app.users u', Array(3).fill('app.users.email')],
    ['SELECT app.calling(u) FROM app.users u', ['app.users.name']],
    ['SELECT app.strictly(ssn), app.strictly(name) FROM app.users', ['~app.users.ssn', '~app.users.name']],
    ['SELECT app.pick(1)', ['app.users.name']],
    ['SELECT app.pick($1)', ['~app.users.email+app.users.name']],
    ['UPDATE app.users SET pay = 1 RETURNING app.email_of(id)', ['app.users.email']],
    ['SELECT app.changed(1)', ['app.users.email']],
    ['SELECT mail, told FROM app.v', ['app.v.mail+app.users.email', 'app.v.told']],
    ['SELECT mail FROM app.m', ['app.m.mail+app.users.email']],
    ['SELECT app.elsewhere()', ['other.users.email']],
    ['SELECT app.lowered(ssn) FROM app.users', ['~app.users.ssn']],
    [
      'SELECT (SELECT app.email_of(1)), ARRAY(SELECT app.email_of(1))',
      ['app.users.email', '~app.users.email'],
    ],
    ['WITH w AS (SELECT app.email_of(1) AS e) SELECT e FROM w', ['app.users.email']],
    ['SELECT app.email_of(1) UNION ALL SELECT app.email_of(2)', ['app.users.email']],
  ])('%s', async (text, expected) => {
    expect(await analyst.outputs(text)).toEqual(expected);
  });
});

interface Said {
  readonly conditions: readonly string[];
  readonly guesses: number;
  readonly untraced: readonly string[] | 'anything';
}

async function said(text: string): Promise<Said> {
  const facts = await analyst.facts(text);
  const effects: readonly PostgresEffect[] = facts.effects;
  const conditions = new Set(effects.flatMap((effect) => effect.conditionColumns));
  const untraced = effects.map((effect) => effect.untraced);
  return {
    conditions: [...conditions].filter((column) => /email|ssn/.test(column)).toSorted(),
    guesses: effects
      .flatMap((effect) => effect.guesses)
      .filter(({ columns }) => columns.some((column) => /email|ssn/.test(column)))
      .reduce((sum, { values }) => sum + values, 0),
    untraced: untraced.includes('anything')
      ? 'anything'
      : [...new Set(untraced.flatMap((columns) => (columns === 'anything' ? [] : columns)))].toSorted(),
  };
}

const free: Said = { conditions: [], guesses: 0, untraced: [] };
const guess = (guesses: number): Said => ({ ...free, guesses });
const chosen = (...conditions: readonly string[]): Said => ({ ...free, conditions });
const ssn = 'app.users.ssn';

describe('what a call asks of the columns behind it', () => {
  test.each<readonly [string, Said]>([
    ['SELECT app.email_of(1)', free],
    ['SELECT * FROM app.everybody()', free],
    ['SELECT * FROM app.listed(3)', free],
    ['SELECT app.rich()', free],
    ["SELECT app.has_ssn('s-1')", guess(1)],
    ["SELECT app.has_ssn('s-1'), app.has_ssn('s-2')", guess(2)],
    ['SELECT app.has_ssn($1)', guess(1)],
    ['SELECT app.has_ssn($1::text)', guess(1)],
    ["SELECT app.name_by_ssn('s-1')", guess(1)],
    ["SELECT * FROM app.name_by_ssn(code => 's-1')", guess(1)],
    ["SELECT app.asks('s-1')", guess(1)],
    ['SELECT app.asks_const()', free],
    ["SELECT app.asks_own('s-1')", chosen(ssn)],
    ["SELECT app.like_ssn('s-%')", chosen(ssn)],
    ["SELECT app.joined('s-1')", chosen(ssn)],
    ["SELECT app.has_ssn('s-' || '1')", chosen(ssn)],
    ["SELECT app.has_ssn('s-' || x) FROM generate_series(1, 99999) x", chosen(ssn)],
    ["SELECT app.has_ssn(x) FROM unnest(ARRAY['s-1', 's-2']) x", chosen(ssn)],
    ["SELECT x, e FROM generate_series(1, 99999) x, app.has_ssn('s-' || x) e", chosen(ssn)],
    ["SELECT app.has_ssn((SELECT 's-1'))", chosen(ssn)],
    [
      "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 9) SELECT app.has_ssn('s-' || n) FROM r",
      chosen(ssn),
    ],
    ['SELECT app.has_ssn(email) FROM app.users', chosen('app.users.email', ssn)],
    ['SELECT app.notes(ssn) FROM app.users', chosen(ssn)],
    ['SELECT app.copies(1)', chosen(ssn)],
    ['SELECT app.keeps(1)', chosen(ssn)],
    ['SELECT told FROM app.v', free],
    ['SELECT * FROM app.users WHERE app.email_of(id) = name', chosen('app.users.email')],
    ['SELECT 1 FROM app.everybody() ORDER BY email', chosen('app.users.email')],
    ["SELECT name FROM app.everybody() WHERE email = 'x'", guess(1)],
    ["SELECT no FROM app.listed(1) WHERE mail = 'x'", guess(1)],
    ["SELECT no FROM app.listed(1) WHERE shout = 'x'", chosen('app.users.email')],
    ['INSERT INTO app.log SELECT app.email_of(1)', chosen('app.users.email')],
    ['CREATE TABLE app.kept AS SELECT app.email_of(1)', chosen('app.users.email')],
    ['SELECT app.lowered(ssn) FROM app.users', free],
  ])('%s', async (text, expected) => {
    expect(await said(text)).toEqual(expected);
  });
});

describe('what cannot be followed is said to be so', () => {
  test.each<readonly [string, Said['untraced']]>([
    ['SELECT app.coded(1)', 'anything'],
    ['SELECT app.over_code(1)', 'anything'],
    ['SELECT app.coded_ssn(1)', ['app.users.id', ssn]],
    ['SELECT app.coded_pay(1)', ['app.users.id', 'app.users.pay']],
    ['SELECT app.over_ssn(1)', ['app.users.id', ssn]],
    ['SELECT app.coded_over(1)', ['app.users.email', 'app.users.id']],
    ['SELECT app.dynamic()', 'anything'],
    ['SELECT app.statistics()', 'anything'],
    ['SELECT coded FROM app.v_code', 'anything'],
    ['SELECT name FROM app.users WHERE name <~> email', [ssn]],
    ['SELECT name FROM app.users WHERE name <=~> name', []],
    ['SELECT app.gathered(name) FROM app.users', [ssn]],
    ["SELECT 'x'::app.known", [ssn]],
    ["INSERT INTO app.checked VALUES ('s-1')", ['app.users.email', 'app.users.id', ssn]],
    ["SELECT name % 'x', similarity(name, 'x'), lower(name::citext) FROM app.users", []],
    ["SELECT replace(name::citext, 'a', 'b') FROM app.users", []],
  ])('%s', async (text, expected) => {
    expect((await said(text)).untraced).toEqual(expected);
  });

  test('one that calls itself may return all that it reads', async () => {
    expect((await said('SELECT app.recursive(3)')).untraced).toContain('app.users.email');
  });
});

test('rules decide about the call by its name: what it reads is no effect of the statement', async () => {
  expect(await analyst.effects('SELECT mail FROM app.listed(1)')).toEqual(['call app.listed']);
  expect(await analyst.effects('SELECT app.email_of(1)')).toEqual(['call app.email_of']);
  // Of a table's own rows, the table is read, as without lineage.
  expect(await analyst.effects('SELECT email FROM app.everybody()')).toEqual([
    'call app.everybody',
    'select app.users',
  ]);
});

test('a hold is bound to all that the body rests on', async () => {
  const { versions } = await analyst.facts('SELECT app.nested(1)');
  const names = versions.map((version) => version.replace(/@.*/, '')).toSorted();
  expect(names).toEqual(['app.email_of(int4)', 'app.nested(int4)', 'app.users']);
});

test('an error of it may quote what it reads', async () => {
  const { touched } = await analyst.facts('SELECT app.nothing(1)');
  expect(touched.map(({ column }) => column)).toContain('ssn');
});
