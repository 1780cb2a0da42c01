import { drainMs } from '../../limits.ts';

/** From its start until its sockets are bound: it reads the end of the trail (1 s for 64 MiB) and its policies. */
export const readyMs = 60_000;

/** How long a gateway process may take when it is told to stop: it drains its sessions, ends what is left, and flushes. */
export const stopMs = drainMs + 10_000;

/** How long it may take after SIGTERM, before it gets SIGKILL. */
export const terminateMs = 5_000;

/** After so long without a death the next one counts as the first: as for Envoy. */
export const healthyMs = 60_000;
