/** What a ring makes of a statement, for whoever writes policies: `sallyport policy explain`. */
import type { KeyObject } from 'node:crypto';
import type { StatementFacts } from '../sql/analysis.ts';
import type { Catalog } from '../sql/catalog.ts';
import type { PostgresTarget } from '../target.ts';
import { planRing, type RingRelation } from './plan.ts';
import type { Ring } from './ring.ts';
import { type RingState, stateOf } from './state.ts';

export interface RingExplanation {
  readonly role: string;
  /** `there` where it cannot be told whether it is as it should be, since that takes the gateway's masking key. */
  readonly state: RingState['kind'] | 'there';
  /** Why it is stale. */
  readonly why: readonly string[];
  /** Those relations of the statement of which it masks a column. */
  readonly relations: readonly ExplainedRelation[];
}

interface ExplainedRelation {
  readonly relation: string;
  /** Null where its name alone does not lead to it, so that no view stands for it. */
  readonly view: string | null;
  /** `email -> email` */
  readonly masks: readonly string[];
}

/** @param maskingKey null where it cannot be read here: then any other will do, of which nothing is shown */
export function explainRing(
  ring: Ring,
  { searchPath }: PostgresTarget,
  catalog: Catalog,
  statements: readonly StatementFacts[],
  maskingKey: { readonly key: KeyObject; readonly isGateways: boolean },
): RingExplanation {
  const plan = planRing(ring, searchPath, catalog, maskingKey.key);
  const state = stateOf(plan, searchPath, catalog);
  const touched = new Set(statements.flatMap((one) => one.touched.map(({ relationOid }) => relationOid)));
  const relations = plan.relations.filter(({ relation }) => touched.has(relation.oid));
  const isTold = state.kind === 'missing' || maskingKey.isGateways;
  return {
    role: ring.role,
    state: isTold ? state.kind : 'there',
    why: isTold && state.kind === 'stale' ? state.why : [],
    relations: relations.flatMap((one) => explained(one, ring)),
  };
}

function explained({ relation, columns, view }: RingRelation, { role }: Ring): readonly ExplainedRelation[] {
  const masks = columns.flatMap(({ name, origin }) => {
    switch (origin.kind) {
      case 'clear':
        return [];
      case 'masked':
        return [`${name} -> ${origin.transform}`];
      case 'derived':
        return [`${name} -> masked whole`];
    }
  });
  if (masks.length === 0) return [];
  return [{ relation: relation.text, view: view === null ? null : `${role}.${relation.name}`, masks }];
}

const stateTexts: Readonly<Record<RingExplanation['state'], string>> = {
  installed: 'installed',
  missing: 'missing: no session is opened under these masks until "sallyport masking install" was run',
  stale: 'stale: no session is opened under these masks until "sallyport masking install" was run again',
  there: 'there; whether it is as it should be, "sallyport masking status" tells the gateway’s user',
};

export function ringLines({ role, state, why, relations }: RingExplanation): readonly string[] {
  return [
    `sessions log in as ${role}, and find its views before the tables; it is ${stateTexts[state]}`,
    ...why.map((each) => `  ! ${each}`),
    ...relations.map(({ relation, view, masks }) =>
      view === null
        ? `${relation}: its name alone does not lead to it, so no view stands for it, and these cannot be read: ${masks.join(', ')}`
        : `${relation}, by its name alone, is the view ${view}, masked at the scan: ${masks.join(', ')}`,
    ),
  ];
}
