import type { CheckpointSession, HeldSubmission, PendingHold } from '../../../core/checkpoint/contract.ts';
import type { Action, Intent, Parameter } from '../../../core/model/action.ts';
import type { Clock } from '../../../core/model/clock.ts';
import type { Obligations } from '../../../core/model/decision.ts';
import { InvariantError } from '../../../core/model/errors.ts';
import type { ActionId } from '../../../core/model/ids.ts';
import type { ActionTrace } from '../../../core/model/telemetry.ts';
import { bringsMask, maskWritten, writesMaskedColumn } from '../mask/write-back.ts';
import type { Analysis, MissingName, StatementFacts } from '../sql/analysis.ts';
import type { Conversation } from './conversation.ts';
import { boundValue } from './parameters.ts';
import { holdNotice, refusalMessage } from './refusal.ts';
import type { RequestFlow } from './request-flow.ts';
import { resolveNames } from './resolve.ts';
import type { Resolved } from './resolved.ts';
import type { RingSession } from './ring-session.ts';
import { Run } from './run.ts';
import type { TargetWork } from './target-work.ts';

export interface DecisionParts {
  readonly gate: CheckpointSession;
  readonly conversation: Conversation;
  readonly work: Pick<TargetWork, 'analyse' | 'analyseFresh' | 'estimateRows'>;
  readonly ring: Pick<RingSession, 'name'> | null;
  readonly clock: Clock;
  readonly flow: RequestFlow;
  /** Writes one whole message to the client, between those of the server. */
  tellClient(message: Buffer): void;
}

/** How a decided action goes on: the two differ between the simple and the extended protocol. */
export interface Onward {
  readonly send: (run: Run) => void;
  /** `error`: an ErrorResponse for the client. */
  readonly refuse: (error: Buffer) => void;
}

/** A client's actions on their way through the checkpoint; while one is held, the flow of messages is blocked. */
export class Decisions {
  readonly #parts: DecisionParts;
  #pendingHold: PendingHold | null = null;
  #defersHolds = false;

  constructor(parts: DecisionParts) {
    this.#parts = parts;
  }

  decide(
    text: string,
    resolved: Resolved,
    parameters: readonly Parameter[],
    trace: ActionTrace | null,
    onward: Onward,
  ): void {
    const { gate, conversation } = this.#parts;
    const sessionState = conversation.settings.text;
    const intent = this.#withoutMasks(resolved, parameters);
    const action: Action = { intent, parameters, sessionState };
    const submission = gate.submit(action, trace);
    switch (submission.kind) {
      case 'allow':
        return onward.send(this.#run(submission.id, submission.obligations, resolved, parameters, trace));
      case 'deny':
        trace?.end(null);
        return onward.refuse(
          refusalMessage(submission.deny, resolved.intent.unacceptable, this.missing(resolved.statements)),
        );
      case 'hold':
        return this.#hold(text, submission, resolved, onward);
    }
  }

  #withoutMasks({ intent, statements }: Resolved, parameters: readonly Parameter[]): Intent {
    const { masks } = this.#parts.gate.obligations;
    if (masks.length === 0 || !statements.some(({ effects }) => writesMaskedColumn(masks, effects)))
      return intent;
    return bringsMask(intent.text, parameters) ? { ...intent, unacceptable: maskWritten } : intent;
  }

  /** Null too where this session may have made what is missing. */
  missing(statements: readonly StatementFacts[]): MissingName | null {
    const { definitions, generation } = this.#parts.conversation;
    if (definitions.mayHaveMade(statements, generation)) return null;
    return statements.find(({ missing }) => missing !== null)?.missing ?? null;
  }

  /** PREPARE is to SQL what Parse is to the protocol. */
  refusePrepared({ statements, intent }: Analysis): Buffer | null {
    for (const { nameChange } of statements) {
      if (nameChange?.kind !== 'prepare') continue;
      const { effects, opaque, versions } = nameChange.body;
      const deny = this.#parts.gate.refuseAlways({ ...intent, effects, opaque, versions });
      if (deny !== null) return refusalMessage(deny);
    }
    return null;
  }

  /** True when that withdrew a hold. */
  withdrawHold(): boolean {
    if (this.#pendingHold === null) return false;
    this.#pendingHold.withdraw();
    return true;
  }

  /** From now on nothing waits for a person: who would wait is told at once to come back. */
  deferHolds(): void {
    this.#defersHolds = true;
    this.#pendingHold?.defer();
  }

  #hold(text: string, held: HeldSubmission, resolved: Resolved, onward: Onward): void {
    const { gate, flow, work, tellClient } = this.#parts;
    const pending = gate.hold(this.#withRing(held), {
      revalidate: () => this.#revalidate(text, held.action.parameters),
      estimate: () => work.estimateRows(resolved.statements, held.action.parameters),
    });
    this.#pendingHold = pending;
    pending.onNotice((notice) => tellClient(holdNotice(notice)));
    if (this.#defersHolds) pending.defer();
    flow.block('hold');
    // `settled` never rejects.
    void pending.settled.then((settlement) => {
      this.#pendingHold = null;
      if (flow.ended) return held.trace?.end(null);
      flow.resume(() => {
        if (settlement.kind === 'release') {
          const { parameters } = held.action;
          return onward.send(this.#run(held.id, settlement.obligations, resolved, parameters, held.trace));
        }
        held.trace?.end(null);
        onward.refuse(refusalMessage(settlement.deny));
      });
    });
  }

  /** Analyses a held text and the names it uses anew, after the catalog was asked whether it changed. */
  async #revalidate(text: string, parameters: readonly Parameter[]): Promise<Intent> {
    const { work, conversation } = this.#parts;
    const types = parameters.map((parameter) => boundValue(parameter).typeOid);
    for (;;) {
      const analysis = await work.analyseFresh(text, conversation, types);
      const resolved = resolveNames(analysis, conversation, (name, named) =>
        work.analyse(name, conversation, named),
      );
      if (resolved === 'uncertain') throw new InvariantError('a name is uncertain while nothing runs');
      if (!(resolved instanceof Promise)) return this.#boundToRing(resolved.intent);
      await resolved;
    }
  }

  /** Approvers read in which ring it would run, and what they approve is void in another one, or in one that shows something else. */
  #withRing(held: HeldSubmission): HeldSubmission {
    const { ring } = this.#parts;
    if (ring === null) return held;
    const { intent, sessionState } = held.action;
    const state = sessionState === '' ? ring.name : `${ring.name}\n${sessionState}`;
    return { ...held, action: { ...held.action, intent: this.#boundToRing(intent), sessionState: state } };
  }

  #boundToRing(intent: Intent): Intent {
    const { ring } = this.#parts;
    return ring === null ? intent : { ...intent, versions: [...intent.versions, ring.name] };
  }

  #run(
    id: ActionId,
    obligations: Obligations,
    resolved: Resolved,
    parameters: readonly Parameter[],
    trace: ActionTrace | null,
  ): Run {
    const { gate, clock, conversation } = this.#parts;
    // From here on, and not once it is answered: what is sent behind it is analysed before the answer comes.
    conversation.setsSearchPath(resolved.statements);
    if (resolved.statements.some((statement) => statement.setsMeaning))
      conversation.settings.made(resolved.intent.text, parameters);
    trace?.phase('upstream');
    const run = new Run({ gate, clock, id, obligations, statements: resolved.statements, trace });
    conversation.definitions.add(resolved.statements, run, conversation.generation);
    return run;
  }
}
