import type { OpaqueReason, Verb } from './effect.ts';
import type { HttpConditions } from './policy.ts';

/** What a policy for HTTP targets may say: `definePolicy<HttpWords>({ ... })`. Answers are not masked yet. */
export interface HttpWords {
  readonly verbs: Verb;
  readonly opaqueReasons: OpaqueReason;
  readonly conditions: HttpConditions;
  readonly detectors: never;
  readonly transforms: never;
}
