import type { MissingName, OpaqueReason, PostgresEffect } from './analysis.ts';
import type { Context } from './context.ts';
import { splitDotted } from './names.ts';

const isMissingName = (reason: OpaqueReason): reason is MissingName =>
  reason.startsWith('unknown-') && reason !== 'unknown-name' && reason !== 'unknown-statement';

/**
 * Of a statement that names what is not there, and is otherwise understood: what it is. Null where another name may have been meant, or
 * where a view is there and only could not be read.
 */
export function missingName(
  opaque: readonly OpaqueReason[],
  effects: readonly PostgresEffect[],
  { catalog, anyOrder }: Context,
): MissingName | null {
  const [first] = opaque;
  if (first === undefined || anyOrder || !opaque.every(isMissingName)) return null;
  if (!opaque.includes('unknown-relation')) return isMissingName(first) ? first : null;
  const isMissing = effects.some(({ relation }) => {
    const [schema, name, ...more] = relation === null ? [] : (splitDotted(relation) ?? []);
    if (schema === undefined || name === undefined || more.length > 0) return false;
    return catalog.relation(schema, name) === undefined;
  });
  return isMissing ? 'unknown-relation' : null;
}
