import {
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  fdatasync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { messageOf } from '../../model/errors.ts';
import { ApprovalsError } from '../../model/hold.ts';
import type { Logger } from '../../model/log.ts';
import { compactAboveBytes } from '../limits.ts';
import { type LedgerEvent, ledgerEventRecord } from './ledger-event.ts';

const datasync = promisify(fdatasync);

/** Holds carry statements and their values: for the gateway's user alone. */
const fileMode = 0o600;

const appending = constants.O_RDWR | constants.O_CREAT | constants.O_APPEND;

const newline = 0x0a;
const header = JSON.stringify({ kind: 'journal', version: 1 });
const lineOf = (json: string): Buffer => Buffer.from(`${json}\n`);

/**
 * What happened to holds and grants, one JSON object a line, only ever appended to.
 *
 * A line is written synchronously, within the turn that decided: either the kernel has it (it survives kill -9) and
 * the change counts, or there was no change. A hold waits for people, so the tens of microseconds do not show. `sync` is
 * for what must survive the machine as well; one fdatasync serves all that wait for it.
 */
export class Journal {
  readonly #path: string;
  readonly #log: Logger;
  #file: number;
  #bytes: number;
  #bytesOnceRewritten: number;
  /** Why nothing can be written any more; null while it can. */
  #failure: string | null = null;
  #syncing: Promise<void> = Promise.resolve();
  #nextSync: Promise<void> | null = null;

  /**
   * Hands every event that is there to `replay`, in order. A last line without its end was torn by a crash, never
   * answered for, and is cut off.
   * @throws ApprovalsError `corrupt` with the line and byte; `unavailable` when the file cannot be read.
   */
  constructor(path: string, log: Logger, replay: (event: LedgerEvent) => void) {
    this.#path = path;
    this.#log = log;
    const bytes = read(path);
    const wholeBytes = bytes.lastIndexOf(newline) + 1;
    replayLines(path, bytes.subarray(0, wholeBytes), replay);
    this.#file = openForAppend(path);
    if (wholeBytes < bytes.length) {
      log.warn(
        { journal: path, tornBytes: bytes.length - wholeBytes },
        'the last line of the approvals journal was torn by a crash; it is dropped',
      );
      ftruncateSync(this.#file, wholeBytes);
    }
    this.#bytes = wholeBytes;
    this.#bytesOnceRewritten = wholeBytes;
    if (wholeBytes === 0) this.#write(lineOf(header));
  }

  /** @throws ApprovalsError `unavailable`: then nothing was written. */
  append(event: LedgerEvent): void {
    this.#write(lineOf(JSON.stringify(event)));
  }

  /** Resolves once everything appended so far survives a loss of power. */
  sync(): Promise<void> {
    this.#nextSync ??= this.#syncing.then(() => {
      this.#nextSync = null;
      this.#syncing = this.#syncNow();
      return this.#syncing;
    });
    return this.#nextSync;
  }

  get worthRewriting(): boolean {
    return this.#bytes > compactAboveBytes && this.#bytes > 2 * this.#bytesOnceRewritten;
  }

  /** Replaces the journal by these events, or leaves it as it is when that fails. */
  rewrite(events: Iterable<LedgerEvent>): void {
    const besides = `${this.#path}.new`;
    let file: number | null = null;
    try {
      file = openSync(besides, appending | constants.O_TRUNC, fileMode);
      let bytes = writeAll(file, lineOf(header));
      for (const event of events) bytes += writeAll(file, lineOf(JSON.stringify(event)));
      fsyncSync(file);
      renameSync(besides, this.#path);
      this.#replaceFile(file, bytes);
    } catch (cause) {
      if (file !== null) closeSync(file);
      this.#log.error(
        { journal: this.#path, error: messageOf(cause) },
        'the approvals journal could not be rewritten; it goes on growing',
      );
    }
    // After a failure too: the next attempt is for when it has grown again.
    this.#bytesOnceRewritten = this.#bytes;
  }

  #replaceFile(file: number, bytes: number): void {
    const replaced = this.#file;
    this.#file = file;
    this.#bytes = bytes;
    // A running fdatasync still holds the old descriptor, whose number must not be given away under it.
    const closeReplaced = (): void => closeSync(replaced);
    void this.#syncing.then(closeReplaced, closeReplaced);
    try {
      syncFolder(dirname(this.#path));
    } catch (cause) {
      // A loss of power could bring back the old file, and with it grants that were used up since.
      this.#failure = `its folder could not be synced: ${messageOf(cause)}`;
    }
  }

  async close(): Promise<void> {
    await this.sync().catch((error: unknown) => {
      this.#log.error(
        { journal: this.#path, error: messageOf(error) },
        'the approvals journal was not synced',
      );
    });
    this.#failure ??= 'it is closed';
    closeSync(this.#file);
  }

  #write(line: Buffer): void {
    if (this.#failure !== null) throw this.#unavailable(this.#failure);
    this.#mustBeOurs();
    try {
      this.#bytes += writeAll(this.#file, line);
    } catch (cause) {
      this.#cutBack();
      throw this.#unavailable(messageOf(cause), cause);
    }
  }

  /** Two gateways on one state folder would each release what only one of them has seen approved. */
  #mustBeOurs(): void {
    const { size, nlink } = fstatSync(this.#file);
    if (nlink === 0) this.#failure = 'another process has taken it over, or it was deleted';
    else if (size !== this.#bytes) {
      this.#failure = `it has ${size} bytes where this process wrote ${this.#bytes}: something else writes to it`;
    }
    if (this.#failure !== null) throw this.#unavailable(this.#failure);
  }

  /** Takes away what a failed write has left, so that the next line does not follow half a line. */
  #cutBack(): void {
    try {
      ftruncateSync(this.#file, this.#bytes);
    } catch (cause) {
      this.#failure = `half a line could not be taken back: ${messageOf(cause)}`;
    }
  }

  async #syncNow(): Promise<void> {
    if (this.#failure !== null) throw this.#unavailable(this.#failure);
    try {
      await datasync(this.#file);
    } catch (cause) {
      // After a failed fsync the kernel may have dropped the pages, and a second one would say that all is well.
      this.#failure = `fdatasync failed: ${messageOf(cause)}`;
      throw this.#unavailable(this.#failure, cause);
    }
  }

  #unavailable(why: string, cause?: unknown): ApprovalsError {
    return new ApprovalsError(
      'unavailable',
      `the approvals journal ${this.#path} cannot be written: ${why}`,
      {
        cause,
      },
    );
  }
}

function openForAppend(path: string): number {
  try {
    const file = openSync(path, appending, fileMode);
    fchmodSync(file, fileMode);
    return file;
  } catch (cause) {
    throw new ApprovalsError(
      'unavailable',
      `the approvals journal ${path} cannot be opened: ${messageOf(cause)}`,
      { cause },
    );
  }
}

function read(path: string): Buffer {
  try {
    return existsSync(path) ? readFileSync(path) : Buffer.alloc(0);
  } catch (cause) {
    throw new ApprovalsError(
      'unavailable',
      `the approvals journal ${path} cannot be read: ${messageOf(cause)}`,
      { cause },
    );
  }
}

/** write(2) may take less than it was given. Returns the length. */
function writeAll(file: number, bytes: Buffer): number {
  let written = 0;
  while (written < bytes.length) written += writeSync(file, bytes, written);
  return bytes.length;
}

/** A rename is durable once its folder is. */
function syncFolder(folder: string): void {
  const descriptor = openSync(folder, constants.O_RDONLY);
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function replayLines(path: string, bytes: Buffer, replay: (event: LedgerEvent) => void): void {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let offset = 0;
  for (let line = 1; offset < bytes.length; line += 1) {
    const end = bytes.indexOf(newline, offset);
    try {
      const text = decoder.decode(bytes.subarray(offset, end));
      if (line > 1) replay(ledgerEventRecord.parse(JSON.parse(text)));
      else if (text !== header) throw new SyntaxError(`the first line is not ${header}`);
    } catch (cause) {
      const where = `${path}: line ${line}, from byte ${offset} on`;
      throw new ApprovalsError('corrupt', `${where}: ${messageOf(cause)}`, { cause });
    }
    offset = end + 1;
  }
}
