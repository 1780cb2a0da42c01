import { chown, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { makeRunDir, removeOldSecrets, writeConfig } from '../../envoy/files.ts';
import { configFiles, renderConfig } from '../../envoy/render.ts';
import { gatewaySettings, listenerSettings, served } from '../servers/envoy.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-files-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const config = renderConfig(served(gatewaySettings(listenerSettings('pg'))), '/run');
const other = renderConfig(served(gatewaySettings(listenerSettings('pg', { maxConnections: 3 }))), '/run');

test('the run folder is made for this user alone, also when it was there', async () => {
  const runDir = join(folder, 'state/run');
  await makeRunDir(runDir);
  expect((await stat(runDir)).mode & 0o777).toBe(0o700);
  await makeRunDir(folder);
  expect((await stat(folder)).mode & 0o777).toBe(0o700);
});

test('what is not a folder of this user cannot be the run folder', async () => {
  const file = join(folder, 'file');
  await writeFile(file, '');
  await expect(makeRunDir(file)).rejects.toMatchObject({ code: 'EEXIST' });
  // Of another user: nobody's when we are root, root's when we are not.
  const foreign = join(folder, 'foreign');
  await makeRunDir(foreign);
  if (process.getuid?.() === 0) await chown(foreign, 65_534, 65_534);
  await expect(makeRunDir(process.getuid?.() === 0 ? foreign : '/')).rejects.toMatchObject({
    code: 'unsafe-run-dir',
  });
});

test('files are written whole, readable by this user alone, and nothing is left beside them', async () => {
  expect(await writeConfig(config, folder)).toEqual(['bootstrap', 'clusters', 'routes', 'listeners']);
  const files = configFiles(folder);
  expect(await readFile(files.listeners, 'utf8')).toBe(config.listeners);
  expect((await stat(files.bootstrap)).mode & 0o777).toBe(0o600);
  expect((await readdir(folder)).length).toBe(4);
});

test('keys have a file each, and it goes with what it was for', async () => {
  const withKeys = (names: readonly string[]) => ({
    ...config,
    secrets: new Map(names.map((name) => [name, `{"key of": "${name}"}`])),
  });
  await writeConfig(withKeys(['listener-a', 'target-b']), folder);
  expect((await stat(join(folder, 'envoy-secret-target-b.json'))).mode & 0o777).toBe(0o600);
  const now = withKeys(['listener-a']);
  await writeConfig(now, folder);
  await removeOldSecrets(now, folder);
  expect((await readdir(folder)).filter((name) => name.includes('secret'))).toEqual([
    'envoy-secret-listener-a.json',
  ]);
});

test('a file that would say the same is not touched, since Envoy takes each rename for news', async () => {
  await writeConfig(config, folder);
  const inode = async (path: string) => (await stat(path)).ino;
  const { clusters, listeners } = configFiles(folder);
  const before = await inode(listeners);
  expect(await writeConfig(config, folder)).toEqual([]);
  expect(await inode(listeners)).toBe(before);
  expect(await writeConfig({ ...config, listeners: other.listeners }, folder)).toEqual(['listeners']);
  expect(await inode(listeners)).not.toBe(before);
  expect(await readFile(clusters, 'utf8')).toBe(config.clusters);
});
