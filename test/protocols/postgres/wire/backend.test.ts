import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  frameOf,
  messageWithFields,
  notification,
  parameterStatus,
  readCommandTag,
  readCopyResponse,
  readMessageFields,
  readNotification,
  readParameterDescription,
  readParameterStatus,
  readRowDescription,
  readTransactionStatus,
} from '../../../../services/protocols/postgres/wire/backend.ts';
import { WireError } from '../../../../services/protocols/postgres/wire/errors.ts';
import { FrameReader } from '../../../../services/protocols/postgres/wire/frames.ts';
import { maxBackendFrameBytes } from '../../../../services/protocols/postgres/wire/limits.ts';

const readers = [
  readTransactionStatus,
  readMessageFields,
  readParameterStatus,
  readRowDescription,
  readParameterDescription,
  readCopyResponse,
  readCommandTag,
  readNotification,
];

/** Without NUL, which ends a string on the wire. */
const text = fc.string({ unit: 'grapheme', maxLength: 20 }).filter((value) => !value.includes('\0'));

describe('messages of a server', () => {
  test('no bytes make a reader throw anything but a WireError', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 255 }), fc.uint8Array({ maxLength: 80 }), (type, body) => {
        const frame = frameOf(type, Buffer.from(body));
        for (const read of readers) {
          try {
            read(frame);
          } catch (error) {
            expect(error).toBeInstanceOf(WireError);
          }
        }
      }),
    );
  });

  test('are read as they were written, wherever the stream is split', () => {
    const fields = fc
      .uniqueArray(fc.tuple(fc.constantFrom(...'SVCMDHPWstcdnFLR'), text), { selector: ([code]) => code })
      .map((pairs) => new Map(pairs));
    const said = fc.record({
      channel: text,
      payload: text,
      processId: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
    });
    fc.assert(
      fc.property(fields, text, text, said, fc.nat(400), (error, name, value, told, cut) => {
        const stream = Buffer.concat([
          messageWithFields(0x45, error),
          parameterStatus(name, value),
          notification(told),
        ]);
        const reader = new FrameReader(maxBackendFrameBytes);
        reader.push(stream.subarray(0, cut % stream.length));
        const frames: Buffer[] = [];
        for (let frame = reader.next(); frame !== null; frame = reader.next()) frames.push(frame);
        reader.push(stream.subarray(cut % stream.length));
        for (let frame = reader.next(); frame !== null; frame = reader.next()) frames.push(frame);
        const [first = stream, second = stream, third = stream] = frames;
        expect(new Map(readMessageFields(first))).toEqual(error);
        expect(readParameterStatus(second)).toEqual({ name, value });
        expect(readNotification(third)).toEqual(told);
      }),
    );
  });
});
