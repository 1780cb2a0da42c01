import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Parameter } from '../../../../services/core/model/action.ts';
import { bringsMask, CopiedMasks } from '../../../../services/protocols/postgres/mask/write-back.ts';

const bound = (text: string | null): Parameter => ({ text, bound: Buffer.from(text ?? '') });

describe('a statement brings a mask', () => {
  test.each([
    ["UPDATE users SET email = '********'", true],
    ["UPDATE users SET email = E'[masked]'", true],
    ['UPDATE users SET email = $$a***@***.example$$', true],
    ['UPDATE users SET email = $x$masked-0123456789abcdef0123$x$', true],
    ["INSERT INTO users VALUES (1, 'masked-amber-falcon')", true],
    ["INSERT INTO users VALUES (1, ' ****1111')", true],
    ["INSERT INTO users VALUES (1, '4111****')", true],
    [`INSERT INTO users (doc) VALUES ('{"email": "[masked]"}')`, true],
    ["EXECUTE p('********')\n-- with its prepared statements:\nUPDATE users SET email = $1", true],
    ["UPDATE users SET email = 'jane@corp.example'", false],
    ["UPDATE users SET email = 'a masked ball'", false],
    ['UPDATE users SET pin = 4 /* ******** */', false],
    ["UPDATE users SET email = '2000-01-01', pin = 0", false],
    ["UPDATE users SET email = 'see ********, above'", false],
  ])('%s: %p', (text, expected) => {
    expect(bringsMask(text, [])).toBe(expected);
  });

  test('in a parameter', () => {
    expect(bringsMask('UPDATE users SET email = $1', [bound(null), bound('a***@***.example')])).toBe(true);
    expect(bringsMask('UPDATE users SET email = $1', [bound(null), bound('jane@corp.example')])).toBe(false);
  });
});

const lengthOf = (value: string): Buffer => {
  const length = Buffer.alloc(4);
  length.writeInt32BE(Buffer.byteLength(value));
  return Buffer.concat([length, Buffer.from(value)]);
};
/** COPY's binary format: a header, rows of a count and values, a trailer. */
const binary = (...rows: readonly (readonly string[])[]): Buffer =>
  Buffer.concat([
    Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1'),
    ...rows.map((values) => Buffer.concat([Buffer.from([0, values.length]), ...values.map(lengthOf)])),
    Buffer.from([0xff, 0xff]),
  ]);

describe('copied data holds a mask, wherever it is cut', () => {
  test.each<[string, Buffer, boolean]>([
    ['text', Buffer.from('1\tjane@corp.example\n2\t********\n'), true],
    ['text, the last value without a newline', Buffer.from('1\tx\n2\t[masked]'), true],
    ['text, clean', Buffer.from('1\tjane@corp.example\n2\tmasked\n3\t**\n'), false],
    ['text, within a value', Buffer.from('1\tsee ******** there\n'), false],
    ['CSV', Buffer.from('1,"a***@***.example",x\n'), true],
    ['CSV with other delimiters', Buffer.from('1;****1111;x\n'), true],
    ['UTF-8', Buffer.from('1\té***@***.example\n'), true],
    ['binary', binary(['1', 'jane'], ['2', 'masked-0123456789abcdef0123']), true],
    ['binary, with bytes of zero before it', binary(['\0\0\x01\0', '********', 'x']), true],
    ['binary, clean', binary(['1', 'jane'], ['2', 'masked']), false],
    ['binary, at the end', binary(['x', '********']), true],
  ])('%s', (_, data, expected) => {
    fc.assert(
      fc.property(fc.array(fc.nat(data.length), { maxLength: 8 }), (cuts) => {
        const copied = new CopiedMasks();
        const places = [0, ...cuts.sort((left, right) => left - right), data.length];
        const found = places.slice(1).some((end, at) => copied.found(data.subarray(places[at], end)));
        expect(found || copied.foundAtEnd()).toBe(expected);
      }),
    );
    const copied = new CopiedMasks();
    const found = [...data].some((byte) => copied.found(Buffer.from([byte])));
    expect(found || copied.foundAtEnd()).toBe(expected);
  });

  test('values that are long are no masks, and little of them is kept', () => {
    const copied = new CopiedMasks();
    for (let time = 0; time < 100; time += 1) expect(copied.found(Buffer.alloc(10_000, 'x****'))).toBe(false);
    expect(copied.foundAtEnd()).toBe(false);
  });
});
