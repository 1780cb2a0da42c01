import { SallyportError } from '../../../core/model/errors.ts';

export type UpstreamErrorCode =
  | 'unreachable'
  | 'tls-refused'
  /** The certificate does not verify, or its name is another. */
  | 'tls-unverified'
  /** The server asks for a way to log in that the config does not allow, or cannot prove that it knows the password. */
  | 'authentication-not-allowed'
  | 'login-refused'
  | 'protocol-violation'
  | 'query-failed';

/** The target could not be reached or does not behave. The message is for operators; clients get a plainer one. */
export class UpstreamError extends SallyportError<UpstreamErrorCode> {}
