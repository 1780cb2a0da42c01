import type { OwnStatus } from '../../protocols/request.ts';

/**
 * Envoy writes a document of its own into the answers that it gives itself, and what the gateway answers in a target's place is such a one to
 * it. By these statuses, which nobody says here, its config knows them and leaves the body alone (envoy/own-replies.ts).
 */
export const insideStatuses = { 401: 424, 403: 506, 429: 508, 502: 507, 503: 511 } as const;

type Replacing = keyof typeof insideStatuses;

const isReplacing = (status: OwnStatus): status is Replacing => status in insideStatuses;

/** Of answers nothing is said with another status than these. */
export const insideStatusOf = (status: OwnStatus): number =>
  insideStatuses[isReplacing(status) ? status : 503];
