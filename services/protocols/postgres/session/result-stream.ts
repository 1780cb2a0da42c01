import type { Deny } from '../../../core/model/decision.ts';
import type { CopyPlan, Masking, RowPlan } from '../mask/plan.ts';
import type { FieldDescription } from '../wire/backend.ts';
import { WireError } from '../wire/errors.ts';
import { headerBytes } from '../wire/frames.ts';
import type { Run } from './run.ts';

const overLimit = (what: string): Deny => ({
  kind: 'deny',
  rule: null,
  reason: 'limit-exceeded',
  message: `The result is over the policy's limit of ${what}; the statement was stopped.`,
  hint: 'Ask for less: add LIMIT, a narrower WHERE, or an aggregate.',
});

/** One result set on its way: counted, masked, and kept for the transcript as the client sees it. */
export class ResultStream {
  readonly run: Run;
  readonly #masking: Masking;
  readonly #rows: RowPlan | null;
  #copy: CopyPlan | null = null;
  #copyIsText = false;

  constructor(run: Run, masking: Masking, fields: readonly FieldDescription[]) {
    this.run = run;
    this.#masking = masking;
    const statement = run.statement;
    if (statement === undefined) throw new WireError('out-of-order', 'a result came for no statement');
    this.#rows = fields.length === 0 ? null : masking.rows(run.obligations, statement, fields);
    if (fields.length > 0) run.columns(fields);
  }

  /** A row as the client may see it; null once a limit has been passed. */
  row(frame: Buffer): Buffer | null {
    if (this.run.cutBy !== null) return null;
    if (!this.run.countRow(frame.length)) {
      this.run.cutBy = overLimit(this.#limitText());
      return null;
    }
    let shown = frame;
    if (this.#rows !== null) {
      shown = this.#rows.mask(frame);
      this.run.maskedValues += this.#rows.count;
    }
    this.run.row(shown);
    return shown;
  }

  copyOut(response: { readonly binary: boolean; readonly columns: number }): void {
    const statement = this.run.statement;
    const format = statement?.copyOut;
    if (statement === undefined || format === null || format === undefined) {
      throw new WireError('out-of-order', 'the server copies out and nobody asked it to');
    }
    if ((format.format === 'binary') !== response.binary) {
      throw new WireError('out-of-order', 'the server copies out in another format than the statement says');
    }
    this.#copyIsText = !response.binary;
    this.#copy = this.#masking.copy(this.run.obligations, statement, format, response.columns);
  }

  copyData(frame: Buffer): readonly Buffer[] {
    if (this.run.cutBy !== null) return [];
    if (!this.run.countRow(frame.length)) {
      this.run.cutBy = overLimit(this.#limitText());
      return [];
    }
    return this.#kept(this.#copy === null ? [frame] : this.#copy.mask(frame));
  }

  copyDone(): readonly Buffer[] {
    return this.#kept(this.#copy?.end() ?? []);
  }

  finish(): void {
    this.run.maskedValues += this.#copy?.maskedValues ?? 0;
  }

  #kept(frames: readonly Buffer[]): readonly Buffer[] {
    for (const frame of frames) {
      const data = frame.subarray(headerBytes);
      this.run.copyData(this.#copyIsText ? data.toString('utf8') : `\\x${data.toString('hex')}\n`);
    }
    return frames;
  }

  #limitText(): string {
    const { maxRows, maxBytes } = this.run.obligations.limits;
    return [maxRows === null ? '' : `${maxRows} rows`, maxBytes === null ? '' : `${maxBytes} bytes`]
      .filter((text) => text !== '')
      .join(' or ');
  }
}
