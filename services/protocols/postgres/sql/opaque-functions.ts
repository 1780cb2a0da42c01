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
const isBuiltInOrOfExtension = (one: CatalogFunction): boolean =>
  one.schema === 'pg_catalog' || (one.fromExtension && (one.language === 'c' || one.language === 'internal'));

/** Why a call of this function says too little; null for nearly all, which are decided by their names alone. */
export function opaqueCall(one: CatalogFunction): OpaqueReason | null {
  if (one.fromExtension && isDynamicSql(one.name)) return 'dynamic-sql';
  if (isBuiltInOrOfExtension(one)) return isDynamicSql(one.name) ? 'dynamic-sql' : null;
  if (one.securityDefiner) return 'security-definer';
  // An aggregate has no code of its own: its functions have.
  return one.trustedLanguage || one.kind === 'aggregate' ? null : 'untrusted-language';
}

/**
 * Functions in C of extensions that come with PostgreSQL: not immutable, for they go by settings, chance or the connection, and yet
 * looking at nothing but what they are passed.
 */
const looksAtArguments = new Set(
  `similarity_op word_similarity_op word_similarity_commutator_op strict_word_similarity_op
  strict_word_similarity_commutator_op set_limit show_limit unaccent
  uuid_generate_v1 uuid_generate_v1mc uuid_generate_v4 gen_random_uuid gen_random_bytes gen_salt
  pgp_sym_encrypt pgp_sym_encrypt_bytea pgp_pub_encrypt pgp_pub_encrypt_bytea
  normal_rand xml_valid int_agg_state int_agg_final_array
  ssl_cipher ssl_client_cert_present ssl_client_dn ssl_client_dn_field ssl_client_serial ssl_is_used ssl_issuer_dn
  ssl_issuer_field ssl_version`.split(/\s+/),
);

/** What the others in C do (pageinspect's read whole tables, page by page), only their source says. */
export const readsNoTables = (one: CatalogFunction): boolean =>
  one.schema === 'pg_catalog' ||
  (isBuiltInOrOfExtension(one) && (one.volatility === 'immutable' || looksAtArguments.has(one.name)));
