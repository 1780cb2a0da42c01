import type { Circumstances } from '../../checkpoint/contract.ts';
import type { Parameter } from '../../model/action.ts';
import type { Truth } from '../truth.ts';

export const dynamicNames = ['times', 'sources', 'listeners', 'parameters'] as const;

/** A condition of a rule that is not on the effect, so it is looked at each time and never cached with the decision. */
export interface DynamicCondition {
  readonly name: (typeof dynamicNames)[number];
  /** What it asks for: `mon, tue 09:00-17:00 Europe/Berlin`. */
  readonly text: string;
  /** `parameters` is null where there is no action yet: at the door. */
  truth(parameters: readonly Parameter[] | null, circumstances: Circumstances): Truth;
  /** What is there instead, for `policy explain`: `it is sat 13:15`. */
  found(parameters: readonly Parameter[] | null, circumstances: Circumstances): string;
}
