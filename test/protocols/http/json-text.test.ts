import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { compareDecimal } from '../../../services/protocols/http/decimal.ts';
import { type JsonNode, readJson, readJsonText } from '../../../services/protocols/http/json-text.ts';

function plain(node: JsonNode): unknown {
  switch (node.kind) {
    case 'object':
      return Object.fromEntries([...node.members].map(([name, value]) => [name, plain(value)]));
    case 'array':
      return node.items.map(plain);
    case 'string':
      return node.text;
    case 'number':
      return Number(node.text);
    case 'boolean':
      return node.value;
    case 'null':
      return null;
  }
}

const read = (text: string): unknown => {
  const node = readJsonText(text);
  return 'fault' in node ? node : plain(node);
};

describe('what is one document', () => {
  test('reads as JSON.parse reads it', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(undefined, 1, '\t'), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        const expected = JSON.parse(text);
        fc.pre(!text.includes('__proto__') && !/\\u0000|\\ud[89a-f]/i.test(text));
        expect(read(text)).toEqual(expected);
      }),
      { numRuns: 1_000 },
    );
  });

  test('and what JSON.parse refuses is refused', () => {
    const piece = fc.constantFrom(
      ...[
        '{',
        '}',
        '[',
        ']',
        ',',
        ':',
        '"a"',
        '"',
        '\\',
        '1',
        '-',
        '.5',
        '1.',
        '01',
        '1e',
        'e5',
        'true',
        'nul',
      ],
      ...['null', ' ', '\n', '\u00a0', '\\u0041', '"\\u0041"', '"\\x"', '\t', "'a'", '//', 'NaN', '+1', '\f'],
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const text = pieces.join('');
        let expected: unknown;
        try {
          expected = JSON.parse(text);
        } catch {
          expect(read(text)).toEqual({ fault: expect.any(String) });
          return;
        }
        expect([expected, { fault: 'has a name twice in one object' }]).toContainEqual(read(text));
      }),
      { numRuns: 5_000 },
    );
  });

  test.each<[string, string]>([
    ['{"a":1,"a":1}', 'has a name twice in one object'],
    ['{"a":1,"\\u0061":2}', 'has a name twice in one object'],
    ['{"x":{"__proto__":{"a":1}}}', 'has a member __proto__'],
    ['{"a":"b\\u0000c"}', 'has a NUL in it'],
    ['{"a\\u0000":1}', 'has a NUL in it'],
    ['"\\ud800"', 'has half of a surrogate pair in it'],
    ['{"a":1}{"a":2}', 'goes on after its end'],
    ['{"a":1}\n{"a":2}\n', 'goes on after its end'],
    ['\ufeff{}', 'begins with a byte order mark'],
    ['', 'is not JSON'],
    ['{"a":1,}', 'is not JSON'],
    ['{a:1}', 'is not JSON'],
    ['{"a":1/**/}', 'is not JSON'],
    ['['.repeat(65) + ']'.repeat(65), 'is nested deeper than 64 levels'],
    ['['.repeat(1_000_000), 'is nested deeper than 64 levels'],
    [`[${'0,'.repeat(20_000)}0]`, 'has more than 20000 values'],
  ])('%.40j: %s', (text, fault) => {
    expect(read(text)).toEqual({ fault });
  });

  test('bytes that are not UTF-8 are not', () => {
    expect(readJson(Buffer.from([0x22, 0xc0, 0xaf, 0x22]))).toEqual({ fault: 'is not UTF-8' });
  });

  test('numbers stay as they are written', () => {
    expect(readJsonText('12345678901234567890')).toEqual({ kind: 'number', text: '12345678901234567890' });
  });
});

describe('numbers', () => {
  test.each<[string, number, -1 | 0 | 1 | null]>([
    ['9007199254740993', 9007199254740991, 1],
    ['9007199254740991.0000000000000000001', 9007199254740991, 1],
    ['1e3', 1000, 0],
    ['1000.000', 1000, 0],
    ['-0', 0, 0],
    ['0e99', 0, 0],
    ['-5', -4, -1],
    ['-5', -6, 1],
    ['-1', 1, -1],
    ['0.1', 0.1, 0],
    ['0.10000000000000001', 0.1, 1],
    ['1e-400', 0, 1],
    ['1e400', 5, 1],
    ['1E+2', 99.9, 1],
    ['99', 100, -1],
    ['12', 123, -1],
    ['.5', 0.5, 0],
    ['5.', 5, 0],
    ['', 0, null],
    ['.', 0, null],
    ['0x10', 0, null],
    ['1_000', 0, null],
    ['NaN', 0, null],
    ['1'.repeat(500), 0, null],
  ])('%s beside %p: %p', (text, bound, order) => {
    expect(compareDecimal(text, bound)).toBe(order);
  });

  test('stand in the order that integers have', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }), fc.maxSafeInteger(), (value, bound) => {
        const expected = value < BigInt(bound) ? -1 : value > BigInt(bound) ? 1 : 0;
        expect(compareDecimal(String(value), bound)).toBe(expected);
      }),
      { numRuns: 2_000 },
    );
  });
});
