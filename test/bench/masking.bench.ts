/**
 * `node test/bench/masking.bench.ts`: what scanning and masking a value costs, beside copying its buffer. Prints,
 * never fails.
 */
import { createSecretKey } from 'node:crypto';
import { detectorNames } from '../../services/core/masking/detectors.ts';
import { ValueScanner } from '../../services/core/masking/scan.ts';
import { transformNames } from '../../services/core/masking/transform-names.ts';
import { columnMask } from '../../services/core/masking/transforms.ts';

const key = createSecretKey(Buffer.alloc(32, 7));
const masks = detectorNames.map((detector) => ({ detector, transform: 'full' as const }));
const scanner = new ValueScanner(masks, key);

/** What calls give is added up and used, or the compiler would leave them out. */
let sink = 0;

/** The best of several rounds: other work on the machine only ever makes a round slower. */
function nanosecondsPerCall(run: (index: number) => number, calls = 20_000, rounds = 60): number {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round += 1) {
    const start = process.hrtime.bigint();
    for (let index = 0; index < calls; index += 1) sink += run(index);
    best = Math.min(best, Number(process.hrtime.bigint() - start) / calls);
  }
  return best;
}

const words =
  'the parcel was left with a neighbour on the second floor and signed for by the caretaker in the afternoon ';
const logLine =
  '2024-03-05 10:22:33.123 INFO order 48213 (customer 9921) status_code=200 total=129.90 EUR took 35 ms node web-03 ';
const json =
  '{"id": 48213, "state": "shipped", "total": 129.90, "lines": [{"sku": "A-1002", "quantity": 3}], "note": null} ';

const sized = (text: string, bytes: number): Buffer =>
  Buffer.from(text.repeat(Math.ceil(bytes / text.length)).slice(0, bytes));

/** Values of rows, no two at one place in memory, as they come out of a socket's buffers. */
const values = (text: string, bytes: number): readonly Buffer[] =>
  Array.from({ length: 64 }, () => sized(text, bytes));

const clean: readonly (readonly [string, readonly Buffer[]])[] = [
  ...[8, 40, 400, 40_000].flatMap((bytes) => [
    [`words, ${bytes} bytes`, values(words, bytes)] as const,
    [`log line, ${bytes} bytes`, values(logLine, bytes)] as const,
    [`json, ${bytes} bytes`, values(json, bytes)] as const,
  ]),
  ['timestamp', values('2024-03-05 10:22:33.123+00', 26)],
  ['uuid as text', values('550e8400-e29b-41d4-a716-446655440000', 36)],
  ['number', values('4821399', 7)],
  ['snake_case', values('payment_status_pending_review', 29)],
];

console.log('clean values'.padEnd(26), 'copy ns', 'scan ns', '  ratio', '  scan MB/s');
for (const [name, rows] of clean) {
  const bytes = rows[0]?.length ?? 0;
  const calls = Math.max(100, Math.floor(2_000_000 / (bytes + 50)));
  const row = (index: number): Buffer => rows[index & 63] ?? Buffer.alloc(0);
  const copy = nanosecondsPerCall((index) => Buffer.from(row(index)).length, calls);
  const scan = nanosecondsPerCall((index) => (scanner.scan(row(index), 'text') === null ? 0 : 1), calls);
  console.log(
    name.padEnd(26),
    copy.toFixed(0).padStart(7),
    scan.toFixed(0).padStart(7),
    (scan / copy).toFixed(2).padStart(7),
    ((bytes / scan) * 1000).toFixed(0).padStart(11),
  );
}

const hits = [
  'jane.doe@example.com',
  '4111 1111 1111 1111',
  'Please charge 4111111111111111 and write to jane.doe@example.com about it.',
  '{"mail": "jane.doe@example.com", "iban": "DE89370400440532013000", "phone": "+49 30 1234567"}',
];
console.log('\nvalues with finds, ns');
for (const text of hits) {
  const rows = values(text, Buffer.byteLength(text));
  const row = (index: number): Buffer => rows[index & 63] ?? Buffer.alloc(0);
  const copy = nanosecondsPerCall((index) => Buffer.from(row(index)).length);
  const scan = nanosecondsPerCall((index) => scanner.scan(row(index), 'text')?.count ?? 0);
  console.log(
    scan.toFixed(0).padStart(7),
    `${(scan / copy).toFixed(1)}x a copy`.padStart(14),
    text.slice(0, 60),
  );
}

console.log('\nfield masks of a text of 20 bytes, ns');
for (const name of transformNames) {
  const mask = columnMask(name, 'text', { key, field: 'app.users.email' });
  const apply = mask.kind === 'constant' ? () => mask.text : mask.mask;
  const cost = nanosecondsPerCall(() => apply('jane.doe@example.com')?.length ?? 0);
  console.log(cost.toFixed(0).padStart(7), name);
}
if (sink === -1) console.log(sink);
