/** PostgreSQL's own authentication_timeout: a client that has not logged in by then is sent away. */
export const loginDeadlineMs = 60_000;

/** From the first to the last byte of one message: a slow loris gets this long; a 16 MiB message needs 0.6 MB/s. */
export const messageDeadlineMs = 30_000;

/**
 * What a client may send behind a held statement. Its socket is read on, because a paused one never shows that the client has gone;
 * this bounds what is kept meanwhile. Pipelines of thousands of small statements fit.
 */
export const maxBytesBehindHold = 1024 * 1024;

/** Prepared statements and portals of one session, after which new ones are refused with 53000. */
export const maxPreparedStatements = 5_000;
export const maxPortals = 1_000;

/**
 * Messages that the server owes an answer. A client that pipelines more is not read until half of them have come: what it takes to match
 * answers with questions stays small, and one client's pipeline does not keep all others waiting.
 */
export const maxAwaited = 4_096;

/** How long a client that left gets for its cancelled statement to end, before the upstream connection is cut. */
export const cancelGraceMs = 5_000;

/** A CancelRequest to the target: connect, TLS, one packet. */
export const cancelDeadlineMs = 5_000;

/** Completed actions of one implicit transaction that are remembered, so that an error can mark them as rolled back. */
export const maxImplicitTransactionActions = 1_000;

/** How long the engine's goodbye may take to be written when it shuts down. */
export const closeGraceMs = 2_000;

/** The gateway's own catalog query: large catalogs take seconds, a stuck server must not hold sessions for ever. */
export const catalogDeadlineMs = 30_000;

/** One catalog query's rows, all together: 100,000 relations with columns are some 60 MiB. */
export const maxCatalogBytes = 256 * 1024 * 1024;

/** A name that the catalog does not have makes the gateway ask again, but no more often than this. */
export const minRecheckMs = 1_000;

/** Connections that are starting up at a time: half-open ones cost a socket and a timer each, and end by their deadline. */
export const maxLogins = 2_000;

/**
 * A host of several that could not be reached is left alone this long while others can be: nobody waits for it meanwhile, and it is used
 * again soon after it is back. The JDBC driver's hostRecheckSeconds.
 */
export const hostPauseMs = 10_000;

/** Consequences of a held statement that its client is told: what still reads as a notice. */
export const maxNoticedConsequences = 5;

/**
 * How long opening a hold waits for PostgreSQL's row estimate, connecting included: a person takes longer to look, and planning takes some
 * milliseconds. The server itself gives up on planning and on locks before that.
 */
export const estimateDeadlineMs = 2_000;
export const estimateTimeoutMs = 1_000;
export const estimateLockTimeoutMs = 200;

/** Connections for estimates to one target at a time: holds come one by one, and a flood of them must not take the target's connections. */
export const maxEstimatesAtOnce = 4;

/** Statements of one text that are planned; an approver who reads more of them counts on the text. */
export const maxEstimatedStatements = 10;

/** What a session has set, as its approvers read it; honest ones set a handful. What is over it is bound by a digest alone. */
export const maxSettingsCharacters = 8 * 1024;
