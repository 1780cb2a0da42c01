import { randomBytes } from 'node:crypto';
import type { CheckpointSession } from '../../../core/checkpoint/contract.ts';
import type { Deny } from '../../../core/model/decision.ts';
import type { ActionTrace } from '../../../core/model/telemetry.ts';
import type { CommitWaiter } from '../../../core/model/trail-entry.ts';
import { frameOf, int32 } from '../wire/backend.ts';
import { frontend } from '../wire/frontend.ts';
import { AdjacentPieces } from './adjacent-pieces.ts';
import type { Awaited } from './awaited.ts';
import type { Conversation } from './conversation.ts';
import type { NameChanging, PreparedStatement } from './names.ts';
import { refusalMessage } from './refusal.ts';

export interface OutgoingAction {
  readonly trace: ActionTrace | null;
  readonly refused: (deny: Deny) => Outgoing;
}

/** One message on its way to the target. */
export interface Outgoing {
  readonly bytes: Buffer;
  /** What the server will answer; null when it answers nothing. */
  readonly awaited: Awaited | null;
  /** The action whose record must be written first, and what goes out instead when it cannot be. */
  readonly action: OutgoingAction | null;
}

/**
 * A portal that no client can have bound, since nobody can guess its name. To execute it is an error without any other effect: the server
 * aborts its transaction and skips until Sync, exactly as after an error of the client's own.
 */
const noSuchPortal = `sallyport-refusal-${randomBytes(12).toString('hex')}`;
const failing = frameOf(frontend.execute, noSuchPortal, int32(0));

/** What becomes of the unnamed statement; see Conversation.dropUnnamed. */
type Dropped = NameChanging<PreparedStatement> | null;

/** Refuses a message of the extended protocol: the server is made to fail in its place. */
export const refuseExtended = (error: Buffer, dropped: Dropped = null): Outgoing => ({
  bytes: failing,
  awaited: { kind: 'refusal', error, query: false, dropped },
  action: null,
});

/** No grammar of PostgreSQL's begins a statement so; the server's log then says why it saw a syntax error. */
const failingQuery = frameOf(frontend.query, 'sallyport refused the statement that stood here');

/** Refuses a Query (or FunctionCall): with a Query that fails, since after an error in a pipeline the server skips both alike. */
export const refuseQuery = (error: Buffer, dropped: Dropped): Outgoing => ({
  bytes: failingQuery,
  awaited: { kind: 'refusal', error, query: true, dropped },
  action: null,
});

/** `refuse`: what goes out instead when the action's record cannot be written. */
export const acting = (trace: ActionTrace | null, refuse: (error: Buffer) => Outgoing): OutgoingAction => ({
  trace,
  refused: (deny) => refuse(refusalMessage(deny)),
});

/** Keeps messages back until the trail has the records of their actions, then sends them in one write. */
export class Outbox implements CommitWaiter {
  readonly #gate: CheckpointSession;
  readonly #conversation: Conversation;
  readonly #write: (bytes: Buffer) => void;
  readonly #trailUnavailable: Deny;
  readonly #sent: () => void;
  readonly #pieces = new AdjacentPieces();
  #waiting: Outgoing[] = [];

  constructor(
    gate: CheckpointSession,
    conversation: Conversation,
    write: (bytes: Buffer) => void,
    trailUnavailable: Deny,
    sent: () => void,
  ) {
    this.#gate = gate;
    this.#conversation = conversation;
    this.#write = write;
    this.#trailUnavailable = trailUnavailable;
    this.#sent = sent;
  }

  get size(): number {
    return this.#waiting.length;
  }

  get empty(): boolean {
    return this.#waiting.length === 0;
  }

  add(outgoing: Outgoing): void {
    if (this.#waiting.length === 0) this.#gate.afterRecord(this);
    this.#waiting.push(outgoing);
  }

  committed(): void {
    this.#send(this.#waiting);
  }

  notCommitted(): void {
    const deny = this.#trailUnavailable;
    this.#send(
      this.#waiting.map((outgoing) => {
        if (outgoing.action === null) return outgoing;
        if (outgoing.awaited !== null) this.#conversation.neverHappens(outgoing.awaited, null);
        return outgoing.action.refused(deny);
      }),
    );
  }

  #send(outgoing: readonly Outgoing[]): void {
    this.#waiting = [];
    const traces: ActionTrace[] = [];
    for (const { bytes, awaited, action } of outgoing) {
      if (awaited !== null && !this.#conversation.expect(awaited)) continue;
      this.#pieces.add(bytes);
      if (action !== null && action.trace !== null) traces.push(action.trace);
    }
    const bytes = this.#pieces.take();
    if (bytes !== null) this.#write(bytes);
    for (const trace of traces) trace.sent();
    this.#sent();
  }
}
