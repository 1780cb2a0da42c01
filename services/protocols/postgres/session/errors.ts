import { SallyportError } from '../../../core/model/errors.ts';

export type UpstreamErrorCode =
  | 'unreachable'
  /** The server is starting up, shutting down or recovering (SQLSTATE 57P03). */
  | 'not-accepting'
  /** It is a standby where a primary is wanted, or read-only where one wants to write, or the other way round. */
  | 'wrong-session-attributes'
  | 'tls-refused'
  /** The certificate does not verify, or its name is another. */
  | 'tls-unverified'
  /** The server asks for a way to log in that the config does not allow, or cannot prove that it knows the password. */
  | 'authentication-not-allowed'
  /** Channel binding is required, and with this server there is none. */
  | 'channel-binding-unavailable'
  | 'login-refused'
  | 'protocol-violation'
  | 'query-failed';

/** The target could not be reached or does not behave. The message is for operators; clients get a plainer one. */
export class UpstreamError extends SallyportError<UpstreamErrorCode> {}
