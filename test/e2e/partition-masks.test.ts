/** A mask on a partition, or on a table that inherits, holds through its parent; one on the parent holds through each of them. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import { TestGateway } from './gateway.ts';

const policy = `\
policies:
  - name: agents
    targets: [shop]
    principals: [{kinds: [agent]}]
    rules:
      - {name: all, effects: [select, insert, update, create, alter], tables: [app.*], outcome: allow}
      - {name: code, effects: [call], functions: [app.*], outcome: allow}
    masks:
      - {fields: [app.calls_b.secret, app.clerks.secret, app.deep_b1.secret], with: full, inConditions: deny}
      - {fields: [app.events.secret], with: full}
`;

const schema = `
SET ROLE gateway;
CREATE TABLE app.calls (id int, k text, secret text) PARTITION BY LIST (k);
CREATE TABLE app.calls_a PARTITION OF app.calls FOR VALUES IN ('a');
CREATE TABLE app.calls_b (secret text, dropped int, k text, id int); ALTER TABLE app.calls_b DROP COLUMN dropped;
ALTER TABLE app.calls ATTACH PARTITION app.calls_b FOR VALUES IN ('b');
INSERT INTO app.calls VALUES (1, 'a', 'needle-a'), (2, 'b', 'needle-b');
CREATE TABLE app.deep (k text, secret text) PARTITION BY LIST (k);
CREATE TABLE app.deep_b PARTITION OF app.deep FOR VALUES IN ('b') PARTITION BY LIST (k);
CREATE TABLE app.deep_b1 PARTITION OF app.deep_b FOR VALUES IN ('b');
INSERT INTO app.deep VALUES ('b', 'needle-d');
CREATE TABLE app.staff (id int, secret text); CREATE TABLE app.clerks (desk int) INHERITS (app.staff);
INSERT INTO app.clerks VALUES (1, 'needle-c', 7);
CREATE TABLE app.events (id int, k text, secret text) PARTITION BY LIST (k);
CREATE TABLE app.events_a PARTITION OF app.events FOR VALUES IN ('a');
CREATE TABLE app.events_b (secret text, x int, k text, id int); ALTER TABLE app.events_b DROP COLUMN x;
ALTER TABLE app.events ATTACH PARTITION app.events_b FOR VALUES IN ('b');
INSERT INTO app.events VALUES (1, 'a', 'needle-ea'), (2, 'b', 'needle-eb');
CREATE FUNCTION app.traced() RETURNS text LANGUAGE sql AS $$ SELECT secret FROM app.calls WHERE k = 'b' $$;
CREATE FUNCTION app.untraced() RETURNS text LANGUAGE plpgsql AS $$ DECLARE r record; BEGIN SELECT * INTO r FROM app.calls WHERE k = 'b'; RETURN r.secret; END $$;
CREATE VIEW app.seen AS SELECT id, secret AS shown FROM app.calls;
RESET ROLE;
`;

let gateway: TestGateway;
let admin: pg.Client;
let client: pg.Client;

beforeAll(async () => {
  gateway = await TestGateway.start({ policy });
  admin = await gateway.direct();
  await admin.query(schema);
  client = await gateway.connect();
}, 60_000);

afterAll(async () => {
  await client.end();
  await admin.end();
  await gateway[Symbol.asyncDispose]();
});

describe('masked in what comes back', () => {
  test.each([
    'SELECT secret FROM calls',
    'SELECT * FROM app.calls',
    'SELECT c FROM calls c',
    'SELECT lower(secret) FROM calls',
    'SELECT tableoid::regclass, secret FROM calls',
    'SELECT shown FROM seen',
    'SELECT secret FROM calls_b',
    'SELECT to_json(d) FROM deep d',
    'SELECT secret FROM deep_b',
    'SELECT secret FROM staff',
    'SELECT s.secret FROM staff AS s(a, secret)',
    'SELECT secret FROM clerks',
    'SELECT secret FROM events_a',
    'SELECT * FROM events_b',
    'SELECT secret FROM events',
    'UPDATE calls SET id = id RETURNING secret',
    'WITH x AS (SELECT * FROM calls) SELECT max(secret) FROM x',
  ])('%s', async (text) => {
    const { rows } = await client.query(text);
    expect(rows.length).toBeGreaterThan(0);
    expect(JSON.stringify(rows)).not.toContain('needle');
  });
});

test.each(['SELECT app.traced()', 'SELECT app.untraced()', 'SELECT lower(app.traced())'])(
  'nor shown by a function that reads it: %s',
  async (text) => {
    const answer = await client.query(text).catch((error: pg.DatabaseError) => error);
    expect(answer instanceof Error ? answer.message : JSON.stringify(answer.rows)).not.toContain('needle');
  },
);

describe('refused where it would choose rows or be stored', () => {
  test.each([
    "SELECT id FROM calls WHERE secret = 'needle-b'",
    "SELECT id FROM calls WHERE secret LIKE 'n%'",
    'SELECT id FROM calls ORDER BY secret',
    "SELECT id FROM seen WHERE shown = 'needle-b'",
    "SELECT k FROM deep WHERE secret > 'n'",
    "SELECT id FROM staff WHERE secret = 'needle-c'",
    'CREATE TABLE app.copied AS SELECT secret FROM calls',
    'INSERT INTO app.users (id, name, email) SELECT id, secret, k FROM calls',
    "SELECT id FROM events_b WHERE secret LIKE 'n%'",
  ])('%s', async (text) => {
    await expect(client.query(text)).rejects.toMatchObject({
      code: '42501',
      detail: expect.stringContaining('masked-field-in-condition'),
    });
  });

  test('also by a name of the session', async () => {
    await client.query('PREPARE p AS SELECT secret FROM calls');
    await expect(client.query('CREATE TABLE app.copied AS EXECUTE p')).rejects.toMatchObject({
      code: '42501',
    });
  });

  test('a mask is not written back', async () => {
    await expect(client.query("UPDATE calls SET secret = '********' WHERE id = 1")).rejects.toThrow(
      /write a mask/,
    );
  });
});

test.each([
  ['ALTER TABLE app.events RENAME COLUMN secret TO shown', 'app.events.secret'],
  ['ALTER TABLE app.events RENAME TO other', 'app.events.secret'],
  ['ALTER TABLE app.calls RENAME COLUMN secret TO shown', 'app.calls_b.secret'],
  ['ALTER TABLE app.events DETACH PARTITION app.events_a', 'app.events.secret'],
])('what would take a column out of its mask is refused, and says so: %s', async (text, field) => {
  await expect(client.query(text)).rejects.toMatchObject({
    code: '42501',
    message: expect.stringContaining(`would take ${field} out of its mask`),
    hint: expect.stringContaining(`Leave ${field} as it is.`),
  });
});

test('a mask on one partition is one on all, and from the day on which one is attached its table’s mask holds for it', async () => {
  expect((await client.query('SELECT secret FROM calls_a')).rows).toEqual([{ secret: '********' }]);
  await admin.query(
    "SET ROLE gateway; CREATE TABLE app.events_c (secret text, k text, id int); INSERT INTO app.events_c VALUES ('needle-ec', 'c', 3)",
  );
  await admin.query("ALTER TABLE app.events ATTACH PARTITION app.events_c FOR VALUES IN ('c')");
  const fresh = await gateway.connect();
  expect(JSON.stringify((await fresh.query('SELECT secret FROM events_c')).rows)).not.toContain('needle');
  expect(JSON.stringify((await fresh.query('SELECT secret FROM events')).rows)).not.toContain('needle');
  await fresh.end();
});
