/** A refusal as clients of gRPC read it: a status and a message, in an answer without messages (Trailers-Only). */
import { type Deny, ruleText } from '../../core/model/decision.ts';
import type { OwnAnswer, OwnStatus } from '../request.ts';
import type { RefusalContext } from '../requests/language.ts';
import { refusalKinds } from '../requests/refusal-kinds.ts';

/** gRPC's codes (its doc/statuscodes.md). Envoy has a mapping of its own, which takes limits for outages. */
const codes: Readonly<Record<OwnStatus, number>> = {
  400: 3, // INVALID_ARGUMENT
  401: 16, // UNAUTHENTICATED
  403: 7, // PERMISSION_DENIED
  404: 5, // NOT_FOUND
  409: 10, // ABORTED
  413: 8, // RESOURCE_EXHAUSTED
  422: 3,
  429: 8,
  502: 14, // UNAVAILABLE
  503: 14,
};

/** Envoy makes the body the message, percent-encoded, and the headers metadata. */
export function grpcAnswer(deny: Deny, { hold, notes = {} }: RefusalContext): OwnAnswer {
  const [status] = refusalKinds[deny.reason];
  const rule = deny.rule === null ? null : ruleText(deny.rule);
  return {
    kind: 'answer',
    status,
    headers: [
      { name: 'grpc-status', value: String(codes[status]) },
      { name: 'sallyport-code', value: deny.reason },
      ...(rule === null ? [] : [{ name: 'sallyport-rule', value: rule }]),
      ...(hold === undefined ? [] : [{ name: 'sallyport-hold', value: hold }]),
    ],
    body: `${deny.message} ${deny.hint}`,
    notes: { ...notes, reason: deny.reason },
  };
}
