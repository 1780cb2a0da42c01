import type { Intent } from '../../../core/model/action.ts';
import type { StatementFacts } from '../sql/analysis.ts';

/** A text whose names of the session (EXECUTE p, FETCH c) have been replaced by what they stand for. */
export interface Resolved {
  readonly intent: Intent;
  readonly statements: readonly StatementFacts[];
}
