import { createHash } from 'node:crypto';
import {
  closeSync,
  fdatasync,
  fstatSync,
  fsync,
  openSync,
  readSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { AuditError, systemCodeOf } from './errors.ts';
import { readChunkBytes } from './limits.ts';
import type { TornBytes } from './record.ts';
import type { SegmentPlace } from './segment-names.ts';

const syncData = promisify(fdatasync);
const syncAll = promisify(fsync);

async function syncFolder(path: string): Promise<void> {
  const folder = openSync(path, 'r');
  try {
    await syncAll(folder);
  } finally {
    closeSync(folder);
  }
}

/** A segment that this process writes. System calls throw what they throw. */
export class SegmentFile {
  readonly place: SegmentPlace;
  readonly #fd: number;
  readonly #inode: bigint;
  #size = 0;
  #folderSynced = false;
  /** Ends when no fdatasync runs on the descriptor any more: only then may it be closed. */
  #syncing: Promise<void> = Promise.resolve();

  constructor(place: SegmentPlace) {
    this.place = place;
    // Exclusive: a file that is there already is never written to, whoever made it.
    this.#fd = openSync(place.path, 'ax', 0o600);
    this.#inode = fstatSync(this.#fd, { bigint: true }).ino;
  }

  /** Bytes that the kernel took. */
  get size(): number {
    return this.#size;
  }

  /** One write; returns how much of it the kernel took, at least one byte. */
  write(bytes: Uint8Array): number {
    const written = writeSync(this.#fd, bytes);
    // A file system that takes nothing and says nothing would keep the caller in its loop for ever.
    if (written === 0) throw new AuditError('unavailable', `${this.place.path} takes no more bytes`);
    this.#size += written;
    return written;
  }

  /** Whether descriptor and path still lead to the file that was written, with nothing but our bytes in it. */
  isAsLeft(): boolean {
    try {
      const [open, named] = [
        fstatSync(this.#fd, { bigint: true }),
        statSync(this.place.path, { bigint: true }),
      ];
      return open.ino === this.#inode && named.ino === this.#inode && named.size === BigInt(this.#size);
    } catch (error) {
      if (systemCodeOf(error) === '') throw error;
      return false;
    }
  }

  /** What stands in the file from this offset on; null when nothing does. */
  tornAfter(offset: number): TornBytes | null {
    const hash = createHash('sha256');
    let bytes = 0;
    let fd: number;
    try {
      fd = openSync(this.place.path, 'r');
    } catch (error) {
      if (systemCodeOf(error) === 'ENOENT') return null;
      throw error;
    }
    try {
      const chunk = Buffer.allocUnsafe(readChunkBytes);
      for (;;) {
        const read = readSync(fd, chunk, 0, chunk.length, offset + bytes);
        if (read === 0) break;
        hash.update(chunk.subarray(0, read));
        bytes += read;
      }
    } finally {
      closeSync(fd);
    }
    return bytes === 0 && offset > 0
      ? null
      : { segment: this.place.number, bytes, sha256: hash.digest('hex') };
  }

  /** Waits until the disk has what was written so far, and the name of the file. */
  sync(): Promise<void> {
    const synced = this.#syncing.then(() => this.#syncNow());
    this.#syncing = synced.catch(() => undefined); // the caller gets the error; this only keeps the order
    return synced;
  }

  async #syncNow(): Promise<void> {
    await syncData(this.#fd);
    if (this.#folderSynced) return;
    await syncFolder(dirname(this.place.path));
    this.#folderSynced = true;
  }

  async close(): Promise<void> {
    try {
      await this.sync();
    } finally {
      this.#closeNow();
    }
  }

  /** Takes a file away whose header could not be written. */
  discard(): void {
    this.#closeNow();
    unlinkSync(this.place.path);
  }

  #closeNow(): void {
    // After EBADF the number may be somebody else's file by now, which is not ours to close.
    if (fstatSync(this.#fd, { bigint: true }).ino === this.#inode) closeSync(this.#fd);
  }
}
