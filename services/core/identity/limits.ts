/**
 * Longest token, in characters. Node's HTTP parser and most identity providers stop at 16 KiB as well: Entra moves
 * groups out of the token long before, and a longer one would not fit the headers it is usually sent in.
 */
export const maxTokenCharacters = 16 * 1024;

/** Members of all objects of a token together. Keycloak writes one for each client that a user has roles in. */
export const maxTokenMembers = 500;

/** Objects and lists within each other: Keycloak's `resource_access.<client>.roles` is 3, an actor adds one. */
export const maxTokenDepth = 12;

/** Entra writes at most 200 groups into a JWT; Keycloak has no limit, and people in more than 500 groups have none. */
export const maxGroups = 500;

/** Actors behind each other in `act`. Each is a service that hands on the work of the one before; eight is many. */
export const maxActors = 8;

/** Subjects, groups and key ids. OpenID Connect Core section 2 ends `sub` at 255 ASCII characters. */
export const maxNameCharacters = 255;

/** An issuer that a token names is compared with the configured ones and shown; URLs of tenants are shorter. */
export const maxIssuerCharacters = 1024;

/** The year 275760: where `Date` ends, so that every accepted `exp` can be shown. */
export const maxTimestampSeconds = 8.64e12;

/** Longest document that an issuer may answer with. Google's and Entra's metadata and key sets are under 20 KiB. */
export const maxDocumentBytes = 256 * 1024;

/** Keys of one issuer; a rotation has two or three, and Entra's common set about ten. */
export const maxKeys = 100;

/** Whole time for one document, connecting included. A client waits for it, and clients give up after ten or more. */
export const fetchTimeoutMs = 5_000;

/** After this a key set is fetched again in the background, so that a withdrawn key is forgotten. */
export const keysFreshMs = 10 * 60_000;

/**
 * After this a key set that could not be fetched again is not used any more. Tokens live for minutes, so one that was
 * made before its issuer went away has expired by then; longer would only serve whoever cut the gateway off.
 */
export const keysEndMs = 60 * 60_000;

/** Between two fetches for keys that are not in the set: random key ids cost the issuer six requests a minute. */
export const refetchCooldownMs = 10_000;

/** How long a key id that the issuer did not have causes no fetch: a misconfigured client asks again and again. */
export const unknownKeyMs = 60_000;

/** Unknown key ids that are remembered; over it the oldest is forgotten, and the cooldown still holds. */
export const maxUnknownKeys = 1_000;

/** Subject alternative names of a client certificate. Identities have a few; big server certificates have 100. */
export const maxAlternativeNames = 100;

/** One alternative name: the SPIFFE ID specification asks for 2048 bytes, and nothing else comes near. */
export const maxAlternativeNameCharacters = 2048;

/** Longest that `sallyport login` waits, whatever the issuer says: RFC 8628's own example is 30 minutes. */
export const maxLoginMs = 30 * 60_000;

/** Verified tokens that are remembered; with a few KiB of claims each, some MiB. Over it the longest unused is forgotten. */
export const maxVerifiedTokens = 1_000;

/** How long one is remembered: short beside `keysFreshMs`, so that a token in constant use still gets its keys renewed. */
export const verifiedTokenMs = 60_000;
