import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type pg from 'pg';
import { maskOnce } from '../../../../services/core/masking/mask-once.ts';
import { transformNames } from '../../../../services/core/masking/transform-names.ts';
import { maskText } from '../../../../services/core/masking/transforms.ts';
import type { ValueKind } from '../../../../services/core/masking/value-kind.ts';
import { type PostgresServer, startPostgres } from '../../../servers/postgres.ts';
import { key, mask } from '../mask/fixtures.ts';
import { connectAs, install, ringTarget, roleOf } from './installed.ts';

/** Values as PostgreSQL writes them. */
const samples: Readonly<Record<string, { readonly kind: ValueKind; readonly values: readonly string[] }>> = {
  text: {
    kind: 'text',
    values: [
      '',
      ' ',
      'a@b',
      'a@b.co',
      'ada@example.com',
      ' ada@example.com',
      'ada@example.com \t',
      'a da@example.com',
      '1da@x@y',
      '-a@example.com',
      '4111 1111 1111 1111',
      '12345678',
      '123456789',
      '  123456789  ',
      '123-45-678"',
      'a\u00a0b@example.com',
      '123456789\u3000\u200a',
      '2026-07-15',
      '2026-07-15 10:11',
      '2026-07-15T10:11:12.123456',
      '0000-07-15',
      `it's \\ and "quotes"`,
    ],
  },
  'varchar(40)': { kind: 'text', values: ['ada@example.com', '4111111111111111'] },
  'char(24)': { kind: 'text', values: ['ada@example.com', '4111111111111111', ''] },
  smallint: { kind: 'smallint', values: ['0', '-32768', '7'] },
  integer: {
    kind: 'integer',
    values: ['0', '12', '123', '-2147483648', '2147483647', '100000000', '99999999'],
  },
  bigint: { kind: 'bigint', values: ['0', '-9223372036854775808', '9223372036854775807', '4000001234'] },
  numeric: { kind: 'decimal', values: ['0', '1.50', '-12345678901234567890.5', 'NaN'] },
  'double precision': { kind: 'float', values: ['0', '1.5', 'Infinity'] },
  boolean: { kind: 'boolean', values: ['t', 'f'] },
  date: {
    kind: 'date',
    values: ['2026-07-15', '9999-12-31', '0001-01-01', 'infinity', '10000-01-01', '0044-03-15 BC'],
  },
  timestamp: { kind: 'timestamp', values: ['2026-07-15 10:11:12.5', 'infinity', '10000-01-01 00:00:00'] },
  timestamptz: {
    kind: 'timestamptz',
    values: ['2026-07-01 00:30:00+00', '2026-06-30 23:30:00+00', '-infinity'],
  },
  time: { kind: 'time', values: ['10:11:12'] },
  uuid: { kind: 'uuid', values: ['123e4567-e89b-12d3-a456-426614174000'] },
  json: { kind: 'json', values: ['{"a": 1}', ' [1]', '"text"', '7', 'null', '{"a": "\\u0000"}'] },
  jsonb: { kind: 'json', values: ['{"a": 1}', '[1]', '"text"', '7', 'null'] },
  bytea: { kind: 'bytea', values: ['\\x', '\\x00ff'] },
  inet: { kind: 'inet', values: ['10.0.0.7', '::1/64'] },
  'text[]': { kind: 'array', values: ['{a,b}'] },
  point: { kind: 'other', values: ['(1,2)'] },
};

const types = Object.entries(samples);
/** One table a type: its values in order, and NULL behind them. */
const tableOf = (at: number): string => `samples_${at}`;
const sets = transformNames.map((transform) => [mask(['app.*.value'], transform)]);

let server: PostgresServer;

beforeAll(async () => {
  server = await startPostgres({
    hba: ['host all postgres,gateway 127.0.0.1/32 trust', 'host all all 127.0.0.1/32 scram-sha-256'],
  });
  const admin = await server.connect();
  await admin.query('CREATE ROLE gateway LOGIN; CREATE SCHEMA app AUTHORIZATION gateway; SET ROLE gateway');
  for (const [at, [type, { values }]] of types.entries()) {
    await admin.query(`CREATE TABLE app.${tableOf(at)} (id int, value ${type})`);
    for (const [id, value] of [...values, null].entries()) {
      await admin.query(`INSERT INTO app.${tableOf(at)} VALUES ($1, $2)`, [id, value]);
    }
  }
  await admin.end();
  await install(ringTarget(server, 'postgres', 'gateway'), ...sets);
}, 120_000);

afterAll(() => server.stop());

/** Values as the server writes them. */
async function textsIn(client: pg.Client, table: string): Promise<readonly (string | null)[]> {
  const types = { getTypeParser: () => (value: string) => value };
  const { rows } = await client.query<[string | null]>({
    text: `SELECT value FROM ${table} ORDER BY id`,
    rowMode: 'array',
    types,
  });
  return rows.map(([value]) => value);
}

/** The wire's `false` is one of PostgreSQL's words for it, and not the one that it prints. */
const asPrinted = (text: string | null): string | null => (text === 'false' ? 'f' : text);

test.each(transformNames)(
  '%s gives in the database what it gives on the wire, for each type',
  async (transform) => {
    const target = ringTarget(server, 'postgres', 'gateway');
    const client = await connectAs(roleOf(target, sets[transformNames.indexOf(transform)] ?? []), target);
    const direct = await server.connect();
    for (const each of [client, direct]) await each.query("SET TimeZone TO 'UTC'; SET DateStyle TO 'ISO'");
    for (const [at, [type, { kind }]] of types.entries()) {
      const field = `app.${tableOf(at)}.value`;
      const plain = await textsIn(direct, `app.${tableOf(at)}`);
      const onTheWire = plain.map((text) =>
        text === null ? null : asPrinted(maskText(transform, kind, text, { key, field })),
      );
      expect([type, await textsIn(client, tableOf(at))]).toEqual([type, onTheWire]);
    }
    await Promise.all([client.end(), direct.end()]);
  },
);

test('a value that is masked already is left alone on the wire, and any other is masked there', () => {
  for (const transform of transformNames) {
    for (const [type, { kind, values }] of types) {
      const context = { key, field: `app.samples.${type}` };
      const once = maskOnce(transform, kind, context);
      if (once.kind === 'constant') continue;
      for (const value of values) {
        const masked = maskText(transform, kind, value, context) ?? '';
        expect([transform, type, value, once.mask(masked)]).toEqual([transform, type, value, masked]);
      }
    }
  }
  const context = { key, field: 'app.users.email' };
  for (const transform of ['email', 'hash', 'last4', 'first2', 'pseudonym', 'full', 'redact'] as const) {
    const once = maskOnce(transform, 'text', context);
    expect(once.kind === 'constant' ? once.text : once.mask('ada.lovelace@example.com')).toBe(
      maskText(transform, 'text', 'ada.lovelace@example.com', context),
    );
  }
});
