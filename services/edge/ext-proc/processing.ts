import { type ServerDuplexStream, status } from '@grpc/grpc-js';
import type { Logger } from '../../core/model/log.ts';
import type { AnswerReader } from '../../protocols/request.ts';
import {
  bodyPart,
  type Exchange,
  headChanged,
  headUnchanged,
  ownAnswer,
  type ProcessingRequest,
  type ProcessingResponse,
  requestBodyPart,
  requestHeadUnchanged,
  requestTrailersUnchanged,
  trailersChanged,
  trailersUnchanged,
} from './messages.ts';
import { insideStatusOf } from './own-answers.ts';

export interface ProcessingParts {
  /** Who reads the answer to this action; null when nobody does. */
  answerTo(action: string): AnswerReader | null;
  /** Who ends a stream of this session with it; null when there is none such, any more. */
  streamIn(session: string): AnswerReader | null;
  readonly log: Logger;
}

type BodyOrTrailers = Extract<ProcessingRequest, { kind: 'body' | 'trailers' }>;

/** What comes of the answer, and what should not come at all. */
type AnswerPart = Exclude<ProcessingRequest, { kind: `request-${string}` }>;

const nothing = Buffer.alloc(0);

type Call = ServerDuplexStream<ProcessingRequest, ProcessingResponse>;

/** What Envoy says when the answer is the target's; all else it says itself. */
const ofTheTarget = 'via_upstream';

/** envoy.service.ext_proc.v3.ExternalProcessor. Whatever goes wrong ends the call with an error, and Envoy then ends the answer. */
export const processing = (parts: ProcessingParts) => ({
  Process(call: Call): void {
    new AnswerCall(call, parts).begin();
  },
});

/** One answer on its way through. */
class AnswerCall {
  readonly #call: Call;
  readonly #parts: ProcessingParts;
  #reader: AnswerReader | null = null;
  /** `passed`: Envoy's own answer. `over`: nothing more is said. */
  #state: 'head' | 'read' | 'passed' | 'over' = 'head';
  /** What becomes of the answer's head. It waits for what of the body came with it, in whose place something else may be said as long as it has not gone. */
  #pendingHead: ProcessingResponse | null = null;
  #isPacked = false;
  /** What has come is not through yet: nothing more is taken. */
  #isUnpacking = false;
  #onDrained: (() => void) | null = null;

  constructor(call: Call, parts: ProcessingParts) {
    this.#call = call;
    this.#parts = parts;
  }

  begin(): void {
    const call = this.#call;
    call.on('data', (request) => this.#received(request));
    call.on('drain', () => this.#drain());
    call.on('end', () => this.#end());
    // The client has hung up, or Envoy; it also comes when all was over.
    call.on('cancelled', () => this.#end());
    call.on('error', (error) => {
      this.#parts.log.debug({ error }, 'Envoy broke off an answer');
      this.#end();
    });
  }

  #drain(): void {
    this.#onDrained?.();
    this.#onDrained = null;
    if (!this.#isUnpacking) this.#call.resume();
  }

  #received(request: ProcessingRequest): void {
    switch (request.kind) {
      case 'request-head':
        return this.#begins(request.exchange) ? this.#send(requestHeadUnchanged) : undefined;
      case 'request-body':
        return this.#sends(request.body, request.isLast);
      case 'request-trailers':
        return this.#isOver() ? undefined : this.#send(requestTrailersUnchanged);
      default:
        return this.#answered(request);
    }
  }

  /** False when it goes no further. */
  #begins({ action, session, isKept }: Exchange): boolean {
    if (this.#isOver()) return false;
    if (this.#reader !== null) return true;
    if (isKept) this.#reader = session === null ? null : this.#parts.streamIn(session);
    else this.#reader = action === null ? null : this.#parts.answerTo(action);
    if (this.#reader === null) this.#fail('nobody waits for this answer');
    else this.#reader.onCut(() => this.#fail('the session has ended'));
    return !this.#isOver();
  }

  #sends(body: Buffer, isLast: boolean): void {
    if (this.#isOver()) return;
    if (this.#reader === null) return this.#fail('it does not begin with headers');
    this.#reader.sent(body.length);
    this.#send(requestBodyPart(body, isLast));
  }

  #answered(request: AnswerPart): void {
    switch (this.#state) {
      case 'head':
        return request.kind === 'head' ? this.#head(request) : this.#fail('it does not begin with headers');
      case 'read':
        return this.#reader === null ? undefined : this.#read(request, this.#reader);
      case 'passed':
        return this.#pass(request);
      case 'over':
        return;
    }
  }

  #head({ head, exchange, codeDetails }: Extract<ProcessingRequest, { kind: 'head' }>): void {
    if (!this.#begins(exchange)) return;
    const reader = this.#reader;
    if (reader === null) return;
    if (codeDetails !== null && codeDetails !== ofTheTarget) {
      reader.unanswered(head.status);
      this.#state = 'passed';
      return this.#send(headUnchanged);
    }
    const verdict = reader.head(head);
    if (verdict.kind === 'answer') {
      this.#send(ownAnswer(verdict, insideStatusOf(verdict.status)));
      return this.#end();
    }
    this.#state = 'read';
    this.#isPacked = verdict.isPacked;
    this.#pendingHead = headChanged(verdict);
    setImmediate(() => {
      if (!this.#isUnpacking) this.#sendHead();
    });
  }

  #sendHead(): void {
    const head = this.#pendingHead;
    this.#pendingHead = null;
    if (head !== null) this.#send(head);
  }

  #read(request: AnswerPart, reader: AnswerReader): void {
    if (request.kind !== 'body' && request.kind !== 'trailers') {
      return this.#fail('what Envoy sends is out of order');
    }
    if (this.#isPacked) return this.#startUnpacking(request, reader);
    if (request.kind === 'body') {
      const shown = reader.body(request.body, request.isLast);
      if (shown === null) return this.#cut(reader);
      this.#sendHead();
      if (shown.length > 0 || request.isLast) this.#send(bodyPart(shown, request.isLast));
    } else {
      // Envoy has not said which chunk was the last.
      const shown = reader.body(nothing, true);
      if (shown === null) return this.#cut(reader);
      this.#sendHead();
      if (shown.length > 0) this.#send(bodyPart(shown, false));
      this.#send(trailersChanged(reader.trailers(request.headers)));
    }
  }

  #cut(reader: AnswerReader): void {
    if (this.#pendingHead === null) return this.#fail('it is cut');
    this.#pendingHead = null;
    const answer = reader.inPlace();
    this.#send(ownAnswer(answer, insideStatusOf(answer.status)));
    this.#end();
  }

  #startUnpacking(request: BodyOrTrailers, reader: AnswerReader): void {
    this.#isUnpacking = true;
    this.#call.pause();
    this.#unpack(request, reader).then(
      () => {
        this.#isUnpacking = false;
        this.#call.resume();
      },
      (bug: unknown) => {
        setImmediate(() => {
          throw bug;
        });
      },
    );
  }

  async #unpack(request: BodyOrTrailers, reader: AnswerReader): Promise<void> {
    const isLast = request.kind === 'trailers' || request.isLast;
    for await (const shown of reader.packedBody(request.kind === 'body' ? request.body : nothing, isLast)) {
      if (this.#isOver()) return;
      if (shown === null) return this.#cut(reader);
      this.#sendHead();
      if (shown.length > 0 && !this.#call.write(bodyPart(shown, false))) await this.#drained();
    }
    if (this.#isOver()) return;
    this.#sendHead();
    if (request.kind === 'trailers') this.#send(trailersChanged(reader.trailers(request.headers)));
    else if (isLast) this.#send(bodyPart(nothing, true));
  }

  /** Envoy reads again, or it is over. */
  #drained(): Promise<void> {
    return new Promise((resolve) => {
      this.#onDrained = resolve;
    });
  }

  #pass(request: AnswerPart): void {
    if (request.kind === 'body') this.#send(bodyPart(request.body, request.isLast));
    else if (request.kind === 'trailers') this.#send(trailersUnchanged);
    else this.#fail('what Envoy sends is out of order');
  }

  #send(response: ProcessingResponse): void {
    // Envoy does not read: nothing more is taken from it until it does.
    if (!this.#call.write(response)) this.#call.pause();
  }

  #isOver(): boolean {
    return this.#state === 'over';
  }

  #fail(why: string): void {
    if (this.#state === 'over') return;
    this.#parts.log.debug({ why }, 'an answer goes no further');
    this.#over();
    this.#call.emit('error', { code: status.ABORTED, details: why });
  }

  #end(): void {
    if (this.#state === 'over') return;
    this.#over();
    this.#call.end();
  }

  #over(): void {
    this.#state = 'over';
    this.#pendingHead = null;
    this.#onDrained?.();
    this.#reader?.closed();
  }
}
