import type { CheckpointSession } from '../../../core/checkpoint/contract.ts';
import { noParameters } from '../../../core/model/action.ts';
import type { Clock } from '../../../core/model/clock.ts';
import type { ActionTrace, SessionTrace } from '../../../core/model/telemetry.ts';
import { CopiedMasks, maskWritten, writesMaskedColumn } from '../mask/write-back.ts';
import type { Analysis } from '../sql/analysis.ts';
import { frameOf, ownMessage } from '../wire/backend.ts';
import { WireError } from '../wire/errors.ts';
import { headerBytes } from '../wire/frames.ts';
import { frontend, readEmpty, readQuery } from '../wire/frontend.ts';
import type { Running } from './awaited.ts';
import type { Conversation } from './conversation.ts';
import { Decisions } from './decisions.ts';
import { ExtendedRequests } from './extended-requests.ts';
import { maxAwaited } from './limits.ts';
import { nameChangesOf } from './name-changes.ts';
import { acting, type Outbox, type Outgoing, refuseQuery } from './outbox.ts';
import { RequestFlow } from './request-flow.ts';
import { type Refuse, RequestSender } from './request-sender.ts';
import type { RingSession } from './ring-session.ts';
import { StatementReader } from './statement-reader.ts';
import type { TargetWork } from './target-work.ts';

export interface RequestParts {
  readonly gate: CheckpointSession;
  readonly conversation: Conversation;
  readonly outbox: Outbox;
  readonly work: Pick<TargetWork, 'analyse' | 'analyseFresh' | 'estimateRows'>;
  readonly ring: Pick<RingSession, 'name'> | null;
  readonly clock: Clock;
  readonly trace: SessionTrace | null;
  /** Writes one whole message to the client, between those of the server. */
  tellClient(message: Buffer): void;
  /** The client broke the protocol or a limit: say why and end the session. */
  fail(error: WireError): void;
  /** The gateway itself failed while it looked at a message. */
  broken(error: unknown): void;
  /** The client said goodbye. */
  terminated(): void;
}

/** What the server ignores between an error in the extended protocol and the next Sync. */
const skippable: ReadonlySet<number | undefined> = new Set([
  frontend.query,
  frontend.parse,
  frontend.bind,
  frontend.describe,
  frontend.execute,
  frontend.close,
  frontend.flush,
  frontend.functionCall,
]);

/**
 * The client's side of a session: bytes -> messages -> actions -> decisions -> messages for the server.
 */
export class Requests {
  readonly #parts: RequestParts;
  readonly #flow: RequestFlow;
  readonly #sender: RequestSender;
  readonly #reader: StatementReader;
  readonly #decisions: Decisions;
  readonly #extended: ExtendedRequests;
  /** The COPY FROM STDIN whose CopyInResponse is awaited. */
  #copying: Running | null = null;
  /** What looks for masks in its data; null where no masked column is written. */
  #copied: CopiedMasks | null = null;

  constructor(parts: RequestParts) {
    this.#parts = parts;
    const { clock, conversation, outbox, fail, terminated } = parts;
    const flow = new RequestFlow({ clock, fail, terminated, handle: (frame) => this.#handle(frame) });
    this.#flow = flow;
    this.#sender = new RequestSender(conversation, outbox, flow);
    this.#reader = new StatementReader({ ...parts, flow });
    this.#decisions = new Decisions({ ...parts, flow });
    this.#extended = new ExtendedRequests({
      ...parts,
      sender: this.#sender,
      reader: this.#reader,
      decisions: this.#decisions,
      copyStarts: (awaited) => this.#waitForCopy(awaited),
    });
  }

  /** Bytes from the client. */
  receive(chunk: Buffer): void {
    this.#flow.receive(chunk);
  }

  get bufferedBytes(): number {
    return this.#flow.bufferedBytes;
  }

  /** Whether the socket should be read on although the server is slow to take what came. */
  get waitsForPerson(): boolean {
    return this.#flow.blockedBy === 'hold';
  }

  /** Something was sent or answered: names may have become certain, COPY may have begun. */
  progress(): void {
    if (this.#flow.paused) return;
    const { conversation, outbox } = this.#parts;
    switch (this.#flow.blockedBy) {
      case 'names':
        return this.#reader.retry();
      case 'hold':
        // A message before it has failed, so the server would skip it: nobody need decide about it.
        if (conversation.skips) this.#decisions.withdrawHold();
        return;
      case 'copy':
        // Before it was sent nothing can be said about its answer.
        if (outbox.empty && this.#copyAnswered) this.#flow.resume(null);
        return;
      case 'answers':
        if (this.#sender.owed < maxAwaited / 2) this.#flow.resume(null);
        return;
      case 'goodbye':
        if (this.#sender.owed === 0) this.#flow.terminate();
        return;
      case 'analysis':
      case null:
        return;
    }
  }

  get #copyAnswered(): boolean {
    const { copyIn, awaited } = this.#parts.conversation;
    return copyIn || this.#copying === null || !awaited.includes(this.#copying);
  }

  /** The client asked to cancel; true when that withdrew a hold and nothing is to be said to the server. */
  withdrawHold(): boolean {
    return this.#decisions.withdrawHold();
  }

  deferHolds(): void {
    this.#decisions.deferHolds();
  }

  /** Nothing runs, waits or is looked at. */
  get idle(): boolean {
    return this.#sender.owed === 0 && this.#flow.blockedBy === null && !this.#flow.paused;
  }

  /** Takes no further message until the promise has settled. */
  pauseUntil(settled: Promise<void>): void {
    this.#flow.pauseUntil(settled, () => this.progress());
  }

  end(): void {
    this.#flow.end();
    this.#decisions.withdrawHold();
  }

  #handle(frame: Buffer): void {
    const type = frame[0];
    if (this.#parts.conversation.copyIn) return this.#handleInCopy(type, frame);
    if (this.#parts.conversation.skips && skippable.has(type)) return;
    switch (type) {
      case frontend.query:
        return this.#query(frame);
      case frontend.parse:
        return this.#extended.parse(frame);
      case frontend.bind:
        return this.#extended.bind(frame);
      case frontend.describe:
        return this.#extended.describe(frame);
      case frontend.execute:
        return this.#extended.execute(frame);
      case frontend.close:
        return this.#extended.close(frame);
      case frontend.flush:
        readEmpty(frame);
        return this.#sender.send(frame, null);
      case frontend.sync:
        readEmpty(frame);
        return this.#sender.send(frame, { kind: 'sync' });
      case frontend.terminate:
        // As a server, which reads it when it has done what came before. A client that does not wait closes the connection.
        if (this.#sender.owed > 0) return this.#flow.block('goodbye');
        return this.#flow.terminate();
      case frontend.functionCall:
        return this.#functionCall();
      case frontend.copyData:
      case frontend.copyDone:
      case frontend.copyFail:
        // Left over from a COPY that failed: the server ignores them, so they need not travel.
        return;
      default:
        throw new WireError('unknown-message', `message type ${type} is not one that clients send`);
    }
  }

  /**
   * While the server reads COPY data only data, its end, and (ignored by the server) Flush and Sync may come. Sync is not passed
   * on: whether the server would answer it depends on whether the COPY has failed by then, which nobody here can know.
   */
  #handleInCopy(type: number | undefined, frame: Buffer): void {
    switch (type) {
      case frontend.copyData:
        this.#copied ??= this.#lookForMasks();
        if (this.#copied?.found(frame.subarray(headerBytes)) === true) return this.#failCopy();
        return this.#sender.send(frame, null);
      case frontend.copyDone:
        return this.#copied?.foundAtEnd() === true ? this.#failCopy() : this.#endCopy(frame);
      case frontend.copyFail:
        return this.#endCopy(frame);
      case frontend.flush:
      case frontend.sync:
        return;
      case frontend.terminate:
        return this.#flow.terminate();
      default:
        throw new WireError('out-of-order', `message type ${type} may not come during COPY FROM STDIN`);
    }
  }

  #lookForMasks(): CopiedMasks | null {
    const { masks } = this.#parts.gate.obligations;
    const effects = this.#copying?.run.statement?.effects ?? [];
    return writesMaskedColumn(masks, effects) ? new CopiedMasks() : null;
  }

  /** The server is told that the data ends here, and nothing of it is kept; the client is told why. What it still sends is passed over. */
  #failCopy(): void {
    if (this.#copying !== null) this.#copying.run.cutBy = { kind: 'deny', rule: null, ...maskWritten };
    this.#endCopy(frameOf(frontend.copyFail, Buffer.from('a mask is not written\0')));
  }

  #endCopy(last: Buffer): void {
    this.#sender.send(last, null);
    this.#copied = null;
    this.#parts.conversation.copyIn = false;
    // A simple Query may hold further COPYs; nothing else may be read before the server has said which comes.
    if (this.#copying?.kind === 'query') this.#flow.block('copy');
  }

  /** `begun`: the trace of a message that is taken up again. */
  #query(frame: Buffer, begun: ActionTrace | null = null): void {
    const { conversation } = this.#parts;
    const refuse = (error: Buffer): Outgoing => refuseQuery(error, conversation.dropUnnamed());
    const text = this.#sender.read(() => readQuery(frame), refuse);
    if (text === null) return;
    const trace = begun ?? this.#parts.trace?.action('query') ?? null;
    this.#reader.analysed(text, trace, (analysis) =>
      this.#queryAnalysed(frame, text, analysis, trace, refuse),
    );
  }

  #queryAnalysed(
    frame: Buffer,
    text: string,
    analysis: Analysis,
    trace: ActionTrace | null,
    refuse: Refuse,
  ): void {
    const { conversation } = this.#parts;
    const refusal = this.#decisions.refusePrepared(analysis);
    if (refusal !== null) {
      trace?.end(null);
      return this.#sender.add(refuse(refusal));
    }
    this.#reader.resolved(
      analysis,
      () => this.#query(frame, trace),
      (resolved) => {
        this.#decisions.decide(text, resolved, noParameters, trace, {
          refuse: (error) => this.#sender.add(refuse(error)),
          send: (run) => {
            const dropped = conversation.dropUnnamed();
            const changes = nameChangesOf(resolved, conversation);
            const awaited: Running = { kind: 'query', run, changes, dropped };
            this.#sender.send(
              frame,
              awaited,
              acting(trace, (error) => refuseQuery(error, dropped)),
            );
            if (resolved.statements.some((statement) => statement.copyIn)) this.#waitForCopy(awaited);
          },
        });
      },
    );
  }

  #functionCall(): void {
    const message = 'The fast-path function call is refused: it carries no SQL that could be read.';
    const hint =
      'Call the function in a statement: SELECT f(...); large objects have SQL functions too (lo_get, lo_put).';
    const error = ownMessage({ severity: 'ERROR', sqlState: '0A000', message, hint });
    this.#sender.add(refuseQuery(error, this.#parts.conversation.dropUnnamed()));
  }

  #waitForCopy(awaited: Running): void {
    this.#copying = awaited;
    this.#flow.block('copy');
  }
}
