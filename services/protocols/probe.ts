/**
 * How an engine answers a connection of the proxy's own (PROXY protocol, LOCAL): Envoy's health check. A process that hangs with its
 * socket open still has connections made to it, by the kernel, and does not answer.
 */
export const probeAnswer = 'alive';
