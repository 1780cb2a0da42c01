import { hash, type KeyObject } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Action, Intent, Parameter, Unacceptable } from '../../core/model/action.ts';
import { noParameters } from '../../core/model/action.ts';
import type { Deny, Obligations } from '../../core/model/decision.ts';
import type { JsonObject } from '../../core/model/strict-json.ts';
import type { Header, OwnAnswer } from '../request.ts';
import type { AnswerPlan } from '../requests/answer-plan.ts';
import type { RefusalContext, RequestLanguage, RoutedRequest } from '../requests/language.ts';
import type { RequestTarget } from '../requests/target.ts';
import { AnswerPlans } from './answer-plans.ts';
import { textAt } from './api-object.ts';
import { mediaTypeOf } from './body.ts';
import { readDeleteOptions } from './delete-options.ts';
import type { KubernetesEffect } from './effect.ts';
import { deletion, type Outcome, outcomeAtTarget } from './effects-at-target.ts';
import { forwardedHeaders } from './headers.ts';
import { KubectlCommands } from './kubectl-commands.ts';
import { maxListedObjects, maxRememberedIntents } from './limits.ts';
import { effectOfRequest, type KubernetesRequest, questionOf, readRequest } from './reading.ts';
import { isConnecting, type ResourceRequest } from './request-info.ts';
import { statusAnswer, targetsAnswer } from './status.ts';
import type { KubernetesStreams } from './streams/carrier.ts';
import { meaningOf, readStreamRequest, streamFault, streamKindOf } from './streams/request.ts';

type Write = KubernetesRequest & { readonly info: ResourceRequest };

/** The Kubernetes API: verbs on resources, and refusals as a Status. */
export class KubernetesLanguage implements RequestLanguage<RequestTarget> {
  readonly protocol = 'kubernetes';
  readonly document = 'status';
  readonly whereTargetsAre =
    "A cluster is reached as /k8s/NAME/ and then the API's own path, or by a host name of its own.";
  /** Of requests that only read, of which alike ones give the same object. */
  readonly #known = new LRUCache<string, Intent>({ max: maxRememberedIntents });
  /** What the API server has to be asked about them. */
  readonly #writes = new WeakMap<Intent, Write>();
  /** What the API server would answer. */
  readonly #answers = new WeakMap<Intent, { readonly status: number; readonly object: JsonObject }>();

  readonly #plans: AnswerPlans;
  readonly streams: KubernetesStreams | null;
  readonly commands = new KubectlCommands((request, target, object) =>
    this.#deletionOf(request, target, object),
  );

  /**
   * @param key of pseudonyms
   * @param streams null where nothing is carried, only read
   */
  constructor(key: KeyObject, streams: KubernetesStreams | null) {
    this.#plans = new AnswerPlans(key);
    this.streams = streams;
  }

  read(request: RoutedRequest, target: RequestTarget): Intent {
    const read = readRequest(request);
    if (!('info' in read)) return { ...blank(request, target), unacceptable: read };
    const { info } = read;
    if (info.kind === 'resource' && isConnecting(info)) return this.#readStream(request, target, read, info);
    const isRead = request.body.length === 0 && questionOf(info) === null;
    const key = [request.route.target, target.authority, request.method, request.targetPath].join('\n');
    const known = isRead ? this.#known.get(key) : undefined;
    if (known !== undefined) return known;
    const intent = { ...blank(request, target), effects: [effectOfRequest(read)] };
    if (isRead) this.#known.set(key, intent);
    else if (info.kind === 'resource') this.#writes.set(intent, { ...read, info });
    return intent;
  }

  #readStream(
    request: RoutedRequest,
    target: RequestTarget,
    read: KubernetesRequest,
    info: ResourceRequest,
  ): Intent {
    const intent = { ...blank(request, target), effects: [effectOfRequest(read)] };
    const kind = streamKindOf(info);
    if (kind === null) return { ...intent, unacceptable: noStreams(info) };
    const asked = readStreamRequest(kind, read.query.parameters);
    if ('reason' in asked) return { ...intent, effects: [], unacceptable: asked };
    const { effects, opaque, lines } = meaningOf(asked, info);
    const meant = { ...intent, effects, opaque, text: [intent.text, ...lines].join('\n') };
    const fault = streamFault(kind, request.method, request.headers);
    if (fault !== null) return { ...meant, unacceptable: fault };
    this.streams?.remember(meant, asked);
    return meant;
  }

  completion(
    request: RoutedRequest,
    target: RequestTarget,
    intent: Intent,
    obligations: Obligations | null,
  ): (() => Promise<Intent>) | null {
    const write = this.#writes.get(intent);
    const question = write === undefined ? null : questionOf(write.info);
    if (write === undefined || question === null) return null;
    return async () => {
      const outcome = await outcomeAtTarget(question, { target, request, read: write });
      switch (outcome.kind) {
        case 'known':
          if (outcome.writesMasks && obligations !== null && obligations.masks.length > 0)
            return { ...intent, effects: outcome.effects, unacceptable: maskWritten };
          return withOutcome(intent, outcome);
        case 'refused': {
          const refused = { ...intent, unacceptable: refusedByTarget(textAt(outcome.object, 'message')) };
          this.#answers.set(refused, outcome);
          return refused;
        }
        case 'unknown':
          return { ...intent, unacceptable: unknown(outcome.why) };
        case 'too-many':
          return { ...intent, unacceptable: tooMany };
      }
    };
  }

  /** A request to delete this object, as it would be understood; null when it is none. */
  #deletionOf(request: RoutedRequest, target: RequestTarget, object: JsonObject): Action | null {
    const intent = this.read(request, target);
    const write = this.#writes.get(intent);
    if (write === undefined || questionOf(write.info) !== 'one-object') return null;
    return {
      intent: withOutcome(intent, deletion(write, object)),
      parameters: this.parameters(request),
      sessionState: '',
    };
  }

  parameters({ method, headers, body }: RoutedRequest): readonly Parameter[] {
    if (body.length === 0) return noParameters;
    return [{ text: bodyText(method, headers, body), bound: body }];
  }

  answerPlan(_request: RoutedRequest, { effects }: Intent, obligations: Obligations): AnswerPlan | null {
    const [main] = effects as readonly KubernetesEffect[]; // as: `read` makes no others
    return this.#plans.of(obligations, main?.group ?? '', main?.type ?? '');
  }

  asksForStream(_request: RoutedRequest, { effects }: Intent): boolean {
    const [main] = effects as readonly KubernetesEffect[]; // as: `read` makes no others
    return main?.verb === 'watch' || main?.type === 'pods/log';
  }

  forwarded({ headers, targetPath }: RoutedRequest) {
    return forwardedHeaders(headers, targetPath);
  }

  refuse(deny: Deny, context: RefusalContext): OwnAnswer {
    const { intent } = context;
    const answer = intent === undefined ? undefined : this.#answers.get(intent);
    return deny.reason === 'refused-by-target' && answer !== undefined
      ? targetsAnswer(deny, answer, context)
      : statusAnswer(deny, context);
  }
}

/** What a write changes stands in the text of its action, without the values of Secrets; the options of a DELETE are all there is of it. */
function bodyText(method: string, headers: readonly Header[], body: Buffer): string {
  const options = method === 'DELETE' ? readDeleteOptions(body) : null;
  if (options !== null) return JSON.stringify(options);
  if (method === 'DELETE') return body.toString('utf8');
  return `${body.length} bytes of ${mediaTypeOf(headers)}, sha256:${hash('sha256', body, 'hex')}`;
}

const withOutcome = (intent: Intent, { lines, effects, versions }: Outcome): Intent => ({
  ...intent,
  text: [intent.text, ...lines].join('\n'),
  effects,
  versions: [...intent.versions, ...versions],
});

const blank = (
  { method, targetPath, headers, body, route }: RoutedRequest,
  { authority }: RequestTarget,
): Intent => ({
  protocol: 'kubernetes',
  target: route.target,
  text: [
    `${method} ${targetPath}`,
    ...(body.length === 0 ? [] : [`content-type: ${mediaTypeOf(headers)}`]),
  ].join('\n'),
  commands: 1,
  effects: [],
  opaque: [],
  versions: [`${route.target}@${authority}`],
  consequences: [],
  unacceptable: null,
});

/** They pass bytes both ways, which nothing here reads. */
const noStreams = ({ subresource }: ResourceRequest): Unacceptable => ({
  reason: 'unsupported',
  message: `Refused: ${subresource} is not carried by this gateway.`,
  hint: 'Read logs with kubectl logs, or ask the people who run the cluster.',
});

const refusedByTarget = (message: string): Unacceptable => ({
  reason: 'refused-by-target',
  message: `The cluster would refuse it: ${message}`,
  hint: '',
});

const unknown = (why: string): Unacceptable => ({
  reason: 'target-unavailable',
  message: `Refused: what it would do could not be found out, since ${why}.`,
  hint: 'Nothing was changed. Try again; if it goes on, ask the people who run this gateway.',
});

const maskWritten: Unacceptable = {
  reason: 'unsupported',
  message: 'Refused: it would write masks where values are: what was read through the gateway is masked.',
  hint: 'Send a patch of what is to change and nothing else.',
};

const tooMany: Unacceptable = {
  reason: 'too-large',
  message: `Refused: it would delete more than ${maxListedObjects} objects at once.`,
  hint: 'Delete fewer by a narrower selector.',
};
