import type { DetectorName } from '../../core/masking/detectors.ts';
import type { TransformName } from '../../core/masking/transform-names.ts';
import type { PostgresConditions } from './policy.ts';
import type { OpaqueReason, Verb } from './sql/analysis.ts';

/** What a policy for PostgreSQL targets may say: `definePolicy<PostgresWords>({ ... })`. */
export interface PostgresWords {
  readonly verbs: Verb;
  readonly opaqueReasons: OpaqueReason;
  readonly conditions: PostgresConditions;
  readonly detectors: DetectorName;
  readonly transforms: TransformName;
}
