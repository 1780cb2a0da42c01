import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { envoyBinary } from '../servers/envoy.ts';
import { type PostgresServer, startPostgres } from '../servers/postgres.ts';
import { type Change, Example, exampleNames } from './example.ts';

let postgres: PostgresServer;

const shop = `
CREATE SCHEMA app;
CREATE TABLE app.customers (id int PRIMARY KEY, name text, email text, card_number text, phone text, notes text);
CREATE TABLE app.orders (id int PRIMARY KEY, customer int REFERENCES app.customers, status text, price numeric);
CREATE VIEW app.addresses AS SELECT id, lower(email) AS address FROM app.customers;
CREATE SCHEMA hr; CREATE TABLE hr.salaries (id int, amount numeric);
CREATE SCHEMA ledger; CREATE TABLE ledger.accounts (id int, iban text, balance numeric);
`;

beforeAll(async () => {
  await envoyBinary();
  postgres = await startPostgres();
  const client = await postgres.connect();
  await client.query(shop);
  await client.end();
}, 600_000);

afterAll(() => postgres.stop());

/** The example's targets, all on the test's server. */
const onTestServer = (targets: number): readonly Change[] =>
  Array.from({ length: targets }, (_, index): readonly Change[] => [
    [['targets', index, 'host'], postgres.host],
    [['targets', index, 'port'], postgres.port],
    [['targets', index, 'user'], postgres.superuser],
    [['targets', index, 'database'], 'postgres'],
    [['targets', index, 'tls'], { mode: 'disable' }],
  ]).flat();

test.each([
  ['http-agents'],
  ['kubernetes-agents'],
  ['policy-in-typescript'],
  ['postgres-agents'],
  ['postgres-dump'],
  ['production-redis'],
])('sallyport check finds nothing wrong with %s', async (name) => {
  await using example = await Example.copy(name);
  const { status, stdout, stderr } = await example.run('check');
  // On a slow machine it says that it waits for Envoy; a complaint would be another line.
  const complaints = stderr.split('\n').filter((line) => line !== '' && !line.startsWith('Having Envoy'));
  expect({ status, stdout, complaints }).toEqual({
    status: 0,
    stdout: expect.stringMatching(/: no problems \(/),
    complaints: [],
  });
});

test('every example is checked here', async () => {
  expect(await exampleNames()).toEqual([
    'http-agents',
    'kubernetes-agents',
    'policy-in-typescript',
    'postgres-agents',
    'postgres-dump',
    'production-redis',
  ]);
});

interface Case {
  readonly who: readonly string[];
  readonly sql: string;
  readonly target?: string;
  readonly at?: string;
  readonly expected: Readonly<Record<string, unknown>>;
}

async function explain(example: Example, { who, sql, target = 'shop', at }: Case): Promise<unknown> {
  const when = at === undefined ? [] : ['--at', at];
  const { stdout, stderr } = await example.run(
    ...['policy', 'explain', ...who, '--target', target, '--sql', sql, ...when, '--json'],
  );
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout);
}

const agent = ['--as', 'agent-7', '--groups', 'agents', '--kind', 'agent'];

const asJson = (line: string, body: string): string => `${line}\ncontent-type: application/json\n\n${body}`;

describe('http-agents', () => {
  let example: Example;
  beforeAll(async () => {
    example = await Example.copy('http-agents');
  });
  afterAll(() => example[Symbol.asyncDispose]());

  const noRule = { decision: 'deny', rule: null, reason: 'no-rule' };
  const never = { decision: 'deny', rule: 'billing-agents/never' };
  test.each<[target: string, request: string, expected: Readonly<Record<string, unknown>>]>([
    ['billing', 'GET /v1/invoices/7?expand=lines', { decision: 'allow', rule: 'billing-agents/read' }],
    ['billing', 'GET /v1/invoices/7/notes', noRule],
    ['billing', 'GET /v1/search?status=open&page=2', { decision: 'allow', rule: 'billing-agents/search' }],
    ['billing', 'GET /v1/search?status=open&status=paid', noRule],
    ['billing', 'POST /v1/invoices', { decision: 'allow', rule: 'billing-agents/draft' }],
    ['billing', 'POST /v1/invoices/7/send', { decision: 'hold', approval: { quorum: 1, mode: 'wait' } }],
    ['billing', 'POST /v1/refunds', noRule],
    [
      'billing',
      asJson('POST /v1/refunds', '{"amount":49.99,"currency":"EUR"}'),
      { decision: 'allow', rule: 'billing-agents/small-refund' },
    ],
    [
      'billing',
      asJson('POST /v1/refunds', '{"amount":50,"currency":"EUR"}'),
      { decision: 'hold', approval: { quorum: 2, mode: 'defer' } },
    ],
    [
      'billing',
      asJson('POST /graphql', '{"query":"{ i: me { id } customers { name } }"}'),
      { decision: 'allow', rule: 'billing-agents/ask' },
    ],
    ['billing', asJson('POST /graphql', '{"query":"{ customers { name taxId } }"}'), noRule],
    ['billing', asJson('POST /graphql', '{"query":"mutation { drop }"}'), noRule],
    [
      'stock',
      'POST /stock.v1.Stock/GetItem\ncontent-type: application/grpc',
      { decision: 'allow', rule: 'stock-agents/read' },
    ],
    [
      'stock',
      'POST /stock.v1.Stock/Move\ncontent-type: application/grpc',
      { decision: 'hold', rule: 'stock-agents/move' },
    ],
    ['billing', 'GET /v1/admin/keys', never],
    ['billing', 'GET /V1/Admin', never],
    ['billing', 'DELETE /v1/invoices/7', noRule],
    ['tickets', 'POST /api/tickets/7/comments', { decision: 'allow', rule: 'ticket-agents/comment' }],
    ['tickets', 'DELETE /api/tickets/7', { decision: 'hold', rule: 'ticket-agents/close' }],
  ])('%s: %s', async (target, request, expected) => {
    expect(await explain(example, { who: agent, sql: request, target, expected })).toMatchObject(expected);
  });
});

describe('kubernetes-agents', () => {
  let example: Example;
  beforeAll(async () => {
    example = await Example.copy('kubernetes-agents');
  });
  afterAll(() => example[Symbol.asyncDispose]());

  const noRule = { decision: 'deny', rule: null, reason: 'no-rule' };
  const allowed = { decision: 'allow', rule: 'shop-agents/look' };
  test.each<[request: string, expected: Readonly<Record<string, unknown>>]>([
    ['GET /apis/apps/v1', { decision: 'allow', rule: 'shop-agents/find-out' }],
    ['GET /api/v1/namespaces/shop/pods?watch=1', allowed],
    ['GET /api/v1/namespaces/shop/pods/web-0/log', allowed],
    ['GET /apis/apps/v1/namespaces/shop/deployments/web', allowed],
    ['GET /api/v1/namespaces/shop/secrets/shop-database', allowed],
    ['GET /api/v1/pods', noRule],
    ['GET /api/v1/namespaces/hr/pods', noRule],
    ['GET /apis/metrics.k8s.io/v1beta1/namespaces/shop/pods', noRule],
    ['POST /api/v1/namespaces/shop/serviceaccounts/default/token', noRule],
    ['POST /api/v1/namespaces/shop/pods/web-0/exec?command=ls', { decision: 'deny', reason: 'unsupported' }],
    ['GET /api/v1/namespaces/shop//pods', { decision: 'deny', reason: 'unparsable' }],
  ])('%s', async (request, expected) => {
    expect(await explain(example, { who: agent, sql: request, target: 'prod', expected })).toMatchObject(
      expected,
    );
  });
});

describe('postgres-agents', () => {
  let example: Example;
  beforeAll(async () => {
    example = await Example.copy('postgres-agents', onTestServer(1));
  });
  afterAll(() => example[Symbol.asyncDispose]());

  const allowed = (masks: readonly string[] = []) => ({ decision: 'allow', masks });
  const held = { decision: 'hold', rule: 'agents/change', approval: { quorum: 1, mode: 'wait' } };
  const ddl = { decision: 'deny', rule: 'agents/no-ddl', reason: 'denied-by-rule' };
  const noRule = { decision: 'deny', rule: null, reason: 'no-rule' };
  const masked = { decision: 'deny', reason: 'masked-field-in-condition' };

  test.each<[sql: string, expected: Readonly<Record<string, unknown>>]>([
    ['SELECT id, name FROM customers', allowed()],
    ['SELECT email FROM app.customers', allowed([expect.stringMatching(/email.*-> email/)] as never)],
    ['SELECT * FROM app.customers', { decision: 'allow', rule: 'agents/read' }],
    ['SELECT card_number FROM customers', allowed([expect.stringMatching(/card_number.*-> last4/)] as never)],
    ["SELECT id FROM customers WHERE email LIKE 'a%'", masked],
    ['SELECT count(*) FROM orders WHERE price > 10', allowed()],
    ["UPDATE orders SET status = 'sent' WHERE id = 1", held],
    ['DELETE FROM app.orders WHERE id = 1', held],
    ['WITH gone AS (DELETE FROM app.orders RETURNING id) SELECT * FROM gone', held],
    ["INSERT INTO app.orders VALUES (1, 1, 'new', 5)", noRule],
    ['DROP TABLE app.orders', ddl],
    ['ALTER TABLE app.orders ADD COLUMN x int', ddl],
    ['TRUNCATE app.orders', ddl],
    ['CREATE TABLE app.mine (id int)', ddl],
    ['GRANT ALL ON app.orders TO PUBLIC', ddl],
    ['SELECT 1; DROP TABLE app.orders', ddl],
    ['SELECT * FROM hr.salaries', noRule],
    ['SELECT rolpassword FROM pg_catalog.pg_authid', noRule],
    ['SELECT relname FROM pg_catalog.pg_class', allowed()],
    ['SELECT pg_catalog.pg_get_indexdef(indexrelid) FROM pg_catalog.pg_index', allowed()],
    ['SELECT most_common_vals FROM pg_catalog.pg_stats', noRule],
    ['SET search_path = hr', noRule],
    ["SELECT pg_read_file('/etc/passwd')", noRule],
    ["COPY app.orders TO PROGRAM 'cat'", noRule],
  ])('%s', async (sql, expected) => {
    expect(await explain(example, { who: agent, sql, expected })).toMatchObject(expected);
  });

  test('the refusal of DDL says what to do instead', async () => {
    expect(await explain(example, { who: agent, sql: 'DROP TABLE app.orders', expected: ddl })).toMatchObject(
      {
        message:
          'Refused: drop app.orders on shop. Rule agents/no-ddl denies it: Agents do not change the schema.',
        hint: expect.stringContaining('Write a migration and open a pull request.'),
      },
    );
  });

  test('a person in the group, and an agent outside of it, may nothing', async () => {
    const sql = 'SELECT id FROM customers';
    for (const who of [
      ['--as', 'ada', '--groups', 'agents', '--kind', 'person'],
      ['--as', 'agent-8', '--kind', 'agent'],
    ]) {
      expect(await explain(example, { who, sql, expected: noRule })).toMatchObject(noRule);
    }
  });

  test('the catalog has everything that the policy names', async () => {
    const { stdout } = await example.run('check', '--online');
    expect(stdout).not.toContain('agents.yaml');
  });
});

describe('policy-in-typescript', () => {
  let example: Example;
  beforeAll(async () => {
    example = await Example.copy('policy-in-typescript', onTestServer(2));
  });
  afterAll(() => example[Symbol.asyncDispose]());

  const monday = '2026-07-13T10:00:00Z';
  const sunday = '2026-07-12T10:00:00Z';

  test.each<[sql: string, target: string, at: string, expected: Readonly<Record<string, unknown>>]>([
    ['SELECT id, price FROM app.orders', 'shop', sunday, { decision: 'allow', rule: 'agents-shop/read-app' }],
    [
      "UPDATE app.orders SET status = ''",
      'shop',
      monday,
      { decision: 'hold', rule: 'agents-shop/change-app' },
    ],
    ["UPDATE app.orders SET status = ''", 'shop', sunday, { decision: 'deny', reason: 'no-rule' }],
    // Both rules hold: two people, and at once an answer.
    [
      'DELETE FROM app.orders',
      'shop',
      monday,
      { approval: { quorum: 2, mode: 'defer', withinMs: 1_800_000 } },
    ],
    [
      'DELETE FROM app.orders',
      'shop',
      sunday,
      { approval: { quorum: 2, mode: 'defer', withinMs: 28_800_000 } },
    ],
    ['SELECT iban FROM ledger.accounts', 'billing', sunday, { rule: 'agents-billing/read-ledger' }],
    ["SELECT id FROM ledger.accounts WHERE iban = 'x'", 'billing', sunday, { decision: 'allow' }],
    ['SELECT * FROM app.orders', 'billing', sunday, { decision: 'deny', reason: 'no-rule' }],
  ])('%s on %s at %s', async (sql, target, at, expected) => {
    expect(await explain(example, { who: agent, sql, target, at, expected })).toMatchObject(expected);
  });
});

describe('production-redis', () => {
  let example: Example;
  beforeAll(async () => {
    example = await Example.copy('production-redis', onTestServer(1));
  });
  afterAll(() => example[Symbol.asyncDispose]());

  const certificate = (issuer: string): readonly string[] => [
    ...['--as', 'migrate-7', '--groups', 'migrations', '--kind', 'workload', '--issuer', issuer],
  ];
  const migrations = certificate('CN=Example Clients CA');

  test.each<[who: readonly string[], sql: string, expected: Readonly<Record<string, unknown>>]>([
    [agent, 'SELECT * FROM app.orders', { decision: 'allow', rule: 'agents/read' }],
    [agent, "UPDATE app.orders SET status = ''", { approval: { quorum: 2, mode: 'defer' } }],
    [agent, 'DROP TABLE app.orders', { decision: 'deny', reason: 'no-rule' }],
    [migrations, 'ALTER TABLE app.orders ADD COLUMN x int', { decision: 'allow', rule: 'migrations/define' }],
    [
      migrations,
      'DROP TABLE app.orders',
      { decision: 'hold', rule: 'migrations/drop', approval: { quorum: 2 } },
    ],
    // The group alone, by a token: whoever can write groups into tokens must not be able to migrate.
    [certificate('company'), 'DROP TABLE app.orders', { decision: 'deny', reason: 'no-rule' }],
  ])('%j: %s', async (who, sql, expected) => {
    expect(await explain(example, { who, sql, target: 'orders', expected })).toMatchObject(expected);
  });
});
