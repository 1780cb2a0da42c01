/** A masking ring as it is in the target: a role, and the schema of its name. What it should be is ring/plan.ts. */
export interface CatalogRing {
  /** The schema's comment. */
  readonly comment: string | null;
  /** Whether the role can do or become more than it was given on tables. */
  readonly powerful: boolean;
  readonly usableSchemas: ReadonlySet<string>;
  /** What is in the schema, by pg_class.oid. */
  readonly relations: ReadonlyMap<number, RingObject>;
  /** Columns that the role may read, by pg_class.oid: attribute numbers. */
  readonly readable: ReadonlyMap<number, ReadonlySet<number>>;
}

export interface RingObject {
  readonly securityBarrier: boolean;
  readonly comment: string | null;
}

type Rows = readonly (readonly (string | null)[])[];

export interface RingRows {
  readonly rings: Rows;
  readonly ringViews: Rows;
  readonly ringColumns: Rows;
}

export function loadRings(queries: RingRows): ReadonlyMap<string, CatalogRing> {
  const rings = new Map<string, CatalogRing>();
  for (const [name, comment, powerful, schemas] of queries.rings) {
    const relations = new Map<number, RingObject>();
    for (const [on, oid, barrier, viewComment] of queries.ringViews) {
      if (on !== name) continue;
      relations.set(Number(oid), { securityBarrier: barrier === 't', comment: viewComment ?? null });
    }
    const readable = new Map<number, ReadonlySet<number>>();
    for (const [on, oid, columns] of queries.ringColumns) {
      if (on === name) readable.set(Number(oid), new Set((columns ?? '').split(' ').map(Number)));
    }
    rings.set(name ?? '', {
      comment: comment ?? null,
      // What is not surely false is dangerous.
      powerful: powerful !== 'f',
      usableSchemas: new Set(namesIn(schemas)),
      relations,
      readable,
    });
  }
  return rings;
}

function namesIn(json: string | null | undefined): readonly string[] {
  const names: unknown = JSON.parse(json ?? '[]');
  return Array.isArray(names) ? names.filter((name) => typeof name === 'string') : [];
}
