import type { HoldRequest, VoteRefusal } from '../model/hold.ts';
import { chainOf, type Principal, sameParty } from '../model/principal.ts';
import { matchesPrincipal, type PrincipalPattern } from '../model/principal-pattern.ts';

/**
 * A pattern without `kinds` means a person who speaks for themselves. Else an agent that carries its person's groups
 * in a delegated token would approve in that person's place.
 */
function admits(pattern: PrincipalPattern, approver: Principal): boolean {
  if (pattern.kinds === undefined) {
    if (approver.kind !== 'person') return false;
    if (approver.actsFor.length > 0 && pattern.actingFor === undefined) return false;
  }
  return matchesPrincipal(pattern, approver);
}

/**
 * Whether this principal may vote on this request at all; null when it may. Depends on nothing that changes, so both
 * stores ask it before they look at the hold's state.
 */
export function voteRefusal(request: HoldRequest, approver: Principal): VoteRefusal | null {
  const asking = [request.requester, ...request.chain];
  // The approver's chain counts as well: an agent of the requester's would be the requester's second voice.
  const own = chainOf(approver).some((party) => asking.some((other) => sameParty(party, other)));
  if (own) return 'requester-cannot-approve';
  const clauses = request.approval.approvers;
  // No clauses would be met by everybody; terms that name nobody are approved by nobody.
  if (clauses.length === 0) return 'not-an-approver';
  const admitted = clauses.every((patterns) => patterns.some((pattern) => admits(pattern, approver)));
  return admitted ? null : 'not-an-approver';
}
