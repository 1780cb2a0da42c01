import { expect, test } from '@jest/globals';
import { boundParameters } from '../../../../services/protocols/postgres/session/parameters.ts';
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
