import { expect, test } from '@jest/globals';
import { boundParameters, itemsOf } from '../../../../services/protocols/postgres/session/parameters.ts';
import { typeOids } from '../../../../services/protocols/postgres/wire/values.ts';

const bind = (parameters: readonly (Buffer | null)[], formats: readonly number[] = []) => ({
  portal: '',
  statement: '',
  parameterFormats: formats,
  parameters,
  resultFormats: [],
});
const four = Buffer.from([0, 0, 0, 4]);
const boundOf = (value: Buffer | null, format: number, type: number): string =>
  Buffer.from(boundParameters(bind([value], [format]), [type])[0]?.bound ?? []).toString('hex');

test('values read as their types and formats say', () => {
  const of = (values: readonly (Buffer | null)[], formats: readonly number[], types: readonly number[]) =>
    boundParameters(bind(values, formats), types).map((parameter) => parameter.text);
  const text = Buffer.from('4');
  expect(of([text, null, Buffer.alloc(0)], [], [typeOids.int4])).toEqual(['4', null, '']);
  // One format for all, or one for each.
  expect(of([four, four], [1], [typeOids.int4, typeOids.oid])).toEqual(['4', '4']);
  expect(of([four, text], [1, 0], [typeOids.int4, typeOids.int4])).toEqual(['4', '4']);
  // A type that is not known yet is shown as bytes, not guessed.
  expect(of([four], [1], [])).toEqual(['\\x00000004']);
});

test('an approval binds type, format, bytes, and whether there is a value at all', () => {
  const bounds = [
    boundOf(four, 1, typeOids.int4),
    boundOf(four, 1, typeOids.oid),
    boundOf(four, 0, typeOids.int4),
    boundOf(Buffer.from([0, 0, 0, 5]), 1, typeOids.int4),
    boundOf(Buffer.alloc(0), 1, typeOids.int4),
    boundOf(null, 1, typeOids.int4),
  ];
  expect(new Set(bounds).size).toBe(bounds.length);
  expect(boundOf(Buffer.from(four), 1, typeOids.int4)).toBe(bounds[0]);
  expect(bounds[0]).toBe('00000017' + '0001' + '01' + '00000004');
  expect(bounds[5]).toBe('00000017' + '0001' + '00');
});

test.each<[string, number]>([
  ['{}', 1],
  ['{a}', 1],
  [' \t{a,b,NULL}', 3],
  // More than there are, never less.
  ['{"a,b"}', 2],
  ['{{a,b},{c,d}}', 4],
  ['[0:2]={a,b,c}', 3],
  ['1 2 3', Infinity],
  ['', Infinity],
  ['a,b', Infinity],
])('the items of the array %j in the text format: %p', (text, items) => {
  expect(itemsOf(Buffer.from(text), 0)).toBe(items);
});

test('the items of an array in the binary format are those that its head says', () => {
  const array = (...words: number[]): Buffer => {
    const bytes = Buffer.alloc(4 * words.length);
    for (const [at, word] of words.entries()) bytes.writeInt32BE(word, 4 * at);
    return bytes;
  };
  expect(itemsOf(null, 1)).toBe(1);
  expect(itemsOf(array(0, 0, 25), 1)).toBe(0);
  expect(itemsOf(array(1, 0, 25, 1000, 1), 1)).toBe(1000);
  expect(itemsOf(array(2, 1, 25, 3, 1, 4, 1), 1)).toBe(12);
  expect(itemsOf(array(1, 0, 25), 1)).toBe(Infinity);
  expect(itemsOf(array(7, 0, 25), 1)).toBe(Infinity);
  expect(itemsOf(array(-1, 0, 25), 1)).toBe(Infinity);
  expect(itemsOf(array(1, 0, 25, -1, 1), 1)).toBeGreaterThan(1_000_000);
  expect(itemsOf(Buffer.from('{a,b}'), 1)).toBe(Infinity);
});
