import { randomUUID } from 'node:crypto';
import { chmod, lstat, mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { EnvoyError } from './errors.ts';
import { configFiles, type EnvoyConfig, isSecretFileName, secretFileName } from './render.ts';

/**
 * Makes the run folder, which only this user may enter.
 *
 * @throws EnvoyError `unsafe-run-dir` when somebody else made it: he could enter it whatever its mode
 */
export async function makeRunDir(runDir: string): Promise<void> {
  await mkdir(runDir, { recursive: true, mode: 0o700 });
  const found = await lstat(runDir);
  if (!found.isDirectory() || found.uid !== process.getuid?.()) {
    throw new EnvoyError(
      'unsafe-run-dir',
      `${runDir} is not a folder of the user that runs the gateway: remove it, or choose another state folder.`,
    );
  }
  await chmod(runDir, 0o700);
}

export type ConfigFile = keyof ReturnType<typeof configFiles>;

/** Lays Envoy's files into the run folder. A file that would not change is left alone; returns those that changed. */
export async function writeConfig(config: EnvoyConfig, runDir: string): Promise<readonly ConfigFile[]> {
  const files = configFiles(runDir);
  const changed: ConfigFile[] = [];
  // First what others lead to.
  for (const [name, text] of config.secrets) await replaceFile(join(runDir, secretFileName(name)), text);
  for (const name of ['bootstrap', 'clusters', 'routes', 'listeners'] as const) {
    if (await replaceFile(files[name], config[name])) changed.push(name);
  }
  return changed;
}

/** Takes away the keys of what is not in the config any more, once Envoy works by it. */
export async function removeOldSecrets(config: EnvoyConfig, runDir: string): Promise<void> {
  const wanted = new Set([...config.secrets.keys()].map(secretFileName));
  for (const file of await readdir(runDir)) {
    if (isSecretFileName(file) && !wanted.has(file)) await rm(join(runDir, file), { force: true });
  }
}

/** Replaces a file that only this user may read, unless it says the same already. */
export async function replaceFile(path: string, text: string): Promise<boolean> {
  if ((await readIfThere(path)) === text) return false;
  await writeByRename(path, text, 0o600);
  return true;
}

/** Rename is what Envoy watches for, and nobody ever reads, or runs, half a file. */
export async function writeByRename(path: string, content: string | Buffer, mode: number): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    const file = await open(temporary, 'wx', mode);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null; // what node:fs throws has a code
    throw error;
  }
}
