import { SallyportError } from '../model/errors.ts';

export type ConfigErrorCode =
  | 'not-found'
  | 'not-permitted'
  /** A folder, a pipe, a device: reading it would fail, wait or never end. */
  | 'not-a-file'
  | 'too-large'
  /** Not UTF-8, or with a NUL in it. */
  | 'not-text'
  | 'unreadable';

/** A file that the config needs and that cannot be read. The message goes on from the file's name: "does not exist". */
export class ConfigError extends SallyportError<ConfigErrorCode> {}
