import { createSecretKey } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { MaskingError } from '../../../services/core/masking/errors.ts';
import { adjectives, nouns } from '../../../services/core/masking/pseudonym-words.ts';
import {
  strictness,
  type TransformName,
  transformName,
  transformNames,
} from '../../../services/core/masking/transform-names.ts';
import { columnMask, maskDerived, maskText } from '../../../services/core/masking/transforms.ts';
import { canonicalValues, type ValueKind, valueKinds } from '../../../services/core/masking/value-kind.ts';

const key = createSecretKey(Buffer.alloc(32, 1));
const otherKey = createSecretKey(Buffer.alloc(32, 2));
const context = { key, field: 'app.users.email' };
const mask = (transform: TransformName, kind: ValueKind, text: string): string | null =>
  maskText(transform, kind, text, context);

describe('text', () => {
  test.each<[TransformName, string, string | null]>([
    ['full', 'jane.doe@example.com', '********'],
    ['full', '', '********'],
    ['redact', 'jane.doe@example.com', '[masked]'],
    ['null', 'jane.doe@example.com', null],
    ['last4', '4111 1111 1111 1111', '****1111'],
    ['last4', '123-45-6789', '****6789'],
    ['last4', '123456789', '****6789'],
    ['last4', '12345678', '********'],
    ['last4', '4111111111111111    ', '****1111'],
    ['last4', 'ends in "quotes"}', '****es**'],
    ['last4', '𝟙𝟚𝟛𝟜𝟝𝟞𝟟𝟠𝟡', '****𝟞𝟟𝟠𝟡'],
    ['last4', '𝟙𝟚𝟛𝟜𝟝𝟞𝟟𝟠', '********'],
    ['last1', 'abc', '****c'],
    ['last1', 'ab', '********'],
    ['last6', '1234567890123', '****890123'],
    ['last6', '123456789012', '********'],
    ['first2', 'Jane Doe', 'Ja****'],
    ['first2', '  Jane Doe', 'Ja****'],
    ['first2', 'Jane', '********'],
    ['first1', '"a" and', '*****'],
    ['first6', '4111111111111111', '411111****'],
    ['first4', '𝟙𝟚𝟛𝟜𝟝𝟞𝟟𝟠𝟡', '𝟙𝟚𝟛𝟜****'],
    ['month', '2024-02-29', '2024-02-01'],
    ['month', '2024-02-29 10:22:33.5', '2024-02-01 00:00:00'],
    ['month', '2024-02-29T10:22', '2024-02-01T00:00:00'],
    ['month', '2024-02-29T10:22:33Z', '2024-02-01T00:00:00Z'],
    ['month', '2024-03-01T00:30:00.123+01:00', '2024-02-01T00:00:00Z'],
    ['month', '2023-12-31T23:30:00-0100', '2024-01-01T00:00:00Z'],
    ['month', '1890-03-01 00:10:00+00:53:28', '1890-02-01 00:00:00+00'],
    ['month', '0000-01-01 00:10:00+01', '********'],
    ['month', '2024-13-01', '********'],
    ['month', '2024-02-00', '********'],
    ['month', '2024-02-29 25:61:00+01', '********'],
    ['month', '29.02.2024', '********'],
    ['month', 'since 2024-02-29', '********'],
    ['month', '2024-02-29 BC', '********'],
    ['email', 'jane.doe@example.com', 'j***@***.example'],
    ['email', 'émile@example.com', 'é***@***.example'],
    ['email', 'j@example.com', '****@***.example'],
    ['email', '"jane doe"@example.com', '********'],
    ['email', "'x@example.com", '****@***.example'],
    ['email', 'not an address', '********'],
    ['email', 'two@signs@example.com', '********'],
  ])('%s of %j is %j', (transform, text, expected) => {
    expect(mask(transform, 'text', text)).toBe(expected);
  });

  test('hash keeps equality within one field of one gateway, and nothing else', () => {
    const hash = (text: string, field = 'app.users.email', by = key) =>
      maskText('hash', 'text', text, { key: by, field });
    expect(hash('jane@example.com')).toMatch(/^masked-[0-9a-f]{20}$/);
    expect(hash('jane@example.com')).toBe(hash('jane@example.com'));
    expect(hash('jane@example.com')).not.toBe(hash('Jane@example.com'));
    expect(hash('jane@example.com')).not.toBe(hash('jane@example.com', 'app.orders.email'));
    expect(hash('jane@example.com')).not.toBe(hash('jane@example.com', 'app.users.email', otherKey));
  });

  test('hash goes on when more fields are hashed than keys are kept', () => {
    const before = mask('hash', 'text', 'x');
    for (let n = 0; n < 1100; n += 1) maskText('hash', 'text', 'x', { key, field: `app.t.c${n}` });
    expect(mask('hash', 'text', 'x')).toBe(before);
  });
});

describe('other kinds', () => {
  test.each<[TransformName, ValueKind, string, string | null]>([
    ['full', 'integer', '4211', '0'],
    ['email', 'integer', '4211', '0'],
    ['last4', 'bigint', '4111111111111234', '1234'],
    ['last4', 'bigint', '-4111111111110034', '34'],
    ['last4', 'integer', '12345678', '0'],
    ['last4', 'smallint', '12345', '0'],
    ['last4', 'decimal', '1234567890.12', '0'],
    ['first6', 'bigint', '4111111111111234', '411111'],
    ['first2', 'integer', '-4123', '0'],
    ['first2', 'integer', '-41234', '41'],
    ['first3', 'uuid', '550e8400-e29b-41d4-a716-44665544abcd', '55000000-0000-0000-0000-000000000000'],
    ['last6', 'uuid', '550e8400-e29b-41d4-a716-44665544abcd', '00000000-0000-0000-0000-00000044abcd'],
    ['month', 'date', '1984-02-29', '1984-02-01'],
    ['month', 'date', 'infinity', '2000-01-01'],
    ['month', 'date', '0044-03-15 BC', '2000-01-01'],
    ['month', 'timestamp', '1984-02-29 12:00:00', '1984-02-01 00:00:00'],
    ['month', 'timestamptz', '1984-03-01 00:30:00+01', '1984-02-01 00:00:00+00'],
    ['month', 'timestamptz', '10.03.1984 00:30:00 CET', '2000-01-01 00:00:00+00'],
    ['month', 'time', '12:30:00', '00:00:00'],
    ['month', 'integer', '202403', '0'],
    ['month', 'json', '"2024-02-29"', '"********"'],
    ['pseudonym', 'date', '1984-02-29', '2000-01-01'],
    ['last4', 'uuid', '550e8400-e29b-41d4-a716-44665544ABCD', '00000000-0000-0000-0000-00000000ABCD'],
    ['full', 'json', ' {"mail": "jane@example.com"}', '{}'],
    ['full', 'json', '[1, 2]', '[]'],
    ['full', 'json', '"jane@example.com"', '"********"'],
    ['full', 'json', '12', 'null'],
    ['full', 'json', 'true', 'null'],
    ['hash', 'boolean', 't', 'false'],
    ['hash', 'date', '1984-02-29', '2000-01-01'],
    ['last4', 'inet', '192.168.100.200', '0.0.0.0'],
    ['full', 'array', '{jane@example.com}', '{}'],
    ['full', 'other', '(jane,12)', null],
    ['null', 'integer', '4211', null],
  ])('%s of %s %s is %s', (transform, kind, text, expected) => {
    expect(mask(transform, kind, text)).toBe(expected);
  });

  test('hash gives a pseudonym that fits the column', () => {
    expect(Number(mask('hash', 'integer', '17'))).toBeLessThan(2 ** 31);
    expect(mask('hash', 'bigint', '17')).toMatch(/^[1-9]\d*$/);
    expect(mask('hash', 'uuid', '550e8400-e29b-41d4-a716-446655440000')).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/,
    );
    expect(mask('hash', 'bytea', '\\xdeadbeef')).toMatch(/^\\x[0-9a-f]{20}$/);
  });
});

/** For each kind: texts of it, and whether a text is one of it. */
const kinds: Readonly<Record<ValueKind, { texts: fc.Arbitrary<string>; parses: (text: string) => boolean }>> =
  {
    text: { texts: fc.string({ unit: 'binary' }), parses: () => true },
    smallint: {
      texts: fc.integer({ min: -(2 ** 15), max: 2 ** 15 - 1 }).map(String),
      parses: (text) => /^-?\d{1,5}$/.test(text) && Math.abs(Number(text)) < 2 ** 15,
    },
    integer: {
      texts: fc.integer().map(String),
      parses: (text) => /^-?(0|[1-9]\d*)$/.test(text) && Math.abs(Number(text)) < 2 ** 31,
    },
    bigint: {
      texts: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
      parses: (text) => /^-?(0|[1-9]\d*)$/.test(text) && Number.isSafeInteger(Number(text)),
    },
    decimal: {
      texts: fc.tuple(fc.integer(), fc.nat(99)).map(([whole, cents]) => `${whole}.${cents}`),
      parses: (text) => /^-?\d+(\.\d+)?$/.test(text),
    },
    float: { texts: fc.double().map(String), parses: (text) => Number.isFinite(Number(text)) },
    boolean: {
      texts: fc.constantFrom('t', 'f', 'true', 'false'),
      parses: (text) => /^(true|false)$/.test(text),
    },
    date: {
      texts: fc.date({ noInvalidDate: true }).map((date) => date.toISOString().slice(0, 10)),
      parses: (text) => new Date(text).toISOString().slice(0, 10) === text,
    },
    time: {
      texts: fc.constant('12:34:56.789'),
      parses: (text) => /^([01]\d|2[0-3])(:[0-5]\d){2}$/.test(text),
    },
    timestamp: {
      texts: fc.constant('2024-03-05 10:22:33.1'),
      parses: (text) => !Number.isNaN(Date.parse(`${text}Z`)),
    },
    timestamptz: {
      texts: fc.constant('2024-03-05 10:22:33.1+01'),
      parses: (text) => text.endsWith('+00') && !Number.isNaN(Date.parse(`${text}:00`)),
    },
    uuid: { texts: fc.uuid(), parses: (text) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text) },
    json: {
      texts: fc.json(),
      parses: (text) => {
        JSON.parse(text);
        return true;
      },
    },
    bytea: {
      texts: fc.uint8Array().map((bytes) => `\\x${Buffer.from(bytes).toString('hex')}`),
      parses: (text) => /^\\x([0-9a-f]{2})*$/.test(text),
    },
    inet: { texts: fc.oneof(fc.ipV4(), fc.ipV6()), parses: (text) => /^\d+\.\d+\.\d+\.\d+$/.test(text) },
    array: { texts: fc.constant('{a,b}'), parses: (text) => text === '{}' },
    other: { texts: fc.string(), parses: () => false },
  };

describe.each(valueKinds)('%s', (kind) => {
  const { texts, parses } = kinds[kind];

  test.each(transformNames)('%s gives a value of the same kind, or NULL', (transform) => {
    fc.assert(
      fc.property(texts, (text) => {
        const masked = mask(transform, kind, text);
        expect(masked === null ? transform === 'null' || kind === 'other' : parses(masked)).toBe(true);
      }),
    );
  });

  test('a derived value is the same whatever it was, and of its kind', () => {
    const masked = maskDerived(kind);
    expect(masked === null ? kind === 'other' : parses(masked)).toBe(true);
    expect(masked).toBe(canonicalValues[kind]);
  });
});

/** The longest run of characters that both texts hold. */
function longestCommon(left: string, right: string): number {
  let longest = 0;
  for (let start = 0; start < left.length; start += 1) {
    while (right.includes(left.slice(start, start + longest + 1)) && start + longest < left.length)
      longest += 1;
  }
  return longest;
}

/** Long enough that hash digits meet them by chance once in 10^7 runs. */
const telling = fc.string({ minLength: 9, maxLength: 60, unit: 'grapheme-ascii' });
const shown: Readonly<Record<TransformName, number>> = {
  full: 0,
  redact: 0,
  null: 0,
  email: 1,
  hash: 0,
  pseudonym: 0,
  // The month of a date, which these texts are not.
  month: 0,
  ...{ first1: 1, first2: 2, first3: 3, first4: 4, first5: 5, first6: 6 },
  ...{ last1: 1, last2: 2, last3: 3, last4: 4, last5: 5, last6: 6 },
};
/** What a mask's own letters (`masked-`, `.example`, hex digits, stars) may have in common with any text. */
const byChance = 7;

test.each(transformNames)('%s shows no more of a text than it says', (transform) => {
  fc.assert(
    fc.property(fc.oneof(telling, fc.emailAddress()), (text) => {
      const masked = mask(transform, 'text', text) ?? '';
      expect(masked).not.toBe(text);
      expect(longestCommon(text, masked)).toBeLessThanOrEqual(Math.max(shown[transform], byChance));
      if (shown[transform] === 0) expect(masked.length).toBeLessThanOrEqual('masked-'.length + 20);
    }),
    { examples: [['jane.doe@example.com'], ['masked by somebody']] },
  );
});

test('what does not depend on the value says nothing of its length', () => {
  for (const kind of valueKinds) {
    for (const transform of ['full', 'redact', 'null'] as const) {
      const of = columnMask(transform, kind, context);
      if (kind !== 'json') expect(of.kind).toBe('constant');
    }
  }
});

test('a masked text is as long as any other masked text, but for what stands for values that are too short', () => {
  const long = fc.string({ minLength: 13, maxLength: 60, unit: fc.constantFrom(...'abcXYZ019') });
  for (const transform of transformNames.filter((name) => name !== 'null' && name !== 'pseudonym')) {
    const lengthOf = (text: string): number => mask(transform, 'text', text)?.length ?? -1;
    fc.assert(fc.property(long, (text) => lengthOf(text) === lengthOf('aaaaaaaaaaaaa')));
  }
});

test('a pseudonym of words keeps equality within one field, and its length is that of its words', () => {
  const pair = (text: string, field = 'app.users.name') =>
    maskText('pseudonym', 'text', text, { key, field }) ?? '';
  expect(pair('Ada Lovelace')).toMatch(/^masked-[a-z]{2,8}-[a-z]{2,8}$/);
  expect(pair('Ada Lovelace')).toBe(pair('Ada Lovelace'));
  expect(pair('Ada Lovelace')).not.toBe(pair('Ada Lovelace', 'app.orders.name'));
  expect(maskText('pseudonym', 'json', '"Ada"', { key, field: 'x' })).toMatch(/^"masked-[a-z]+-[a-z]+"$/);
  expect(adjectives).toHaveLength(256);
  expect(nouns).toHaveLength(256);
  expect(new Set([...adjectives, ...nouns]).size).toBe(512);
  // Of 2,000 names nearly all are told apart, and all words are used.
  const pairs = Array.from({ length: 2000 }, (_, n) => pair(`name ${n}`));
  expect(new Set(pairs).size).toBeGreaterThan(1900);
  expect(new Set(pairs.map((text) => text.split('-')[1])).size).toBeGreaterThan(250);
});

test('of several transforms the one that shows least is the strictest', () => {
  expect(transformNames.toSorted((left, right) => strictness(left) - strictness(right)).slice(0, 8)).toEqual([
    ...['null', 'full', 'redact', 'pseudonym', 'hash', 'month', 'email', 'first1'],
  ]);
  expect(strictness('last2')).toBeLessThan(strictness('first3'));
});

test('a name that is no transform is refused with those there are', () => {
  expect(transformName('last4')).toBe('last4');
  expect(() => transformName('rot13')).toThrow(MaskingError);
  expect(() => transformName('rot13')).toThrow(/full, redact, email, hash, pseudonym, month, null, first1/);
  expect(() => transformName('toString')).toThrow(MaskingError);
  expect(() => transformName('last7')).toThrow(MaskingError);
  expect(() => transformName('first')).toThrow(MaskingError);
});
