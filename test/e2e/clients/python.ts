import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Running, start } from '../../console/cli.ts';
import type { TestGateway } from '../gateway.ts';

const run = promisify(execFile);
const requirements = join(import.meta.dirname, 'requirements.txt');

/**
 * The folder with the pinned packages, installed on the first use on this machine. `--target` and no venv: Debian's Python comes
 * without the means to make one.
 */
export async function pythonPackages(): Promise<string> {
  const { stdout: version } = await run('python3', ['-V']);
  const hash = createHash('sha256')
    .update(version)
    .update(await readFile(requirements));
  const parent = join(homedir(), '.cache/sallyport');
  const folder = join(parent, `python-${hash.digest('hex').slice(0, 16)}`);
  if (existsSync(folder)) return folder;
  await mkdir(parent, { recursive: true });
  const unfinished = await mkdtemp(`${folder}-`);
  const options = [
    '--quiet',
    '--disable-pip-version-check',
    '--no-input',
    '--only-binary=:all:',
    '--no-deps',
  ];
  await run(
    'python3',
    ['-m', 'pip', 'install', ...options, '--require-hashes', '-r', requirements, '--target', unfinished],
    // Whatever cannot be fetched says so; nothing waits for an answer.
    { timeout: 120_000 },
  );
  try {
    await rename(unfinished, folder);
  } catch (error) {
    // Another test run has put its own there meanwhile.
    await rm(unfinished, { recursive: true });
    if (!existsSync(folder)) throw error;
  }
  return folder;
}

/** What a script prints (steps.py): what each step saw, laid over each other. */
export type Steps = Readonly<Record<string, unknown>>;

export interface Script {
  readonly running: Running;
  /** The nth hold that it was told of. */
  held(count: number): Promise<string>;
  /** Until it says that it waits for this; then `go`. */
  waits(what: string): Promise<void>;
  go(): void;
  /** What all its steps saw. Rejects when it fails. */
  finished(): Promise<Steps>;
}

export async function startScript(gateway: TestGateway, name: string): Promise<Script> {
  const env = { ...gateway.libpq(), PYTHONPATH: await pythonPackages(), PYTHONDONTWRITEBYTECODE: '1' };
  const running = start('python3', [join(import.meta.dirname, name)], { env });
  return {
    running,
    async held(count) {
      await running.until(new RegExp(`(?:"held": "[^"]*"[^]*?){${count}}`));
      return [...running.output.matchAll(/"held": "([^"]*)"/g)][count - 1]?.[1] ?? '';
    },
    async waits(what) {
      await running.until(new RegExp(`"waits": "${what}"`));
    },
    go: () => running.write('\n'),
    async finished() {
      const { status, stdout, stderr } = await running.finished;
      if (status !== 0) throw new Error(`${name} ended with status ${status}:\n${stdout}${stderr}`);
      const lines = stdout.trim().split('\n');
      return Object.assign({}, ...lines.map((line) => JSON.parse(line)));
    },
  };
}
