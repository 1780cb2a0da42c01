import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { start } from '../console/cli.ts';
import { TestGateway } from './gateway.ts';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await TestGateway.start();
}, 60_000);

afterAll(() => gateway[Symbol.asyncDispose]());

describe('psql', () => {
  test('shows masked rows and, for a refusal, what was refused and what would be allowed', async () => {
    const { stdout, stderr, status } = await gateway.psql(
      'SELECT name, email, card FROM users ORDER BY id;\nDROP TABLE users;\nSELECT count(*) FROM users;\n',
      '-At',
    ).finished;
    expect(status).toBe(0);
    expect(stdout).toBe(
      'Ada|a***@***.example|****1111\nBo|b***@***.example|****5559\nCleo|c***@***.example|\n3\n',
    );
    expect(stderr).toContain('ERROR:  42501: Refused: drop app.users on shop.');
    expect(stderr).toContain('DETAIL:  Rule: agents/no-ddl. Reason: denied-by-rule.');
    expect(stderr).toContain('HINT:  Ask the platform team. Here you may:');
  });

  test('shows the notice of a hold at once, and the result once it was approved', async () => {
    const psql = gateway.psql("UPDATE users SET name = 'Adele' WHERE id = 1;\n");
    const [, id = ''] = await psql.untilError(/NOTICE:.*Hold (h_[\w-]+)/);
    expect(psql.output).toBe('');
    const listed = await gateway.cli(['holds', 'ls']);
    expect(listed.stdout).toContain(id);
    expect(await gateway.cli(['holds', 'approve', id, '--reason', 'fine', '--yes'])).toMatchObject({
      status: 0,
    });
    const { stdout, stderr } = await psql.finished;
    expect(stdout).toBe('UPDATE 1\n');
    expect(stderr).toContain(`HINT:  To approve: sallyport holds approve ${id}`);
  });

  test('takes a hold back with Ctrl-C', async () => {
    const psql = gateway.psql("UPDATE users SET name = 'x' WHERE id = 2;\nSELECT 'still here';\n", '-At');
    const [, id = ''] = await psql.untilError(/NOTICE:.*Hold (h_[\w-]+)/);
    psql.process.kill('SIGINT');
    const { stdout } = await psql.finished;
    expect(stdout).not.toContain('UPDATE');
    const { stdout: shown } = await gateway.cli(['holds', 'show', id, '--json']);
    expect(JSON.parse(shown).state).toBe('withdrawn');
  });

  test.each(['text', 'csv', 'binary'])('COPY TO in %s is masked', async (format) => {
    const { stdout, status } = await gateway.psql(
      `COPY (SELECT name, email, card FROM app.users ORDER BY id) TO STDOUT (FORMAT ${format});\n`,
    ).finished;
    expect(status).toBe(0);
    expect(stdout).toContain('a***@***.example');
    expect(stdout).toContain('****5559');
    expect(stdout).not.toMatch(/ada@|4111 1111|0055/);
  });

  test('COPY of a whole table is masked', async () => {
    const { stdout } = await gateway.psql('COPY app.users TO STDOUT;\n').finished;
    expect(stdout.split('\n')[0]).toMatch(/^\d\t\w+\t[abc]\*\*\*@\*\*\*\.example\t(\*\*\*\*\d{4}|\\N)\t0$/);
  });

  test('COPY FROM STDIN loads rows', async () => {
    const { stdout, stderr } = await gateway.psql(
      'COPY app.orders (id, item) FROM STDIN;\n1001\tsaucer\n1002\tspoon\n\\.\nSELECT count(*) FROM orders WHERE id > 1000;\n',
      '-At',
    ).finished;
    expect(stderr).toBe('');
    expect(stdout).toBe('COPY 2\n2\n');
  });

  test('COPY to or from files and programs is refused', async () => {
    for (const text of ["COPY app.users TO '/tmp/x';", "COPY app.orders FROM PROGRAM 'id';"]) {
      const { stderr } = await gateway.psql(`${text}\n`).finished;
      expect(stderr).toContain('42501');
    }
  });

  test('several statements in one -c: one refusal refuses all', async () => {
    const { stdout, stderr } = await start(
      'psql',
      ['-X', '-At', '-c', 'INSERT INTO jobs (done) VALUES (true); TRUNCATE jobs'],
      { env: gateway.libpq() },
    ).finished;
    expect(stdout).toBe('');
    expect(stderr).toContain('truncate app.jobs');
  });

  test('a wrong password says what to do, and tells nothing of the token', async () => {
    const env = { ...gateway.libpq(), PGPASSWORD: 'hunter2-hunter2' };
    const { stderr, status } = await start('psql', ['-X', '-c', 'SELECT 1'], { env }).finished;
    expect(status).toBe(2);
    expect(stderr).toContain('FATAL');
    expect(stderr).toMatch(/token/);
    expect(stderr).not.toContain('hunter2');
  });
});

describe('pgbench', () => {
  const pgbench = (...args: readonly string[]) =>
    start('pgbench', [...args, 'shop'], { env: gateway.libpq() }).finished;
  const script = '\\set id random(1, 3)\nSELECT name, email FROM app.users WHERE id = :id;\n';

  test.each(['simple', 'extended', 'prepared'])('runs with the %s protocol', async (mode) => {
    const path = `${gateway.folder}/read.sql`;
    await writeFile(path, script);
    const { status, stdout, stderr } = await pgbench('-n', '-M', mode, '-c', '4', '-t', '100', '-f', path);
    expect(stderr).not.toMatch(/error|ERROR/);
    expect(status).toBe(0);
    expect(stdout).toContain('number of transactions actually processed: 400/400');
  });

  test('runs pipelines', async () => {
    const path = `${gateway.folder}/pipeline.sql`;
    await writeFile(
      path,
      '\\startpipeline\nSELECT 1;\nINSERT INTO app.jobs (done) VALUES (false);\nSELECT email FROM app.users WHERE id = 1;\n\\endpipeline\n',
    );
    const { status, stdout } = await pgbench('-n', '-M', 'prepared', '-c', '2', '-t', '50', '-f', path);
    expect(status).toBe(0);
    expect(stdout).toContain('number of transactions actually processed: 100/100');
  });
});
