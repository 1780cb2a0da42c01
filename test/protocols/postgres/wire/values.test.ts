import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type pg from 'pg';
import { valueText } from '../../../../services/protocols/postgres/wire/values.ts';
import { type PostgresServer, startPostgres } from '../../../servers/postgres.ts';

let server: PostgresServer;
let client: pg.Client;

beforeAll(async () => {
  server = await startPostgres();
  client = await server.connect();
});

afterAll(async () => {
  await client.end();
  await server.stop();
});

/** What the server's own binary output function makes of a value, by way of its *send function. */
async function sent(type: string, literal: string): Promise<{ oid: number; bytes: Buffer; text: string }> {
  const send: Record<string, string> = { int2: 'int2send', int4: 'int4send', int8: 'int8send' };
  const name = send[type] ?? `${type}send`;
  const call = ['numeric', 'uuid', 'date', 'timestamp', 'timestamptz', 'jsonb'].includes(type)
    ? `${type}_send`
    : name;
  const sql = `SELECT ${call}($1::text::${type}) AS bytes, $1::text::${type}::text AS text, '${type}'::regtype::oid::int AS oid`;
  const { rows } = await client.query(sql, [literal]);
  return rows[0];
}

test.each([
  ['bool', 't'],
  ['bool', 'f'],
  ['int2', '-32768'],
  ['int4', '2147483647'],
  ['int8', '-9223372036854775808'],
  ['oid', '4294967295'],
  ['float8', '1.5'],
  ['float4', '-0.25'],
  ['uuid', '6b29fc40-ca47-1067-b31d-00dd010662da'],
  ['date', '1999-12-31'],
  ['date', '2024-02-29'],
  ['timestamp', '2024-02-29 12:34:56'],
  ['timestamp', '2024-02-29 12:34:56.000789'],
  ['numeric', '0'],
  ['numeric', '-12345.6789'],
  ['numeric', '100000000'],
  ['numeric', '0.00012300'],
  ['numeric', '99999999999999999999.5'],
  ['numeric', 'NaN'],
  ['jsonb', '{"a": [1, null]}'],
])('%s %s reads in binary as PostgreSQL writes it in text', async (type, literal) => {
  const { oid, bytes, text } = await sent(type, literal);
  const expected = type === 'bool' ? text.slice(0, 1) : text;
  expect(valueText(bytes, oid, 1)).toBe(expected);
});

test('bytes that do not fit their type are shown as hex, never thrown over', () => {
  expect(valueText(Buffer.from([1, 2, 3]), 23, 1)).toBe('\\x010203');
  expect(valueText(Buffer.from('0001000000000000', 'hex'), 1700, 1)).toBe('\\x0001000000000000');
  expect(valueText(null, 23, 1)).toBeNull();
});
