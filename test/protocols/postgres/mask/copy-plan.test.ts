/** COPY's three formats, as a real server writes and reads them: what goes in masked must come out masked, and all else as it was. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type pg from 'pg';
import type { ColumnMasker } from '../../../../services/protocols/postgres/mask/column-mask.ts';
import { MaskingCopyPlan } from '../../../../services/protocols/postgres/mask/copy-plan.ts';
import type { CopyOut } from '../../../../services/protocols/postgres/sql/analysis.ts';
import { backend, frameOf, int16, int32 } from '../../../../services/protocols/postgres/wire/backend.ts';
import { maxBackendFrameBytes } from '../../../../services/protocols/postgres/wire/limits.ts';
import { type PostgresServer, startPostgres } from '../../../servers/postgres.ts';
import { lengthAndValue } from './fixtures.ts';

let server: PostgresServer;
let client: pg.Client;

beforeAll(async () => {
  server = await startPostgres();
  client = await server.connect();
  await client.query(
    'CREATE TABLE source(a text, b text, c text); CREATE TABLE sink(a text, b text, c text)',
  );
});

afterAll(async () => {
  await client.end();
  await server.stop();
});

const text: CopyOut = {
  format: 'text',
  delimiter: '\t',
  nullText: '\\N',
  quote: '"',
  escape: '"',
  header: false,
};
const csv: CopyOut = { ...text, format: 'csv', delimiter: ',', nullText: '' };
const binary: CopyOut = { ...text, format: 'binary' };

/** Doubles what it is given around all that escaping is about: never what it was, and hard to write. */
const doubled = (value: string): string => `${value}"\\${value}\n`;
const doubling: ColumnMasker = {
  count: 1,
  masksNull: false,
  isPlain: null,
  mask: (value) => (value === null ? null : Buffer.from(doubled(value.toString('utf8')))),
};
const constant = (shown: string | null, masksNull = false): ColumnMasker => ({
  count: 1,
  masksNull,
  isPlain: null,
  mask: () => (shown === null ? null : Buffer.from(shown)),
});

/** Masks data that comes in these pieces, and gives what the client would write to its file. */
function copied(plan: MaskingCopyPlan, pieces: readonly Buffer[]): Buffer {
  const out = pieces.flatMap((piece) => plan.mask(frameOf(backend.copyData, piece)));
  out.push(...plan.end());
  for (const frame of out) {
    expect(frame[0]).toBe(backend.copyData);
    expect(frame.readUInt32BE(1)).toBe(frame.length - 1);
  }
  return Buffer.concat(out.map((frame) => frame.subarray(5)));
}

const pieces = (data: Buffer, cuts: readonly number[]): readonly Buffer[] => {
  const ends = [...cuts.map((cut) => cut % (data.length + 1)), data.length].sort((a, b) => a - b);
  return ends.map((end, at) => data.subarray(ends[at - 1] ?? 0, end));
};

const sql = (options: CopyOut): string => {
  const literal = (value: string): string => `'${value.replaceAll("'", "''")}'`;
  if (options.format === 'binary') return '(FORMAT binary)';
  const common = `FORMAT ${options.format}, DELIMITER ${literal(options.delimiter)}, NULL ${literal(options.nullText)}, HEADER ${options.header}`;
  return options.format === 'text'
    ? `(${common})`
    : `(${common}, QUOTE ${literal(options.quote)}, ESCAPE ${literal(options.escape)})`;
};

type Row = readonly (string | null)[];

async function written(rows: readonly Row[], options: CopyOut): Promise<Buffer> {
  const columns = [0, 1, 2].map((column) => rows.map((row) => row[column] ?? null));
  await client.query('DELETE FROM source');
  await client.query('INSERT INTO source SELECT * FROM unnest($1::text[], $2::text[], $3::text[])', columns);
  const path = join(server.dataDir, 'out');
  await client.query(`COPY source TO '${path}' ${sql(options)}`);
  return readFileSync(path);
}

async function readBack(data: Buffer, options: CopyOut): Promise<readonly Row[]> {
  const path = join(server.dataDir, 'in');
  writeFileSync(path, data, { mode: 0o644 });
  await client.query(`DELETE FROM sink; COPY sink FROM '${path}' ${sql(options)}`);
  const { rows } = await client.query({ text: 'SELECT a, b, c FROM sink', rowMode: 'array' });
  return rows;
}

const formats: readonly (readonly [string, CopyOut])[] = [
  ['text', text],
  ['text with another delimiter and NULL', { ...text, delimiter: '|', nullText: '\\Nix' }],
  ['text with a header', { ...text, header: true }],
  ['csv', csv],
  ['csv with a header', { ...csv, header: true }],
  ['csv with its own escape', { ...csv, escape: '\\' }],
  ['csv with its own quote', { ...csv, quote: "'", escape: "'", delimiter: ';', nullText: 'NULL' }],
  [
    'csv with quote and escape that mean something elsewhere',
    { ...csv, quote: '|', escape: '"', delimiter: ';' },
  ],
  ['binary', binary],
];

/** All that has a meaning somewhere in the formats, and a character of several bytes. */
const nasty = fc.string({
  unit: fc.constantFrom(
    'a',
    '"',
    "'",
    '\\',
    '\n',
    '\r',
    '\t',
    ',',
    ';',
    '|',
    '.',
    'N',
    ' ',
    '\b',
    '\v',
    '\f',
    'ü',
    '😀',
  ),
  maxLength: 6,
});
const value = fc.oneof(
  { weight: 4, arbitrary: nasty },
  { weight: 1, arbitrary: fc.constantFrom(null, '', '\\.', '\\N', 'nix', 'NULL', '\\n', '""') },
);
const rowsOf = fc.array(fc.tuple(value, value, value), { minLength: 1, maxLength: 6 });

describe.each(formats)('%s', (_, options) => {
  test('the masked column comes out masked and the others as they were, wherever the data is cut', async () => {
    await fc.assert(
      fc.asyncProperty(rowsOf, fc.array(fc.nat(), { maxLength: 8 }), async (rows, cuts) => {
        const data = await written(rows, options);
        const plan = new MaskingCopyPlan([null, doubling, null], options);
        const shown = copied(plan, pieces(data, cuts));
        expect(await readBack(shown, options)).toEqual(
          rows.map(([a, b, c]) => [a, b === null ? null : doubled(b), c]),
        );
        expect(plan.maskedValues).toBe(rows.filter(([, b]) => b !== null).length);
      }),
      { numRuns: 10 },
    );
  });

  test('one byte at a time is the same as all at once', async () => {
    const data = await written(
      [
        ['a\n"\\,\t|', 'b', null],
        ['\\.', null, 'ü😀'],
        ['', 'x;\'"', ''],
      ],
      options,
    );
    const masked = (cut: readonly Buffer[]): Buffer =>
      copied(new MaskingCopyPlan([null, doubling, null], options), cut);
    const whole = masked([data]);
    expect(masked([...data].map((byte) => Buffer.from([byte])))).toEqual(whole);
    for (let at = 0; at <= data.length; at += 1) {
      expect(masked([data.subarray(0, at), data.subarray(at)])).toEqual(whole);
    }
  });

  test('a row in which nothing is masked passes byte for byte', async () => {
    const data = await written(
      [
        ['a\n"', 'b\\', null],
        ['\\.', null, ' '],
      ],
      options,
    );
    const unchanged: ColumnMasker = { count: 1, masksNull: true, isPlain: null, mask: () => 'unchanged' };
    const plan = new MaskingCopyPlan([unchanged, null, unchanged], options);
    expect(copied(plan, [data])).toEqual(data);
    expect(plan.maskedValues).toBe(0);
  });

  test('NULL is masked where the statement could choose when it is NULL, and may stand for a value', async () => {
    const data = await written(
      [
        [null, 'b', 'c'],
        ['a', null, null],
      ],
      options,
    );
    const plan = new MaskingCopyPlan([constant('*', true), constant(null), constant('*')], options);
    expect(await readBack(copied(plan, [data]), options)).toEqual([
      ['*', null, '*'],
      ['*', null, null],
    ]);
    expect(plan.maskedValues).toBe(4);
  });
});

test('a header passes as it is, also one with a line feed in a column’s name', () => {
  const header = '"a\nb",c\n';
  const plan = new MaskingCopyPlan([constant('*'), constant('*')], { ...csv, header: true });
  expect(copied(plan, [Buffer.from(`${header}1,2\n`)]).toString()).toBe(`${header}"*","*"\n`);
  const tabs = new MaskingCopyPlan([constant('*'), constant('*')], { ...text, header: true });
  expect(copied(tabs, [Buffer.from('a\tb\n1\t2\n')]).toString()).toBe('a\tb\n*\t*\n');
});

describe('a guess that is written for NULL', () => {
  const guess = '111-22-3333';
  const rows: readonly Row[] = [
    [guess, 'x', 'y'],
    ['444-55-6666', 'x', 'y'],
    [null, 'x', 'y'],
  ];

  test.each<[string, CopyOut, readonly string[]]>([
    // Here the server writes value and NULL alike, so NULL is masked too.
    ['text', { ...text, nullText: guess }, ['*', '*', '*']],
    ['csv', { ...csv, nullText: guess }, ['"*"', '"*"', guess]],
    ['text, as an escape', { ...text, nullText: '\\n' }, ['*', '*', '*']],
  ])('does not show through the mask: %s', async (_, options, expected) => {
    const data = await written(rows, options);
    const plan = new MaskingCopyPlan([constant('*'), null, null], options);
    const lines = copied(plan, [data]).toString().trimEnd().split('\n');
    expect(lines.map((line) => line.split(options.delimiter)[0])).toEqual(expected);
  });
});

test('a masked value can be taken neither for NULL nor for the end of the data', () => {
  const dot = Buffer.from('x\n');
  for (const [options, line] of [
    [text, '\\\\.\n'],
    [csv, '"\\."\n'],
  ] as const) {
    expect(copied(new MaskingCopyPlan([constant('\\.')], options), [dot]).toString()).toBe(line);
  }
  expect(copied(new MaskingCopyPlan([constant('')], csv), [dot]).toString()).toBe('""\n');
  expect(copied(new MaskingCopyPlan([constant('\\N')], text), [dot]).toString()).toBe('\\\\N\n');
});

describe('data that is not what COPY said ends the session', () => {
  const malformed = expect.objectContaining({ code: 'malformed-message' });
  const start = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
  const tuple = (...values: readonly (Buffer | null)[]): Buffer =>
    Buffer.concat([int16(values.length), ...values.map(lengthAndValue)]);

  test.each<[string, CopyOut, Buffer]>([
    ['a text row with a column too few', text, Buffer.from('a\n')],
    ['a text row with a column too many', text, Buffer.from('a\tb\tc\n')],
    ['a text row without its end', text, Buffer.from('a\tb\nc\td')],
    ['a csv row with a column too many', csv, Buffer.from('a,b,c\n')],
    ['a csv row within its quotes', csv, Buffer.from('a,"b\n')],
    [
      'binary data that begins otherwise',
      binary,
      Buffer.from('PGCOPX\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1'),
    ],
    // Flag 16: an OID before each row, which would shift every column by one.
    ['binary data of another layout', binary, Buffer.from('PGCOPY\n\xff\r\n\0\0\x01\0\0\0\0\0\0', 'latin1')],
    ['a binary row with a column too many', binary, Buffer.concat([start, tuple(null, null, null)])],
    ['a binary row with a column too few', binary, Buffer.concat([start, tuple(null)])],
    ['a binary count that cannot be', binary, Buffer.concat([start, Buffer.from([0xff, 0xfe])])],
    ['a binary length below -1', binary, Buffer.concat([start, int16(2), int32(-2), int32(-1)])],
    ['binary data that ends within a row', binary, Buffer.concat([start, int16(2), int32(-1)])],
    ['binary data that ends within its header', binary, start.subarray(0, 15)],
  ])('%s', (_, options, data) => {
    expect(() => copied(new MaskingCopyPlan([constant('*'), null], options), [data])).toThrow(malformed);
  });

  test('a row over the limit of messages', () => {
    const plan = new MaskingCopyPlan([constant('*')], text);
    const half = frameOf(backend.copyData, Buffer.alloc(maxBackendFrameBytes / 2 + 1, 'x'));
    expect(plan.mask(half)).toEqual([]);
    expect(() => plan.mask(half)).toThrow(expect.objectContaining({ code: 'frame-too-long' }));
  });

  test('binary data with an extension of its header passes with it', () => {
    const extended = Buffer.concat([start.subarray(0, 15), int32(3), Buffer.from('abc')]);
    const data = Buffer.concat([extended, tuple(Buffer.from('x'), null), Buffer.from([0xff, 0xff])]);
    const shown = copied(new MaskingCopyPlan([constant('*'), null], binary), [data]);
    expect(shown).toEqual(
      Buffer.concat([extended, tuple(Buffer.from('*'), null), Buffer.from([0xff, 0xff])]),
    );
  });
});
