import { setTimeout as delay } from 'node:timers/promises';
import type { Anchor } from './anchor.ts';
import { ChainVerifier } from './chain-verifier.ts';
import { partialLineRetries, partialLineRetryMs } from './limits.ts';
import { type Line, type LineStart, linesOf } from './line-reader.ts';
import { readFrame } from './record.ts';
import { listTrail, type SegmentPlace } from './segment-names.ts';
import { publicKeyFromPem } from './signing.ts';
import { type TrailReport, type Verdict, worse } from './trail-report.ts';

export interface VerifyOptions {
  /** Checkpoints that were kept elsewhere. */
  readonly anchors?: readonly Anchor[];
  /** PEM. When they are given, every key of the trail must be one of them or be endorsed by one. */
  readonly publicKeys?: readonly string[];
}

/**
 * Reads every chain in a trail's folder from end to end and tells what was done to it. Works beside a live writer:
 * records that come while it reads may or may not be read. Memory does not grow with the trail.
 *
 * Without anchors and public keys it proves that the trail is whole in itself; with them, that it is the one that
 * was written.
 * @throws AuditError `unavailable`, `bad-key`
 */
export async function verifyTrail(dir: string, options: VerifyOptions = {}): Promise<TrailReport> {
  const anchors = options.anchors ?? [];
  const publicKeys = options.publicKeys?.map(publicKeyFromPem) ?? null;
  const { chains, otherFiles } = await listTrail(dir);
  // A chain that only an anchor knows has been taken away as a whole.
  const names = new Set([...chains.keys(), ...anchors.map((anchor) => anchor.chain)]);
  const verifiers = new Map<string, ChainVerifier>();
  const verifierOf = (name: string): ChainVerifier => {
    const verifier = verifiers.get(name) ?? new ChainVerifier(name, anchors, publicKeys);
    verifiers.set(name, verifier);
    return verifier;
  };
  for (const name of names) {
    const segments = chains.get(name) ?? [];
    for (const segment of segments) await readSegment(verifierOf(name), segment, segment === segments.at(-1));
    verifierOf(name);
  }
  // Only now is it known what each saw of the others, one that is not here at all among them.
  const seen = [...verifiers].flatMap(([by, { saw }]) => saw.map((place) => ({ by, ...place })));
  for (const [name, ofChain] of Map.groupBy(seen, ({ chain }) => chain)) {
    const hashes = await hashesOf(chains.get(name) ?? [], new Set(ofChain.map(({ seq }) => seq)));
    for (const { by, ...place } of ofChain)
      verifierOf(name).meetSeen(by, place, hashes.get(place.seq) ?? null);
  }
  const reports = [...verifiers.values()].map((verifier) => verifier.finish());
  const nothing: Verdict = reports.length === 0 ? 'unproven' : 'intact';
  return {
    verdict: reports.map((report) => report.verdict).reduce(worse, nothing),
    chains: reports,
    otherFiles,
  };
}

async function readSegment(verifier: ChainVerifier, segment: SegmentPlace, last: boolean): Promise<void> {
  verifier.beginSegment(segment);
  let from: LineStart | undefined;
  for (let attempt = 0; ; attempt += 1) {
    let partial: Line | null = null;
    for await (const lines of linesOf(segment.path, from)) {
      for (const line of lines) {
        if (line.terminated) verifier.line(segment, line);
        else partial = line;
      }
    }
    if (partial === null) break;
    if (!last || attempt === partialLineRetries) {
      verifier.line(segment, partial);
      break;
    }
    await delay(partialLineRetryMs);
    from = partial;
  }
  verifier.endSegment(segment);
}

/** By number: the hashes of these records, which are mostly in the last segment. */
async function hashesOf(
  segments: readonly SegmentPlace[],
  numbers: ReadonlySet<number>,
): Promise<ReadonlyMap<number, string>> {
  const hashes = new Map<number, string>();
  let wanted = [...numbers];
  for (const { path } of segments.toReversed()) {
    if (wanted.length === 0) break;
    let first: number | null = null;
    for await (const lines of linesOf(path)) {
      for (const { content } of lines) {
        const frame = content === null ? null : readFrame(content);
        if (frame === null) continue;
        first ??= frame.seq;
        if (numbers.has(frame.seq) && !hashes.has(frame.seq)) hashes.set(frame.seq, frame.hash);
      }
      if (hashes.size === numbers.size) return hashes;
    }
    wanted = wanted.filter((seq) => first === null || seq < first);
  }
  return hashes;
}
