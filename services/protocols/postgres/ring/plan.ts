import { createHmac, hash, type KeyObject } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { FieldMasks } from '../mask/field-masks.ts';
import { type Origin, originOf } from '../mask/origin.ts';
import { analyseParsed, catalogContext } from '../sql/analyse-text.ts';
import type { OutputColumn } from '../sql/analysis.ts';
import type { Catalog, Relation } from '../sql/catalog.ts';
import type { CatalogContext } from '../sql/context.ts';
import { TooComplexError } from '../sql/errors.ts';
import { maxAnalysisStepsOnEventLoop } from '../sql/limits.ts';
import { searchPath as pathOf } from '../sql/names.ts';
import { parseOnEventLoop } from '../sql/parse.ts';
import { maxPlanSliceMs } from './limits.ts';
import { columnSql } from './mask-sql.ts';
import { isOfRing, type Ring } from './ring.ts';
import { identifier, qualified } from './sql-text.ts';

export interface RingColumn {
  readonly name: string;
  readonly attributeNumber: number;
  readonly origin: Origin;
  /** What the ring's view shows in its place. */
  readonly sql: string;
}

/** One relation of the target, as the ring lets it be seen. */
export interface RingRelation {
  readonly relation: Relation;
  readonly columns: readonly RingColumn[];
  /** The view that stands for it; null where it is read itself, or has no name without a schema. */
  readonly view: RingView | null;
  /**
   * Whether the role may have rights on the relation itself. Row security is for the login's name, so what has it is reached
   * through the view alone, which the login owns.
   */
  readonly ownRights: boolean;
}

export interface RingView {
  /** Without CREATE. */
  readonly sql: string;
  /** Of all that the view is made of; its comment says it. */
  readonly digest: string;
}

export interface RingPlan {
  readonly ring: Ring;
  readonly relations: readonly RingRelation[];
  /** Schemas of the search path that count: the role must find the same ones. */
  readonly path: readonly string[];
  /** Of all that its views show: which columns of which relations, under which masks. Hex. */
  readonly version: string;
}

const seen: ReadonlySet<string> = new Set(['table', 'view', 'materialized view', 'foreign table']);

/** What the ring is to be, on this catalog. Pure. */
export function planRing(...parts: PlanParameters): RingPlan {
  const steps = planning(...parts);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/** The same for a target with thousands of tables, while other sessions go on. */
export async function planRingInSlices(...parts: PlanParameters): Promise<RingPlan> {
  const steps = planning(...parts);
  let began = performance.now();
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    if (performance.now() - began < maxPlanSliceMs) continue;
    await setImmediate();
    began = performance.now();
  }
}

type PlanParameters = readonly [
  ring: Ring,
  searchPath: readonly string[],
  catalog: Catalog,
  maskingKey: KeyObject,
];

/** A step for each relation. */
function* planning(
  ...[ring, searchPath, catalog, maskingKey]: PlanParameters
): Generator<undefined, RingPlan> {
  const masks = new FieldMasks(ring, catalog, maskingKey);
  const lineage = new Lineage(catalog);
  const path = catalog.usable(pathOf(searchPath));
  const relations: RingRelation[] = [];
  for (const relation of catalog.relations()) {
    yield;
    if (relation.system || isOfRing(relation.schema) || !seen.has(relation.kind)) continue;
    const origins = lineage.of(relation);
    const columns = relation.columns.map((column, at): RingColumn => {
      const origin: Origin =
        origins === null ? { kind: 'derived' } : originOf(masks, origins[at] ?? null, [], null);
      const sql = columnSql(origin, column, ring, catalog);
      return { name: column.column, attributeNumber: column.attributeNumber, origin, sql };
    });
    const ownRights = !relation.rowSecurity;
    const viewWanted = !ownRights || columns.some(({ origin }) => origin.kind !== 'clear');
    const view =
      viewWanted && isFoundByName(relation, path, catalog)
        ? viewOf(ring, relation, columns, maskingKey)
        : null;
    relations.push({ relation, columns, view, ownRights });
  }
  const views = relations.flatMap(({ view }) => (view === null ? [] : [view.digest]));
  return { ring, relations, path, version: hash('sha256', [ring.role, ...views.sort()].join(' ')) };
}

/** Whether its name alone leads to it: the first schema of the path that has the name counts, whatever has it there. */
function isFoundByName(relation: Relation, path: readonly string[], catalog: Catalog): boolean {
  const schema = path.find((each) => catalog.relation(each, relation.name) !== undefined);
  return schema === relation.schema;
}

function viewOf(
  ring: Ring,
  relation: Relation,
  columns: readonly RingColumn[],
  maskingKey: KeyObject,
): RingView {
  const shown = columns.map(({ name, sql }) => `  ${sql} AS ${identifier(name)}`);
  const sql =
    `VIEW ${qualified(ring.role, relation.name)} WITH (security_barrier) AS SELECT\n${shown.join(',\n')}\n` +
    `  FROM ${qualified(relation.schema, relation.name)} AS t`;
  // The oid: another table of the same name is another table. The key: other pseudonyms are other masks. Keyed, since comments are public.
  const digest = createHmac('sha256', maskingKey)
    .update(`sallyport-ring-1\0${relation.oid}\0${sql}`)
    .digest('hex');
  return { sql, digest };
}

/** Where the columns of relations come from; null when that cannot be known, and anything may be in them. */
class Lineage {
  readonly #context: CatalogContext;

  constructor(catalog: Catalog) {
    this.#context = catalogContext(catalog, parseOrThrow);
  }

  of(relation: Relation): readonly OutputColumn[] | null {
    const { isView, parents, children, generated } = relation;
    // Nearly all: read at once, since a target may have thousands of them.
    if (!isView && parents.length === 0 && children.length === 0 && generated.size === 0) {
      return relation.columns.map((column) => ({ name: column.column, sources: [column], derived: false }));
    }
    try {
      const text = `SELECT * FROM ${qualified(relation.schema, relation.name)}`;
      const { statements } = parseOrThrow(text);
      const circumstances = { target: 'ring', searchPath: [], emptySearchPath: true };
      const steps = maxAnalysisStepsOnEventLoop;
      const [facts] = analyseParsed(text, statements, circumstances, this.#context, steps).statements;
      if (facts === undefined || facts.opaque.includes('unknown-relation')) return null;
      return facts.outputs?.length === relation.columns.length ? facts.outputs : null;
    } catch (thrown) {
      if (thrown instanceof TooComplexError) return null;
      throw thrown;
    }
  }
}

function parseOrThrow(text: string): Extract<ReturnType<typeof parseOnEventLoop>, { kind: 'parsed' }> {
  const parsed = parseOnEventLoop(text);
  if (parsed === 'large' || parsed.kind !== 'parsed') throw new TooComplexError('it cannot be read here');
  return parsed;
}
