import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { systemClock } from '../../../../services/core/model/clock.ts';
import { CatalogConnection } from '../../../../services/protocols/postgres/session/catalog-connection.ts';
import { freePort, type PostgresServer, startPostgres } from '../../../servers/postgres.ts';
import { testTarget } from './target.ts';

let server: PostgresServer;
let connection: CatalogConnection;

beforeAll(async () => {
  server = await startPostgres();
  const target = testTarget({
    port: await freePort(),
    furtherHosts: [{ host: '127.0.0.1', port: server.port }],
    // What the connection sets for itself does not count as the server's own.
    sessionAttributes: 'read-write',
  });
  connection = new CatalogConnection(target, systemClock);
}, 60_000);

afterAll(async () => {
  await connection.close();
  await server.stop();
});

const processId = async (): Promise<string> =>
  (await connection.query('SELECT pg_backend_pid()'))[0]?.[0] ?? '';

test('reads from the host that its sessions would be on, and cannot write there', async () => {
  expect(await connection.query("SELECT 1, NULL, 'x' UNION ALL SELECT 2, 'y', 'z' ORDER BY 1")).toEqual([
    ['1', null, 'x'],
    ['2', 'y', 'z'],
  ]);
  await expect(connection.query('CREATE TABLE written ()')).rejects.toMatchObject({
    code: 'query-failed',
    message: expect.stringContaining('25006'),
  });
});

test('one after the other, each with its own answer', async () => {
  const answers = await Promise.all(
    ['1', 'nothing', '3'].map((text) => connection.query(`SELECT ${text}`).catch(() => null)),
  );
  expect(answers).toEqual([[['1']], null, [['3']]]);
});

test('is opened anew after it was lost, and the end of the lost one does not end the next', async () => {
  const first = await processId();
  await expect(connection.query(`SELECT pg_terminate_backend(${first})`)).rejects.toMatchObject({
    code: expect.stringMatching(/unreachable|query-failed/),
  });
  const second = await processId();
  expect(second).not.toBe(first);
  expect(await processId()).toBe(second);
});

test('says of each host why it cannot be opened', async () => {
  await connection.close();
  await server.stop();
  await expect(connection.query('SELECT 1')).rejects.toMatchObject({
    code: 'unreachable',
    message: expect.stringMatching(/^127.0.0.1:\d+: .*ECONNREFUSED.*; 127.0.0.1:\d+: .*ECONNREFUSED/),
  });
});
