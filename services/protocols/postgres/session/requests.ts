import type { CheckpointSession } from '../../../core/checkpoint/contract.ts';
import { noParameters } from '../../../core/model/action.ts';
import type { Clock } from '../../../core/model/clock.ts';
import { messageOf } from '../../../core/model/errors.ts';
import type { ActionTrace, SessionTrace } from '../../../core/model/telemetry.ts';
import type { Analysis, OpaqueReason, StatementFacts } from '../sql/analysis.ts';
import { frameOf, ownMessage } from '../wire/backend.ts';
import { nameText } from '../wire/body.ts';
import { WireError, type WireErrorCode } from '../wire/errors.ts';
import {
  type Bind,
  frontend,
  readBind,
  readEmpty,
  readExecute,
  readNamed,
  readParse,
  readQuery,
} from '../wire/frontend.ts';
import type { Awaited } from './awaited.ts';
import type { Conversation } from './conversation.ts';
import { Decisions } from './decisions.ts';
import { maxAwaited, maxPortals, maxPreparedStatements } from './limits.ts';
import { nameChangesOf } from './name-changes.ts';
import type { Portal, PreparedStatement } from './names.ts';
import { type Outbox, type Outgoing, type OutgoingAction, refuseExtended, refuseQuery } from './outbox.ts';
import { boundParameters } from './parameters.ts';
import { refusalMessage } from './refusal.ts';
import { RequestFlow } from './request-flow.ts';
import { resolveNames } from './resolve.ts';
import type { Resolved } from './resolved.ts';
import type { Run } from './run.ts';
import type { TargetWork } from './target-work.ts';

export interface RequestParts {
  readonly gate: CheckpointSession;
  readonly conversation: Conversation;
  readonly outbox: Outbox;
  readonly work: Pick<TargetWork, 'analyse' | 'analyseFresh'>;
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

const beginsRun = (awaited: Awaited | null): boolean =>
  awaited?.kind === 'sync' || awaited?.kind === 'query' || (awaited?.kind === 'refusal' && awaited.query);

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

const flush = frameOf(frontend.flush);

/** SQLSTATEs: https://www.postgresql.org/docs/current/errcodes-appendix.html (character_not_in_repertoire, name_too_long). */
const badContents: ReadonlyMap<WireErrorCode, string> = new Map([
  ['bad-encoding', '22021'],
  ['name-too-long', '42622'],
]);

const withOpaque = ({ intent, statements }: Resolved, reason: OpaqueReason): Resolved => ({
  statements,
  intent: { ...intent, opaque: [...new Set([...intent.opaque, reason])] },
});

/** What goes out in place of a refused message, given the error for its client. */
type Refuse = (error: Buffer) => Outgoing;

/** `refuse`: what goes out instead when the action's record cannot be written. */
const acting = (trace: ActionTrace | null, refuse: Refuse): OutgoingAction => ({
  trace,
  refused: (deny) => refuse(refusalMessage(deny)),
});

/**
 * The client's side of a session: bytes -> messages -> actions -> decisions -> messages for the server.
 */
export class Requests {
  readonly #parts: RequestParts;
  readonly #flow: RequestFlow;
  readonly #decisions: Decisions;
  /** Goes on with a message that waited for a name. */
  #retry: (() => void) | null = null;
  /** The COPY FROM STDIN whose CopyInResponse is awaited. */
  #copying: Awaited | null = null;

  constructor(parts: RequestParts) {
    this.#parts = parts;
    const { clock, fail, terminated } = parts;
    this.#flow = new RequestFlow({ clock, fail, terminated, handle: (frame) => this.#handle(frame) });
    this.#decisions = new Decisions({ ...parts, flow: this.#flow });
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
      case 'names': {
        const retry = this.#retry;
        this.#retry = null;
        return this.#flow.resume(retry);
      }
      case 'hold':
        // A message before it has failed, so the server would skip it: nobody need decide about it.
        if (conversation.skips) this.#decisions.withdrawHold();
        return;
      case 'copy':
        // Before it was sent nothing can be said about its answer.
        if (outbox.empty && this.#copyAnswered) this.#flow.resume(null);
        return;
      case 'answers':
        if (this.#owed < maxAwaited / 2) this.#flow.resume(null);
        return;
      case 'goodbye':
        if (this.#owed === 0) this.#flow.terminate();
        return;
      case 'analysis':
      case null:
        return;
    }
  }

  get #owed(): number {
    return this.#parts.conversation.awaited.length + this.#parts.outbox.size;
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
    return this.#owed === 0 && this.#flow.blockedBy === null && !this.#flow.paused;
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
        return this.#parse(frame);
      case frontend.bind:
        return this.#bind(frame);
      case frontend.describe:
        return this.#describe(frame);
      case frontend.execute:
        return this.#execute(frame);
      case frontend.close:
        return this.#close(frame);
      case frontend.flush:
        readEmpty(frame);
        return this.#send(frame, null);
      case frontend.sync:
        readEmpty(frame);
        return this.#send(frame, { kind: 'sync' });
      case frontend.terminate:
        // As a server, which reads it when it has done what came before. A client that does not wait closes the connection.
        if (this.#owed > 0) return this.#flow.block('goodbye');
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
    const { conversation } = this.#parts;
    switch (type) {
      case frontend.copyData:
        return this.#send(frame, null);
      case frontend.copyDone:
      case frontend.copyFail:
        this.#send(frame, null);
        conversation.copyIn = false;
        // A simple Query may hold further COPYs; nothing else may be read before the server has said which comes.
        if (this.#copying?.kind === 'query') this.#flow.block('copy');
        return;
      case frontend.flush:
      case frontend.sync:
        return;
      case frontend.terminate:
        return this.#flow.terminate();
      default:
        throw new WireError('out-of-order', `message type ${type} may not come during COPY FROM STDIN`);
    }
  }

  #query(frame: Buffer): void {
    const { conversation } = this.#parts;
    const refuse = (error: Buffer): Outgoing => refuseQuery(error, conversation.dropUnnamed());
    const text = this.#read(() => readQuery(frame), refuse);
    if (text === null) return;
    const trace = this.#parts.trace?.action('query') ?? null;
    this.#analysed(text, trace, (analysis) => this.#queryAnalysed(frame, text, analysis, trace, refuse));
  }

  #queryAnalysed(
    frame: Buffer,
    text: string,
    analysis: Analysis,
    trace: ActionTrace | null,
    refuse: Refuse,
  ): void {
    const { conversation } = this.#parts;
    const refusal = this.#refusePrepared(analysis);
    if (refusal !== null) return this.#add(refuse(refusal));
    this.#resolved(
      analysis,
      () => this.#query(frame),
      (resolved) => {
        this.#decisions.decide(text, resolved, noParameters, trace, {
          refuse: (error) => this.#add(refuse(error)),
          send: (run) => {
            const dropped = conversation.dropUnnamed();
            const changes = nameChangesOf(resolved, run, conversation);
            const awaited: Awaited = { kind: 'query', run, changes, dropped, fields: null };
            this.#send(
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

  #parse(frame: Buffer): void {
    const parse = this.#read(() => readParse(frame));
    if (parse === null) return;
    this.#analysed(parse.text, null, (analysis) => {
      const { conversation } = this.#parts;
      const { statements } = analysis;
      if (this.#soonDefined(statements)) return this.#waitForName(() => this.#parse(frame));
      const refusal = this.#refuseParse(parse.name, analysis);
      if (refusal !== null) {
        return this.#add(refuseExtended(refusal, parse.name === '' ? conversation.dropUnnamed() : null));
      }
      const { text, parameterTypes } = parse;
      const statement: PreparedStatement = { text, parameterTypes, description: null };
      const change = conversation.statements.change(parse.name, statement, conversation.generation);
      this.#send(frame, { kind: 'parse', change });
    });
  }

  /** Parse can be refused, never held: once parsed, a statement runs many times, and each run is decided. */
  #refuseParse(name: string, analysis: Analysis): Buffer | null {
    const { gate, conversation } = this.#parts;
    if (analysis.statements.length > 1) {
      const message = 'cannot insert multiple commands into a prepared statement';
      return ownMessage({ severity: 'ERROR', sqlState: '42601', message });
    }
    // An unnamed one takes the place of the last, and pipelines hold thousands.
    if (name !== '' && conversation.statements.size >= maxPreparedStatements) {
      const message = `this session has ${maxPreparedStatements} prepared statements already`;
      return ownMessage({
        severity: 'ERROR',
        sqlState: '53000',
        message,
        hint: 'Close those that are not used.',
      });
    }
    const deny = gate.refuseAlways(analysis.intent);
    return deny === null ? this.#refusePrepared(analysis) : refusalMessage(deny);
  }

  /** PREPARE is to SQL what Parse is to the protocol. */
  #refusePrepared({ statements, intent }: Analysis): Buffer | null {
    for (const { nameChange } of statements) {
      if (nameChange?.kind !== 'prepare') continue;
      const { effects, opaque, versions } = nameChange.body;
      const deny = this.#parts.gate.refuseAlways({ ...intent, effects, opaque, versions });
      if (deny !== null) return refusalMessage(deny);
    }
    return null;
  }

  #bind(frame: Buffer): void {
    const bind = this.#read(() => readBind(frame));
    if (bind === null) return;
    const { conversation } = this.#parts;
    const statement = conversation.statements.find(bind.statement, conversation.generation);
    if (statement === 'uncertain') return this.#waitForName(() => this.#bind(frame));
    if (statement === 'unknown') return this.#unknown('26000', 'prepared statement', bind.statement);
    if (bind.portal !== '' && conversation.portals.size >= maxPortals) {
      const message = `this session has ${maxPortals} portals already`;
      return this.#add(refuseExtended(ownMessage({ severity: 'ERROR', sqlState: '53000', message })));
    }
    const trace = this.#parts.trace?.action('execute') ?? null;
    const parameters = boundParameters(bind, statement.parameterTypes);
    this.#analysed(statement.text, trace, (analysis) => {
      this.#resolved(
        analysis,
        () => this.#bind(frame),
        (resolved) => {
          this.#decisions.decide(statement.text, resolved, parameters, trace, {
            refuse: (error) => this.#add(refuseExtended(error)),
            send: (run) => this.#sendBind(frame, bind, statement, resolved, run, trace),
          });
        },
      );
    });
  }

  #sendBind(
    frame: Buffer,
    bind: Bind,
    statement: PreparedStatement,
    resolved: Resolved,
    run: Run,
    trace: ActionTrace | null,
  ): void {
    const { conversation } = this.#parts;
    const { resultFormats } = bind;
    const portal: Portal = {
      statement,
      resultFormats,
      run,
      resolved,
      described: false,
      fields: null,
      withHold: false,
    };
    const change = conversation.portals.change(bind.portal, portal, conversation.generation);
    this.#send(frame, { kind: 'bind', change, run }, acting(trace, refuseExtended));
  }

  #describe(frame: Buffer): void {
    const named = this.#read(() => readNamed(frame));
    if (named === null) return;
    const { kind, name } = named;
    const { conversation } = this.#parts;
    if (kind === 'statement') {
      const statement = conversation.statements.find(name, conversation.generation);
      if (statement === 'uncertain') return this.#waitForName(() => this.#describe(frame));
      if (statement === 'unknown') return this.#unknown('26000', 'prepared statement', name);
      return this.#send(frame, { kind: 'describe-statement', statement });
    }
    const portal = conversation.portals.find(name, conversation.generation);
    if (portal === 'uncertain') return this.#waitForName(() => this.#describe(frame));
    if (portal === 'unknown') return this.#unknown('34000', 'portal', name);
    portal.described = true;
    this.#send(frame, { kind: 'describe-portal', portal, forClient: true });
  }

  #execute(frame: Buffer): void {
    const execute = this.#read(() => readExecute(frame));
    if (execute === null) return;
    const { conversation } = this.#parts;
    const portal = conversation.portals.find(execute.portal, conversation.generation);
    if (portal === 'uncertain') return this.#waitForName(() => this.#execute(frame));
    if (portal === 'unknown') return this.#unknown('34000', 'portal', execute.portal);
    if (portal.run.ended) return this.#executeAgain(frame, execute.portal, portal);
    this.#sendExecute(frame, execute.portal, portal, null);
  }

  /** Rows need a plan: where the client did not ask what they look like, the gateway asks. */
  #sendExecute(frame: Buffer, name: string, portal: Portal, action: OutgoingAction | null): void {
    if (!portal.described && portal.statement.description === null) {
      portal.described = true;
      const describe = frameOf(frontend.describe, Buffer.from('P'), Buffer.from(`${name}\0`, 'latin1'));
      this.#send(describe, { kind: 'describe-portal', portal, forClient: false });
    }
    const changes = nameChangesOf(portal.resolved, portal.run, this.#parts.conversation);
    const awaited: Awaited = { kind: 'execute', portal, changes };
    this.#send(frame, awaited, action);
    if (portal.run.statement?.copyIn) this.#waitForCopy(awaited);
  }

  /** A portal whose action has ended (a cursor made by DECLARE, or one run to its end) is executed: an action of its own. */
  #executeAgain(frame: Buffer, name: string, portal: Portal): void {
    const { text } = portal.statement;
    const trace = this.#parts.trace?.action('execute') ?? null;
    this.#analysed(text, trace, (analysis) => {
      this.#resolved(
        analysis,
        () => this.#execute(frame),
        (resolved) => {
          this.#decisions.decide(text, resolved, noParameters, trace, {
            refuse: (error) => this.#add(refuseExtended(error)),
            send: (run) => {
              portal.run = run;
              portal.resolved = resolved;
              this.#sendExecute(frame, name, portal, acting(trace, refuseExtended));
            },
          });
        },
      );
    });
  }

  #close(frame: Buffer): void {
    const named = this.#read(() => readNamed(frame));
    if (named === null) return;
    const { kind, name } = named;
    const { conversation } = this.#parts;
    const change =
      kind === 'statement' ? conversation.changeStatement(name, null) : conversation.changePortal(name, null);
    this.#send(frame, { kind: 'close', change });
  }

  #functionCall(): void {
    const message = 'The fast-path function call is refused: it carries no SQL that could be read.';
    const hint =
      'Call the function in a statement: SELECT f(...); large objects have SQL functions too (lo_get, lo_put).';
    const error = ownMessage({ severity: 'ERROR', sqlState: '0A000', message, hint });
    this.#add(refuseQuery(error, this.#parts.conversation.dropUnnamed()));
  }

  #unknown(sqlState: string, what: string, name: string): void {
    const message = `${what} "${nameText(name)}" does not exist`;
    this.#add(refuseExtended(ownMessage({ severity: 'ERROR', sqlState, message })));
  }

  /** What is wrong with a text or a name is an error of that message alone: the frame around it was sound. */
  #read<Value>(read: () => Value, refuse: Refuse = refuseExtended): Value | null {
    try {
      return read();
    } catch (error) {
      const sqlState = error instanceof WireError ? badContents.get(error.code) : undefined;
      if (sqlState === undefined) throw error;
      this.#add(refuse(ownMessage({ severity: 'ERROR', sqlState, message: messageOf(error) })));
      return null;
    }
  }

  /** `again` takes the message up from its beginning, once what is missing has come. */
  #resolved(analysis: Analysis, again: () => void, go: (resolved: Resolved) => void): void {
    const { conversation } = this.#parts;
    const resolved = resolveNames(analysis, conversation, (text) => this.#analyse(text));
    if (resolved === 'uncertain') return this.#waitForName(again);
    if (resolved instanceof Promise) return this.#waitForAnalysis(resolved, again);
    if (this.#soonDefined(resolved.statements)) return this.#waitForName(again);
    const concern = conversation.definitions.concern(resolved.statements, conversation.generation);
    go(concern === 'no' ? resolved : withOpaque(resolved, 'unknown-relation'));
  }

  /** Whether the catalog will show what these statements use without a further message of the client. */
  #soonDefined(statements: readonly StatementFacts[]): boolean {
    const { conversation } = this.#parts;
    const concern = conversation.definitions.concern(statements, conversation.generation);
    return concern === 'later' && (this.#flow.paused || this.#isReadyAwaited);
  }

  /** Whether the server will answer without being told to by what is behind. */
  get #isReadyAwaited(): boolean {
    const { conversation, outbox } = this.#parts;
    return !outbox.empty || conversation.awaited.some(beginsRun);
  }

  #analysed(text: string, trace: ActionTrace | null, go: (analysis: Analysis) => void): void {
    trace?.phase('analysis');
    const analysis = this.#analyse(text);
    if (analysis instanceof Promise) this.#waitForAnalysis(analysis, go);
    else go(analysis);
  }

  #analyse(text: string): Analysis | Promise<Analysis> {
    return this.#parts.work.analyse(text, this.#parts.conversation);
  }

  #waitForAnalysis<Value>(promise: Promise<Value>, go: (value: Value) => void): void {
    this.#flow.block('analysis');
    promise.then(
      (value) => this.#flow.resume(() => go(value)),
      (error: unknown) => this.#parts.broken(error),
    );
  }

  #send(bytes: Buffer, awaited: Awaited | null, action: OutgoingAction | null = null): void {
    this.#add({ bytes, awaited, action });
  }

  /** Behind a Sync or a Query a new run begins: what went wrong before it does not touch it. */
  #add(outgoing: Outgoing): void {
    const { conversation, outbox } = this.#parts;
    outbox.add(outgoing);
    if (outgoing.awaited?.kind === 'sync') conversation.endPipeline();
    if (beginsRun(outgoing.awaited)) conversation.generation += 1;
    if (this.#owed < maxAwaited || this.#flow.blockedBy !== null) return;
    // Without a Flush the server may keep its answers until Sync.
    outbox.add({ bytes: flush, awaited: null, action: null });
    this.#flow.block('answers');
  }

  #waitForName(retry: () => void): void {
    this.#retry = retry;
    this.#flow.block('names');
  }

  #waitForCopy(awaited: Awaited): void {
    this.#copying = awaited;
    this.#flow.block('copy');
  }
}
