/** What each protocol whose requests Envoy forwards gives to the engine that they share. */
import type { Intent, Parameter } from '../../core/model/action.ts';
import type { Deny, Obligations } from '../../core/model/decision.ts';
import type { HoldId } from '../../core/model/ids.ts';
import type { AnswerNotes, ArrivedRequest, Header, OwnAnswer, RequestRoute } from '../request.ts';
import type { AnswerPlan } from './answer-plan.ts';
import type { RequestTarget } from './target.ts';

/** A request whose target is known. */
export interface RoutedRequest extends ArrivedRequest {
  readonly route: RequestRoute;
  /** As it will reach the target: without the route's prefix, with the query. */
  readonly targetPath: string;
}

export interface RefusalContext {
  /** What was refused, where it is known. */
  readonly intent?: Intent;
  /** The one to come back for. */
  readonly hold?: HoldId;
  readonly notes?: AnswerNotes;
}

/** What Envoy does to the headers of a request that is let through, beside the gateway's credential. */
export interface ForwardedHeaders {
  readonly remove: readonly string[];
  readonly set: readonly Header[];
}

export interface RequestLanguage<Target extends RequestTarget> {
  readonly protocol: string;
  /** What it would do, by the request alone. Asked again when a hold is approved, since targets change in the config. */
  read(request: RoutedRequest, target: Target): Intent;
  /**
   * Where the decision hangs on what the target has, or would make of it: asks the target, once the policy is known to leave a chance. Null where
   * `read` has said all. What it cannot find out makes the intent unacceptable.
   */
  completion(
    request: RoutedRequest,
    target: Target,
    intent: Intent,
    obligations: Obligations,
  ): (() => Promise<Intent>) | null;
  /** The body, as approvers and the trail see it. */
  parameters(request: RoutedRequest, intent: Intent): readonly Parameter[];
  forwarded(request: RoutedRequest): ForwardedHeaders;
  /** What is done to the answer of a request that is let through; null when the client may have it as it is. */
  answerPlan(request: RoutedRequest, intent: Intent, obligations: Obligations): AnswerPlan | null;
  /** How targets are reached, for whoever has asked for none. */
  readonly whereTargetsAre: string;
  /** A refusal in the protocol's own form. */
  refuse(deny: Deny, context: RefusalContext): OwnAnswer;
}
