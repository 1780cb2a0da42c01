/** Answers that come packed, although the target was asked not to: what they hold is what is read, and what the client gets (RFC 9110 section 8.4). */
import {
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createZstdDecompress,
} from 'node:zlib';
import { SallyportError } from '../../core/model/errors.ts';
import type { Header } from '../request.ts';
import {
  maxUnpackedAtOnce,
  maxUnpackedRatio,
  maxZstdWindowLog,
  unpackedPartBytes,
  unpackedUnboundBytes,
} from './limits.ts';

/** `unreadable`: it is not what it is said to be, or not whole. `too-much`: it holds so much more than came that somebody wants to drown us. */
export class UnpackError extends SallyportError<'unreadable' | 'too-much'> {}

const part = { chunkSize: unpackedPartBytes } as const;

const decoders = {
  gzip: () => createGunzip(part),
  deflate: () => createInflate(part),
  br: () => createBrotliDecompress(part),
  zstd: () =>
    createZstdDecompress({ ...part, params: { [constants.ZSTD_d_windowLogMax]: maxZstdWindowLog } }),
} as const;

type Packing = keyof typeof decoders;
type Decoder = ReturnType<(typeof decoders)[Packing]>;

const isPacking = (name: string): name is Packing => Object.hasOwn(decoders, name);

/** How a body is packed; `unknown` also when it is packed more than once. */
export function packingOf(headers: readonly Header[]): Packing | 'none' | 'unknown' {
  const coding = (wanted: string): string =>
    headers
      .filter(({ name }) => name === wanted)
      .map(({ value }) => value.trim().toLowerCase())
      .join(',');
  // Envoy takes chunks off; what else stands there it leaves packed, and the client would not know of it.
  if (!['', 'chunked'].includes(coding('transfer-encoding'))) return 'unknown';
  const name = coding('content-encoding').replace(/^x-gzip$/, 'gzip');
  if (name === '' || name === 'identity') return 'none';
  return isPacking(name) ? name : 'unknown';
}

/** Bounds how many bodies are unpacked at a time: each has a window of its own. */
export class Unpackers {
  #open = 0;

  /** Null when there are too many. */
  open(packing: Packing): Unpacker | null {
    if (this.#open >= maxUnpackedAtOnce) return null;
    this.#open += 1;
    return new Unpacker(packing, () => {
      this.#open -= 1;
    });
  }
}

/** One body, as it comes. What it holds is made only as it is taken, however much that is. */
export class Unpacker {
  readonly #packing: Packing;
  readonly #closed: () => void;
  #decoder: Decoder;
  #failure: Error | null = null;
  #isClosed = false;
  #wake: (() => void) | null = null;
  #packedBytes = 0;
  #bytes = 0;

  constructor(packing: Packing, closed: () => void) {
    this.#packing = packing;
    this.#closed = closed;
    this.#decoder = this.#newDecoder();
  }

  /**
   * What the next bytes hold, in parts. Each call is taken to its end before the next, or none follows.
   *
   * @throws UnpackError
   */
  async *unpack(packed: Buffer, isLast: boolean): AsyncGenerator<Buffer, void, undefined> {
    this.#packedBytes += packed.length;
    for (let left = packed; left.length > 0; ) {
      const decoder = this.#decoder;
      const takenBefore = decoder.bytesWritten;
      yield* this.#through((done) => decoder.write(left, done));
      if (this.#isClosed) return;
      left = left.subarray(decoder.bytesWritten - takenBefore);
      if (left.length === 0) break;
      // Frames of zstd may follow each other (RFC 8878 section 3), and Node's decoder stops behind one that ends within what it was given.
      if (this.#packing !== 'zstd' || decoder.bytesWritten === takenBefore) {
        throw new UnpackError('unreadable', 'more comes behind its end');
      }
      this.#decoder = this.#newDecoder();
      decoder.destroy();
    }
    if (!isLast || this.#packedBytes === 0) return;
    const decoder = this.#decoder;
    if (!decoder.readableEnded) yield* this.#through((done) => decoder.once('end', done).end());
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#decoder.destroy();
    this.#closed();
    this.#wake?.();
  }

  #newDecoder(): Decoder {
    const decoder = decoders[this.#packing]();
    decoder.on('readable', () => this.#wake?.());
    decoder.on('error', (error) => {
      this.#failure = error;
      this.#wake?.();
    });
    return decoder;
  }

  async *#through(begin: (done: () => void) => void): AsyncGenerator<Buffer, void, undefined> {
    const decoder = this.#decoder;
    let isDone = false;
    begin(() => {
      isDone = true;
      this.#wake?.();
    });
    while (!this.#isClosed) {
      const made: Buffer | null = decoder.read();
      if (made !== null) {
        this.#count(made.length);
        yield made;
      } else if (this.#failure !== null) {
        throw new UnpackError('unreadable', this.#failure.message, { cause: this.#failure });
      } else if (isDone) {
        return;
      } else {
        const { promise, resolve } = Promise.withResolvers<void>();
        this.#wake = resolve;
        await promise;
        this.#wake = null;
      }
    }
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes > unpackedUnboundBytes && this.#bytes > maxUnpackedRatio * this.#packedBytes) {
      throw new UnpackError('too-much', `it holds more than ${maxUnpackedRatio} times what came`);
    }
  }
}
