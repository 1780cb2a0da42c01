import type { Duplex } from 'node:stream';
import type { Clock, Timer } from '../core/model/clock.ts';
import { SallyportError } from '../core/model/errors.ts';

export type ByteSourceErrorCode =
  /** The other side closed before all was there. */
  | 'closed'
  | 'deadline'
  /** The socket itself failed. */
  | 'broken';

export class ByteSourceError extends SallyportError<ByteSourceErrorCode> {}

interface Wanted {
  readonly count: number;
  resolve(bytes: Buffer): void;
  reject(error: ByteSourceError): void;
}

/**
 * Reads exact counts of bytes from a stream: for headers and handshakes, where each step decides how the next bytes are
 * to be read. `release` hands the stream back, with the bytes that nobody took.
 */
export class ByteSource {
  readonly #stream: Duplex;
  readonly #deadline: Timer;
  #bytes: Buffer = Buffer.alloc(0);
  #wanted: Wanted | null = null;
  #failure: ByteSourceError | null = null;

  constructor(stream: Duplex, clock: Clock, deadlineMs: number) {
    this.#stream = stream;
    stream
      .on('data', this.#onData)
      .on('end', this.#onEnd)
      .on('close', this.#onEnd)
      .on('error', this.#onError);
    this.#deadline = clock.after(deadlineMs, () =>
      this.#fail(new ByteSourceError('deadline', `not complete within ${deadlineMs} ms`)),
    );
  }

  /** Bytes that have arrived and were not taken. */
  get waiting(): number {
    return this.#bytes.length;
  }

  /** What has arrived, without taking it. */
  peek(): Buffer {
    return this.#bytes;
  }

  /** @throws ByteSourceError */
  take(count: number): Promise<Buffer> {
    return this.#want(count).then(() => {
      const taken = this.#bytes.subarray(0, count);
      this.#bytes = this.#bytes.subarray(count);
      return taken;
    });
  }

  /** Waits until at least so many bytes have arrived, and takes none. @throws ByteSourceError */
  async atLeast(count: number): Promise<Buffer> {
    await this.#want(count);
    return this.#bytes;
  }

  /** Stops reading; the stream is paused. What was not taken is returned, and is not in the stream any more. */
  release(): Buffer {
    this.#deadline.cancel();
    this.#stream
      .off('data', this.#onData)
      .off('end', this.#onEnd)
      .off('close', this.#onEnd)
      .off('error', this.#onError);
    this.#stream.pause();
    const rest = this.#bytes;
    this.#bytes = Buffer.alloc(0);
    return rest;
  }

  #want(count: number): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      if (this.#bytes.length >= count) return resolve(this.#bytes);
      if (this.#failure !== null) return reject(this.#failure);
      this.#wanted = { count, resolve, reject };
      this.#stream.resume();
    });
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
    // Nothing more is read than what was asked for: the bytes after a handshake belong to whoever comes next.
    if (this.#wanted === null || this.#bytes.length >= this.#wanted.count) this.#stream.pause();
    if (this.#wanted !== null && this.#bytes.length >= this.#wanted.count) {
      const { resolve } = this.#wanted;
      this.#wanted = null;
      resolve(this.#bytes);
    }
  };

  readonly #onEnd = (): void => this.#fail(new ByteSourceError('closed', 'the connection was closed'));

  readonly #onError = (cause: Error): void =>
    this.#fail(new ByteSourceError('broken', `the connection failed: ${cause.message}`, { cause }));

  #fail(error: ByteSourceError): void {
    this.#failure ??= error;
    const wanted = this.#wanted;
    this.#wanted = null;
    wanted?.reject(error);
  }
}
