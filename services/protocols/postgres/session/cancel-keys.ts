import { hash, randomBytes } from 'node:crypto';
import type { CancelKey } from '../wire/startup.ts';

/** Protocol 3.0 has room for four bytes; 3.2 for up to 256, of which PostgreSQL 18 uses 32. */
const secretBytesOf = (minor: number): number => (minor >= 2 ? 32 : 4);

/**
 * The keys that the gateway gives its clients: its own, random, and nothing to do with the target's. A CancelRequest with any
 * other is closed without a word, as PostgreSQL does.
 */
export class CancelKeys<Session> {
  readonly #sessions = new Map<string, Session>();

  issue(session: Session, minor: number): CancelKey {
    for (;;) {
      // The process id is a positive Int32 for clients that print it.
      const processId = randomBytes(4).readUInt32BE() & 0x7fffffff;
      const key = { processId, secret: randomBytes(secretBytesOf(minor)) };
      const digest = cancelKeyDigest(key);
      if (this.#sessions.has(digest)) continue;
      this.#sessions.set(digest, session);
      return key;
    }
  }

  find(digest: string): Session | undefined {
    return this.#sessions.get(digest);
  }

  revoke(key: CancelKey): void {
    this.#sessions.delete(cancelKeyDigest(key));
  }
}

/** What other gateway processes are told of a key: who hears it cannot send a CancelRequest with it. */
export const cancelKeyDigest = ({ processId, secret }: CancelKey): string =>
  hash('sha256', `${processId}.${secret.toString('hex')}`);
