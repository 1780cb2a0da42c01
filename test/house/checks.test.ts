import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';

const root = join(import.meta.dirname, '../..');
const run = (command: string, ...args: string[]) =>
  spawnSync(join(root, 'node_modules/.bin', command), args, { cwd: root, encoding: 'utf8' });

test('the types hold', () => {
  const { stdout, status } = run('tsc', '--noEmit');
  expect(stdout).toBe('');
  expect(status).toBe(0);
});

test('the code is in the house style', () => {
  const { stdout, stderr, status } = run('biome', 'check', '.');
  expect({ status, report: status === 0 ? '' : stdout + stderr }).toEqual({ status: 0, report: '' });
});
