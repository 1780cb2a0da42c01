import { SallyportError } from '../core/model/errors.ts';

export type EdgeErrorCode =
  /** Another process serves on this socket. */
  | 'socket-in-use'
  /** What stands at the socket's path is not a socket. */
  | 'not-a-socket'
  | 'cannot-listen';

export class EdgeError extends SallyportError<EdgeErrorCode> {}
