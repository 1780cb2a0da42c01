import { createSecretKey } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { type DetectorName, detectorNames } from '../../../services/core/masking/detectors.ts';
import { ValueScanner } from '../../../services/core/masking/scan.ts';
import { ordinaryKinds, ordinaryText } from './ordinary-text.ts';

/** `npm run bench` is for figures: test/bench/false-alarms.bench.ts measures larger texts. */
const textBytes = 300_000;
const key = createSecretKey(Buffer.alloc(32, 7));

function alarms(detector: DetectorName, text: Buffer): readonly string[] {
  const scanner = new ValueScanner([{ detector, transform: 'full' }], key);
  const found: string[] = [];
  for (let find = scanner.next(text, 0); find !== null; find = scanner.next(text, find.end)) {
    found.push(text.toString('utf8', find.start, find.end));
  }
  return found;
}

const strong = detectorNames.filter((name) => !name.startsWith('national-id-'));
/** Of bare numbers some pass whatever check there is. */
const bareNumbers = 'numbers of 5 to 19 digits';

describe.each(ordinaryKinds)('in %s', (kind) => {
  const text = ordinaryText(kind, textBytes);

  test.each(strong)('%s takes nothing for its own', (detector) => {
    const allowed = kind !== bareNumbers ? 0 : detector === 'card' ? 150 : 3;
    expect(alarms(detector, text).slice(allowed)).toEqual([]);
  });
});
