import type { TransformName } from '../../../core/masking/transform-names.ts';
import type { ColumnRef, OutputColumn } from '../sql/analysis.ts';
import { columnText } from '../sql/names.ts';
import type { FieldDescription } from '../wire/backend.ts';
import type { FieldMasks } from './field-masks.ts';

/** Where a column's values come from, as far as masks care. */
export type Origin =
  | {
      readonly kind: 'masked';
      readonly transform: TransformName;
      /** `app.users.email`: pseudonyms of one field are the same wherever it comes out. */
      readonly field: string;
    }
  | { readonly kind: 'derived' }
  | { readonly kind: 'clear' };

export const isMasked = (masks: FieldMasks, column: ColumnRef): boolean =>
  masks.of(column.relationOid, column.attributeNumber) !== null;

/**
 * Where a result column comes from, at its worst. Without lineage it may come from everything the statement touches; a table that
 * the catalog does not know (made since, or in this session) may hold anything.
 */
export function originOf(
  masks: FieldMasks,
  output: OutputColumn | null,
  touched: readonly ColumnRef[],
  described: FieldDescription | null,
): Origin {
  const sources = output?.sources ?? touched;
  const masked = sources.find((source) => isMasked(masks, source));
  if (masked !== undefined) {
    if (output === null || output.derived) return { kind: 'derived' };
    return directOrigin(masks, sources, masked);
  }
  if (described === null || described.tableOid === 0) return { kind: 'clear' };
  if (!masks.knows(described.tableOid)) return masks.hasFields ? { kind: 'derived' } : { kind: 'clear' };
  const transform = masks.of(described.tableOid, described.attributeNumber);
  if (transform === null) return { kind: 'clear' };
  // By the column's own name, as lineage has it: the query's name for it would give other pseudonyms.
  const column = masks.columnAt(described.tableOid, described.attributeNumber);
  return { kind: 'masked', transform, field: column?.text ?? described.name };
}

/** One column under several names (a view's and its table's, a partition's and its parent's): the first masked one names it. */
function directOrigin(masks: FieldMasks, sources: readonly ColumnRef[], named: ColumnRef): Origin {
  const transforms = new Set(
    sources.flatMap((source) => masks.of(source.relationOid, source.attributeNumber) ?? []),
  );
  const [transform] = transforms;
  // Two masks that differ: what one shows the other hides, so nothing is shown.
  if (transform === undefined || transforms.size > 1) return { kind: 'derived' };
  return { kind: 'masked', transform, field: columnText(named) };
}
