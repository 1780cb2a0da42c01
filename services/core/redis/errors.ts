import { SallyportError } from '../model/errors.ts';

export type RedisErrorCode =
  /** It could not be reached or did not answer in time. What was asked of it may have been done. */
  'unavailable' | 'invalid-url' | 'closed';

export class RedisError extends SallyportError<RedisErrorCode> {}
