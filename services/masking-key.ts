import { createSecretKey, type KeyObject, randomBytes, randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const folderOf = (stateDir: string): string => join(stateDir, 'keys');
const fileName = 'masking.key';

/** 256 bits, made once and kept: pseudonyms must be the same after a restart, and in all workers. */
export async function maskingKey(stateDir: string): Promise<KeyObject> {
  const folder = folderOf(stateDir);
  const path = join(folder, fileName);
  const kept = await readFile(path, 'utf8').catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  });
  if (kept === null) await make(folder, path);
  return createSecretKey(Buffer.from(kept ?? (await readFile(path, 'utf8')), 'base64'));
}

/** Null where no gateway has made it here yet, or whoever asks may not read it. */
export async function keptMaskingKey(stateDir: string): Promise<KeyObject | null> {
  try {
    return createSecretKey(Buffer.from(await readFile(join(folderOf(stateDir), fileName), 'utf8'), 'base64'));
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'EACCES') return null;
    throw error;
  }
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
