import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { arch, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { program } from './cli.ts';

let folder: string;
/** An installed sallyport with a program that tells by which Node it was run. */
let root: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-bin-'));
  root = join(folder, 'work/packages/sallyport');
  put(
    'services/console/cli/main.ts',
    'console.log(process.env.RUN_BY, JSON.stringify(process.argv.slice(2)));\n',
  );
  cpSync(program, join(root, 'bin/sallyport'));
});

afterEach(() => rmSync(folder, { recursive: true }));

function put(path: string, text: string): string {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  return file;
}

/** A Node that says its name to the program, and is of a version of the test's choice. */
function putNode(path: string, name: string, version = process.version): string {
  const file = put(
    path,
    `#!/bin/sh\n[ "$1" = --version ] && echo ${version} && exit\nRUN_BY=${name} exec ${process.execPath} "$@"\n`,
  );
  chmodSync(file, 0o755);
  return dirname(file);
}

const pinned = `node-linux-${arch()}/bin/node`;

/** Programs that the script itself needs, and no Node. */
const tools = '/usr/bin:/bin';
function run(command: string, path: string, env: Readonly<Record<string, string>> = {}) {
  const onlyTools = mkdtempSync(join(folder, 'path-'));
  for (const tool of ['dirname', 'readlink', 'uname', 'mkdir']) {
    const found = tools.split(':').find((place) => statSync(join(place, tool), { throwIfNoEntry: false }));
    symlinkSync(join(found ?? '', tool), join(onlyTools, tool));
  }
  const { status, stdout, stderr } = spawnSync(command, ['holds', 'ls', 'a b'], {
    env: { PATH: `${path}:${onlyTools}`, ...env },
    encoding: 'utf8',
    cwd: '/',
  });
  return { status, stdout, stderr };
}

const ranBy = (name: string) => ({ status: 0, stdout: `${name} ["holds","ls","a b"]\n`, stderr: '' });

test('it takes the pinned Node, and not one on PATH', () => {
  putNode(`node_modules/${pinned}`, 'pinned');
  const other = putNode('elsewhere/node', 'other');
  expect(run(join(root, 'bin/sallyport'), other)).toEqual(ranBy('pinned'));
});

test.each(['..', '../..'])(
  'it takes the pinned Node of %s, where npm puts what a workspace shares',
  (above) => {
    putNode(`${above}/node_modules/${pinned}`, 'shared');
    expect(run(join(root, 'bin/sallyport'), '')).toEqual(ranBy('shared'));
  },
);

test('within node_modules, where Node does not run TypeScript, it says what to do', () => {
  root = join(folder, 'node_modules/sallyport');
  put('bin/none', '');
  cpSync(program, join(root, 'bin/sallyport'));
  expect(run(join(root, 'bin/sallyport'), '')).toEqual({
    status: 2,
    stdout: '',
    stderr: expect.stringMatching(/^error: sallyport cannot run from within node_modules .*\nhint: clone/),
  });
});

test('it follows symbolic links, relative ones as well', () => {
  putNode(`node_modules/${pinned}`, 'pinned');
  mkdirSync(join(folder, 'bin'));
  symlinkSync('../work/packages/sallyport/bin/sallyport', join(folder, 'bin/sallyport'));
  symlinkSync(join(folder, 'bin/sallyport'), join(folder, 'again'));
  expect(run(join(folder, 'again'), '')).toEqual(ranBy('pinned'));
});

test('without a pinned one it takes a Node of PATH that is new enough', () => {
  expect(run(join(root, 'bin/sallyport'), putNode('new/node', 'new', 'v24.0.0'))).toEqual(ranBy('new'));
});

test.each([
  ['an old one', 'v23.9.1'],
  ['one that says nothing', ''],
])('with %s it says what to do', (_, version) => {
  expect(run(join(root, 'bin/sallyport'), putNode('old/node', 'old', version))).toEqual({
    status: 2,
    stdout: '',
    stderr: `error: sallyport runs on Node 24 or later, and there is none here\nhint: run "npm ci" in ${root}, which installs one, or put Node 24 on PATH\n`,
  });
});

test('without any it says what to do', () => {
  expect(run(join(root, 'bin/sallyport'), '').status).toBe(2);
});

test('compiled code is kept in a folder of this user alone', () => {
  putNode(`node_modules/${pinned}`, 'pinned');
  put('services/console/cli/main.ts', 'console.log(process.env.NODE_COMPILE_CACHE ?? "none");\n');
  const cache = join(folder, 'cache');
  const told = (env: Readonly<Record<string, string>>): string =>
    run(join(root, 'bin/sallyport'), '', env).stdout.trim();
  expect(told({ XDG_CACHE_HOME: cache })).toBe(join(cache, 'sallyport/compile-cache'));
  expect(statSync(join(cache, 'sallyport')).mode & 0o777).toBe(0o700);
  expect(told({ HOME: folder })).toBe(join(folder, '.cache/sallyport/compile-cache'));
  expect(told({ XDG_CACHE_HOME: 'relative' })).toBe('none');
  expect(told({})).toBe('none');
  expect(told({ NODE_COMPILE_CACHE: join(folder, 'mine'), HOME: folder })).toBe(join(folder, 'mine'));
});

test('it is a script of POSIX sh', () => {
  expect(readFileSync(program, 'utf8')).toMatch(/^#!\/bin\/sh\n/);
  expect(spawnSync('/bin/sh', ['-n', program]).status).toBe(0);
});
