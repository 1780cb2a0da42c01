import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { AuditError } from './errors.ts';

export interface ChainLock {
  release(): void;
}

/** SQLITE_BUSY, https://www.sqlite.org/rescode.html#busy */
const busy = 5;

const isBusy = (thrown: unknown): boolean =>
  typeof thrown === 'object' && thrown !== null && 'errcode' in thrown && thrown.errcode === busy;

/**
 * Makes this process the only writer of a chain, until it releases the lock or dies, however it dies.
 *
 * Node has no flock; a file with a process id in it goes stale after kill -9 and means nothing to another container
 * on the same volume. SQLite holds the kernel's own lock (fcntl) on its file, so an empty database is the lock.
 * @throws AuditError `chain-locked`, `unavailable`
 */
export function lockChain(dir: string, chain: string): ChainLock {
  const path = join(dir, `${chain}.lock`);
  try {
    const database = new DatabaseSync(path, { timeout: 0 });
    try {
      // No journal: nothing is ever written, and none shall lie about after a crash.
      database.exec('PRAGMA journal_mode = OFF; BEGIN EXCLUSIVE');
    } catch (error) {
      database.close();
      throw error;
    }
    return { release: () => database.close() };
  } catch (cause) {
    if (isBusy(cause)) {
      throw new AuditError('chain-locked', `another process writes the trail's chain ${chain} (${path})`, {
        cause,
      });
    }
    throw new AuditError('unavailable', `the trail's lock ${path} cannot be taken`, { cause });
  }
}
