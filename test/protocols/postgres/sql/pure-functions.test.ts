import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { pureFunctions } from '../../../../services/protocols/postgres/sql/pure-functions.ts';
import { TestServer } from './database.ts';

let server: TestServer;
const builtins = new Map<string, { readonly volatilities: string; readonly version: number }>();

beforeAll(async () => {
  server = await TestServer.start();
  const client = await server.connect('postgres');
  const { rows } = await client.query<{ name: string; volatilities: string; version: number }>(
    `SELECT proname AS name, string_agg(DISTINCT provolatile::text, '') AS volatilities,
      current_setting('server_version_num')::int AS version
     FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace GROUP BY 1`,
  );
  for (const { name, volatilities, version } of rows) builtins.set(name, { volatilities, version });
});

afterAll(() => server.stop());

/** Volatile because their value changes, not because they change anything. */
const changingValues = [
  'clock_timestamp',
  'current_query',
  'currval',
  'gen_random_uuid',
  'lastval',
  'pg_is_in_recovery',
  'pg_jit_available',
  'random',
  'random_normal',
  'timeofday',
  'uuidv4',
  'uuidv7',
  'array_sample',
  'array_shuffle',
];

test('a volatile function is pure only where its value alone changes', () => {
  const volatile = [...pureFunctions].filter(
    (name) => builtins.get(name)?.volatilities.includes('v') === true,
  );
  expect(volatile.filter((name) => !changingValues.includes(name))).toEqual([]);
});

/** Since PostgreSQL 16, 17 or 18. */
const newer = [
  'any_value',
  'array_reverse',
  'array_sample',
  'array_shuffle',
  'array_sort',
  'casefold',
  'crc32',
  'crc32c',
  'date_add',
  'date_subtract',
  'erf',
  'erfc',
  'gamma',
  'has_largeobject_privilege',
  'icu_unicode_version',
  'json_agg_strict',
  'json_object_agg_strict',
  'json_object_agg_unique',
  'json_object_agg_unique_strict',
  'jsonb_agg_strict',
  'jsonb_object_agg_strict',
  'jsonb_object_agg_unique',
  'jsonb_object_agg_unique_strict',
  'lgamma',
  'pg_basetype',
  'pg_column_toast_chunk_id',
  'random_normal',
  'system_user',
  'to_bin',
  'to_oct',
  'to_regtypemod',
  'unicode_assigned',
  'unicode_version',
  'uuid_extract_timestamp',
  'uuid_extract_version',
  'uuidv4',
  'uuidv7',
  'xmltext',
];

test('every name is a built-in of this server, or of a newer one', () => {
  expect([...pureFunctions].filter((name) => !builtins.has(name) && !newer.includes(name))).toEqual([]);
});

test.each([
  'pg_sleep',
  'set_config',
  'current_setting',
  'nextval',
  'setval',
  'lo_get',
  'lo_from_bytea',
  'pg_read_file',
  'pg_ls_dir',
  'query_to_xml',
  'table_to_xml',
  'cursor_to_xml',
  'database_to_xml',
  'ts_stat',
  'ts_rewrite',
  'pg_notify',
  'pg_terminate_backend',
  'pg_advisory_lock',
  'pg_get_functiondef',
  'pg_get_viewdef',
  'pg_stat_get_activity',
  'pg_input_is_valid',
  'pg_logical_emit_message',
  'txid_current',
  'pg_export_snapshot',
  'pg_reload_conf',
  'pg_current_logfile',
  'inet_server_addr',
  'pg_relation_size',
  'dblink',
  'setseed',
])('%s is not pure', (name) => {
  expect(pureFunctions.has(name)).toBe(false);
});
