/** A refusal as a problem document (RFC 9457), written for the agent that reads it. */
import { type Deny, type Reason, ruleText } from '../../core/model/decision.ts';
import type { HoldId } from '../../core/model/ids.ts';
import type { AnswerNotes, Header, OwnStatus, RequestAnswer } from '../request.ts';
import { holdRetryAfterSeconds, unavailableRetryAfterSeconds } from './limits.ts';

type Kind = readonly [status: OwnStatus, title: string, retryAfterSeconds?: number];

const unavailable = (title: string): Kind => [503, title, unavailableRetryAfterSeconds];

const kinds: Readonly<Record<Reason, Kind>> = {
  'no-rule': [403, 'No rule allows this request'],
  'denied-by-rule': [403, 'A rule denies this request'],
  opaque: [403, 'The request cannot be fully understood'],
  unparsable: [400, 'The request cannot be read in one way only'],
  'too-large': [413, 'The request is too large'],
  unsupported: [400, 'The gateway does not carry this'],
  'masked-field-in-condition': [403, 'The request chooses by a masked field'],
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
  'shutting-down': unavailable('The gateway is shutting down'),
};

export interface ProblemContext {
  /** The one to come back for. */
  readonly hold?: HoldId;
  readonly notes?: AnswerNotes;
}

/** Names of headers that browsers and proxies act on; an answer is for this client and this moment alone. */
const always: readonly Header[] = [
  { name: 'content-type', value: 'application/problem+json' },
  { name: 'cache-control', value: 'no-store' },
];

export function problemAnswer(deny: Deny, { hold, notes = {} }: ProblemContext = {}): RequestAnswer {
  const [status, title, retryAfterSeconds] = kinds[deny.reason];
  const document = {
    type: `urn:sallyport:problem:${deny.reason}`,
    title,
    status,
    detail: deny.message,
    code: deny.reason,
    rule: deny.rule === null ? null : ruleText(deny.rule),
    hint: deny.hint,
    ...(hold === undefined ? {} : { hold }),
  };
  return {
    kind: 'answer',
    status,
    headers: [
      ...always,
      ...(retryAfterSeconds === undefined ? [] : [{ name: 'retry-after', value: String(retryAfterSeconds) }]),
      ...(status === 401 ? challenges : []),
    ],
    body: `${JSON.stringify(document, null, 2)}\n`,
    notes: { ...notes, reason: deny.reason },
  };
}

/** RFC 9110 section 11.6.1, RFC 6750 section 3; Basic for tools that know nothing else. */
const challenges: readonly Header[] = [
  { name: 'www-authenticate', value: 'Bearer realm="sallyport", Basic realm="sallyport", charset="UTF-8"' },
];
