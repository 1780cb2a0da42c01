/** What each protocol whose requests Envoy forwards gives to the engine that they share. */
import type { Action, Intent, Parameter } from '../../core/model/action.ts';
import type { Deny, Obligations } from '../../core/model/decision.ts';
import type { ActionId, HoldId } from '../../core/model/ids.ts';
import type { Principal } from '../../core/model/principal.ts';
import type { ActionOutcome } from '../../core/model/trail-entry.ts';
import type { StreamIntake } from '../protocol.ts';
import type { AnswerNotes, ArrivedRequest, Header, OwnAnswer, RequestRoute } from '../request.ts';
import type { AnswerPlan } from './answer-plan.ts';
import type { RequestSession } from './sessions.ts';
import type { RequestTarget } from './target.ts';

/** A request whose target is known. */
export interface RoutedRequest extends ArrivedRequest {
  readonly route: RequestRoute;
  /** As it will reach the target: with the path of its URL in place of the route's prefix, with the query. */
  readonly targetPath: string;
}

export interface RefusalContext {
  /** What was asked for, and what it would do, where that is known. */
  readonly request?: ArrivedRequest;
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

/** A stream that was let through, and is recorded: it goes on as long as its session does. */
export interface AllowedStream<Target extends RequestTarget> {
  readonly request: RoutedRequest;
  readonly target: Target;
  readonly intent: Intent;
  readonly session: RequestSession;
  readonly action: ActionId;
  /** What is done to what the target sends; null when the client may have it as it is. */
  readonly plan: AnswerPlan | null;
  /** To be called once, when it has ended. */
  ended(outcome: Omit<ActionOutcome, 'durationMs'>): void;
}

/** Requests that become streams, which pass through the gateway's own hands instead of Envoy's. */
export interface StreamCarrier<Target extends RequestTarget> extends StreamIntake {
  carries(intent: Intent): boolean;
  /** Resolves once none is under way. */
  drained(): Promise<void>;
  /** Expects the stream, and says by which headers Envoy brings it. */
  expect(stream: AllowedStream<Target>): ForwardedHeaders;
  /** To say within the stream that it is refused; null where that is an answer like any other. */
  refusal(deny: Deny, request: RoutedRequest, intent: Intent): ForwardedHeaders | null;
}

/** Clients that do with several requests what was one command of a person's, and say so. They may say anything: nothing is allowed by it. */
export interface ClientCommands<Target extends RequestTarget> {
  /** Of which command a request says that it is a part; null where it says none. */
  nameOf(request: RoutedRequest): string | null;
  /** A request of this principal goes to the target. */
  released(request: RoutedRequest, intent: Intent, principal: Principal): void;
  /** What the command is about to ask for beside this request that is held, each as it will come; none where that is not known. Never rejects. */
  ahead(request: RoutedRequest, target: Target, principal: Principal): Promise<readonly Action[]>;
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
  /** Whether the answer goes on for as long as client and target like, as far as the request tells. */
  asksForStream(request: RoutedRequest, intent: Intent): boolean;
  /** Null where requests say of no command that they are a part of it. */
  readonly commands: ClientCommands<Target> | null;
  /** Null where no request becomes a stream that the gateway carries itself. */
  readonly streams: StreamCarrier<Target> | null;
  /** In which form the gateway answers itself: Envoy labels it by that (envoy/own-replies.ts). */
  readonly document: 'problem' | 'status';
  /** How targets are reached, for whoever has asked for none. */
  readonly whereTargetsAre: string;
  /** A refusal in the protocol's own form. */
  refuse(deny: Deny, context: RefusalContext): OwnAnswer;
}
