import { IdentityError } from '../model/identity.ts';
import type { ClaimObject, ClaimValue } from '../model/principal.ts';
import type { IssuerSettings } from '../model/settings.ts';
import { claimAt } from './claims.ts';
import { maxTimestampSeconds } from './limits.ts';

const rejected = (message: string): IdentityError => new IdentityError('rejected', message);

/**
 * Whether a token whose signature has been verified is good here and now (RFC 7519 section 4.1, RFC 8725, RFC 9068
 * section 4). Stricter than the RFCs where they leave room: `aud` may name nobody but us, times are numbers and `iat` is
 * required, the type is one of the configured ones.
 *
 * @returns when it expires, in milliseconds since the Unix epoch
 * @throws IdentityError `rejected`, `expired` or `not-yet-valid`
 */
export function checkToken(
  type: string | null,
  claims: ClaimObject,
  issuer: IssuerSettings,
  audience: string,
  nowMs: number,
): number {
  checkType(type, claims, issuer);
  if (claims['iss'] !== issuer.url)
    throw rejected("The token's issuer (iss) is not the one whose key signed it.");
  checkAudience(claims['aud'], audience);
  const expiresAtMs = checkTimes(claims, issuer, nowMs);
  if (typeof claims['sub'] !== 'string') throw rejected('The token has no subject (sub).');
  for (const name of issuer.requiredClaims) {
    const value = claimAt(claims, name);
    if (value === undefined || value === null || value === '') {
      throw rejected(
        `The token has no claim ${JSON.stringify(name)}, which the gateway requires of this issuer.`,
      );
    }
  }
  return expiresAtMs;
}

/** Keycloak marks what its tokens are in a claim `typ`, while the header says `JWT` for all of them. */
const keycloakNonAccess = ['refresh', 'offline', 'logout', 'serialized-id'];

function checkType(type: string | null, claims: ClaimObject, issuer: IssuerSettings): void {
  // RFC 7519 section 5.1: without `typ` it is a JWT of no particular kind, which is what `jwt` says as well.
  if (!issuer.tokenTypes.includes(type ?? 'jwt')) {
    throw rejected(
      `The token is of another type (typ) than the gateway takes: ${issuer.tokenTypes.join(' or ')}. ` +
        'ID tokens and refresh tokens are not access tokens.',
    );
  }
  const marked = claims['typ'];
  if (typeof marked === 'string' && keycloakNonAccess.includes(marked.toLowerCase())) {
    throw rejected('The token is a refresh or logout token, which gives no access.');
  }
  // RFC 8417: a security event (a back-channel logout among them) is news about somebody, not their credential.
  if (Object.hasOwn(claims, 'events'))
    throw rejected('The token is a security event token, which gives no access.');
}

/** A token for several audiences can be replayed against us by any of the others. */
function checkAudience(aud: ClaimValue | undefined, audience: string): void {
  const only = Array.isArray(aud) && aud.length === 1 ? aud[0] : aud;
  if (only !== audience) {
    throw rejected(
      `The token is not for this use of the gateway: its audience (aud) must be ${JSON.stringify(audience)} and nothing else.`,
    );
  }
}

/**
 * The tolerance is for an issuer whose clock is ahead: its newest tokens seem to come from the future. Expiry gets none:
 * a token that ends is always replaced early enough, and one that is stolen should not live longer.
 */
function checkTimes(claims: ClaimObject, issuer: IssuerSettings, nowMs: number): number {
  const expiresAtMs = timestampMs(claims, 'exp');
  const issuedAtMs = timestampMs(claims, 'iat');
  const notBeforeMs = Object.hasOwn(claims, 'nbf') ? timestampMs(claims, 'nbf') : issuedAtMs;
  if (nowMs >= expiresAtMs) throw new IdentityError('expired', 'The token has expired (exp). Get a new one.');
  if (Math.max(issuedAtMs, notBeforeMs) > nowMs + issuer.clockToleranceMs) {
    throw new IdentityError(
      'not-yet-valid',
      'The token is not valid yet (nbf, iat). If it is new, the clocks of the issuer and the gateway disagree.',
    );
  }
  if (issuer.maxTokenAgeMs !== null && expiresAtMs - issuedAtMs > issuer.maxTokenAgeMs) {
    throw rejected(
      `The token lives too long: the gateway takes tokens that expire at most ${issuer.maxTokenAgeMs / 1000} s after they were issued.`,
    );
  }
  return expiresAtMs;
}

function timestampMs(claims: ClaimObject, name: 'exp' | 'iat' | 'nbf'): number {
  const seconds = claims[name];
  if (typeof seconds !== 'number' || seconds < 0 || seconds > maxTimestampSeconds) {
    throw rejected(`The token's ${name} is missing or not a number of seconds.`);
  }
  return Math.floor(seconds * 1000);
}
