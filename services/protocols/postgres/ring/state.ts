import { createHash } from 'node:crypto';
import type { Catalog } from '../sql/catalog.ts';
import type { CatalogRing } from '../sql/catalog-rings.ts';
import { dotted } from '../sql/names.ts';
import type { RingPlan } from './plan.ts';

/** A ring as it is in the target, beside what it should be. */
export type RingState =
  | { readonly kind: 'installed'; readonly version: string }
  | { readonly kind: 'missing' }
  /** Policy or catalog have changed since, or somebody has changed the ring. No session is opened in it. */
  | { readonly kind: 'stale'; readonly why: readonly string[] };

/** What the view's comment says: of what it was made, and what the server has made of it. */
export const viewComment = (planned: string, definition: string): string =>
  `${planned} ${createHash('sha256').update(definition).digest('hex')}`;

/** Whether sessions may rely on the ring: it shows no masked column, and its names lead where the analysis takes them to lead. Pure. */
export function stateOf(plan: RingPlan, searchPath: readonly string[], catalog: Catalog): RingState {
  const ring = catalog.rings.get(plan.ring.role);
  if (ring === undefined) return { kind: 'missing' };
  const why = [
    ...faultsOfRole(plan, searchPath, ring),
    ...readableMaskedColumns(plan, ring),
    ...faultsOfViews(plan, catalog, ring),
    ...strangers(plan, catalog, ring),
  ];
  return why.length === 0 ? { kind: 'installed', version: plan.version } : { kind: 'stale', why };
}

function faultsOfRole(plan: RingPlan, searchPath: readonly string[], ring: CatalogRing): readonly string[] {
  const faults = ring.powerful
    ? ['its role is a member of another one, or has attributes or rights that it was not given']
    : [];
  // A schema that only one of the two may use would give another meaning to names.
  const differing = searchPath.filter(
    (schema) => plan.path.includes(schema) !== ring.usableSchemas.has(schema),
  );
  return [
    ...faults,
    ...differing.map((schema) => `schema ${schema} is open to one of login and role, and not to the other`),
  ];
}

/** Whoever gave the right: PUBLIC, or somebody since. */
function readableMaskedColumns({ relations }: RingPlan, { readable }: CatalogRing): readonly string[] {
  return relations.flatMap(({ relation, columns }) => {
    const open = readable.get(relation.oid);
    if (open === undefined) return [];
    return columns
      .filter(({ origin, attributeNumber }) => origin.kind !== 'clear' && open.has(attributeNumber))
      .map(({ name }) => `${dotted(relation.schema, relation.name, name)} can be read by its role as it is`);
  });
}

function faultsOfViews(
  { ring, relations }: RingPlan,
  catalog: Catalog,
  inTarget: CatalogRing,
): readonly string[] {
  return relations.flatMap(({ relation, view }) => {
    if (view === null) return [];
    const found = catalog.relation(ring.role, relation.name);
    const object = found && inTarget.relations.get(found.oid);
    if (found === undefined || object === undefined) return [`${relation.text} has no view in it yet`];
    const asMade =
      found.kind === 'view' &&
      object.securityBarrier &&
      found.definition !== null &&
      object.comment === viewComment(view.digest, found.definition);
    return asMade ? [] : [`${relation.text}, or what masks it, has changed since its view was made`];
  });
}

/** What else stands in the schema would be found before the tables. */
function strangers(
  { ring, relations }: RingPlan,
  catalog: Catalog,
  { relations: inSchema }: CatalogRing,
): readonly string[] {
  const planned = new Set(relations.flatMap(({ relation, view }) => (view === null ? [] : [relation.name])));
  const others = [...inSchema.keys()].flatMap((oid) => {
    const name = catalog.relationsByOid.get(oid)?.name ?? String(oid);
    return planned.has(name) ? [] : [`its schema has ${name}, which masks no table now`];
  });
  for (const { schema, text } of catalog.functionsByOid.values()) {
    if (schema === ring.role) others.push(`its schema has the function ${text}`);
  }
  return others;
}
