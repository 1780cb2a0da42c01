import { createSecretKey, type KeyObject, randomBytes, randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** 256 bits, made once and kept: pseudonyms must be the same after a restart, and in all workers. */
export async function maskingKey(stateDir: string): Promise<KeyObject> {
  const folder = join(stateDir, 'keys');
  const path = join(folder, 'masking.key');
  const kept = await readFile(path, 'utf8').catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  });
  if (kept === null) await make(folder, path);
  return createSecretKey(Buffer.from(kept ?? (await readFile(path, 'utf8')), 'base64'));
}

/** Written beside and then linked, as a whole: of workers that start at once one makes the key, and nobody reads half of it. */
async function make(folder: string, path: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const unfinished = join(folder, `.masking.key.${randomUUID()}`);
  try {
    await writeFile(unfinished, randomBytes(32).toString('base64'), { mode: 0o600, flush: true });
    await link(unfinished, path);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  } finally {
    await rm(unfinished, { force: true });
  }
}

const codeOf = (thrown: unknown): unknown =>
  typeof thrown === 'object' && thrown !== null && 'code' in thrown ? thrown.code : undefined;
