/** Asks PostgreSQL what hangs on the objects that a statement takes away: what it would do itself (findDependentObjects in dependency.c). */
import type { CascadeRoot } from './analysis.ts';
import type { CatalogResult } from './catalog-rows.ts';
import { number } from './catalog-rows.ts';
import { maxCascadedObjects } from './limits.ts';

/** With standard_conforming_strings on. */
const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;

const catalogOf = (name: string): string => `'pg_catalog.${name}'::pg_catalog.regclass`;

const nameColumns = {
  pg_type: 'typname',
  pg_proc: 'proname',
  pg_namespace: 'nspname',
  pg_extension: 'extname',
  pg_language: 'lanname',
  pg_foreign_server: 'srvname',
  pg_foreign_data_wrapper: 'fdwname',
} as const;

/** What nobody names, since it is a part of something that goes too. */
const innerParts = [
  'composite type',
  'toast table',
  'domain constraint',
  'operator of access method',
  'function of access method',
]
  .map(literal)
  .join(', ');

/** A SELECT of classid, objid, objsubid, as in pg_depend. */
function rootQuery(root: Exclude<CascadeRoot, { kind: 'unseen' }>): string {
  switch (root.kind) {
    case 'object':
      return `SELECT ${catalogOf(root.catalog)}::pg_catalog.oid, ${root.oid}::pg_catalog.oid, ${root.part}`;
    case 'named':
      return `SELECT ${catalogOf(root.catalog)}::pg_catalog.oid, oid, 0 FROM pg_catalog.${root.catalog}
        WHERE ${nameColumns[root.catalog]} = ${literal(root.name)}`;
    case 'constraint':
      return `SELECT ${catalogOf('pg_constraint')}::pg_catalog.oid, oid, 0 FROM pg_catalog.pg_constraint
        WHERE conrelid = ${root.relation} AND conname = ${literal(root.name)}`;
    case 'owned':
    case 'reassigned':
      return `SELECT s.classid, s.objid, s.objsubid FROM pg_catalog.pg_shdepend s JOIN pg_catalog.pg_roles r ON r.oid = s.refobjid
        WHERE s.refclassid = ${catalogOf('pg_authid')} AND s.deptype = 'o' AND r.rolname = ${literal(root.role)}
          AND s.dbid = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())`;
  }
}

/**
 * A row for each object that goes with the roots. Beside what depends on them, what an object is an inner part of goes too: a view with its
 * rule, an extension with its member. What belongs to a table that goes as a whole (indexes, constraints, sequences of its columns) is
 * left out, as is what an extension that goes has brought, tables aside; what belongs to a table that stays says to which.
 */
export function cascadeQuery(roots: readonly Exclude<CascadeRoot, { kind: 'unseen' }>[]): string {
  const named = roots.map(rootQuery).join('\n    UNION ');
  // Handing objects to another owner takes nothing along, and is told of each of them.
  const isReassigning = roots.some(({ kind }) => kind === 'reassigned');
  const isOwned = isReassigning || roots.some(({ kind }) => kind === 'owned');
  const dependents = `UNION SELECT n.classid, n.objid, n.objsubid, false FROM gone g CROSS JOIN LATERAL (
      SELECT d.classid, d.objid, d.objsubid FROM pg_catalog.pg_depend d WHERE d.refclassid = g.classid AND d.refobjid = g.objid
        AND (g.objsubid = 0 OR d.refobjsubid = g.objsubid)
      UNION ALL SELECT d.refclassid, d.refobjid, d.refobjsubid FROM pg_catalog.pg_depend d WHERE NOT g.named
        AND d.classid = g.classid AND d.objid = g.objid AND d.objsubid = g.objsubid AND d.deptype IN ('i', 'e')) n`;
  return `WITH RECURSIVE named (classid, objid, objsubid) AS (
    ${named}
  ), gone (classid, objid, objsubid, named) AS (
    SELECT n.classid, n.objid, n.objsubid, true FROM named n ${isReassigning ? '' : dependents}
  ), told AS (
    SELECT DISTINCT g.classid, g.objid, g.objsubid, CASE
      WHEN g.classid = ${catalogOf('pg_class')} AND g.objsubid <> 0 THEN g.objid
      WHEN g.classid = ${catalogOf('pg_class')} THEN coalesce(
        (SELECT i.indrelid FROM pg_catalog.pg_index i WHERE i.indexrelid = g.objid),
        (SELECT d.refobjid FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_class c ON c.oid = d.objid AND c.relkind = 'S'
          WHERE d.classid = g.classid AND d.objid = g.objid AND d.refclassid = g.classid AND d.deptype IN ('a', 'i') LIMIT 1), 0)
      WHEN g.classid = ${catalogOf('pg_constraint')} THEN (SELECT k.conrelid FROM pg_catalog.pg_constraint k WHERE k.oid = g.objid)
      WHEN g.classid = ${catalogOf('pg_attrdef')} THEN (SELECT a.adrelid FROM pg_catalog.pg_attrdef a WHERE a.oid = g.objid)
      WHEN g.classid = ${catalogOf('pg_trigger')} THEN (SELECT t.tgrelid FROM pg_catalog.pg_trigger t WHERE t.oid = g.objid)
      WHEN g.classid = ${catalogOf('pg_rewrite')} THEN (SELECT r.ev_class FROM pg_catalog.pg_rewrite r WHERE r.oid = g.objid)
      WHEN g.classid = ${catalogOf('pg_policy')} THEN (SELECT p.polrelid FROM pg_catalog.pg_policy p WHERE p.oid = g.objid)
      ELSE 0 END AS part_of
    FROM gone g
    ${isOwned ? '' : 'WHERE NOT EXISTS (SELECT FROM named n WHERE n.classid = g.classid AND n.objid = g.objid AND n.objsubid = g.objsubid)'}
  )
  SELECT i.type, i.identity, CASE WHEN t.classid = ${catalogOf('pg_class')} AND t.part_of = 0 THEN t.objid ELSE 0 END, t.part_of,
    t.classid, t.objid, t.objsubid
  FROM told t CROSS JOIN LATERAL pg_catalog.pg_identify_object(t.classid, t.objid, t.objsubid) i
  WHERE i.type IS NOT NULL AND i.type NOT IN (${innerParts})
    AND NOT (t.classid <> ${catalogOf('pg_class')} AND EXISTS (SELECT FROM gone e JOIN pg_catalog.pg_depend d
      ON d.refclassid = e.classid AND d.refobjid = e.objid AND d.deptype = 'e'
      WHERE e.classid = ${catalogOf('pg_extension')} AND d.classid = t.classid AND d.objid = t.objid))
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger f WHERE t.classid = ${catalogOf('pg_trigger')} AND f.oid = t.objid
      AND f.tgisinternal)
    AND NOT EXISTS (SELECT FROM gone w WHERE w.classid = ${catalogOf('pg_class')} AND w.objid = t.part_of AND w.objsubid = 0
      AND t.part_of <> 0)
    AND NOT (t.classid = ${catalogOf('pg_type')} AND EXISTS (SELECT FROM pg_catalog.pg_type y WHERE y.oid = t.objid AND (y.typelem <> 0 AND y.typcategory = 'A'
      OR EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = y.typrelid AND c.relkind <> 'c'))))
  ORDER BY i.type, i.identity LIMIT ${maxCascadedObjects + 1}`;
}

/** Something that goes along, or changes its owner. */
export interface CascadedObject {
  /** PostgreSQL's word: `view`, `function`, `table constraint`, `default value`. */
  readonly type: string;
  /** As PostgreSQL writes it: `app.f(integer)`, `orders_user_fkey on app.orders`. */
  readonly identity: string;
  /** pg_class.oid of what is itself a relation, else 0. */
  readonly relation: number;
  /** pg_class.oid of the relation, which stays, that it is a part of, else 0. */
  readonly partOf: number;
  /** Tells it apart from all others: an object that was made anew is another. */
  readonly id: string;
}

export const readCascaded = (rows: CatalogResult): readonly CascadedObject[] =>
  rows.map(([type, identity, relation, partOf, ...id]) => ({
    type: type ?? '',
    identity: identity ?? '',
    relation: number(relation),
    partOf: number(partOf),
    id: id.join(' '),
  }));
