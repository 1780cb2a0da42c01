/** What the bodies of a catalog's functions are known to do. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { catalogContext } from '../../../../services/protocols/postgres/sql/analyse-text.ts';
import type { Catalog } from '../../../../services/protocols/postgres/sql/catalog.ts';
import { type Context, running } from '../../../../services/protocols/postgres/sql/context.ts';
import { Findings } from '../../../../services/protocols/postgres/sql/findings.ts';
import { columnsReadBy } from '../../../../services/protocols/postgres/sql/function-bodies.ts';
import { maxAnalysisSteps } from '../../../../services/protocols/postgres/sql/limits.ts';
import { emptySearchPath, searchPath } from '../../../../services/protocols/postgres/sql/names.ts';
import { parseMeasured } from '../../../../services/protocols/postgres/sql/parse.ts';
import { queries } from '../../../../services/protocols/postgres/sql/queries.ts';
import { Budget } from '../../../../services/protocols/postgres/sql/scope.ts';
import { pinnedPath, TestServer } from './database.ts';

let server: TestServer;
let catalog: Catalog;

beforeAll(async () => {
  server = await TestServer.start();
  const database = await server.database([
    'CREATE SCHEMA app; CREATE SCHEMA other; SET search_path TO app, public',
    'CREATE TABLE app.users (id int PRIMARY KEY, name text, email text)',
    'CREATE TABLE other.users (id int, secret text)',
    'CREATE VIEW app.mails AS SELECT id AS no, email FROM app.users',
    "CREATE FUNCTION app.one(n int) RETURNS text LANGUAGE sql AS 'SELECT name FROM users WHERE id = n'",
    'CREATE FUNCTION app.atomic(n int) RETURNS text RETURN (SELECT email FROM app.users WHERE id = n)',
    "CREATE FUNCTION app.through() RETURNS text LANGUAGE sql AS 'SELECT email FROM mails'",
    "CREATE FUNCTION app.calls() RETURNS text LANGUAGE sql AS 'SELECT one(2)'",
    "CREATE FUNCTION app.own() RETURNS text LANGUAGE sql SET search_path TO other AS 'SELECT secret FROM users'",
    "CREATE FUNCTION app.definer() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT name FROM users'",
    "CREATE FUNCTION app.unread(text) RETURNS int LANGUAGE internal AS 'textlen'",
    "CREATE FUNCTION app.calls_unread() RETURNS int LANGUAGE sql AS $$ SELECT unread('x') $$",
    "CREATE FUNCTION app.dynamic() RETURNS xml LANGUAGE sql AS $$ SELECT table_to_xml('users', true, false, '') $$",
    'SET check_function_bodies = off',
    "CREATE FUNCTION app.missing() RETURNS int LANGUAGE sql AS 'SELECT x FROM gone'",
    "CREATE FUNCTION app.moves() RETURNS text LANGUAGE sql AS $$ SELECT set_config('search_path', 'other', true); SELECT email FROM users $$",
    "CREATE FUNCTION app.ping(n int) RETURNS int LANGUAGE sql AS 'SELECT pong(n)'",
    "CREATE FUNCTION app.pong(n int) RETURNS int LANGUAGE sql AS 'SELECT ping(n) FROM users WHERE id = n'",
    'CREATE FUNCTION app.twice(text, text) RETURNS text LANGUAGE sql AS $$ SELECT max(email) FROM users $$',
    'CREATE AGGREGATE app.joined(text) (SFUNC = app.twice, STYPE = text)',
    "CREATE FUNCTION app.defaulted(n text DEFAULT app.one(1)) RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE FUNCTION app.counts() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM users'",
    "CREATE FUNCTION app.whole() RETURNS text LANGUAGE sql AS 'SELECT u::text FROM users u'",
    "CREATE FUNCTION app.deletes() RETURNS void LANGUAGE sql AS $$ DELETE FROM users WHERE email = 'x' $$",
    "CREATE PROCEDURE app.drops() LANGUAGE sql AS 'DROP TABLE users'",
  ]);
  catalog = (await server.analyst(database)).catalogs.current;
});

afterAll(() => server.stop());

const context = (): Context => {
  const paths = [catalog.usable(searchPath(pinnedPath))];
  return {
    ...catalogContext(catalog, parseMeasured),
    paths,
    pathKey: JSON.stringify(paths),
    anyOrder: false,
    pinnedSearchPath: pinnedPath,
    findings: new Findings(),
    budget: new Budget(maxAnalysisSteps),
    within: [],
    bodyDepth: 0,
    callers: [],
    running: running([searchPath(pinnedPath), emptySearchPath], [], false),
    parameters: null,
    queries,
  };
};

const readBy = (name: string): readonly string[] | 'unknown' => {
  const [one] = catalog.functions(name);
  if (one === undefined) throw new Error(`${name} was not made`);
  const read = columnsReadBy(one, context());
  return read === 'unknown' ? read : read.map(({ text }) => text).toSorted();
};

describe('the columns that a function may read', () => {
  test.each<readonly [string, readonly string[] | 'unknown']>([
    ['one', ['app.users.id', 'app.users.name']],
    ['atomic', ['app.users.email', 'app.users.id']],
    ['through', ['app.mails.email', 'app.users.email']],
    ['calls', ['app.users.id', 'app.users.name']],
    ['own', ['other.users.secret']],
    ['definer', ['app.users.name']],
    ['unread', 'unknown'],
    ['calls_unread', 'unknown'],
    ['dynamic', 'unknown'],
    ['missing', 'unknown'],
    ['moves', 'unknown'],
    ['ping', ['app.users.id']],
    ['pong', ['app.users.id']],
    ['joined', ['app.users.email']],
    ['defaulted', ['app.users.id', 'app.users.name']],
    ['counts', []],
    ['whole', ['app.users.email', 'app.users.id', 'app.users.name']],
    ['deletes', ['app.users.email']],
    ['drops', []],
  ])('%s', (name, expected) => {
    expect(readBy(name)).toEqual(expected);
  });
});
