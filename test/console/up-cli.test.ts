import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { isServed } from '../envoy/client.ts';
import { envoyBinary } from '../servers/envoy.ts';
import { program, type Running, sallyport, start } from './cli.ts';

let folder: string;
let running: Running | null;

const config = `gateway:
  stateDir: state
  listeners:
    - {name: pg, protocol: postgres, port: 0}
identity:
  issuers:
    - {name: company, url: "https://login.example.com", audience: sallyport}
targets:
  - {name: shop, protocol: postgres, host: 127.0.0.1, database: shop, user: gateway}
policies: [policies/*.yaml]
`;

beforeAll(async () => {
  await envoyBinary();
}, 600_000);

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-up-cli-'));
  await mkdir(join(folder, 'policies'));
  await writeFile(join(folder, 'sallyport.yaml'), config);
  await writeFile(join(folder, 'policies/shop.yaml'), 'policies: [{name: shop, targets: [shop]}]\n');
  await writeFile(join(folder, 'behaviour'), 'well');
  running = null;
});

afterEach(async () => {
  running?.process.kill('SIGKILL');
  await running?.finished;
  await rm(folder, { recursive: true, force: true });
});

/** The person's own cache, where Envoy has been fetched to. */
const env = { HOME: homedir() };
const standIn = join(import.meta.dirname, 'stand-in-gateway.ts');

const up = (...more: string[]): Running => {
  running = start(program, ['up', '--gateway', standIn, ...more], { cwd: folder, env });
  return running;
};

const life = async (): Promise<string> => readFile(join(folder, 'life'), 'utf8').catch(() => '');

test('it tells where its listeners are, and stops when it is told to', async () => {
  const run = up();
  const [, port = ''] = await run.until(
    /^The gateway is up\.\n {2}pg {2}postgres on 127\.0\.0\.1:(\d+) {2}-> {2}shop$/m,
  );
  expect(await isServed(Number(port))).toBe(true);
  expect((await stat(join(folder, 'state/run'))).mode & 0o777).toBe(0o700);
  run.process.kill('SIGHUP');
  while (!(await life()).includes('reload')) await new Promise((resolve) => setImmediate(resolve));
  run.process.kill('SIGINT');
  const { status, stderr } = await run.finished;
  expect(status).toBe(0);
  expect(stderr).toContain('Stopping …\n');
  expect(await life()).toMatch(/^started \d+\nreload\nstop\n$/);
  // Standard error is no terminal here: but for what is said to the person, every line is JSON.
  const lines = stderr.split('\n').filter((line) => line.startsWith('{'));
  expect(lines.map((line) => JSON.parse(line).msg)).toContain('the gateway process is ready');
});

test('a change of the config reaches Envoy when the gateway process has taken it', async () => {
  const run = up();
  await run.until(/The gateway is up/);
  await writeFile(
    join(folder, 'sallyport.yaml'),
    config.replace('port: 0}', 'port: 0}\n    - {name: other, protocol: postgres, port: 0}'),
  );
  run.process.kill('SIGHUP');
  const listeners = async (): Promise<string> =>
    readFile(join(folder, 'state/run/envoy-listeners.json'), 'utf8');
  while (!(await listeners()).includes('"other"')) await new Promise((resolve) => setImmediate(resolve));
  run.process.kill('SIGTERM');
  expect((await run.finished).status).toBe(0);
});

test('a broken config is told of, and nothing is started', async () => {
  await writeFile(join(folder, 'sallyport.yaml'), config.replace('port: 0', 'port: x'));
  await writeFile(join(folder, 'policies/shop.yaml'), 'policies: [{name: shop, targets: [shap]}]\n');
  expect(await sallyport(['up', '--gateway', standIn], { cwd: folder, env })).toEqual({
    status: 2,
    stdout: '',
    stderr: `error: sallyport.yaml cannot be used: 2 errors
sallyport.yaml:4:44: error: gateway.listeners[0].port: must be a number
policies/shop.yaml:1:35: error: "shap" is not a target of the config; did you mean "shop"?
`,
  });
  expect(await life()).toBe('');
});

test('a gateway process that cannot start is told of, with its reasons', async () => {
  await writeFile(join(folder, 'behaviour'), 'fails');
  expect(await sallyport(['up', '--gateway', standIn, '--log-level', 'error'], { cwd: folder, env })).toEqual(
    {
      status: 2,
      stdout: '',
      stderr: `error: The gateway process did not start: it ended: exit status 2.
sallyport.yaml:1:1: error: nothing is right
hint: Its log above may say more.
`,
    },
  );
  expect(await life()).toContain('logs error');
});

test('a second gateway of the same state folder is refused, and the first goes on', async () => {
  const run = up();
  const [, port = ''] = await run.until(/on 127\.0\.0\.1:(\d+)/);
  const second = await sallyport(['up', '--gateway', standIn], { cwd: folder, env });
  expect(second.status).not.toBe(0);
  expect(second.stdout).toBe('');
  expect(await isServed(Number(port))).toBe(true);
});
