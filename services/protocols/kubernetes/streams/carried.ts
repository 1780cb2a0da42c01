import type { AllowedStream } from '../../requests/language.ts';
import type { RequestTarget } from '../../requests/target.ts';
import type { RelayEnd } from './channel-relay.ts';
import type { ChannelProtocol, StreamRequest } from './request.ts';

export const nothingSeen = { bytes: 0, maskedValues: 0, errorCode: null } as const;

/** A stream that was let through, from then until it has ended: it keeps its session, and ends with it. */
export class CarriedStream {
  readonly allowed: AllowedStream<RequestTarget>;
  readonly asked: StreamRequest;
  /** What the client offers and is known here, the best first. */
  readonly protocols: readonly ChannelProtocol[];
  /** The session is closed. */
  isCut = false;
  #cut: (() => void) | null = null;
  #isFinished = false;
  readonly #finished: () => void;
  readonly #closed = (): void => {
    this.isCut = true;
    if (this.#cut === null) this.finish({ result: 'cut-off', ...nothingSeen });
    else this.#cut();
  };

  constructor(
    allowed: AllowedStream<RequestTarget>,
    asked: StreamRequest,
    protocols: readonly ChannelProtocol[],
    finished: () => void,
  ) {
    this.#finished = finished;
    this.allowed = allowed;
    this.asked = asked;
    this.protocols = protocols;
    allowed.session.enter();
    allowed.session.onClosed(this.#closed);
  }

  /** What ends it, as far as it has come; called at once when its session is closed already. */
  onCut(cut: () => void): void {
    this.#cut = cut;
    if (this.isCut) cut();
  }

  /** Why it is cut, for the client. */
  get why(): string {
    return this.allowed.session.ended?.message ?? 'the session has ended.';
  }

  finish(end: RelayEnd): void {
    if (this.#isFinished) return;
    this.#isFinished = true;
    this.#cut = null;
    const { session, ended } = this.allowed;
    session.offClosed(this.#closed);
    session.leave();
    ended({ ...end, rows: 0 });
    this.#finished();
  }
}
