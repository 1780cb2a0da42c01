import { SallyportError } from '../../../core/model/errors.ts';

export type RingErrorCode = 'wrong-encoding';

export class RingError extends SallyportError<RingErrorCode> {}
