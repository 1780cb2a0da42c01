/**
 * `node test/bench/masked-rows.bench.ts [transform] [transform]`: 200,000 rows with two masked columns, and all detectors on the text
 * columns, as the engine masks them: CPU time of this one thread, and memory. Prints, never fails.
 */
import { createSecretKey } from 'node:crypto';
import { detectorNames } from '../../services/core/masking/detectors.ts';
import { ValueScanner } from '../../services/core/masking/scan.ts';
import { transformName } from '../../services/core/masking/transform-names.ts';
import {
  type ColumnMasker,
  directMasker,
  scanningMasker,
} from '../../services/protocols/postgres/mask/column-mask.ts';
import { MaskingRowPlan } from '../../services/protocols/postgres/mask/row-plan.ts';
import type { Catalog } from '../../services/protocols/postgres/sql/catalog.ts';
import { typeOids } from '../../services/protocols/postgres/wire/values.ts';

const rowCount = 200_000;
const key = createSecretKey(Buffer.alloc(32, 7));
// Only types that are not built in are asked of it, and there are none here.
const catalog = { typesByOid: new Map() } as unknown as Catalog;
const [first = 'email', second = 'last4'] = process.argv.slice(2);

const words =
  'the parcel was left with a neighbour on the second floor and signed for by the caretaker in the afternoon; '.repeat(
    2,
  );
const states = ['paid', 'shipped', 'returned', 'pending_review'];

/** Columns of a shop's orders: type, value, and whether it is masked by its field. */
const columns: readonly (readonly [number, (row: number) => string, string?])[] = [
  [typeOids.int8, (row) => String(1_000_000 + row)],
  [typeOids.text, (row) => `Customer No ${row % 9_973}`],
  [typeOids.text, (row) => `customer.${row % 9_973}@mail.example.com`, first],
  [typeOids.text, (row) => `411111111111${1000 + (row % 9000)}`, second],
  [typeOids.text, (row) => states[row % 4] ?? ''],
  [typeOids.numeric, (row) => `${row % 900}.${10 + (row % 90)}`],
  [typeOids.timestamptz, (row) => `2024-03-${10 + (row % 20)} 10:22:33.${100_000 + (row % 900_000)}+00`],
  [typeOids.text, (row) => words.slice(row % 60, (row % 60) + 60 + (row % 80))],
  [
    typeOids.text,
    (row) =>
      row % 50 === 0
        ? `please call +49 30 1234${row % 900} or write to a.b${row}@example.org`
        : `ref A-${row} (batch ${row % 77})`,
  ],
];

/** https://www.postgresql.org/docs/current/protocol-message-formats.html, DataRow */
function dataRow(row: number): Buffer {
  const parts = columns.map(([, value]) => Buffer.from(value(row)));
  const message = Buffer.alloc(7 + parts.reduce((sum, { length }) => sum + 4 + length, 0));
  message.write('D');
  message.writeUInt32BE(message.length - 1, 1);
  message.writeUInt16BE(parts.length, 5);
  let at = 7;
  for (const part of parts) {
    at = message.writeInt32BE(part.length, at);
    at += part.copy(message, at);
  }
  return message;
}

const scanner = new ValueScanner(
  detectorNames.map((detector) => ({ detector, transform: 'full' })),
  key,
);
const maskers = columns.map(([typeOid, , transform], index): ColumnMasker | null =>
  transform === undefined
    ? scanningMasker({ typeOid, format: 0 }, scanner, catalog)
    : directMasker({ typeOid, format: 0 }, transformName(transform), `app.orders.c${index}`, catalog, key),
);
const plan = new MaskingRowPlan(maskers);
const rows = Array.from({ length: rowCount }, (_, row) => dataRow(row));
const bytes = rows.reduce((sum, { length }) => sum + length, 0);

console.log(
  `${rowCount} rows of ${(bytes / rowCount).toFixed(0)} bytes; ${first} and ${second} on two columns, ${detectorNames.length} detectors on the rest`,
);
const used = (): number => {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
};
const atStart = used();
for (let round = 1; round <= 6; round += 1) {
  const before = process.cpuUsage();
  let masked = 0;
  let most = 0;
  let index = 0;
  for (const row of rows) {
    plan.mask(row);
    masked += plan.count;
    index += 1;
    if (index % 10_000 === 0) most = Math.max(most, used());
  }
  const { user, system } = process.cpuUsage(before);
  const seconds = (user + system) / 1e6;
  console.log(
    `round ${round}: ${(bytes / 1e6 / seconds).toFixed(0)} MB/s of CPU time, ${((seconds / rowCount) * 1e6).toFixed(2)} µs a row, ` +
      `${masked} values masked, at most ${((most - atStart) / 1e6).toFixed(0)} MB more memory`,
  );
}
