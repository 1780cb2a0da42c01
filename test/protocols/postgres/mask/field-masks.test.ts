import { describe, expect, test } from '@jest/globals';
import type { Mask } from '../../../../services/core/model/decision.ts';
import { FieldMasks } from '../../../../services/protocols/postgres/mask/field-masks.ts';
import { catalogOf, key, mask, obligations } from './fixtures.ts';

const catalog = catalogOf({
  'app.users': [100, 'id', 'email', 'ssn', 'odd.name', 'Email'],
  'app.orders': [200, 'id', 'email'],
  'legal.users': [300, 'email'],
});
const masksOf = (...masks: readonly Mask[]): FieldMasks =>
  new FieldMasks(obligations(...masks), catalog, key);

/** Every masked column of the catalog, with its transform. */
const masked = (...masks: readonly Mask[]): readonly string[] => {
  const of = masksOf(...masks);
  return [...catalog.relations()].flatMap((relation) =>
    relation.columns.flatMap(({ text, attributeNumber }) => {
      const transform = of.of(relation.oid, attributeNumber);
      return transform === null ? [] : [`${text} ${transform}`];
    }),
  );
};

describe('a pattern names columns part by part', () => {
  test.each<[string, readonly string[]]>([
    ['app.users.email', ['app.users.email']],
    ['app.*.email', ['app.users.email', 'app.orders.email']],
    ['*.users.email', ['app.users.email', 'legal.users.email']],
    ['app.users.*mail', ['app.users.email', 'app.users.Email']],
    ['app.users.Email', ['app.users.Email']],
    // A dot within a name is no end of a part.
    ['app.users."odd.name"', ['app.users."odd.name"']],
    ['app.odd.name', []],
    ['app.users', []],
    ['*.*.ssn', ['app.users.ssn']],
  ])('%s', (pattern, columns) => {
    expect(masked(mask([pattern]))).toEqual(columns.map((column) => `${column} full`));
  });
});

test.each([
  [['last4', 'email', 'hash', 'redact', 'full', 'null'], 'null'],
  [['last4', 'email', 'hash', 'redact', 'full'], 'full'],
  [['last4', 'email', 'hash', 'redact'], 'redact'],
  [['last4', 'email', 'hash'], 'hash'],
  [['last4', 'email'], 'email'],
])('of the masks %j on one column the strictest holds: %s', (transforms, strictest) => {
  const masks = transforms.map((transform) => mask(['app.users.ssn'], transform));
  expect(masked(...masks)).toEqual([`app.users.ssn ${strictest}`]);
  expect(masked(...masks.toReversed())).toEqual([`app.users.ssn ${strictest}`]);
});

test('of the masks that name one detector the strictest holds', () => {
  const shown = (...transforms: readonly string[]): string | undefined =>
    masksOf(...transforms.map((transform) => mask([], transform, ['email'])))
      .scanner?.scan(Buffer.from('to ada@example.org'), 'text')
      ?.value?.toString('utf8');
  expect(shown('email')).toBe('to a***@***.example');
  expect(shown('email', 'redact')).toBe('to [masked]');
  expect(shown('redact', 'email')).toBe('to [masked]');
});

test('says what there is to look for', () => {
  const none = masksOf();
  expect([none.none, none.hasFields, none.scanner]).toEqual([true, false, null]);
  const detecting = masksOf(mask([], 'full', ['card']));
  expect([detecting.none, detecting.hasFields, detecting.scanner === null]).toEqual([false, false, false]);
  const fields = masksOf(mask(['app.users.ssn']));
  expect([fields.none, fields.hasFields, fields.scanner]).toEqual([false, true, null]);
});

test('knows the tables of the catalog, and nothing of others', () => {
  const masks = masksOf(mask(['*.*.*']));
  expect([masks.knows(100), masks.knows(101)]).toEqual([true, false]);
  expect(masks.of(101, 1)).toBeNull();
  // System columns (ctid, xmin) have negative numbers.
  expect(masks.of(100, -1)).toBeNull();
  expect(masks.columnAt(100, 4)?.text).toBe('app.users."odd.name"');
  expect(masks.columnAt(100, 9)).toBeUndefined();
});

test('a transform that nobody knows is an error, not no mask', () => {
  expect(() => masksOf(mask(['app.users.ssn'], 'rot13'))).toThrow(
    expect.objectContaining({ code: 'unknown-transform' }),
  );
});
