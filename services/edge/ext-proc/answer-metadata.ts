import type { WorkerNumber } from '../../core/model/worker.ts';

/** The filter whose metadata tells how a request was decided: only our answers to its questions become that. */
export const ruledBy = 'envoy.filters.http.ext_authz';

/** Under this key stands who reads the answer of the target; where it is not, nobody does. */
export const answerReaderKey = 'answerReader';

export const answerReaderOf = (worker: WorkerNumber): string => `worker-${worker ?? 1}`;
