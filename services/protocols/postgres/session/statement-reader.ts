import type { ActionTrace } from '../../../core/model/telemetry.ts';
import type { Analysis, OpaqueReason, StatementFacts } from '../sql/analysis.ts';
import type { Conversation } from './conversation.ts';
import type { Outbox } from './outbox.ts';
import type { RequestFlow } from './request-flow.ts';
import { beginsRun } from './request-sender.ts';
import { resolveNames } from './resolve.ts';
import type { Resolved } from './resolved.ts';
import type { TargetWork } from './target-work.ts';

export interface StatementReaderParts {
  readonly conversation: Conversation;
  readonly outbox: Outbox;
  readonly flow: RequestFlow;
  readonly work: Pick<TargetWork, 'analyse'>;
  /** The gateway itself failed while it looked at a message. */
  broken(error: unknown): void;
}

const withOpaque = ({ intent, statements }: Resolved, reason: OpaqueReason): Resolved => ({
  statements,
  intent: { ...intent, opaque: [...new Set([...intent.opaque, reason])] },
});

/** What the client's texts mean. Mostly it is known at once; while it is not, the flow of messages is blocked. */
export class StatementReader {
  readonly #parts: StatementReaderParts;
  /** Goes on with a message that waited for a name. */
  #retry: (() => void) | null = null;

  constructor(parts: StatementReaderParts) {
    this.#parts = parts;
  }

  /** `types`: of the parameters, as the client names them. */
  analysed(
    text: string,
    trace: ActionTrace | null,
    go: (analysis: Analysis) => void,
    types?: readonly number[],
  ): void {
    trace?.phase('analysis');
    const analysis = this.#analyse(text, types);
    if (analysis instanceof Promise) this.#waitForAnalysis(analysis, go);
    else go(analysis);
  }

  /** `again` takes the message up from its beginning, once what is missing has come. */
  resolved(analysis: Analysis, again: () => void, go: (resolved: Resolved) => void): void {
    const { conversation } = this.#parts;
    const resolved = resolveNames(analysis, conversation, (text, types) => this.#analyse(text, types));
    if (resolved === 'uncertain') return this.waitForName(again);
    if (resolved instanceof Promise) return this.#waitForAnalysis(resolved, again);
    if (this.soonDefined(resolved.statements)) return this.waitForName(again);
    const concern = conversation.definitions.concern(resolved.statements, conversation.generation);
    go(concern === 'no' ? resolved : withOpaque(resolved, 'unknown-relation'));
  }

  /** Whether the catalog will show what these statements use without a further message of the client. */
  soonDefined(statements: readonly StatementFacts[]): boolean {
    const { conversation, flow } = this.#parts;
    const concern = conversation.definitions.concern(statements, conversation.generation);
    return concern === 'later' && (flow.paused || this.#isReadyAwaited);
  }

  /** An earlier message changes the name, and the server has not answered it yet. */
  waitForName(retry: () => void): void {
    this.#retry = retry;
    this.#parts.flow.block('names');
  }

  /** Names may have become certain. */
  retry(): void {
    const retry = this.#retry;
    this.#retry = null;
    this.#parts.flow.resume(retry);
  }

  /** Whether the server will answer without being told to by what is behind. */
  get #isReadyAwaited(): boolean {
    const { conversation, outbox } = this.#parts;
    return !outbox.empty || conversation.awaited.some(beginsRun);
  }

  #analyse(text: string, types?: readonly number[]): Analysis | Promise<Analysis> {
    return this.#parts.work.analyse(text, this.#parts.conversation, types);
  }

  #waitForAnalysis<Value>(promise: Promise<Value>, go: (value: Value) => void): void {
    const { flow, broken } = this.#parts;
    flow.block('analysis');
    promise.then(
      (value) => flow.resume(() => go(value)),
      (error: unknown) => broken(error),
    );
  }
}
