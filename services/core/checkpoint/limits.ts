/** Principal-and-target pairs whose rate is followed; over it, the longest unused is forgotten (its count starts anew). */
export const maxRateKeys = 10_000;

/** Source addresses whose failed logins are counted; over it, the oldest is forgotten. */
export const maxLockoutSources = 10_000;

/** What of a text the trail keeps. Its hash is of the whole, and the transcript keeps more. */
export const maxTrailTextCharacters = 8 * 1024;

/** How many parameters of an action the trail keeps, and how much of each: enough to know what was done. */
export const maxTrailParameters = 100;
export const maxTrailParameterCharacters = 256;

/** Sessions of one process. Envoy's connection limit stands before it; this one holds if Envoy is not there. */
export const maxSessions = 10_000;

/**
 * How often a worker asks the others for commands that they have not answered for: an answer takes a millisecond or two, and one
 * that has nothing to give is silent.
 */
export const borrowEveryMs = 50;
