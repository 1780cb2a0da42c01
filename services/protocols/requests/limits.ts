/** What common servers take for a request line: nginx 8 KiB, Node 16 KiB for all headers. Approvers must be able to read it. */
export const maxPathBytes = 8 * 1024;

/** A query with more parameters than this is not written by hand, and frameworks stop at 1,000 (PHP, Express). */
export const maxQueryParameters = 500;

/**
 * What a body may be allowed to be. Each request's body is held by Envoy and by the gateway until it is decided, and goes between them
 * as one gRPC message (services/edge/limits.ts, maxMessageBytes).
 */
export const maxBodyBytes = 4 * 1024 * 1024;

/** What a body may be where a target does not say: APIs that agents use take JSON of some KiB. */
export const defaultBodySize = '1MiB';

/**
 * Requests of one principal to one target belong to one session until none has come for so long: what an agent does about one task,
 * with the pauses in which it thinks or waits for a tool.
 */
export const sessionIdleMs = 5 * 60_000;

/**
 * How long a session that a person has ended stays ended for the credential that opened it, where the credential does not end before.
 * Whoever is to be kept out for longer is disabled in the config.
 */
export const revokedMs = 60 * 60_000;

/** Ended sessions that are remembered; over it, the oldest is forgotten. A person ends a few. */
export const maxRevoked = 10_000;

/** How soon it is worth asking again about a hold: people take minutes, and each question costs little. */
export const holdRetryAfterSeconds = 15;

/** When the gateway itself cannot serve: it drains for half a minute, and a restart takes seconds. */
export const unavailableRetryAfterSeconds = 5;

/** Basic's user and password, or a bearer token, in base64: as long as tokens may be (core/identity/limits.ts), and a third. */
export const maxAuthorizationCharacters = 24 * 1024;

/**
 * How long a target may take until it begins to answer where answers are read. After that the answer is not shown. Long polls end after a
 * minute or a few.
 */
export const answerWaitMs = 30 * 60_000;

/** How often those are looked for whose clients have left before there was an answer. */
export const lookForForgottenMs = 30_000;

/** Requests whose answers have not begun, most of them of clients that have left; over it the oldest is given up. Twice what can be under way. */
export const maxAwaitedAnswers = 20_000;

/** A deadline for the answer is given to Envoy where it is nearer than this; the longest that its timers are known to take well. */
export const maxDeadlineMs = 7 * 24 * 60 * 60_000;

/** Blanks at the beginning of a text that may yet be JSON. */
export const maxUndecidedBytes = 16 * 1024;

/** What of a packed answer is unpacked in one piece: as much as Envoy sends of a body at once. */
export const unpackedPartBytes = 64 * 1024;

/**
 * How many times more a packed answer may hold than came of it, once it holds more than `unpackedUnboundBytes`. JSON and logs are packed to between a
 * fifth and a fiftieth; a bomb of zeros to a thousandth (gzip) or far less (br, zstd).
 */
export const maxUnpackedRatio = 100;
export const unpackedUnboundBytes = 32 * 1024 * 1024;

/** What HTTP lets a window of zstd be: 8 MiB (RFC 9659). One of br is 16 MiB at most (RFC 7932 section 9.1), one of gzip 32 KiB. */
export const maxZstdWindowLog = 23;

/** Packed answers that are read at a time. Targets are asked for plain ones, so few come; this many with the largest windows take 1 GiB, which is what a gateway is given (docs/performance.md). */
export const maxUnpackedAtOnce = 64;
