/** What goes along by CASCADE: said by effects and in words; PostgreSQL, which drops it for a moment, says what it was. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import type {
  Analysis,
  CascadeRoot,
  PostgresEffect,
} from '../../../../services/protocols/postgres/sql/analysis.ts';
import { cascadeQuery, readCascaded } from '../../../../services/protocols/postgres/sql/cascade-query.ts';
import { withCascades } from '../../../../services/protocols/postgres/sql/cascades.ts';
import { catalogReader } from './catalog-reader.ts';
import { type Analyst, TestServer } from './database.ts';

let server: TestServer;
let analyst: Analyst;
let owner: pg.Client;

beforeAll(async () => {
  server = await TestServer.start();
  const database = await server.database([
    'CREATE SCHEMA app; CREATE SCHEMA audit; CREATE SCHEMA "Odd. One"; CREATE ROLE clerk; CREATE ROLE boss',
    'CREATE TABLE app.users(id int PRIMARY KEY, email text UNIQUE, tag text)',
    'CREATE TABLE app.orders(id serial PRIMARY KEY, owner int REFERENCES app.users, mail text REFERENCES app.users(email))',
    'CREATE UNIQUE INDEX once ON app.users (tag); ALTER TABLE app.orders ADD tag text REFERENCES app.users(tag)',
    'CREATE VIEW app.v AS SELECT id, email FROM app.users',
    'CREATE VIEW audit.deep AS SELECT id FROM app.v',
    'CREATE MATERIALIZED VIEW audit.m AS SELECT tag FROM app.users',
    'CREATE TABLE audit.log(what text)',
    'CREATE TABLE app.parent(n int); CREATE TABLE audit.heir(m int) INHERITS (app.parent)',
    'CREATE TABLE app.parted(id int, k int) PARTITION BY LIST (k)',
    'CREATE TABLE audit.part1 PARTITION OF app.parted FOR VALUES IN (1)',
    "CREATE TYPE app.mood AS ENUM ('good'); CREATE TABLE audit.moods(id int, m app.mood); CREATE DOMAIN app.positive AS int CHECK (VALUE > 0)",
    'CREATE TABLE audit.counted(n app.positive, plain int)',
    'CREATE TYPE app.pair AS (a int, b int); CREATE TABLE audit.pairs OF app.pair',
    'CREATE FUNCTION app.f(int) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT 1 $$',
    'CREATE TABLE audit.uses(n int DEFAULT app.f(1) CHECK (app.f(n) > 0)); CREATE INDEX by_f ON audit.uses (app.f(n))',
    'CREATE POLICY seen ON audit.uses USING (app.f(n) = 1)',
    'CREATE FUNCTION app.on_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$',
    'CREATE TRIGGER watch BEFORE INSERT ON audit.log FOR EACH ROW EXECUTE FUNCTION app.on_row()',
    'CREATE FUNCTION audit.takes(app.users) RETURNS int LANGUAGE sql AS $$ SELECT 1 $$',
    'CREATE SEQUENCE app.s; CREATE TABLE audit.numbered(id int DEFAULT nextval($$app.s$$))',
    'CREATE TABLE "Odd. One"."T, x"(id int); CREATE VIEW "Odd. One"."v; drop" AS SELECT * FROM "Odd. One"."T, x"',
    'CREATE TABLE app.clerks(id int); ALTER TABLE app.clerks OWNER TO clerk; CREATE VIEW audit.of_clerk AS SELECT * FROM app.clerks',
    'CREATE FUNCTION app.by_clerk() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$; ALTER FUNCTION app.by_clerk() OWNER TO clerk',
    'CREATE EXTENSION pg_trgm SCHEMA app; CREATE TABLE audit.words(w text); CREATE INDEX like_words ON audit.words USING gin (w app.gin_trgm_ops)',
    'CREATE FOREIGN DATA WRAPPER nowhere; CREATE SERVER far FOREIGN DATA WRAPPER nowhere; CREATE FOREIGN TABLE audit.away(id int) SERVER far',
    'CREATE RULE also AS ON INSERT TO audit.words DO ALSO INSERT INTO app.users(id) VALUES (1)',
    'CREATE TABLE audit.dropped(what text, identity text)',
    `CREATE FUNCTION public.tells() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
       INSERT INTO told SELECT object_type, object_identity FROM pg_event_trigger_dropped_objects(); END $$`,
    'CREATE EVENT TRIGGER tells ON sql_drop EXECUTE FUNCTION public.tells()',
  ]);
  analyst = await server.analyst(database);
  owner = await server.connect(database);
  await owner.query('CREATE TEMP TABLE told(type text, identity text)');
});

afterAll(() => server.stop());

async function analyse(text: string): Promise<Analysis> {
  const analysis = await analyst.analyse(text);
  const reader = catalogReader(analyst.client);
  const cascaded = [];
  for (const { cascades } of analysis.statements) {
    const roots = cascades.filter(
      (root): root is Exclude<CascadeRoot, { kind: 'unseen' }> => root.kind !== 'unseen',
    );
    cascaded.push(roots.length === 0 ? [] : readCascaded(await reader.query(cascadeQuery(roots))));
  }
  return withCascades(analysis, cascaded, analyst.catalogs.current);
}

/** What PostgreSQL drops, in a transaction that is undone. */
async function dropped(text: string): Promise<readonly string[]> {
  await owner.query('BEGIN; DELETE FROM told');
  try {
    await owner.query(text);
    return (await owner.query('SELECT type, identity FROM told')).rows.map(
      (row) => `${row.type} ${row.identity}`,
    );
  } finally {
    await owner.query('ROLLBACK');
  }
}

const effectsOf = ({ intent }: Analysis): readonly string[] =>
  (intent.effects as readonly PostgresEffect[]) // this protocol's own
    .filter(({ verb }) => verb === 'drop' || verb === 'alter')
    .map(({ verb, resource }) => `${verb} ${resource}`)
    .sort();

const isObject =
  /^(?:table|view|materialized view|foreign table|function|extension|schema|domain) (?!constraint|column)/;

/** Its functions go with the extension, of which the statement tells. */
const isOfExtension = /trgm|similarity|set_limit|show_limit/;

describe('all that PostgreSQL drops along is an effect, and said', () => {
  test.each<readonly [string, readonly string[]]>([
    [
      'DROP TABLE app.users CASCADE',
      [
        'alter app.orders',
        'alter audit.words',
        'drop app.users',
        'drop app.v',
        'drop audit.deep',
        'drop audit.m',
        'drop function audit.takes(app.users)',
      ],
    ],
    ['DROP VIEW app.v CASCADE', ['drop app.v', 'drop audit.deep']],
    ['DROP VIEW audit.deep', ['drop audit.deep']],
    ['DROP TABLE app.parent CASCADE', ['drop app.parent', 'drop audit.heir']],
    ['DROP TABLE app.parted', ['drop app.parted', 'drop audit.part1']],
    ['DROP TYPE app.mood CASCADE', ['alter audit.moods', 'drop type app.mood']],
    ['DROP DOMAIN app.positive CASCADE', ['alter audit.counted', 'drop domain app.positive']],
    ['DROP TYPE app.pair CASCADE', ['drop audit.pairs', 'drop type app.pair']],
    ['DROP FUNCTION app.f CASCADE', ['alter audit.uses', 'drop function app.f']],
    ['DROP FUNCTION app.f(int) CASCADE', ['alter audit.uses', 'drop function app.f']],
    ['DROP ROUTINE app.on_row CASCADE', ['alter audit.log', 'drop routine app.on_row']],
    ['DROP SEQUENCE app.s CASCADE', ['alter audit.numbered', 'drop app.s']],
    ['DROP INDEX app.once CASCADE', ['alter app.orders', 'drop app.once']],
    [
      'ALTER TABLE app.users DROP COLUMN email CASCADE',
      ['alter app.orders', 'alter app.users', 'drop app.v', 'drop audit.deep'],
    ],
    [
      'ALTER TABLE app.users DROP COLUMN tag CASCADE',
      ['alter app.orders', 'alter app.users', 'drop audit.m'],
    ],
    ['ALTER TABLE app.users DROP CONSTRAINT users_pkey CASCADE', ['alter app.orders', 'alter app.users']],
    ['ALTER TABLE app.parent DROP COLUMN n CASCADE', ['alter app.parent', 'alter audit.heir']],
    ['DROP TABLE "Odd. One"."T, x" CASCADE', ['drop "Odd. One".T, x', 'drop "Odd. One".v; drop']],
    ['DROP EXTENSION pg_trgm CASCADE', ['alter audit.words', 'drop extension pg_trgm']],
    ['DROP SERVER far CASCADE', ['drop audit.away', 'drop server far']],
    [
      'DROP FOREIGN DATA WRAPPER nowhere CASCADE',
      ['drop audit.away', 'drop foreign data wrapper nowhere', 'drop server far'],
    ],
    [
      'DROP OWNED BY clerk CASCADE',
      [
        'drop all objects owned by clerk',
        'drop app.clerks',
        'drop audit.of_clerk',
        'drop function app.by_clerk()',
      ],
    ],
    ['DROP TABLE app.orders CASCADE', ['drop app.orders']],
  ])('%s', async (text, expected) => {
    const analysis = await analyse(text);
    expect(analysis.intent.opaque).toEqual([]);
    const effects = effectsOf(analysis);
    expect(effects).toEqual(expected);
    const real = await dropped(text);
    const said = analysis.intent.consequences.join('\n');
    const [named = ''] = (text.split(' ')[2] ?? '').split('(');
    for (const one of real) {
      if (isObject.test(one) && !one.includes(named) && !isOfExtension.test(one))
        expect(said).toContain(`drops ${one}`);
    }
  });
});

test('a schema takes everything along that is in it, and what hangs on that', async () => {
  const text = 'DROP SCHEMA app CASCADE';
  const analysis = await analyse(text);
  expect(effectsOf(analysis)).toEqual(
    expect.arrayContaining([
      'drop app.users',
      'drop audit.deep',
      'drop audit.heir',
      'drop audit.part1',
      'drop extension pg_trgm',
    ]),
  );
  const said = new Set(analysis.intent.consequences);
  const missing = (await dropped(text)).filter(
    (one) => isObject.test(one) && !isOfExtension.test(one) && !said.has(`drops ${one}`),
  );
  expect(missing).toEqual(['schema app']);
});

test('REASSIGN OWNED changes each object of the role', async () => {
  const analysis = await analyse('REASSIGN OWNED BY clerk TO boss');
  expect(effectsOf(analysis)).toEqual([
    'alter all objects owned by clerk',
    'alter app.clerks',
    'alter function app.by_clerk()',
  ]);
  expect(analysis.intent.consequences).toContain('gives table app.clerks another owner');
});

test.each([
  'DROP OPERATOR CLASS app.gin_trgm_ops USING gin CASCADE',
  'DROP COLLATION app.x CASCADE',
  'DROP OWNED BY CURRENT_USER',
  'ALTER TYPE app.pair DROP ATTRIBUTE a CASCADE',
])('%s: what hangs on it is not asked for, so it is opaque', async (text) => {
  expect((await analyse(text)).intent.opaque).toEqual(['unseen-cascade']);
});

test.each([
  'DROP TABLE IF EXISTS app.nothing_there CASCADE',
  'DROP TYPE IF EXISTS app.nothing_there CASCADE',
  'DROP FUNCTION IF EXISTS app.nothing_there() CASCADE',
  'DROP SCHEMA IF EXISTS nothing_there CASCADE',
  'DROP TRIGGER watch ON audit.log CASCADE',
  'DROP TABLE audit.log',
  'TRUNCATE app.parent CASCADE',
])('%s takes nothing along', async (text) => {
  const { consequences } = (await analyse(text)).intent;
  expect(
    consequences.filter((one) => !one.startsWith('event trigger') && !one.startsWith('public.tells')),
  ).toEqual([]);
});

test('what hangs on it is what an approval rests on', async () => {
  const text = 'DROP VIEW app.v CASCADE';
  const versions = async () => (await analyse(text)).intent.versions;
  const before = await versions();
  await owner.query('CREATE VIEW audit.more AS SELECT email FROM app.v');
  await analyst.catalogs.refreshIfChanged();
  expect(await versions()).not.toEqual(before);
  await owner.query('DROP VIEW audit.more');
  await analyst.catalogs.refreshIfChanged();
  expect(await versions()).toEqual(before);
});
