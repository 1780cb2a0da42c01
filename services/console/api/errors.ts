import { SallyportError } from '../../core/model/errors.ts';

export type ApiErrorCode =
  /** The socket's folder can be entered by others, or is not ours. */
  'unsafe-folder' | 'cannot-listen';

/** Why the API could not be started. */
export class ApiError extends SallyportError<ApiErrorCode> {}
