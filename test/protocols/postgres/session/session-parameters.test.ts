import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  askedLogin,
  searchPathText,
  sessionParameters,
} from '../../../../services/protocols/postgres/session/session-parameters.ts';

const given = (asked: Readonly<Record<string, string>>, subject = 'agent-1') =>
  sessionParameters(new Map(Object.entries(asked)), ['app', 'public'], subject);
const granted = (asked: Readonly<Record<string, string>>): Readonly<Record<string, string>> => {
  const result = given(asked);
  if (result.kind === 'refused') throw new Error(`${result.name} was refused`);
  return Object.fromEntries(result.parameters);
};

const pinned = {
  client_encoding: 'UTF8',
  standard_conforming_strings: 'on',
  application_name: 'agent-1 via sallyport',
  search_path: '"app", "public", pg_temp',
};

describe('the target is told what we say', () => {
  test('when the client asks for nothing', () => {
    expect(granted({ user: 'app', database: 'shop' })).toEqual(pinned);
  });

  test('and of what the client asks, only how values are shown', () => {
    expect(
      granted({
        user: 'app',
        database: 'shop',
        application_name: 'psql',
        DateStyle: 'ISO, DMY',
        TimeZone: 'Europe/Berlin',
        extra_float_digits: '3',
        IntervalStyle: 'iso_8601',
      }),
    ).toEqual({
      ...pinned,
      application_name: 'psql',
      datestyle: 'ISO, DMY',
      timezone: 'Europe/Berlin',
      extra_float_digits: '3',
      intervalstyle: 'iso_8601',
    });
  });

  test.each(['utf8', 'UTF-8', "'utf-8'", 'UNICODE', 'auto', 'SQL_ASCII'])(
    'client_encoding %s is ours already',
    (encoding) => {
      expect(granted({ client_encoding: encoding })).toEqual(pinned);
      expect(granted({ CLIENT_ENCODING: encoding })).toEqual(pinned);
    },
  );

  test('options of the protocol itself and empty options are passed over', () => {
    expect(granted({ '_pq_.anything': 'x', options: ' ' })).toEqual(pinned);
  });

  test('free text is as long as an identifier at most', () => {
    expect(granted({ application_name: 'x'.repeat(100) })['application_name']).toBe('x'.repeat(63));
    const result = given({}, 's'.repeat(100));
    expect(result.kind === 'parameters' && result.parameters.get('application_name')).toBe('s'.repeat(63));
    expect(granted({ DateStyle: 'x'.repeat(300) })['datestyle']).toBe('x'.repeat(256));
  });
});

test.each([
  ['options', '-c search_path=evil'],
  ['options', '-c sallyport.login=oauth -c search_path=evil'],
  ['options', '-c search_path=evil -c sallyport.login=oauth'],
  ['options', '-c sallyport.login=oauth\\ -c role=admin x'],
  ['options', '-c sallyport.logins=oauth'],
  ['role', 'admin'],
  ['session_authorization', 'admin'],
  ['replication', 'database'],
  ['search_path', 'evil'],
  ['SEARCH_PATH', 'evil'],
  ['standard_conforming_strings', 'off'],
  ['Standard_Conforming_Strings', 'off'],
  ['client_encoding', 'LATIN1'],
  ['client_encoding', 'utf8; x'],
  ['statement_timeout', '0'],
  ['User', 'postgres'],
  ['app.tenant', '7'],
  ['', ''],
])('%s = %s is refused by name', (name, value) => {
  expect(given({ [name]: value })).toMatchObject({ kind: 'refused', name });
});

test.each([
  [{ options: '-c sallyport.login=oauth' }, 'oauth'],
  [{ options: ' -csallyport.login=oauth ' }, 'oauth'],
  [{ options: '--sallyport.login=oauth' }, 'oauth'],
  [{ Options: '-c Sallyport.Login=oauth' }, 'oauth'],
  [{ 'sallyport.login': 'oauth' }, 'oauth'],
  [{ 'Sallyport.Login': 'Oauth' }, 'Oauth'],
  [{ 'sallyport.login': '' }, ''],
  [{ options: ' ', 'sallyport.login': 'oauth' }, 'oauth'],
  [{ user: 'sallyport.login=oauth', application_name: '-c sallyport.login=oauth' }, null],
  [{ options: '-c search_path=app' }, null],
  [{ options: '-c sallyport.login=' }, null],
  [{}, null],
])('%j asks to log in by %s', (asked: Readonly<Record<string, string>>, login) => {
  expect(askedLogin(new Map(Object.entries(asked)))).toBe(login);
  if (login !== null) expect(granted(asked)).toEqual(pinned);
});

test('whatever is asked, nothing but what may be set reaches the target, and what is pinned stays', () => {
  const name = fc.oneof(
    fc.constantFrom(
      'user',
      'database',
      'DateStyle',
      'TimeZone',
      'application_name',
      'client_encoding',
      'options',
    ),
    fc.string({ maxLength: 12 }),
  );
  const settable = new Set([
    ...Object.keys(pinned),
    'datestyle',
    'timezone',
    'extra_float_digits',
    'intervalstyle',
  ]);
  fc.assert(
    fc.property(fc.dictionary(name, fc.string({ maxLength: 8 })), (asked) => {
      const result = given(asked);
      if (result.kind === 'refused') return;
      for (const key of result.parameters.keys()) expect(settable).toContain(key);
      const { application_name: _, ...kept } = pinned;
      expect(Object.fromEntries(result.parameters)).toMatchObject(kept);
    }),
  );
});

test.each([
  [[], 'pg_temp'],
  [['app'], '"app", pg_temp'],
  [['App', 'a b'], '"App", "a b", pg_temp'],
  [['a"b, pg_catalog'], '"a""b, pg_catalog", pg_temp'],
])('schemas %j are written %s', (schemas, text) => {
  expect(searchPathText(schemas)).toBe(text);
});
