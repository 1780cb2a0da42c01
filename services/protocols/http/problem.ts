/** A refusal as a problem document (RFC 9457), written for the agent that reads it. */
import { type Deny, ruleText } from '../../core/model/decision.ts';
import type { Header, OwnAnswer } from '../request.ts';
import type { RefusalContext } from '../requests/language.ts';
import { refusalKinds } from '../requests/refusal-kinds.ts';

/** Names of headers that browsers and proxies act on; an answer is for this client and this moment alone. */
const always: readonly Header[] = [
  { name: 'content-type', value: 'application/problem+json' },
  { name: 'cache-control', value: 'no-store' },
];

export function problemAnswer(deny: Deny, { hold, notes = {} }: RefusalContext = {}): OwnAnswer {
  const [status, title, retryAfterSeconds] = refusalKinds[deny.reason];
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
