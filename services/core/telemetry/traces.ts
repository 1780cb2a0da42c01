import {
  type Attributes,
  type Context,
  type Link,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import type { Intent } from '../model/action.ts';
import type { Clock } from '../model/clock.ts';
import type { Decision } from '../model/decision.ts';
import type {
  ActionTrace,
  Phase,
  SessionAttributes,
  SessionTrace,
  StartUpPhase,
  TraceIds,
} from '../model/telemetry.ts';
import type { ActionOutcome } from '../model/trail-entry.ts';
import { decisionAttributes, intentAttributes, outcomeAttributes, sessionAttributes } from './attributes.ts';
import { maxSpanAttributeCharacters } from './limits.ts';

export interface TraceParts {
  readonly tracer: Tracer;
  readonly clock: Clock;
  /** Whether spans carry the beginning of an action's text. */
  readonly withText: boolean;
}

const idsOf = (span: Span): TraceIds => {
  const { traceId, spanId } = span.spanContext();
  return { trace_id: traceId, span_id: spanId };
};

/** A span and its phases, one after the other, each a child that begins where the one before it ends. */
class PhasedSpan {
  readonly span: Span;
  readonly #tracer: Tracer;
  readonly #clock: Clock;
  /** What phases are children of; null when nothing is recorded. */
  readonly #context: Context | null;
  readonly #startedAtMs: number;
  readonly #startedMonotonicMs: number;
  #phase: Span | null = null;

  constructor({ tracer, clock }: TraceParts, name: string, attributes: Attributes, links: Link[]) {
    this.#tracer = tracer;
    this.#clock = clock;
    this.#startedAtMs = clock.nowMs();
    this.#startedMonotonicMs = clock.monotonicMs();
    // A gateway serves; so backends count these spans as requests.
    const options = { kind: SpanKind.SERVER, startTime: this.#startedAtMs, attributes, links };
    this.span = tracer.startSpan(name, options, ROOT_CONTEXT);
    this.#context = this.span.isRecording() ? trace.setSpan(ROOT_CONTEXT, this.span) : null;
  }

  begin(phase: Phase): void {
    if (this.#context === null || !this.span.isRecording()) return;
    const startTime = this.#now();
    this.#phase?.end(startTime);
    const kind = phase === 'upstream' ? SpanKind.CLIENT : SpanKind.INTERNAL;
    this.#phase = this.#tracer.startSpan(phase, { kind, startTime }, this.#context);
  }

  end(): void {
    if (!this.span.isRecording()) return;
    const endTime = this.#now();
    this.#phase?.end(endTime);
    this.span.end(endTime);
  }

  /** One reading of the machine's clock a trace, so that setting it never makes a phase negative. */
  #now(): number {
    return this.#startedAtMs + this.#clock.monotonicMs() - this.#startedMonotonicMs;
  }
}

/**
 * A session's start-up is a trace of its own, and so is each action, linked to it and carrying `session.id`. A span
 * over the whole session was rejected: sessions last hours, a span is exported only when it ends, backends close a
 * trace after minutes, and a sampler would keep all of a session's statements or none.
 */
export class TracedSession implements SessionTrace {
  readonly ids: TraceIds;
  readonly #parts: TraceParts;
  readonly #startUp: PhasedSpan;
  readonly #links: Link[];
  #attributes: Attributes;

  constructor(parts: TraceParts, known: SessionAttributes) {
    this.#parts = parts;
    this.#attributes = sessionAttributes(known);
    this.#startUp = new PhasedSpan(parts, 'session', this.#attributes, []);
    this.#links = [{ context: this.#startUp.span.spanContext() }];
    this.ids = idsOf(this.#startUp.span);
  }

  phase(phase: StartUpPhase): void {
    this.#startUp.begin(phase);
  }

  opened(known: Omit<SessionAttributes, 'protocol'>): void {
    const attributes = sessionAttributes(known);
    this.#attributes = { ...this.#attributes, ...attributes };
    if (this.#startUp.span.isRecording()) this.#startUp.span.setAttributes(attributes);
    this.#startUp.end();
  }

  action(name: string): ActionTrace {
    // For an engine that does not say when start-up is over: it is by now.
    this.#startUp.end();
    return new TracedAction(this.#parts, name, this.#attributes, this.#links);
  }

  end(why: string | null): void {
    if (!this.#startUp.span.isRecording()) return;
    if (why !== null) {
      const message = why.slice(0, maxSpanAttributeCharacters);
      this.#startUp.span.setStatus({ code: SpanStatusCode.ERROR, message });
    }
    this.#startUp.end();
  }
}

class TracedAction implements ActionTrace {
  readonly #spans: PhasedSpan;
  readonly #session: Attributes;
  readonly #withText: boolean;

  constructor(parts: TraceParts, name: string, session: Attributes, links: Link[]) {
    this.#spans = new PhasedSpan(parts, name, session, links);
    this.#session = session;
    this.#withText = parts.withText;
  }

  get ids(): TraceIds {
    return idsOf(this.#spans.span);
  }

  phase(phase: Phase): void {
    this.#spans.begin(phase);
  }

  analysed(intent: Intent): void {
    const { span } = this.#spans;
    if (!span.isRecording()) return;
    // Verbs are a closed vocabulary, so names of spans stay few.
    const verbs = [...new Set(intent.effects.map((effect) => effect.verb))].sort().slice(0, 3);
    if (verbs.length > 0) span.updateName(`${verbs.join(', ')} ${intent.target}`);
    span.setAttributes(intentAttributes(intent, this.#session, this.#withText));
  }

  sent(): void {
    // The phase `upstream` has begun with the decision: what lies between is the record's way to the disk.
  }

  decided(decision: Decision): void {
    const { span } = this.#spans;
    if (span.isRecording()) span.setAttributes(decisionAttributes(decision));
  }

  end(outcome: ActionOutcome | null): void {
    const { span } = this.#spans;
    if (!span.isRecording()) return;
    if (outcome !== null) {
      span.setAttributes(outcomeAttributes(outcome, this.#session));
      // A refusal is no error of the service, and neither is a client's rollback.
      if (failures.has(outcome.result)) span.setStatus({ code: SpanStatusCode.ERROR });
    }
    this.#spans.end();
  }
}

const failures: ReadonlySet<ActionOutcome['result']> = new Set(['failed', 'cut-off', 'unknown']);
