import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { AuditError, systemCodeOf } from './errors.ts';

const notThere: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR']);

/**
 * SHA-256 of a file in hex; null when it is not there.
 * @throws AuditError `unavailable`
 */
export async function sha256OfFile(path: string): Promise<string | null> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(path)) hash.update(chunk);
  } catch (cause) {
    if (notThere.has(systemCodeOf(cause))) return null;
    throw new AuditError('unavailable', `${path} cannot be read (${systemCodeOf(cause)})`, { cause });
  }
  return hash.digest('hex');
}
