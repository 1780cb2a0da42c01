/**
 * Honest work meets no friction: what tools ask about a database, by an agent that may only read, with columns masked, gives what the
 * database itself gives. The policy is the one of examples/postgres-agents.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { root, start, startOnTerminal } from '../../console/cli.ts';
import { pythonPackages, startPython } from '../clients/python.ts';
import { TestGateway, targetPassword } from '../gateway.ts';
import { commands, refused } from './psql-commands.ts';
import { asked } from './queries.ts';

/** An agent that must not be stopped by the example's limits, which are about data. */
const examplePolicy = async (): Promise<string> =>
  (await readFile(join(root, 'examples/postgres-agents/policies/agents.yaml'), 'utf8'))
    .replace(/rows: .*/, 'rows: 100000')
    .replace(/commandsPerMinute: .*/, 'commandsPerMinute: 100000');

const groups = { groups: ['agents'] };

let gateway: TestGateway;
/** The same login, past the gateway. */
let direct: Readonly<Record<string, string>>;

beforeAll(async () => {
  [gateway] = await Promise.all([TestGateway.start({ policy: await examplePolicy() }), pythonPackages()]);
  const admin = await gateway.direct();
  await admin.query(await readFile(join(import.meta.dirname, 'objects.sql'), 'utf8'));
  await admin.end();
  direct = {
    PGHOST: '127.0.0.1',
    PGPORT: String(gateway.postgres.port),
    PGDATABASE: 'shop',
    PGUSER: 'gateway',
    PGPASSWORD: targetPassword,
    PGOPTIONS: '-c search_path="app",\\ "public",\\ pg_temp',
  };
}, 180_000);

afterAll(() => gateway[Symbol.asyncDispose]());

/** What psql prints for each command, errors among it. */
async function psql(
  env: Readonly<Record<string, string>>,
  typed: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const marker = '=== of the next command ===';
  const input = typed.map((command) => `\\echo '${marker}'\n${command}\n`).join('');
  const { stdout } = await start('sh', ['-c', 'psql -X 2>&1'], { env, input }).finished;
  const parts = stdout.split(`${marker}\n`).slice(1);
  return new Map(typed.map((command, at) => [command, parts[at] ?? '']));
}

test('psql’s backslash commands', async () => {
  const [through, past] = await Promise.all([psql(gateway.libpq(groups), commands), psql(direct, commands)]);
  expect(Object.fromEntries(through)).toEqual(Object.fromEntries(past));
  // Not two times nothing.
  expect(past.get('\\d app.users')).toContain('card');
}, 120_000);

test('the few of them that are refused', async () => {
  const through = await psql(gateway.libpq(groups), refused);
  for (const command of refused) expect(through.get(command)).toContain('Refused: select pg_catalog.');
});

/** Clears the line that was typed before. */
const ctrlU = '\x15';

test('psql’s tab completion', async () => {
  const env = { ...gateway.libpq(groups), TERM: 'dumb', PAGER: '' };
  const terminal = startOnTerminal('psql', ['-X'], { env });
  try {
    await terminal.until(/shop=> /);
    // One match each: psql asks the database, and writes out what is left of the name.
    for (const [typed, completed] of [
      ['SELECT id FROM app.us', 'app\\.users '],
      ['INSERT INTO app.ord', 'app\\.orders '],
      ['ALTER TYPE app.mo', 'app\\.mood '],
      ['REFRESH MATERIALIZED VIEW app.co', 'app\\.counts '],
      ['SET ROLE gate', 'gateway '],
    ] as const) {
      const seen = terminal.output.length;
      terminal.write(`${ctrlU}${typed}\t`);
      await terminal.until(new RegExp(`^[^]{${seen}}[^]*${completed}`));
    }
  } finally {
    terminal.process.kill();
    await terminal.finished;
  }
}, 30_000);

const tools = [...new Set(asked.map(({ tool }) => tool))];

async function answers(client: pg.Client, text: string): Promise<unknown> {
  try {
    const results = [await client.query({ text, rowMode: 'array' })].flat();
    return results.map(({ rows, fields }) => ({ rows, names: fields.map(({ name }) => name) }));
  } catch (error) {
    return String(error);
  }
}

test.each(tools)('%s', async (tool) => {
  const through = await gateway.connect({ claims: groups });
  const past = new pg.Client({
    ...{
      host: direct['PGHOST'],
      port: gateway.postgres.port,
      database: 'shop',
      options: direct['PGOPTIONS'],
    },
    ...{ user: 'gateway', password: targetPassword },
  });
  await past.connect();
  try {
    for (const { text } of asked.filter((question) => question.tool === tool)) {
      const expected = await answers(past, text);
      expect({ text, expected }).toEqual({ text, expected: expect.any(Array) });
      expect({ text, answered: await answers(through, text) }).toEqual({ text, answered: expected });
    }
  } finally {
    await Promise.all([through.end(), past.end()]);
  }
});

test('SQLAlchemy’s reflection', async () => {
  const [through, past] = await Promise.all(
    [gateway.libpq(groups), direct].map(async (env) =>
      (await startPython('sqlalchemy_client.py', env)).finished(),
    ),
  );
  expect(through).toEqual(past);
  expect(past).toMatchObject({
    rows: [
      [1, 'Ada', 1],
      [2, 'Bo', 1],
      [3, 'Cleo', 1],
    ],
  });
}, 60_000);

test('Django’s inspectdb', async () => {
  const [through, past] = await Promise.all(
    [gateway.libpq(groups), direct].map(async (env) =>
      (await startPython('django_client.py', env)).finished(),
    ),
  );
  expect(through).toEqual(past);
  expect(past).toMatchObject({ models: expect.stringContaining('class Misc(models.Model)') });
}, 60_000);
