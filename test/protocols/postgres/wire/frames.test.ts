import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { frameOf } from '../../../../services/protocols/postgres/wire/backend.ts';
import { WireError } from '../../../../services/protocols/postgres/wire/errors.ts';
import { FrameReader } from '../../../../services/protocols/postgres/wire/frames.ts';

const limit = 1024;

/** Cuts the bytes at these places and reads whatever comes out. */
function readInPieces(bytes: Buffer, cuts: readonly number[]): { frames: string[]; failed: string | null } {
  const reader = new FrameReader(limit);
  const frames: string[] = [];
  const places = [...new Set([0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length])];
  places.sort((left, right) => left - right);
  try {
    for (let at = 0; at + 1 < places.length; at++) {
      reader.push(Buffer.from(bytes.subarray(places[at], places[at + 1])));
      for (let frame = reader.next(); frame !== null; frame = reader.next())
        frames.push(frame.toString('hex'));
    }
    return { frames, failed: null };
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    return { frames, failed: error.code };
  }
}

const message = fc
  .record({ type: fc.integer({ min: 1, max: 255 }), body: fc.uint8Array({ maxLength: 60 }) })
  .map(({ type, body }) => frameOf(type, Buffer.from(body)));

describe('the frame reader', () => {
  test('gives the same messages wherever the stream is split', () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 8 }), fc.array(fc.nat(600)), (messages, cuts) => {
        const whole = Buffer.concat(messages);
        const expected = messages.map((frame) => frame.toString('hex'));
        expect(readInPieces(whole, cuts)).toEqual({ frames: expected, failed: null });
      }),
    );
  });

  test('gives the same for any bytes at all, whole, split, or one by one', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.array(fc.nat(200)), (bytes, cuts) => {
        const stream = Buffer.from(bytes);
        const whole = readInPieces(stream, []);
        expect(readInPieces(stream, cuts)).toEqual(whole);
        expect(readInPieces(stream, [...stream.keys()])).toEqual(whole);
      }),
    );
  });

  test.each([
    [0, 'impossible-length'],
    [1, 'impossible-length'],
    [3, 'impossible-length'],
    [limit, 'frame-too-long'],
    [2 ** 30, 'frame-too-long'],
    [2 ** 31 - 1, 'frame-too-long'],
    [2 ** 31, 'frame-too-long'],
    [2 ** 32 - 1, 'frame-too-long'],
  ])('refuses a length of %i before anything is kept for it', (length, code) => {
    const header = Buffer.alloc(5, 0x51);
    header.writeUInt32BE(length, 1);
    const reader = new FrameReader(limit);
    reader.push(header);
    expect(() => reader.next()).toThrow(expect.objectContaining({ code }));
  });

  test('views lie next to each other when their chunk held them so', () => {
    const reader = new FrameReader(limit);
    reader.push(Buffer.concat([frameOf(0x44, [1]), frameOf(0x44, [2])]));
    const [first, second] = [reader.next(), reader.next()];
    expect(first?.buffer).toBe(second?.buffer);
    expect((first?.byteOffset ?? 0) + (first?.byteLength ?? 0)).toBe(second?.byteOffset);
  });
});
