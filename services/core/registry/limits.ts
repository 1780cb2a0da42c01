/**
 * After this long without a sign of life a process counts as gone, and is not asked any more. As for holds: longer than any pause of
 * a healthy process.
 */
export const processLeaseMs = 10_000;

/** Signs of life in one lease: two may be lost. */
export const heartbeatsPerLease = 3;

/** A process answers from memory; the longest known pause of an event loop is under a second, and a person waits. */
export const answerMs = 2_000;

/** Questions under way at a time: each comes from a request to the API, of which there are fewer. */
export const maxQuestions = 256;

/** One message: 500 sessions with the longest names that tokens may carry have about 4 MiB. */
export const maxMessageBytes = 8 * 1024 * 1024;

/**
 * News that one process may tell in a second. A listener takes 100 connections a second by default, and each tells at most one; Redis
 * and the others carry this many without being noticed.
 */
export const maxNewsPerSecond = 1_000;
