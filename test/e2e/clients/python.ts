import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Script, startScript } from './script.ts';

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

/** @param env with which the script finds its way */
export async function startPython(
  name: string,
  env: Readonly<Record<string, string>>,
  args: readonly string[] = [],
): Promise<Script> {
  const packages = { PYTHONPATH: await pythonPackages(), PYTHONDONTWRITEBYTECODE: '1' };
  return startScript('python3', [join(import.meta.dirname, name), ...args], { ...env, ...packages });
}
