import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import {
  parseYamlDocument,
  type ReadYaml,
  readYamlDocument,
} from '../../../services/core/config/yaml-document.ts';
import type { ValuePath } from '../../../services/core/model/problem.ts';
import { folderWith } from './folder.ts';

const parse = (text: string): ReadYaml => parseYamlDocument('a.yaml', text);
const told = ({ problems }: ReadYaml): readonly string[] =>
  problems.map(({ line, column, message }) => `${line}:${column} ${message}`);

describe('values', () => {
  const cases: readonly (readonly [string, string, unknown])[] = [
    ['nothing', '', null],
    ['only a comment', '# hello\n', null],
    [
      'text, numbers, booleans, null',
      'a: [x, 1, 1.5, true, null, ~, ""]',
      { a: ['x', 1, 1.5, true, null, null, ''] },
    ],
    ['YAML 1.1’s booleans are text', 'a: [yes, no, on, off, y]', { a: ['yes', 'no', 'on', 'off', 'y'] }],
    ['keys are always text', '1: a\ntrue: b\nnull: c', { '1': 'a', true: 'b', null: 'c' }],
    ['Norway', 'countries: [no, se]', { countries: ['no', 'se'] }],
    [
      'times and versions are text',
      'a: [12:30:00, 2026-01-01, 1.2.3]',
      { a: ['12:30:00', '2026-01-01', '1.2.3'] },
    ],
    ['aliases', 'a: &x {b: [1]}\nc: *x', { a: { b: [1] }, c: { b: [1] } }],
    ['an alias means the last anchor above it', '- &x 1\n- *x\n- &x 2\n- *x', [1, 1, 2, 2]],
    ['keys of Object.prototype', 'constructor: 1\ntoString: 2', { constructor: 1, toString: 2 }],
    ['a byte order mark', '\uFEFFa: 1', { a: 1 }],
    ['CRLF', 'a: 1\r\nb:\r\n  - 2\r\n', { a: 1, b: [2] }],
    ['block text', 'a: |\n  x\n  y\n', { a: 'x\ny\n' }],
  ];
  test.each(cases)('%s', (_, text, value) => {
    const { document, problems } = parse(text);
    expect(problems).toEqual([]);
    expect(document?.value).toEqual(value);
  });
});

describe('places', () => {
  const text = `\
a:
  b: 1
  list:
    - x
    - name: y
      empty:
common: &common
  port: 5
copy: *common
"quoted key": z
flow: {k: [1, {deep: 2}]}
`;
  const { document } = parse(text);
  const cases: readonly (readonly [ValuePath, string, string])[] = [
    [[], '1:1', '1:1'],
    [['a'], '2:3', '1:1'],
    [['a', 'b'], '2:6', '2:3'],
    [['a', 'list'], '4:5', '3:3'],
    [['a', 'list', 0], '4:7', '4:7'],
    [['a', 'list', 1], '5:7', '5:7'],
    [['a', 'list', 1, 'name'], '5:13', '5:7'],
    // An empty value is where its key is.
    [['a', 'list', 1, 'empty'], '6:7', '6:7'],
    // What is not there: the nearest parent.
    [['a', 'list', 9], '4:5', '3:3'],
    [['a', 'list', 1, 'other', 'deeper'], '5:7', '5:7'],
    [['a', 'b', 'c'], '2:6', '2:3'],
    // An alias is where it stands; what is in it is where it was written.
    [['copy'], '9:7', '9:1'],
    [['copy', 'port'], '8:9', '8:3'],
    [['quoted key'], '10:15', '10:1'],
    [['flow', 'k', 1, 'deep'], '11:22', '11:16'],
  ];
  test.each(cases)('%j', (path, value, key) => {
    const at = (place: { line: number; column: number } | undefined) => `${place?.line}:${place?.column}`;
    expect(at(document?.locate(path))).toBe(value);
    expect(at(document?.locateKey(path))).toBe(key);
  });

  test('in an empty file', () => {
    expect(parse('').document?.locate(['a', 0])).toEqual({ line: 1, column: 1 });
  });
});

describe('what is not YAML, or not the YAML that is used here', () => {
  const cases: readonly (readonly [string, string, readonly string[]])[] = [
    ['an open quote', 'a: "x\n', ['2:1 Missing closing "quote.']],
    ['an open bracket', 'a: [1, 2\nb: 3\n', ['2:1 The indentation does not fit the lines above.']],
    ['a tab', 'a:\n\tb: 1\n', ['2:1 Lines are indented by spaces, not by tabs.']],
    [
      'two keys on a line',
      'a: b: c\n',
      ['1:4 There are two keys on one line. Text with ": " in it must be quoted.'],
    ],
    ['@', 'a: @x\n', ['1:4 Text that begins with this character must be quoted.']],
    [
      'a bad escape',
      'a: "\\q"\n',
      [
        '1:5 This is not an escape that double quotes know. Use single quotes, or write \\\\ for a backslash.',
      ],
    ],
    ['a key twice', 'a: 1\nb: 2\na: 3\n', ['3:1 The key "a" stands in this section already.']],
    [
      'a key twice, spelled differently',
      '"a": 1\na: 2\n? a\n: 3\n',
      ['2:1 The key "a" stands in this section already.', '3:3 The key "a" stands in this section already.'],
    ],
    ['a list as a key', '? [a]\n: 1\n', ['1:3 A key must be plain text.']],
    [
      'a merge key',
      'a: &x {b: 1}\nc:\n  <<: *x\n',
      ['3:3 Merge keys (<<) are not part of YAML 1.2, and not used here: write the keys out.'],
    ],
    [
      'a tag of one’s own',
      'a: !foo x\n',
      ['1:4 Tags (!name) are not used here: write the value without one.'],
    ],
    [
      'a tag of YAML’s',
      'a: !!binary aGVsbG8=\n',
      ['1:4 Tags (!name) are not used here: write the value without one.'],
    ],
    [
      'a tag that cannot be',
      'a: !!int x\nb: !!map [x]\n',
      [
        '1:4 Tags (!name) are not used here: write the value without one.',
        '2:4 Tags (!name) are not used here: write the value without one.',
      ],
    ],
    [
      'YAML 1.1',
      '%YAML 1.1\n---\na: yes\n',
      ['1:1 Directives (a line that begins with %) are not used here; the file is read as YAML 1.2.'],
    ],
    ['two documents', 'a: 1\n---\nb: 2\n', ['2:1 A second document begins here; a file holds one.']],
    [
      'an unknown alias',
      'a: *nobody\n',
      ['1:4 No anchor of this name stands above. Text that begins with * must be quoted.'],
    ],
    [
      'an alias before its anchor',
      'a: *x\nb: &x 1\n',
      ['1:4 No anchor of this name stands above. Text that begins with * must be quoted.'],
    ],
    [
      'a circle',
      'a: &x [1, *x]\n',
      ['1:11 Following this alias leads more than 32 lists and sections deep, or in a circle.'],
    ],
    ['__proto__', '__proto__: {admin: true}\n', ['1:1 The key "__proto__" is not used here.']],
    [
      'a number that would be another one',
      'a: 12345678901234567890\n',
      ['1:4 This number has more digits than can be kept. Quote it if it is text.'],
    ],
    [
      'no number at all',
      'a: [.inf, -.inf, .nan]\n',
      [
        '1:5 Infinity and NaN are not numbers here.',
        '1:11 Infinity and NaN are not numbers here.',
        '1:18 Infinity and NaN are not numbers here.',
      ],
    ],
  ];
  test.each(cases)('%s', (_, text, expected) => {
    expect(told(parse(text))).toEqual(expected);
  });

  test('what does not blur the rest leaves the document to be checked further', () => {
    expect(parse('a: 1\na: 2\n').document?.value).toEqual({ a: 2 });
    expect(parse('__proto__: {x: 1}\nb: 1\n').document?.value).toEqual({ b: 1 });
    expect(parse('a: [').document).toBeNull();
  });
});

test('an error is on its own line, behind whatever other errors', () => {
  // The library's own LineCounter says line 5 of the second.
  expect(told(parse('a:\n  b: x\n  {} y\n      c: 1\nd:\n  e: f: 1\n'))).toEqual([
    '3:3 A key must be plain text.',
    '6:6 There are two keys on one line. Text with ": " in it must be quoted.',
  ]);
});

describe('hostile files end soon and say why', () => {
  const deep = (count: number) => '['.repeat(count) + ']'.repeat(count);
  const bomb = [
    'a0: &a0 [x]',
    ...Array.from({ length: 12 }, (_, i) => `a${i + 1}: &a${i + 1} [${`*a${i}, `.repeat(10)}]`),
  ];
  const tooDeep = 'This lies more than 32 lists and sections deep, which is the limit.';
  const cases: readonly (readonly [string, string, readonly string[]])[] = [
    [
      'a billion laughs',
      bomb.join('\n'),
      ['6:15 With its aliases followed, the file has more than 100000 values, which is the limit.'],
    ],
    ['deep flow', deep(50_000), [`1:34 ${tooDeep}`]],
    ['deep dashes', '- '.repeat(20_000), [`1:67 ${tooDeep}`]],
    [
      'deep blocks',
      Array.from({ length: 500 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'),
      [`34:34 ${tooDeep}`],
    ],
    ['deep keys', '? '.repeat(20_000), [`1:67 ${tooDeep}`]],
    [
      'too many words',
      'a: 1\n'.repeat(60_000),
      ['1:1 The file has more than 200000 words, which is the limit.'],
    ],
  ];
  test.each(cases)('%s', (_, text, expected) => {
    expect(told(parse(text))).toEqual(expected);
  });

  test('32 levels are no problem', () => {
    expect(parse(deep(32)).problems).toEqual([]);
  });

  // With yaml's own check for duplicate keys this takes 25 s.
  test('many keys in one section take time in proportion to their number', () => {
    const keys = 28_000;
    const { document } = parse(Array.from({ length: keys }, (_, i) => `k${i}: 1`).join('\n'));
    expect(Object.keys(document?.value ?? {})).toHaveLength(keys);
  }, 15_000);

  test('of many problems the first hundred are told, and how many more there are', () => {
    const { problems } = parse('a: 1\n'.repeat(151));
    expect(problems).toHaveLength(101);
    expect(problems.at(-1)).toMatchObject({
      line: 102,
      message: '50 more problems from here on are not shown.',
    });
  });
});

describe('reading', () => {
  const read = (bytes: string | Buffer): readonly string[] => {
    const folder = folderWith({ 'a.yaml': '' });
    writeFileSync(`${folder}/a.yaml`, bytes);
    return told(readYamlDocument(`${folder}/a.yaml`));
  };

  test('a file that is too large', () => {
    expect(read('#'.repeat(1024 * 1024 + 1))).toEqual([
      '1:1 The file is larger than 1048576 bytes, which is the limit.',
    ]);
    expect(read('#'.repeat(1024 * 1024))).toEqual([]);
  });

  test('a file that is not text', () => {
    expect(read(Buffer.from([0x61, 0xff]))).toEqual(['1:1 The file is not text in UTF-8.']);
    expect(read('a: \0')).toEqual(['1:1 The file is not text: it has a NUL in it.']);
  });

  test('a pipe is not waited for, and a device not read', () => {
    const folder = folderWith({});
    execFileSync('mkfifo', [`${folder}/pipe`]);
    for (const path of [`${folder}/pipe`, '/dev/zero', folder]) {
      expect(told(readYamlDocument(path))).toEqual(['1:1 The file is not a regular file.']);
    }
  });
});

test('a document that is logged does not show what is in it', () => {
  const { document } = parse('password: hunter2');
  expect(inspect(document, { depth: 9, showHidden: true })).not.toContain('hunter2');
  expect(JSON.stringify(document)).toBe('{"file":"a.yaml"}');
});
