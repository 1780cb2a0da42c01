/** One of a gateway's worker processes, from 1; null: it is the only one, and everything of it has its plain name. */
export type WorkerNumber = number | null;

export const workerNumbers = (workers: number): readonly WorkerNumber[] =>
  workers === 1 ? [null] : Array.from({ length: workers }, (_, index) => index + 1);

/** Names a process in the trail (its chain), in telemetry, in the log and in the API. The same after every restart. */
export const processNameOf = (worker: WorkerNumber): string =>
  worker === null ? 'gateway' : `gateway-${worker}`;
