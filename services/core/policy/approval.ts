import type { ApprovalTerms, GrantScope } from '../model/decision.ts';
import type { PrincipalPattern } from '../model/principal-pattern.ts';
import type { HoldRule, RuleApproval } from './rule.ts';
import { type ApprovalSource, defaultApproval } from './schema.ts';

/** Only people approve, unless a pattern names other kinds itself. */
const approver = (pattern: PrincipalPattern): PrincipalPattern => ({
  ...pattern,
  kinds: pattern.kinds ?? ['person'],
});

export function compileApproval(source: ApprovalSource): RuleApproval {
  const { grant = defaultApproval.grant, within = defaultApproval.withinMs } = source;
  return {
    approvers: source.approvers.map(approver),
    quorum: source.quorum ?? defaultApproval.quorum,
    withinMs: within,
    mode: source.mode ?? defaultApproval.mode,
    waitMs: source.wait ?? Math.min(defaultApproval.waitMs, within),
    grant: grant === 'exact' ? { kind: 'exact' } : { kind: 'window', forMs: grant.for, covers: grant.covers },
  };
}

function strictestGrant(approvals: readonly RuleApproval[]): GrantScope {
  let forMs = Number.POSITIVE_INFINITY;
  for (const { grant } of approvals) {
    if (grant.kind === 'exact') return grant;
    forMs = Math.min(forMs, grant.forMs);
  }
  const [only] = approvals;
  // "Whatever the same rule holds" has no meaning for two rules, so the grant is for the action.
  const covers =
    approvals.length === 1 && only?.grant.kind === 'window' ? only.grant.covers : ('action' as const);
  return { kind: 'window', forMs, covers };
}

/** What must be met when all of these rules hold one action: each of them, at its strictest. */
export function mergeApprovals(rules: readonly HoldRule[]): ApprovalTerms {
  const approvals = rules.map((rule) => rule.approval);
  const clauses = new Map(approvals.map(({ approvers }) => [JSON.stringify(approvers), approvers]));
  return {
    approvers: [...clauses.values()],
    quorum: Math.max(...approvals.map(({ quorum }) => quorum)),
    withinMs: Math.min(...approvals.map(({ withinMs }) => withinMs)),
    mode: approvals.some(({ mode }) => mode === 'defer') ? 'defer' : 'wait',
    waitMs: Math.min(...approvals.map(({ waitMs }) => waitMs)),
    grant: strictestGrant(approvals),
  };
}
