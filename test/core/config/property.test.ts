import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseYamlDocument } from '../../../services/core/config/yaml-document.ts';
import type { ValuePath } from '../../../services/core/model/problem.ts';
import { full, smallest } from './configs.ts';
import { folderWith, loadIn } from './folder.ts';
import { fullEnv, fullFiles } from './full-config.ts';

let folder: string;

beforeAll(() => {
  folder = folderWith(fullFiles().files);
});

/** Whatever the text, there is an answer, and settings only without an error; each problem is somewhere in the file. */
function checkAnswer(text: string): void {
  writeFileSync(join(folder, 'sallyport.yaml'), text);
  const { settings, problems } = loadIn(folder, { env: fullEnv });
  const errors = problems.filter(({ severity }) => severity === 'error');
  expect(settings === null).toBe(errors.length > 0);
  const lines = text.split('\n');
  for (const { line, column, message } of problems) {
    expect(Number.isInteger(line) && line >= 1 && line <= lines.length + 1).toBe(true);
    expect(column >= 1 && column <= (lines[line - 1]?.length ?? 0) + 1).toBe(true);
    expect(message).not.toBe('');
  }
}

/** Characters that mean something to YAML, and a few that should not. */
const yamlish = fc.array(
  fc.constantFrom(
    ...':-?[]{},#&*!|>\'"%@` \t\n\r'.split(''),
    ...[
      'a',
      '1',
      '~',
      '<<',
      '---',
      '...',
      '\u0000',
      '\uFEFF',
      '\u2028',
      '💥',
      '\ud800',
      '__proto__',
      'null',
      '0x',
      '1e9',
    ],
    ...['gateway:', 'targets:', '- name: ', 'protocol: postgres', 'env:X', 'file:', '\n  ', '\n    - '],
  ),
  { maxLength: 200 },
);

test('no text makes it throw', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: 'binary', maxLength: 300 }),
        yamlish.map((parts) => parts.join('')),
      ),
      checkAnswer,
    ),
    { numRuns: 150 },
  );
});

/** A valid config with some pieces of it cut out, doubled, swapped or replaced. */
const mutated = fc
  .tuple(
    fc.constantFrom(smallest, full),
    fc.array(
      fc.record({
        at: fc.nat(2500),
        length: fc.nat(40),
        by: fc.oneof(
          yamlish.map((parts) => parts.slice(0, 5).join('')),
          fc.constantFrom('', '\n', ': ', '[]', '{}', '5', '-1'),
        ),
      }),
      { minLength: 1, maxLength: 4 },
    ),
  )
  .map(([text, edits]) =>
    edits.reduce<string>((mutant, { at, length, by }) => {
      const start = at % (mutant.length + 1);
      return mutant.slice(0, start) + by + mutant.slice(start + length);
    }, text),
  );

test('no mutant of a valid config makes it throw', () => {
  fc.assert(fc.property(mutated, checkAnswer), { numRuns: 100 });
});

/** One value of a valid config, by another of any kind. */
test('no value in the place of another makes it throw', () => {
  const document = parseYamlDocument('a.yaml', full).document?.value;
  const paths = pathsIn(document, []);
  const anything = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom(
      'env:X',
      'file:.',
      'file:/',
      'file:/dev/null',
      'file:tls/server.key',
      '*.yaml',
      '..',
      '9d',
      '1GiB',
    ),
  );
  fc.assert(
    fc.property(fc.constantFrom(...paths), anything, (path, value) => {
      checkAnswer(JSON.stringify(replaced(document, path, value)));
    }),
    { numRuns: 150 },
  );
});

test('nothing is left behind in the folder', () => {
  expect(readdirSync(folder).toSorted()).toEqual(['policies', 'sallyport.yaml', 'secrets', 'tls']);
});

function pathsIn(value: unknown, path: ValuePath): readonly ValuePath[] {
  if (typeof value !== 'object' || value === null) return [path];
  const steps: readonly (readonly [string | number, unknown])[] = Array.isArray(value)
    ? [...value.entries()]
    : Object.entries(value);
  return [path, ...steps.flatMap(([step, inner]) => pathsIn(inner, [...path, step]))];
}

function replaced(value: unknown, path: ValuePath, by: unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return by;
  if (Array.isArray(value))
    return value.map((item, index) => (index === step ? replaced(item, rest, by) : item));
  if (typeof value !== 'object' || value === null) return value;
  return { ...value, [step]: replaced(Reflect.get(value, step), rest, by) };
}
