import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type pg from 'pg';
import { TestGateway } from '../gateway.ts';
import { driversPolicy } from './drivers.ts';
import { pythonPackages, startPython } from './python.ts';

let gateway: TestGateway;
let direct: pg.Client;

beforeAll(async () => {
  [gateway] = await Promise.all([TestGateway.start({ policy: driversPolicy }), pythonPackages()]);
  direct = await gateway.direct();
}, 180_000);

afterAll(async () => {
  await direct.end();
  await gateway[Symbol.asyncDispose]();
});

beforeEach(async () => {
  await direct.query('DELETE FROM app.orders WHERE id > 1000');
});

afterEach(async () => {
  await direct.query("UPDATE app.users SET name = 'Bo' WHERE id = 2");
});

const approve = async (hold: string): Promise<void> => {
  expect(await gateway.cli(['holds', 'approve', hold, '--reason', 'fine', '--yes'])).toMatchObject({
    status: 0,
  });
};

const sleeping =
  "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)' AND state = 'active' AND pid <> pg_backend_pid()";

const ada = ['Ada', 'a***@***.example', '****1111', 0];
const copied = [
  ['Ada', 'a***@***.example'],
  ['Bo', 'b***@***.example'],
];

test('psycopg 3, and libpq in pipeline mode', async () => {
  const script = await startPython('psycopg_client.py', gateway.libpq());
  await script.waits('running');
  while ((await direct.query(sleeping)).rowCount === 0);
  script.go();
  await approve(await script.held(1));
  await approve(await script.held(2));
  expect(await script.finished()).toMatchObject({
    simple: [ada],
    extended: [ada],
    prepared: [ada],
    binary: [ada],
    cursor: [ada],
    copiedIn: [['saucer'], ['spoon'], ['fork']],
    copiedOut: copied,
    copiedOutBinary: copied,
    cancelled: '57014',
    refused: ['42501', '25P02', 1],
    pipelined: ['a***@***.example', 'b***@***.example', 'c***@***.example'],
    pipelineRefused: ['42501', 1, 'no result', 'no result', 3],
    updated: 1,
    updatedInPipeline: [1, 'Bo'],
  });
});

test('asyncpg', async () => {
  const script = await startPython('asyncpg_client.py', gateway.libpq());
  await script.waits('running');
  while ((await direct.query(sleeping)).rowCount === 0);
  script.go();
  await approve(await script.held(1));
  expect(await script.finished()).toMatchObject({
    simple: 'SELECT 3',
    extended: [ada],
    prepared: [ada],
    binary: [ada],
    cursor: [ada],
    copiedIn: [['saucer'], ['spoon'], ['fork']],
    copiedOut: copied,
    cancelled: 'cancelled',
    afterwards: 1,
    refused: ['42501', '25P02', 1],
    refusedPrepared: ['42501', '25P02', 1],
    pipelined: 2,
    updated: 'UPDATE 1',
    pooled: [1, 2],
  });
  while ((await direct.query(sleeping)).rowCount !== 0);
});
