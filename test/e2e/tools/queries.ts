/**
 * What tools ask the catalog, in our own words: the same relations, functions and joins as they use, seen with `log_statement` and in their
 * documentation. SQLAlchemy and Django run as they are, in look-around.test.ts.
 */
export interface Question {
  readonly tool: string;
  readonly text: string;
}

const questions = (tool: string, ...texts: readonly string[]): readonly Question[] =>
  texts.map((text) => ({ tool, text }));

export const asked: readonly Question[] = [
  ...questions(
    'pgAdmin',
    "SET DateStyle = ISO; SET client_min_messages = notice; SELECT set_config('bytea_output', 'hex', false) FROM pg_show_all_settings() WHERE name = 'bytea_output'; SET client_encoding = 'UTF-8'",
    `SELECT r.oid, r.rolname, r.rolsuper, r.rolcanlogin, r.rolcreaterole, r.rolcreatedb, pg_catalog.pg_has_role(r.oid, 'MEMBER') AS mine
       FROM pg_catalog.pg_roles r WHERE r.rolname = session_user`,
    `SELECT d.oid, d.datname, d.datallowconn, pg_catalog.pg_encoding_to_char(d.encoding) AS encoding, pg_catalog.has_database_privilege(d.oid, 'CREATE') AS can_create,
       d.datlastsysoid IS NULL AS newer FROM (SELECT *, NULL::oid AS datlastsysoid FROM pg_catalog.pg_database) d WHERE d.datname = current_database()`,
    'SELECT pg_catalog.pg_is_in_recovery() AS in_recovery, CASE WHEN pg_catalog.pg_is_in_recovery() THEN 1 ELSE 0 END AS paused',
    `SELECT n.oid, n.nspname, pg_catalog.has_schema_privilege(n.oid, 'CREATE') AS can_create, pg_catalog.obj_description(n.oid, 'pg_namespace'),
       (SELECT pg_catalog.array_agg(l.provider || '=' || l.label) FROM pg_catalog.pg_seclabels l WHERE l.objoid = n.oid) AS labels
       FROM pg_catalog.pg_namespace n WHERE n.nspname NOT LIKE 'pg\\_%' ORDER BY 2`,
    `SELECT c.oid, c.relname, c.reltuples::bigint, pg_catalog.pg_get_userbyid(c.relowner), ts.spcname, c.relhassubclass, pg_catalog.array_to_string(c.relacl::text[], ', '),
       (SELECT count(*) FROM pg_catalog.pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal) AS triggers, pg_catalog.pg_get_partkeydef(c.oid)
       FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_tablespace ts ON ts.oid = c.reltablespace
         LEFT JOIN pg_catalog.pg_inherits i ON i.inhrelid = c.oid
       WHERE c.relnamespace = 'app'::regnamespace AND c.relkind IN ('r', 'p', 't') ORDER BY c.relname`,
    `SELECT a.attname, a.attnum, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_catalog.pg_get_expr(d.adbin, d.adrelid), a.attidentity, a.attgenerated,
       (SELECT count(1) FROM pg_catalog.pg_type t2 WHERE t2.typname = t.typname) > 1 AS twice, co.collname, pg_catalog.col_description(a.attrelid, a.attnum), s.seqstart, s.seqincrement
       FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
         LEFT JOIN pg_catalog.pg_collation co ON co.oid = a.attcollation
         LEFT JOIN (pg_catalog.pg_depend dep JOIN pg_catalog.pg_class k ON dep.classid = 'pg_class'::regclass AND dep.objid = k.oid AND k.relkind = 'S') ON dep.refobjid = a.attrelid AND dep.refobjsubid = a.attnum
         LEFT JOIN pg_catalog.pg_sequence s ON s.seqrelid = k.oid
       WHERE a.attrelid = 'app.misc'::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`,
    `SELECT rl.tbl, pg_catalog.pg_get_ruledef(rl.oid, true) FROM (SELECT rw.oid, c.relname AS tbl FROM pg_catalog.pg_rewrite rw JOIN pg_catalog.pg_class c ON c.oid = rw.ev_class
       WHERE c.relnamespace = 'app'::regnamespace) rl ORDER BY 1`,
    `SELECT p.oid, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid), l.lanname, p.prosrc, pg_catalog.pg_get_functiondef(p.oid)
       FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang WHERE p.pronamespace = 'app'::regnamespace AND p.prokind IN ('f', 'w') ORDER BY 2`,
    `SELECT s.relname, s.seq_scan IS NOT NULL AS counted, pg_catalog.pg_size_pretty(pg_catalog.pg_total_relation_size(s.relid)) AS size
       FROM pg_catalog.pg_stat_all_tables s JOIN pg_catalog.pg_statio_all_tables io USING (relid) WHERE s.schemaname = 'app' ORDER BY 1`,
  ),
  ...questions(
    'DBeaver',
    "SELECT setting FROM pg_catalog.pg_settings WHERE name = 'standard_conforming_strings'",
    'SELECT current_schema(), session_user',
    'SHOW search_path',
    'SELECT db.oid, db.datname, db.encoding, db.datcollate FROM pg_catalog.pg_database db WHERE datallowconn AND NOT datistemplate OR db.datname = current_database() ORDER BY db.datname',
    "SELECT string_agg(word, ',' ORDER BY word) FROM pg_catalog.pg_get_keywords() WHERE word <> ALL ('{a,abs,select}'::text[])",
    `SELECT n.oid, n.*, d.description FROM pg_catalog.pg_namespace n
       LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid = n.oid AND d.objsubid = 0 AND d.classoid = 'pg_namespace'::regclass ORDER BY nspname`,
    `SELECT c.oid, c.relname, c.relkind, d.description, pg_catalog.pg_get_expr(c.relpartbound, c.oid) AS bound, pg_catalog.pg_get_partkeydef(c.oid) AS key
       FROM pg_catalog.pg_class c LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid = c.oid AND d.objsubid = 0 AND d.classoid = 'pg_class'::regclass
       WHERE c.relnamespace = 'app'::regnamespace AND c.relkind NOT IN ('i', 'I', 'c') ORDER BY c.relname`,
    `SELECT c.relname, a.attname, a.attnum, pg_catalog.pg_get_expr(ad.adbin, ad.adrelid, true) AS def_value, dsc.description, dep.objid
       FROM pg_catalog.pg_attribute a INNER JOIN pg_catalog.pg_class c ON a.attrelid = c.oid
         LEFT OUTER JOIN pg_catalog.pg_attrdef ad ON a.attrelid = ad.adrelid AND a.attnum = ad.adnum
         LEFT OUTER JOIN pg_catalog.pg_description dsc ON c.oid = dsc.objoid AND a.attnum = dsc.objsubid
         LEFT OUTER JOIN pg_catalog.pg_depend dep ON dep.refobjid = a.attrelid AND dep.deptype = 'i' AND dep.refobjsubid = a.attnum AND dep.classid = dep.refclassid
       WHERE NOT a.attisdropped AND c.relkind NOT IN ('i', 'I', 'c') AND c.oid = 'app.misc'::regclass ORDER BY a.attnum`,
    `SELECT c.oid, c.conname, t.relname AS tabrelname, rt.relnamespace, d.description, CASE WHEN c.contype = 'c' THEN substring(pg_catalog.pg_get_constraintdef(c.oid), 7) END AS expression
       FROM pg_catalog.pg_constraint c INNER JOIN pg_catalog.pg_class t ON t.oid = c.conrelid LEFT OUTER JOIN pg_catalog.pg_class rt ON rt.oid = c.confrelid
         LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid = c.oid AND d.objsubid = 0 AND d.classoid = 'pg_constraint'::regclass
       WHERE t.relnamespace = 'app'::regnamespace ORDER BY c.conname, t.relname`,
    `SELECT i.indexrelid, i.indkey AS keys, c.relname, c.relam, tc.relname AS tabrelname, dsc.description, pg_catalog.pg_get_expr(i.indpred, i.indrelid) AS pred,
       pg_catalog.pg_get_expr(i.indexprs, i.indrelid, true) AS expr, pg_catalog.pg_relation_size(i.indexrelid) AS size, pg_catalog.pg_stat_get_numscans(i.indexrelid) IS NULL AS scans
       FROM pg_catalog.pg_index i INNER JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid INNER JOIN pg_catalog.pg_class tc ON tc.oid = i.indrelid
         LEFT OUTER JOIN pg_catalog.pg_description dsc ON i.indexrelid = dsc.objoid WHERE tc.relnamespace = 'app'::regnamespace ORDER BY tabrelname, c.relname`,
    `SELECT t.oid, t.typname, pg_catalog.format_type(nullif(t.typbasetype, 0), t.typtypmod) AS base, c.relkind, d.description FROM pg_catalog.pg_type t
       LEFT OUTER JOIN pg_catalog.pg_class c ON c.oid = t.typrelid LEFT OUTER JOIN pg_catalog.pg_description d ON t.oid = d.objoid WHERE t.typnamespace = 'app'::regnamespace ORDER BY t.typname`,
    `SELECT x.tgname, p.pronamespace, pg_catalog.pg_get_triggerdef(x.oid, true) FROM pg_catalog.pg_trigger x LEFT OUTER JOIN pg_catalog.pg_proc p ON p.oid = x.tgfoid WHERE NOT x.tgisinternal ORDER BY 1`,
    "SELECT pg_catalog.pg_get_viewdef('app.names'::regclass::oid, true)",
    'SELECT e.oid, e.extname, x.comment FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_available_extensions x ON x.name = e.extname ORDER BY 2',
    'SELECT "id", "name" FROM "app"."users" ORDER BY "id" FETCH FIRST 200 ROWS ONLY',
    'EXPLAIN (FORMAT XML) SELECT id FROM app.users WHERE id = 1',
  ),
  ...questions(
    'Prisma',
    "SELECT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = 'app'), version(), current_setting('server_version_num')::integer AS numeric_version",
    `SELECT n.nspname AS namespace, c.relname AS table_name, c.relispartition, c.relhassubclass, c.relrowsecurity, c.relkind, obj_description(c.oid, 'pg_class') AS description
       FROM pg_class c INNER JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p') AND n.nspname = ANY ('{app}'::name[]) ORDER BY n.nspname, c.relname`,
    `SELECT ns.nspname, cl.relname, a.attname, format_type(a.atttypid, a.atttypmod) AS formatted_type, pg_get_expr(d.adbin, d.adrelid) AS column_default, a.attnotnull, a.attidentity,
       i.numeric_precision, i.character_maximum_length, i.data_type, i.udt_schema, i.udt_name, col_description(a.attrelid, a.attnum) AS description
       FROM pg_class cl JOIN pg_namespace ns ON ns.oid = cl.relnamespace JOIN pg_attribute a ON a.attrelid = cl.oid LEFT OUTER JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
         JOIN information_schema.columns i ON i.table_schema = ns.nspname AND i.table_name = cl.relname AND i.column_name = a.attname
       WHERE ns.nspname = 'app' AND a.attnum > 0 ORDER BY 1, 2, a.attnum`,
    `WITH raw AS (SELECT i.indrelid, i.indexrelid, i.indisunique, i.indisprimary, generate_subscripts(i.indkey, 1) AS at, unnest(i.indkey) AS key, generate_subscripts(i.indclass, 1) AS other, unnest(i.indoption) AS option
         FROM pg_index i WHERE i.indpred IS NULL)
       SELECT t.relname, x.relname AS index_name, raw.indisunique, raw.indisprimary, raw.at, a.attname, opc.opcname, opc.opcdefault, am.amname, CASE raw.option & 1 WHEN 1 THEN 'DESC' ELSE 'ASC' END AS direction
       FROM raw JOIN pg_class t ON t.oid = raw.indrelid JOIN pg_class x ON x.oid = raw.indexrelid JOIN pg_am am ON am.oid = x.relam JOIN pg_index i ON i.indexrelid = raw.indexrelid
         JOIN pg_opclass opc ON opc.oid = i.indclass[raw.other] LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = raw.key
       WHERE t.relnamespace = 'app'::regnamespace AND raw.at = raw.other ORDER BY 1, 2, 5`,
    `SELECT con.conname, child.attname AS child_column, parent.attname AS parent_column, con.confdeltype, con.confupdtype, con.condeferrable
       FROM (SELECT unnest(conkey) AS child_at, unnest(confkey) AS parent_at, * FROM pg_constraint WHERE contype = 'f') con
         JOIN pg_attribute parent ON parent.attrelid = con.confrelid AND parent.attnum = con.parent_at JOIN pg_attribute child ON child.attrelid = con.conrelid AND child.attnum = con.child_at ORDER BY 1, 2`,
    `SELECT t.typname, e.enumlabel FROM pg_type t JOIN pg_enum e ON t.oid = e.enumtypid JOIN pg_namespace n ON n.oid = t.typnamespace WHERE n.nspname = 'app' ORDER BY e.enumsortorder`,
    "SELECT sequencename, schemaname, start_value, min_value, max_value, increment_by, cycle, cache_size FROM pg_sequences WHERE schemaname = 'app' ORDER BY 1",
    "SELECT views.viewname, views.definition, obj_description(c.oid, 'pg_class') FROM pg_catalog.pg_views views JOIN pg_class c ON c.relname = views.viewname WHERE schemaname = 'app' ORDER BY 1",
    "SELECT p.proname, n.nspname, CASE WHEN l.lanname = 'internal' THEN p.prosrc ELSE pg_get_functiondef(p.oid) END AS definition FROM pg_proc p LEFT JOIN pg_namespace n ON p.pronamespace = n.oid LEFT JOIN pg_language l ON p.prolang = l.oid WHERE n.nspname = 'app' AND p.prokind NOT IN ('a', 'w') ORDER BY 1",
    'SELECT ext.extname, ext.extversion, n.nspname FROM pg_extension ext INNER JOIN pg_namespace n ON n.oid = ext.extnamespace ORDER BY ext.extname',
  ),
  ...questions(
    'Drizzle',
    "SELECT s.nspname AS table_schema FROM pg_catalog.pg_namespace s JOIN pg_catalog.pg_user u ON u.usesysid = s.nspowner WHERE nspname NOT IN ('information_schema', 'pg_catalog') AND nspname NOT LIKE 'pg_toast%' ORDER BY 1",
    `SELECT n.nspname, c.relname, CASE c.relkind WHEN 'r' THEN 'table' WHEN 'v' THEN 'view' ELSE 'other' END AS type, c.relrowsecurity FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
       WHERE c.relkind IN ('r', 'v', 'm') AND n.nspname IN ('app') ORDER BY 1, 2`,
    `SELECT a.attrelid::regclass::text, a.attname, a.attndims, format_type(a.atttypid, a.atttypmod), CASE WHEN a.attrelid::regclass::text = 'jobs' AND EXISTS (SELECT FROM pg_attrdef ad WHERE ad.adrelid = a.attrelid AND ad.adnum = a.attnum
         AND pg_get_expr(ad.adbin, ad.adrelid) = 'nextval(''' || pg_get_serial_sequence(a.attrelid::regclass::text, a.attname)::regclass || '''::regclass)') THEN 'serial' ELSE 'plain' END AS kind
       FROM pg_attribute a WHERE a.attrelid IN ('app.jobs'::regclass, 'app.misc'::regclass) AND a.attnum > 0 ORDER BY 1, 2`,
    `SELECT con.conname, pg_get_constraintdef(con.oid) FROM pg_constraint con JOIN pg_class c ON c.oid = con.conrelid WHERE con.contype = 'c' AND con.connamespace = 'app'::regnamespace ORDER BY 1`,
    "SELECT schemaname, tablename, policyname AS name, permissive, roles, cmd, qual, with_check FROM pg_policies WHERE schemaname = 'app'",
    "SELECT rolname, rolinherit, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname NOT LIKE 'pg\\_%' ORDER BY 1",
    `SELECT DISTINCT t.relname, ic.relname AS index_name, k.ordinality, pg_get_indexdef(i.indexrelid, k.ordinality::int, true) AS expression, am.amname, ic.reloptions
       FROM pg_class t JOIN pg_index i ON t.oid = i.indrelid JOIN pg_class ic ON ic.oid = i.indexrelid CROSS JOIN LATERAL (SELECT unnest(i.indkey), generate_subscripts(i.indkey, 1) + 1 AS ordinality) AS k(attnum, ordinality)
         JOIN pg_am am ON ic.relam = am.oid WHERE t.relnamespace = 'app'::regnamespace ORDER BY 1, 2, 3`,
  ),
  ...questions(
    'TypeORM',
    'SELECT version()',
    'SELECT * FROM current_schema()',
    'SELECT * FROM current_database()',
    `SELECT columns.*, pg_catalog.col_description(('"' || table_catalog || '"."' || table_schema || '"."' || table_name || '"')::regclass::oid, ordinal_position) AS description,
       ('"' || "udt_schema" || '"."' || "udt_name" || '"')::"regtype"::text AS "regtype", pg_catalog.format_type("col_attr"."atttypid", "col_attr"."atttypmod") AS "format_type"
       FROM "information_schema"."columns" LEFT JOIN "pg_catalog"."pg_attribute" AS "col_attr" ON "col_attr"."attname" = "columns"."column_name" AND "col_attr"."attrelid" = 'app.misc'::regclass
       WHERE ("table_schema" = 'app' AND "table_name" = 'misc') ORDER BY ordinal_position`,
    `SELECT "ns"."nspname", "t"."relname", "cnst"."conname", pg_get_constraintdef("cnst"."oid") AS "expression", CASE "cnst"."contype" WHEN 'p' THEN 'PRIMARY' WHEN 'u' THEN 'UNIQUE' ELSE 'OTHER' END AS "kind", "a"."attname"
       FROM "pg_constraint" "cnst" INNER JOIN "pg_class" "t" ON "t"."oid" = "cnst"."conrelid" INNER JOIN "pg_namespace" "ns" ON "ns"."oid" = "cnst"."connamespace"
         LEFT JOIN "pg_attribute" "a" ON "a"."attrelid" = "cnst"."conrelid" AND "a"."attnum" = ANY ("cnst"."conkey") WHERE "t"."relkind" IN ('r', 'p') AND "ns"."nspname" = 'app' ORDER BY 1, 2, 3, 6`,
    `SELECT "ns"."nspname", "t"."relname", "i"."relname", "a"."attname", CASE "ix"."indisunique" WHEN 't' THEN 'TRUE' ELSE 'FALSE' END AS "is_unique", pg_get_expr("ix"."indpred", "ix"."indrelid") AS "condition",
       (SELECT "types"."typname" FROM "pg_type" "types" WHERE "types"."oid" = "a"."atttypid") AS "type_name" FROM "pg_class" "t" INNER JOIN "pg_index" "ix" ON "ix"."indrelid" = "t"."oid"
         INNER JOIN "pg_attribute" "a" ON "a"."attrelid" = "t"."oid" AND "a"."attnum" = ANY ("ix"."indkey") INNER JOIN "pg_namespace" "ns" ON "ns"."oid" = "t"."relnamespace" INNER JOIN "pg_class" "i" ON "i"."oid" = "ix"."indexrelid"
         LEFT JOIN "pg_constraint" "cnst" ON "cnst"."conname" = "i"."relname" WHERE "ns"."nspname" = 'app' AND "cnst"."contype" IS NULL ORDER BY 1, 2, 3, 4`,
    "SELECT * FROM information_schema.tables WHERE table_schema = 'app' AND table_name = 'users'",
  ),
  ...questions(
    'Sequelize and Knex',
    "SELECT table_name FROM information_schema.tables WHERE table_schema = 'app' AND table_type LIKE '%TABLE' ORDER BY 1",
    `SELECT c.column_name, c.column_default, c.is_nullable, (SELECT array_agg(e.enumlabel ORDER BY 1) FROM pg_catalog.pg_type t JOIN pg_catalog.pg_enum e ON t.oid = e.enumtypid WHERE t.typname = c.udt_name) AS special,
       (SELECT d.description FROM pg_catalog.pg_statio_all_tables st INNER JOIN pg_catalog.pg_description d ON d.objoid = st.relid WHERE c.ordinal_position = d.objsubid AND c.table_name = st.relname) AS comment
       FROM information_schema.columns c LEFT JOIN (SELECT tc.table_name, cu.column_name FROM information_schema.table_constraints tc JOIN information_schema.key_column_usage cu ON tc.constraint_name = cu.constraint_name) pk
         ON pk.table_name = c.table_name AND pk.column_name = c.column_name WHERE c.table_name = 'orders' ORDER BY c.ordinal_position`,
    "SELECT t.typname AS enum_name, array_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_type t JOIN pg_enum e ON t.oid = e.enumtypid JOIN pg_namespace n ON n.oid = t.typnamespace WHERE n.nspname = 'app' AND t.typname = 'mood' GROUP BY 1",
    "SELECT * FROM information_schema.columns WHERE table_name = 'users' AND table_catalog = current_database() AND table_schema = 'app' ORDER BY ordinal_position",
    'SHOW SERVER_VERSION',
  ),
  ...questions(
    'ActiveRecord',
    "SET client_min_messages TO 'warning'",
    'SET standard_conforming_strings = on',
    "SET SESSION intervalstyle = 'iso_8601'",
    "SET SESSION timezone TO 'UTC'",
    'SHOW max_identifier_length',
    `SELECT t.oid, t.typname, t.typelem, t.typdelim, t.typinput, r.rngsubtype, t.typtype, t.typbasetype FROM pg_type AS t LEFT JOIN pg_range AS r ON oid = rngtypid
       WHERE t.typname IN ('int2', 'int4', 'text', 'varchar') OR t.typtype IN ('r', 'e', 'd') OR t.typinput = 'array_in(cstring,oid,integer)'::regprocedure ORDER BY 1`,
    `SELECT c.relname FROM pg_class c LEFT JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = ANY (current_schemas(false)) AND c.relkind IN ('r', 'p') ORDER BY 1`,
    `SELECT a.attname, format_type(a.atttypid, a.atttypmod), pg_get_expr(d.adbin, d.adrelid), a.attnotnull, a.atttypid, a.atttypmod, c.collname, col_description(a.attrelid, a.attnum) AS comment, attidentity AS identity, attgenerated
       FROM pg_attribute a LEFT JOIN pg_attrdef d ON a.attrelid = d.adrelid AND a.attnum = d.adnum LEFT JOIN pg_type t ON a.atttypid = t.oid
         LEFT JOIN pg_collation c ON a.attcollation = c.oid AND a.attcollation <> t.typcollation WHERE a.attrelid = '"users"'::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`,
    `SELECT a.attname FROM (SELECT indrelid, indkey, generate_subscripts(indkey, 1) idx FROM pg_index WHERE indrelid = '"users"'::regclass AND indisprimary) i
       JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[i.idx] ORDER BY i.idx`,
    `SELECT distinct i.relname, d.indisunique, d.indkey, pg_get_indexdef(d.indexrelid), pg_catalog.obj_description(i.oid, 'pg_class') AS comment, d.indisvalid FROM pg_class t INNER JOIN pg_index d ON t.oid = d.indrelid
       INNER JOIN pg_class i ON d.indexrelid = i.oid LEFT JOIN pg_namespace n ON n.oid = t.relnamespace WHERE i.relkind IN ('i', 'I') AND d.indisprimary = 'f' AND t.relname = 'misc' AND n.nspname = ANY (current_schemas(false)) ORDER BY i.relname`,
    `SELECT attr.attname, nsp.nspname, seq.relname FROM pg_class seq, pg_attribute attr, pg_depend dep, pg_constraint cons, pg_namespace nsp WHERE seq.oid = dep.objid AND seq.relkind = 'S' AND attr.attrelid = dep.refobjid
       AND attr.attnum = dep.refobjsubid AND attr.attrelid = cons.conrelid AND attr.attnum = cons.conkey[1] AND seq.relnamespace = nsp.oid AND cons.contype = 'p' AND dep.classid = 'pg_class'::regclass AND dep.refobjid = '"jobs"'::regclass`,
    'SELECT extname FROM pg_extension ORDER BY 1',
    'SELECT "users"."id", "users"."name" FROM "users" WHERE "users"."id" = 1 LIMIT 1',
  ),
  ...questions(
    'Metabase, by JDBC',
    'SET extra_float_digits = 3',
    "SET application_name = 'PostgreSQL JDBC Driver'",
    'SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ UNCOMMITTED',
    "SELECT nspname AS TABLE_SCHEM, NULL AS TABLE_CATALOG FROM pg_catalog.pg_namespace WHERE nspname <> 'pg_toast' AND (nspname !~ '^pg_temp_' OR nspname = (pg_catalog.current_schemas(true))[1]) ORDER BY TABLE_SCHEM",
    `SELECT n.nspname AS TABLE_SCHEM, c.relname AS TABLE_NAME, CASE n.nspname ~ '^pg_' OR n.nspname = 'information_schema' WHEN true THEN 'SYSTEM TABLE' ELSE c.relkind::text END AS TABLE_TYPE, d.description AS REMARKS
       FROM pg_catalog.pg_namespace n, pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_description d ON (c.oid = d.objoid AND d.objsubid = 0 AND d.classoid = 'pg_class'::regclass)
       WHERE c.relnamespace = n.oid AND n.nspname = 'app' ORDER BY TABLE_TYPE, TABLE_SCHEM, TABLE_NAME`,
    `SELECT * FROM (SELECT n.nspname, c.relname, a.attname, a.atttypid, a.attnotnull OR (t.typtype = 'd' AND t.typnotnull) AS attnotnull, a.atttypmod, a.attlen, t.typtypmod,
         row_number() OVER (PARTITION BY a.attrelid ORDER BY a.attnum) AS attnum, nullif(a.attidentity, '') AS attidentity, pg_catalog.pg_get_expr(def.adbin, def.adrelid) AS adsrc, dsc.description, t.typbasetype, t.typtype
         FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_class c ON (c.relnamespace = n.oid) JOIN pg_catalog.pg_attribute a ON (a.attrelid = c.oid) JOIN pg_catalog.pg_type t ON (a.atttypid = t.oid)
           LEFT JOIN pg_catalog.pg_attrdef def ON (a.attrelid = def.adrelid AND a.attnum = def.adnum) LEFT JOIN pg_catalog.pg_description dsc ON (c.oid = dsc.objoid AND a.attnum = dsc.objsubid)
         WHERE c.relkind IN ('r', 'p', 'v', 'f', 'm') AND a.attnum > 0 AND NOT a.attisdropped AND n.nspname = 'app') c ORDER BY nspname, c.relname, attnum`,
    `SELECT result.table_name, result.column_name, result.key_seq, result.pk_name FROM (SELECT ct.relname AS table_name, a.attname AS column_name, (information_schema._pg_expandarray(i.indkey)).n AS key_seq, ci.relname AS pk_name,
         information_schema._pg_expandarray(i.indkey) AS keys, a.attnum AS a_attnum FROM pg_catalog.pg_class ct JOIN pg_catalog.pg_attribute a ON (ct.oid = a.attrelid) JOIN pg_catalog.pg_index i ON (a.attrelid = i.indrelid)
         JOIN pg_catalog.pg_class ci ON (ci.oid = i.indexrelid) WHERE i.indisprimary AND ct.relnamespace = 'app'::regnamespace) result WHERE result.a_attnum = (result.keys).x ORDER BY 1, 2`,
    `SELECT fkn.nspname, fkc.relname, fka.attname, pkc.relname, pka.attname, pos.n, con.confdeltype FROM pg_catalog.pg_namespace fkn, pg_catalog.pg_class fkc, pg_catalog.pg_attribute fka, pg_catalog.pg_class pkc, pg_catalog.pg_attribute pka,
         pg_catalog.pg_constraint con, pg_catalog.generate_series(1, 32) pos(n), pg_catalog.pg_depend dep WHERE fkn.oid = fkc.relnamespace AND fkc.oid = fka.attrelid AND fka.attnum = con.conkey[pos.n] AND con.conrelid = fkc.oid
         AND pkc.oid = pka.attrelid AND pka.attnum = con.confkey[pos.n] AND con.confrelid = pkc.oid AND con.contype = 'f' AND con.oid = dep.objid AND dep.deptype = 'n' AND dep.refobjid = pkc.oid AND fkn.nspname = 'app' ORDER BY 1, 2, 3, 6`,
    `SELECT NULL AS role, t.schemaname AS "schema", t.objectname AS "table", pg_catalog.has_any_column_privilege(current_user, '"' || t.schemaname || '"."' || t.objectname || '"', 'update') AS "update",
         pg_catalog.has_table_privilege(current_user, '"' || t.schemaname || '"."' || t.objectname || '"', 'SELECT') AS "select" FROM (SELECT schemaname, tablename AS objectname FROM pg_catalog.pg_tables
         UNION SELECT schemaname, viewname FROM pg_views UNION SELECT schemaname, matviewname FROM pg_matviews) t WHERE t.schemaname !~ '^pg_' AND t.schemaname <> 'information_schema' ORDER BY 2, 3`,
    'SELECT date_trunc(\'month\', now()) > \'2020-01-01\' AS "now", "app"."orders"."user_id" AS "user", count(*) AS "count" FROM "app"."orders" GROUP BY 2 ORDER BY 2 ASC LIMIT 1048575',
    'SELECT TRUE AS "_" FROM "app"."users" WHERE 1 <> 1 LIMIT 0',
  ),
];
