/** What cannot be understood is refused by a policy that allows everything, and passes by one that names the reason. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type pg from 'pg';
import { TestGateway } from './gateway.ts';

const everything = (more = ''): string => `\
policies:
  - name: everything
    targets: [shop]
    principals: [{kinds: [agent]}]
    rules:
      - {name: all, effects: ['*'], outcome: allow}
${more}`;

const schema = `
CREATE EXTENSION dblink; CREATE EXTENSION tablefunc; CREATE EXTENSION pgcrypto;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO gateway;
CREATE FUNCTION app.as_owner(int) RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT $1';
CREATE FUNCTION app.as_owner(int, int) RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT $1 + $2';
CREATE OPERATOR app.@+@ (LEFTARG = int, RIGHTARG = int, FUNCTION = app.as_owner);
CREATE AGGREGATE app.total(int) (SFUNC = app.as_owner, STYPE = int);
CREATE PROCEDURE app.proceeds() LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';
CREATE FUNCTION app.raw_add(int, int) RETURNS int LANGUAGE internal AS 'int4pl';
CREATE FUNCTION app.plain(int) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN $1; END';
CREATE AGGREGATE app.added(int) (SFUNC = int4pl, STYPE = int);
CREATE FUNCTION app.logs() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER logs BEFORE INSERT ON app.jobs FOR EACH ROW EXECUTE FUNCTION app.logs();
CREATE TABLE app.ruled (id int); GRANT ALL ON app.ruled TO gateway;
CREATE RULE r AS ON INSERT TO app.ruled DO INSTEAD NOTHING;
`;

let gateway: TestGateway;
let client: pg.Client;

beforeAll(async () => {
  gateway = await TestGateway.start({ policy: everything() });
  const admin = await gateway.direct();
  await admin.query(schema);
  await admin.end();
  client = await gateway.connect();
}, 60_000);

afterAll(async () => {
  await client.end();
  await gateway[Symbol.asyncDispose]();
});

type Row = readonly [reason: string, text: string];
const opaque: readonly Row[] = [
  ['procedural-code', "DO $$ BEGIN EXECUTE 'SELECT ' || 1; END $$"],
  ['procedural-code', 'CREATE FUNCTION app.made() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 1; END $$'],
  ['dynamic-sql', "SELECT query_to_xml('SELECT 1', true, false, '')"],
  ['dynamic-sql', "SELECT table_to_xml('app.users', true, false, '')"],
  ['dynamic-sql', "SELECT pg_catalog.database_to_xmlschema(true, false, '')"],
  ['dynamic-sql', "SELECT cursor_to_xml('c', 1, true, false, '')"],
  ['dynamic-sql', "SELECT * FROM ts_stat('SELECT to_tsvector(email) FROM app.users')"],
  ['dynamic-sql', "SELECT * FROM dblink('host=127.0.0.1', 'SELECT 1') AS t(a int)"],
  ['dynamic-sql', "SELECT dblink_connect('c', 'host=127.0.0.1')"],
  ['dynamic-sql', "SELECT * FROM crosstab('SELECT 1, 2, 3') AS t(a int, b int)"],
  ['security-definer', 'SELECT app.as_owner(1)'],
  ['security-definer', 'SELECT name FROM app.users WHERE as_owner(id) = 1'],
  ['security-definer', 'SELECT 1 OPERATOR(app.@+@) 2'],
  ['security-definer', 'SELECT total(id) FROM app.users'],
  ['security-definer', 'CALL app.proceeds()'],
  ['untrusted-language', 'SELECT app.raw_add(1, 2)'],
  ['unknown-relation', 'SELECT * FROM app.nothing'],
  ['unknown-column', 'SELECT nothing FROM app.users'],
  ['unknown-function', 'SELECT app.nothing(1)'],
  ['unknown-type', "SELECT 'x'::app.nothing"],
  ['unknown-operator', 'SELECT 1 OPERATOR(app.@#@) 2'],
  ['unknown-name', 'EXECUTE never_prepared'],
  ['unknown-name', 'FETCH ALL FROM never_declared'],
  ['rewrite-rule', 'INSERT INTO app.ruled VALUES (1)'],
];

/** PostgreSQL's own word where a name is not there. */
const states: Readonly<Record<string, string>> = {
  'unknown-relation': '42P01',
  'unknown-column': '42703',
  'unknown-function': '42883',
  'unknown-type': '42704',
  'unknown-operator': '42883',
};

test.each(opaque)('%s: %s', async (reason, text) => {
  for (const values of [undefined, []]) {
    await expect(client.query(text, values)).rejects.toMatchObject({
      code: states[reason] ?? '42501',
      detail: expect.stringContaining('opaque'),
      message: expect.stringContaining(reason),
    });
  }
});

test.each([
  'SELECT app.plain(1), added(id) FROM app.users GROUP BY id',
  "SELECT digest('x', 'sha256'), gen_random_uuid(), pg_size_pretty(pg_database_size('shop')), current_setting('server_version')",
  "SELECT ts_rank(to_tsvector('a'), to_tsquery('a')), xpath('/a', '<a/>')",
  // A trigger is what the table's owner has put there for everybody; it is an effect, and its name is decided.
  'INSERT INTO app.jobs DEFAULT VALUES',
])('what is understood, or is decided by its name, passes: %s', async (text) => {
  await expect(client.query(text)).resolves.toBeDefined();
});

const dos = (body: string): string => `DO $do$ BEGIN ${body}; END $do$`;

test.each<readonly [text: string, refused: string | null]>([
  [dos('PERFORM id FROM app.users'), null],
  [
    dos('IF EXISTS (SELECT FROM app.users) THEN UPDATE app.users SET name = name; END IF'),
    'update app.users',
  ],
  [dos("RAISE NOTICE '%', (SELECT id FROM app.jobs LIMIT 1)"), 'select app.jobs'],
  [dos("EXECUTE 'SELECT id FROM app.jobs'"), 'select app.jobs'],
  [dos("EXECUTE 'SELECT id FROM app.' || 'users'"), 'procedural-code'],
  [dos('PERFORM id FROM app.nothing'), 'procedural-code'],
])('what a DO block does is decided: %s', async (text, refused) => {
  await gateway.replacePolicy(`\
policies:
  - name: some
    targets: [shop]
    principals: [{kinds: [agent]}]
    rules:
      - {name: blocks, effects: [do], outcome: allow}
      - {name: read, effects: [select], tables: [app.users], outcome: allow}
`);
  const session = await gateway.connect();
  const answer = session.query(text);
  if (refused === null) await expect(answer).resolves.toBeDefined();
  else await expect(answer).rejects.toMatchObject({ message: expect.stringContaining(refused) });
  await session.end();
  await gateway.replacePolicy(everything());
});

test('a rule that allows procedural-code allows what a DO block does, unless another denies it', async () => {
  await gateway.replacePolicy(`\
policies:
  - name: some
    targets: [shop]
    principals: [{kinds: [agent]}]
    rules:
      - {name: blocks, effects: [do], opaque: [procedural-code], outcome: allow}
      - {name: never, effects: [delete], outcome: deny, message: Nobody deletes.}
`);
  const session = await gateway.connect();
  await session.query(dos('PERFORM id FROM app.users; EXECUTE lower($$SELECT 1$$)'));
  await expect(session.query('SELECT id FROM app.users')).rejects.toThrow();
  await expect(session.query(dos('DELETE FROM app.jobs WHERE false'))).rejects.toThrow('Nobody deletes.');
  await session.end();
  await gateway.replacePolicy(everything());
});

test('a rule that names the reason lets it pass', async () => {
  const reasons = [...new Set(opaque.map(([reason]) => reason))];
  await gateway.replacePolicy(
    everything(`      - {name: known, opaque: [${reasons.join(', ')}], outcome: allow}\n`),
  );
  const session = await gateway.connect();
  for (const text of [
    "SELECT query_to_xml('SELECT 1', true, false, '')",
    'SELECT app.as_owner(1)',
    'SELECT app.raw_add(1, 2)',
    'CALL app.proceeds()',
  ]) {
    await expect(session.query(text)).resolves.toBeDefined();
  }
  await session.end();
  await gateway.replacePolicy(everything());
});

test('what does not parse gets the error that PostgreSQL gives, and its place', async () => {
  const direct = await gateway.direct();
  for (const text of ["SELECT 'ü', 1 FRM app.users", 'SELECT', 'SELEC 1', 'SELECT (1']) {
    const [ours, theirs] = await Promise.all(
      [client, direct].map((each) =>
        each.query(text).then(
          () => null,
          (error: pg.DatabaseError) => error,
        ),
      ),
    );
    expect([ours?.code, ours?.message, ours?.position]).toEqual([
      theirs?.code,
      theirs?.message,
      theirs?.position,
    ]);
  }
  await direct.end();
  const { output } = await gateway
    .psql('SELECT 1\nFRM app.users;')
    .finished.then(({ stderr }) => ({ output: stderr }));
  expect(output).toContain('LINE 2: FRM app.users;');
});

test('a table that this session may have made is not said to be missing', async () => {
  const session = await gateway.connect();
  await session.query('BEGIN');
  await session.query('CREATE TABLE app.just_made (id int)');
  await expect(session.query('SELECT * FROM app.just_made')).rejects.toMatchObject({ code: '42501' });
  await session.query('ROLLBACK');
  await expect(session.query('SELECT * FROM app.just_made')).rejects.toMatchObject({ code: '42P01' });
  await session.query('CREATE TEMP TABLE mine (id int)');
  await expect(session.query('SELECT * FROM mine')).rejects.toMatchObject({ code: '42501' });
  await session.end();
});
