import { SallyportError } from '../../core/model/errors.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';

export type CliErrorCode =
  | 'usage'
  | 'config'
  | 'failed'
  | 'not-found'
  | 'not-permitted'
  | 'unreachable'
  | 'interrupted';

const exits: Readonly<Record<CliErrorCode, ExitCode>> = {
  usage: exitCodes.usage,
  config: exitCodes.usage,
  failed: exitCodes.no,
  'not-found': exitCodes.no,
  'not-permitted': exitCodes.notPermitted,
  unreachable: exitCodes.unreachable,
  interrupted: exitCodes.interrupted,
};

/** Ends a command: the message says what happened and where, the hint what to do. */
export class CliError extends SallyportError<CliErrorCode> {
  readonly hint: string | null;
  /** Lines below the message that can be written as they are. */
  readonly details: readonly string[];

  constructor(
    code: CliErrorCode,
    message: string,
    hint: string | null = null,
    options: { readonly cause?: unknown; readonly details?: readonly string[] } = {},
  ) {
    super(code, message, options);
    this.hint = hint;
    this.details = options.details ?? [];
  }

  get exitCode(): ExitCode {
    return exits[this.code];
  }
}
