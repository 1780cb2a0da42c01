/** Shortest value that can hold anything a detector finds: `a@b.co`. Shorter ones are passed over unread. */
export const minScannedBytes = 6;

/** RFC 5321 section 4.5.3.1: 64 octets of local part, 255 of domain, 63 of a label (RFC 1035 section 2.3.4). */
export const maxLocalPartBytes = 64;
export const maxDomainBytes = 255;
export const maxDomainLabelBytes = 63;

/** Azure's keys are 88 characters of base64, whose slashes would otherwise take in a path without an end. */
export const maxBase64KeyBytes = 128;

/** `-----BEGIN ENCRYPTED PRIVATE KEY-----` and PGP's block are under 45; what is longer is no PEM label. */
export const maxPemLineBytes = 64;

/** Digits of HMAC-SHA-256 that `hash` shows, in hex. 80 bits: two of 10^9 values meet with probability 4 * 10^-7. */
export const hashHexDigits = 20;

/** Fields whose HMAC key is kept; over it all are dropped and derived anew, which costs one HMAC each. */
export const maxFieldKeys = 1000;

/** Parts of a path into JSON: more is a mistake, and each is looked at for each key that is new. */
export const maxPathSegments = 32;

/** Keys whose way along the paths is kept at one place of a document; over it they are found anew. APIs have some dozen. */
export const maxKnownKeys = 1_000;

/**
 * The longest string, key or event that is held to be looked into. Longer strings are masked whole where detectors look at them: pages and
 * files that APIs put into JSON are under it.
 */
export const maxHeldBytes = 1024 * 1024;

/** A key longer than this is no name of a field. */
export const maxKeyBytes = 64 * 1024;

/** A number or literal; doubles have 17 digits, and who writes more writes some dozen. */
export const maxNumberBytes = 1_024;

/** Objects and arrays within each other. Parsers of clients end between 100 (Go 10,000) and the end of their stack. */
export const maxJsonDepth = 1_000;

/** JSON in a string in JSON, and so on: APIs pass a log line or a manifest on so, once or twice. */
export const maxNestedDocuments = 4;

/** A line that is longer is looked at in pieces of this size. Log lines and generated HTML are mostly far under it. */
export const textPieceBytes = 64 * 1024;

/** How far pieces overlap: more than any find takes that is not a run of one kind of characters (an e-mail address is 320 bytes). */
export const textOverlapBytes = 1_024;
