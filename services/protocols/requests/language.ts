/** What each protocol whose requests Envoy forwards gives to the engine that they share. */
import type { Intent } from '../../core/model/action.ts';
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
  /** What it would do. Asked again when a hold is approved: what the answer rests on may have changed meanwhile. */
  read(request: RoutedRequest, target: Target): Intent | Promise<Intent>;
  forwarded(request: RoutedRequest): ForwardedHeaders;
  /** What is done to the answer of a request that is let through; null when the client may have it as it is. */
  answerPlan(request: RoutedRequest, intent: Intent, obligations: Obligations): AnswerPlan | null;
  /** How targets are reached, for whoever has asked for none. */
  readonly whereTargetsAre: string;
  /** A refusal in the protocol's own form. */
  refuse(deny: Deny, context: RefusalContext): OwnAnswer;
}
