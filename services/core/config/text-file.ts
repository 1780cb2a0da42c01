import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { messageOf } from '../model/errors.ts';
import { ConfigError } from './errors.ts';

export interface TextFile {
  readonly text: string;
  /** Permission bits, as chmod takes them. */
  readonly mode: number;
}

/**
 * Reads at most `maxBytes` of UTF-8. Synchronously: files of a config are small and local, and are read when the gateway
 * starts or the config changes.
 *
 * @throws ConfigError
 */
export function readTextFile(path: string, maxBytes: number): TextFile {
  let descriptor: number;
  try {
    // Without O_NONBLOCK, opening a pipe would wait for somebody to write to it.
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    throw fileError(cause);
  }
  try {
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) throw new ConfigError('not-a-file', 'is not a regular file');
    return { text: decode(readUpTo(descriptor, maxBytes)), mode: stats.mode & 0o777 };
  } catch (cause) {
    throw cause instanceof ConfigError ? cause : fileError(cause);
  } finally {
    closeSync(descriptor);
  }
}

const chunkBytes = 64 * 1024;

/** What the size in the file's status says is not relied on: files in /proc have 0, and a file may grow. */
function readUpTo(descriptor: number, maxBytes: number): Buffer {
  const chunks: Buffer[] = [];
  for (let length = 0; length <= maxBytes; ) {
    const chunk = Buffer.allocUnsafe(chunkBytes);
    const read = readSync(descriptor, chunk, 0, chunk.length, null);
    if (read === 0) return Buffer.concat(chunks);
    chunks.push(chunk.subarray(0, read));
    length += read;
  }
  throw new ConfigError('too-large', `is larger than ${maxBytes} bytes, which is the limit`);
}

function decode(bytes: Buffer): string {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new ConfigError('not-text', 'is not text in UTF-8', { cause });
  }
  if (text.includes('\0')) throw new ConfigError('not-text', 'is not text: it has a NUL in it');
  return text;
}

/** What the operating system said of a file, in our words. */
export function fileError(cause: unknown): ConfigError {
  const code: unknown = typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : null;
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return new ConfigError('not-found', 'does not exist', { cause });
    case 'EACCES':
    case 'EPERM':
      return new ConfigError('not-permitted', 'may not be read by the user that the gateway runs as', {
        cause,
      });
    default:
      return new ConfigError('unreadable', `cannot be read (${messageOf(cause)})`, { cause });
  }
}
