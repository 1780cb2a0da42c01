import { SallyportError } from '../model/errors.ts';

export type MaskingErrorCode = 'unknown-transform' | 'unknown-detector';

/** A mask names something that does not exist. Policies are checked when loaded, so this never meets a client. */
export class MaskingError extends SallyportError<MaskingErrorCode> {}
