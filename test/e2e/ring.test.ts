import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type pg from 'pg';
import { heldBy } from './clients.ts';
import { standardPolicy, TestGateway } from './gateway.ts';

const ringPassword = 'the-password-of-the-rings';

/** Each command of `sallyport` takes seconds on a busy machine. */
const seconds = (count: number): number => count * 1000;

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await TestGateway.start({
    target: ['tls: {mode: disable}', 'ring: {password: env:RING_PASSWORD}', 'catalogRefresh: 1s'],
    env: { RING_PASSWORD: ringPassword },
  });
}, 60_000);

afterAll(() => gateway[Symbol.asyncDispose]());

const asAdmin = ['--admin', 'postgres'];
const install = () => gateway.cli(['masking', 'install', 'shop', ...asAdmin]);
const refusalOf = (work: Promise<unknown>): Promise<Partial<pg.DatabaseError>> =>
  work.then(
    () => ({}),
    (error: pg.DatabaseError) => error,
  );

test(
  'whoever is under masks is let in with the ring or not at all, and is told what to do',
  async () => {
    const status = await gateway.cli(['masking', 'status', 'shop']);
    expect(status).toMatchObject({
      status: 1,
      stdout: expect.stringMatching(/sallyport_ring_[0-9a-f]{16} {2}missing/),
    });
    expect(await refusalOf(gateway.connect())).toMatchObject({
      message: expect.stringContaining('the masking ring that your masks need is missing in target "shop"'),
      hint: expect.stringContaining('sallyport masking install shop'),
    });
    expect(await gateway.cli(['check', '--online'])).toMatchObject({
      status: 1,
      stdout: expect.stringMatching(/error: target shop: its masking ring .* is missing/),
    });
    expect(await install()).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('app.users.card -> last4'),
    });
    expect(await gateway.cli(['masking', 'status', 'shop'])).toMatchObject({ status: 0 });
    expect(await gateway.cli(['check', '--online'])).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('target shop (masks in a ring of its own)'),
    });
    const client = await gateway.connect();
    expect(
      (await client.query('SELECT session_user::text LIKE $1 AS in_ring', ['sallyport_ring_%'])).rows,
    ).toEqual([{ in_ring: true }]);
    await client.end();
  },
  seconds(120),
);

test('rows are masked as they are without a ring, and may be asked for by what they show', async () => {
  const client = await gateway.connect();
  expect((await client.query('SELECT name, email, card, salary FROM users ORDER BY id')).rows).toEqual([
    { name: 'Ada', email: 'a***@***.example', card: '****1111', salary: '0' },
    { name: 'Bo', email: 'b***@***.example', card: '****5559', salary: '0' },
    { name: 'Cleo', email: 'c***@***.example', card: null, salary: '0' },
  ]);
  for (const [where, found] of [
    ["email = 'ada@example.com'", []],
    ["email LIKE 'ada%'", []],
    ["email LIKE 'b*%'", ['Bo']],
    ['salary > 70000', []],
    ["card = '****1111'", ['Ada']],
  ] as const) {
    const { rows } = await client.query(`SELECT name FROM users WHERE ${where}`);
    expect([where, rows.map(({ name }) => name)]).toEqual([where, found]);
  }
  const counted = 'SELECT left(email, 1) AS first, count(*)::int FROM users GROUP BY email ORDER BY email';
  // What is computed from a masked column is masked whole, ring or not.
  expect((await client.query(counted)).rows[0]).toEqual({ first: '********', count: 1 });
  const bound = await client.query({
    text: 'SELECT name FROM users WHERE email = $1',
    values: ['bo@lind.example'],
  });
  expect(bound.rows).toEqual([]);
  await client.end();
});

test('policy explain answers as the ring does, and says what is masked where', async () => {
  const explain = (sql: string, ...more: readonly string[]) =>
    gateway.cli(['policy', 'explain', '--as', 'agent-7', '--target', 'shop', '--sql', sql, ...more]);
  const guessed = await explain("SELECT id FROM users WHERE email LIKE 'a%' AND card = ANY($1)");
  expect(guessed).toMatchObject({ status: 0, stdout: expect.stringContaining('ALLOW') });
  for (const told of [
    /Masking ring\n +sessions log in as sallyport_ring_\w{16}, and find its views before the tables; it is installed/,
    /app\.users, by its name alone, is the view sallyport_ring_\w{16}\.users, masked at the scan: email -> email, card -> last4, salary -> full/,
    /Guesses\n +app\.users\.card is compared with the items of \$1\n +none of them counts/,
  ]) {
    expect(guessed.stdout).toMatch(told);
  }
  const { stdout } = await explain("UPDATE jobs SET done = true FROM users WHERE email = 'x'", '--json');
  expect(JSON.parse(stdout)).toMatchObject({
    decision: 'allow',
    analysis: {
      ring: { state: 'installed', relations: [{ relation: 'app.users' }] },
      guesses: {
        comparisons: [{ columns: ['app.users.email'], values: 1 }],
        perMinute: 10,
        seesMasks: false,
      },
    },
  });
});

test('the full name of a table shows what is not masked, and says where the rest is', async () => {
  const client = await gateway.connect();
  expect((await client.query('SELECT id, name FROM app.users WHERE id = 1')).rows).toEqual([
    { id: 1, name: 'Ada' },
  ]);
  const refused = await refusalOf(client.query('SELECT email FROM app.users'));
  expect(refused).toMatchObject({
    code: '42501',
    hint: expect.stringContaining('by the table’s name alone'),
  });
  await client.query("INSERT INTO app.orders (id, user_id, item) VALUES (900, 1, 'book')");
  await client.query('UPDATE jobs SET done = true WHERE id = 1');
  await client.end();
});

test(
  'trail and transcript say which ring answered, and approvers in which one a statement would run; a changed ring voids what they approve',
  async () => {
    const client = await gateway.connect();
    const held = heldBy(client);
    const sql = "UPDATE users SET name = 'Bea' WHERE id = 2";
    const outcome = refusalOf(client.query(sql));
    const hold = await held;
    const ring = /sallyport_ring_[0-9a-f]{16}/;
    const version = (stdout: string): string => /masking ring ([0-9a-f]{64})/.exec(stdout)?.[1] ?? '';
    const first = (await gateway.cli(['holds', 'show', hold])).stdout;
    expect(first).toMatch(ring);
    const direct = await gateway.direct();
    // Another table's masks: the statement itself would be what it was.
    await direct.query('ALTER TABLE app.contacts ADD COLUMN phone text');
    expect(await install()).toMatchObject({ status: 0 });
    expect(await gateway.cli(['holds', 'approve', hold, '--reason', 'fine', '--yes'])).toMatchObject({
      status: 0,
    });
    expect(await outcome).toMatchObject({ detail: expect.stringContaining('changed-while-held') });
    const again = heldBy(client);
    const done = client.query(sql);
    const next = await again;
    const second = (await gateway.cli(['holds', 'show', next])).stdout;
    expect(version(second)).not.toBe(version(first));
    expect(await gateway.cli(['holds', 'approve', next, '--reason', 'fine', '--yes'])).toMatchObject({
      status: 0,
    });
    expect((await done).rowCount).toBe(1);
    const shown = await gateway.cli(['trail', 'show', '--kind', 'session-masked', '--json']);
    const masked: Record<string, unknown>[] = shown.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const session = masked.at(-1)?.['session'];
    expect(masked.filter((record) => record['session'] === session)).toEqual([
      expect.objectContaining({ ring: expect.stringMatching(ring), ringVersion: version(first) }),
      expect.objectContaining({ ring: expect.stringMatching(ring), ringVersion: version(second) }),
    ]);
    await client.end();
    const replayed = await gateway.cli(['sessions', 'replay', String(session), '--speed', 'max'], 'ann', [
      'audit',
    ]);
    expect(replayed.stdout.indexOf(`(${version(first)})`)).toBeGreaterThan(0);
    expect(replayed.stdout.indexOf(`(${version(first)})`)).toBeLessThan(replayed.stdout.indexOf('UPDATE'));
    await direct.query("UPDATE app.users SET name = 'Bo' WHERE id = 2");
    await direct.end();
  },
  seconds(120),
);

test('a statement that changes rows may not ask masked columns: unique indexes would answer', async () => {
  const client = await gateway.connect();
  const sql = "INSERT INTO app.orders (id, item) SELECT 901, 'x' FROM users WHERE email LIKE 'a%'";
  expect((await refusalOf(client.query(sql))).detail).toContain('masked-field-in-condition');
  await client.end();
});

test(
  'when the ring goes stale, nothing more is run in it, and nobody is let in',
  async () => {
    const client = await gateway.connect();
    const direct = await gateway.direct();
    await direct.query('GRANT SELECT (email) ON app.users TO PUBLIC');
    // Any statement on an unknown name makes the gateway look at once.
    await refusalOf(client.query('SELECT nobody_has_this FROM users'));
    expect(await refusalOf(client.query('SELECT email FROM users'))).toMatchObject({
      message: expect.stringContaining('is not in the target any more as it should be'),
      hint: expect.stringContaining('masking install shop'),
    });
    expect((await refusalOf(gateway.connect())).message).toContain('is stale in target "shop"');
    expect((await gateway.cli(['masking', 'status', 'shop'])).stdout).toContain(
      'app.users.email can be read by its role',
    );
    expect(await install()).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('Nothing was changed'),
    });
    await direct.query('REVOKE SELECT (email) ON app.users FROM PUBLIC');
    await direct.end();
    await refusalOf(client.query('SELECT nobody_has_this FROM users'));
    await gateway.connect().then((again) => again.end());
    await client.end();
  },
  seconds(120),
);

test(
  'when the policy changes, a session goes on under the wire’s masks, without what only the ring allows',
  async () => {
    const client = await gateway.connect();
    await gateway.replacePolicy(
      standardPolicy.replace('app.users.email], with: email', 'app.users.email, app.users.name], with: full'),
    );
    expect((await client.query('SELECT name, email FROM users WHERE id = 1')).rows).toEqual([
      { name: '********', email: '********' },
    ]);
    expect((await refusalOf(client.query("SELECT id FROM users WHERE email LIKE 'a%'"))).detail).toContain(
      'masked-field-in-condition',
    );
    expect((await refusalOf(gateway.connect())).message).toContain('is missing in target "shop"');
    await client.end();
    expect((await install()).stderr).toMatch(/no policy has the masks of sallyport_ring_\w+ any more/);
    expect(await gateway.cli(['masking', 'uninstall', 'shop', '--unwanted', ...asAdmin])).toMatchObject({
      status: 0,
    });
    await gateway.replacePolicy(standardPolicy);
    await install();
  },
  seconds(120),
);

test('who is under no masks logs in as ever', async () => {
  await gateway.replacePolicy(standardPolicy.replace('kinds: [agent]', 'kinds: [workload]'));
  await gateway.replacePolicy(`${standardPolicy}  - name: people
    targets: [shop]
    principals: [{kinds: [person]}]
    rules: [{name: read, effects: [select], tables: [app.*], outcome: allow}]
`);
  const client = await gateway.connect({ claims: { kind: 'person' } });
  expect(
    (await client.query('SELECT session_user::text AS who, email FROM app.users WHERE id = 1')).rows,
  ).toEqual([{ who: 'gateway', email: 'ada@example.com' }]);
  await client.end();
});

test(
  'the SQL is printed for psql, and the printed way is as good',
  async () => {
    await gateway.replacePolicy(standardPolicy);
    const { stdout: gone } = await gateway.cli(['masking', 'uninstall', 'shop', '--print']);
    const { stdout: made } = await gateway.cli(['masking', 'install', 'shop', '--print']);
    expect(made).not.toContain(ringPassword);
    const psql = (input: string) =>
      spawnSync(
        'psql',
        [
          '-X',
          '-q',
          '-v',
          'ON_ERROR_STOP=1',
          '-h',
          '127.0.0.1',
          '-p',
          String(gateway.postgres.port),
          '-U',
          'postgres',
          'shop',
        ],
        {
          input,
          encoding: 'utf8',
        },
      );
    expect(psql(made)).toMatchObject({ status: 0, stderr: '' });
    expect(await gateway.cli(['masking', 'status', 'shop'])).toMatchObject({ status: 0 });
    expect(psql(gone)).toMatchObject({ status: 0, stderr: '' });
    expect((await gateway.cli(['masking', 'uninstall', 'shop', '--print'])).stderr).toContain(
      'nothing to take away',
    );
    expect(await gateway.cli(['masking', 'install', 'shop'])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('--admin'),
    });
  },
  seconds(120),
);
