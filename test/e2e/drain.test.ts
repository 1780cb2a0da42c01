import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type pg from 'pg';
import { cancel, errorOf, heldBy, holdPattern, lastError } from './clients.ts';
import { TestGateway } from './gateway.ts';

let gateway: TestGateway;
let direct: pg.Client;
/** Within a transaction pg_stat_activity stands still, so this one only locks. */
let lock: pg.Client;

beforeAll(async () => {
  gateway = await TestGateway.start();
  [direct, lock] = await Promise.all([gateway.direct(), gateway.direct()]);
}, 60_000);

afterAll(async () => {
  await Promise.all([direct.end(), lock.end()]);
  await gateway[Symbol.asyncDispose]();
});

const waitingForLock = async (): Promise<number> =>
  (await direct.query("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'")).rowCount ?? 0;

/** Statements that run until the test lets go of the table they want. */
async function blocked(clients: readonly pg.Client[]): Promise<readonly Promise<unknown>[]> {
  await lock.query('BEGIN; LOCK TABLE app.jobs');
  const before = await waitingForLock();
  const insert = 'INSERT INTO app.jobs (done) VALUES (true)';
  const running = clients.map((client) =>
    client.query(insert).then(
      () => 'done',
      (error: unknown) => error,
    ),
  );
  while ((await waitingForLock()) < before + clients.length);
  return running;
}

const shuttingDown = { severity: 'FATAL', code: '57P01' };

test('told to stop: what runs is finished, what waits for a person is deferred, then sessions end', async () => {
  const connect = () => gateway.connect();
  const clients = await Promise.all([connect(), connect(), connect(), connect(), connect()] as const);
  const [idle, runs, cancelled, waits, transacts] = clients;
  const [idleEnds, ...ends] = clients.map(lastError);
  const statement = "UPDATE app.users SET name = 'Adele' WHERE id = 1";
  const held = heldBy(waits);
  const deferred = errorOf(waits.query(statement));
  const hold = await held;
  await transacts.query("BEGIN; INSERT INTO app.orders VALUES (2001, 1, 'spoon')");
  const [inserted, stopped] = await blocked([runs, cancelled]);

  gateway.up.process.kill('SIGTERM');
  expect(await idleEnds).toMatchObject(shuttingDown);
  expect(await errorOf(idle.query('SELECT 1'))).toHaveProperty('message');
  const answer = await deferred;
  expect(answer).toMatchObject({ severity: 'ERROR', detail: expect.stringContaining('hold-open') });
  expect(holdPattern.exec(answer.message)?.[1]).toBe(hold);
  // It can be approved at once, and after the restart as well.
  expect(await gateway.cli(['holds', 'approve', hold, '--reason', 'later', '--yes'])).toMatchObject({
    status: 0,
  });
  expect(await errorOf(connect())).toMatchObject({ severity: 'FATAL', code: '57P03' });

  // A transaction goes on until it ends; nothing in it waits for a person any more.
  await transacts.query("INSERT INTO app.orders VALUES (2002, 1, 'fork')");
  await transacts.query('COMMIT');
  cancel(cancelled, gateway.port);
  expect(await stopped).toMatchObject({ code: '57014' });
  await lock.query('COMMIT');
  expect(await inserted).toBe('done');
  for (const end of await Promise.all(ends)) expect(end).toMatchObject(shuttingDown);
  expect((await gateway.up.finished).status).toBe(0);

  const count = await direct.query('SELECT count(*)::int AS n FROM app.orders WHERE id > 2000');
  expect(count.rows).toEqual([{ n: 2 }]);
  expect(await gateway.cli(['trail', 'verify'])).toMatchObject({ status: 0 });
  await gateway.startAgain();
  const again = await connect();
  expect((await again.query(statement)).rowCount).toBe(1);
  await again.end();
});

test('while it drains, nothing new waits for a person, and a second SIGTERM does not wait', async () => {
  const [runs, transacts] = await Promise.all([gateway.connect(), gateway.connect()]);
  const [runEnds, transactionEnds] = [lastError(runs), lastError(transacts)];
  await transacts.query('BEGIN');
  const [insert] = await blocked([runs]);
  gateway.up.process.kill('SIGTERM');
  await gateway.up.untilError(/"msg":"stopping"/);
  const deferred = await errorOf(transacts.query("UPDATE app.users SET name = 'x' WHERE id = 2"));
  expect(deferred).toMatchObject({ code: '42501', detail: expect.stringContaining('hold-open') });
  expect(await transactionEnds).toMatchObject(shuttingDown);

  gateway.up.process.kill('SIGTERM');
  expect(await insert).toMatchObject({ code: '57P01' });
  await runEnds;
  expect((await gateway.up.finished).status).toBe(0);
  // The target was told, although nobody has let go of the table.
  while ((await waitingForLock()) > 0);
  await lock.query('COMMIT');
  expect(await gateway.cli(['trail', 'verify'])).toMatchObject({ status: 0 });
});
