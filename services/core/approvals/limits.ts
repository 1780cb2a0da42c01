/**
 * One request as JSON. An approver must have read what they approve, and 256 KiB are some 4,000 lines: over that
 * nobody has. Nothing is cut to fit; a larger request is refused.
 */
export const maxRequestBytes = 256 * 1024;

/** A voter's own words: a page or two. They are shown to the client and kept in the trail. */
export const maxReasonBytes = 4 * 1024;

/** Distinct people that one rule may ask for; far over any four-eyes rule, and it bounds the votes of a hold. */
export const maxQuorum = 20;

/** How long a hold or a grant may last. An approval older than a month is nobody's intention any more. */
export const maxHoldMs = 31 * 24 * 60 * 60 * 1000;
export const maxGrantMs = maxHoldMs;

/** Open holds of all requesters together: no team decides more, and it bounds what the store holds in memory. */
export const maxOpenHolds = 2000;

/** Holds that have ended stay to be looked at for this long, and this many of them; the trail keeps them for good. */
export const endedKeptMs = 24 * 60 * 60 * 1000;
export const maxEndedHolds = 200;

/**
 * In Redis a hold that makes room for later ones stays this much longer: when hundreds end at once, the clients that
 * wait for them have yet to ask how. Many heartbeats long.
 */
export const outcomeKeptMs = 60_000;

/**
 * The journal is written anew when it has grown over this and to twice what it was after the last time: once in some
 * 4,000 holds of ordinary size. With 500 open holds of 1 KB that is a pause of 10 ms.
 */
export const compactAboveBytes = 8 * 1024 * 1024;

/**
 * After this long without a sign of life a process counts as dead and its waiting holds as withdrawn. Longer than any
 * pause of a healthy process, shorter than a person needs to read what they approve.
 */
export const ownerLeaseMs = 10_000;

/** Signs of life in one lease: two may be lost. */
export const heartbeatsPerLease = 3;

/**
 * How long a hold that nobody waits for is withdrawn again and again after Redis failed to confirm it: a command that
 * timed out here may be carried out late there, when a stalled Redis goes on.
 */
export const orphanKeptMs = 60_000;

/** Orphans of one process; as many as it may have holds. */
export const maxOrphans = maxOpenHolds;

/** Holds fetched in one command by `list`: up to 50 × 256 KiB, which Redis answers without stalling the others. */
export const holdsPerFetch = 50;
