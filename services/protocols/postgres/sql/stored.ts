import type { PostgresEffect, StatementFacts } from './analysis.ts';
import { columnText } from './names.ts';

/**
 * The effects of a statement whose rows are stored (CREATE TABLE AS EXECUTE): its output columns then count as condition columns,
 * since what a mask hides would be read from the new table without it. Where the outputs are unknown, every column counts.
 */
export function effectsWhenStored({ effects, outputs, touched }: StatementFacts): readonly PostgresEffect[] {
  const sources = outputs === null ? touched : outputs.flatMap((output) => output.sources);
  const stored = new Set(sources.map(columnText));
  return effects.map((effect) => {
    const more = effect.columns.filter((column) => stored.has(column));
    // What a function reads counts with its call.
    if ((effect.verb !== 'select' && effect.verb !== 'call') || more.length === 0) return effect;
    return { ...effect, conditionColumns: [...new Set([...effect.conditionColumns, ...more])] };
  });
}
