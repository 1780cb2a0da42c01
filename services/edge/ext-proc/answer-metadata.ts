import type { WorkerNumber } from '../../core/model/worker.ts';
import type { Reading } from '../../protocols/request.ts';

/** The filter whose metadata tells how a request was decided: only our answers to its questions become that. */
export const ruledBy = 'envoy.filters.http.ext_authz';

/** Under this key stands what is read, and by whom; where it is not, nothing is. */
export const readerKey = 'reader';

export const readerOf = (worker: WorkerNumber, reading: Exclude<Reading, 'nothing'>): string =>
  `${reading}-${worker ?? 1}`;

export const readsStreamsAlone = (reader: string): boolean => reader.startsWith('streams-');
