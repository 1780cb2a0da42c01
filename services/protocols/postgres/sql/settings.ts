/**
 * Which changes of a session's parameters are no effect. Everything else is `set`: what changes the meaning of bytes
 * (standard_conforming_strings, client_encoding), of names (search_path), whose rights count (role), what protects (row_security,
 * statement_timeout), or what nobody has looked at.
 */

/** What a parameter is set to, as constants in the text; null where it is not a constant, or the default is asked for. */
export type SettingValue = readonly string[] | null;

type Test = (values: readonly string[], pinnedPath: readonly string[]) => boolean;

const anyValue: Test = () => true;

const oneOf =
  (...allowed: readonly string[]): Test =>
  ([value, ...more]) =>
    more.length === 0 && value !== undefined && allowed.includes(value.toLowerCase());

/** PostgreSQL compares encoding names by their letters and digits (pg_char_to_encoding). */
const isUtf8: Test = ([value, ...more]) =>
  more.length === 0 &&
  value !== undefined &&
  ['utf8', 'unicode'].includes(value.toLowerCase().replaceAll(/[^a-z0-9]/g, ''));

const on = oneOf('on', 'true', 'yes', 't', 'y', '1', 'tru', 'ye');

const isPinnedOrEmpty: Test = (values, pinnedPath) =>
  values.every((value) => value === '') ||
  (values.length === pinnedPath.length && values.every((value, at) => value === pinnedPath[at]));

/** Parameters with values that every driver sets and that change nothing but what its own user sees. */
const harmlessValues: Readonly<Record<string, Test>> = {
  application_name: anyValue,
  // LOG and DEBUG messages show plans, parse trees and other people's parameters; PANIC and FATAL hide what was masked.
  client_min_messages: oneOf('notice', 'warning', 'error'),
  timezone: anyValue,
  datestyle: anyValue,
  intervalstyle: anyValue,
  extra_float_digits: anyValue,
  xmloption: oneOf('content', 'document'),
  jit: anyValue,
  escape_string_warning: anyValue,
  standard_conforming_strings: on,
  bytea_output: oneOf('hex'),
  client_encoding: isUtf8,
  search_path: isPinnedOrEmpty,
  transaction_isolation: anyValue,
  transaction_deferrable: anyValue,
  default_transaction_isolation: anyValue,
  default_transaction_deferrable: anyValue,
  // Only towards less: a session that was opened read-only must stay so.
  transaction_read_only: on,
  default_transaction_read_only: on,
};

/** Those whose default is as harmless as any value: RESET and DEFAULT bring what the role or database says. */
const harmlessDefaults = new Set([
  'application_name',
  'timezone',
  'datestyle',
  'intervalstyle',
  'extra_float_digits',
  'xmloption',
  'jit',
  'escape_string_warning',
  'transaction_isolation',
  'transaction_deferrable',
  'default_transaction_isolation',
  'default_transaction_deferrable',
]);

/**
 * Parameters whose value cannot change what a statement does to which rows. All others, known or not, are part of the session's state.
 * Going back to a default is not: the session was opened with it.
 */
const withoutMeaning = new Set([
  'application_name',
  'bytea_output',
  'client_encoding',
  'client_min_messages',
  'default_transaction_deferrable',
  'default_transaction_isolation',
  'default_transaction_read_only',
  'escape_string_warning',
  'extra_float_digits',
  'idle_in_transaction_session_timeout',
  'jit',
  'lock_timeout',
  'standard_conforming_strings',
  'statement_timeout',
  'transaction_deferrable',
  'transaction_isolation',
  'transaction_read_only',
]);

export const changesMeaning = (name: string): boolean => !withoutMeaning.has(name);

/** Parameters that a statement may ask for: what the server tells every client anyway, and the session's own. */
const readable = new Set([
  ...Object.keys(harmlessValues),
  'block_size',
  'default_table_access_method',
  'default_tablespace',
  'default_text_search_config',
  'default_toast_compression',
  'default_transaction_read_only',
  'in_hot_standby',
  'integer_datetimes',
  'idle_in_transaction_session_timeout',
  'is_superuser',
  'lc_collate',
  'lc_ctype',
  'lc_messages',
  'lc_monetary',
  'lc_numeric',
  'lc_time',
  'lock_timeout',
  'max_identifier_length',
  'max_index_keys',
  'role',
  'row_security',
  'server_encoding',
  'server_version',
  'server_version_num',
  'session_authorization',
  'statement_timeout',
  'transaction_read_only',
]);

/** Parameter names are compared without case; SET accepts a few names of its own. */
export const settingName = (name: string): string => name.toLowerCase();

/** Whether setting it so is no effect. */
export function isHarmlessSetting(
  name: string,
  values: SettingValue,
  pinnedPath: readonly string[],
): boolean {
  const test = Object.hasOwn(harmlessValues, name) ? harmlessValues[name] : undefined;
  return values !== null && test?.(values, pinnedPath) === true;
}

export const isHarmlessDefault = (name: string): boolean => harmlessDefaults.has(name);

export const isReadableSetting = (name: string): boolean => readable.has(name);

/** Whether the search path has become empty: from then on unqualified names may mean something else. */
export const emptiesSearchPath = (name: string, values: SettingValue): boolean =>
  name === 'search_path' && values?.every((value) => value === '') === true;

/** The names in search_path's text form (`app, "My Schema"`), as set_config takes it; null when it is malformed. */
export function splitPathText(text: string): readonly string[] | null {
  const names: string[] = [];
  const part = /\s*(?:"((?:[^"]|"")*)"|([^\s",]+))\s*(,|$)/y;
  if (text.trim() === '') return [''];
  while (part.lastIndex < text.length) {
    const match = part.exec(text);
    if (match === null) return null;
    const [, quoted, plain, comma] = match;
    names.push(quoted === undefined ? (plain ?? '').toLowerCase() : quoted.replaceAll('""', '"'));
    if (comma === ',' && part.lastIndex === text.length) return null;
  }
  return names;
}
