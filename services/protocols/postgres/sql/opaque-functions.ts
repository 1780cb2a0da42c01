/** Functions of which a call says too little: what they do depends on text that only shows when it runs, or goes beyond their caller. */
import type { OpaqueReason } from './analysis.ts';
import type { CatalogFunction } from './catalog.ts';

/**
 * They run SQL that is handed to them as text, or read whatever table a text or number names. Of pg_catalog and of extensions in C: what
 * others have written under such a name is judged by its own language.
 */
const dynamicSql = new Set([
  // https://www.postgresql.org/docs/current/functions-xml.html#FUNCTIONS-XML-MAPPING
  ...['query', 'cursor', 'table', 'schema', 'database'].flatMap((from) =>
    ['xml', 'xmlschema', 'xml_and_xmlschema'].map((to) => `${from}_to_${to}`),
  ),
  'ts_rewrite',
  'ts_stat',
  // tablefunc, xml2
  'connectby',
  'crosstab',
  'crosstab2',
  'crosstab3',
  'crosstab4',
  'crosstab_hash',
  'xpath_table',
  // pg_cron, pg_background, Citus
  'schedule',
  'schedule_in_database',
  'alter_job',
  'pg_background_launch',
  'run_command_on_workers',
  'run_command_on_all_nodes',
  'run_command_on_coordinator',
  'run_command_on_placements',
  'run_command_on_shards',
  'run_command_on_colocated_placements',
]);

const isDynamicSql = (name: string): boolean => dynamicSql.has(name) || name.startsWith('dblink');

/** Installed by a superuser as it came, and known by its name. */
export const isBuiltInOrOfExtension = (one: CatalogFunction): boolean =>
  one.schema === 'pg_catalog' || (one.fromExtension && (one.language === 'c' || one.language === 'internal'));

/** Why a call of this function says too little; null for nearly all, which are decided by their names alone. */
export function opaqueCall(one: CatalogFunction): OpaqueReason | null {
  if (one.fromExtension && isDynamicSql(one.name)) return 'dynamic-sql';
  if (isBuiltInOrOfExtension(one)) return isDynamicSql(one.name) ? 'dynamic-sql' : null;
  if (one.securityDefiner) return 'security-definer';
  // An aggregate has no code of its own: its functions have.
  return one.trustedLanguage || one.kind === 'aggregate' ? null : 'untrusted-language';
}
