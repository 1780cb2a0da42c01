import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { isServed } from '../envoy/client.ts';
import { envoyBinary } from '../servers/envoy.ts';
import { type Running, start } from './cli.ts';

let binary: string;
let folder: string;
let running: Running | null;

beforeAll(async () => {
  binary = await envoyBinary();
}, 600_000);

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-up-'));
  await writeFile(join(folder, 'listeners'), 'pg');
  running = null;
});

afterEach(async () => {
  running?.process.kill('SIGKILL');
  await running?.finished;
  await rm(folder, { recursive: true, force: true });
});

const supervise = async (behaviour = 'well', workers = 1): Promise<Running> => {
  await writeFile(join(folder, 'behaviour'), behaviour);
  const script = join(import.meta.dirname, 'supervisor-process.ts');
  running = start(process.execPath, [script, folder, binary, String(workers)], {
    env: { PATH: process.env['PATH'] ?? '' },
  });
  return running;
};

interface Up {
  readonly gateway: number;
  readonly envoy: number;
  readonly port: number;
}

const up = async (run: Running): Promise<Up> => {
  const [line] = await run.until(/^\{"what":"up".*$/m);
  return JSON.parse(line);
};

const life = async (): Promise<readonly string[]> =>
  (await readFile(join(folder, 'life'), 'utf8')).trimEnd().split('\n');

const lives = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    // ESRCH: there is no such process.
    return false;
  }
};

/** The kernel announces no death of a process that is nobody's child here, so it is asked again and again. */
const gone = async (pid: number): Promise<void> => {
  while (lives(pid)) await new Promise((resolve) => setImmediate(resolve));
};

test('the gateway process and Envoy are started, and stopped in order', async () => {
  const run = await supervise();
  const { gateway, envoy, port } = await up(run);
  expect(await isServed(port)).toBe(true);
  run.process.kill('SIGTERM');
  await run.until(/"what":"stopped"/);
  expect((await run.finished).status).toBe(0);
  expect([lives(gateway), lives(envoy)]).toEqual([false, false]);
  expect(await life()).toEqual([`started ${gateway}`, 'stop']);
});

test('a gateway process that dies is started again, and Envoy lives on', async () => {
  const run = await supervise();
  const { gateway, envoy, port } = await up(run);
  process.kill(gateway, 'SIGKILL');
  await run.until(/the gateway process ended, and is started again/);
  await run.until(/the gateway process is ready[\s\S]*the gateway process is ready/);
  expect(lives(envoy)).toBe(true);
  while (!(await isServed(port))) await new Promise((resolve) => setImmediate(resolve));
  const [, again = ''] = await life();
  expect(again).toMatch(/^started \d+$/);
  expect(again).not.toBe(`started ${gateway}`);
});

test('nothing is left behind by a supervisor that is killed', async () => {
  const run = await supervise();
  const { gateway, envoy } = await up(run);
  run.process.kill('SIGKILL');
  await gone(gateway);
  await gone(envoy);
  expect(await life()).toEqual([`started ${gateway}`, 'disconnected']);
});

test('a reload reaches the gateway process, and Envoy follows', async () => {
  const run = await supervise();
  const { envoy } = await up(run);
  await writeFile(join(folder, 'listeners'), 'pg other');
  run.process.kill('SIGHUP');
  const [line] = await run.until(/^.*"Envoy works by the config as it is now".*$/m);
  expect(Object.keys(JSON.parse(line).listeners).sort()).toEqual(['other', 'pg']);
  expect(lives(envoy)).toBe(true);
});

test('a gateway process that cannot start is told of, with its reasons, and nothing is left', async () => {
  const failed = JSON.parse((await (await supervise('fails')).until(/^.*"what":"failed".*$/m))[0]);
  expect(failed).toMatchObject({
    error: expect.stringContaining('The gateway process did not start: it ended: exit status 2.'),
    problems: ['sallyport.yaml:1:1: error: nothing is right'],
  });
  expect((await running?.finished)?.status).toBe(0);
  const died = JSON.parse((await (await supervise('dies')).until(/^.*"what":"failed".*$/m))[0]);
  expect(died).toMatchObject({ error: expect.stringContaining('exit status 9'), problems: [] });
});

test('one that does not stop is made to when the person hurries', async () => {
  const run = await supervise('deaf');
  const { gateway } = await up(run);
  run.process.kill('SIGTERM');
  while (!(await life()).includes('stop')) await new Promise((resolve) => setImmediate(resolve));
  expect(lives(gateway)).toBe(true);
  run.process.kill('SIGINT');
  await run.until(/"what":"stopped"/);
  expect((await life()).slice(1)).toEqual(['stop', 'SIGTERM']);
});

test('told to stop while it starts, it stops', async () => {
  const run = await supervise();
  const begun = async (): Promise<boolean> =>
    (await readFile(join(folder, 'life'), 'utf8').catch(() => '')) !== '';
  while (!(await begun())) await new Promise((resolve) => setImmediate(resolve));
  run.process.kill('SIGTERM');
  const { status, stdout } = await run.finished;
  expect(status).toBe(0);
  expect(stdout).toMatch(/It was stopped before it was up|"what":"stopped"/);
  const [first = ''] = await life();
  expect(lives(Number(first.split(' ')[1]))).toBe(false);
});

test('of several gateway processes each may die alone, and all are stopped', async () => {
  const run = await supervise('well', 3);
  const [line] = await run.until(/^\{"what":"up".*$/m);
  const { gateway, port }: { gateway: readonly number[]; port: number } = JSON.parse(line);
  expect(gateway.length).toBe(3);
  const [first = 0, second = 0, third = 0] = gateway;
  process.kill(second, 'SIGKILL');
  await run.until(/the gateway process ended, and is started again/);
  // Two others are there, whatever Envoy has noticed.
  for (let tries = 0; tries < 20; tries += 1) expect(await isServed(port)).toBe(true);
  await run.until(/(?:the gateway process is ready[\s\S]*){4}/);
  expect([first, second, third].map(lives)).toEqual([true, false, true]);
  run.process.kill('SIGHUP');
  const reloads = async (): Promise<number> => (await life()).filter((word) => word === 'reload').length;
  while ((await reloads()) < 3) await new Promise((resolve) => setImmediate(resolve));
  run.process.kill('SIGTERM');
  await run.until(/"what":"stopped"/);
  await run.finished;
  const started = (await life())
    .filter((word) => word.startsWith('started'))
    .map((word) => Number(word.slice(8)));
  expect(started.length).toBe(4);
  expect(started.map(lives)).toEqual([false, false, false, false]);
  expect((await life()).filter((word) => word === 'stop').length).toBe(3);
});

test('one of several that cannot start is told of, and the others are ended', async () => {
  const run = await supervise('2 dies', 3);
  const [line] = await run.until(/^.*"what":"failed".*$/m);
  expect(JSON.parse(line)).toMatchObject({ error: expect.stringContaining('exit status 9') });
  await run.finished;
  const started = (await life())
    .filter((word) => word.startsWith('started'))
    .map((word) => Number(word.slice(8)));
  expect(started.map(lives)).toEqual([false, false, false]);
});
