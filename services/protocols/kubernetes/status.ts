/** A refusal as a Status (meta/v1), whose message kubectl prints and whose reason client libraries look at. */
import { type Deny, ruleText } from '../../core/model/decision.ts';
import type { JsonObject } from '../../core/model/strict-json.ts';
import type { Header, OwnAnswer, OwnStatus } from '../request.ts';
import type { RefusalContext } from '../requests/language.ts';
import { refusalKinds } from '../requests/refusal-kinds.ts';

/** apimachinery's StatusReason for each code. */
const statusReasons: Readonly<Record<OwnStatus, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  409: 'Conflict',
  413: 'RequestEntityTooLarge',
  422: 'Invalid',
  429: 'TooManyRequests',
  502: 'InternalError',
  503: 'ServiceUnavailable',
};

const ownStatus = (code: number): OwnStatus | null => (code in statusReasons ? (code as OwnStatus) : null); // as: it is a key of the record

const headersOf = (retryAfterSeconds: number | undefined, status: OwnStatus): readonly Header[] => [
  { name: 'content-type', value: 'application/json' },
  { name: 'cache-control', value: 'no-store' },
  ...(retryAfterSeconds === undefined ? [] : [{ name: 'retry-after', value: String(retryAfterSeconds) }]),
  // client-go asks its credential plugin again.
  ...(status === 401 ? [{ name: 'www-authenticate', value: 'Bearer realm="sallyport"' }] : []),
];

const notesOf = (deny: Deny, { notes = {} }: RefusalContext) => ({
  ...notes,
  reason: deny.reason,
  document: 'status',
});

/** The Status itself. */
export function statusDocument(deny: Deny, { hold }: Pick<RefusalContext, 'hold'> = {}) {
  const [status, , retryAfterSeconds] = refusalKinds[deny.reason];
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: [deny.message, deny.hint].filter((text) => text !== '').join(' '),
    reason: statusReasons[status],
    details: {
      group: 'sallyport',
      causes: [
        { reason: deny.reason, message: deny.message },
        ...(deny.rule === null ? [] : [{ reason: 'rule', message: ruleText(deny.rule) }]),
        ...(hold === undefined ? [] : [{ reason: 'hold', message: hold }]),
      ],
      ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
    },
    code: status,
  };
}

export function statusAnswer(deny: Deny, context: RefusalContext = {}): OwnAnswer {
  const [status, , retryAfterSeconds] = refusalKinds[deny.reason];
  return {
    kind: 'answer',
    status,
    headers: headersOf(retryAfterSeconds, status),
    body: `${JSON.stringify(statusDocument(deny, context), null, 2)}\n`,
    notes: notesOf(deny, context),
  };
}

/** What the API server itself has said to a dry run: clients look at its reason (AlreadyExists, Conflict), and go on by it. */
export function targetsAnswer(
  deny: Deny,
  answer: { readonly status: number; readonly object: JsonObject },
  context: RefusalContext,
): OwnAnswer {
  const status = ownStatus(answer.status) ?? 400;
  return {
    kind: 'answer',
    status,
    headers: headersOf(undefined, status),
    body: `${JSON.stringify(answer.object)}\n`,
    notes: notesOf(deny, context),
  };
}
