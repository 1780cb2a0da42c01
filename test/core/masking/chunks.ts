import fc from 'fast-check';
import type { BodyMasker } from '../../../services/core/masking/body-masker.ts';

/** What comes out of a masker for a body that arrives in these chunks. */
export function maskedIn(masker: BodyMasker, chunks: readonly Buffer[]): Buffer {
  return Buffer.concat([...chunks.map((chunk) => masker.write(chunk)), masker.end()]);
}

/** The same bytes cut at these places. */
export function cutAt(bytes: Buffer, places: readonly number[]): readonly Buffer[] {
  const cuts = [...new Set(places.map((place) => place % (bytes.length + 1)))].toSorted((a, b) => a - b);
  return [...cuts, bytes.length].map((end, index) => bytes.subarray(cuts[index - 1] ?? 0, end));
}

export const byteByByte = (bytes: Buffer): readonly Buffer[] =>
  Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));

export const places = fc.array(fc.nat({ max: 100_000 }), { maxLength: 12 });
