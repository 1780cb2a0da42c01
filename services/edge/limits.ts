/**
 * A Check for an HTTP request holds its headers (60 KiB at most, envoy/limits.ts) and its body (4 MiB at most,
 * services/protocols/requests/limits.ts), and what is around them.
 */
export const maxMessageBytes = 4 * 1024 * 1024 + 128 * 1024;

/**
 * Calls under way on one connection. Envoy has one connection for each of its threads and never has more than its
 * circuit breaker allows (envoy/limits.ts, maxChecks); this one holds if the caller is not Envoy.
 */
export const maxConcurrentStreams = 2_048;

/** HTTP/2 PINGs to Envoy: one that is stopped in its tracks, with its sockets open, does not keep connections for ever. */
export const keepaliveMs = 30_000;
export const keepaliveTimeoutMs = 10_000;

/** How long calls under way may take once the server closes. They are answered from memory, so nothing should be left. */
export const closeMs = 2_000;

/**
 * Streams that Envoy may reset: at once, and then each second. As many as requests can be under way (envoy/limits.ts, maxRequestChecks),
 * since all their clients may hang up together.
 */
export const resetBurst = 20_000;
export const resetsPerSecond = 20_000;
