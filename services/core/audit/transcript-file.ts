import { createHash, type Hash } from 'node:crypto';
import { closeSync, constants, mkdirSync, openSync, writeSync } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { systemCodeOf } from './errors.ts';
import { sha256OfFile } from './file-hash.ts';

/** Bytes and the place where they belong, so that it does not matter which of two writes the kernel does first. */
interface Chunk {
  readonly bytes: Buffer;
  readonly position: number;
}

/** Not O_APPEND: positions say where. A name that leads elsewhere is not followed. */
const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW;
const fileMode = 0o600;
const folderMode = 0o700;

/** A transcript's file: open only while it is written. System calls throw what they throw. */
export class TranscriptFile {
  readonly #path: string;
  #lines: string[] = [];
  #linesBytes = 0;
  /** What is being written, or could not be. */
  #chunk: Chunk | null = null;
  /** Where the next chunk belongs. */
  #end = 0;
  /** Over all chunks; null once the file is not what was meant to be in it. */
  #hash: Hash | null = createHash('sha256');

  constructor(path: string) {
    this.#path = path;
  }

  /** What waits in memory. */
  get pendingBytes(): number {
    return this.#linesBytes + (this.#chunk?.bytes.length ?? 0);
  }

  /** What `writeNow` would write. */
  get gathered(): { readonly lines: number; readonly bytes: number } {
    return { lines: this.#lines.length, bytes: this.#linesBytes };
  }

  add(line: string, bytes: number): void {
    this.#lines.push(line);
    this.#linesBytes += bytes;
  }

  /** Writes what waits; not to be called while it runs. Returns how many bytes that were. */
  async write(): Promise<number> {
    const chunk = this.#chunk ?? this.#seal();
    if (chunk === null) return 0;
    this.#chunk = chunk;
    const file = await this.#open();
    try {
      for (let done = 0; done < chunk.bytes.length; ) {
        const left = chunk.bytes.length - done;
        done += (await file.write(chunk.bytes, done, left, chunk.position + done)).bytesWritten;
      }
    } finally {
      await file.close();
    }
    this.#chunk = null;
    return chunk.bytes.length;
  }

  /** The same at once, beside a `write` that may be running, and keeps what it has in hand. */
  writeNow(): void {
    const end = this.#end;
    const chunk = this.#seal();
    if (chunk === null) return;
    try {
      mkdirSync(dirname(this.#path), { recursive: true, mode: folderMode });
      const fd = openSync(this.#path, flags, fileMode);
      try {
        for (let done = 0; done < chunk.bytes.length; ) {
          done += writeSync(fd, chunk.bytes, done, chunk.bytes.length - done, chunk.position + done);
        }
      } finally {
        closeSync(fd);
      }
    } catch (error) {
      // The next lines take the place of these, which are lost.
      this.#end = end;
      this.#hash = null;
      throw error;
    }
  }

  /** Gives up what waits; returns how many bytes that were. */
  abandon(): number {
    const { pendingBytes } = this;
    this.#lines = [];
    this.#linesBytes = 0;
    this.#chunk = null;
    this.#hash = null;
    return pendingBytes;
  }

  /** Of the file as it stands; null when there is none. Ends the hashing. */
  async sha256(): Promise<string | null> {
    return this.#hash === null ? sha256OfFile(this.#path) : this.#hash.digest('hex');
  }

  #seal(): Chunk | null {
    if (this.#lines.length === 0) return null;
    const bytes = Buffer.from(this.#lines.join(''));
    this.#lines = [];
    this.#linesBytes = 0;
    const chunk = { bytes, position: this.#end };
    this.#end += bytes.length;
    this.#hash?.update(bytes);
    return chunk;
  }

  async #open() {
    try {
      return await open(this.#path, flags, fileMode);
    } catch (error) {
      if (systemCodeOf(error) !== 'ENOENT') throw error;
      await mkdir(dirname(this.#path), { recursive: true, mode: folderMode });
      return open(this.#path, flags, fileMode);
    }
  }
}
