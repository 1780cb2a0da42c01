/** How each reason for a refusal is said in HTTP, whatever document says the rest. */
import type { Reason } from '../../core/model/decision.ts';
import type { OwnStatus } from '../request.ts';
import { holdRetryAfterSeconds, unavailableRetryAfterSeconds } from './limits.ts';

type Kind = readonly [status: OwnStatus, title: string, retryAfterSeconds?: number];

const unavailable = (title: string): Kind => [503, title, unavailableRetryAfterSeconds];

export const refusalKinds: Readonly<Record<Reason, Kind>> = {
  'no-rule': [403, 'No rule allows this request'],
  'denied-by-rule': [403, 'A rule denies this request'],
  opaque: [403, 'The request cannot be fully understood'],
  unparsable: [400, 'The request cannot be read in one way only'],
  'too-large': [413, 'The request is too large'],
  unsupported: [400, 'The gateway does not carry this'],
  'masked-field-in-condition': [403, 'The request chooses by a masked field'],
  'masked-field-derived': [403, 'The request computes from a masked field, or renames it'],
  'limit-exceeded': [429, 'A limit was reached', holdRetryAfterSeconds],
  'hold-open': [403, 'The request waits for approval', holdRetryAfterSeconds],
  'hold-rejected': [403, 'The request was rejected'],
  'hold-expired': [403, 'Nobody decided in time'],
  'hold-withdrawn': [403, 'The request was withdrawn'],
  'changed-while-held': [403, 'It is no longer what was approved'],
  'approvals-unavailable': unavailable('Approvals cannot be asked for now'),
  'trail-unavailable': unavailable('The gateway cannot record requests now'),
  'principal-disabled': [403, 'You are disabled on this gateway'],
  'locked-out': [403, 'Too many failed logins'],
  unauthenticated: [401, 'A token is needed'],
  'credential-expired': [401, 'The credential has expired'],
  'session-revoked': [403, 'The session was ended'],
  'unknown-target': [404, 'There is no such target'],
  'target-unavailable': unavailable('The target cannot be reached'),
  'unreadable-answer': [502, 'The answer cannot be shown'],
  'refused-by-target': [403, 'The target would refuse it'],
  'shutting-down': unavailable('The gateway is shutting down'),
};
