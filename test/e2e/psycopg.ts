import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Running, start } from '../console/cli.ts';

const run = promisify(execFile);

/** The binary wheel brings a libpq 18 of its own, where Debian's is older: its newer ways to connect can be tried by it. */
const packages = ['psycopg==3.3.9', 'psycopg-binary==3.3.9', 'typing-extensions==4.15.0'];

/** Fetched once for this user; gives the folder for PYTHONPATH. */
async function fetched(): Promise<string> {
  const cache = join(homedir(), '.cache/sallyport');
  const folder = join(cache, `python-${packages.join('-')}`.replaceAll('=', ''));
  if ((await stat(folder).catch(() => null)) !== null) return folder;
  await mkdir(cache, { recursive: true });
  const fetching = await mkdtemp(join(cache, 'python-'));
  const install = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps'];
  await run('python3', [...install, '--only-binary', ':all:', '--target', fetching, ...packages]).catch(
    (cause: unknown) => {
      throw new Error('this test needs psycopg from PyPI: apt-get install python3-pip', { cause });
    },
  );
  // Another test may have been quicker.
  await rename(fetching, folder).catch(() => rm(fetching, { recursive: true, force: true }));
  return folder;
}

/** Runs a script that may `import psycopg`; libpq reads its settings from the environment. */
export async function psycopg(script: string, env: Readonly<Record<string, string>>): Promise<Running> {
  return start('python3', ['-c', script], { env: { ...env, PYTHONPATH: await fetched() } });
}
