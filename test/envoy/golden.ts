import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';

const folder = join(import.meta.dirname, 'golden');

/** Compares with `golden/<name>.golden.json`; `UPDATE_GOLDEN=1 npm test -- test/envoy` writes them anew. */
export function expectGolden(name: string, text: string): void {
  const path = join(folder, `${name}.golden.json`);
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(path, text);
  expect(existsSync(path) ? readFileSync(path, 'utf8') : '').toBe(text);
}
