/** What approvers are told of a held statement, and what voids their approval. Envoy, the gateway and PostgreSQL as they are. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import { TestGateway } from './gateway.ts';

const policy = `\
policies:
  - name: agents
    targets: [shop]
    principals: [{kinds: [agent]}]
    rules:
      - {name: read, effects: [select], tables: [shop.*, app.*], outcome: allow}
      - {name: say, effects: [set], settings: [role, app.*, row_security], outcome: allow}
      - name: change
        effects: [insert, update, delete, truncate]
        tables: [shop.*]
        outcome: hold
        approval: {approvers: [{groups: [oncall]}], within: 10m, wait: 5m}
      - name: later
        effects: [update]
        tables: [app.jobs]
        outcome: hold
        approval: {approvers: [{groups: [oncall]}], within: 10m, mode: defer}
      - name: run
        effects: [call]
        functions: [shop.*]
        opaque: [rewrite-rule]
        outcome: hold
        approval: {approvers: [{groups: [oncall]}], within: 10m, wait: 5m}
`;

const schema = `
CREATE SCHEMA shop AUTHORIZATION gateway;
CREATE ROLE clerk; GRANT clerk TO gateway; GRANT USAGE ON SCHEMA app TO clerk; GRANT SELECT, UPDATE ON app.jobs TO clerk;
SET ROLE gateway;
CREATE TABLE shop.customers (id int PRIMARY KEY, name text);
CREATE TABLE shop.orders (id int PRIMARY KEY, customer int REFERENCES shop.customers ON DELETE CASCADE);
INSERT INTO shop.customers SELECT n, 'c' || n FROM generate_series(1, 5000) n;
INSERT INTO shop.orders SELECT n, n FROM generate_series(1, 5000) n;
CREATE TABLE shop.log (what text);
CREATE FUNCTION shop.audits() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
  $$ BEGIN INSERT INTO shop.log VALUES (TG_TABLE_NAME); RETURN NULL; END $$;
CREATE TRIGGER audit AFTER DELETE ON shop.orders FOR EACH STATEMENT EXECUTE FUNCTION shop.audits();
CREATE FUNCTION shop.picks(int) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS
  $$ BEGIN RAISE NOTICE 'it ran'; INSERT INTO shop.log VALUES ('ran'); RETURN $1 = 1; END $$;
CREATE TABLE shop.plain (id int PRIMARY KEY, a int DEFAULT 1, b int);
INSERT INTO shop.plain VALUES (1, 1, 1);
CREATE VIEW shop.seen AS SELECT id, a FROM shop.plain WHERE id > 0;
ALTER TABLE shop.plain ENABLE ROW LEVEL SECURITY;
CREATE POLICY visible ON shop.plain USING (id < 10);
ANALYZE;
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

interface Held {
  readonly id: string;
  readonly detail: string | undefined;
  /** How it ends: the rows, or the error. */
  readonly end: Promise<pg.QueryResult | pg.DatabaseError>;
}

/** Sends what will be held, and waits for the notice that says so. */
async function held(client: pg.Client, text: string, values?: readonly unknown[]): Promise<Held> {
  const noticed = new Promise<pg.Notification | { message?: string; detail?: string }>((resolve) =>
    client.once('notice', resolve),
  );
  const end = client
    .query(text, values === undefined ? undefined : [...values])
    .catch((error: pg.DatabaseError) => error);
  const notice = (await Promise.race([noticed, end])) as { message?: string; detail?: string };
  const id = /h_[\w-]+/.exec(notice.message ?? '')?.[0] ?? '';
  return { id, detail: notice.detail, end };
}

const shown = async (id: string) => JSON.parse((await gateway.cli(['holds', 'show', id, '--json'])).stdout);

const decide = async (word: 'approve' | 'reject', id: string): Promise<void> => {
  expect(await gateway.cli(['holds', word, id, '--reason', 'a test', '--yes'])).toMatchObject({ status: 0 });
};

/** What approvers are told of the statement, which is then rejected. */
async function told(text: string, values?: readonly unknown[]): Promise<readonly string[]> {
  const client = await gateway.connect();
  const { id, end } = await held(client, text, values);
  const { consequences } = await shown(id);
  await decide('reject', id);
  expect(await end).toMatchObject({ code: '42501' });
  await client.end();
  return consequences;
}

const cascade = 'deletes rows of shop.orders that refer to shop.customers (foreign key orders_customer_fkey)';
const audit = 'trigger audit on shop.orders runs shop.audits (plpgsql, security definer)';
const audits = 'shop.audits (plpgsql, security definer) does: insert shop.log';

describe('an approver is told', () => {
  test('what a statement sets off, which its client is told too, and how many rows PostgreSQL expects, which it is not', async () => {
    const client = await gateway.connect();
    const { id, detail, end } = await held(client, 'DELETE FROM shop.customers WHERE id <= 4000');
    expect(detail).toBe(`Along with it: ${cascade}; ${audit}; ${audits}.`);
    const { consequences } = await shown(id);
    const [rows = '', ...others] = consequences;
    expect(others).toEqual([cascade, audit, audits]);
    const [, count = ''] = /^delete about ([\d,]+) rows of shop\.customers \(an estimate\)$/.exec(rows) ?? [];
    expect(Number(count.replace(',', ''))).toBeGreaterThan(3_500);
    const { stdout } = await gateway.cli(['holds', 'show', id]);
    expect(stdout).toContain(
      `  consequences ${rows}\n               ${cascade}\n               ${audit}\n               ${audits}\n`,
    );
    await decide('approve', id);
    expect(await end).toMatchObject({ rowCount: 4000 });
    await client.end();
  });

  test.each<readonly [string, readonly unknown[] | undefined, RegExp]>([
    ['DELETE FROM shop.customers WHERE id = $1', [4500], /^delete about 1 row of shop.customers/],
    ['DELETE FROM shop.customers WHERE id > $1', [4000], /^delete about (9\d\d|1,0\d\d) rows/],
    [
      'INSERT INTO shop.plain (id) SELECT id FROM shop.customers',
      undefined,
      /^insert about (9\d\d|1,0\d\d|5,000) rows of shop.plain/,
    ],
    ['UPDATE shop.orders SET id = id', undefined, /^update about [\d,]+ rows of shop.orders/],
    [
      'WITH x AS (DELETE FROM shop.orders RETURNING 1) SELECT count(*) FROM x',
      undefined,
      /^delete about [\d,]+ rows of shop.orders/,
    ],
    [
      'DELETE FROM shop.customers WHERE id = shop.picks(1)::int',
      undefined,
      /^how many rows: not known, as planning it could run functions/,
    ],
    [
      'DELETE FROM shop.customers WHERE shop.picks(1)',
      undefined,
      /^how many rows: not known, as planning it could run functions/,
    ],
    [
      'DELETE FROM shop.customers WHERE id = 1/0',
      undefined,
      /^how many rows: not known, as the target did not plan it in time, or would not/,
    ],
    ['TRUNCATE shop.orders', undefined, /^never$/],
  ])('%s', async (text, values, expected) => {
    const [first] = await told(text, values);
    if (text.startsWith('TRUNCATE')) expect(first).toBeUndefined();
    else expect(first).toMatch(expected);
    expect((await admin.query("SELECT 1 FROM shop.log WHERE what = 'ran'")).rows).toEqual([]);
  });

  test('within the bound, when the target cannot plan it now', async () => {
    await admin.query('BEGIN; LOCK TABLE shop.orders IN ACCESS EXCLUSIVE MODE');
    const [first] = await told('DELETE FROM shop.orders WHERE id = 1');
    await admin.query('ROLLBACK');
    expect(first).toMatch(/^how many rows: not known/);
  });
});

describe('an approval is void once this has changed', () => {
  /** Approved after the change, and what the client hears. */
  async function after(change: string, text: string): Promise<unknown> {
    const client = await gateway.connect();
    const { id, end } = await held(client, text);
    await admin.query(`SET ROLE gateway; ${change}; RESET ROLE`);
    await decide('approve', id);
    const ended = await end;
    await client.end();
    return ended instanceof Error ? ended.message : 'done';
  }

  const deletes = 'DELETE FROM shop.orders WHERE id = -1';
  const inserts = 'INSERT INTO shop.plain (id) VALUES (2)';
  test.each([
    ['nothing at all', 'SELECT 1', deletes, 'done'],
    ['a table that has nothing to do with it', 'ALTER TABLE app.orders ADD COLUMN more int', deletes, 'done'],
    ['a column that was added', 'ALTER TABLE shop.orders ADD COLUMN more int', deletes],
    [
      'the function of a trigger',
      `CREATE OR REPLACE FUNCTION shop.audits() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM shop.log; RETURN NULL; END $$`,
      deletes,
    ],
    ['whose rights that function has', 'ALTER FUNCTION shop.audits() SECURITY DEFINER', deletes],
    [
      'another trigger',
      'CREATE TRIGGER more BEFORE DELETE ON shop.orders FOR EACH STATEMENT EXECUTE FUNCTION shop.audits()',
      deletes,
    ],
    ['a trigger that was disabled', 'ALTER TABLE shop.orders DISABLE TRIGGER more', deletes],
    ['a rule', 'CREATE RULE r AS ON DELETE TO shop.orders DO ALSO NOTHING', deletes],
    ['a rule that is gone', 'DROP RULE r ON shop.orders', deletes],
    [
      'a function that it calls',
      `CREATE OR REPLACE FUNCTION shop.picks(int) RETURNS bool LANGUAGE sql AS 'SELECT true'`,
      'DELETE FROM shop.orders WHERE shop.picks(id) AND id = -1',
    ],
    [
      'the view that it goes through',
      'CREATE OR REPLACE VIEW shop.seen AS SELECT id, a FROM shop.plain',
      'UPDATE shop.seen SET a = 2 WHERE id = -1',
    ],
    [
      'a view’s option',
      'ALTER VIEW shop.seen SET (security_barrier)',
      'UPDATE shop.seen SET a = 2 WHERE id = -1',
    ],
    ['a column’s default', 'ALTER TABLE shop.plain ALTER a SET DEFAULT 1000000', inserts],
    [
      'which rows row security shows',
      'ALTER POLICY visible ON shop.plain USING (id < 1000)',
      'UPDATE shop.plain SET b = 2',
    ],
    [
      'a unique key',
      'CREATE UNIQUE INDEX ON shop.plain (b)',
      'INSERT INTO shop.plain (id, b) VALUES (3, 7) ON CONFLICT DO NOTHING',
    ],
    ['a check', 'ALTER TABLE shop.plain ADD CHECK (b < 100)', 'UPDATE shop.plain SET b = 3'],
    [
      'a foreign key that cascades',
      'CREATE TABLE shop.lines (o int REFERENCES shop.orders ON DELETE CASCADE)',
      deletes,
    ],
    ['a table that inherits', 'CREATE TABLE shop.more_orders () INHERITS (shop.orders)', deletes],
    [
      'a trigger of the table that inherits',
      'CREATE TRIGGER t AFTER DELETE ON shop.more_orders FOR EACH STATEMENT EXECUTE FUNCTION shop.audits()',
      deletes,
    ],
    [
      'the table itself',
      'ALTER TABLE shop.orders RENAME TO old_orders; CREATE TABLE shop.orders AS TABLE shop.old_orders',
      deletes,
    ],
  ])('%s', async (_, change, text, expected = 'changed') => {
    const ended = await after(change, text);
    if (expected === 'done') expect(ended).toBe('done');
    else expect(ended).toMatch(/is no longer what was approved/);
  });
});

describe('an approval to be used later is for a session that has set the same', () => {
  const updates = 'UPDATE app.jobs SET done = true WHERE id = 1';

  /** The hold's id that the client is told to come back for; null when it ran. */
  async function tried(client: pg.Client, text = updates): Promise<string | null> {
    const answer = await client.query(text).catch((error: pg.DatabaseError) => error);
    if (!(answer instanceof Error)) return null;
    return /h_[\w-]+/.exec(answer.message)?.[0] ?? answer.message;
  }

  test.each([
    ['its role', 'SET ROLE clerk'],
    ['a parameter of the application', "SET app.tenant = '7'"],
    ['the same by a function', "SELECT set_config('app.tenant', '7', false)"],
    ['how dates are read', "SET datestyle = 'SQL, DMY'"],
    ['its time zone', "SET TIME ZONE 'Asia/Tokyo'"],
    ['row security', 'SET row_security = off'],
  ])('%s', async (_, setting) => {
    const [plain, other] = [await gateway.connect(), await gateway.connect()];
    await other.query(setting);
    const id = await tried(plain);
    expect(await shown(id ?? '')).toMatchObject({ sessionState: '' });
    await decide('approve', id ?? '');
    // The other session is asked about anew, and its approvers are told what it has set.
    const anew = await tried(other);
    expect(anew).toMatch(/^h_/);
    expect(anew).not.toBe(id);
    expect(await shown(anew ?? '')).toMatchObject({ sessionState: setting });
    expect(await tried(plain)).toBeNull();
    await decide('approve', anew ?? '');
    expect(await tried(other)).toBeNull();
    await Promise.all([plain.end(), other.end()]);
  });

  test('and a setting that was sent ahead in the same write counts', async () => {
    const [plain, other] = [await gateway.connect(), await gateway.connect()];
    const id = await tried(plain);
    await decide('approve', id ?? '');
    const set = other.query('SET ROLE clerk');
    const anew = await tried(other);
    await set;
    expect(anew).toMatch(/^h_/);
    expect(anew).not.toBe(id);
    expect(await tried(plain)).toBeNull();
    await Promise.all([plain.end(), other.end()]);
  });

  test('what says nothing about rows may differ: the application’s name, time-outs, and going back to what was', async () => {
    const [plain, other] = [await gateway.connect(), await gateway.connect()];
    await other.query("SET application_name = 'another'; SET client_min_messages = warning; RESET timezone");
    const id = await tried(plain);
    await decide('approve', id ?? '');
    expect(await tried(other)).toBeNull();
    await Promise.all([plain.end(), other.end()]);
  });

  test('parameters with their types', async () => {
    const client = await gateway.connect();
    const query = (value: unknown) =>
      client.query('UPDATE app.jobs SET done = true WHERE id = $1', [value]).then(
        () => null,
        (error: pg.DatabaseError) => /h_[\w-]+/.exec(error.message)?.[0] ?? error.message,
      );
    const id = await query(2);
    await decide('approve', id ?? '');
    expect(await query(3)).not.toBe(id);
    expect(await query(2)).toBeNull();
    await client.end();
  });
});
