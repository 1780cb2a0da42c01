/** A vote is the largest body: a reason of 4 KiB (core/approvals), six bytes a character at worst in JSON's escapes. */
export const maxBodyBytes = 32 * 1024;

/** A token may have 16 KiB (core/identity); the rest is what HTTP clients send along. */
export const maxHeaderBytes = 24 * 1024;

/** A voter's reason, in UTF-8: what core/approvals takes. */
export const maxReasonBytes = 4 * 1024;

/** Items of one page: what a person asks for when they say nothing, and the most that a program gets. */
export const defaultPageItems = 50;
export const maxPageItems = 500;

/** What a list shows of a hold's text and effects; the hold itself has them whole. */
export const maxPreviewCharacters = 200;
export const maxPreviewEffects = 10;

/** Connections at a time. Each CLI command has one for milliseconds; a replay for as long as it reads. */
export const maxConnections = 128;

/** Requests at work at a time; over it the answer is 503, so that people get an answer and not a queue. */
export const maxConcurrentRequests = 64;

/** Transcripts that are read out at a time: each is a file of up to 16 MiB that is parsed line by line. */
export const maxConcurrentTranscripts = 8;

/** From a request's first byte to its last: it is small and comes from this machine. */
export const receiveTimeoutMs = 10_000;

/** Without a byte either way a connection is closed. */
export const idleTimeoutMs = 30_000;

/** Between two requests of one connection. */
export const keepAliveMs = 5_000;

/** Until an answer has begun: Redis gives up after 2 s, an issuer whose keys are fetched after 5 s. */
export const handlerTimeoutMs = 15_000;

/** How long answers under way may take when the gateway stops. */
export const closeMs = 2_000;
