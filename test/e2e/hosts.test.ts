/** A target of two servers, a primary and a real standby: who is used, and what happens when the primary dies and the standby takes over. */
import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type pg from 'pg';
import { type PostgresServer, startStandby } from '../servers/postgres.ts';
import { cancel, errorOf, lastError } from './clients.ts';
import { standardPolicy, TestGateway } from './gateway.ts';

let gateway: TestGateway;
let primary: PostgresServer;
let standby: PostgresServer;

beforeAll(async () => {
  gateway = await TestGateway.start({
    policy: standardPolicy.replace(
      '[pg_catalog.pg_sleep',
      '[pg_catalog.inet_server_port, pg_catalog.pg_sleep',
    ),
    target: ['tls: {mode: disable}', 'targetSessionAttributes: read-write', 'catalogRefresh: 1s'],
    postgres: {
      hba: [
        'host all postgres 127.0.0.1/32 trust',
        'host replication postgres 127.0.0.1/32 trust',
        'host all all 127.0.0.1/32 scram-sha-256',
      ],
    },
  });
  primary = gateway.postgres;
  standby = await startStandby(primary);
  await gateway.stopGateway();
  const config = await readFile(gateway.configFile, 'utf8');
  const hosts = [standby, primary].map(({ host, port }) => `{host: ${host}, port: ${port}}`).join(', ');
  const changed = config.replace(
    `    host: 127.0.0.1\n    port: ${primary.port}\n`,
    `    hosts: [${hosts}]\n`,
  );
  expect(changed).toContain('hosts:');
  await writeFile(gateway.configFile, changed);
  await gateway.startAgain();
}, 120_000);

afterAll(async () => {
  await standby.stop();
  await gateway[Symbol.asyncDispose]();
});

const portOf = async (client: pg.Client): Promise<number> =>
  (await client.query('SELECT inet_server_port() AS port')).rows[0].port;

/** What the superuser sees there, asked until there is something. */
async function seen(server: PostgresServer, sql: string): Promise<void> {
  const admin = await server.connect('shop');
  while ((await admin.query(sql)).rows.length === 0);
  await admin.end();
}

test('sessions, their catalog and their cancels go to the one that is the primary, though it is not the first', async () => {
  const client = await gateway.connect();
  expect(await portOf(client)).toBe(primary.port);
  expect((await client.query('SELECT email FROM app.users WHERE id = 1')).rows).toEqual([
    { email: 'a***@***.example' },
  ]);
  expect((await client.query("INSERT INTO app.orders (id, item) VALUES (1001, 'lamp')")).rowCount).toBe(1);
  await seen(primary, "SELECT 1 FROM pg_stat_activity WHERE application_name = 'sallyport catalog'");
  const sleeping = errorOf(client.query('SELECT pg_sleep(600)'));
  await seen(primary, "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
  cancel(client, gateway.port);
  expect(await sleeping).toMatchObject({ code: '57014' });
  expect(await portOf(client)).toBe(primary.port);
  await client.end();
});

test('when it dies its sessions end, and new ones are refused as long as there is none', async () => {
  const client = await gateway.connect();
  const ended = lastError(client);
  process.kill(primary.pid, 'SIGKILL');
  // By the server's last words or, if it had none left, by ours.
  expect(await ended).toMatchObject({ severity: 'FATAL' });
  expect((await errorOf(gateway.connect())).message).toContain('(wrong-session-attributes)');
  const [line] = await gateway.up.untilError(/^.*"msg":"a target could not be reached"/m);
  expect(line).toContain(
    `127.0.0.1:${standby.port}: sessions there are read-only; 127.0.0.1:${primary.port}: `,
  );
  expect(line).toContain('ECONNREFUSED');
});

test('once the other one has taken over they go there, the catalog too', async () => {
  const admin = await standby.connect('shop');
  await admin.query('SELECT pg_promote()');
  const client = await gateway.connect();
  expect(await portOf(client)).toBe(standby.port);
  expect((await client.query('SELECT item FROM app.orders WHERE id = 1001')).rows).toEqual([
    { item: 'lamp' },
  ]);
  expect((await client.query("INSERT INTO app.orders (id, item) VALUES (1002, 'desk')")).rowCount).toBe(1);
  await admin.query('SET ROLE gateway; CREATE TABLE app.later AS SELECT 7 AS seven');
  await admin.end();
  // Unknown until the catalog was read there; it is asked for at most once a second.
  const read = () => client.query('SELECT seven FROM app.later').catch(() => null);
  let later = await read();
  while (later === null) later = await read();
  expect(later.rows).toEqual([{ seven: 7 }]);
  const sleeping = errorOf(client.query('SELECT pg_sleep(600)'));
  await seen(standby, "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
  cancel(client, gateway.port);
  expect(await sleeping).toMatchObject({ code: '57014' });
  await client.end();
});

test('check --online names every host and what is wrong with it', async () => {
  process.kill(standby.pid, 'SIGKILL');
  await standby.stop();
  const { status, stdout } = await gateway.cli(['check', '--online']);
  expect(status).toBe(1);
  for (const { port } of [standby, primary]) {
    expect(stdout).toMatch(new RegExp(`127\\.0\\.0\\.1:${port}: [^;]*ECONNREFUSED`));
  }
});
