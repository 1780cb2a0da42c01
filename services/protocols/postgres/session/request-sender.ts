import { messageOf } from '../../../core/model/errors.ts';
import { frameOf, ownMessage } from '../wire/backend.ts';
import { WireError, type WireErrorCode } from '../wire/errors.ts';
import { frontend } from '../wire/frontend.ts';
import type { Awaited } from './awaited.ts';
import type { Conversation } from './conversation.ts';
import { maxAwaited } from './limits.ts';
import type { Outbox, Outgoing, OutgoingAction } from './outbox.ts';
import type { RequestFlow } from './request-flow.ts';

const flush = frameOf(frontend.flush);

/** SQLSTATEs: https://www.postgresql.org/docs/current/errcodes-appendix.html (character_not_in_repertoire, name_too_long). */
const badContents: ReadonlyMap<WireErrorCode, string> = new Map([
  ['bad-encoding', '22021'],
  ['name-too-long', '42622'],
]);

/** Whether a ReadyForQuery ends what this begins or is a part of: what went wrong before it does not touch what is behind. */
export const beginsRun = (awaited: Awaited | null): boolean =>
  awaited?.kind === 'sync' || awaited?.kind === 'query' || (awaited?.kind === 'refusal' && awaited.query);

/** What goes out in place of a refused message, given the error for its client. */
export type Refuse = (error: Buffer) => Outgoing;

/** The client's messages on their way out, and what is said in the place of one that cannot go. */
export class RequestSender {
  readonly #conversation: Conversation;
  readonly #outbox: Outbox;
  readonly #flow: RequestFlow;

  constructor(conversation: Conversation, outbox: Outbox, flow: RequestFlow) {
    this.#conversation = conversation;
    this.#outbox = outbox;
    this.#flow = flow;
  }

  /** How many messages wait to be sent or answered. */
  get owed(): number {
    return this.#conversation.awaited.length + this.#outbox.size;
  }

  send(bytes: Buffer, awaited: Awaited | null, action: OutgoingAction | null = null): void {
    this.add({ bytes, awaited, action });
  }

  add(outgoing: Outgoing): void {
    this.#outbox.add(outgoing);
    if (outgoing.awaited?.kind === 'sync') this.#conversation.endPipeline();
    if (beginsRun(outgoing.awaited)) this.#conversation.generation += 1;
    if (this.owed < maxAwaited || this.#flow.blockedBy !== null) return;
    // Without a Flush the server may keep its answers until Sync.
    this.#outbox.add({ bytes: flush, awaited: null, action: null });
    this.#flow.block('answers');
  }

  /** What is wrong with a text or a name is an error of that message alone: the frame around it was sound. */
  read<Value>(read: () => Value, refuse: Refuse): Value | null {
    try {
      return read();
    } catch (error) {
      const sqlState = error instanceof WireError ? badContents.get(error.code) : undefined;
      if (sqlState === undefined) throw error;
      this.add(refuse(ownMessage({ severity: 'ERROR', sqlState, message: messageOf(error) })));
      return null;
    }
  }
}
