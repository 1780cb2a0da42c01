import type { Circumstances } from './analyse-text.ts';
import type { Analysis } from './analysis.ts';
import type { CatalogRows } from './catalog-rows.ts';

/** One text for the worker thread. Jobs are sent one at a time. */
export interface Job {
  readonly text: string;
  readonly circumstances: Circumstances;
  /** The number of a catalog that was sent before. */
  readonly catalog: number;
}

export type ToThread =
  | { readonly kind: 'catalog'; readonly id: number; readonly rows: CatalogRows }
  | { readonly kind: 'forget'; readonly id: number }
  | { readonly kind: 'job'; readonly job: Job };

export interface FromThread {
  /** `broken`: the thread cannot be trusted any more and must be replaced. */
  readonly result: Analysis | 'broken';
  readonly why?: string;
}
