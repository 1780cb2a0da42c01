import type { JsonObject, JsonValue } from './strict-json.ts';

export const principalKinds = ['agent', 'workload', 'person'] as const;
export type PrincipalKind = (typeof principalKinds)[number];

/** One party in a delegation chain: a subject is unique only within its issuer. */
export interface Party {
  readonly issuer: string;
  readonly subject: string;
}

/** A claim as it may stand in a token, after `jose` has verified it. */
export type ClaimValue = JsonValue;
export type ClaimObject = JsonObject;

/** Who is speaking. Made only by `core/identity`, once a token or certificate has been verified. */
export interface Principal extends Party {
  readonly kind: PrincipalKind;
  readonly groups: readonly string[];
  readonly claims: ClaimObject;
  /**
   * Everybody behind the speaker, nearest first: the token's own subject when an actor speaks for it (RFC 8693
   * section 4.1), then the actors that stood in between. Empty when nobody else is involved.
   */
  readonly actsFor: readonly Party[];
  /** How the principal proved itself. */
  readonly provenBy: 'token' | 'certificate';
  /** The token's `jti` (with the issuer the key of revocation), or the certificate's SHA-256 fingerprint. */
  readonly credentialId: string;
  /** When the proof ends, in milliseconds since the Unix epoch. */
  readonly expiresAtMs: number;
}

export const sameParty = (left: Party, right: Party): boolean =>
  left.subject === right.subject && left.issuer === right.issuer;

/** The speaker and everybody it acts for: none of them may approve what it asks for. */
export const chainOf = (principal: Principal): readonly Party[] => [
  { issuer: principal.issuer, subject: principal.subject },
  ...principal.actsFor,
];
