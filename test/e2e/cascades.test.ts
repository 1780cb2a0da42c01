/** DROP ... CASCADE and event triggers through the gateway: rules on what goes along hold, approvers are told, a change voids. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { TestGateway } from './gateway.ts';

const policy = `\
policies:
  - name: builders
    targets: [shop]
    principals: [{kinds: [agent]}]
    rules:
      - {name: read, effects: [select], tables: [shop.*], outcome: allow}
      - {name: keep-audit, effects: [drop], tables: [audit.*], outcome: deny, message: The audit stays.}
      - {name: code, effects: [call], functions: [log.*], outcome: allow}
      - name: change
        effects: [create, alter, drop]
        tables: [shop.*]
        outcome: hold
        approval: {approvers: [{groups: [oncall]}], within: 10m, wait: 5m}
      - name: objects
        effects: [drop]
        objects: [function, type, schema, extension]
        outcome: hold
        approval: {approvers: [{groups: [oncall]}], within: 10m, wait: 5m}
`;

const schema = `
CREATE SCHEMA log;
CREATE SCHEMA shop AUTHORIZATION gateway; CREATE SCHEMA audit AUTHORIZATION gateway;
CREATE FUNCTION log.notes() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$;
CREATE EVENT TRIGGER notes ON ddl_command_end EXECUTE FUNCTION log.notes();
SET ROLE gateway;
CREATE TABLE shop.a (id int PRIMARY KEY); CREATE VIEW shop.av AS SELECT id FROM shop.a;
CREATE TABLE shop.b (id int PRIMARY KEY); CREATE VIEW audit.bv AS SELECT id FROM shop.b;
CREATE TABLE shop.c (id int PRIMARY KEY); CREATE VIEW shop.cv AS SELECT id FROM shop.c;
CREATE TABLE shop.d (id int); CREATE TABLE shop.e (id int);
CREATE TABLE shop.p (id int) PARTITION BY LIST (id); CREATE TABLE audit.p1 PARTITION OF shop.p FOR VALUES IN (1);
CREATE TYPE shop.mood AS ENUM ('good'); CREATE TABLE audit.moods (m shop.mood);
CREATE FUNCTION shop.f() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1'; CREATE VIEW audit.fv AS SELECT shop.f() AS one;
RESET ROLE;
`;

let gateway: TestGateway;
let admin: pg.Client;

beforeAll(async () => {
  gateway = await TestGateway.start({ policy });
  admin = await gateway.direct();
  await admin.query(schema);
}, 60_000);

afterAll(async () => {
  await admin.end();
  await gateway[Symbol.asyncDispose]();
});

/** How it ends, without ever being held. */
async function refused(text: string): Promise<pg.DatabaseError> {
  const client = await gateway.connect();
  const ended = await client.query(text).catch((error: pg.DatabaseError) => error);
  await client.end();
  if (ended instanceof pg.DatabaseError) return ended;
  throw new Error(`it ran: ${text}`);
}

describe('a rule on audit holds however it would go', () => {
  test.each([
    'DROP VIEW audit.bv',
    'DROP TABLE shop.b CASCADE',
    'ALTER TABLE shop.b DROP COLUMN id CASCADE',
    'DROP FUNCTION shop.f() CASCADE',
    'DROP TABLE shop.p',
    'DROP SCHEMA shop CASCADE',
    'DROP SCHEMA audit CASCADE',
    'DROP OWNED BY gateway',
  ])('%s', async (text) => {
    const { code, message, detail } = await refused(text);
    expect(code).toBe('42501');
    expect(`${message} ${detail}`).toMatch(/The audit stays\.|builders\/keep-audit/);
    expect((await admin.query('SELECT to_regclass($1) AS still', ['audit.bv'])).rows).toEqual([
      { still: 'audit.bv' },
    ]);
  });

  test('and in the extended protocol, where it is refused before it is bound', async () => {
    const client = await gateway.connect();
    const ended = client.query({ text: 'DROP TABLE shop.b CASCADE', name: 'drops' });
    await expect(ended).rejects.toMatchObject({ code: '42501' });
    await client.end();
  });
});

test('what this session has changed and not committed may hang on it: who has no rule for that is refused', async () => {
  const client = await gateway.connect();
  await client.query('BEGIN');
  const created = held(client, 'CREATE VIEW shop.dv AS SELECT * FROM shop.d');
  await decide('approve', (await created).id);
  await (await created).end;
  await expect(client.query('DROP TABLE shop.d CASCADE')).rejects.toMatchObject({
    code: '42501',
    message: expect.stringContaining('unknown-relation'),
  });
  await client.end();
});

interface Held {
  readonly id: string;
  readonly end: Promise<pg.QueryResult | pg.DatabaseError>;
}

async function held(client: pg.Client, text: string): Promise<Held> {
  const noticed = new Promise<{ message?: string }>((resolve) => client.once('notice', resolve));
  const end = client.query(text).catch((error: pg.DatabaseError) => error);
  const notice = (await Promise.race([noticed, end])) as { message?: string };
  return { id: /h_[\w-]+/.exec(notice.message ?? '')?.[0] ?? `${notice.message}`, end };
}

const decide = async (word: 'approve' | 'reject', id: string): Promise<void> => {
  expect(await gateway.cli(['holds', word, id, '--reason', 'a test', '--yes'])).toMatchObject({ status: 0 });
};

const consequencesOf = async (id: string): Promise<readonly string[]> =>
  JSON.parse((await gateway.cli(['holds', 'show', id, '--json'])).stdout).consequences;

const fires = 'event trigger notes (ddl_command_end) runs log.notes (plpgsql)';

test('approvers are told what goes along, and it goes once they have approved', async () => {
  const client = await gateway.connect();
  const { id, end } = await held(client, 'DROP TABLE shop.a CASCADE');
  expect(await consequencesOf(id)).toEqual([fires, 'drops view shop.av']);
  await decide('approve', id);
  expect(await end).toMatchObject({ command: 'DROP' });
  expect((await admin.query("SELECT to_regclass('shop.av') AS still")).rows).toEqual([{ still: null }]);
  await client.end();
});

describe('an approval is void once this has changed', () => {
  test.each([
    [
      'a view that hangs on it too',
      'DROP TABLE shop.c CASCADE',
      'CREATE VIEW shop.more AS SELECT id FROM shop.c',
    ],
    [
      'one that was made anew',
      'DROP TABLE shop.c CASCADE',
      'DROP VIEW shop.cv; CREATE VIEW shop.cv AS SELECT id FROM shop.c',
    ],
    [
      'an event trigger',
      'CREATE TABLE shop.x()',
      'CREATE EVENT TRIGGER more ON ddl_command_start EXECUTE FUNCTION log.notes()',
    ],
    ['one that was disabled', 'CREATE TABLE shop.x()', 'ALTER EVENT TRIGGER more DISABLE'],
    [
      'an event trigger’s function',
      'CREATE TABLE shop.x()',
      'CREATE OR REPLACE FUNCTION log.notes() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM 1; END $$',
    ],
  ])('%s', async (_, text, change) => {
    const client = await gateway.connect();
    const { id, end } = await held(client, text);
    await admin.query(change);
    await decide('approve', id);
    expect(await end).toMatchObject({
      code: '42501',
      message: expect.stringMatching(/is no longer what was approved/),
    });
    await client.end();
  });
});
