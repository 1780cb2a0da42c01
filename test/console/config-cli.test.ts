import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Ajv } from 'ajv';
import { parseYamlDocument } from '../../services/core/config/yaml-document.ts';
import { envoyBinary } from '../servers/envoy.ts';
import { startIssuer, type TestIssuer } from '../servers/issuer.ts';
import { type PostgresServer, startPostgres } from '../servers/postgres.ts';
import { type RedisServer, startRedis } from '../servers/redis.ts';
import { type Finished, rawControls, sallyport } from './cli.ts';

let postgres: PostgresServer;
let issuer: TestIssuer;
let redis: RedisServer;
let folder: string;

beforeAll(async () => {
  await envoyBinary();
  folder = await mkdtemp(join(tmpdir(), 'sallyport-config-cli-'));
  [postgres, issuer, redis] = await Promise.all([startPostgres(), startIssuer(), startRedis()]);
  const client = await postgres.connect();
  await client.query('CREATE SCHEMA app');
  await client.query('CREATE TABLE app.users (id int PRIMARY KEY, email text)');
  await client.query('CREATE TABLE app.orders (id int PRIMARY KEY, customer int)');
  await client.query('CREATE VIEW app.seen AS SELECT id, email AS mail, upper(email) AS loud FROM app.users');
  await client.query('CREATE TABLE app.bills (id int PRIMARY KEY)');
  await client.query(
    'CREATE TABLE app.lines (id int, o int CONSTRAINT of REFERENCES app.bills ON DELETE CASCADE)',
  );
  await client.query(
    "CREATE FUNCTION app.owned(int) RETURNS int LANGUAGE sql STABLE SECURITY DEFINER AS 'SELECT $1'",
  );
  await client.end();
}, 600_000);

afterAll(async () => {
  await Promise.all([postgres.stop(), issuer.stop(), redis.stop()]);
  await rm(folder, { recursive: true });
});

const config = (): string => `gateway:
  stateDir: state
  listeners:
    - {name: pg, protocol: postgres, port: 0}
identity:
  issuers:
    - name: company
      url: ${issuer.url}
      audience: sallyport
      algorithms: [ES256]
targets:
  - name: shop
    protocol: postgres
    host: 127.0.0.1
    port: ${postgres.port}
    database: postgres
    user: postgres
    tls: {mode: disable}
policies: [policies/*.yaml, policies/*.ts]
approvals:
  redis: redis://127.0.0.1:${redis.port}
`;

const shop = `policies:
  - name: shop
    targets: [shop]
    rules:
      - {name: read, effects: [select], tables: [app.*], outcome: allow}
      - name: writes
        effects: [update, delete]
        tables: [app.orders]
        outcome: hold
        approval: {approvers: [{groups: [dba]}], within: 10m}
      - {name: no-drops, effects: [drop], outcome: deny, message: Nothing is dropped here.}
    masks:
      - {fields: [app.users.email], with: email}
`;

const night = `import { definePolicy } from 'sallyport/policy';

export default definePolicy({
  name: 'night',
  targets: ['shop'],
  principals: [{ groups: ['night'] }],
  rules: [
    {
      name: 'delete',
      effects: ['delete'],
      tables: ['app.orders'],
      times: { zone: 'Europe/Berlin', from: '22:00', to: '06:00' },
      outcome: 'deny',
    },
  ],
});
`;

/** A folder with a config and policies, in which \`change\` has changed one text for another. */
async function configured(
  change: (text: string) => string = (text) => text,
  files: Readonly<Record<string, string>> = {},
): Promise<string> {
  const made = await mkdtemp(join(folder, 'config-'));
  const all = {
    'sallyport.yaml': config(),
    'policies/shop.yaml': shop,
    'policies/night.ts': night,
    ...files,
  };
  for (const [name, text] of Object.entries(all)) {
    await mkdir(dirname(join(made, name)), { recursive: true });
    await writeFile(join(made, name), change(text));
  }
  return made;
}

/** Without what it says of its progress when the machine is slow. */
async function run(cwd: string, ...args: string[]): Promise<Finished> {
  const finished = await sallyport(args, { cwd, env: { HOME: process.env['HOME'] ?? '' } });
  return { ...finished, stderr: finished.stderr.replaceAll(/^Reading .* …\n/gm, '') };
}

describe('check', () => {
  test('finds nothing wrong with what is right', async () => {
    const cwd = await configured();
    expect(await run(cwd, 'check')).toEqual({
      status: 0,
      stdout:
        'sallyport.yaml: no problems (1 listener; 1 target; 2 policies; Envoy 1.40.0 takes its config)\n',
      stderr: '',
    });
    const { stdout } = await run(cwd, 'check', '--json', '-c', 'sallyport.yaml');
    expect(JSON.parse(stdout)).toMatchObject({ ok: true, problems: [], policyVersion: expect.any(String) });
  });

  test('tells all that is wrong in config and policies at once, each in its place', async () => {
    const cwd = await configured(
      (text) =>
        text
          .replace('port: 0', 'prot: 0')
          .replace('[ES256]', '[HS256]')
          .replace('user: postgres', 'user: postgres\n    password: env:NOT_SET')
          .replace('outcome: allow', 'outcome: alow')
          .replace('[app.users.email]', '[email]')
          .replace("effects: ['delete']", "effects: ['delte']"),
      { 'policies/broken.yaml': 'policies: [\n', 'policies/throws.ts': 'throw new Error("\\u001b[2Jno");\n' },
    );
    const { status, stdout, stderr } = await run(cwd, 'check');
    expect(status).toBe(2);
    expect(stderr).toBe('');
    expect(stdout).not.toMatch(rawControls);
    expect(stdout.split('\n').map((line) => line)).toEqual([
      'sallyport.yaml:4:7: error: gateway.listeners[0].port: is missing',
      'sallyport.yaml:4:38: error: gateway.listeners[0].prot: unknown key; did you mean "port"?',
      expect.stringMatching(
        /^sallyport\.yaml:10:20: error: identity\.issuers\[0\]\.algorithms\[0\]: must be one of/,
      ),
      expect.stringMatching(
        /^sallyport\.yaml:18:15: error: targets\[0\]\.password: the environment variable NOT_SET/,
      ),
      expect.stringMatching(/^policies\/broken\.yaml:\d:\d+: error: /),
      expect.stringMatching(/^policies\/throws\.ts:1:\d+: error: .*⟨U\+001B⟩\[2Jno/),
      'policies/shop.yaml:5:67: error: "outcome": "alow" is not an outcome; did you mean "allow"?',
      expect.stringMatching(/^policies\/shop\.yaml:13:19: error: .*"email"/),
      'policies/night.ts:3:16: error: "delte" is not a verb of postgres; did you mean "delete"?',
      'sallyport.yaml: 9 errors',
      '',
    ]);
    const json = await run(cwd, 'check', '--json');
    expect(json.status).toBe(2);
    expect(JSON.parse(json.stdout).problems).toHaveLength(9);
    expect(JSON.parse(json.stdout).problems[1]).toEqual({
      severity: 'error',
      file: 'sallyport.yaml',
      line: 4,
      column: 38,
      message: 'gateway.listeners[0].prot: unknown key; did you mean "port"?',
    });
  });

  test('names files as the person named the config', async () => {
    const cwd = await configured((text) => text.replace('outcome: allow', 'outcome: alow'));
    const { stdout } = await run('/', 'check', '-c', join(cwd, 'sallyport.yaml'));
    expect(stdout).toContain(`${join(cwd, 'policies/shop.yaml')}:5:67: error: `);
    expect(await run(cwd, 'check', '-c', 'absent.yaml')).toMatchObject({
      status: 2,
      stdout: 'absent.yaml:1:1: error: The file does not exist.\nabsent.yaml: 1 error\n',
    });
  });

  test('tells what Envoy would not take', async () => {
    const cwd = await configured((text) => text.replace('name: pg', 'name: edge'));
    expect(await run(cwd, 'check')).toMatchObject({
      status: 2,
      stdout: expect.stringMatching(/^sallyport\.yaml:3:3: error: A listener cannot be called "edge"/),
    });
  });

  test('--online reaches targets, issuers and Redis', async () => {
    expect(await run(await configured(), 'check', '--online')).toEqual({
      status: 0,
      stdout:
        'sallyport.yaml: no problems (1 listener; 1 target; 2 policies; Envoy 1.40.0 takes its config; ' +
        'reached target shop (masks on the wire alone), issuer company, Redis)\n',
      stderr: '',
    });
  });

  test('--online tells what policies name and nobody has, in its line', async () => {
    const cwd = await configured((text) =>
      text
        .replace('tables: [app.orders]', 'tables: [app.ordres]')
        .replace('[app.users.email]', '[app.users.mail]'),
    );
    const { stdout } = await run(cwd, 'check', '--online');
    expect(stdout).toMatch(/^policies\/shop\.yaml:8:18: \w+: .*app\.ordres.*\(target shop\)$/m);
    expect(stdout).toMatch(/^policies\/shop\.yaml:13:19: \w+: .*app\.users\.mail.*\(target shop\)$/m);
    expect(stdout).not.toMatch(/night\.ts/);
  });

  test('--online tells what cannot be reached, in its line', async () => {
    const cwd = await configured((text) =>
      text
        .replace(`port: ${postgres.port}`, 'port: 9')
        .replace(issuer.url, 'http://127.0.0.1:9')
        .replace(`127.0.0.1:${redis.port}`, '127.0.0.1:9'),
    );
    const { status, stdout } = await run(cwd, 'check', '--online');
    expect(status).toBe(1);
    expect(stdout).toMatch(/^sallyport\.yaml:12:11: error: target shop: cannot be reached: /m);
    expect(stdout).toMatch(/^sallyport\.yaml:8:12: error: issuer company: .*ECONNREFUSED/m);
    expect(stdout).toMatch(/^sallyport\.yaml:21:10: error: Redis cannot be used: /m);
    expect(stdout).toMatch(/^sallyport\.yaml: 3 errors \(.*nothing reached\)$/m);
  });
});

describe('schema', () => {
  test('is what an editor checks config and policies by', async () => {
    const plain = (text: string): unknown => parseYamlDocument('x', text).document?.value;
    const ajv = new Ajv({ strict: false });
    const config7 = ajv.compile(JSON.parse((await run(folder, 'schema')).stdout));
    expect(config7(plain(config()))).toBe(true);
    expect(config7(plain(config().replace('port: 0', 'prot: 0')))).toBe(false);
    const policy = ajv.compile(JSON.parse((await run(folder, 'schema', '--policy')).stdout));
    expect(policy(plain(shop))).toBe(true);
    expect(policy(plain(shop.replace('outcome: allow', 'outcome: alow')))).toBe(false);
    expect(policy(plain(shop.replace('tables:', 'tabels:')))).toBe(false);
  });
});

describe('envoy render', () => {
  test('prints what Envoy takes', async () => {
    const cwd = await configured();
    const { stdout, status } = await run(cwd, 'envoy', 'render');
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ static_resources: { listeners: [{ name: 'pg' }] } });
    expect(stdout).toContain(join(cwd, 'state/run/pg.sock'));
  });

  test('says what is wrong with the config', async () => {
    const cwd = await configured((text) => text.replace('port: 0', 'port: x'));
    expect(await run(cwd, 'envoy', 'render')).toEqual({
      status: 2,
      stdout: '',
      stderr:
        'error: sallyport.yaml cannot be used.\nsallyport.yaml:4:44: error: gateway.listeners[0].port: must be a number\n',
    });
  });
});

describe('policy explain', () => {
  const explain = async (cwd: string, ...args: string[]) =>
    run(cwd, 'policy', 'explain', '--as', 'agent-7', '--groups', 'agents', '--target', 'shop', ...args);
  const json = async (cwd: string, ...args: string[]) => {
    const { stdout, status } = await explain(cwd, '--json', ...args);
    return { status, ...JSON.parse(stdout) };
  };

  test('tells the decision, the rule, and why the others did not decide', async () => {
    const cwd = await configured();
    const { status, stdout, stderr } = await explain(cwd, '--sql', 'DELETE FROM app.orders');
    expect([status, stderr]).toEqual([3, '']);
    expect(stdout).toMatch(/^HOLD {2}by shop\/writes\n {2}one person of group dba/);
    expect(stdout).toMatch(/within 10m; the client waits for 2m; an approval lets it run once/);
    expect(stdout).toMatch(/^ {2}delete app\.orders {2}hold by shop\/writes$/m);
    expect(stdout).toContain('    · shop/read (allow): effects: select does not have delete\n');
    expect(stdout).toContain('    ✓ shop/writes (hold)\n');
    expect(stdout).toContain(
      '  night: principals: groups night does not match agent agent-7 (groups agents)\n',
    );
  });

  test('is JSON for programs', async () => {
    const cwd = await configured();
    expect(await json(cwd, '--sql', 'SELECT email FROM app.users')).toMatchObject({
      status: 0,
      decision: 'allow',
      rule: 'shop/read',
      reason: null,
      effects: ['select'],
      relations: ['app.users'],
      functions: [],
      opaque: [],
      masks: [expect.stringContaining('email')],
    });
    expect(await json(cwd, '--text', 'DROP TABLE app.users')).toMatchObject({
      status: 1,
      decision: 'deny',
      rule: 'shop/no-drops',
      reason: 'denied-by-rule',
      effects: ['drop'],
      relations: ['app.users'],
    });
    expect(await json(cwd, '--sql', 'INSERT INTO app.users VALUES (1)')).toMatchObject({
      status: 1,
      rule: null,
      reason: 'no-rule',
    });
  });

  test('tells what it has understood: tables and through which view, functions, where columns come from, what comes along, and what not', async () => {
    const cwd = await configured();
    const read = await explain(
      cwd,
      '--sql',
      'SELECT s.id AS x, mail, loud, 1 AS one FROM app.seen s WHERE id > 1',
    );
    expect(read.stdout).toContain(`
Tables
  select app.seen
    columns: id, mail, loud
    beside output: id
  select app.users through app.seen
    columns: id, email
    beside output: id

Columns that come back
  x <- app.users.id through app.seen.id
  mail <- app.users.email through app.seen.mail; masked: email
  loud <- computed from app.users.email through app.seen.loud; masked: whole
  one <- no column
`);
    const remove = await explain(cwd, '--sql', 'SELECT 1; DELETE FROM app.bills WHERE id = app.owned(7)');
    expect(remove.stdout).toContain(`
Functions
  app.owned (sql, stable, security definer)

Columns that come back from statement 1
  ?column? <- no column

Columns that come back from statement 2
  not known: each counts as computed from all that the statement touches

Along with it
  deletes rows of app.lines that refer to app.bills (foreign key of)

Why it is not understood
  security-definer: it calls a function that runs with the rights of its owner
`);
    expect(await json(cwd, '--sql', 'SELECT mail FROM app.seen')).toMatchObject({
      analysis: {
        tables: [
          { effect: 'select', relation: 'app.seen', through: [], columns: ['app.seen.mail'] },
          { effect: 'select', relation: 'app.users', through: ['app.seen'], columns: ['app.users.email'] },
        ],
        functions: [],
        columns: [
          [
            {
              name: 'mail',
              from: ['app.users.email'],
              through: ['app.seen.mail'],
              derived: false,
              mask: 'email',
            },
          ],
        ],
        consequences: [],
        reasons: [],
      },
    });
  });

  test('asks about whoever, whenever', async () => {
    const cwd = await configured();
    const inTheNight = [
      '--groups',
      'night',
      '--sql',
      'DELETE FROM app.orders',
      '--at',
      '2026-07-15T23:00:00Z',
    ];
    expect(await json(cwd, ...inTheNight)).toMatchObject({ decision: 'deny', rule: 'night/delete' });
    expect(await json(cwd, ...inTheNight, '--at', '2026-07-15T12:00:00Z')).toMatchObject({
      decision: 'hold',
    });
  });

  test('reads a long text from standard input', async () => {
    const cwd = await configured();
    const args = ['policy', 'explain', '--as', 'a', '--target', 'shop', '--sql', '-', '--json'];
    const { stdout } = await sallyport(args, { cwd, input: 'DELETE\nFROM app.orders' });
    expect(JSON.parse(stdout)).toMatchObject({ decision: 'hold', effects: ['delete'] });
  });

  test.each([
    [['--target', 'shap', '--sql', 'x'], 2, 'The config has no target "shap"; it has shop.'],
    [['--sql', 'x', '--listener', 'nobody'], 2, 'No listener "nobody" speaks postgres; there is pg.'],
    [['--sql', 'x', '--at', 'tomorrow'], 2, 'It must be a time such as'],
    [['--sql', 'x', '--claim', 'x'], 2, 'It must be name=value.'],
    [['--sql', 'x', '--source', 'home'], 2, 'It must be an IP address.'],
    [['--sql', 'x', '--kind', 'robot'], 2, 'Allowed choices are agent, workload, person.'],
    [[], 2, "required option '--text, --sql <text>' not specified"],
  ])('with %j is a mistake that is explained', async (args, status, told) => {
    const finished = await explain(await configured(), ...args);
    expect([finished.status, finished.stdout]).toEqual([status, '']);
    expect(finished.stderr).toContain(told);
  });

  test('says that the target cannot be reached', async () => {
    const cwd = await configured((text) => text.replace(`port: ${postgres.port}`, 'port: 9'));
    expect(await explain(cwd, '--sql', 'SELECT 1')).toMatchObject({
      status: 5,
      stderr: expect.stringMatching(/^error: Target shop cannot be reached: .*\nhint: A decision depends on/),
    });
  });

  test('says that the policies are broken', async () => {
    const cwd = await configured((text) => text.replace('outcome: allow', 'outcome: alow'));
    expect(await explain(cwd, '--sql', 'SELECT 1')).toEqual({
      status: 2,
      stdout: '',
      stderr:
        'error: sallyport.yaml cannot be used: 1 error\n' +
        'policies/shop.yaml:5:67: error: "outcome": "alow" is not an outcome; did you mean "allow"?\n',
    });
  });
});
