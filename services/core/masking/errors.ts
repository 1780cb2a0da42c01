import { SallyportError } from '../model/errors.ts';

/**
 * `unknown-*`: a mask names something that does not exist; policies are checked when loaded, so this never meets a client.
 * `unreadable`: a body is not of the form in which its masks can be found.
 */
export type MaskingErrorCode = 'unknown-transform' | 'unknown-detector' | 'unreadable';

export class MaskingError extends SallyportError<MaskingErrorCode> {}
