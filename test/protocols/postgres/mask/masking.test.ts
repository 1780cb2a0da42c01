/** Which columns of a result are masked: statements run on a real server, their answers masked by their lineage. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import type { Mask, Obligations } from '../../../../services/core/model/decision.ts';
import { TargetMasking } from '../../../../services/protocols/postgres/mask/masking.ts';
import type { StatementFacts } from '../../../../services/protocols/postgres/sql/analysis.ts';
import {
  backend,
  type FieldDescription,
  frameOf,
} from '../../../../services/protocols/postgres/wire/backend.ts';
import { type Analyst, TestServer } from '../sql/database.ts';
import { bytes, dataRow, key, lengthAndValue, mask, obligations, valuesOf } from './fixtures.ts';

let server: TestServer;
let analyst: Analyst;
let client: pg.Client;
let masking: TargetMasking;

beforeAll(async () => {
  server = await TestServer.start();
  const database = await server.database([
    'CREATE SCHEMA app',
    'CREATE TABLE app.users(id int, email text, ssn text, name text, pay int)',
    "INSERT INTO app.users VALUES (1, 'ada@example.org', '123456789', 'Ada', 90000)",
    'CREATE VIEW app.people AS SELECT id, ssn AS code, lower(email) AS mail FROM app.users',
    'CREATE TABLE app.parts(id int, s text) PARTITION BY LIST (id)',
    'CREATE TABLE app.part1 PARTITION OF app.parts FOR VALUES IN (1)',
    "INSERT INTO app.parts VALUES (1, 'secret')",
  ]);
  analyst = await server.analyst(database);
  client = await server.connect(database);
  await client.query('SET search_path = app');
  masking = new TargetMasking(() => analyst.catalogs.current, key);
});

afterAll(() => server.stop());

const full = obligations(mask(['app.users.ssn', 'app.parts.s']));
const hashed = obligations(mask(['app.users.ssn'], 'hash'));
const noMasks = obligations();

/** The columns of a result as RowDescription gives them, and its rows as the server sent them. */
async function answer(
  sql: string,
): Promise<{ readonly fields: FieldDescription[]; readonly rows: string[][] }> {
  const result = await client.query({
    text: sql,
    rowMode: 'array',
    types: { getTypeParser: () => (value: string | null) => value },
  });
  const fields = result.fields.map((field) => ({
    name: field.name,
    tableOid: field.tableID,
    attributeNumber: field.columnID,
    typeOid: field.dataTypeID,
    typeModifier: field.dataTypeModifier,
    format: 0,
  }));
  return { fields, rows: result.rows };
}

async function shown(
  sql: string,
  of: Obligations = full,
  facts: Partial<StatementFacts> = {},
): Promise<readonly (string | null)[]> {
  const statement = { ...(await analyst.facts(sql)), ...facts };
  const { fields, rows } = await answer(sql);
  const row = dataRow((rows[0] ?? []).map(bytes));
  const plan = masking.rows(of, statement, fields);
  return valuesOf(plan === null ? row : plan.mask(row)).map((value) => value?.toString('utf8') ?? null);
}

describe('a masked column is masked wherever it comes out', () => {
  test.each<[string, readonly (string | null)[]]>([
    ['SELECT id, ssn, name FROM users', ['1', '********', 'Ada']],
    ['SELECT ssn AS id FROM users', ['********']],
    ['SELECT code, id FROM people', ['********', '1']],
    ['SELECT s FROM part1', ['********']],
    ['SELECT s FROM parts', ['********']],
    ['SELECT reverse(ssn), length(ssn) FROM users', ['********', '0']],
    ['SELECT nullif(ssn, $$123456789$$) FROM users', ['********']],
    ['SELECT u FROM users u', [null]],
    ['SELECT to_jsonb(u) FROM users u', ['null']],
    ['SELECT array_agg(ssn) FROM users', ['{}']],
    ['SELECT count(*), max(name) FROM users', ['1', 'Ada']],
    ['UPDATE users SET name = name RETURNING ssn, id', ['********', '1']],
    ['SELECT 1 AS ssn', ['1']],
  ])('%s', async (sql, expected) => {
    expect(await shown(sql)).toEqual(expected);
  });
});

test('without lineage every column may come from all that the statement touches', async () => {
  const sql = 'SELECT id, name FROM users';
  const { touched } = await analyst.facts('SELECT ssn FROM users');
  expect(await shown(sql, full, { outputs: null, touched })).toEqual(['0', '********']);
  // An analysis that counts other columns than the server is none.
  const { outputs } = await analyst.facts('SELECT id FROM users');
  expect(await shown(sql, full, { outputs, touched })).toEqual(['0', '********']);
  expect(await shown(sql, full, { outputs: null, touched: [] })).toEqual(['1', 'Ada']);
});

describe('the table and column numbers of RowDescription', () => {
  test('mask what lineage has missed, with the pseudonym that lineage would give', async () => {
    const sql = 'SELECT ssn AS whatever FROM users';
    const blind = { outputs: [{ name: 'x', sources: [], derived: false }] };
    expect(await shown(sql, full, blind)).toEqual(['********']);
    const [byLineage] = await shown(sql, hashed);
    expect(byLineage).toMatch(/^masked-[0-9a-f]{20}$/);
    expect(await shown(sql, hashed, blind)).toEqual([byLineage]);
    expect(await shown('SELECT ssn FROM users', hashed)).toEqual([byLineage]);
  });

  test('never take a mask away', async () => {
    const lineage = (await analyst.facts('SELECT ssn FROM users')).outputs;
    expect(await shown('SELECT name FROM users', full, { outputs: lineage })).toEqual(['********']);
  });

  test('of a table that the catalog does not know hide all, if any field is masked at all', async () => {
    await client.query('CREATE TEMP TABLE copied AS SELECT name, pay FROM app.users');
    const sql = 'SELECT name, pay FROM copied';
    expect(await shown(sql, full)).toEqual(['********', '0']);
    expect(await shown(sql, obligations(mask([], 'full', ['email'])))).toEqual(['Ada', '90000']);
  });
});

test('where two masks on one column through two names differ, nothing of it is shown', async () => {
  const both = (first: string, second: string): Obligations =>
    obligations(mask(['app.people.code'], first), mask(['app.users.ssn'], second));
  expect(await shown('SELECT code FROM people', both('last4', 'hash'))).toEqual(['********']);
  expect(await shown('SELECT code FROM people', both('last4', 'last4'))).toEqual(['****6789']);
  expect(await shown('SELECT ssn FROM users', both('redact', 'last4'))).toEqual(['****6789']);
});

test('what no field mask covers is searched, and a field mask comes before the search', async () => {
  const detecting: readonly Mask[] = [mask(['app.users.ssn'], 'full'), mask([], 'redact', ['email'])];
  expect(await shown("SELECT email, ssn, 'x ' || email FROM users", obligations(...detecting))).toEqual([
    '[masked]',
    '********',
    'x [masked]',
  ]);
});

test('nothing to mask is no plan: rows pass as they are', async () => {
  const sql = 'SELECT ssn FROM users';
  const { fields } = await answer(sql);
  const statement = await analyst.facts(sql);
  expect(masking.rows(noMasks, statement, fields)).toBeNull();
  expect(masking.copy(noMasks, await analyst.facts('COPY users TO STDOUT'), copyText, 5)).toBeNull();
  const other = obligations(mask(['app.users.pay']));
  expect(masking.rows(other, statement, fields)).toBeNull();
  expect(masking.rows(full, statement, fields)).not.toBeNull();
});

test('a catalog that has changed is asked anew, under the same obligations', async () => {
  const sql = 'SELECT * FROM later';
  await client.query('CREATE TABLE app.later(id int, ssn text)');
  const of = obligations(mask(['app.later.ssn'], 'last4'));
  await analyst.catalogs.refreshIfChanged();
  await client.query("INSERT INTO later VALUES (1, '123456789')");
  expect(await shown(sql, of)).toEqual(['1', '****6789']);
  await client.query('ALTER TABLE later RENAME ssn TO code');
  await analyst.catalogs.refreshIfChanged();
  expect(await shown(sql, of)).toEqual(['1', '123456789']);
});

const copyText = {
  format: 'text',
  delimiter: '\t',
  nullText: '\\N',
  quote: '"',
  escape: '"',
  header: false,
} as const;

describe('COPY TO STDOUT', () => {
  const copied = async (sql: string, columns: number, data: Buffer, of = full): Promise<Buffer> => {
    const facts = await analyst.facts(sql);
    if (facts.copyOut === null) throw new Error('it is no COPY TO STDOUT');
    const plan = masking.copy(of, facts, facts.copyOut, columns);
    const frames =
      plan === null ? [frameOf(backend.copyData, data)] : plan.mask(frameOf(backend.copyData, data));
    return Buffer.concat(frames.map((frame) => frame.subarray(5)));
  };

  test.each([
    ['COPY users TO STDOUT', 5, '1\tada\t123456789\tAda\t9\n', '1\tada\t********\tAda\t9\n'],
    ['COPY users(ssn, id) TO STDOUT', 2, '123456789\t1\n', '********\t1\n'],
    ['COPY (SELECT upper(ssn), id FROM users) TO STDOUT CSV', 2, 'X,1\n', '"********","1"\n'],
    // The server says that there are other columns than we think: each may be any.
    ['COPY users(id, ssn) TO STDOUT', 3, '1\t2\t3\n', '********\t********\t********\n'],
  ])('%s', async (sql, columns, data, expected) => {
    expect((await copied(sql, columns, Buffer.from(data))).toString()).toBe(expected);
  });

  const start = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
  const tuple = (...values: readonly (Buffer | null)[]): Buffer =>
    Buffer.concat([start, Buffer.from([0, values.length]), ...values.map(lengthAndValue)]);

  test('in binary a column that stands as it is keeps its type, and one that is computed becomes NULL', async () => {
    const data = tuple(Buffer.from([0, 1, 0x5f, 0x90]), Buffer.from([0, 0, 0, 9]));
    const pay = obligations(mask(['app.users.pay']));
    expect(
      await copied('COPY (SELECT pay, pay / 2 FROM users) TO STDOUT (FORMAT binary)', 2, data, pay),
    ).toEqual(tuple(Buffer.from([0, 0, 0, 0]), null));
  });

  test('in binary a computed value with a find is not shown, since what is around it is not known', async () => {
    const { rows } = await client.query("SELECT array_send(ARRAY['ada@example.org', 'b']) AS sent");
    const sql = 'COPY (SELECT array_agg(email), 1 FROM users) TO STDOUT (FORMAT binary)';
    const one = Buffer.from([0, 0, 0, 1]);
    const detecting = obligations(mask([], 'full', ['email']));
    expect(await copied(sql, 2, tuple(rows[0].sent, one), detecting)).toEqual(tuple(null, one));
  });
});

describe('errors and notices', () => {
  const message = new Map([
    ['S', 'ERROR'],
    ['C', '23505'],
    ['M', 'duplicate key'],
    ['D', 'Key (ssn)=(123456789) already exists; ask ada@example.org'],
  ]);
  const told = async (sql: string | null, of: Obligations | null = full): Promise<string> => {
    const statement = sql === null ? null : await analyst.facts(sql);
    return [...masking.message(of, statement, message).values()].join('\n');
  };

  test.each([
    'UPDATE users SET ssn = $1',
    'SELECT name FROM people WHERE id = 1',
    // Deferred constraints are checked when the transaction ends, or when it is said, whatever the transaction touched.
    'COMMIT',
    'END',
    'COMMIT AND CHAIN',
    "PREPARE TRANSACTION 'x'",
    'SET CONSTRAINTS ALL IMMEDIATE',
  ])('of %s are withheld', async (sql) => {
    expect(await told(sql)).toMatch(/^ERROR\n23505\nunique violation \(the message is withheld/);
  });

  test('are withheld when nobody knows which statement they are of', async () => {
    expect(await told(null)).toContain('withheld');
    expect(await told(null, noMasks)).toContain('123456789');
  });

  test.each(['INSERT INTO parts(id) VALUES (1)', 'SELECT 1', 'BEGIN', 'ROLLBACK'])(
    'of %s are shown or searched',
    async (sql) => {
      const pay = obligations(mask(['app.users.pay']), mask([], 'redact', ['email']));
      expect(await told(sql, pay)).toBe(
        'ERROR\n23505\nduplicate key\nKey (ssn)=(123456789) already exists; ask [masked]',
      );
    },
  );

  test('are shown where no session is open yet', async () => {
    expect(await told(null, null)).toContain('Key (ssn)');
  });

  test('and notifications are searched', () => {
    const detecting = obligations(mask([], 'redact', ['email']));
    expect(masking.notification(detecting, 'new: ada@example.org')).toBe('new: [masked]');
    expect(masking.notification(full, 'new: ada@example.org')).toBe('new: ada@example.org');
  });
});

test('people are told what becomes of the columns', async () => {
  const of = obligations(mask(['app.users.ssn'], 'last4'));
  expect(masking.describe(of, await analyst.facts('SELECT ssn, lower(ssn), name FROM users'))).toEqual([
    'app.users.ssn -> last4',
    'app.users.ssn -> masked whole, as something is computed from it',
  ]);
});
