import { expect, test } from '@jest/globals';
import { isHarmlessSetting, splitPathText } from '../../../../services/protocols/postgres/sql/settings.ts';

const path = ['app', 'public', 'pg_temp'];

test.each<[string, readonly string[] | null, boolean]>([
  ['application_name', ['psql'], true],
  ['application_name', null, false],
  ['client_min_messages', ['WARNING'], true],
  ['client_min_messages', ['debug5'], false],
  ['client_min_messages', ['log'], false],
  ['client_min_messages', ['panic'], false],
  ['timezone', ['Europe/Berlin'], true],
  ['extra_float_digits', ['3'], true],
  ['standard_conforming_strings', ['on'], true],
  ['standard_conforming_strings', ['TRUE'], true],
  ['standard_conforming_strings', ['off'], false],
  ['standard_conforming_strings', ['o'], false],
  ['client_encoding', ['UTF-8'], true],
  ['client_encoding', ['unicode'], true],
  ['client_encoding', ['SJIS'], false],
  ['client_encoding', ['utf8', 'sjis'], false],
  ['bytea_output', ['hex'], true],
  ['bytea_output', ['escape'], false],
  ['search_path', [''], true],
  ['search_path', ['app', 'public', 'pg_temp'], true],
  ['search_path', ['app', 'public'], false],
  ['search_path', ['public', 'app', 'pg_temp'], false],
  ['search_path', ['audit'], false],
  ['transaction_read_only', ['on'], true],
  ['transaction_read_only', ['0'], false],
  ['default_transaction_read_only', ['off'], false],
  ['statement_timeout', ['1s'], false],
  ['row_security', ['on'], false],
  ['role', ['admin'], false],
  ['session_authorization', ['admin'], false],
  ['session_replication_role', ['replica'], false],
  ['app.tenant', ['1'], false],
  ['constructor', ['1'], false],
])('%s = %j is harmless: %p', (name, values, harmless) => {
  expect(isHarmlessSetting(name, values, path)).toBe(harmless);
});

test.each<[string, readonly string[] | null]>([
  ['', ['']],
  ['app', ['app']],
  ['App, "Two ""Words"""', ['app', 'Two "Words"']],
  ['app, ', null],
  ['app public', null],
  ['"app', null],
])('search_path as text: %j is %j', (text, names) => {
  expect(splitPathText(text)).toEqual(names);
});
