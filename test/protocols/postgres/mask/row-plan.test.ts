import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { ColumnMasker } from '../../../../services/protocols/postgres/mask/column-mask.ts';
import { MaskingRowPlan } from '../../../../services/protocols/postgres/mask/row-plan.ts';
import { dataRow, valuesOf } from './fixtures.ts';

/** Columns of each kind, by a letter: `-` has no masker, the others say what stands for the value. */
const maskers = {
  '-': null,
  same: { count: 1, masksNull: false, isPlain: null, mask: () => 'unchanged' },
  longer: {
    count: 2,
    masksNull: false,
    isPlain: null,
    mask: (value) => Buffer.concat([value ?? Buffer.alloc(0), Buffer.from('++')]),
  },
  empty: { count: 1, masksNull: false, isPlain: null, mask: () => Buffer.alloc(0) },
  null: { count: 1, masksNull: false, isPlain: null, mask: () => null },
  derived: { count: 1, masksNull: true, isPlain: null, mask: () => Buffer.from('****') },
  nothing: { count: 1, masksNull: true, isPlain: null, mask: () => null },
} as const satisfies Record<string, ColumnMasker | null>;
type Kind = keyof typeof maskers;
const kinds = Object.keys(maskers) as readonly Kind[]; // keys of the literal above

/** What a row should be, value by value. */
const masked = (kind: Kind, value: Buffer | null): Buffer | null => {
  switch (kind) {
    case '-':
    case 'same':
      return value;
    case 'longer':
      return value === null ? null : Buffer.concat([value, Buffer.from('++')]);
    case 'empty':
      return value === null ? null : Buffer.alloc(0);
    case 'null':
    case 'nothing':
      return null;
    case 'derived':
      return Buffer.from('****');
  }
};

test('a masked row is the row with its masked columns replaced, and a well-formed message', () => {
  const value = fc.option(fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes)));
  const column = fc.record({ kind: fc.constantFrom(...kinds), value });
  fc.assert(
    fc.property(fc.array(column, { maxLength: 8 }), fc.integer({ min: 1, max: 3 }), (columns, rows) => {
      const plan = new MaskingRowPlan(columns.map(({ kind }) => maskers[kind]));
      const row = dataRow(columns.map((one) => one.value));
      const before = Buffer.from(row);
      const expected = columns.map((one) => masked(one.kind, one.value));
      // One plan serves all rows of a result: nothing may stay of the one before.
      for (let count = 0; count < rows; count += 1) {
        const shown = plan.mask(row);
        expect(shown[0]).toBe(0x44);
        expect(shown.readUInt32BE(1)).toBe(shown.length - 1);
        expect(valuesOf(shown)).toEqual(expected);
      }
      // The row may lie next to others in what was read from the socket.
      expect(row).toEqual(before);
    }),
    { numRuns: 300 },
  );
});

test('a row in which nothing is masked is passed on as it lies', () => {
  const plan = new MaskingRowPlan([null, maskers.same, maskers.longer]);
  const row = dataRow([Buffer.from('a'), Buffer.from('b'), null]);
  expect(plan.mask(row)).toBe(row);
  expect(plan.count).toBe(0);
});

test('masked values of each row are counted as their masker counts them', () => {
  const plan = new MaskingRowPlan([maskers.longer, maskers.same, maskers.null]);
  plan.mask(dataRow([Buffer.from('a'), Buffer.from('b'), Buffer.from('c')]));
  expect(plan.count).toBe(2 + 1);
  plan.mask(dataRow([null, Buffer.from('b'), Buffer.from('c')]));
  expect(plan.count).toBe(1);
});

describe('a row that does not fit its description ends the session', () => {
  const good = dataRow([Buffer.from('abc'), null]);
  const changed = (change: (row: Buffer) => void): Buffer => {
    const row = Buffer.from(good);
    change(row);
    return row;
  };
  test.each<[string, Buffer]>([
    ['one column too few', dataRow([null])],
    ['one column too many', dataRow([null, null, null])],
    ['no columns', dataRow([])],
    ['no count', good.subarray(0, 6)],
    ['a value that is cut off', good.subarray(0, good.length - 1)],
    ['a byte behind the last value', Buffer.concat([good, Buffer.from([0])])],
    ['a length that reaches beyond the row', changed((row) => row.writeInt32BE(100, 7))],
    ['a length below -1', changed((row) => row.writeInt32BE(-2, 7))],
    ['a length that overflows', changed((row) => row.writeInt32BE(0x7fffffff, 7))],
    ['a length that swallows the next value', changed((row) => row.writeInt32BE(7, 7))],
  ])('%s', (_, row) => {
    const plan = new MaskingRowPlan([maskers.null, null]);
    expect(() => plan.mask(row)).toThrow(expect.objectContaining({ code: 'malformed-message' }));
  });
});
