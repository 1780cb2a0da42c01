import { randomUUID } from 'node:crypto';
import { chmod, mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { z } from 'zod';
import { messageOf } from '../../core/model/errors.ts';
import { Secret } from '../../core/model/secret.ts';
import { CliError } from './errors.ts';
import { maxTokenFileBytes } from './limits.ts';
import { readWholeFile } from './read-file.ts';

/** The environment, of which this file reads HOME, SALLYPORT_HOME, SALLYPORT_TOKEN and XDG_CONFIG_HOME. */
type Environment = Readonly<Record<string, string | undefined>>;

export interface StoredToken {
  readonly issuer: string;
  readonly token: Secret;
  /** In milliseconds since the Unix epoch; null when the issuer did not say. */
  readonly expiresAtMs: number | null;
}

const fileSchema = z.strictObject({
  format: z.literal('sallyport-token-1'),
  issuer: z.string(),
  token: z.string().min(1),
  expiresAtMs: z.number().nullable(),
});

/** A folder of the person's own: SALLYPORT_HOME, or as the XDG Base Directory Specification says. */
export function homeFolder(env: Environment): string {
  const named = env['SALLYPORT_HOME'] ?? '';
  if (named !== '') return named;
  const xdg = env['XDG_CONFIG_HOME'] ?? '';
  return join(isAbsolute(xdg) ? xdg : join(env['HOME'] ?? homedir(), '.config'), 'sallyport');
}

export const tokenFile = (env: Environment): string => join(homeFolder(env), 'token.json');

/** @throws CliError */
export async function storeToken(
  env: Environment,
  { issuer, token, expiresAtMs }: StoredToken,
): Promise<string> {
  const folder = homeFolder(env);
  const path = tokenFile(env);
  const unfinished = `${path}.${randomUUID()}`;
  const text = JSON.stringify({ format: 'sallyport-token-1', issuer, token: token.reveal(), expiresAtMs });
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await chmod(folder, 0o700);
    await writeFile(unfinished, `${text}\n`, { mode: 0o600, flag: 'wx' });
    await rename(unfinished, path);
    return path;
  } catch (cause) {
    await rm(unfinished, { force: true });
    throw new CliError('failed', `The token cannot be kept in ${path}: ${messageOf(cause)}`, null, { cause });
  }
}

/** @returns whether there was one */
export async function forgetToken(env: Environment): Promise<boolean> {
  const path = tokenFile(env);
  const found = await stat(path).catch(() => null); // not there is what is wanted
  await rm(path, { force: true });
  return found !== null;
}

const logIn = 'Log in: sallyport login -c FILE';

/**
 * The person's token: SALLYPORT_TOKEN, or the one that `sallyport login` kept.
 * @throws CliError `not-permitted` when there is none that could be used
 */
export async function personToken(env: Environment, nowMs: number): Promise<Secret> {
  const given = env['SALLYPORT_TOKEN'] ?? '';
  if (given !== '') return new Secret(given);
  const path = tokenFile(env);
  const found = await stat(path).catch(() => null); // not there, or not to be seen: then nobody is logged in
  if (found === null) throw new CliError('not-permitted', 'You are not logged in.', logIn);
  if ((found.mode & 0o077) !== 0) {
    throw new CliError(
      'not-permitted',
      `Others on this machine can read your token in ${path}, so it is not used.`,
      `Log in again, or, if nobody has read it: chmod 600 ${path}`,
    );
  }
  const { token, expiresAtMs } = await readToken(path);
  if (expiresAtMs !== null && expiresAtMs <= nowMs) {
    throw new CliError(
      'not-permitted',
      `Your token expired at ${new Date(expiresAtMs).toISOString()}.`,
      logIn,
    );
  }
  return token;
}

async function readToken(path: string): Promise<StoredToken> {
  const text = await readWholeFile(path, maxTokenFileBytes);
  try {
    const { issuer, token, expiresAtMs } = fileSchema.parse(JSON.parse(text));
    return { issuer, token: new Secret(token), expiresAtMs };
  } catch (cause) {
    throw new CliError('not-permitted', `${path} is not a token file of this version.`, logIn, { cause });
  }
}
