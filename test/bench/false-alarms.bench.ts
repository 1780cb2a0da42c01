/**
 * `node test/bench/false-alarms.bench.ts`: what each detector takes for its own in a megabyte of text in which there is nothing of it:
 * made text, and the documents of this repository and of its packages. Prints, never fails.
 */
import { createSecretKey } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import { type DetectorName, detectorNames } from '../../services/core/masking/detectors.ts';
import { ValueScanner } from '../../services/core/masking/scan.ts';
import { ordinaryKinds, ordinaryText } from '../core/masking/ordinary-text.ts';

const key = createSecretKey(Buffer.alloc(32, 7));
const megabyte = 1_000_000;

/** The detectors' own files are about nothing else. */
const files = [
  ...globSync('node_modules/*/{README,LICENSE,CHANGELOG}*'),
  ...globSync('{README,ARCHITECTURE,SECURITY,CONTRIBUTING}.md'),
  ...globSync('{docs,envoy,services,deploy}/**/*.{md,ts,yaml,json}').filter(
    (path) => !path.includes('/masking/'),
  ),
];
const texts = new Map([
  ...ordinaryKinds.map((kind) => [kind, ordinaryText(kind, megabyte)] as const),
  ['documents and sources', Buffer.concat(files.map((path) => readFileSync(path)))] as const,
]);

function alarms(detector: DetectorName, text: Buffer): number {
  const scanner = new ValueScanner([{ detector, transform: 'full' }], key);
  let count = 0;
  for (let find = scanner.next(text, 0); find !== null; find = scanner.next(text, find.end)) count += 1;
  return count;
}

console.log('alarms in a megabyte of:');
for (const [index, kind] of [...texts.keys()].entries()) console.log(`  ${index + 1}  ${kind}`);
console.log(''.padEnd(18), ...[...texts.keys()].map((_, index) => String(index + 1).padStart(8)));
for (const detector of detectorNames) {
  const figures = [...texts.values()].map((text) => {
    const perMegabyte = (alarms(detector, text) / text.length) * megabyte;
    return (perMegabyte >= 10 ? perMegabyte.toFixed(0) : perMegabyte.toFixed(1)).padStart(8);
  });
  console.log(detector.padEnd(18), ...figures);
}
