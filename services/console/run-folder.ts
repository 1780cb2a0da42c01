import { join } from 'node:path';
import type { WorkerNumber } from '../core/model/worker.ts';

/** The folder of unix sockets and of Envoy's files, in the state folder. Only the gateway's user may enter it. */
export const runFolder = (stateDir: string): string => join(stateDir, 'run');

/** Where the API of a gateway process listens. No listener's socket is called so: its name has no dot in it. */
export const consoleSocket = (stateDir: string, worker: WorkerNumber): string =>
  join(runFolder(stateDir), worker === null ? 'console.api.sock' : `console.api.${worker}.sock`);

const consoleSocketName = /^console\.api\.(?:([1-9][0-9]*)\.)?sock$/;

/** Of the names in a run folder, those of the API's sockets, in the order of the workers. */
export const consoleSockets = (names: readonly string[]): readonly string[] =>
  names
    .map((name) => ({ name, match: consoleSocketName.exec(name) }))
    .filter(({ match }) => match !== null)
    .sort((left, right) => Number(left.match?.[1] ?? 0) - Number(right.match?.[1] ?? 0))
    .map(({ name }) => name);
