/** Shortest value that can hold anything a detector finds: `a@b.co`. Shorter ones are passed over unread. */
export const minScannedBytes = 6;

/** RFC 5321 section 4.5.3.1: 64 octets of local part, 255 of domain, 63 of a label (RFC 1035 section 2.3.4). */
export const maxLocalPartBytes = 64;
export const maxDomainBytes = 255;
export const maxDomainLabelBytes = 63;

/** `-----BEGIN ENCRYPTED PRIVATE KEY-----` and PGP's block are under 45; what is longer is no PEM label. */
export const maxPemLineBytes = 64;

/**
 * `last4` shows four characters only of values at least this long: a bare US social security number, the shortest
 * thing whose last four digits people show each other. A shorter value would be half given away.
 */
export const last4MinCharacters = 9;

/** Digits of HMAC-SHA-256 that `hash` shows, in hex. 80 bits: two of 10^9 values meet with probability 4 * 10^-7. */
export const hashHexDigits = 20;

/** Fields whose HMAC key is kept; over it all are dropped and derived anew, which costs one HMAC each. */
export const maxFieldKeys = 1000;
