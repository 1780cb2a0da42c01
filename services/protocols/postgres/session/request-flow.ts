import type { Clock, Timer } from '../../../core/model/clock.ts';
import { WireError } from '../wire/errors.ts';
import { ClientFrames } from './client-frames.ts';
import { maxBytesBehindHold, messageDeadlineMs } from './limits.ts';

/** Why the next message is not looked at yet. */
type Blocked = 'analysis' | 'hold' | 'names' | 'copy' | 'answers' | 'goodbye';

export interface FlowParts {
  readonly clock: Clock;
  /** Takes one message; it may block the flow. */
  handle(frame: Buffer): void;
  /** The client broke the protocol or a limit. */
  fail(error: WireError): void;
  /** The client said goodbye. */
  terminated(): void;
}

/**
 * The client's messages, handed on one at a time and in order. While one waits (for analysis, for a person, for the server's word on
 * a name), those behind it wait unread.
 */
export class RequestFlow {
  readonly #parts: FlowParts;
  readonly #frames = new ClientFrames();
  #blockedBy: Blocked | null = null;
  /** What has to end before the next message is taken. */
  #pauses = 0;
  #ended = false;
  #messageTimer: Timer | null = null;

  constructor(parts: FlowParts) {
    this.#parts = parts;
  }

  get bufferedBytes(): number {
    return this.#frames.bufferedBytes;
  }

  get blockedBy(): Blocked | null {
    return this.#blockedBy;
  }

  get paused(): boolean {
    return this.#pauses > 0;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Bytes from the client. */
  receive(chunk: Buffer): void {
    this.#frames.push(chunk);
    if (this.#blockedBy === 'hold') this.#listenForGoodbye();
    else this.#drain();
  }

  /** Hands nothing on until `resume`. */
  block(by: Blocked): void {
    this.#blockedBy = by;
    if (by === 'hold') this.#listenForGoodbye();
  }

  /** `first`: what the blocked message does now; it may block again. */
  resume(first: (() => void) | null): void {
    if (this.#ended) return;
    this.#blockedBy = null;
    if (first !== null) this.#checked(first);
    this.#drain();
  }

  /** Hands nothing on until the promise has settled; then `go`, which may resume. */
  pauseUntil(settled: Promise<void>, go: () => void): void {
    this.#pauses += 1;
    void settled.finally(() => {
      this.#pauses -= 1;
      go();
      this.#drain();
    });
  }

  terminate(): void {
    this.#ended = true;
    this.#parts.terminated();
  }

  end(): void {
    this.#ended = true;
    this.#messageTimer?.cancel();
  }

  get #flows(): boolean {
    return this.#blockedBy === null && this.#pauses === 0 && !this.#ended;
  }

  #drain(): void {
    let taken = false;
    this.#checked(() => {
      while (this.#flows) {
        const frame = this.#frames.next();
        if (frame === null) break;
        taken = true;
        this.#parts.handle(frame);
      }
    });
    this.#watchMessage(taken);
  }

  /** Nobody waits for a held statement whose client has said goodbye behind it. */
  #listenForGoodbye(): void {
    this.#checked(() => {
      if (this.#frames.endsInGoodbye()) return this.terminate();
      if (this.#frames.bufferedBytes > maxBytesBehindHold) {
        throw new WireError('frame-too-long', 'too much was sent behind a statement that waits');
      }
    });
  }

  #checked(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.#parts.fail(error);
    }
  }

  /** From its first to its last byte a message has a deadline; while the gateway itself waits, none. */
  #watchMessage(taken: boolean): void {
    const partial = this.#flows && this.#frames.bufferedBytes > 0;
    if (this.#messageTimer !== null && (taken || !partial)) {
      this.#messageTimer.cancel();
      this.#messageTimer = null;
    }
    if (!partial || this.#messageTimer !== null) return;
    this.#messageTimer = this.#parts.clock.after(messageDeadlineMs, () =>
      this.#parts.fail(new WireError('out-of-order', 'a message was not complete in time')),
    );
  }
}
