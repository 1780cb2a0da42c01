import type { ApprovalTerms } from '../model/decision.ts';
import { ApprovalsError, type HoldRequest } from '../model/hold.ts';
import { maxGrantMs, maxHoldMs, maxQuorum, maxReasonBytes, maxRequestBytes } from './limits.ts';

const within = (value: number, max: number): boolean => Number.isInteger(value) && value >= 1 && value <= max;

function termsProblem({ quorum, withinMs, grant }: ApprovalTerms): string | null {
  if (!within(quorum, maxQuorum)) return `a quorum of ${quorum} is not between 1 and ${maxQuorum}`;
  if (!within(withinMs, maxHoldMs)) return `${withinMs} ms to approve is not between 1 and ${maxHoldMs}`;
  if (grant.kind === 'window' && !within(grant.forMs, maxGrantMs)) {
    return `a grant for ${grant.forMs} ms is not between 1 and ${maxGrantMs}`;
  }
  return null;
}

/**
 * Refuses what no store may take.
 * @returns the request as JSON: what is kept.
 * @throws ApprovalsError `invalid-request`, `too-large`
 */
export function acceptedRequest(request: HoldRequest): string {
  const problem = termsProblem(request.approval);
  if (problem !== null) throw new ApprovalsError('invalid-request', `hold ${request.id}: ${problem}`);
  const json = JSON.stringify(request);
  const bytes = Buffer.byteLength(json);
  if (bytes > maxRequestBytes) {
    throw new ApprovalsError(
      'too-large',
      `hold ${request.id} would show an approver ${bytes} bytes; the limit is ${maxRequestBytes}`,
    );
  }
  return json;
}

/** @throws ApprovalsError `too-large` */
export function acceptedReason(reason: string): string {
  const bytes = Buffer.byteLength(reason);
  if (bytes > maxReasonBytes) {
    throw new ApprovalsError('too-large', `a reason of ${bytes} bytes is over ${maxReasonBytes}`);
  }
  return reason;
}
