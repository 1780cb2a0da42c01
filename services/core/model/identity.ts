import { SallyportError } from './errors.ts';
import type { Principal } from './principal.ts';
import type { Secret } from './secret.ts';

export type IdentityErrorCode =
  /** Not a token at all, or one of a form that is never accepted. */
  | 'malformed'
  | 'unknown-issuer'
  /** Signature, algorithm, key, audience, or a required claim. */
  | 'rejected'
  | 'expired'
  | 'not-yet-valid'
  /** The issuer's keys cannot be fetched and none are cached. */
  | 'issuer-unavailable'
  | 'unmapped-certificate';

export class IdentityError extends SallyportError<IdentityErrorCode> {}

/** A client certificate that TLS has verified against the listener's CA. */
export interface VerifiedCertificate {
  readonly commonName: string;
  /** Subject alternative names as RFC 5280 types: `DNS:build.example`, `URI:spiffe://…`, `email:…`. */
  readonly alternativeNames: readonly string[];
  readonly issuer: string;
  readonly sha256: string;
  readonly notAfterMs: number;
}

/** What the token is for: a token for targets must not approve, and one for approving must not reach a target. */
export type TokenUse = 'access' | 'console';

export interface Identity {
  /**
   * @param certificate what the client has proved beside the token on the same connection: a token that is bound to a
   * client certificate (`cnf`, RFC 8705) is accepted with that certificate only.
   * @throws IdentityError
   */
  fromToken(token: Secret, use: TokenUse, certificate?: VerifiedCertificate | null): Promise<Principal>;
  /** @throws IdentityError `unmapped-certificate` when no rule maps it. */
  fromCertificate(certificate: VerifiedCertificate): Principal;
}
