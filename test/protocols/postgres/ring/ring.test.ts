import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type pg from 'pg';
import { type PostgresServer, startPostgres } from '../../../servers/postgres.ts';
import { mask } from '../mask/fixtures.ts';
import { connectAs, install, installerOf, ringTarget } from './installed.ts';

const shop = `
CREATE ROLE gateway LOGIN;
ALTER ROLE gateway SET statement_timeout = '45s';
CREATE SCHEMA app AUTHORIZATION gateway;
SET ROLE gateway;
CREATE TABLE app.users (id int PRIMARY KEY, name text NOT NULL, email text, card varchar(20), salary numeric);
INSERT INTO app.users VALUES (1, 'Ada', 'ada@example.com', '4111111111111111', 81000), (2, 'Bo', NULL, NULL, 67500);
CREATE TABLE app.orders (id serial PRIMARY KEY, user_id int REFERENCES app.users, item text);
INSERT INTO app.orders (user_id, item) SELECT 1 + n % 2, 'item ' || n FROM generate_series(1, 10) n;
CREATE VIEW app.contacts AS SELECT id, email, upper(email) AS loud FROM app.users;
RESET ROLE;
`;
const masks = [
  mask(['app.users.email'], 'email'),
  mask(['app.users.card'], 'last4'),
  mask(['app.users.salary'], 'full'),
];

let server: PostgresServer;
let admin: pg.Client;
let databases = 0;

beforeAll(async () => {
  server = await startPostgres({
    hba: ['host all postgres,gateway 127.0.0.1/32 trust', 'host all all 127.0.0.1/32 scram-sha-256'],
  });
  admin = await server.connect();
  await admin.query('CREATE DATABASE shop');
  const first = await server.connect('shop');
  await first.query(shop);
  await first.end();
});

afterAll(async () => {
  await admin.end();
  await server.stop();
});

/** A copy of the shop, with the ring of these masks in it. */
async function ring(statements = '', sets = [masks]) {
  const database = `shop${++databases}`;
  await admin.query(`CREATE DATABASE ${database} TEMPLATE shop`);
  const direct = await server.connect(database);
  await direct.query(statements);
  const target = ringTarget(server, database, 'gateway');
  const role = await install(target, ...sets);
  const client = await connectAs(role, target);
  return {
    target,
    role,
    client,
    direct,
    end: async () => void (await Promise.all([client.end(), direct.end()])),
  };
}

const refusal = (client: pg.Client, sql: string): Promise<string> =>
  client.query(sql).then(
    () => 'done',
    (error: { code: string }) => error.code,
  );

test('a table’s own name leads to its masked values, in conditions too', async () => {
  const { client, target, end } = await ring();
  const { rows } = await client.query('SELECT * FROM users ORDER BY id');
  expect(rows).toEqual([
    { id: 1, name: 'Ada', email: 'a***@***.example', card: '****1111', salary: '0' },
    { id: 2, name: 'Bo', email: null, card: null, salary: '0' },
  ]);
  expect((await client.query("SELECT id FROM users WHERE email = 'ada@example.com'")).rows).toEqual([]);
  expect((await client.query("SELECT id FROM users WHERE email LIKE 'a***%'")).rows).toEqual([{ id: 1 }]);
  expect((await client.query('SELECT * FROM contacts WHERE id = 1')).rows).toEqual([
    { id: 1, email: 'a***@***.example', loud: '********' },
  ]);
  expect((await installerOf(target, masks)).status).toEqual({
    sets: [expect.objectContaining({ state: 'installed', notes: [] })],
    unwanted: [],
    warnings: [],
  });
  await end();
});
