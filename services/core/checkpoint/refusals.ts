/** The gateway's own words for refusals that do not come from a rule. Read by agents, so each says what to do. */
import type { ApprovalTerms, Deny, Hold, Reason, RuleRef } from '../model/decision.ts';
import { ruleText } from '../model/decision.ts';
import type { HoldId } from '../model/ids.ts';
import type { PrincipalPattern } from '../model/principal-pattern.ts';

export const deny = (reason: Reason, message: string, hint: string, rule: RuleRef | null = null): Deny => ({
  kind: 'deny',
  rule,
  reason,
  message,
  hint,
});

export const trailUnavailable = (): Deny =>
  deny(
    'trail-unavailable',
    'Refused: the gateway cannot write its audit trail, and nothing passes unrecorded.',
    "Nothing was sent to the target. Try again later; the gateway's operators see this as an alarm.",
  );

export const approvalsUnavailable = (hold: Hold): Deny =>
  deny(
    'approvals-unavailable',
    `Refused: rule ${ruleText(hold.rule)} asks for approval, and the approval queue cannot be reached.`,
    'Nothing was sent to the target. Try again later.',
    hold.rule,
  );

export const tooLargeToHold = (hold: Hold): Deny =>
  deny(
    'too-large',
    `Refused: rule ${ruleText(hold.rule)} asks for approval, and this is too large to be shown to a person whole.`,
    'Nothing was sent to the target. Send it in smaller pieces.',
    hold.rule,
  );

export const tooManyHolds = (hold: Hold): Deny =>
  deny(
    'limit-exceeded',
    `Refused: rule ${ruleText(hold.rule)} asks for approval, and you have too many open holds already.`,
    'Wait until some are decided, or withdraw them.',
    hold.rule,
  );

export const rateExceeded = (perMinute: number): Deny =>
  deny(
    'limit-exceeded',
    `Refused: more than ${perMinute} commands a minute.`,
    'Wait a few seconds and send fewer commands.',
  );

export const tooManyGuesses = (perMinute: number): Deny =>
  deny(
    'limit-exceeded',
    `Refused: more than ${perMinute} comparisons of masked fields with a value in a minute, since each tells whether the value is right.`,
    `One more passes every ${Math.ceil(60 / perMinute)} s; a list counts as many as it has values. Choose by fields that are not masked.`,
  );

/** Kinds go unsaid where they are the usual one: `one person of` says it. */
function patternText(pattern: PrincipalPattern): string {
  const { groups, subjects, kinds, issuers, claims, actingFor } = pattern;
  const parts: string[] = [];
  if (groups) parts.push(`group ${groups.join(' or ')}`);
  if (subjects) parts.push(subjects.join(' or '));
  if (kinds && kinds.join() !== 'person') parts.push(`kind ${kinds.join(' or ')}`);
  if (issuers) parts.push(`known to ${issuers.join(' or ')}`);
  for (const [name, values] of Object.entries(claims ?? {})) parts.push(`${name} ${values.join(' or ')}`);
  if (actingFor) parts.push(`acting for ${actingFor.join(' or ')}`);
  return parts.length > 0 ? parts.join(', ') : 'anybody';
}

/** `2 people of group dba`, for the client that waits. */
export function approversText(approval: ApprovalTerms): string {
  const count = approval.quorum === 1 ? 'one person' : `${approval.quorum} people`;
  const clauses = approval.approvers.map((patterns) => patterns.map(patternText).join(', or '));
  return `${count} of ${clauses.join('; and of ')}`;
}

export const holdHint = (id: HoldId): string => `To approve: sallyport holds approve ${id} --reason "..."`;

export const heldMessage = (hold: Hold, id: HoldId, expiresAtMs: number): string =>
  `Held by rule ${ruleText(hold.rule)}: waiting for ${approversText(hold.approval)}. ` +
  `Hold ${id}, open until ${new Date(expiresAtMs).toISOString()}.`;

export const deferred = (hold: Hold, id: HoldId, expiresAtMs: number): Deny =>
  deny(
    'hold-open',
    `Not run yet: rule ${ruleText(hold.rule)} asks for approval by ${approversText(hold.approval)}. ` +
      `Hold ${id}, open until ${new Date(expiresAtMs).toISOString()}.`,
    `Once it is approved, send exactly the same again and it runs. ${holdHint(id)}`,
    hold.rule,
  );

export const rejected = (hold: Hold, id: HoldId, by: string, why: string): Deny =>
  deny(
    'hold-rejected',
    `Refused: hold ${id} was rejected by ${by}: ${why}`,
    'Nothing was sent to the target. Change what you ask for, or talk to the person who rejected it.',
    hold.rule,
  );

export const expired = (hold: Hold, id: HoldId): Deny =>
  deny(
    'hold-expired',
    `Refused: nobody decided hold ${id} in time.`,
    `Nothing was sent to the target. Ask ${approversText(hold.approval)} and send it again.`,
    hold.rule,
  );

export const withdrawn = (hold: Hold, id: HoldId): Deny =>
  deny(
    'hold-withdrawn',
    `Cancelled: hold ${id} was withdrawn before it was decided.`,
    'Nothing was sent to the target.',
    hold.rule,
  );

export const changedWhileHeld = (hold: Hold, id: HoldId): Deny =>
  deny(
    'changed-while-held',
    `Refused: hold ${id} was approved, but the policy or what the command touches changed meanwhile, ` +
      'so it is no longer what was approved.',
    'Nothing was sent to the target. Send it again to ask for a new approval.',
    hold.rule,
  );
