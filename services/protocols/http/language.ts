import type { KeyObject } from 'node:crypto';
import type { Intent, Parameter } from '../../core/model/action.ts';
import type { Deny, Obligations } from '../../core/model/decision.ts';
import type { OwnAnswer } from '../request.ts';
import { type AnswerPlan, answerPlan } from '../requests/answer-plan.ts';
import { bodyParameters } from '../requests/body.ts';
import { credentialHeaders } from '../requests/credential.ts';
import type { RefusalContext, RequestLanguage, RoutedRequest } from '../requests/language.ts';
import type { RequestTarget } from '../requests/target.ts';
import { isGrpc } from './grpc-method.ts';
import { grpcAnswer } from './grpc-refusal.ts';
import { strippedNames } from './headers.ts';
import { Intents, methodInForm } from './intent.ts';
import { overridesMethod } from './method-override.ts';
import { problemAnswer } from './problem.ts';
import { readBody, streamedBody } from './request-body.ts';

const eventStream = /text\/event-stream/i;

/** HTTP as its own protocol: methods on paths, and refusals as problem documents. */
export class HttpLanguage implements RequestLanguage<RequestTarget> {
  readonly protocol = 'http';
  readonly document = 'problem';
  readonly whereTargetsAre =
    'A target is reached as /t/NAME/ and then its own path, or by a host name of its own.';
  readonly commands = null;
  readonly streams = null;
  readonly #intents = new Intents();
  readonly #key: KeyObject;
  /** By obligations, which are one object for each principal, target and policy version. */
  readonly #plans = new WeakMap<Obligations, { readonly plan: AnswerPlan | null }>();

  /** @param key of pseudonyms */
  constructor(key: KeyObject) {
    this.#key = key;
  }

  read(request: RoutedRequest, target: RequestTarget): Intent {
    const { method, host, headers, body, route, targetPath } = request;
    const intent = this.#intents.of({
      authority: target.authority,
      target: route.target,
      method,
      host,
      path: targetPath,
      headers,
      overwritten: new Set(credentialHeaders(target.credential).map(({ name }) => name)),
      body: route.kind === 'streamed' ? streamedBody : readBody(headers, body),
      kind: route.kind,
    });
    if (intent.unacceptable !== null || !overridesMethod(headers, body)) return intent;
    return { ...intent, effects: [], opaque: [], unacceptable: methodInForm };
  }

  answerPlan(_request: RoutedRequest, _intent: Intent, obligations: Obligations): AnswerPlan | null {
    let known = this.#plans.get(obligations);
    if (known === undefined) {
      known = { plan: answerPlan(obligations, this.#key) };
      this.#plans.set(obligations, known);
    }
    return known.plan;
  }

  asksForStream({ headers }: RoutedRequest): boolean {
    return isGrpc(headers) || headers.some(({ name, value }) => name === 'accept' && eventStream.test(value));
  }

  /** A decision hangs on the request alone. */
  completion(): null {
    return null;
  }

  parameters({ body }: RoutedRequest): readonly Parameter[] {
    return bodyParameters(body);
  }

  refuse(deny: Deny, context: RefusalContext): OwnAnswer {
    const { request } = context;
    return request !== undefined && isGrpc(request.headers)
      ? grpcAnswer(deny, context)
      : problemAnswer(deny, context);
  }

  forwarded({ headers }: RoutedRequest) {
    return { remove: strippedNames(headers), set: [] };
  }
}
