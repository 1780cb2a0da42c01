import type { CheckpointSession } from '../../../core/checkpoint/contract.ts';
import type { Clock } from '../../../core/model/clock.ts';
import type { Deny, Obligations } from '../../../core/model/decision.ts';
import type { ActionId } from '../../../core/model/ids.ts';
import type { ActionTrace } from '../../../core/model/telemetry.ts';
import type { ActionOutcome } from '../../../core/model/trail-entry.ts';
import type { StatementFacts } from '../sql/analysis.ts';
import type { FieldDescription } from '../wire/backend.ts';
import { BodyReader } from '../wire/body.ts';
import { valueText } from '../wire/values.ts';

export interface RunParts {
  readonly gate: CheckpointSession;
  readonly clock: Clock;
  readonly id: ActionId;
  readonly obligations: Obligations;
  readonly statements: readonly StatementFacts[];
  readonly trace: ActionTrace | null;
}

/**
 * An allowed action on its way: what it may return, what it has returned, and what the transcript keeps of that. Ends exactly
 * once, whatever happens to the connection.
 */
export class Run {
  readonly id: ActionId;
  readonly obligations: Obligations;
  /** The limit that the result went over; what comes after it is swallowed. */
  cutBy: Deny | null = null;
  /** Whether the target has been told to stop because of it. */
  cancelled = false;
  rows = 0;
  bytes = 0;
  maskedValues = 0;
  readonly #parts: RunParts;
  readonly #startedAtMs: number;
  /** Which of the text's statements the server is working on. */
  #statement = 0;
  #fields: readonly FieldDescription[] = [];
  /** Whether the transcript has the names of these columns, or is not to have them. */
  #headKept = true;
  #transcribedBytes = 0;
  #rowsLeftOut = 0;
  #bytesLeftOut = 0;
  #rowsKept: (readonly (string | null)[])[] = [];
  #ended = false;

  constructor(parts: RunParts) {
    this.#parts = parts;
    this.id = parts.id;
    this.obligations = parts.obligations;
    this.#startedAtMs = parts.clock.monotonicMs();
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** The statement whose answers come now; undefined once all have been answered. */
  get statement(): StatementFacts | undefined {
    return this.#parts.statements[this.#statement];
  }

  get statementIndex(): number {
    return this.#statement;
  }

  get isLastStatement(): boolean {
    return this.#statement >= this.#parts.statements.length - 1;
  }

  /** Whether a limit of the policy is passed with this row. Counted before it is shown. */
  countRow(frameBytes: number): boolean {
    this.rows += 1;
    return this.countBytes(frameBytes);
  }

  countBytes(frameBytes: number): boolean {
    this.bytes += frameBytes;
    const { maxRows, maxBytes } = this.obligations.limits;
    return (maxRows === null || this.rows <= maxRows) && (maxBytes === null || this.bytes <= maxBytes);
  }

  /** The columns that the client is shown next. */
  columns(fields: readonly FieldDescription[]): void {
    this.#fields = fields;
    this.#headKept = !this.obligations.recordResults;
  }

  /** A DataRow as the client sees it. */
  row(frame: Buffer): void {
    if (!this.#mayKeep(frame.length)) {
      this.#rowsLeftOut += 1;
      return;
    }
    const body = new BodyReader(frame);
    const count = body.uint16();
    const values: (string | null)[] = [];
    for (let at = 0; at < count; at++) {
      const field = this.#fields[at];
      values.push(valueText(body.nullableBytes(), field?.typeOid ?? 0, field?.format ?? 0));
    }
    this.#rowsKept.push(values);
  }

  /** CopyData as the client sees it. */
  copyData(text: string): void {
    if (this.#mayKeep(text.length)) this.#output('data', text);
  }

  shown(stream: 'error' | 'notice', text: string): void {
    this.#keepResult(null);
    this.#output(stream, text);
  }

  /** The server has done the statement, and said so with this tag. */
  statementDone(tag: string): void {
    this.#keepResult(tag);
    this.#statement += 1;
  }

  end(result: ActionOutcome['result'], errorCode: string | null): void {
    if (this.#ended) return;
    this.#ended = true;
    const { gate, clock, trace, id } = this.#parts;
    this.#keepResult(null);
    if (this.#rowsLeftOut > 0 || this.#bytesLeftOut > 0) {
      const [rowsLeftOut, bytesLeftOut] = [this.#rowsLeftOut, this.#bytesLeftOut];
      gate.transcribe({ kind: 'cut', action: id, rowsLeftOut, bytesLeftOut });
    }
    const { rows, bytes, maskedValues } = this;
    const durationMs = Math.round((clock.monotonicMs() - this.#startedAtMs) * 1000) / 1000;
    const outcome = { result, rows, bytes, maskedValues, errorCode, durationMs };
    gate.finished(id, outcome);
    trace?.end(outcome);
  }

  #mayKeep(bytes: number): boolean {
    if (!this.obligations.recordResults) return false;
    const fits = this.#transcribedBytes + bytes <= this.#parts.gate.maxTranscribedResultBytes;
    if (fits) this.#transcribedBytes += bytes;
    else this.#bytesLeftOut += bytes;
    return fits;
  }

  /** What has come of the statement's result since it was last kept. */
  #keepResult(status: string | null): void {
    const rows = this.#rowsKept;
    const columns = this.#headKept ? null : this.#fields.map((field) => field.name);
    if (columns === null && rows.length === 0 && status === null) return;
    this.#headKept = true;
    this.#rowsKept = [];
    this.#parts.gate.transcribe({ kind: 'result', action: this.id, columns, rows, status });
  }

  #output(stream: 'error' | 'notice' | 'data', text: string): void {
    this.#parts.gate.transcribe({ kind: 'output', action: this.id, stream, text });
  }
}
