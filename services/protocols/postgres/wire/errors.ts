import { SallyportError } from '../../../core/model/errors.ts';

export type WireErrorCode =
  /** A length that cannot be: shorter than its own four bytes, or negative. */
  | 'impossible-length'
  | 'frame-too-long'
  | 'unknown-message'
  /** A known message whose fields do not fill it exactly. */
  | 'malformed-message'
  /** Text that is not UTF-8. */
  | 'bad-encoding'
  /** A message that may not come now. */
  | 'out-of-order'
  | 'name-too-long';

/** Bytes that cannot be what the protocol allows. The session ends: after this nobody knows where messages begin. */
export class WireError extends SallyportError<WireErrorCode> {}
