/** What statements set off by themselves: said in words, and decided by effects. Real PostgreSQL shows that it happens. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import { type Analyst, TestServer } from './database.ts';

let server: TestServer;
let analyst: Analyst;
let database: string;

const trigger = (name: string, more = ''): string =>
  `CREATE FUNCTION app.${name}() RETURNS trigger LANGUAGE plpgsql ${more} AS
   $$ BEGIN INSERT INTO app.log VALUES ('${name}', TG_TABLE_NAME, TG_OP); RETURN COALESCE(NEW, OLD); END $$`;

beforeAll(async () => {
  server = await TestServer.start();
  database = await server.database([
    'CREATE SCHEMA app; CREATE TABLE app.log(what text, on_table text, event text)',
    trigger('audits', 'SECURITY DEFINER'),
    trigger('watches'),
    trigger('replaces'),
    'CREATE TABLE app.customers(id int PRIMARY KEY, email text UNIQUE)',
    'CREATE TABLE app.orders(id int PRIMARY KEY, customer int REFERENCES app.customers ON DELETE CASCADE)',
    'CREATE TABLE app.lines(id int, "order" int CONSTRAINT "of order" REFERENCES app.orders ON DELETE CASCADE)',
    'CREATE TABLE app.mails(id int, email text REFERENCES app.customers(email) ON UPDATE CASCADE ON DELETE SET NULL)',
    'CREATE TABLE app.tree(id int PRIMARY KEY, parent int REFERENCES app.tree ON DELETE CASCADE)',
    'CREATE TRIGGER audit AFTER DELETE ON app.lines FOR EACH ROW EXECUTE FUNCTION app.audits()',
    'CREATE TRIGGER off AFTER DELETE ON app.lines FOR EACH ROW EXECUTE FUNCTION app.watches()',
    'ALTER TABLE app.lines DISABLE TRIGGER off',
    'CREATE TRIGGER kept BEFORE UPDATE ON app.mails FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()',
    // Partitions, and what refers to them.
    'CREATE TABLE app.events(id int, k int, PRIMARY KEY (id, k)) PARTITION BY LIST (k)',
    'CREATE TABLE app.events1 PARTITION OF app.events FOR VALUES IN (1)',
    'CREATE TABLE app.events2 PARTITION OF app.events FOR VALUES IN (2)',
    'CREATE TRIGGER each AFTER INSERT OR DELETE ON app.events FOR EACH ROW EXECUTE FUNCTION app.watches()',
    'CREATE TRIGGER own AFTER INSERT ON app.events2 FOR EACH ROW EXECUTE FUNCTION app.audits()',
    'CREATE TABLE app.about1(id int, k int, FOREIGN KEY (id, k) REFERENCES app.events1 ON DELETE CASCADE)',
    'CREATE TABLE app.about(id int, k int, FOREIGN KEY (id, k) REFERENCES app.events ON DELETE CASCADE) PARTITION BY LIST (k)',
    'CREATE TABLE app.about_a PARTITION OF app.about FOR VALUES IN (1)',
    'CREATE TABLE app.about_b PARTITION OF app.about FOR VALUES IN (2)',
    // Tables that inherit, and what refers to them.
    'CREATE TABLE app.people(id int PRIMARY KEY); CREATE TABLE app.staff(PRIMARY KEY (id)) INHERITS (app.people)',
    'CREATE TABLE app.badges(id int, staff int REFERENCES app.staff ON DELETE CASCADE)',
    // Views and rules.
    'CREATE VIEW app.shown AS SELECT id FROM app.customers',
    'CREATE VIEW app.counted AS SELECT count(*) AS n FROM app.customers',
    'CREATE TRIGGER instead INSTEAD OF DELETE ON app.counted FOR EACH ROW EXECUTE FUNCTION app.replaces()',
    'CREATE TABLE app.ruled(id int)',
    `CREATE RULE "and log" AS ON DELETE TO app.ruled DO ALSO INSERT INTO app.log VALUES ('rule', 'ruled', 'DELETE')`,
    'CREATE RULE never AS ON UPDATE TO app.ruled DO INSTEAD NOTHING',
  ]);
  analyst = await server.analyst(database);
});

afterAll(() => server.stop());

const consequences = async (text: string): Promise<readonly string[]> =>
  (await analyst.analyse(text)).intent.consequences;

const ofOrder = 'deletes rows of app.lines that refer to app.orders (foreign key "of order")';
const audit = 'trigger audit on app.lines runs app.audits (plpgsql, security definer)';
const each = 'trigger each on app.events runs app.watches (plpgsql)';
const own = 'trigger own on app.events2 runs app.audits (plpgsql, security definer)';
const audits = 'app.audits (plpgsql, security definer) does: insert app.log';
const watches = 'app.watches (plpgsql) does: insert app.log';
const mails = (what: string): string =>
  `changes email of app.mails where it refers to app.customers (foreign key ${what})`;
const kept = 'trigger kept on app.mails runs pg_catalog.suppress_redundant_updates_trigger (internal)';
const about = [
  'deletes rows of app.about that refer to app.events (foreign key about_id_k_fkey)',
  'rows of app.about lie in 2 partitions',
];

describe('what a statement sets off is said', () => {
  test.each<readonly [string, readonly string[]]>([
    ['SELECT * FROM customers', []],
    ['INSERT INTO customers(id) VALUES (1)', []],
    ['UPDATE customers SET id = 1', []],
    ["UPDATE customers SET email = 'x'", [mails('mails_email_fkey'), kept]],
    [
      'DELETE FROM customers',
      [
        'deletes rows of app.orders that refer to app.customers (foreign key orders_customer_fkey)',
        ofOrder,
        audit,
        mails('mails_email_fkey'),
        kept,
        audits,
      ],
    ],
    [
      'DELETE FROM shown',
      [
        'deletes rows of app.orders that refer to app.customers (foreign key orders_customer_fkey)',
        ofOrder,
        audit,
        mails('mails_email_fkey'),
        kept,
        audits,
      ],
    ],
    ['WITH gone AS (DELETE FROM orders RETURNING id) SELECT count(*) FROM gone', [ofOrder, audit, audits]],
    [
      'MERGE INTO orders o USING customers c ON o.customer = c.id WHEN MATCHED THEN DELETE',
      [ofOrder, audit, audits],
    ],
    ['DELETE FROM lines', [audit, audits]],
    ['DECLARE c CURSOR FOR WITH x AS (SELECT 1) SELECT * FROM x', []],
    ['EXPLAIN ANALYZE DELETE FROM lines', [audit, audits]],
    ['DELETE FROM tree', ['deletes rows of app.tree that refer to app.tree (foreign key tree_parent_fkey)']],
    ['TRUNCATE orders', []],
    [
      'TRUNCATE customers CASCADE',
      [
        'empties app.orders, which refers to app.customers (foreign key orders_customer_fkey)',
        'empties app.lines, which refers to app.orders (foreign key "of order")',
        'empties app.mails, which refers to app.customers (foreign key mails_email_fkey)',
      ],
    ],
    [
      'INSERT INTO events VALUES (1, 1)',
      [each, 'rows of app.events lie in 2 partitions', own, watches, audits],
    ],
    ['COPY events FROM STDIN', [each, 'rows of app.events lie in 2 partitions', own, watches, audits]],
    ['UPDATE events SET id = 2', ['rows of app.events lie in 2 partitions']],
    ['DELETE FROM badges', []],
    [
      'DELETE FROM people',
      ['deletes rows of app.badges that refer to app.staff (foreign key badges_staff_fkey)'],
    ],
    ['DELETE FROM ONLY people', []],
    [
      'DELETE FROM counted',
      [
        'trigger instead on app.counted runs app.replaces (plpgsql) in place of the delete',
        'app.replaces (plpgsql) does: insert app.log',
      ],
    ],
    ['DELETE FROM ruled', ['rule "and log" on app.ruled acts beside the delete']],
    ['UPDATE ruled SET id = 1', ['rule never on app.ruled acts in place of the update']],
  ])('%s', async (text, expected) => {
    expect(await consequences(text)).toEqual(expected);
  });

  test.each<readonly [string, readonly string[]]>([
    [
      "CREATE FUNCTION app.f() RETURNS int LANGUAGE plpgsql AS 'BEGIN DELETE FROM lines; RETURN 1; END'",
      ['delete app.lines', 'call app.audits', audit, audits],
    ],
    ["CREATE FUNCTION app.f() RETURNS int LANGUAGE sql AS 'SELECT 1'", []],
    [
      `CREATE FUNCTION app.f(n int) RETURNS bigint LANGUAGE "sql" AS
        $$ DELETE FROM lines WHERE id = n OR id = $1 OR id = f.n; SELECT count(*) FROM shown $$`,
      [
        'select app.lines',
        'delete app.lines',
        'call app.audits',
        audit,
        audits,
        'select app.shown',
        'select app.customers',
      ],
    ],
    [
      'CREATE FUNCTION app.f(n int) RETURNS int RETURN n + (SELECT max(id) FROM orders)',
      ['select app.orders'],
    ],
    [
      'CREATE PROCEDURE app.p() BEGIN ATOMIC INSERT INTO customers(id) VALUES (1); SELECT app.nothing(nobody); END',
      [
        'insert app.customers',
        'call app.nothing',
        'what is not understood (unknown-column, unknown-function)',
      ],
    ],
    ["CREATE PROCEDURE app.p() LANGUAGE sql AS 'DROP TABLE app.orders'", ['drop app.orders']],
    ["CREATE PROCEDURE app.p() LANGUAGE sql AS 'SELEC 1'", []],
  ])('of what makes a function, what its body in SQL does once it is called: %s', async (text, expected) => {
    const { opaque, consequences: said } = (await analyst.analyse(text)).intent;
    expect(opaque).toEqual(['procedural-code']);
    expect(new Set(said)).toEqual(new Set(expected.map((each) => `once it is called: ${each}`)));
  });

  test('of a partitioned table, with what refers to it or to one partition', async () => {
    const said = await consequences('DELETE FROM events');
    expect(said.slice(0, 2)).toEqual([each, 'rows of app.events lie in 2 partitions']);
    expect(new Set(said.slice(2))).toEqual(
      new Set([
        ...about,
        watches,
        'deletes rows of app.about1 that refer to app.events1 (foreign key about1_id_k_fkey)',
      ]),
    );
  });

  test('of a row that goes to another partition: what deletes and inserts there', async () => {
    const said = await consequences('UPDATE events SET k = 2');
    expect(said).toContain(own);
    expect(await analyst.effects('UPDATE events SET k = 2')).toEqual(
      expect.arrayContaining(['call app.audits', 'call app.watches', 'update app.events']),
    );
  });
});

describe('what happens in PostgreSQL was an effect', () => {
  /** What of the tables is there before a statement and gone or changed behind it, beside its own table. */
  const changed = async (client: pg.Client, text: string): Promise<readonly string[]> => {
    await client.query('BEGIN');
    for (const statement of rows) await client.query(statement);
    await client.query('TRUNCATE app.log');
    const before = await contents(client);
    await client.query(text);
    const after = await contents(client);
    const { rows: log } = await client.query<{ what: string }>('SELECT what FROM app.log');
    await client.query('ROLLBACK');
    const tables = [...before].filter(([table, text]) => after.get(table) !== text).map(([table]) => table);
    return [...tables.filter((table) => table !== 'app.log'), ...log.map(({ what }) => `app.${what}`)];
  };

  const rows = [
    "INSERT INTO app.customers VALUES (1, 'a'), (2, 'b')",
    'INSERT INTO app.orders VALUES (1, 1), (2, 2); INSERT INTO app.lines VALUES (1, 1), (2, 2)',
    "INSERT INTO app.mails VALUES (1, 'a'); INSERT INTO app.tree VALUES (1, NULL), (2, 1)",
    'INSERT INTO app.events VALUES (1, 1), (2, 2); INSERT INTO app.about1 VALUES (1, 1)',
    'INSERT INTO app.about VALUES (1, 1), (2, 2)',
    'INSERT INTO app.people VALUES (1); INSERT INTO app.staff VALUES (2); INSERT INTO app.badges VALUES (1, 2)',
    'INSERT INTO app.ruled VALUES (1)',
  ];

  const tables =
    'customers orders lines mails tree events1 events2 about1 about_a about_b people staff badges ruled log';

  async function contents(client: pg.Client): Promise<ReadonlyMap<string, string>> {
    const found = new Map<string, string>();
    for (const table of tables.split(' ')) {
      const { rows } = await client.query(`SELECT t::text FROM ONLY app.${table} t ORDER BY 1`);
      found.set(`app.${table}`, JSON.stringify(rows));
    }
    return found;
  }

  test.each([
    'DELETE FROM app.customers WHERE id = 1',
    "UPDATE app.customers SET email = 'z' WHERE id = 1",
    'DELETE FROM app.shown',
    'DELETE FROM app.tree WHERE id = 1',
    'DELETE FROM app.events',
    'DELETE FROM app.events1',
    'UPDATE app.events SET k = 2 WHERE id = 7',
    'INSERT INTO app.events VALUES (3, 2)',
    'DELETE FROM app.people',
    'DELETE FROM app.staff',
    'DELETE FROM app.counted',
    'DELETE FROM app.ruled',
    'TRUNCATE app.customers CASCADE',
    'MERGE INTO app.orders o USING app.customers c ON o.customer = c.id WHEN MATCHED THEN DELETE',
  ])('%s', async (text) => {
    const client = await server.connect(database);
    const did = await changed(client, text);
    await client.end();
    const effects = await analyst.effects(text);
    const { versions } = (await analyst.analyse(text)).intent;
    for (const name of did) {
      // A partition stands for its parent, and a rule for the reason that names it.
      const names = name === 'app.rule' ? ['opaque: rewrite-rule'] : [name, name.replace(/(\d|_[ab])$/, '')];
      const covered = effects.some((effect) => names.some((each) => effect.endsWith(each)));
      expect({ name, covered }).toEqual({ name, covered: true });
      if (name !== 'app.rule') expect(versions.join(' ')).toContain(name);
    }
  });
});
