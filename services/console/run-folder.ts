import { join } from 'node:path';

/** The folder of unix sockets and of Envoy's files, in the state folder. Only the gateway's user may enter it. */
export const runFolder = (stateDir: string): string => join(stateDir, 'run');

/** Where the gateway's own API listens. No listener's socket is called so: its name has no dot in it. */
export const consoleSocket = (stateDir: string): string => join(runFolder(stateDir), 'console.api.sock');
