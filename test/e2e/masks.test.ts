import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type pg from 'pg';
import { TestGateway, targetPassword } from './gateway.ts';

let gateway: TestGateway;
let client: pg.Client;

const schema = `
CREATE ROLE gateway LOGIN PASSWORD '${targetPassword}';
CREATE SCHEMA app AUTHORIZATION gateway;
SET ROLE gateway;
CREATE TABLE app.people (
  id int PRIMARY KEY, name text, nickname text, iban text, born date, seen timestamptz, badge bigint, tags text[], profile jsonb, note text
);
INSERT INTO app.people VALUES
  (1, 'Ada Lovelace', 'Countess', 'DE89370400440532013000', '1984-05-06', '2024-03-01 00:30:00+01', 4111222233334444,
   '{a,b}', '{"a": 1}', 'codice RSSMRA85T10A562S, tax id 36574261809'),
  (2, 'Ada Lovelace', 'Al', NULL, NULL, NULL, NULL, NULL, NULL, 'aws_secret_access_key = ' || 'wJalrXUtnFEMI/K7MDENG' || '/bPxRfiCYEXAMPLEKEY'),
  (3, 'Bo Diddley', 'Bo', 'GB82WEST12345698765432', '2000-12-31', '2024-02-29 12:00:00+00', 12, '{}', '[]', 'order 36574261808');
RESET ROLE;
`;

const policy = `\
policies:
  - name: agents
    targets: [shop]
    principals: [{kinds: [agent]}]
    rules: [{name: read, effects: [select], tables: [app.*], outcome: allow}]
    masks:
      - {fields: [app.people.name], with: pseudonym}
      - {fields: [app.people.nickname], with: first2}
      - {fields: [app.people.iban], with: last4}
      - {fields: [app.people.born, app.people.seen], with: month}
      - {fields: [app.people.badge], with: first6}
      - {fields: [app.people.tags, app.people.profile], with: hash}
      - {detect: [national-id, national-id-de, aws-access-key], with: redact}
`;

beforeAll(async () => {
  gateway = await TestGateway.start({
    policy,
    prepare: async (postgres) => {
      const admin = await postgres.connect();
      await admin.query('CREATE DATABASE shop');
      await admin.end();
      const shop = await postgres.connect('shop');
      await shop.query(schema);
      await shop.end();
    },
  });
  client = await gateway.connect();
}, 60_000);

afterAll(async () => {
  await client.end();
  await gateway[Symbol.asyncDispose]();
});

const pair = /^masked-[a-z]+-[a-z]+$/;

test('psql sees parts, months, words, and national ids and keys in texts masked', async () => {
  const { stdout, stderr } = await gateway.psql(
    'SELECT nickname, iban, born, seen, badge, tags FROM app.people ORDER BY id;\nSELECT note FROM app.people ORDER BY id;\n',
    '-At',
  ).finished;
  expect(stderr).toBe('');
  expect(stdout).toBe(
    `Co****|****3000|1984-05-01|2024-02-01 00:00:00+00|411122|{}
********|||||
********|****5432|2000-12-01|2024-02-01 00:00:00+00|0|{}
codice [masked], tax id [masked]
aws_secret_access_key = [masked]
order 36574261808
`,
  );
});

test('a driver decodes them as what they are, in text and in binary', async () => {
  const rows: unknown[] = [];
  for (const binary of [false, true]) {
    const text = 'SELECT name, born, seen, badge, profile FROM app.people ORDER BY id';
    const result = await client.query({ text, binary, values: [] } as pg.QueryConfig); // its types lack binary
    const [ada, again, bo] = result.rows;
    expect(ada.name).toMatch(pair);
    expect(again.name).toBe(ada.name);
    expect(bo.name).not.toBe(ada.name);
    expect(ada.seen).toEqual(new Date('2024-02-01T00:00:00Z'));
    expect(String(ada.badge)).toBe('411122');
    rows.push([ada.name, String(ada.badge)]);
  }
  expect(rows[0]).toEqual(rows[1]);
});
