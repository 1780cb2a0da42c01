import { IdentityError, type VerifiedCertificate } from '../model/identity.ts';
import type { ClaimObject } from '../model/principal.ts';
import { isObject } from './claims.ts';

/**
 * A token with `cnf` (RFC 7800) is only good together with a key, so that it is worth nothing to whoever steals it. The
 * gateway can see one kind of key, the client certificate of the same connection (RFC 8705 section 3.1): that is checked,
 * any other kind cannot be, and then the token is refused. To have all tokens bound, require the claim `cnf`.
 *
 * @throws IdentityError `rejected`
 */
export function checkConfirmation(claims: ClaimObject, certificate: VerifiedCertificate | null): void {
  if (!Object.hasOwn(claims, 'cnf')) return;
  const cnf = claims['cnf'];
  const thumbprint = isObject(cnf) && Object.keys(cnf).length === 1 ? cnf['x5t#S256'] : undefined;
  if (typeof thumbprint !== 'string') {
    throw new IdentityError(
      'rejected',
      'The token is bound to a key (cnf) in a way that this connection cannot prove; only client certificates (x5t#S256) can.',
    );
  }
  if (certificate === null || Buffer.from(certificate.sha256, 'hex').toString('base64url') !== thumbprint) {
    throw new IdentityError(
      'rejected',
      'The token is bound to a client certificate (cnf), and this connection does not present that certificate.',
    );
  }
}
