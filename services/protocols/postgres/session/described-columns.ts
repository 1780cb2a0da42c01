import type { StatementFacts } from '../sql/analysis.ts';
import { type FieldDescription, readRowDescription } from '../wire/backend.ts';

interface Described {
  readonly frame: Buffer;
  readonly columns: readonly FieldDescription[];
}

/** What the server last said of each statement; facts are shared by all sessions, and new ones come with a new catalog. */
const lastDescribed = new WeakMap<StatementFacts, Described>();

/**
 * The columns of a RowDescription: the same list for the same bytes, since clients ask anew with every run of a statement, and
 * what is made of the list need not be made anew.
 * @throws WireError
 */
export function describedColumns(
  statement: StatementFacts | undefined,
  frame: Buffer,
): readonly FieldDescription[] {
  if (statement === undefined) return readRowDescription(frame);
  const known = lastDescribed.get(statement);
  if (known?.frame.equals(frame)) return known.columns;
  const columns = readRowDescription(frame);
  // A copy: the frame is a part of a large chunk, which would stay in memory with it.
  lastDescribed.set(statement, { frame: Buffer.from(frame), columns });
  return columns;
}
