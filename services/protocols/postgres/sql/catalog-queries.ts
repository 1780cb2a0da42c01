/**
 * What the gateway asks a target about its catalog. Works on PostgreSQL 12 to 18 with a login that may do nothing but
 * connect: all of it is readable by everybody. Every name is qualified, since the reader's search_path is not ours to trust.
 *
 * Schemas of temporary objects are left out: they belong to sessions, and an unknown name is refused.
 */
import { catalogLockTimeoutMs, firstOwnOid, maxCatalogRows, maxDefinitionCharacters } from './limits.ts';

/** One row more than allowed, so that "too many" is seen. */
const limit = `LIMIT ${maxCatalogRows + 1}`;

/** No user may make a schema whose name begins with pg_, so this keeps pg_catalog and drops pg_toast and pg_temp_N. */
const schemas = `SELECT n.oid FROM pg_catalog.pg_namespace n
  WHERE n.nspname = 'pg_catalog' OR n.nspname NOT LIKE 'pg\\_%'`;

const definition = (text: string): string =>
  `CASE WHEN pg_catalog.length(${text}) <= ${maxDefinitionCharacters} THEN ${text} END`;

/**
 * The catalog as it was at one moment. Names of result columns do not matter: rows are read by position. An empty
 * search_path makes the server qualify every name outside pg_catalog in the definitions that it prints.
 */
export const begin = [
  'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY',
  "SET LOCAL search_path TO ''",
  `SET LOCAL lock_timeout TO '${catalogLockTimeoutMs}ms'`,
] as const;

export const commit = 'COMMIT';

/** Printing a definition locks its relations for a moment. Where that cannot be had, views stay opaque until it can. */
export const beginDefinitions = 'SAVEPOINT definitions';
export const giveUpDefinitions = 'ROLLBACK TO SAVEPOINT definitions';

/** Roles of masking rings (ring/ring.ts), each with the schema of its name in this database. */
const ringRoles = `pg_catalog.pg_roles r JOIN pg_catalog.pg_namespace rn ON rn.nspname = r.rolname
    AND r.rolname LIKE 'sallyport\\_ring\\_%'`;

export const catalogQueries = {
  server: `SELECT pg_catalog.current_setting('server_version_num'), CURRENT_USER`,

  schemas: `SELECT n.oid, n.nspname, pg_catalog.has_schema_privilege(n.oid, 'USAGE')
    FROM pg_catalog.pg_namespace n WHERE n.oid IN (${schemas}) ${limit}`,

  relations: `SELECT c.oid, c.relname, c.relnamespace, c.relkind, c.reltype, c.relispartition, c.relrowsecurity, c.xmin
    FROM pg_catalog.pg_class c
    WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f', 'S', 'c', 'i', 'I') AND c.relpersistence <> 't'
      AND c.relnamespace IN (${schemas}) ${limit}`,

  columns: `SELECT a.attrelid, a.attnum, a.attname, a.atttypid,
      coalesce((SELECT l.collisdeterministic FROM pg_catalog.pg_collation l WHERE l.oid = a.attcollation), true), a.xmin
    FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
    WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'v', 'm', 'p', 'f', 'S', 'c')
      AND c.relpersistence <> 't' AND c.relnamespace IN (${schemas})
    ORDER BY a.attrelid, a.attnum ${limit}`,

  /** Which columns a generated column is computed from: its expression depends on them, and on itself. */
  generated: `SELECT d.adrelid, d.adnum, r.refobjsubid FROM pg_catalog.pg_attrdef d
    JOIN pg_catalog.pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum AND a.attgenerated <> ''
    JOIN pg_catalog.pg_depend r ON r.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND r.objid = d.oid
      AND r.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND r.refobjid = d.adrelid
      AND r.refobjsubid > 0 AND r.refobjsubid <> d.adnum ${limit}`,

  /** What else says what writing to a relation does, and to which of its rows: defaults, checks, row security. */
  relationParts: `SELECT a.adrelid, a.xmin FROM pg_catalog.pg_attrdef a
    UNION ALL SELECT p.polrelid, p.xmin FROM pg_catalog.pg_policy p
    UNION ALL SELECT k.conrelid, k.xmin FROM pg_catalog.pg_constraint k WHERE k.contype = 'c' AND k.conrelid <> 0 ${limit}`,

  inheritance: `SELECT i.inhrelid, i.inhparent, i.xmin FROM pg_catalog.pg_inherits i
    ORDER BY i.inhrelid, i.inhseqno ${limit}`,

  rules: `SELECT r.ev_class, r.rulename, r.ev_type, r.is_instead, r.ev_enabled, r.xmin
    FROM pg_catalog.pg_rewrite r ${limit}`,

  foreignKeys: `SELECT k.conrelid, k.confrelid, pg_catalog.array_to_string(k.conkey, ' '),
      pg_catalog.array_to_string(k.confkey, ' '), k.confdeltype, k.confupdtype, k.xmin, k.conname
    FROM pg_catalog.pg_constraint k WHERE k.contype = 'f' ${limit}`,

  uniqueKeys: `SELECT i.indrelid, c.relname, i.indkey, i.indnkeyatts,
      i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL, i.xmin FROM pg_catalog.pg_index i
    JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid WHERE i.indisunique OR i.indisexclusion ${limit}`,

  functions: `SELECT p.oid, p.proname, p.pronamespace, p.prokind, p.proargtypes, p.prorettype, p.proretset,
      p.provariadic, p.pronargdefaults, pg_catalog.array_to_string(p.proallargtypes, ' '),
      pg_catalog.array_to_string(p.proargmodes, ' '), pg_catalog.to_json(p.proargnames), p.provolatile, l.lanname,
      p.prosecdef, e.objid IS NOT NULL, p.xmin, l.lanpltrusted,
      pg_catalog.concat_ws(' ', g.aggtransfn::pg_catalog.oid, g.aggfinalfn::pg_catalog.oid, g.aggcombinefn::pg_catalog.oid,
        g.aggmtransfn::pg_catalog.oid, g.aggminvtransfn::pg_catalog.oid, g.aggmfinalfn::pg_catalog.oid)
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
      LEFT JOIN pg_catalog.pg_aggregate g ON g.aggfnoid = p.oid AND p.pronamespace <> 'pg_catalog'::pg_catalog.regnamespace
      LEFT JOIN pg_catalog.pg_depend e ON e.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND e.objid = p.oid
        AND e.deptype = 'e'
    WHERE p.pronamespace IN (${schemas}) ${limit}`,

  types: `SELECT t.oid, t.typname, t.typnamespace, t.typtype, t.typcategory, t.typispreferred, t.typbasetype, t.typelem,
      t.typarray, t.typrelid, t.typinput::pg_catalog.oid, r.rngsubtype, r.rngcanonical::pg_catalog.oid,
      r.rngsubdiff::pg_catalog.oid, t.xmin
    FROM pg_catalog.pg_type t LEFT JOIN pg_catalog.pg_range r ON r.rngtypid = t.oid
    WHERE t.typnamespace IN (${schemas}) ${limit}`,

  operators: `SELECT o.oid, o.oprname, o.oprnamespace, o.oprleft, o.oprright, o.oprresult, o.oprcode::pg_catalog.oid
    FROM pg_catalog.pg_operator o WHERE o.oprcode <> 0 ${limit}`,

  casts: `SELECT c.castsource, c.casttarget, c.castfunc, c.castcontext FROM pg_catalog.pg_cast c ${limit}`,

  /** A column number of 0 is an expression. */
  partitionKeys: `SELECT p.partrelid, p.partattrs FROM pg_catalog.pg_partitioned_table p ${limit}`,

  triggers: `SELECT t.tgrelid, t.tgfoid, t.tgtype, t.xmin, t.tgname FROM pg_catalog.pg_trigger t
    WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' ${limit}`,

  /** Names in the order in which they fire. */
  eventTriggers: `SELECT e.evtname, e.evtevent, e.evtfoid, pg_catalog.to_json(e.evttags), e.xmin
    FROM pg_catalog.pg_event_trigger e WHERE e.evtenabled <> 'D' ORDER BY e.evtname ${limit}`,

  /** Functions and operators of operator classes, where somebody has added them. */
  comparisons: `SELECT c.opcintype, p.amproc::pg_catalog.oid FROM pg_catalog.pg_opclass c
      JOIN pg_catalog.pg_amproc p ON p.amprocfamily = c.opcfamily WHERE p.amproc::pg_catalog.oid >= ${firstOwnOid}
    UNION SELECT c.opcintype, o.oprcode::pg_catalog.oid FROM pg_catalog.pg_opclass c
      JOIN pg_catalog.pg_amop a ON a.amopfamily = c.opcfamily JOIN pg_catalog.pg_operator o ON o.oid = a.amopopr
      WHERE o.oprcode::pg_catalog.oid >= ${firstOwnOid} ${limit}`,

  /**
   * Functions and operators that defaults, checks, domain checks, index and statistics expressions, partition keys and row security policies use.
   * Built-ins are pinned and never listed, which is wanted: here only code that somebody has added counts.
   */
  expressions: `SELECT 'default', a.adrelid, NULL, d.refclassid = 'pg_catalog.pg_operator'::pg_catalog.regclass, d.refobjid, a.xmin
    FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_attrdef a ON a.oid = d.objid
    WHERE d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND d.refclassid IN
      ('pg_catalog.pg_proc'::pg_catalog.regclass, 'pg_catalog.pg_operator'::pg_catalog.regclass)
    UNION ALL SELECT CASE WHEN k.contypid = 0 THEN 'check' ELSE 'domain' END,
      CASE WHEN k.contypid = 0 THEN k.conrelid ELSE k.contypid END, NULL,
      d.refclassid = 'pg_catalog.pg_operator'::pg_catalog.regclass, d.refobjid, k.xmin
    FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_constraint k ON k.oid = d.objid
    WHERE d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND d.refclassid IN
      ('pg_catalog.pg_proc'::pg_catalog.regclass, 'pg_catalog.pg_operator'::pg_catalog.regclass) AND k.contype = 'c'
    UNION ALL SELECT 'index', i.indrelid, NULL, d.refclassid = 'pg_catalog.pg_operator'::pg_catalog.regclass, d.refobjid, i.xmin
    FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_index i ON i.indexrelid = d.objid
    WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refclassid IN
      ('pg_catalog.pg_proc'::pg_catalog.regclass, 'pg_catalog.pg_operator'::pg_catalog.regclass)
    UNION ALL SELECT 'partition', p.partrelid, NULL, d.refclassid = 'pg_catalog.pg_operator'::pg_catalog.regclass, d.refobjid, p.xmin
    FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_partitioned_table p ON p.partrelid = d.objid
    WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refclassid IN
      ('pg_catalog.pg_proc'::pg_catalog.regclass, 'pg_catalog.pg_operator'::pg_catalog.regclass)
    UNION ALL SELECT 'statistics', s.stxrelid, NULL, d.refclassid = 'pg_catalog.pg_operator'::pg_catalog.regclass, d.refobjid, s.xmin
    FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_statistic_ext s ON s.oid = d.objid
    WHERE d.classid = 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass AND d.refclassid IN
      ('pg_catalog.pg_proc'::pg_catalog.regclass, 'pg_catalog.pg_operator'::pg_catalog.regclass)
    UNION ALL SELECT 'policy', p.polrelid, p.polcmd::pg_catalog.text, d.refclassid = 'pg_catalog.pg_operator'::pg_catalog.regclass,
      d.refobjid, p.xmin
    FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_policy p ON p.oid = d.objid
    WHERE d.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass AND d.refclassid IN
      ('pg_catalog.pg_proc'::pg_catalog.regclass, 'pg_catalog.pg_operator'::pg_catalog.regclass) ${limit}`,

  rings: `SELECT r.rolname, pg_catalog.obj_description(rn.oid, 'pg_namespace'),
      r.rolsuper OR r.rolbypassrls OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication
        OR EXISTS (SELECT FROM pg_catalog.pg_auth_members m WHERE m.member = r.oid)
        OR pg_catalog.has_schema_privilege(r.oid, rn.oid, 'CREATE'),
      (SELECT pg_catalog.to_json(pg_catalog.array_agg(n.nspname)) FROM pg_catalog.pg_namespace n
        WHERE n.oid IN (${schemas}) AND pg_catalog.has_schema_privilege(r.oid, n.oid, 'USAGE'))
    FROM ${ringRoles} ${limit}`,

  ringViews: `SELECT r.rolname, c.oid, 'security_barrier=true' = ANY (c.reloptions), pg_catalog.obj_description(c.oid, 'pg_class')
    FROM ${ringRoles} JOIN pg_catalog.pg_class c ON c.relnamespace = rn.oid ${limit}`,

  /** Whatever schema it is in, and whether the role may use that: a right that is there can be of use some day. */
  ringColumns: `SELECT r.rolname, c.oid, pg_catalog.string_agg(a.attnum::pg_catalog.text, ' ')
    FROM ${ringRoles} JOIN pg_catalog.pg_class c ON c.relkind IN ('r', 'v', 'm', 'p', 'f')
      AND c.relpersistence <> 't' AND c.relnamespace IN (${schemas}) AND c.oid >= 16384
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      AND pg_catalog.has_column_privilege(r.oid, c.oid, a.attnum, 'SELECT')
    GROUP BY r.rolname, c.oid ${limit}`,
} as const;

export const definitionQueries = {
  /** System views are not followed: what they show is theirs, and a rule names them. */
  views: `SELECT c.oid, ${definition('pg_catalog.pg_get_viewdef(c.oid)')}
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('v', 'm') AND c.relpersistence <> 't'
      AND n.nspname NOT IN ('information_schema') AND n.nspname NOT LIKE 'pg\\_%' ${limit}`,

  rules: `SELECT r.ev_class, ${definition('pg_catalog.pg_get_ruledef(r.oid)')} FROM pg_catalog.pg_rewrite r
    JOIN pg_catalog.pg_class c ON c.oid = r.ev_class JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE r.rulename <> '_RETURN' AND r.ev_enabled <> 'D' AND c.relpersistence <> 't'
      AND n.nspname NOT IN ('information_schema') AND n.nspname NOT LIKE 'pg\\_%' ${limit}`,

  /** Bodies in the languages that we read, each as the CREATE statement that would make the function again. */
  functions: `SELECT p.oid, ${definition('pg_catalog.pg_get_functiondef(p.oid)')}
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    JOIN pg_catalog.pg_language l ON l.oid = p.prolang
    WHERE p.prokind IN ('f', 'p') AND l.lanname IN ('sql', 'plpgsql')
      AND n.nspname NOT IN ('information_schema') AND n.nspname NOT LIKE 'pg\\_%' ${limit}`,
} as const;

export type DefinitionQuery = keyof typeof definitionQueries;

/**
 * Whether anything has changed, for a few milliseconds of the server's time. A changed row gets a new transaction id,
 * higher than all before it; so as long as the number of rows is the same, any change makes the sum of the ids larger.
 */
const counted: readonly (readonly [table: string, condition: string])[] = [
  ['pg_namespace', "nspname NOT LIKE 'pg\\_%'"],
  ['pg_class', "relpersistence <> 't'"],
  [
    'pg_attribute',
    "attrelid >= 16384 AND attrelid NOT IN (SELECT oid FROM pg_catalog.pg_class WHERE relpersistence = 't')",
  ],
  ['pg_inherits', 'true'],
  ['pg_rewrite', 'true'],
  ['pg_constraint', 'true'],
  ['pg_proc', 'true'],
  ['pg_type', "typnamespace NOT IN (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname LIKE 'pg\\_t%')"],
  ['pg_operator', 'true'],
  ['pg_cast', 'true'],
  ['pg_trigger', 'true'],
  ['pg_attrdef', 'true'],
  ['pg_index', 'true'],
  ['pg_policy', 'true'],
  ['pg_event_trigger', 'true'],
  ['pg_opclass', 'true'],
  ['pg_amproc', 'true'],
  ['pg_amop', 'true'],
  ['pg_statistic_ext', 'true'],
  // Who is a member of what decides which schemas of the search_path count.
  ['pg_auth_members', 'true'],
];

export const fingerprintQuery = counted
  .map(
    ([table, condition]) =>
      `SELECT pg_catalog.count(*), pg_catalog.sum(xmin::pg_catalog.text::pg_catalog.int8)
    FROM pg_catalog.${table} WHERE ${condition}`,
  )
  .join('\n  UNION ALL ');

export type CatalogQuery = keyof typeof catalogQueries;
