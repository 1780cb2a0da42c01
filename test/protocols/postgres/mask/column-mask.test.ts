/** Masked values of every kind, held against what a real server sends and takes. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import { transformNames } from '../../../../services/core/masking/transform-names.ts';
import {
  type ColumnMasker,
  derivedMasker,
  directMasker,
  type MaskedColumn,
  scanningMasker,
} from '../../../../services/protocols/postgres/mask/column-mask.ts';
import { FieldMasks } from '../../../../services/protocols/postgres/mask/field-masks.ts';
import { carriedType, valueKind } from '../../../../services/protocols/postgres/mask/value-kinds.ts';
import type { Catalog } from '../../../../services/protocols/postgres/sql/catalog.ts';
import { CatalogCache } from '../../../../services/protocols/postgres/sql/catalog-cache.ts';
import { typeOids } from '../../../../services/protocols/postgres/wire/values.ts';
import { type PostgresServer, startPostgres } from '../../../servers/postgres.ts';
import { catalogReader } from '../sql/catalog-reader.ts';
import { key, mask, obligations } from './fixtures.ts';

let server: PostgresServer;
let client: pg.Client;
let catalog: Catalog;

beforeAll(async () => {
  server = await startPostgres();
  client = await server.connect();
  await client.query(`
    CREATE EXTENSION citext;
    CREATE DOMAIN small AS int4;
    CREATE DOMAIN smaller AS small;
    CREATE DOMAIN words AS text[];
    CREATE DOMAIN birthday AS date CHECK (VALUE > '1900-01-01');
    CREATE DOMAIN mail AS citext;
    CREATE DOMAIN document AS jsonb;
    CREATE TYPE mood AS ENUM ('sad', 'ada@example.org');
    CREATE TYPE pair AS (a text, b int4)`);
  catalog = (await CatalogCache.open(catalogReader(client))).current;
});

afterAll(async () => {
  await client.end();
  await server.stop();
});

interface Sample {
  readonly oid: number;
  readonly text: Buffer;
  readonly binary: Buffer;
}

/** A value as the server sends it. `record_send` calls the send function of whatever type; 12 bytes come before its result. */
async function sampleOf(type: string, literal: string): Promise<Sample> {
  const { rows } = await client.query(
    `SELECT '${type}'::regtype::oid::int8::text AS oid, v::text AS text, record_send(ROW(v)) AS record
     FROM (SELECT $1::text::${type} AS v) x`,
    [literal],
  );
  const [{ oid, text, record }] = rows;
  return { oid: Number(oid), text: Buffer.from(text), binary: record.subarray(12) };
}

/** What the server reads in a binary value (node-postgres sends buffers as binary parameters), null for NULL. */
async function readBack(type: string, value: Buffer | string | null): Promise<string | null> {
  const { rows } = await client.query(`SELECT ($1::${type})::text AS text`, [value]);
  return rows[0].text;
}

const masked = (masker: ColumnMasker | null, value: Buffer | null): Buffer | null => {
  const shown = masker?.mask(value) ?? null;
  return masker === null || shown === 'unchanged' ? value : shown;
};

/** Type, a value, and what stands for it when it is masked in full or derived; null is NULL. */
const values: readonly (readonly [string, string, string | null])[] = [
  ['bool', 't', 'false'],
  ['int2', '-7', '0'],
  ['int4', '123456789', '0'],
  ['int8', '-4111111111111111', '0'],
  ['oid', '4294967295', '0'],
  ['numeric', '-12345.67', '0'],
  ['float4', '1.5', '0'],
  ['float8', '-0.1', '0'],
  ['text', 'ada@example.org', '********'],
  ['varchar(40)', 'ada@example.org', '********'],
  ['bpchar', 'ada', '********'],
  ['name', 'ada', '********'],
  ['citext', 'Ada@example.org', '********'],
  ['date', '1984-05-06', '2000-01-01'],
  ['time', '01:02:03', '00:00:00'],
  ['timestamp', '1984-05-06 01:02:03.4', '2000-01-01 00:00:00'],
  ['timestamptz', '1984-05-06 01:02:03+00', '2000-01-01 00:00:00+00'],
  ['uuid', '6b29fc40-ca47-1067-b31d-00dd010662da', '00000000-0000-0000-0000-000000000000'],
  ['json', '7', 'null'],
  ['jsonb', '7', 'null'],
  ['bytea', '\\xdeadbeef', '\\x'],
  ['inet', '192.0.2.7', '0.0.0.0'],
  ['int4[]', '{1,2}', '{}'],
  ['text[]', '{{a,b},{c,NULL}}', '{}'],
  ['citext[]', '{a}', '{}'],
  ['words', '{a}', '{}'],
  ['smaller', '42', '0'],
  ['birthday', '1984-05-06', '2000-01-01'],
  ['mail', 'ada@localhost', '********'],
  ['document', 'true', 'null'],
  ['mail[]', '{a@b}', '{}'],
  ['numeric', 'NaN', '0'],
  ['float8', 'Infinity', '0'],
  ['date', 'infinity', '2000-01-01'],
  ['date', '0044-03-15 BC', '2000-01-01'],
  ['date', '12345-06-07', '2000-01-01'],
  ['timestamp', '-infinity', '2000-01-01 00:00:00'],
  ['timestamptz', '0001-01-01 00:00:00+00 BC', '2000-01-01 00:00:00+00'],
  ['timestamptz', '1999-12-31 23:59:59.999999+00', '2000-01-01 00:00:00+00'],
  ['inet', '2001:db8::7/64', '0.0.0.0'],
  ['date[]', '{1984-05-06,NULL}', '{}'],
  ['jsonb[]', '{"{\\"a\\": 1}"}', '{}'],
  ['uuid[]', '{6b29fc40-ca47-1067-b31d-00dd010662da}', '{}'],
  ['birthday[]', '{1984-05-06}', '{}'],
  ['mood[]', '{sad}', '{}'],
  // Of what nothing is known, only NULL is sure to be a value.
  ['mood', 'sad', null],
  ['pair', '(a,1)', null],
  ['interval', '1 day', null],
  ['int4range', '[1,2)', null],
  ['cidr', '10.0.0.0/8', null],
  ['timetz', '01:02:03+00', null],
  ['money', '$1.50', null],
  ['bit(4)', '1010', null],
  ['varbit', '1010', null],
  ['point', '(1,2)', null],
  ['macaddr', '08:00:2b:01:02:03', null],
  ['tsvector', "'ada'", null],
  ['xml', '<a>ada</a>', null],
  ['int4multirange', '{[1,2)}', null],
  ['pg_lsn', '16/B374D848', null],
];

const normal = (type: string, text: string | null): Promise<string | null> => readBack(type, text);

describe('in place of a value stands one of its own type, in the format that was asked for', () => {
  beforeAll(() => client.query("SET timezone = 'UTC'"));

  test.each(values)('%s: %s -> %s', async (type, literal, full) => {
    const { oid, text, binary } = await sampleOf(type, literal);
    const direct = (format: number, transform: (typeof transformNames)[number]): ColumnMasker =>
      directMasker({ typeOid: oid, format }, transform, 'app.users.x', catalog, key);

    expect(direct(0, 'full').mask(text)).toEqual(full === null ? null : Buffer.from(full));
    const read = new Set<string>();
    for (const transform of transformNames) {
      const inText = masked(direct(0, transform), text)?.toString() ?? null;
      const inBinary = masked(direct(1, transform), binary);
      const pair = JSON.stringify([inText, inBinary]);
      // The server reads the same from both, so clients do, and a pseudonym does not depend on the driver.
      if (!read.has(pair)) {
        expect([transform, await readBack(type, inBinary)]).toEqual([transform, await normal(type, inText)]);
      }
      read.add(pair);
      expect(inText).not.toBe(text.toString());
      // NULL says nothing, and stays.
      expect(direct(0, transform).masksNull).toBe(false);
    }
    for (const format of [0, 1]) {
      const derived = derivedMasker({ typeOid: oid, format }, catalog);
      const shown = derived.mask(format === 0 ? text : binary);
      if (shown === 'unchanged') throw new Error('a derived value is always masked');
      expect(await readBack(type, format === 0 ? (shown?.toString() ?? null) : shown)).toBe(
        await normal(type, full),
      );
      // The statement may have chosen when it is NULL.
      expect(derived.masksNull).toBe(true);
      expect(derived.mask(null)).toEqual(shown);
    }
  });
});

test.each([
  ['document', '{"a": [1, "ada@example.org"]}', '{}'],
  ['json', ' [{"a": 1}] ', '[]'],
  ['jsonb', '"ada@example.org"', '"********"'],
])('of %s %s the shape stays', async (type, literal, full) => {
  const { oid, text, binary } = await sampleOf(type, literal);
  for (const [format, value] of [text, binary].entries()) {
    const shown = masked(directMasker({ typeOid: oid, format }, 'full', 'a.b.c', catalog, key), value);
    expect(await readBack(type, format === 0 ? (shown?.toString() ?? null) : shown)).toBe(full);
  }
});

test('the month of a time is the same whatever the zone and format in which a client asks', async () => {
  const shown: unknown[] = [];
  for (const zone of ['UTC', 'Europe/Berlin', 'America/St_Johns', 'Asia/Kathmandu']) {
    await client.query(`SET timezone = '${zone}'`);
    const { oid, text, binary } = await sampleOf('timestamptz', '2024-03-01 00:30:00.5+01');
    const of = (format: number) => directMasker({ typeOid: oid, format }, 'month', 'a.b.c', catalog, key);
    shown.push(masked(of(0), text)?.toString());
    await client.query("SET timezone = 'UTC'");
    shown.push(await readBack('timestamptz', masked(of(1), binary)));
  }
  expect(new Set(shown)).toEqual(new Set(['2024-02-01 00:00:00+00']));
});

test('of dates and times the month stays, also before 2000 and in domains', async () => {
  for (const [type, literal, month] of [
    ['date', '1984-05-06', '1984-05-01'],
    ['birthday', '2024-12-31', '2024-12-01'],
    ['timestamp', '1984-05-06 01:02:03.4', '1984-05-01 00:00:00'],
    ['timestamptz', '2024-02-29 23:59:59.999999+00', '2024-02-01 00:00:00+00'],
    ['text', '2024-02-29', '2024-02-01'],
    ['date', '0044-03-15 BC', '2000-01-01'],
  ] as const) {
    const { oid, text, binary } = await sampleOf(type, literal);
    for (const [format, value] of [text, binary].entries()) {
      const masker = directMasker({ typeOid: oid, format }, 'month', 'a.b.c', catalog, key);
      const shown = masked(masker, value);
      expect(await readBack(type, format === 0 ? (shown?.toString() ?? null) : shown)).toBe(month);
    }
  }
});

test('pseudonyms keep equal values equal and others apart, by field, in both formats', async () => {
  for (const [type, one, other] of [
    ['text', 'ada', 'bob'],
    ['citext', 'ada', 'bob'],
    ['int4', '1', '2'],
    ['int8', '1', '2'],
    ['numeric', '1.5', '2.5'],
    ['uuid', '6b29fc40-ca47-1067-b31d-00dd010662da', '6b29fc40-ca47-1067-b31d-00dd010662db'],
    ['bytea', '\\x01', '\\x02'],
    ['jsonb', '{"a": 1}', '{"a": 2}'],
  ] as const) {
    const [left, right] = [await sampleOf(type, one), await sampleOf(type, other)];
    for (const format of ['text', 'binary'] as const) {
      const column = { typeOid: left.oid, format: format === 'text' ? 0 : 1 };
      const of = (field: string) => directMasker(column, 'hash', field, catalog, key);
      const shown = of('a.b.c').mask(left[format]);
      expect(of('a.b.c').mask(left[format])).toEqual(shown);
      expect(of('a.b.c').mask(right[format])).not.toEqual(shown);
      expect(of('a.b.d').mask(left[format])).not.toEqual(shown);
    }
  }
});

describe('a column that no field mask covers is searched', () => {
  const scanner = (transform = 'full'): NonNullable<FieldMasks['scanner']> => {
    const masks = new FieldMasks(obligations(mask([], transform, ['email', 'card'])), catalog, key);
    if (masks.scanner === null) throw new Error('a mask with detectors makes a scanner');
    return masks.scanner;
  };
  const maskerOf = (column: MaskedColumn, transform?: string): ColumnMasker | null =>
    scanningMasker(column, scanner(transform), catalog);

  /** Type, a value with finds, how it reads then, how many were found; and how it reads in binary where that differs. */
  test.each<[string, string, string | null, number, (string | null)?]>([
    ['text', 'to ada@example.org now', 'to ******** now', 1],
    ['varchar', 'ada@example.org bob@example.org', '******** ********', 2],
    ['citext', 'to Ada@example.org', 'to ********', 1],
    ['name', 'ada@example.org', '********', 1],
    ['json', '{"m": "ada@example.org", "n": 1}', '{"m": "********", "n": 1}', 1],
    ['jsonb', '{"m": "ada@example.org", "n": 1}', '{"m": "********", "n": 1}', 1],
    ['int8', '4111111111111111', '0', 1],
    ['numeric', '4111111111111111', '0', 1],
    ['text[]', '{{a,ada@example.org},{NULL,bob@example.org}}', '{{a,********},{NULL,********}}', 2],
    ['citext[]', '{ada@example.org}', '{********}', 1],
    ['words', '{a,ada@example.org}', '{a,********}', 1],
    ['int8[]', '{1,4111111111111111,NULL}', '{1,0,NULL}', 1],
    ['numeric[]', '{4111111111111111}', '{0}', 1],
    ['jsonb[]', '{"{\\"m\\": \\"ada@example.org\\"}"}', '{"{\\"m\\": \\"********\\"}"}', 1],
    // The insides of these are not known in binary, so a value with a find is not shown.
    ['pair', '(ada@example.org,1)', '(********,1)', 1, null],
    ['pair[]', '{"(ada@example.org,1)"}', '{"(********,1)"}', 1, '{NULL}'],
  ])('%s %s -> %s', async (type, literal, shown, count, inBinary = shown) => {
    const { oid, text, binary } = await sampleOf(type, literal);
    const asText = maskerOf({ typeOid: oid, format: 0 });
    expect(await readBack(type, masked(asText, text)?.toString() ?? null)).toBe(shown);
    expect(asText?.count).toBe(count);
    const asBinary = maskerOf({ typeOid: oid, format: 1 });
    expect(await readBack(type, masked(asBinary, binary))).toBe(inBinary);
    expect(asBinary?.count).toBe(count);
  });

  test.each(values.filter(([type]) => !['text', 'varchar(40)', 'citext'].includes(type)))(
    '%s %s holds no find, and passes unchanged',
    async (type, literal) => {
      const { oid, text, binary } = await sampleOf(type, literal === '-4111111111111111' ? '7' : literal);
      for (const [format, value] of [text, binary].entries()) {
        const masker = maskerOf({ typeOid: oid, format });
        expect(masker?.mask(value) ?? 'unchanged').toBe('unchanged');
        expect(masker?.mask(null) ?? 'unchanged').toBe('unchanged');
        expect(masker?.count ?? 0).toBe(0);
      }
    },
  );

  test('with the transform null a find takes its whole element, and the array stays an array', async () => {
    const { oid, binary } = await sampleOf('text[]', '{ada@example.org,b}');
    expect(await readBack('text[]', masked(maskerOf({ typeOid: oid, format: 1 }, 'null'), binary))).toBe(
      '{NULL,b}',
    );
  });

  test('an empty array passes, and one that is not what it says ends the session', async () => {
    const { oid, binary } = await sampleOf('text[]', '{ada@example.org}');
    const masker = maskerOf({ typeOid: oid, format: 1 });
    expect(masker?.mask((await sampleOf('text[]', '{}')).binary)).toBe('unchanged');
    for (const broken of [
      binary.subarray(0, binary.length - 1),
      binary.subarray(0, 11),
      Buffer.concat([binary, Buffer.from([0])]),
      Buffer.concat([Buffer.from([0x7f, 0xff, 0xff, 0xff]), binary.subarray(4)]),
      Buffer.concat([Buffer.from([0xff, 0xff, 0xff, 0xff]), binary.subarray(4)]),
    ]) {
      expect(() => masker?.mask(broken)).toThrow(expect.objectContaining({ code: 'malformed-message' }));
    }
  });

  test('a type that the catalog does not have is searched all the same', () => {
    const unheardOf = { typeOid: 999_999, format: 1 };
    expect(maskerOf(unheardOf)?.mask(Buffer.from('\0\x01ada@example.org'))).toBeNull();
    expect(maskerOf(unheardOf)?.mask(Buffer.from('\0\x01'))).toBe('unchanged');
  });
});

test('domains travel as what is beneath them, and text types of extensions as text', async () => {
  const oid = async (type: string): Promise<number> =>
    (await sampleOf(type, type === 'words' ? '{a}' : '7')).oid;
  expect(carriedType(await oid('smaller'), catalog)).toBe(typeOids.int4);
  expect(carriedType(await oid('citext'), catalog)).toBe(typeOids.text);
  expect(carriedType(await oid('words'), catalog)).toBe(await oid('words').then(() => 1009));
  expect(carriedType(typeOids.varchar, catalog)).toBe(typeOids.varchar);
  expect(valueKind(await oid('smaller'), catalog)).toBe('integer');
  expect(valueKind(0, catalog)).toBe('other');
});
