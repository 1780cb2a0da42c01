/** The demo, started as a newcomer starts it: `npm run demo`. */
import { chmod, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { plain, type RunOptions, root, start } from '../console/cli.ts';
import { envoyBinary } from '../servers/envoy.ts';

/** Fetching Envoy, where nothing has before, and a machine with other tests on it. */
const slowMs = 120_000;

/** The demo's folder of temporary files: what it leaves behind is found there. */
let folder: string;

beforeEach(async () => {
  await envoyBinary();
  folder = await mkdtemp(join(tmpdir(), 'sallyport-test-demo-'));
  // As root the demo's database runs as another user.
  await chmod(folder, 0o755);
}, 600_000);

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const environment = (): RunOptions => ({ env: { HOME: homedir(), TMPDIR: folder } });

/** Processes that have the folder in their command line or environment, but for the ones that npm leaves to die. */
async function processesOf(path: string): Promise<readonly string[]> {
  const ids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    ids.map(async (id) => {
      // A process that ends meanwhile has no files any more, and is not one that remains.
      const read = (name: string): Promise<string> => readFile(`/proc/${id}/${name}`, 'utf8').catch(() => '');
      const [line, env] = await Promise.all([read('cmdline'), read('environ')]);
      return `${line}${env}`.includes(path) ? [line.replaceAll('\0', ' ')] : [];
    }),
  );
  return found.flat();
}

async function expectNothingLeft(): Promise<void> {
  const untilMs = Date.now() + 5_000;
  let running = await processesOf(folder);
  // The watchers of children end when they are told, and nobody waits for that.
  while (running.length > 0 && Date.now() < untilMs) running = await processesOf(folder);
  expect(running).toEqual([]);
  expect(await readdir(folder)).toEqual([]);
}

/** In this order, with anything between: what a newcomer must get to see. */
const story = [
  'Sallyport stands between AI agents and what they touch.',
  '  [ok] Envoy 1.40.0',
  "  [ok] PostgreSQL 18.4 with a small shop's data",
  '  [ok] gateway, with Envoy listening on 127.0.0.1:',
  '  shop=> SELECT id, name, email, card, city FROM customers ORDER BY id;',
  '   id | name       | email            | card     | city',
  '   1  | Ada Park   | a***@***.example | ****1111 | Lisbon',
  '   4  | Dan Okoro  | d***@***.example | ****1117 | Lagos',
  '  shop=> DROP TABLE orders;',
  '  ERROR:  Refused: drop shop.orders on shop. Rule support-agent/no-ddl denies it: Agents do not',
  '  DETAIL:  Rule: support-agent/no-ddl. Reason: denied-by-rule.',
  '  HINT:  Write a migration and open a pull request.',
  '  shop=> SELECT * FROM hr.salaries;',
  '  ERROR:  Refused: select hr.salaries on shop.',
  "  shop=> UPDATE orders SET status = 'refunded' WHERE id = 2;",
  '  NOTICE:  Held by rule support-agent/change-orders: waiting for one person of group oncall.',
];

/** Every value of shop.sql that is nobody's business. */
const secret = /ada\.park|bo@lind|cleo\.marsh|dan@okoro|4111 1111|5500 0055|4012 8888|6011 1111|81000|67500/;

function expectInOrder(text: string, parts: readonly string[]): void {
  let at = 0;
  for (const part of parts) {
    const found = text.indexOf(part, at);
    expect(found < 0 ? `"${part}" is not in, or not after what is before it:\n${text}` : part).toBe(part);
    at = found + part.length;
  }
}

test(
  'npm run demo -- --once tells the whole story, and leaves nothing behind',
  async () => {
    const startedMs = performance.now();
    const { status, stdout, stderr } = await start('npm', ['run', 'demo', '--', '--once'], environment())
      .finished;
    expect({ status, stderr }).toEqual({ status: 0, stderr: expect.not.stringContaining('error') });
    expectInOrder(stdout, [
      ...story,
      '  $ sallyport holds approve h_',
      '    asked by     support-agent',
      "  1 │ UPDATE orders SET status = 'refunded' WHERE id = 2",
      '  Approved.',
      '  UPDATE 1',
      '   2  | kettle | 64.50 | refunded',
      '  $ sallyport trail verify',
      '  The trail is intact.',
      '  $ sallyport sessions replay s_',
      '   1  | Ada Park   | a***@***.example | ****1111 | Lisbon',
      '  -- refused by support-agent/no-ddl',
      '  -- held by support-agent/change-orders',
      'All of it was as told.',
      '  [ok] everything is stopped and removed',
    ]);
    expect(stdout).not.toMatch(secret);
    // No terminal, no colours: nothing but text.
    expect(stdout).not.toContain('\u001b');
    expect(performance.now() - startedMs).toBeLessThan(60_000);
    await expectNothingLeft();
  },
  slowMs,
);

test(
  'npm run demo stays up for a person, whose approval it tells, until Ctrl-C',
  async () => {
    const environmentOfTerminal = { TERM: 'xterm-256color', SHELL: '/bin/sh' };
    // `exec`, or the status would be that of the shell, which Ctrl-C ends as well.
    const demo = start('script', ['-qefc', 'exec npm run demo', '/dev/null'], {
      env: { ...environment().env, ...environmentOfTerminal },
    });
    await demo.until(/Ctrl-C stops everything/);
    const shown = plain(demo.output);
    expectInOrder(shown, [...story, 'Now it is your turn', `  cd ${root}`, '  PGPASSWORD=$(cat ']);
    expect(shown).not.toMatch(secret);

    const [approve = ''] = / {2}cd .*\n {2}export SALLYPORT_.*\n.*holds approve .*/.exec(shown) ?? [];
    const approved = await start('sh', ['-c', `set -e\n${approve} --yes`]).finished;
    expect(approved).toMatchObject({ status: 0, stdout: expect.stringContaining('Approved.') });
    await demo.until(/UPDATE 1.*refunded.*still up/s);

    const [psql = ''] = /PGPASSWORD=.* psql ".*"/.exec(shown) ?? [];
    const asAgent = await start('sh', ['-c', `${psql} -X -c 'SELECT upper(email) AS hidden FROM customers'`])
      .finished;
    expect(asAgent).toMatchObject({ status: 0, stdout: expect.stringContaining('********') });

    demo.write('\u0003');
    const { status, stdout } = await demo.finished;
    expect(plain(stdout)).toContain('[ok] everything is stopped and removed');
    expect(status).toBe(0);
    await expectNothingLeft();
  },
  slowMs,
);

test(
  'stopped while it still starts, by a signal to npm alone, it leaves nothing behind either',
  async () => {
    const demo = start('npm', ['run', 'demo'], environment());
    await demo.until(/\[ok\] Envoy/);
    demo.process.kill('SIGINT');
    expect(await demo.finished).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('everything is stopped and removed'),
      stderr: expect.not.stringContaining('error'),
    });
    await expectNothingLeft();
  },
  slowMs,
);

test('npm run demo says what to do when something is missing', async () => {
  const { env } = environment();
  const { status, stderr } = await start('npm', ['run', 'demo'], {
    env: { ...env, ENVOY_BIN: '/nonexistent/envoy' },
  }).finished;
  expect(status).toBe(1);
  expect(stderr).toMatch(/error: ENVOY_BIN is \/nonexistent\/envoy, and the gateway needs Envoy/);
  expect(stderr).not.toMatch(/^ {4}at /m);
  await expectNothingLeft();
});

test('npm run demo -- --help', async () => {
  const { status, stdout } = await start('npm', ['run', 'demo', '--', '--help'], environment()).finished;
  expect({ status, stdout }).toEqual({
    status: 0,
    stdout: expect.stringContaining('npm run demo -- --once'),
  });
  const unknown = await start('npm', ['run', 'demo', '--', '--twice'], environment()).finished;
  expect(unknown).toMatchObject({ status: 2, stderr: expect.stringContaining("Unknown option '--twice'") });
});
