import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import { cancel, errorOf, heldBy, notice } from './clients.ts';
import { TestGateway } from './gateway.ts';

let gateway: TestGateway;
let client: pg.Client;

beforeAll(async () => {
  gateway = await TestGateway.start();
  client = await gateway.connect();
}, 60_000);

afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
});

describe('masks', () => {
  const ada = { name: 'Ada', email: 'a***@***.example', card: '****1111', salary: '0' };

  test('simple and extended queries, prepared by name, as text', async () => {
    const columns = 'name, email, card, salary';
    expect((await client.query(`SELECT ${columns} FROM app.users WHERE id = 1`)).rows).toEqual([ada]);
    const prepared = { name: 'by-id', text: `SELECT ${columns} FROM app.users WHERE id = $1` };
    for (const id of [1, 1]) expect((await client.query({ ...prepared, values: [id] })).rows).toEqual([ada]);
  });

  test('whatever the alias, the view of the columns, or what is computed of them', async () => {
    const text = `SELECT u.email AS harmless, upper(u.email) AS loud, (u.*)::text AS whole, to_json(u) AS json,
      string_agg(u.card, ',') OVER () AS cards FROM app.users AS u WHERE id = 1`;
    const [row] = (await client.query(text)).rows;
    expect(row.harmless).toBe('a***@***.example');
    const shown = JSON.stringify(row);
    for (const secret of ['ada@', 'ADA@', '4111', '81000']) expect(shown).not.toContain(secret);
  });

  test('binary results', async () => {
    const result = await client.query({
      text: 'SELECT id, email, salary FROM app.users WHERE id = 1',
      values: [],
      binary: true,
    } as pg.QueryConfig); // the option is not in the types
    expect(String(result.rows[0].email)).toBe('a***@***.example');
    expect(JSON.stringify(result.rows)).not.toContain('81000');
  });

  test('a masked column in WHERE is refused', async () => {
    const error = await errorOf(client.query("SELECT id FROM app.users WHERE email LIKE 'ada%'"));
    expect(error).toMatchObject({
      code: '42501',
      detail: expect.stringContaining('masked-field-in-condition'),
    });
  });

  test('errors and notices of the server are masked', async () => {
    const error = await errorOf(client.query('SELECT email::int FROM app.users'));
    expect(error.message).not.toContain('@');
    const seen = notice(client, /card/);
    await client.query('SELECT app.noisy()');
    expect((await seen).input).toBe('card ****1111');
  });
});

test('errors that come when a transaction ends are masked', async () => {
  const text = 'UPDATE app.contacts SET email = (SELECT email FROM app.contacts WHERE id = 1) WHERE id = $1';
  for (const work of [client.query(text, [2]), client.query(text.replace('$1', '2'))]) {
    const error = await errorOf(work);
    expect(error.code).toBe('23505');
    expect(JSON.stringify([error.message, error])).not.toContain('victim@');
  }
});

describe('a refusal', () => {
  test('says what, why and what would be allowed, and the connection lives on', async () => {
    const error = await errorOf(client.query('DROP TABLE app.users'));
    expect(error).toMatchObject({
      code: '42501',
      severity: 'ERROR',
      message: expect.stringContaining('Agents do not change the schema.'),
      detail: 'Rule: agents/no-ddl. Reason: denied-by-rule.',
      hint: expect.stringContaining('Ask the platform team.'),
    });
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });

  test('fails its transaction, as an error of PostgreSQL would', async () => {
    await client.query('BEGIN');
    await client.query('INSERT INTO app.jobs (done) VALUES (false)');
    expect((await errorOf(client.query('DROP TABLE app.users'))).code).toBe('42501');
    expect((await errorOf(client.query('SELECT 1'))).code).toBe('25P02');
    await client.query('ROLLBACK');
    expect((await errorOf(client.query('ALTER TABLE app.users ADD x int', []))).code).toBe('42501');
    await client.query('BEGIN');
    expect((await errorOf(client.query('ALTER TABLE app.users ADD x int', []))).code).toBe('42501');
    expect((await errorOf(client.query('SELECT $1::int', [1]))).code).toBe('25P02');
    await client.query('ROLLBACK');
  });

  test('of one statement refuses the whole text', async () => {
    const direct = await gateway.direct();
    const count = async (): Promise<number> =>
      (await direct.query('SELECT count(*)::int AS n FROM app.jobs')).rows[0].n;
    const before = await count();
    await errorOf(client.query('INSERT INTO app.jobs (done) VALUES (true); TRUNCATE app.jobs'));
    expect(await count()).toBe(before);
    await direct.end();
  });

  test('syntax errors are PostgreSQL’s own', async () => {
    expect((await errorOf(client.query('SELEC 1'))).code).toBe('42601');
  });
});

describe('a hold', () => {
  test('keeps the statement until a person approves, with the exact parameters', async () => {
    const held = heldBy(client);
    const done = client.query('UPDATE app.users SET name = $1 WHERE id = $2', ['Adele', 1]);
    const id = await held;
    const shown = await gateway.cli(['holds', 'show', id]);
    expect(shown.stdout).toContain('UPDATE app.users SET name = $1 WHERE id = $2');
    expect(shown.stdout).toContain('Adele');
    const approved = await gateway.cli(['holds', 'approve', id, '--reason', 'asked for it', '--yes']);
    expect(approved).toMatchObject({ status: 0 });
    expect((await done).rowCount).toBe(1);
    expect((await client.query('SELECT name FROM app.users WHERE id = 1')).rows).toEqual([{ name: 'Adele' }]);
  });

  test('rejected is a refusal with the reason, and the session goes on', async () => {
    const held = heldBy(client);
    const done = errorOf(client.query('DELETE FROM app.orders'));
    const id = await held;
    expect(await gateway.cli(['holds', 'reject', id, '--reason', 'no WHERE', '--yes'])).toMatchObject({
      status: 0,
    });
    const error = await done;
    expect(error.code).toBe('42501');
    expect(`${error.message} ${error.detail}`).toContain('hold-rejected');
    expect((await client.query('SELECT count(*)::int AS n FROM app.orders')).rows).toEqual([{ n: 100 }]);
  });

  test('is not for the one who asked, nor for whom they act', async () => {
    const own = await gateway.connect({ claims: { sub: 'pat', act: { sub: 'agent-9' } } });
    const held = heldBy(own);
    const done = errorOf(own.query("UPDATE app.users SET name = 'x' WHERE id = 2"));
    const id = await held;
    const refused = await gateway.cli(['holds', 'approve', id, '--reason', 'mine', '--yes'], 'pat');
    expect(refused.status).not.toBe(0);
    await gateway.cli(['holds', 'reject', id, '--reason', 'no', '--yes'], 'olga');
    await done;
    await own.end();
  });

  test('is withdrawn when the client cancels', async () => {
    const other = await gateway.connect();
    const held = heldBy(other);
    const done = errorOf(other.query("UPDATE app.users SET name = 'x' WHERE id = 2"));
    const id = await held;
    cancel(other, gateway.port);
    expect((await done).code).toMatch(/^(57014|42501)$/);
    const late = await gateway.cli(['holds', 'approve', id, '--reason', 'late', '--yes']);
    expect(late.status).not.toBe(0);
    expect((await other.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    await other.end();
  });

  test('is withdrawn when the client goes away', async () => {
    const other = await gateway.connect();
    const held = heldBy(other);
    other.on('error', () => undefined);
    const done = errorOf(other.query("UPDATE app.users SET name = 'gone' WHERE id = 2"));
    const id = await held;
    Reflect.get(other, 'connection').stream.destroy();
    await done;
    for (;;) {
      const { stdout } = await gateway.cli(['holds', 'show', id, '--json']);
      if (JSON.parse(stdout).state !== 'open') break;
    }
    const late = await gateway.cli(['holds', 'approve', id, '--reason', 'late', '--yes']);
    expect(late.status).not.toBe(0);
    expect((await client.query('SELECT name FROM app.users WHERE id = 2')).rows).toEqual([{ name: 'Bo' }]);
  });
});

test('transactions, savepoints, cursors and SQL-level prepared statements', async () => {
  await client.query('BEGIN');
  await client.query('DECLARE c CURSOR FOR SELECT email FROM app.users ORDER BY id');
  expect((await client.query('FETCH 1 FROM c')).rows).toEqual([{ email: 'a***@***.example' }]);
  expect((await client.query('FETCH 1 FROM c')).rows).toEqual([{ email: 'b***@***.example' }]);
  await client.query('SAVEPOINT s');
  await errorOf(client.query('SELECT 1/0'));
  await client.query('ROLLBACK TO SAVEPOINT s');
  await client.query('CLOSE c');
  await client.query('COMMIT');
  await client.query('PREPARE p (int) AS SELECT card FROM app.users WHERE id = $1');
  expect((await client.query('EXECUTE p (1)')).rows).toEqual([{ card: '****1111' }]);
  await client.query('DEALLOCATE p');
  expect((await errorOf(client.query('EXECUTE p (1)'))).code).toMatch(/^(42501|26000)$/);
});

test('LISTEN and NOTIFY', async () => {
  const listener = await gateway.connect();
  await listener.query('LISTEN news');
  const heard = new Promise<pg.Notification>((resolve) => listener.once('notification', resolve));
  await client.query("NOTIFY news, 'card 4111 1111 1111 1111'");
  expect(await heard).toMatchObject({ channel: 'news', payload: 'card ****1111' });
  await listener.end();
});

test('a running statement is cancelled at the target', async () => {
  const other = await gateway.connect();
  const done = errorOf(other.query('SELECT pg_sleep(30)'));
  const direct = await gateway.direct();
  const running = "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'";
  while ((await direct.query(running)).rowCount === 0);
  cancel(other, gateway.port);
  expect((await done).code).toBe('57014');
  // Its backend says so a moment after it has sent the error.
  while ((await direct.query(running)).rowCount !== 0);
  await direct.end();
  await other.end();
});

describe('who may come in', () => {
  const refused = (changes: Parameters<TestGateway['connect']>[0]) => errorOf(gateway.connect(changes));

  test('a token that is not ours, has expired, or is no token', async () => {
    const expired = gateway.issuer.mint({ exp: Math.floor(Date.now() / 1000) - 60 });
    for (const password of ['secret', expired, gateway.issuer.mint({ aud: 'https://else.where' })]) {
      const error = await refused({ password });
      expect(error).toMatchObject({ code: expect.stringMatching(/^28/), severity: 'FATAL' });
      expect(JSON.stringify(error)).not.toContain(password.slice(-20));
    }
  });

  test('a target that is not there, and start-up parameters that are not for clients', async () => {
    expect((await refused({ database: 'nowhere' })).code).toMatch(/^(3D000|42501|28000)$/);
    expect((await refused({ options: '-c role=postgres' })).code).toMatch(/^(0A000|42501|22023|28000)$/);
  });
});

test('the target’s own password is nowhere to be seen', async () => {
  await client.end();
  const { stdout, stderr } = await gateway.stopGateway();
  expect(stdout + stderr).not.toContain('the-target-password-nobody-sees');
});
