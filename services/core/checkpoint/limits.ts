/** Principal-and-target pairs whose rate is followed; over it, the longest unused is forgotten (its count starts anew). */
export const maxRateKeys = 10_000;

/** Source addresses whose failed logins are counted; over it, the oldest is forgotten. */
export const maxLockoutSources = 10_000;

/** What of a text the trail keeps. Its hash is of the whole, and the transcript keeps more. */
export const maxTrailTextCharacters = 8 * 1024;

/** How many parameters of an action the trail keeps, and how much of each: enough to know what was done. */
export const maxTrailParameters = 100;
export const maxTrailParameterCharacters = 256;

/**
 * What one approval lets through beside the action that is held, in number and as the texts that are shown: a list of so many lines can be read,
 * and it stays well under what a hold may show (core/approvals/limits.ts). What is over it is asked about later.
 */
export const maxAlsoApproved = 200;
export const maxAlsoApprovedBytes = 96 * 1024;

/**
 * How long what was listed beside a rejected action is refused with it: the command that has asked for it sends its next request at once, and its
 * approver has said no to all of it. A person who tries again is asked about again.
 */
export const rejectedTogetherMs = 30_000;

/** Sessions of one process. Envoy's connection limit stands before it; this one holds if Envoy is not there. */
export const maxSessions = 10_000;

/**
 * How often a worker asks the others for a part of a principal's commands that they have not answered for: an answer takes a
 * millisecond or two, and one that has nothing to give is silent.
 */
export const borrowEveryMs = 50;

/** How long what was lent stays away. A message that is lost takes away so much for as long. */
export const loanMs = 60_000;

/** A worker that has counted a command within this time keeps half of what it has. */
export const inUseMs = 5_000;

/** Loans of one bucket at a time: with halves of halves the last ones are worth nothing. */
export const maxLoans = 16;
