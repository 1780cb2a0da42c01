import type { CheckpointSession } from '../../../core/checkpoint/contract.ts';
import { noParameters } from '../../../core/model/action.ts';
import type { ActionTrace, SessionTrace } from '../../../core/model/telemetry.ts';
import type { Analysis } from '../sql/analysis.ts';
import { frameOf, ownMessage } from '../wire/backend.ts';
import { nameText } from '../wire/body.ts';
import { type Bind, frontend, readBind, readExecute, readNamed, readParse } from '../wire/frontend.ts';
import type { Running } from './awaited.ts';
import type { Conversation } from './conversation.ts';
import type { Decisions } from './decisions.ts';
import { maxPortals, maxPreparedStatements } from './limits.ts';
import { nameChangesOf } from './name-changes.ts';
import type { Portal, PreparedStatement } from './names.ts';
import { acting, type OutgoingAction, refuseExtended } from './outbox.ts';
import { boundParameters } from './parameters.ts';
import { refusalMessage } from './refusal.ts';
import type { RequestSender } from './request-sender.ts';
import type { Resolved } from './resolved.ts';
import type { Run } from './run.ts';
import type { StatementReader } from './statement-reader.ts';

export interface ExtendedRequestParts {
  readonly gate: CheckpointSession;
  readonly conversation: Conversation;
  readonly sender: RequestSender;
  readonly reader: StatementReader;
  readonly decisions: Decisions;
  readonly trace: SessionTrace | null;
  /** A COPY FROM STDIN was sent: what comes next depends on the answer. */
  copyStarts(awaited: Running): void;
}

/**
 * The messages of the extended protocol that name statements and portals. Each Execute is one action, decided when its portal is
 * bound, since planning already runs code.
 */
export class ExtendedRequests {
  readonly #parts: ExtendedRequestParts;

  constructor(parts: ExtendedRequestParts) {
    this.#parts = parts;
  }

  parse(frame: Buffer): void {
    const parse = this.#parts.sender.read(() => readParse(frame), refuseExtended);
    if (parse === null) return;
    const { text, parameterTypes } = parse;
    const go = (analysis: Analysis): void => {
      const { conversation } = this.#parts;
      const { statements } = analysis;
      if (this.#parts.reader.soonDefined(statements))
        return this.#parts.reader.waitForName(() => this.parse(frame));
      const refusal = this.#refuseParse(parse.name, analysis);
      if (refusal !== null) {
        return this.#parts.sender.add(
          refuseExtended(refusal, parse.name === '' ? conversation.dropUnnamed() : null),
        );
      }
      const statement: PreparedStatement = { text, parameterTypes, description: null };
      const change = conversation.statements.change(parse.name, statement, conversation.generation);
      this.#parts.sender.send(frame, { kind: 'parse', change });
    };
    this.#parts.reader.analysed(text, null, go, parameterTypes);
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
    const { intent, statements } = analysis;
    const { decisions } = this.#parts;
    const deny = gate.refuseAlways(intent);
    if (deny !== null) return refusalMessage(deny, intent.unacceptable, decisions.missing(statements));
    return decisions.refusePrepared(analysis);
  }

  /** `begun`: the trace of a message that is taken up again. */
  bind(frame: Buffer, begun: ActionTrace | null = null): void {
    const bind = this.#parts.sender.read(() => readBind(frame), refuseExtended);
    if (bind === null) return;
    const { conversation } = this.#parts;
    const statement = conversation.statements.find(bind.statement, conversation.generation);
    if (statement === 'uncertain') return this.#parts.reader.waitForName(() => this.bind(frame, begun));
    if (statement === 'unknown') {
      begun?.end(null);
      return this.#unknown('26000', 'prepared statement', bind.statement);
    }
    if (bind.portal !== '' && conversation.portals.size >= maxPortals) {
      const message = `this session has ${maxPortals} portals already`;
      return this.#parts.sender.add(
        refuseExtended(ownMessage({ severity: 'ERROR', sqlState: '53000', message })),
      );
    }
    const trace = begun ?? this.#parts.trace?.action('execute') ?? null;
    const parameters = boundParameters(bind, statement.parameterTypes);
    const go = (analysis: Analysis): void =>
      this.#parts.reader.resolved(
        analysis,
        () => this.bind(frame, trace),
        (resolved) => {
          this.#parts.decisions.decide(statement.text, resolved, parameters, trace, {
            refuse: (error) => this.#parts.sender.add(refuseExtended(error)),
            send: (run) => this.#sendBind(frame, bind, statement, resolved, run, trace),
          });
        },
      );
    this.#parts.reader.analysed(statement.text, trace, go, statement.parameterTypes);
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
    this.#parts.sender.send(frame, { kind: 'bind', change, run }, acting(trace, refuseExtended));
  }

  describe(frame: Buffer): void {
    const named = this.#parts.sender.read(() => readNamed(frame), refuseExtended);
    if (named === null) return;
    const { kind, name } = named;
    const { conversation } = this.#parts;
    if (kind === 'statement') {
      const statement = conversation.statements.find(name, conversation.generation);
      if (statement === 'uncertain') return this.#parts.reader.waitForName(() => this.describe(frame));
      if (statement === 'unknown') return this.#unknown('26000', 'prepared statement', name);
      return this.#parts.sender.send(frame, { kind: 'describe-statement', statement });
    }
    const portal = conversation.portals.find(name, conversation.generation);
    if (portal === 'uncertain') return this.#parts.reader.waitForName(() => this.describe(frame));
    if (portal === 'unknown') return this.#unknown('34000', 'portal', name);
    portal.described = true;
    this.#parts.sender.send(frame, { kind: 'describe-portal', portal, forClient: true });
  }

  /** `begun`: the trace of a message that is taken up again. */
  execute(frame: Buffer, begun: ActionTrace | null = null): void {
    const execute = this.#parts.sender.read(() => readExecute(frame), refuseExtended);
    if (execute === null) return;
    const { conversation } = this.#parts;
    const portal = conversation.portals.find(execute.portal, conversation.generation);
    if (portal === 'uncertain') return this.#parts.reader.waitForName(() => this.execute(frame, begun));
    if (portal === 'unknown') {
      begun?.end(null);
      return this.#unknown('34000', 'portal', execute.portal);
    }
    const { run } = portal;
    if (run === null || run.ended) return this.#executeAnew(frame, execute.portal, portal, begun);
    this.#sendExecute(frame, execute.portal, portal, run, null);
  }

  /** Rows need a plan: where the client did not ask what they look like, the gateway asks. */
  #sendExecute(frame: Buffer, name: string, portal: Portal, run: Run, action: OutgoingAction | null): void {
    if (!portal.described && portal.statement.description === null) {
      portal.described = true;
      const describe = frameOf(frontend.describe, Buffer.from('P'), Buffer.from(`${name}\0`, 'latin1'));
      this.#parts.sender.send(describe, { kind: 'describe-portal', portal, forClient: false });
    }
    const changes = nameChangesOf(portal.resolved, this.#parts.conversation);
    const awaited: Running = { kind: 'execute', portal, run, changes };
    this.#parts.sender.send(frame, awaited, action);
    if (run.statement?.copyIn) this.#parts.copyStarts(awaited);
  }

  /** A cursor made by DECLARE, or a portal whose action has ended, is executed: an action of its own. */
  #executeAnew(frame: Buffer, name: string, portal: Portal, begun: ActionTrace | null): void {
    const { text, parameterTypes } = portal.statement;
    const trace = begun ?? this.#parts.trace?.action('execute') ?? null;
    const go = (analysis: Analysis): void =>
      this.#parts.reader.resolved(
        analysis,
        () => this.execute(frame, trace),
        (resolved) => {
          this.#parts.decisions.decide(text, resolved, noParameters, trace, {
            refuse: (error) => this.#parts.sender.add(refuseExtended(error)),
            send: (run) => {
              portal.run = run;
              portal.resolved = resolved;
              this.#sendExecute(frame, name, portal, run, acting(trace, refuseExtended));
            },
          });
        },
      );
    this.#parts.reader.analysed(text, trace, go, parameterTypes);
  }

  close(frame: Buffer): void {
    const named = this.#parts.sender.read(() => readNamed(frame), refuseExtended);
    if (named === null) return;
    const { kind, name } = named;
    const { conversation } = this.#parts;
    const change =
      kind === 'statement' ? conversation.changeStatement(name, null) : conversation.changePortal(name, null);
    this.#parts.sender.send(frame, { kind: 'close', change });
  }

  #unknown(sqlState: string, what: string, name: string): void {
    const message = `${what} "${nameText(name)}" does not exist`;
    this.#parts.sender.add(refuseExtended(ownMessage({ severity: 'ERROR', sqlState, message })));
  }
}
