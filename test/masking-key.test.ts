import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { maskingKey } from '../services/masking-key.ts';

test('workers that start at once have one key, and so has whoever comes later', async () => {
  const stateDir = await mkdtemp(join(tmpdir(), 'sallyport-keys-'));
  const keys = await Promise.all(Array.from({ length: 20 }, () => maskingKey(stateDir)));
  keys.push(await maskingKey(stateDir));
  const bytes = keys.map((key) => key.export().toString('hex'));
  expect(new Set(bytes).size).toBe(1);
  expect(bytes[0]?.length).toBe(64);
  expect(await readdir(join(stateDir, 'keys'))).toEqual(['masking.key']);
  expect((await stat(join(stateDir, 'keys/masking.key'))).mode & 0o777).toBe(0o600);
  await rm(stateDir, { recursive: true });
});
