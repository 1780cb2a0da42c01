import { SallyportError } from '../model/errors.ts';

export type AuditErrorCode =
  /** A chain's name becomes a file's name; this one cannot. */
  | 'bad-chain-name'
  /** Another process writes this chain. */
  | 'chain-locked'
  /** The signing key is not an Ed25519 key in PEM. */
  | 'bad-key'
  | 'bad-anchor'
  /** Not a transcript, or one of another version. */
  | 'bad-transcript'
  /** The file system said no; the cause has its code. */
  | 'unavailable';

export class AuditError extends SallyportError<AuditErrorCode> {}

/** The code of what a system call threw (`ENOSPC`), or an empty string. By its shape: a vm context has an `Error` of its own. */
export const systemCodeOf = (thrown: unknown): string =>
  typeof thrown === 'object' && thrown !== null && 'code' in thrown && typeof thrown.code === 'string'
    ? thrown.code
    : '';
