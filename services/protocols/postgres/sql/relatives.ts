/** Whose rows are whose: partitions and tables that inherit. */
import { closure, type Relation } from './catalog.ts';
import { maxInheritanceChildren } from './limits.ts';

/** Parents, grandparents and so on: what a partition's rows belong to. */
export const ancestorsOf = (relation: Relation): readonly Relation[] =>
  closure(relation, (one) => one.parents);

/** Tables that inherit from this one; partitions are left out, since they hold their parent's rows and no others. */
export const inheritingFrom = (relation: Relation): readonly Relation[] =>
  closure(relation, (one) => one.children.filter((child) => !child.partition)).slice(
    0,
    maxInheritanceChildren,
  );
