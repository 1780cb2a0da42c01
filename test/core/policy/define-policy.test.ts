import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';

const root = join(import.meta.dirname, '../../..');

/** Compiles a file as an editor would, and gives the lines with an error. */
function linesWithErrors(source: string): readonly number[] {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-types-'));
  try {
    writeFileSync(join(folder, 'policy.ts'), source);
    writeFileSync(join(folder, 'package.json'), '{"type": "module"}');
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({
        extends: join(root, 'tsconfig.json'),
        compilerOptions: { typeRoots: [join(root, 'node_modules/@types')] },
        include: ['policy.ts'],
      }),
    );
    const tsc = join(root, 'node_modules/.bin/tsc');
    const { stdout } = spawnSync(tsc, ['--project', folder, '--pretty', 'false'], { encoding: 'utf8' });
    return [...stdout.matchAll(/policy\.ts\((\d+),\d+\): error/g)].map((match) => Number(match[1]));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const imports = `
import { definePolicy } from '${root}/services/core/policy/define-policy.ts';
import type { SqlWords } from '${root}/test/core/policy/words.ts';
`;

const lineOf = (source: string, marker: string): readonly number[] =>
  source.split('\n').flatMap((line, index) => (line.includes(marker) ? [index + 1] : []));

test('everything that a policy may say compiles', () => {
  const source = `${imports}
export default definePolicy<SqlWords>({
  name: 'shop',
  principals: [{ groups: ['agents'], kinds: ['agent'], claims: { level: [1, 'x', true] }, actingFor: ['alice'] }],
  targets: ['shop', 'shop-*'],
  rules: [
    { name: 'read', effects: ['select', 'call'], tables: ['app.*'], functions: ['app.f'], outcome: 'allow' },
    { name: 'all', effects: ['*'], opaque: ['unknown-function'], outcome: 'deny', message: 'no', hint: 'ask' },
    { name: 'code', opaque: ['procedural-code'], outcome: 'deny' },
    {
      name: 'change',
      effects: ['update'],
      times: { zone: 'Europe/Berlin', weekdays: ['mon'], from: '09:00', to: '17:00' },
      sources: ['10.0.0.0/8'],
      listeners: ['inside'],
      parameters: { 1: { oneOf: ['a', 1, null], matches: 'a.*', atLeast: 1, atMost: 2 } },
      outcome: 'hold',
      approval: { approvers: [{ groups: ['dba'] }], quorum: 2, within: '15m', mode: 'wait', wait: '2m', grant: { for: '1h', covers: 'rule' } },
    },
  ],
  masks: [{ fields: ['app.users.email'], detect: ['card'], with: 'email', inConditions: 'allow' }],
  limits: { rows: 5, bytes: '1MiB', commandsPerMinute: 60, session: '8h', idle: '15m' },
  record: { results: true },
});
export const untyped = definePolicy({ name: 'x', targets: ['*'], rules: [{ name: 'r', effects: ['get'], resources: ['pods'], outcome: 'allow' }] });
`;
  expect(linesWithErrors(source)).toEqual([]);
});

test('a typo is a compile error, on its line', () => {
  const source = `${imports}
export const good = definePolicy<SqlWords>({ name: 'x', targets: ['shop'] });
definePolicy<SqlWords>({ name: 'x', target: ['shop'] }); // wrong
definePolicy<SqlWords>({ name: 'x' }); // wrong
definePolicy<SqlWords>({
  name: 'x',
  targets: ['shop'],
  rules: [
    { name: 'a', effects: ['selct'], outcome: 'allow' }, // wrong
    { name: 'b', effects: ['select'], tabels: ['app.*'], outcome: 'allow' }, // wrong
    { name: 'c', effects: ['select'], tables: 'app.*', outcome: 'allow' }, // wrong
    { name: 'd', effects: ['select'], outcome: 'alow' }, // wrong
    { name: 'e', effects: ['select'] }, // wrong
    { name: 'f', effects: ['select'], outcome: 'hold' }, // wrong
    { name: 'g', outcome: 'allow' }, // wrong
    { name: 'h', opaque: ['unknown'], outcome: 'allow' }, // wrong
    { name: 'i', effects: ['select'], outcome: 'allow', message: 'x' }, // wrong
    { name: 'j', effects: ['select'], outcome: 'allow', times: { zone: 'UTC', weekdays: ['monday'] } }, // wrong
    { name: 'k', effects: ['select'], outcome: 'hold', approval: { approvers: [{}], within: '15 minutes' } }, // wrong
    { name: 'l', effects: ['select'], outcome: 'allow', principals: [{ group: ['x'] }] }, // wrong
  ],
  masks: [
    { fields: ['a.b.c'], with: 'emial' }, // wrong
    { detect: ['cards'], with: 'full' }, // wrong
  ],
  limits: { row: 5 }, // wrong
});
`;
  expect([...new Set(linesWithErrors(source))]).toEqual(lineOf(source, '// wrong'));
});
