import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Finished, type Running, start } from '../console/cli.ts';
import { envoyBinary } from '../servers/envoy.ts';
import { startIssuer, type TestIssuer, testAudience } from '../servers/issuer.ts';
import { type PostgresServer, startPostgres } from '../servers/postgres.ts';
import { Example } from './example.ts';

let postgres: PostgresServer;
let issuer: TestIssuer;
let example: Example;
let gateway: Running;
let port: string;
let folder: string;

/** One of most kinds of objects that a schema may hold. */
const schema = `
CREATE SCHEMA app AUTHORIZATION sallyport_restore;
SET ROLE sallyport_restore;
CREATE TYPE app.mood AS ENUM ('good', 'bad');
CREATE DOMAIN app.price AS numeric CHECK (VALUE >= 0);
CREATE TABLE app.customers (id serial PRIMARY KEY, email text UNIQUE, mood app.mood DEFAULT 'good');
CREATE TABLE app.orders (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer int REFERENCES app.customers, price app.price);
CREATE TABLE app.events (at date NOT NULL, what text) PARTITION BY RANGE (at);
CREATE TABLE app.events_2026 PARTITION OF app.events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE VIEW app.spenders AS SELECT customer, sum(price) AS spent FROM app.orders GROUP BY customer;
CREATE MATERIALIZED VIEW app.totals AS SELECT count(*) AS orders FROM app.orders;
CREATE FUNCTION app.stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER stamp BEFORE INSERT ON app.orders FOR EACH ROW EXECUTE FUNCTION app.stamp();
CREATE FUNCTION app.is_dear(p numeric) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT p > 100';
CREATE PROCEDURE app.nothing() LANGUAGE sql AS 'SELECT 1';
CREATE AGGREGATE app.total(int) (SFUNC = int4pl, STYPE = int, INITCOND = '0');
CREATE INDEX orders_by_customer ON app.orders (customer) WHERE price > 0;
COMMENT ON TABLE app.orders IS 'What was bought';
INSERT INTO app.customers (email) SELECT 'c' || n || '@example.com' FROM generate_series(1, 50) n;
INSERT INTO app.orders (customer, price) SELECT 1 + n % 50, n FROM generate_series(1, 200) n;
INSERT INTO app.events SELECT '2026-03-01', 'event ' || n FROM generate_series(1, 20) n;
REFRESH MATERIALIZED VIEW app.totals;
RESET ROLE;
`;

beforeAll(async () => {
  await envoyBinary();
  [postgres, issuer, folder] = await Promise.all([
    startPostgres(),
    startIssuer(),
    mkdtemp(join(tmpdir(), 'sallyport-dump-')),
  ]);
  const admin = await postgres.connect();
  await admin.query('CREATE ROLE sallyport_backup LOGIN IN ROLE pg_read_all_data');
  await admin.query('CREATE ROLE sallyport_restore LOGIN');
  await admin.query('CREATE DATABASE shop');
  await admin.query('CREATE DATABASE shop_copy OWNER sallyport_restore');
  await admin.end();
  const shop = await postgres.connect('shop');
  await shop.query(schema);
  await shop.end();
  example = await Example.copy('postgres-dump', [
    [['gateway', 'listeners', 0, 'port'], 0],
    [['identity', 'issuers', 0, 'url'], issuer.url],
    [['identity', 'issuers', 0, 'audience'], testAudience],
    ...[0, 1].flatMap((index) => [
      [['targets', index, 'host'], postgres.host] as const,
      [['targets', index, 'port'], postgres.port] as const,
      [['targets', index, 'tls'], { mode: 'disable' }] as const,
    ]),
  ]);
  gateway = example.up();
  [, port = ''] = await gateway.until(/postgres {2}postgres on 127\.0\.0\.1:(\d+)/);
}, 600_000);

afterAll(async () => {
  gateway.process.kill('SIGTERM');
  await gateway.finished;
  await Promise.all([example[Symbol.asyncDispose](), postgres.stop(), issuer.stop()]);
  await rm(folder, { recursive: true });
});

/** A client program, as the backup job. */
async function client(command: string, ...args: readonly string[]): Promise<Finished> {
  const env = { PGPASSWORD: issuer.mint({ sub: 'backup-job' }), PGHOST: '127.0.0.1', PGPORT: port };
  return start(command, args, { env: { ...env, PGUSER: 'backup', TZ: 'UTC' }, input: '' }).finished;
}

const done: Finished = { status: 0, stdout: '', stderr: '' };
const dumpFile = (): string => join(folder, 'shop.dump');

/** What a database holds, said past the gateway by pg_dump itself. */
async function contents(database: string): Promise<string> {
  const place = ['-h', postgres.host, '-p', String(postgres.port), '-U', 'postgres', '-d', database];
  const { stdout, stderr } = await start('pg_dump', [...place, '--schema=app', '--no-owner'], {}).finished;
  expect(stderr).toBe('');
  // Newer versions put a random key around the dump.
  return stdout.replaceAll(/^\\(?:un)?restrict .*$/gm, '');
}

test('pg_dump through the gateway, pg_restore into the copy: the same database', async () => {
  expect(await client('pg_dump', '-d', 'shop', '--schema=app', '--format=custom', '-f', dumpFile())).toEqual(
    done,
  );
  const restore = ['pg_restore', '-d', 'shop_copy', '--no-owner', '--no-privileges'] as const;
  expect(await client(...restore, '--exit-on-error', dumpFile())).toEqual(done);
  expect(await contents('shop_copy')).toBe(await contents('shop'));
  // Once more over what is there, as a nightly job does.
  expect(
    await client(...restore, '--exit-on-error', '--clean', '--if-exists', '--single-transaction', dumpFile()),
  ).toEqual(done);
  expect(await contents('shop_copy')).toBe(await contents('shop'));
}, 120_000);

test('pg_dump with several connections, and as plain SQL', async () => {
  const parallel = ['--format=directory', '--jobs=2', '-f', join(folder, 'shop.dir')];
  expect(await client('pg_dump', '-d', 'shop', '--schema=app', ...parallel)).toEqual(done);
  const plain = ['--inserts', '-f', join(folder, 'shop.sql')];
  expect(await client('pg_dump', '-d', 'shop', '--schema=app', ...plain)).toEqual(done);
  expect(await readFile(join(folder, 'shop.sql'), 'utf8')).toContain("'c50@example.com'");
}, 120_000);

test.each([
  ['shop', 'DELETE FROM app.orders', 'delete app.orders'],
  ['shop', 'CREATE TABLE app.mine (id int)', 'create app.mine'],
  ['shop', 'SELECT rolpassword FROM pg_authid', 'Passwords of roles'],
  ['shop', "SELECT pg_read_file('/etc/passwd')", 'pg_read_file'],
  ['shop_copy', 'CREATE ROLE mine SUPERUSER', 'nothing of the whole server'],
  ['shop_copy', 'DROP DATABASE shop', 'nothing of the whole server'],
  ['shop_copy', "DO 'BEGIN END'", 'Refused'],
  ['shop_copy', "COPY app.orders FROM PROGRAM 'cat'", 'Refused'],
])('on %s: %s is refused', async (database, sql, told) => {
  const { status, stderr } = await client('psql', '-X', '-d', database, '-c', sql);
  expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringContaining(told) });
});
