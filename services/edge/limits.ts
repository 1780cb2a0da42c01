/**
 * A Check for a TCP connection holds addresses and a few names, under 1 KiB; gRPC's default would let 4 MiB be decoded
 * before anything is known of the caller. HTTP bodies will need more.
 */
export const maxMessageBytes = 64 * 1024;

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
