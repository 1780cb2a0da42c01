import type { DetectorName } from '../../core/masking/detectors.ts';
import type { TransformName } from '../../core/masking/transform-names.ts';
import type { OpaqueReason, Verb } from './effect.ts';
import type { HttpConditions } from './policy.ts';

/** What a policy for HTTP targets may say: `definePolicy<HttpWords>({ ... })`. */
export interface HttpWords {
  readonly verbs: Verb;
  readonly opaqueReasons: OpaqueReason;
  readonly conditions: HttpConditions;
  readonly detectors: DetectorName;
  readonly transforms: TransformName;
}
