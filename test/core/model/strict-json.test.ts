import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { maxTokenDepth, maxTokenMembers } from '../../../services/core/identity/limits.ts';
import { parseStrictJson as parse, StrictJsonError } from '../../../services/core/model/strict-json.ts';

const parseStrictJson = (text: string) =>
  parse(text, { maxMembers: maxTokenMembers, maxDepth: maxTokenDepth });

describe('parseStrictJson', () => {
  test('reads what JSON.parse reads', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 5 }), { maxKeys: 20 }), (value) => {
        const text = JSON.stringify(value);
        expect(JSON.stringify(parseStrictJson(text))).toBe(text);
        expect(JSON.stringify(parseStrictJson(JSON.stringify(value, null, 2)))).toBe(text);
      }),
    );
  });

  test('refuses a name that stands twice, wherever it is and however it is written', () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.jsonValue({ maxDepth: 3 }),
        fc.jsonValue({ maxDepth: 3 }),
        (name, one, two) => {
          const plain = JSON.stringify(name);
          const escaped = `"${[...name].map((c) => (c.length === 1 ? `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}` : c)).join('')}"`;
          const twice = `{${plain}:${JSON.stringify(one)},${escaped}:${JSON.stringify(two)}}`;
          for (const text of [twice, `{"outer":${twice}}`, `{"list":[1,${twice}]}`]) {
            expect(() => parseStrictJson(text)).toThrow(StrictJsonError);
          }
        },
      ),
    );
  });

  test('throws nothing but StrictJsonError, and quotes nothing of the text', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        try {
          parseStrictJson(text);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(StrictJsonError);
          expect((thrown as StrictJsonError).cause).toBeUndefined();
        }
      }),
    );
    expect(() => parseStrictJson('{"sub": hunter2}')).toThrow('it is not JSON');
  });

  test('keeps __proto__ and its relatives as data of objects without prototype', () => {
    const value = parseStrictJson('{"__proto__":{"admin":true},"constructor":{"prototype":{"admin":true}}}');
    expect(Object.getPrototypeOf(value)).toBeNull();
    expect(Object.keys(value)).toEqual(['__proto__', 'constructor']);
    expect(value['admin']).toBeUndefined();
    expect(({} as Record<string, unknown>)['admin']).toBeUndefined();
    expect(Object.isFrozen(value)).toBe(true);
    expect(Object.isFrozen(value['constructor'])).toBe(true);
  });

  test.each([
    ['a list', '[]'],
    ['a string', '"eyJ"'],
    ['null', 'null'],
    ['nothing', ''],
    ['a byte order mark', '\uFEFF{}'],
    ['a comment', '{/**/}'],
    ['a number without end', '{"exp":1e999}'],
    ['a negative one', '{"list":[-1e999]}'],
    ['too deep', `{"a":${'['.repeat(maxTokenDepth)}${']'.repeat(maxTokenDepth)}}`],
    ['far too deep', `{"a":${'['.repeat(8_000)}${']'.repeat(8_000)}}`],
    ['too many members', `{${Array.from({ length: maxTokenMembers + 1 }, (_, i) => `"${i}":0`).join()}}`],
  ])('refuses %s', (_, text) => {
    expect(() => parseStrictJson(text)).toThrow(StrictJsonError);
  });
});
