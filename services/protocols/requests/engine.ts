import type { HeldSubmission, Settlement } from '../../core/checkpoint/contract.ts';
import type { Intent } from '../../core/model/action.ts';
import type { Deny, Obligations } from '../../core/model/decision.ts';
import type { ActionId } from '../../core/model/ids.ts';
import type { ActionTrace } from '../../core/model/telemetry.ts';
import type { ActionOutcome } from '../../core/model/trail-entry.ts';
import type { EngineNews, EngineServices, RequestEngine, StreamIntake } from '../protocol.ts';
import type { AnswerNotes, AnswerReader, ArrivedRequest, Header, RequestAnswer } from '../request.ts';
import { Answer } from './answer.ts';
import { countedAlone } from './answer-plan.ts';
import { Answers } from './answers.ts';
import { bodyFault } from './body.ts';
import { credentialHeaders } from './credential.ts';
import { identify } from './identify.ts';
import { KeptStream } from './kept-stream.ts';
import type { RefusalContext, RequestLanguage, RoutedRequest } from './language.ts';
import { maxDeadlineMs } from './limits.ts';
import { type RequestSession, Sessions } from './sessions.ts';
import { isOneOf, type RequestTarget } from './target.ts';
import { Unpackers } from './unpacking.ts';

const deny = (reason: Deny['reason'], message: string, hint: string): Deny => ({
  kind: 'deny',
  rule: null,
  reason,
  message: `Refused: ${message}`,
  hint,
});

const shuttingDown = deny('shutting-down', 'the gateway is shutting down.', 'Send it again in a moment.');

const trailUnavailable = deny(
  'trail-unavailable',
  'the gateway cannot write its audit trail, and nothing passes unrecorded.',
  "Nothing was sent to the target. Try again later; the gateway's operators see this as an alarm.",
);

const noBody = Buffer.alloc(0);

/** Of what passed by this process, if anything did. */
const nothingSeen = { rows: 0, bytes: 0, maskedValues: 0, errorCode: null } as const;

/** A request on its way, once it is known who asks for what. */
interface Asked<Target> {
  readonly request: RoutedRequest;
  readonly target: Target;
  readonly session: RequestSession;
  readonly intent: Intent;
  readonly trace: ActionTrace | null;
  readonly startedAtMs: number;
}

/** All requests of one protocol in one process: decides on each of them before Envoy forwards it. */
export class RequestsEngine<Target extends RequestTarget> implements RequestEngine {
  readonly takes = 'requests';
  readonly #language: RequestLanguage<Target>;
  readonly #services: EngineServices<Target>;
  readonly #sessions: Sessions;
  /** Withdraws or defers what waits for a person. */
  readonly #waiting = new Set<{ defer(): void }>();
  readonly #drained = Promise.withResolvers<void>();
  readonly #answers: Answers;
  readonly #unpackers = new Unpackers();
  #requests = 0;
  #draining = false;

  constructor(language: RequestLanguage<Target>, services: EngineServices<Target>) {
    this.#language = language;
    this.#services = services;
    this.#sessions = new Sessions(language.protocol, services);
    this.#answers = new Answers(services.clock);
  }

  async check(request: ArrivedRequest, hungUp: AbortSignal): Promise<RequestAnswer> {
    this.#requests += 1;
    try {
      return await this.#check(request, hungUp);
    } finally {
      this.#requests -= 1;
      if (this.#draining && this.#requests === 0) this.#drained.resolve();
    }
  }

  answerTo(action: string): AnswerReader | null {
    return this.#answers.take(action);
  }

  streamIn(session: string): AnswerReader | null {
    const open = this.#sessions.byId(session);
    if (open === null) return null;
    const stream = new KeptStream(open, (over) => this.#answers.finished(over));
    this.#answers.begun(stream);
    return stream;
  }

  get streams(): StreamIntake | null {
    return this.#language.streams;
  }

  told(news: EngineNews): void {
    if (news.kind === 'session-revoked') this.#sessions.revokedElsewhere(news.key);
  }

  async drain(): Promise<void> {
    this.#draining = true;
    for (const pending of this.#waiting) pending.defer();
    if (this.#requests === 0) this.#drained.resolve();
    await this.#drained.promise;
    await Promise.all([this.#answers.drained(), this.#language.streams?.drained()]);
  }

  close(): Promise<void> {
    this.#draining = true;
    this.#sessions.close('the gateway is shutting down');
    return Promise.resolve();
  }

  async #check(request: ArrivedRequest, hungUp: AbortSignal): Promise<RequestAnswer> {
    const { checkpoint, clock } = this.#services;
    const startedAtMs = clock.monotonicMs();
    if (this.#draining) return this.#turnedAway(request, shuttingDown);
    const { source, listener, route } = request;
    const turnedAway = checkpoint.admit(source, listener);
    if (turnedAway !== null) return this.#turnedAway(request, turnedAway);
    const principal = await identify(this.#services, request);
    if ('reason' in principal) return this.#turnedAway(request, principal);
    const target = route === null ? null : this.#services.target(route.target);
    if (route === null || target === null) {
      const unknown = unknownTarget(request, this.#language.whereTargetsAre);
      checkpoint.loginRefused(
        { source, listener, principal, target: null },
        'unknown-target',
        unknown.message,
      );
      return this.#turnedAway(request, unknown);
    }
    const session = this.#sessions.of(principal, request, route);
    if ('kind' in session) return this.#turnedAway(request, session);
    const routed = {
      ...request,
      route,
      targetPath: route.basePath + request.path.slice(route.prefix.length),
    };
    const trace = session.trace?.action(request.method) ?? null;
    session.enter();
    try {
      const intent = this.#intentOf(routed, target);
      const asked = { request: routed, target, session, intent, trace, startedAtMs };
      const complete = this.#completion(asked);
      const isUnderstood = intent.effects.length > 0 || intent.opaque.length > 0;
      if (complete !== null || (intent.unacceptable !== null && isUnderstood)) {
        // For somebody who may not do it in any case nothing is asked of the target, and how it ought to be sent is of no help.
        const refusal = session.gate.refuseAlways({ ...intent, unacceptable: null });
        if (refusal !== null) {
          trace?.end(null);
          return this.#refused(routed, intent, refusal, {});
        }
      }
      if (complete === null) return await this.#decide(asked, hungUp);
      return await this.#decide({ ...asked, intent: await complete() }, hungUp);
    } finally {
      session.leave();
    }
  }

  #turnedAway(request: ArrivedRequest, deny: Deny): RequestAnswer {
    return this.#language.refuse(deny, { request });
  }

  #intentOf(request: RoutedRequest, target: Target): Intent {
    const fault = bodyFault(request, target.maxBodyBytes);
    if (fault === null) return this.#language.read(request, target);
    // The record says what was asked for; nobody reads a body that is not whole.
    const intent = this.#language.read({ ...request, body: noBody }, target);
    return { ...intent, effects: [], opaque: [], unacceptable: intent.unacceptable ?? fault };
  }

  #completion({ request, target, intent, session }: Asked<Target>): (() => Promise<Intent>) | null {
    const { obligations } = session.gate;
    return intent.unacceptable === null
      ? this.#language.completion(request, target, intent, obligations)
      : null;
  }

  async #decide(asked: Asked<Target>, hungUp: AbortSignal): Promise<RequestAnswer> {
    const { request, session, intent, trace } = asked;
    const { gate } = session;
    trace?.phase('analysis');
    const submission = gate.submit(
      { intent, parameters: this.#language.parameters(request, intent), sessionState: '' },
      trace,
    );
    switch (submission.kind) {
      case 'deny':
        return this.#refuse(asked, submission.id, submission.deny);
      case 'allow':
        return this.#release(asked, submission.id, submission.obligations);
      case 'hold': {
        const settlement = await this.#hold(asked, submission, hungUp);
        // Ended while it waited: that says more than that its hold was withdrawn.
        if (session.ended !== null) return this.#refuse(asked, submission.id, session.ended);
        if (settlement.kind === 'release') return this.#release(asked, submission.id, settlement.obligations);
        const { deny: refusal, hold } = settlement;
        return this.#refuse(asked, submission.id, refusal, refusal.reason === 'hold-open' ? { hold } : {});
      }
    }
  }

  async #hold(asked: Asked<Target>, held: HeldSubmission, hungUp: AbortSignal): Promise<Settlement> {
    const { gate } = asked.session;
    const { request, target } = asked;
    const { commands } = this.#language;
    const pending = gate.hold(held, {
      revalidate: () => this.#revalidated(asked),
      command: commands?.nameOf(request) ?? null,
      ahead: async () => (await commands?.ahead(request, target, gate.principal)) ?? [],
    });
    const withdraw = (): void => pending.withdraw();
    // HTTP has no way to tell a client that waits: for whoever looks for why it does.
    pending.onNotice(({ id }) =>
      this.#services.log.info(
        { hold: id, session: gate.id, action: held.id },
        'a request waits for approval',
      ),
    );
    hungUp.addEventListener('abort', withdraw);
    if (hungUp.aborted) withdraw();
    this.#waiting.add(pending);
    if (this.#draining) pending.defer();
    try {
      return await pending.settled;
    } finally {
      this.#waiting.delete(pending);
      hungUp.removeEventListener('abort', withdraw);
    }
  }

  /** What it would do by the config as it is now. */
  async #revalidated(asked: Asked<Target>): Promise<Intent> {
    const { request, intent } = asked;
    const target = this.#services.target(intent.target);
    if (target === null) return { ...intent, versions: [] };
    const again = this.#intentOf(request, target);
    return (await this.#completion({ ...asked, target, intent: again })?.()) ?? again;
  }

  #refuse(
    { session, trace, request, intent }: Asked<Target>,
    action: ActionId,
    refusal: Deny,
    more: Pick<RefusalContext, 'hold'> = {},
  ): RequestAnswer {
    trace?.end(null);
    return this.#refused(request, intent, refusal, { ...more, notes: this.#notes(session, action, request) });
  }

  #refused(
    request: RoutedRequest,
    intent: Intent,
    refusal: Deny,
    context: Pick<RefusalContext, 'hold' | 'notes'>,
  ): RequestAnswer {
    const inStream = this.#language.streams?.refusal(refusal, request, intent) ?? null;
    if (inStream === null) return this.#language.refuse(refusal, { ...context, request, intent });
    const said = { ...context.notes, reason: refusal.reason };
    return { kind: 'pass', ...inStream, reading: 'nothing', notes: said };
  }

  async #release(asked: Asked<Target>, action: ActionId, obligations: Obligations): Promise<RequestAnswer> {
    const { session, trace, request, target, intent, startedAtMs } = asked;
    const { clock, log } = this.#services;
    const written = await recorded(session);
    const ended = (end: Omit<ActionOutcome, 'durationMs'>): void => {
      const outcome = { ...end, durationMs: clock.monotonicMs() - startedAtMs };
      session.gate.finished(action, outcome);
      trace?.end(outcome);
    };
    const obstacle = written ? session.ended : trailUnavailable;
    if (obstacle !== null) {
      ended({ result: 'cut-off', ...nothingSeen });
      return this.#refused(request, intent, obstacle, { notes: this.#notes(session, action, request) });
    }
    trace?.phase('upstream');
    trace?.sent();
    this.#language.commands?.released(request, intent, session.gate.principal);
    const policyPlan = this.#language.answerPlan(request, intent, obligations);
    const { streams } = this.#language;
    if (streams?.carries(intent) === true) {
      const brought = streams.expect({ request, target, intent, session, action, plan: policyPlan, ended });
      return { kind: 'pass', ...brought, reading: 'nothing', notes: this.#notes(session, action, request) };
    }
    const passing = passingOf(request);
    const isStream = passing !== 'whole' || this.#language.asksForStream(request, intent);
    const plan = policyPlan ?? (isStream ? countedAlone : null);
    if (plan === null) {
      ended({ result: 'forwarded', ...nothingSeen });
    } else {
      const answer = new Answer({
        ...{ plan, session, action, trace, startedAtMs, clock, log },
        unpackers: this.#unpackers,
        isBothWays: passing === 'both-ways',
        passesUnmasked: (type) => isOneOf(target.unmasked, type),
        refuse: (refusal) =>
          this.#language.refuse(refusal, { request, notes: this.#notes(session, action, request) }),
        finished: (finished) => this.#answers.finished(finished),
      });
      this.#answers.await(answer);
    }
    const forwarded = this.#language.forwarded(request);
    const set = [
      ...forwarded.set,
      ...credentialHeaders(target.credential),
      ...(plan !== null && (plan.masks !== null || plan.isRecorded) ? [plainAnswer] : []),
      ...this.#deadline(session),
    ];
    const setNames = new Set(set.map(({ name }) => name));
    return {
      kind: 'pass',
      remove: [...forwarded.remove, ...(plan?.masks == null ? [] : partialNames(request))].filter(
        (name) => !setNames.has(name),
      ),
      set,
      reading: passing !== 'whole' ? passing : plan === null ? 'streams' : 'answer',
      notes: this.#notes(session, action, request),
    };
  }

  #notes({ gate }: RequestSession, action: ActionId, { route }: RoutedRequest): AnswerNotes {
    return { session: gate.id, action, target: route.target, document: this.#language.document };
  }

  /** Envoy ends what is still under way when the session's time is over, also where nobody reads the answer. */
  #deadline({ gate }: RequestSession): readonly Header[] {
    const leftMs = Math.ceil(gate.endsAtMs - this.#services.clock.nowMs());
    if (leftMs > maxDeadlineMs) return [];
    return [{ name: 'x-envoy-upstream-rq-timeout-ms', value: String(Math.max(1, leftMs)) }];
  }
}

const plainAnswer: Header = { name: 'accept-encoding', value: 'identity' };
/** What is masked must come whole: not in parts, nor left out since the client knows an older version. */
const partial: ReadonlySet<string> = new Set(['range', 'if-range', 'if-none-match', 'if-modified-since']);

const partialNames = ({ headers }: RoutedRequest): readonly string[] => [
  ...new Set(headers.map(({ name }) => name).filter((name) => partial.has(name))),
];

/** How what the client sends goes on once its head has. An upload of a known length goes past this process, since passing by here would take the length off. */
function passingOf({ route, headers }: RoutedRequest): 'whole' | 'upload' | 'both-ways' {
  switch (route.kind) {
    case 'whole':
      return 'whole';
    case 'upgrade':
      return 'both-ways';
    case 'streamed':
      return headers.some(({ name }) => name === 'content-length') ? 'upload' : 'both-ways';
  }
}

const recorded = ({ gate }: RequestSession): Promise<boolean> =>
  new Promise((resolve) => {
    gate.afterRecord({ committed: () => resolve(true), notCommitted: () => resolve(false) });
  });

const unknownTarget = ({ route }: ArrivedRequest, whereTargetsAre: string): Deny =>
  deny(
    'unknown-target',
    route === null ? 'no target has this host name or path.' : `there is no target ${route.target}.`,
    `${whereTargetsAre} Ask the people who run this gateway for its name.`,
  );
