import type { HoldRequest, Vote } from '../model/hold.ts';
import type { Party } from '../model/principal.ts';

/** Who has approved, in the order of their votes. */
export const approversOf = (votes: readonly Vote[]): readonly Party[] =>
  votes.filter((vote) => vote.verdict === 'approve').map((vote) => vote.approver);

export const approvalsLeft = (request: HoldRequest, votes: readonly Vote[]): number =>
  Math.max(0, request.approval.quorum - approversOf(votes).length);

/** What a grant by this hold's approval is found by, and how long it lasts from the approval on. */
export function grantTerms(request: HoldRequest): { readonly digest: string; readonly lastsMs: number } {
  const { grant, withinMs } = request.approval;
  switch (grant.kind) {
    case 'exact':
      return { digest: request.digest, lastsMs: withinMs };
    case 'window':
      return { digest: grant.covers === 'rule' ? request.ruleDigest : request.digest, lastsMs: grant.forMs };
  }
}

/** Whether an approval of this hold is one of the action with that digest. */
export const approves = (request: HoldRequest, digest: string): boolean =>
  request.digest === digest || request.alsoApproves.some((other) => other.digest === digest);

/** How long a grant for what it also approves lasts: as one for an action whose client was told to come back. */
export const alsoGrantsLastMs = ({ approval }: HoldRequest): number => approval.withinMs;
