import { randomUUID } from 'node:crypto';
import { link, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Logger } from '../model/log.ts';
import { Secret } from '../model/secret.ts';
import { AuditError, systemCodeOf } from './errors.ts';
import { endorsementText, newPrivateKey, publicPem, type SigningKey, signingKey } from './signing.ts';

const privateName = 'trail.pem';
const publicName = (keyId: string): string => `trail-${keyId}.pub.pem`;
const publicNamePattern = /^trail-[0-9a-f]{32}\.pub\.pem$/;
const endorsementName = (keyId: string): string => `trail-${keyId}.endorsement.json`;

const endorsementSchema = z.object({ keyId: z.string(), signature: z.string() });
/** The former key's signature of its successor. */
export type Endorsement = z.infer<typeof endorsementSchema>;

export const keysFolder = (stateDir: string): string => join(stateDir, 'keys');

async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    if (systemCodeOf(cause) === 'ENOENT') return null;
    throw new AuditError('unavailable', `${path} cannot be read (${systemCodeOf(cause)})`, { cause });
  }
}

/** Puts a private key where the gateway looks for it. */
async function storeKey(
  dir: string,
  privatePem: string,
  put: (from: string, to: string) => Promise<void>,
): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  // Written beside and then put in place as a whole: nobody can read half a key.
  const unfinished = join(dir, `.${privateName}.${randomUUID()}`);
  try {
    await writeFile(unfinished, privatePem, { mode: 0o600, flush: true });
    await put(unfinished, join(dir, privateName));
  } finally {
    await rm(unfinished, { force: true });
  }
}

/** A link, not a rename: of two processes that start at once, one makes the key and both use it. */
async function putIfAbsent(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    if (systemCodeOf(error) !== 'EEXIST') throw error;
  }
}

/** The public part, beside the private one, for whoever verifies: whole at any moment, however many processes write it. */
async function publish(dir: string, key: SigningKey): Promise<void> {
  const unfinished = join(dir, `.${publicName(key.id)}.${randomUUID()}`);
  try {
    await writeFile(unfinished, publicPem(key.publicKey), { mode: 0o644 });
    await rename(unfinished, join(dir, publicName(key.id)));
  } finally {
    await rm(unfinished, { force: true });
  }
}

/**
 * The key that signs checkpoints: the configured one, or the one in the state folder, made when it is not there.
 * @throws AuditError `bad-key`, `unavailable`
 */
export async function loadSigningKey(
  stateDir: string,
  configured: Secret | null,
  log: Logger,
): Promise<SigningKey> {
  if (configured !== null) return signingKey(configured.reveal());
  const dir = keysFolder(stateDir);
  const path = join(dir, privateName);
  if ((await readIfThere(path)) === null) await storeKey(dir, newPrivateKey(), putIfAbsent);
  const pem = new Secret((await readIfThere(path)) ?? '');
  // Not refused: volumes of some container platforms set the group's bits by themselves.
  if (((await stat(path)).mode & 0o077) !== 0) {
    log.warn({ path }, "the trail's signing key can be read by others; chmod 600 it");
  }
  const key = signingKey(pem.reveal());
  await publish(dir, key);
  return key;
}

/**
 * Makes a new signing key in the state folder. The old one signs it and is gone: nobody can rewrite the old records
 * any more. Processes use the new key from their next start, and record the change in their segment's header.
 * @throws AuditError `bad-key`, `unavailable`
 */
export async function rotateSigningKey(stateDir: string): Promise<{ readonly keyId: string }> {
  const dir = keysFolder(stateDir);
  const former = await readIfThere(join(dir, privateName));
  if (former === null)
    throw new AuditError('unavailable', `there is no signing key in ${dir} to be replaced`);
  const formerKey = signingKey(former);
  const privatePem = newPrivateKey();
  const key = signingKey(privatePem);
  const endorsement: Endorsement = {
    keyId: formerKey.id,
    signature: formerKey.sign(endorsementText(key.publicKey)),
  };
  // The endorsement first: without it the new key would have nobody's word.
  await writeFile(join(dir, endorsementName(key.id)), `${JSON.stringify(endorsement)}\n`, { mode: 0o644 });
  await storeKey(dir, privatePem, rename);
  await publish(dir, key);
  return { keyId: key.id };
}

/** What `formerKeyId` said of this key; null when it could not be asked. @throws AuditError `unavailable` */
export async function readEndorsement(
  stateDir: string,
  keyId: string,
  formerKeyId: string,
): Promise<Endorsement | null> {
  const text = await readIfThere(join(keysFolder(stateDir), endorsementName(keyId)));
  if (text === null) return null;
  try {
    const endorsement = endorsementSchema.parse(JSON.parse(text));
    return endorsement.keyId === formerKeyId ? endorsement : null;
  } catch (cause) {
    throw new AuditError('unavailable', `the endorsement of key ${keyId} cannot be read`, { cause });
  }
}

/**
 * The public keys in the state folder, as PEM, for `verifyTrail`. They prove less than keys kept elsewhere: whoever
 * can replace the trail can mostly replace them.
 * @throws AuditError `unavailable`
 */
export async function readPublicKeys(stateDir: string): Promise<readonly string[]> {
  const dir = keysFolder(stateDir);
  let names: string[];
  try {
    names = await readdir(dir);
  } catch (cause) {
    if (systemCodeOf(cause) === 'ENOENT') return [];
    throw new AuditError('unavailable', `${dir} cannot be read (${systemCodeOf(cause)})`, { cause });
  }
  const keys = names.filter((name) => publicNamePattern.test(name));
  return Promise.all(keys.map((name) => readFile(join(dir, name), 'utf8')));
}
