import type { DetectorName } from '../../core/masking/detectors.ts';
import type { TransformName } from '../../core/masking/transform-names.ts';
import type { ShellOpaqueReason } from '../shell/index.ts';
import type { Verb } from './effect.ts';
import type { KubernetesConditions } from './policy.ts';
import type { streamOpaqueReasons } from './streams/request.ts';

/** What a policy for Kubernetes targets may say: `definePolicy<KubernetesWords>({ ... })`. */
export interface KubernetesWords {
  readonly verbs: Verb;
  readonly opaqueReasons: ShellOpaqueReason | (typeof streamOpaqueReasons)[number];
  readonly conditions: KubernetesConditions;
  readonly detectors: DetectorName;
  readonly transforms: TransformName;
}
