/**
 * `sallyport/policy`, as package.json's exports say: what a policy in TypeScript imports, for editors and compilers. Beside
 * main.ts, because it joins the policy language with the words of protocols and of masking. When a policy is evaluated
 * (core/policy/evaluate-typescript.ts), core/policy/define-policy.ts alone stands in for it: types are gone by then.
 */
import type { DetectorName } from './core/masking/detectors.ts';
import type { TransformName } from './core/masking/transforms.ts';
import type { Words } from './core/policy/define-policy.ts';
import type { PostgresConditions } from './protocols/postgres/policy.ts';
import type { OpaqueReason, Verb } from './protocols/postgres/sql/analysis.ts';

export type { Approval, Mask, Policy, Rule, Words } from './core/policy/define-policy.ts';
export { definePolicy } from './core/policy/define-policy.ts';

/** What a policy for PostgreSQL targets may say: `definePolicy<PostgresWords>({ ... })`. */
export interface PostgresWords extends Words {
  readonly verbs: Verb;
  readonly opaqueReasons: OpaqueReason;
  readonly conditions: PostgresConditions;
  readonly detectors: DetectorName;
  readonly transforms: TransformName;
}
