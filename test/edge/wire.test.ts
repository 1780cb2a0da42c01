import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  bytesField,
  numberField,
  textField,
  toBytes,
  WireError,
  WireReader,
} from '../../services/edge/wire.ts';

const texts = fc.array(fc.string({ unit: 'binary', maxLength: 200 }), { maxLength: 8 });

test('a message within another is read to its own end', () => {
  fc.assert(
    fc.property(texts, texts, (inner, after) => {
      const message = inner.map((text) => textField(1, text)).join('');
      const reader = new WireReader(
        toBytes(bytesField(2, message) + after.map((text) => textField(1, text)).join('')),
      );
      expect(reader.next()).toBe(2);
      const read = (of: WireReader): string[] => {
        const found: string[] = [];
        while (of.next() !== 0) found.push(of.text());
        return found;
      };
      expect(read(reader.message())).toEqual(inner.map((text) => text.toWellFormed()));
      expect(read(reader)).toEqual(after.map((text) => text.toWellFormed()));
    }),
  );
});

test.each([
  ['a number that goes on behind its message', '\x08\x80', (reader: WireReader) => reader.number()],
  ['a length that goes on behind its message', '\x0a\x80', (reader: WireReader) => reader.bytes()],
  ['a text that goes on behind its message', '\x0a\x02x', (reader: WireReader) => reader.text()],
  ['bytes that go on behind their message', '\x0a\x02x', (reader: WireReader) => reader.latin1()],
  ['a message that goes on behind its own', '\x0a\x02x', (reader: WireReader) => reader.message()],
  ['a tag that goes on behind its message', '\x80', () => undefined],
  ['a field nobody reads that goes on behind its message', '\x0d\x00', (reader: WireReader) => reader.next()],
] as const)('%s is malformed', (_what, inner, read) => {
  const reader = new WireReader(toBytes(bytesField(1, inner) + numberField(2, 1).repeat(8)));
  reader.next();
  const message = reader.message();
  expect(() => {
    message.next();
    read(message);
  }).toThrow(WireError);
});
