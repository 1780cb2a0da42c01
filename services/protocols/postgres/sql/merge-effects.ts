import type { PostgresEffect, StatementFacts } from './analysis.ts';
import { weakerOf } from './effect-draft.ts';

/** The same effect of several statements is one effect on all their columns. */
export function mergeEffects(
  statements: readonly Pick<StatementFacts, 'effects'>[],
): readonly PostgresEffect[] {
  const [only, ...more] = statements;
  if (only !== undefined && more.length === 0) return only.effects;
  const merged = new Map<string, PostgresEffect>();
  for (const { effects } of statements) {
    for (const effect of effects) {
      const key = JSON.stringify([
        effect.verb,
        effect.resource,
        effect.setting,
        effect.objectKind,
        effect.coveredBy,
      ]);
      const other = merged.get(key);
      merged.set(key, other === undefined ? effect : mergeTwo(other, effect));
    }
  }
  return [...merged.values()];
}

const mergeTwo = (left: PostgresEffect, right: PostgresEffect): PostgresEffect => ({
  ...left,
  columns: [...new Set([...left.columns, ...right.columns])],
  conditionColumns: [...new Set([...left.conditionColumns, ...right.conditionColumns])],
  guesses: [...left.guesses, ...right.guesses],
  descendants: left.descendants.size === 0 ? right.descendants : left.descendants,
  derivedColumns: [...new Set([...left.derivedColumns, ...right.derivedColumns])],
  untraced:
    left.untraced === 'anything' || right.untraced === 'anything'
      ? 'anything'
      : [...new Set([...left.untraced, ...right.untraced])],
  asOwner: left.asOwner || right.asOwner,
  rowsChosenBy: weakerOf(left.rowsChosenBy, right.rowsChosenBy),
});
