/** What the session asks of masking; made in mask/ for each target. */
import type { Obligations } from '../../../core/model/decision.ts';
import type { CopyOut, StatementFacts } from '../sql/analysis.ts';
import type { FieldDescription, MessageFields } from '../wire/backend.ts';

/** How the rows of results are masked. One plan serves all results of a statement, of all sessions under the same masks. */
export interface RowPlan {
  /** How many values the last call has masked. */
  readonly count: number;
  /** A DataRow as the client may see it: the same buffer when nothing in it had to be masked. */
  mask(row: Buffer): Buffer;
}

/** How the data of one COPY TO STDOUT is masked. Data may be cut anywhere. */
export interface CopyPlan {
  readonly maskedValues: number;
  /** CopyData messages for one CopyData message; none while a row is not whole. */
  mask(data: Buffer): readonly Buffer[];
  /** What is left at CopyDone. */
  end(): readonly Buffer[];
}

export interface Masking {
  /** Null when nothing can have to be masked: rows then pass as they are. */
  rows(
    obligations: Obligations,
    statement: StatementFacts,
    fields: readonly FieldDescription[],
  ): RowPlan | null;
  copy(
    obligations: Obligations,
    statement: StatementFacts,
    format: CopyOut,
    columns: number,
  ): CopyPlan | null;
  /** An error's or notice's fields as the client may see them. */
  message(
    obligations: Obligations | null,
    statement: StatementFacts | null,
    fields: MessageFields,
  ): MessageFields;
  notification(obligations: Obligations, payload: string): string;
}
