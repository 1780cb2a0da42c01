import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { errorOf, heldBy, holdPattern, lastError } from './clients.ts';
import { standardPolicy, TestGateway } from './gateway.ts';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await TestGateway.start({ identity: ['credentialGrace: 1s'] });
}, 60_000);

afterAll(() => gateway[Symbol.asyncDispose]());

const replacePolicy = (text: string): Promise<void> => gateway.replacePolicy(text);

/** Asks until the answer is as wanted. */
async function eventually<Value>(
  ask: () => Promise<Value>,
  wanted: (value: Value) => boolean,
): Promise<Value> {
  const deadline = Date.now() + 15_000;
  for (;;) {
    const value = await ask();
    if (wanted(value)) return value;
    if (Date.now() > deadline) throw new Error(`it did not come about; the last answer was ${String(value)}`);
  }
}

describe('policies', () => {
  test('reload without dropping a session; a broken one leaves the old in force and says so', async () => {
    const client = await gateway.connect();
    const allowed = (): Promise<boolean> =>
      client.query('SELECT id FROM app.users').then(
        () => true,
        () => false,
      );
    expect(await allowed()).toBe(true);
    await replacePolicy(
      standardPolicy.replace('- {name: read, effects: [select]', '- {name: read, effects: [lock]'),
    );
    expect(await allowed()).toBe(false);
    await replacePolicy('policies: [{name: broken, targets: [nowhere]}]\n');
    await gateway.up.untilError(/policy\.yaml:1:\d+: error: .*nowhere/);
    await gateway.up.untilError(/the old ones stay in force/);
    expect(await allowed()).toBe(false);
    const { stdout } = await gateway.cli(['status', '--json'], 'sam', ['sre']);
    expect(stdout).toContain('nowhere');
    await replacePolicy(standardPolicy);
    expect(await allowed()).toBe(true);
    await client.end();
  });

  test('`policy explain` says what the gateway would decide', async () => {
    const explain = (sql: string) =>
      gateway.cli(['policy', 'explain', '--as', 'agent-7', '--target', 'shop', '--sql', sql, '--json']);
    const allowed = await explain('SELECT name, email FROM users');
    expect(allowed.status).toBe(0);
    expect(JSON.parse(allowed.stdout)).toMatchObject({
      decision: 'allow',
      rule: 'agents/read',
      effects: ['select'],
      relations: ['app.users'],
      functions: [],
      opaque: [],
      masks: ['app.users.email -> email'],
    });
    const guessed = await explain("SELECT id FROM users WHERE email IN ('a', 'b') AND lower(card) = ANY($1)");
    expect(JSON.parse(guessed.stdout)).toMatchObject({
      decision: 'allow',
      analysis: {
        ring: null,
        guesses: {
          comparisons: [
            { columns: ['app.users.email'], values: 2, itemsOf: null },
            { columns: ['app.users.card'], values: 1, itemsOf: 1 },
          ],
          perMinute: 10,
        },
      },
    });
    const denied = await explain('DROP TABLE users');
    expect(denied.status).toBe(1);
    expect(JSON.parse(denied.stdout)).toMatchObject({
      decision: 'deny',
      rule: 'agents/no-ddl',
      reason: 'denied-by-rule',
    });
    const held = await explain("UPDATE users SET name = ''");
    expect(held.status).toBe(3);
    expect(JSON.parse(held.stdout)).toMatchObject({ decision: 'hold', rule: 'agents/change' });
  });

  test('`check --online` reaches everything and finds tables that are not there', async () => {
    expect(await gateway.cli(['check', '--online'])).toMatchObject({ status: 0 });
    await replacePolicy(
      standardPolicy.replace('tables: [app.users, app.orders]', 'tables: [app.users, app.odrers]'),
    );
    const { status, stdout, stderr } = await gateway.cli(['check', '--online']);
    expect(status).not.toBe(0);
    expect(stdout + stderr).toMatch(/policy\.yaml:\d+:\d+: error: no table or view is called app\.odrers/);
    await replacePolicy(standardPolicy);
  });
});

describe('a hold that is deferred', () => {
  const deferring = standardPolicy.replace('within: 10m, wait: 2m', 'within: 10m, mode: defer');

  test('answers at once; the same statement runs once after approval', async () => {
    await replacePolicy(deferring);
    const client = await gateway.connect();
    const statement = "UPDATE app.users SET name = 'Deferred' WHERE id = 3";
    const refused = await errorOf(client.query(statement));
    expect(refused.code).toBe('42501');
    const [, id = ''] = holdPattern.exec(refused.message) ?? [];
    expect(await gateway.cli(['holds', 'approve', id, '--reason', 'later', '--yes'])).toMatchObject({
      status: 0,
    });
    // Another statement is not what was approved.
    expect((await errorOf(client.query(statement.replace('3', '2')))).code).toBe('42501');
    expect((await client.query(statement)).rowCount).toBe(1);
    const again = await errorOf(client.query(statement));
    expect(again.message).not.toContain(id);
    await client.end();
    await replacePolicy(standardPolicy);
  });
});

describe('a session', () => {
  test('ends when its token has expired and the grace is over', async () => {
    const nowSeconds = Math.floor(Date.now() / 1000);
    const client = await gateway.connect({ claims: { iat: nowSeconds - 60, exp: nowSeconds + 2 } });
    const error = await lastError(client);
    expect(error).toMatchObject({ severity: 'FATAL', code: '28000' });
  });

  test('ends at once when an operator ends it, and its hold with it', async () => {
    const client = await gateway.connect();
    const ended = lastError(client);
    const held = heldBy(client);
    const update = errorOf(client.query("UPDATE app.users SET name = 'x' WHERE id = 2"));
    const hold = await held;
    const [session] = await gateway.sessions();
    const { status } = await gateway.cli(
      ['sessions', 'kill', session?.id ?? '', '--reason', 'runs wild'],
      'sam',
      ['sre'],
    );
    expect(status).toBe(0);
    expect(await update).toMatchObject({ severity: 'FATAL', message: expect.stringContaining('runs wild') });
    await ended;
    const approved = await gateway.cli(['holds', 'approve', hold, '--reason', 'late', '--yes']);
    expect(approved.status).not.toBe(0);
  });

  test('ends with what it runs at the target', async () => {
    const client = await gateway.connect();
    const ended = lastError(client);
    const statement = errorOf(client.query('SELECT pg_sleep(600)'));
    const direct = await gateway.direct();
    const running = "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'";
    while ((await direct.query(running)).rowCount === 0);
    const [session] = await gateway.sessions();
    await gateway.cli(['sessions', 'kill', session?.id ?? '', '--reason', 'too long'], 'sam', ['sre']);
    expect((await statement).code).toBe('57P01');
    await ended;
    while ((await direct.query(running)).rowCount !== 0);
    await direct.end();
  });

  test('may not be ended, seen or replayed by whoever has no such role', async () => {
    const client = await gateway.connect();
    const [session] = await gateway.sessions();
    const id = session?.id ?? '';
    for (const args of [
      ['sessions', 'kill', id, '--reason', 'mine'],
      ['sessions', 'replay', id, '--speed', 'max'],
    ]) {
      const { status, stdout } = await gateway.cli(args, 'eve', ['nobody']);
      // Not permitted, or not there for them.
      expect([1, 4]).toContain(status);
      expect(stdout).toBe('');
    }
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    await client.end();
  });

  test('is replayed as its client saw it: masked', async () => {
    const client = await gateway.connect();
    await client.query('SELECT name, email FROM app.users WHERE id = $1', [2]);
    await errorOf(client.query('DROP TABLE app.users'));
    const [session] = await gateway.sessions();
    await client.end();
    const { stdout, status } = await gateway.cli(
      ['sessions', 'replay', session?.id ?? '', '--speed', 'max'],
      'ann',
      ['audit'],
    );
    expect(status).toBe(0);
    for (const shown of [
      'SELECT name, email FROM app.users',
      'b***@***.example',
      'DROP TABLE app.users',
      'no-ddl',
    ]) {
      expect(stdout).toContain(shown);
    }
    expect(stdout).not.toContain('bo@lind');
  });
});

describe('when the gateway process is killed', () => {
  test('its sessions end, it is started again, no hold of it can be approved, and the trail is whole', async () => {
    const client = await gateway.connect();
    const ended = lastError(client);
    const held = heldBy(client);
    const update = errorOf(client.query("UPDATE app.users SET name = 'killed' WHERE id = 2"));
    const hold = await held;
    process.kill(await gateway.processId(), 'SIGKILL');
    await Promise.all([ended, update]);
    const again = await eventually(
      () => gateway.connect().catch(() => null),
      (next) => next !== null,
    );
    expect((await again?.query('SELECT name FROM app.users WHERE id = 2'))?.rows).not.toEqual([
      { name: 'killed' },
    ]);
    const approved = await gateway.cli(['holds', 'approve', hold, '--reason', 'late', '--yes']);
    expect(approved.status).not.toBe(0);
    await again?.end();
    const { stdout, status } = await gateway.cli(['trail', 'verify']);
    expect(stdout).toContain('The trail is intact');
    expect(status).toBe(0);
  });
});

describe('the trail', () => {
  test('tells of every decision, and who approved', async () => {
    const { stdout } = await gateway.cli(['trail', 'show', '--json']);
    const records = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const kinds = new Set(records.map(({ kind }) => kind));
    for (const kind of [
      'session-opened',
      'action',
      'hold-opened',
      'hold-vote',
      'policy-loaded',
      'policy-refused',
      'session-killed',
    ]) {
      expect(kinds).toContain(kind);
    }
    const text = stdout;
    expect(text).not.toContain('the-target-password-nobody-sees');
    expect(text).not.toMatch(/eyJ[\w-]+\.eyJ/);
  });

  test('shows where one record was changed', async () => {
    await gateway.stopGateway();
    const folder = join(gateway.folder, 'state', 'trail');
    const name = (await readdir(folder)).find((file) => file.endsWith('.jsonl')) ?? '';
    const text = await readFile(join(folder, name), 'utf8');
    await writeFile(join(folder, name), text.replace('"subject":"agent-7"', '"subject":"agent-8"'));
    const { status, stdout } = await gateway.cli(['trail', 'verify']);
    expect(status).toBe(1);
    expect(stdout).toMatch(/record \d+/);
    await writeFile(join(folder, name), text);
  });
});
