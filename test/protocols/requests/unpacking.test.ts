import {
  brotliCompressSync,
  constants,
  createZstdCompress,
  deflateSync,
  gzipSync,
  zstdCompressSync,
} from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Header } from '../../../services/protocols/request.ts';
import { maxUnpackedAtOnce, unpackedUnboundBytes } from '../../../services/protocols/requests/limits.ts';
import {
  packingOf,
  UnpackError,
  type Unpacker,
  Unpackers,
} from '../../../services/protocols/requests/unpacking.ts';

const packers = {
  gzip: (bytes: Buffer) => gzipSync(bytes),
  deflate: (bytes: Buffer) => deflateSync(bytes),
  br: (bytes: Buffer) => brotliCompressSync(bytes),
  zstd: (bytes: Buffer) => zstdCompressSync(bytes),
} as const;
type Packing = keyof typeof packers;
const packings = ['gzip', 'deflate', 'br', 'zstd'] as const;

const opened = (packing: Packing): Unpacker => {
  const unpacker = new Unpackers().open(packing);
  if (unpacker === null) throw new Error('none is open yet');
  return unpacker;
};

/** What is unpacked of these chunks, the last of which is known to be the last, or not. */
async function unpacked(packing: Packing, chunks: readonly Buffer[], endsEmpty = false): Promise<Buffer> {
  const unpacker = opened(packing);
  const parts: Buffer[] = [];
  try {
    for (const [at, chunk] of chunks.entries()) {
      const isLast = !endsEmpty && at === chunks.length - 1;
      for await (const part of unpacker.unpack(chunk, isLast)) parts.push(part);
    }
    if (endsEmpty) for await (const part of unpacker.unpack(Buffer.alloc(0), true)) parts.push(part);
  } finally {
    unpacker.close();
  }
  return Buffer.concat(parts);
}

const cutAt = (bytes: Buffer, cuts: readonly number[]): readonly Buffer[] => {
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length];
  return places.slice(1).map((end, at) => bytes.subarray(places[at], end));
};

describe.each(packings)('%s', (packing) => {
  const pack = packers[packing];

  test('holds the same wherever it is cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 3_000 }),
        fc.array(fc.nat(4_000), { maxLength: 8 }),
        fc.boolean(),
        async (array, cuts, endsEmpty) => {
          const bytes = Buffer.from(array);
          expect(await unpacked(packing, cutAt(pack(bytes), cuts), endsEmpty)).toEqual(bytes);
        },
      ),
      { numRuns: 60 },
    );
  });

  test('comes byte for byte', async () => {
    const bytes = Buffer.from(JSON.stringify({ users: 'x'.repeat(5_000) }));
    const packed = pack(bytes);
    expect(
      await unpacked(
        packing,
        [...packed].map((byte) => Buffer.from([byte])),
      ),
    ).toEqual(bytes);
  });

  test('is not whole when its end is missing, wherever it breaks off', async () => {
    const packed = pack(Buffer.from(JSON.stringify({ users: 'xyz'.repeat(50) })));
    for (let end = 1; end < packed.length; end += 1) {
      await expect(unpacked(packing, [packed.subarray(0, end)])).rejects.toThrow(UnpackError);
    }
  });

  test('has nothing that is not packed behind its end', async () => {
    const packed = pack(Buffer.from('hello'));
    for (const more of ['ssn=123-45-6789', '\0\0\0\0\0\0\0\0']) {
      await expect(unpacked(packing, [Buffer.concat([packed, Buffer.from(more)])])).rejects.toThrow(
        UnpackError,
      );
      await expect(unpacked(packing, [packed, Buffer.from(more)])).rejects.toThrow(UnpackError);
    }
  });

  test('is refused when it is something else', async () => {
    await expect(unpacked(packing, [Buffer.from('{"ssn":"123-45-6789"}')])).rejects.toThrow(UnpackError);
  });

  test('of no bytes holds none', async () => {
    expect(await unpacked(packing, [Buffer.alloc(0)])).toEqual(Buffer.alloc(0));
  });

  test('that holds far more than came is given up, and little of it was made', async () => {
    const bomb = pack(Buffer.alloc(256 * 1024 * 1024));
    const unpacker = opened(packing);
    let bytes = 0;
    const all = async (): Promise<void> => {
      for await (const part of unpacker.unpack(bomb, true)) bytes += part.length;
    };
    await expect(all()).rejects.toThrow(expect.objectContaining({ code: 'too-much' }));
    expect(bytes).toBeLessThanOrEqual(unpackedUnboundBytes);
    unpacker.close();
  });

  test('makes no more than is taken', async () => {
    const unpacker = opened(packing);
    const parts = unpacker.unpack(pack(Buffer.alloc(16 * 1024 * 1024)), true);
    await parts.next();
    const before = process.memoryUsage().arrayBuffers;
    for (let turns = 0; turns < 200; turns += 1) await new Promise(setImmediate);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 * 1024 * 1024);
    unpacker.close();
    for await (const _ of parts);
  });

  test('ends in peace when it is closed while somebody waits for more', async () => {
    const unpacker = opened(packing);
    const more = unpacker.unpack(pack(Buffer.from('hello')).subarray(0, 4), false);
    const waits = more.next();
    unpacker.close();
    expect(await waits).toEqual({ done: true, value: undefined });
  });
});

test.each(['gzip', 'zstd'] as const)(
  'members of %s that follow each other are one body, however they come',
  async (packing) => {
    const pack = packers[packing];
    const bytes = Buffer.concat([
      pack(Buffer.from('one ')),
      pack(Buffer.from('two ')),
      pack(Buffer.from('three')),
    ]);
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      expect((await unpacked(packing, cutAt(bytes, [cut]))).toString()).toBe('one two three');
    }
    await expect(unpacked(packing, [bytes.subarray(0, -3)])).rejects.toThrow(UnpackError);
  },
);

test('a window of zstd that HTTP does not know is refused', async () => {
  const packer = createZstdCompress({ params: { [constants.ZSTD_c_windowLog]: 27 } });
  packer.write(Buffer.alloc(1_000_000));
  packer.end();
  const packed = Buffer.concat(await packer.toArray());
  await expect(unpacked('zstd', [packed])).rejects.toThrow(UnpackError);
});

test('only so many are unpacked at a time', () => {
  const unpackers = new Unpackers();
  const all = Array.from({ length: maxUnpackedAtOnce }, () => unpackers.open('gzip'));
  expect(all).not.toContain(null);
  expect(unpackers.open('gzip')).toBe(null);
  all[0]?.close();
  all[0]?.close();
  const next = unpackers.open('br');
  expect(next).not.toBe(null);
  expect(unpackers.open('br')).toBe(null);
  for (const each of [...all, next]) each?.close();
});

test.each<[string, readonly Header[], ReturnType<typeof packingOf>]>([
  ['nothing said', [], 'none'],
  ['identity', [{ name: 'content-encoding', value: 'identity' }], 'none'],
  ['an empty value', [{ name: 'content-encoding', value: '' }], 'none'],
  ['another case', [{ name: 'content-encoding', value: ' GZip' }], 'gzip'],
  ['its old name', [{ name: 'content-encoding', value: 'x-gzip' }], 'gzip'],
  ['a list', [{ name: 'content-encoding', value: 'gzip, br' }], 'unknown'],
  [
    'two headers',
    [
      { name: 'content-encoding', value: 'gzip' },
      { name: 'content-encoding', value: 'gzip' },
    ],
    'unknown',
  ],
  ['one that nobody knows', [{ name: 'content-encoding', value: 'compress' }], 'unknown'],
  ['a word that objects know', [{ name: 'content-encoding', value: 'constructor' }], 'unknown'],
  ['chunks', [{ name: 'transfer-encoding', value: 'chunked' }], 'none'],
  ['a packed transfer', [{ name: 'transfer-encoding', value: 'gzip, chunked' }], 'unknown'],
])('%s: %j is %s', (_, headers, packing) => {
  expect(packingOf(headers)).toBe(packing);
});
