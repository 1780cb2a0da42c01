/**
 * What a span keeps of an action's text when it is asked to: a statement that people wrote fits, a bulk INSERT does
 * not.
 */
export const maxSpanTextCharacters = 2048;

/** One name or address in a span. OpenTelemetry's own default is no limit at all. */
export const maxSpanAttributeCharacters = 255;

/** Effects listed on a span; a migration of a thousand statements has as many. */
export const maxSpanEffects = 16;

/** How long a shutdown waits for the last spans and metrics to be taken. Kubernetes kills after 30 s in all. */
export const shutdownMs = 3000;

/** An exporter that is down fails every few seconds; it is said once in this time, with a count. */
export const sdkWarningEveryMs = 60_000;

/** One value in a log line. A stack of thirty frames fits. */
export const maxLogValueCharacters = 4096;

/** All values of one line together: below the 16 KiB at which Docker's and containerd's log drivers split lines. */
export const maxLogLineCharacters = 12_000;

/** Members of one object or list in a log line, and how deep they nest: `error.cause.cause` and its fields. */
export const maxLogMembers = 32;
export const maxLogDepth = 4;

/**
 * Log lines that wait for whoever reads standard error. Over it lines are dropped and counted: a stuck log collector
 * must not stop the gateway, and the trail, which nothing may be missing from, is written elsewhere.
 */
export const maxLogQueueBytes = 1024 * 1024;
