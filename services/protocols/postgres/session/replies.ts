import type { CheckpointSession } from '../../../core/checkpoint/contract.ts';
import type { Deny } from '../../../core/model/decision.ts';
import type { Masking } from '../mask/plan.ts';
import type { StatementFacts, Verb } from '../sql/analysis.ts';
import {
  backend,
  type FieldDescription,
  type MessageFields,
  readCommandTag,
  readCopyResponse,
  readMessageFields,
  readParameterDescription,
  readRowDescription,
  readTransactionStatus,
} from '../wire/backend.ts';
import { WireError } from '../wire/errors.ts';
import { FrameReader } from '../wire/frames.ts';
import { formatOf } from '../wire/frontend.ts';
import { maxBackendFrameBytes } from '../wire/limits.ts';
import { type Awaited, changesLeft, changesNow, type Running } from './awaited.ts';
import type { ClientOutput } from './client-output.ts';
import type { Conversation } from './conversation.ts';
import { describedColumns } from './described-columns.ts';
import { maxImplicitTransactionActions } from './limits.ts';
import { everyName, type NameChanging, type Portal } from './names.ts';
import { refusalMessage } from './refusal.ts';
import { ResultStream } from './result-stream.ts';
import type { Run } from './run.ts';
import { ServerMessages } from './server-messages.ts';

export interface ReplyParts {
  readonly gate: CheckpointSession;
  readonly conversation: Conversation;
  readonly masking: Masking;
  readonly output: ClientOutput;
  /** A limit was passed: the rest of the result is not wanted. */
  cancelRunning(): void;
  /**
   * A change of the catalog may have been committed: names must not be looked up in the old one. `settled`, when it has surely
   * changed, is to be called once the new one is there.
   */
  catalogChanged(settled: (() => void) | null): void;
  /** The server said something that does not fit: end the session, since nothing after it can be trusted to be what it seems. */
  fail(error: WireError): void;
  /** The server has ended the session in its own words, which have been passed on. */
  ended(why: string): void;
}

/** Verbs after which the catalog may be another one; code that is called can do anything. */
const changesCatalog: ReadonlySet<string> = new Set<Verb>(['create', 'alter', 'drop', 'call', 'do']);

/**
 * The server's side of a session: bytes -> messages -> what they answer -> masked bytes for the client. Every message is
 * matched with what is awaited; one that does not fit ends the session.
 */
export class Replies {
  readonly #parts: ReplyParts;
  readonly #messages: ServerMessages;
  readonly #reader = new FrameReader(maxBackendFrameBytes);
  /** The result of the first awaited execute or query, while it comes. */
  #stream: ResultStream | null = null;
  /** Actions that are done but may yet be rolled back by an error before Sync. */
  #doneUntilReady: Run[] = [];

  constructor(parts: ReplyParts) {
    this.#parts = parts;
    this.#messages = new ServerMessages(parts);
  }

  /** Bytes from the server; false when the client is slow to take what they became. */
  receive(chunk: Buffer): boolean {
    this.#reader.push(chunk);
    try {
      for (let frame = this.#reader.next(); frame !== null; frame = this.#reader.next()) this.#handle(frame);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.#parts.output.flush();
      this.#parts.fail(error);
    }
    return this.#parts.output.flush();
  }

  /** The connection is gone: whatever ran may have been done. */
  end(): void {
    for (const awaited of this.#parts.conversation.awaited) {
      if (awaited.kind === 'query' || awaited.kind === 'bind' || awaited.kind === 'execute')
        awaited.run.end('unknown', null);
    }
    for (const run of this.#doneUntilReady) run.end('unknown', null);
    this.#endPortals(() => true);
  }

  #handle(frame: Buffer): void {
    switch (frame[0]) {
      case backend.noticeResponse:
        return this.#messages.notice(frame);
      case backend.notificationResponse:
        return this.#messages.notification(frame);
      case backend.parameterStatus:
        return this.#messages.parameterStatus(frame);
      case backend.errorResponse:
        return this.#error(frame);
      case backend.readyForQuery:
        return this.#ready(frame);
      default:
        return this.#answer(frame);
    }
  }

  #answer(frame: Buffer): void {
    const { conversation, output } = this.#parts;
    const head = conversation.awaited[0];
    const type = frame[0];
    switch (head?.kind) {
      case 'execute':
      case 'query':
        return this.#result(head, frame);
      case 'parse':
        if (type !== backend.parseComplete) break;
        conversation.statements.confirm(head.change);
        conversation.awaited.shift();
        return output.add(frame);
      case 'bind':
        if (type !== backend.bindComplete) break;
        this.#endPortal(head.change.name);
        conversation.portals.confirm(head.change);
        conversation.awaited.shift();
        return output.add(frame);
      case 'close':
        if (type !== backend.closeComplete) break;
        if (head.change.table === 'portals') this.#endPortal(head.change.change.name);
        conversation.confirm(head.change);
        conversation.awaited.shift();
        return output.add(frame);
      case 'describe-statement':
        if (!this.#describedStatement(head, frame)) break;
        return output.add(frame);
      case 'describe-portal':
        if (type !== backend.rowDescription && type !== backend.noData) break;
        head.portal.fields =
          type === backend.noData ? [] : describedColumns(head.portal.resolved.statements[0], frame);
        conversation.awaited.shift();
        if (head.forClient) output.add(frame);
        return;
      case 'sync':
      case 'refusal':
      case undefined:
        break;
    }
    throw this.#unexpected(frame);
  }

  /** ParameterDescription, then RowDescription or NoData. */
  #describedStatement(
    { statement }: Extract<Awaited, { kind: 'describe-statement' }>,
    frame: Buffer,
  ): boolean {
    switch (frame[0]) {
      case backend.parameterDescription:
        statement.parameterTypes = readParameterDescription(frame);
        return true;
      case backend.rowDescription:
      case backend.noData:
        statement.description = frame[0] === backend.noData ? [] : readRowDescription(frame);
        this.#parts.conversation.awaited.shift();
        return true;
      default:
        return false;
    }
  }

  #result(head: Running, frame: Buffer): void {
    const { conversation, output } = this.#parts;
    const { run } = head;
    switch (frame[0]) {
      case backend.dataRow:
        return this.#row(this.#streamOf(head), frame);
      case backend.rowDescription: {
        if (head.kind !== 'query') break;
        const fields = describedColumns(run.statement, frame);
        this.#stream = this.#newStream(run, fields);
        return output.add(frame);
      }
      case backend.commandComplete:
        return this.#completed(head, frame);
      case backend.emptyQueryResponse:
        output.add(frame);
        if (head.kind === 'execute') this.#executed(head);
        return;
      case backend.portalSuspended:
        if (head.kind !== 'execute') break;
        this.#stream?.finish();
        this.#stream = null;
        conversation.awaited.shift();
        return output.add(frame);
      case backend.copyInResponse:
        if (run.statement?.copyIn !== true) break;
        conversation.copyIn = true;
        return output.add(frame);
      case backend.copyOutResponse:
        this.#stream = this.#newStream(run, []);
        this.#stream.copyOut(readCopyResponse(frame));
        return output.add(frame);
      case backend.copyData:
        if (this.#stream === null) break;
        for (const data of this.#stream.copyData(frame)) output.add(data);
        return this.#checkLimit(run);
      case backend.copyDone:
        if (this.#stream === null) break;
        for (const data of this.#stream.copyDone()) output.add(data);
        return output.add(frame);
    }
    throw this.#unexpected(frame);
  }

  #newStream(run: Run, fields: readonly FieldDescription[]): ResultStream {
    return new ResultStream(run, this.#parts.masking, fields);
  }

  /** The result that comes for Execute has no RowDescription of its own: its columns were described before. */
  #streamOf(head: Running): ResultStream {
    if (this.#stream !== null) return this.#stream;
    if (head.kind !== 'execute') throw new WireError('out-of-order', 'a row came before its description');
    const fields = fieldsOf(head.portal);
    if (fields === null)
      throw new WireError('out-of-order', 'a row came for a portal that was not described');
    this.#stream = this.#newStream(head.run, fields);
    return this.#stream;
  }

  #row(stream: ResultStream, frame: Buffer): void {
    const row = stream.row(frame);
    if (row !== null) this.#parts.output.add(row);
    else this.#checkLimit(stream.run);
  }

  #checkLimit(run: Run): void {
    if (run.cutBy !== null && !run.cancelled) {
      run.cancelled = true;
      this.#parts.cancelRunning();
    }
  }

  #completed(head: Running, frame: Buffer): void {
    const { conversation, output } = this.#parts;
    const { run } = head;
    this.#stream?.finish();
    this.#stream = null;
    const statement = run.statement;
    if (run.cutBy !== null) return this.#cut(head, run.cutBy);
    for (const change of changesNow(head)) conversation.confirm(change.change);
    if (statement?.transaction?.ends) this.#transactionEnded();
    if (statement !== undefined) this.#noteEffects(statement);
    run.statementDone(readCommandTag(frame));
    output.add(frame);
    if (head.kind === 'execute') this.#executed(head);
  }

  #executed(head: Extract<Awaited, { kind: 'execute' }>): void {
    this.#parts.conversation.awaited.shift();
    this.#done(head.run);
  }

  /** Whether it lasts is known at ReadyForQuery: an error before it rolls the implicit transaction back. */
  #done(run: Run): void {
    if (run.ended) return;
    if (this.#doneUntilReady.length < maxImplicitTransactionActions) this.#doneUntilReady.push(run);
    else run.end('completed', null);
  }

  /**
   * The whole result had come before the target could be told to stop. The client hears the limit's error; that is only true to the
   * server's state when nothing but ReadyForQuery is to come.
   */
  #cut(head: Running, deny: Deny): void {
    const { conversation, output } = this.#parts;
    const { run } = head;
    const last = head.kind === 'query' ? run.isLastStatement : conversation.awaited[1]?.kind === 'sync';
    if (!last) throw new WireError('out-of-order', deny.message);
    output.add(refusalMessage(deny));
    run.end('cut-off', null);
    if (head.kind === 'execute') conversation.awaited.shift();
  }

  #error(frame: Buffer): void {
    const { conversation, output } = this.#parts;
    const fields = readMessageFields(frame);
    const code = fields.get('C') ?? 'XX000';
    const head = conversation.awaited[0];
    conversation.copyIn = false;
    this.#stream?.finish();
    this.#stream = null;
    if (isFatal(fields)) {
      output.add(this.#messages.visible(frame, fields));
      // Nothing can be written once the session has ended.
      output.flush();
      this.#parts.ended(`the target ended the session: ${code}`);
      return;
    }
    if (head?.kind === 'refusal') output.add(head.error);
    else output.add(this.#visibleError(frame, fields, head));
    this.#failed(head, code);
  }

  /** What the error has undone: the message that failed and, in the extended protocol, all up to Sync. */
  #failed(head: Awaited | undefined, code: string): void {
    const { conversation } = this.#parts;
    for (const run of this.#doneUntilReady)
      run.end(conversation.status === 'I' ? 'rolled-back' : 'completed', null);
    this.#doneUntilReady = [];
    switch (head?.kind) {
      case undefined:
        throw new WireError('out-of-order', 'the server sent an error and nothing was asked');
      case 'query':
        for (const change of changesLeft(head)) conversation.drop(change.change);
        head.run.end('failed', code);
        return;
      case 'sync':
        return;
      case 'refusal':
        if (head.query) return;
        if (head.dropped !== null) conversation.statements.confirm(head.dropped);
        break;
      case 'parse':
        if (head.change.name === '') conversation.statements.remove('');
        break;
      case 'bind':
      case 'describe-statement':
      case 'describe-portal':
      case 'execute':
      case 'close':
        break;
    }
    conversation.failPipeline(code);
  }

  #ready(frame: Buffer): void {
    const { conversation, output } = this.#parts;
    const status = readTransactionStatus(frame);
    const head = conversation.awaited[0];
    const expected =
      head?.kind === 'sync' || head?.kind === 'query' || (head?.kind === 'refusal' && head.query);
    if (status === null || !expected) throw this.#unexpected(frame);
    conversation.awaited.shift();
    if (head.kind === 'sync') conversation.pipelineAnswered();
    else if (head.dropped !== null) conversation.statements.confirm(head.dropped);
    if (head.kind === 'query') head.run.end('completed', null);
    for (const run of this.#doneUntilReady) run.end('completed', null);
    this.#doneUntilReady = [];
    conversation.status = status;
    conversation.copyIn = false;
    output.add(frame);
    if (status === 'I') this.#transactionEnded();
    if (status === 'I') this.#committed();
  }

  /** Whether it was committed or rolled back: what the session has changed is known now, or can be read. */
  #committed(): void {
    const { conversation, catalogChanged } = this.#parts;
    const settled = conversation.definitions.settle();
    if (conversation.catalogChanged) {
      conversation.catalogChanged = false;
      catalogChanged(settled);
    } else settled?.();
  }

  /** What a completed statement means for those after it. */
  #noteEffects({ effects }: StatementFacts): void {
    const { conversation } = this.#parts;
    for (const { verb } of effects) {
      if (verb === 'listen') conversation.listens = true;
      if (changesCatalog.has(verb)) conversation.catalogChanged = true;
    }
  }

  #transactionEnded(): void {
    this.#endPortals((portal) => !portal.withHold);
  }

  #endPortals(which: (portal: Portal) => boolean): void {
    this.#parts.conversation.portals.removeWhere((portal) => {
      if (!which(portal)) return false;
      this.#endSuspended(portal);
      return true;
    });
  }

  /** A portal that another one replaces, or that is closed. */
  #endPortal(name: NameChanging<Portal>['name']): void {
    if (name === everyName) return this.#endPortals(() => true);
    const portal = this.#parts.conversation.portals.confirmed(name);
    if (portal !== undefined) this.#endSuspended(portal);
  }

  /** What a portal has not given by now, it never will; one that is done waits for ReadyForQuery. */
  #endSuspended(portal: Portal): void {
    if (portal.run !== null && !this.#doneUntilReady.includes(portal.run)) portal.run.end('completed', null);
  }

  #visibleError(frame: Buffer, fields: MessageFields, head: Awaited | undefined): Buffer {
    const cutBy = head?.kind === 'execute' || head?.kind === 'query' ? head.run.cutBy : null;
    return cutBy === null ? this.#messages.visible(frame, fields) : refusalMessage(cutBy);
  }

  #unexpected(frame: Buffer): WireError {
    const type = String.fromCharCode(frame[0] ?? 0);
    const awaited = this.#parts.conversation.awaited[0]?.kind ?? 'nothing';
    return new WireError(
      'out-of-order',
      `the server sent ${JSON.stringify(type)} while ${awaited} was awaited`,
    );
  }
}

/** The columns with the formats that Bind asked for, from the portal's own description or its statement's. */
function fieldsOf(portal: Portal): readonly FieldDescription[] | null {
  if (portal.fields !== null) return portal.fields;
  const { description } = portal.statement;
  if (description === null) return null;
  portal.fields = description.map((field, at) => ({ ...field, format: formatOf(portal.resultFormats, at) }));
  return portal.fields;
}

/** `V` is the severity without translation. */
const isFatal = (fields: MessageFields): boolean => {
  const severity = fields.get('V') ?? fields.get('S');
  return severity === 'FATAL' || severity === 'PANIC';
};
