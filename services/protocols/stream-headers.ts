/** Headers between the answer to a Check and the process that takes the stream. */
import type { WorkerNumber } from '../core/model/worker.ts';

/** By which Envoy finds the process that has decided. What a client sends under these names is overwritten before. */
export const streamProcessHeader = 'x-sallyport-stream-process';
/** Which decided action the stream is. */
export const streamTicketHeader = 'x-sallyport-stream';

/** What stands in the header for one process. */
export const streamProcess = (worker: WorkerNumber): string => (worker === null ? 'only' : `${worker}`);
