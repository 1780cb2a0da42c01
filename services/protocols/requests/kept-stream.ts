import { InvariantError } from '../../core/model/errors.ts';
import type { AnswerReader, AnswerVerdict, HeaderChanges } from '../request.ts';
import type { RequestSession } from './sessions.ts';

const unchanged: HeaderChanges = { remove: [], set: [] };

/** An answer that has turned out to be a stream: it goes on as it comes, for as long as its session does. */
export class KeptStream implements AnswerReader {
  readonly #session: RequestSession;
  readonly #finished: (stream: KeptStream) => void;
  readonly #over: () => void;
  #isOver = false;
  #cut: (() => void) | null = null;
  readonly #sessionClosed = (): void => this.#cut?.();

  constructor(session: RequestSession, finished: (stream: KeptStream) => void) {
    this.#session = session;
    this.#finished = finished;
    this.#over = session.gate.goesOn();
    session.enter();
    session.onClosed(this.#sessionClosed);
  }

  onCut(cut: () => void): void {
    this.#cut = cut;
  }

  head(): AnswerVerdict {
    return { kind: 'pass', isPacked: false, ...unchanged };
  }

  body(chunk: Buffer): Buffer {
    return chunk;
  }

  inPlace(): never {
    throw new InvariantError('all of the body goes on');
  }

  packedBody(): never {
    throw new InvariantError('head() has said that the body is not packed');
  }

  trailers(): HeaderChanges {
    return unchanged;
  }

  closed(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#session.offClosed(this.#sessionClosed);
    this.#session.leave();
    this.#over();
    this.#finished(this);
  }

  sent(): void {
    // Nothing is counted: it was recorded as forwarded.
  }

  unanswered(): void {
    // As above.
  }
}
