import type { HoldNotice } from '../../../core/checkpoint/contract.ts';
import type { Unacceptable } from '../../../core/model/action.ts';
import { type Deny, type Reason, ruleText } from '../../../core/model/decision.ts';
import type { MissingName } from '../sql/analysis.ts';
import { ownMessage } from '../wire/backend.ts';
import { maxNoticedConsequences } from './limits.ts';

/**
 * SQLSTATEs by reason: https://www.postgresql.org/docs/current/errcodes-appendix.html. Policy is 42501 (insufficient_privilege), which
 * agents and drivers already know as "you may not".
 */
const sqlStates: Readonly<Record<Reason, string>> = {
  'no-rule': '42501',
  'denied-by-rule': '42501',
  opaque: '42501',
  unparsable: '42601',
  'too-large': '54000',
  unsupported: '0A000',
  'masked-field-in-condition': '42501',
  'masked-field-derived': '42501',
  'limit-exceeded': '53400',
  'hold-open': '42501',
  'hold-rejected': '42501',
  'hold-expired': '42501',
  'hold-withdrawn': '57014',
  'changed-while-held': '42501',
  'approvals-unavailable': '58000',
  'trail-unavailable': '58030',
  'principal-disabled': '28000',
  'locked-out': '28000',
  unauthenticated: '28P01',
  'credential-expired': '28000',
  'session-revoked': '57P01',
  'unknown-target': '3D000',
  'target-unavailable': '08006',
  'unreadable-answer': '42501',
  'refused-by-target': '42501',
  'shutting-down': '57P01',
};

/**
 * What PostgreSQL says of a name that is not there, which tools ask for on purpose (a table of migrations that is yet to be made). It tells
 * nobody more than the reason beside it, nor than the server, which says the same to whoever may not read a table that is there.
 */
const missingNameStates: Readonly<Record<MissingName, string>> = {
  'unknown-relation': '42P01',
  'unknown-column': '42703',
  'unknown-function': '42883',
  'unknown-type': '42704',
  'unknown-operator': '42883',
};

/** A refusal within a session that lives on: ErrorResponse with DETAIL and HINT. */
export function refusalMessage(
  deny: Deny,
  unacceptable: Unacceptable | null = null,
  missing: MissingName | null = null,
): Buffer {
  const rule = deny.rule === null ? '' : `Rule: ${ruleText(deny.rule)}. `;
  return ownMessage({
    severity: 'ERROR',
    sqlState:
      deny.reason === 'opaque' && missing !== null ? missingNameStates[missing] : sqlStates[deny.reason],
    message: deny.message,
    detail: `${rule}Reason: ${deny.reason}.`,
    ...(deny.hint === '' ? {} : { hint: deny.hint }),
    ...(unacceptable?.position === undefined ? {} : { position: unacceptable.position }),
  });
}

/** The last thing a client hears. */
export function farewell(reason: Reason, message: string, hint = ''): Buffer {
  return ownMessage({
    severity: 'FATAL',
    sqlState: sqlStates[reason],
    message,
    ...(hint === '' ? {} : { hint }),
  });
}

/** What psql prints at once while its statement is held. */
export const holdNotice = (notice: HoldNotice): Buffer =>
  ownMessage({
    severity: 'NOTICE',
    sqlState: '00000',
    message: notice.message,
    ...(notice.consequences.length === 0 ? {} : { detail: consequencesText(notice.consequences) }),
    hint: notice.hint,
  });

/** A client is told the first few; its approvers see all. */
function consequencesText(consequences: readonly string[]): string {
  const shown = consequences.slice(0, maxNoticedConsequences);
  const more = consequences.length - shown.length;
  return `Along with it: ${shown.join('; ')}${more === 0 ? '' : `; and ${more} more`}.`;
}

/** For a client that broke the protocol: the session cannot go on. */
export const protocolViolation = (message: string): Buffer =>
  ownMessage({ severity: 'FATAL', sqlState: '08P01', message });
