import { randomBytes } from 'node:crypto';
import type { Clock } from '../../../core/model/clock.ts';
import { maxTickets, ticketMs } from '../limits.ts';

/**
 * What was decided, until Envoy brings the stream that was decided on. A ticket is 256 random bits that only Envoy is told, in a header that it
 * writes over the client's; it is taken once.
 */
export class Tickets<Stream> {
  readonly #clock: Clock;
  readonly #unused: (stream: Stream) => void;
  readonly #waiting = new Map<string, { readonly stream: Stream; readonly cancel: () => void }>();

  /** @param unused called with what nobody came for */
  constructor(clock: Clock, unused: (stream: Stream) => void) {
    this.#clock = clock;
    this.#unused = unused;
  }

  issue(stream: Stream): string {
    if (this.#waiting.size >= maxTickets) {
      const oldest = this.#waiting.keys().next();
      if (!oldest.done) this.#drop(oldest.value);
    }
    const ticket = randomBytes(32).toString('base64url');
    const timer = this.#clock.after(ticketMs, () => this.#drop(ticket));
    this.#waiting.set(ticket, { stream, cancel: () => timer.cancel() });
    return ticket;
  }

  take(ticket: string): Stream | null {
    const found = this.#waiting.get(ticket);
    if (found === undefined) return null;
    this.#waiting.delete(ticket);
    found.cancel();
    return found.stream;
  }

  #drop(ticket: string): void {
    const stream = this.take(ticket);
    if (stream !== null) this.#unused(stream);
  }
}
