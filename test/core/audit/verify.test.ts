import { createHash, generateKeyPairSync } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Anchor, appendAnchors, parseAnchors } from '../../../services/core/audit/anchor.ts';
import { readPublicKeys, rotateSigningKey } from '../../../services/core/audit/key-store.ts';
import type { FindingKind, TrailReport } from '../../../services/core/audit/trail-report.ts';
import { type VerifyOptions, verifyTrail } from '../../../services/core/audit/verify.ts';
import { Secret } from '../../../services/core/model/secret.ts';
import { action, committed, Folder, type OpenOptions, openTestTrail } from './fixtures.ts';

/** A trail as it stands on the disk: the lines of its segments. */
type Segments = readonly (readonly string[])[];

/** Written once; the tests change copies of it. */
const original = new Folder();
let segments: Segments;
let anchors: readonly Anchor[];
let publicKeys: readonly string[];

const segmentFile = (index: number): string => `gateway-1-${String(index + 1).padStart(6, '0')}.jsonl`;

async function writeTrail(folder: Folder, options: OpenOptions = {}): Promise<readonly Anchor[]> {
  const kept: Anchor[] = [];
  const trail = await openTestTrail(folder, {
    ...options,
    settings: { segmentBytes: 6000, checkpointEveryRecords: 7, ...options.settings },
    onCheckpoint: (anchor) => kept.push(anchor),
  });
  for (let number = 1; number <= 30; number += 1) {
    trail.append(action(number, { text: `SELECT ${number}, 'é\u202e"\n'` }));
    if (number % 3 === 0) await committed(trail);
  }
  await trail.close();
  return kept;
}

const readSegments = (folder: Folder): Segments =>
  readdirSync(folder.trail)
    .filter((name) => name.endsWith('.jsonl'))
    .sort()
    .map((name) => readFileSync(join(folder.trail, name), 'utf8').split('\n').slice(0, -1));

beforeAll(async () => {
  anchors = await writeTrail(original);
  segments = readSegments(original);
  publicKeys = await readPublicKeys(original.path);
  expect(segments.length).toBeGreaterThan(2);
  expect(anchors.length).toBeGreaterThan(4);
});
afterAll(() => original[Symbol.dispose]());

async function verifySegments(changed: Segments, options?: VerifyOptions): Promise<TrailReport> {
  using folder = new Folder();
  mkdirSync(folder.trail);
  for (const [index, lines] of changed.entries()) {
    writeFileSync(join(folder.trail, segmentFile(index)), lines.map((line) => `${line}\n`).join(''));
  }
  return await verifyTrail(folder.trail, options); // the folder goes when this returns
}

const kindsOf = (report: TrailReport): readonly FindingKind[] =>
  report.chains.flatMap((chain) => chain.findings.map((finding) => finding.kind));
const placesOf = (report: TrailReport): readonly string[] =>
  report.chains.flatMap((chain) =>
    chain.findings.map(({ kind, file, line, seq }) => `${kind} ${file}:${line} seq ${seq}`),
  );

/** One segment with its lines changed. */
const withSegment = (index: number, change: (lines: readonly string[]) => readonly string[]): Segments =>
  segments.map((lines, at) => (at === index ? change(lines) : lines));

/** A line of the whole trail: which segment, and which line of it. */
const anyLine = () =>
  fc.nat().map((number) => {
    const places = segments.flatMap((lines, segment) => lines.map((_, line) => ({ segment, line })));
    return places[number % places.length] ?? { segment: 0, line: 0 };
  });

/** What somebody without the signing key can do: every hash from here on is right again. */
function rehashed(changed: Segments): Segments {
  let prev = '0'.repeat(64);
  return changed.map((lines) =>
    lines.map((line) => {
      const body = line.slice(0, line.lastIndexOf(',"prev":"'));
      const covered = `${body},"prev":"${prev}"`;
      prev = createHash('sha256').update(covered).digest('hex');
      return `${covered},"hash":"${prev}"}`;
    }),
  );
}

test('a trail that nobody touched is intact, and proves what it can', async () => {
  const bare = await verifySegments(segments);
  const records = segments.flat().length;
  expect(bare).toMatchObject({
    verdict: 'intact',
    otherFiles: [],
    chains: [{ chain: 'gateway-1', records, lastSeq: records, unsigned: null, findings: [], anchorsMet: 0 }],
  });
  expect(bare.chains[0]?.keys).toEqual([expect.objectContaining({ trust: 'own-word', firstSeq: 1 })]);
  const proven = await verifySegments(segments, { anchors, publicKeys });
  expect(proven).toMatchObject({ verdict: 'intact', chains: [{ anchorsMet: anchors.length }] });
  expect(proven.chains[0]?.keys).toEqual([expect.objectContaining({ trust: 'given' })]);
  expect(proven.chains[0]?.verifiedThrough).toEqual(anchors.at(-1));
});

test('any byte that changes is found where it stands', async () => {
  const bytes = segments.map((lines) => Buffer.from(lines.map((line) => `${line}\n`).join('')));
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.nat(), fc.integer({ min: 1, max: 255 }), async (which, where, flip) => {
      const index = which % bytes.length;
      const changed = Buffer.from(bytes[index] ?? []);
      const offset = where % changed.length;
      changed[offset] = (changed[offset] ?? 0) ^ flip;
      using folder = new Folder();
      cpSync(original.trail, folder.trail, { recursive: true });
      writeFileSync(join(folder.trail, segmentFile(index)), changed);
      const { verdict, chains } = await verifyTrail(folder.trail);
      const line = bytes[index]?.subarray(0, offset).toString('latin1').split('\n').length;
      // A segment's last line feed is what a crash takes, too: it is the next segment that should have told of it.
      const atEnd = offset === changed.length - 1;
      const last = index === bytes.length - 1;
      const place =
        atEnd && !last ? { file: segmentFile(index + 1), line: 1 } : { file: segmentFile(index), line };
      expect(chains[0]?.findings[0]).toMatchObject(place);
      expect(verdict).toBe(atEnd && last ? 'torn' : 'tampered');
    }),
    { numRuns: 400 },
  );
});

test('any line that is dropped is found', async () => {
  await fc.assert(
    fc.asyncProperty(anyLine(), async ({ segment, line }) => {
      const last = segment === segments.length - 1 && line === (segments[segment]?.length ?? 0) - 1;
      fc.pre(!last);
      const report = await verifySegments(withSegment(segment, (lines) => lines.toSpliced(line, 1)));
      expect(kindsOf(report)).toContain('missing-records');
      expect(report.verdict).toBe('tampered');
    }),
    { numRuns: 60 },
  );
});

test('the last line that is dropped is found by an anchor alone, and the report says how far it can tell', async () => {
  const shorter = withSegment(segments.length - 1, (lines) => lines.slice(0, -3));
  const without = await verifySegments(shorter);
  expect(without.verdict).toBe('intact');
  const [chain] = without.chains;
  const end = shorter.flat().length;
  expect(chain?.verifiedThrough?.seq).toBe(anchors.at(-2)?.seq);
  // The header of the last segment, and what follows it, are not signed.
  expect(chain?.unsigned).toEqual({
    firstSeq: (anchors.at(-2)?.seq ?? 0) + 2,
    records: end - (anchors.at(-2)?.seq ?? 0) - 1,
  });
  const withAnchors = await verifySegments(shorter, { anchors });
  expect(withAnchors.verdict).toBe('tampered');
  expect(placesOf(withAnchors)).toEqual([
    `cut-off ${segmentFile(segments.length - 1)}:0 seq ${anchors.at(-1)?.seq}`,
  ]);
});

test('any two lines that are swapped are found', async () => {
  await fc.assert(
    fc.asyncProperty(anyLine(), anyLine(), async (one, other) => {
      const [first = '', second = ''] = [one, other].map(({ segment, line }) => segments[segment]?.[line]);
      fc.pre(first !== second);
      const report = await verifySegments(
        segments.map((lines) =>
          lines.map((line) => (line === first ? second : line === second ? first : line)),
        ),
      );
      expect(report.verdict).toBe('tampered');
      expect(kindsOf(report)).toContain('reordered-record');
    }),
    { numRuns: 60 },
  );
});

test('any line that is copied is found', async () => {
  await fc.assert(
    fc.asyncProperty(anyLine(), anyLine(), async (from, to) => {
      const copy = segments[from.segment]?.[from.line] ?? '';
      const report = await verifySegments(
        withSegment(to.segment, (lines) => lines.toSpliced(to.line + 1, 0, copy)),
      );
      expect(report.verdict).toBe('tampered');
      expect(kindsOf(report).join()).toMatch(/repeated-record|missing-records/);
    }),
    { numRuns: 60 },
  );
});

test('a made-up line between two is found', async () => {
  const made = '{"seq":9,"at":"2026-11-21T12:00:00.000Z","kind":"hold-vote","verdict":"approve"}';
  const report = await verifySegments(withSegment(0, (lines) => lines.toSpliced(8, 0, made)));
  expect(report.verdict).toBe('tampered');
  expect(placesOf(report)[0]).toBe(`changed-record ${segmentFile(0)}:9 seq 9`);
});

test('a cut at any byte is found: by an anchor always, without one unless it is at the end of a line', async () => {
  const bytes = segments.map((lines) => Buffer.from(lines.map((line) => `${line}\n`).join('')));
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.nat(), async (which, where) => {
      const index = which % bytes.length;
      const whole = bytes[index] ?? Buffer.alloc(0);
      const keep = where % whole.length;
      using folder = new Folder();
      mkdirSync(folder.trail);
      for (const [at, content] of bytes.slice(0, index).entries()) {
        writeFileSync(join(folder.trail, segmentFile(at)), content);
      }
      writeFileSync(join(folder.trail, segmentFile(index)), whole.subarray(0, keep));
      const atLineEnd = keep > 0 && whole[keep - 1] === 0x0a;
      const bare = await verifyTrail(folder.trail);
      expect(bare.verdict).toBe(atLineEnd ? 'intact' : 'torn');
      const report = await verifyTrail(folder.trail, { anchors });
      // An anchor vouches for the record that its checkpoint signs; that checkpoint may itself be cut off.
      const cutOff = (bare.chains[0]?.lastSeq ?? 0) < (anchors.at(-1)?.seq ?? 0);
      expect(report.verdict).toBe(cutOff ? 'tampered' : bare.verdict);
      expect(kindsOf(report).includes('cut-off')).toBe(cutOff);
    }),
    { numRuns: 60 },
  );
});

test('whatever is changed and hashed anew without the key is found by the next checkpoint', async () => {
  const isCheckpoint = (line: string): boolean => line.includes('"kind":"checkpoint"');
  await fc.assert(
    fc.asyncProperty(anyLine(), async ({ segment, line }) => {
      const changed = withSegment(segment, (lines) =>
        lines.map((text, at) => (at === line ? text.replace('"kind":', '"kinds":1,"kind":') : text)),
      );
      const last = segment === segments.length - 1 && line === (segments[segment]?.length ?? 0) - 1;
      const report = await verifySegments(rehashed(changed));
      // The last checkpoint's own signature is of what stands before it, and that is as it was.
      if (last) expect(isCheckpoint(segments[segment]?.[line] ?? '')).toBe(true);
      else expect(kindsOf(report)).toContain('bad-signature');
      expect((await verifySegments(rehashed(changed), { anchors })).verdict).toBe(
        last ? 'intact' : 'tampered',
      );
    }),
    { numRuns: 60 },
  );
});

test('a record that is dropped, with all numbers and hashes made right, is found by the next checkpoint', async () => {
  const shorter = withSegment(0, (lines) => lines.toSpliced(3, 1));
  let seq = 0;
  const renumbered = shorter.map((lines) =>
    lines.map((line) => {
      seq += 1;
      return line.replace(/^\{"seq":\d+/, `{"seq":${seq}`).replace(/"lastSeq":\d+/, `"lastSeq":${seq - 1}`);
    }),
  );
  const report = await verifySegments(rehashed(renumbered));
  expect(report.verdict).toBe('tampered');
  expect(kindsOf(report)).toContain('bad-signature');
  expect(report.chains[0]?.verifiedThrough).toBeNull();
});

test('a whole chain that was written anew with another key is found by anchors and by public keys', async () => {
  using other = new Folder();
  await writeTrail(other);
  const forged = readSegments(other);
  // In itself it is as good as any.
  expect((await verifySegments(forged)).verdict).toBe('intact');
  const byAnchor = await verifySegments(forged, { anchors });
  expect(byAnchor.verdict).toBe('tampered');
  expect(kindsOf(byAnchor)).toEqual(anchors.map(() => 'anchor-mismatch'));
  expect(byAnchor.chains[0]?.findings[0]?.message).toContain(anchors[0]?.keyId);
  const byKey = await verifySegments(forged, { publicKeys });
  expect(byKey.verdict).toBe('tampered');
  expect(kindsOf(byKey)).toEqual(['untrusted-key']);
  expect(byKey.chains[0]?.verifiedThrough).toBeNull();
});

test('a segment of another chain in the place of one is found', async () => {
  using other = new Folder();
  await writeTrail(other);
  const report = await verifySegments(withSegment(1, () => readSegments(other)[1] ?? []));
  expect(report.verdict).toBe('tampered');
  expect(kindsOf(report)).toContain('broken-link');
  expect(report.chains[0]?.findings[0]).toMatchObject({ file: segmentFile(1), line: 1 });
});

test('a segment that is missing, and two that have changed places, are found', async () => {
  const missing = await verifySegments(segments.toSpliced(1, 1));
  expect(kindsOf(missing)).toEqual(expect.arrayContaining(['missing-records', 'wrong-segment']));
  const [first = [], second = [], ...rest] = segments;
  const swapped = await verifySegments([second, first, ...rest]);
  expect(kindsOf(swapped)).toEqual(expect.arrayContaining(['wrong-segment', 'reordered-record']));
  const firstMissing = await verifySegments([[], ...segments.slice(1)]);
  expect(firstMissing.verdict).toBe('tampered');
});

test('a chain that was taken away is missed by its anchors', async () => {
  using folder = new Folder();
  mkdirSync(folder.trail);
  const report = await verifyTrail(folder.trail, { anchors });
  expect(report).toMatchObject({ verdict: 'tampered', chains: [{ chain: 'gateway-1', records: 0 }] });
  expect(kindsOf(report)).toEqual(anchors.map(() => 'cut-off'));
  expect(await verifyTrail(folder.trail)).toMatchObject({ verdict: 'unproven', chains: [] });
});

test('a header within a segment, and a segment without one, are found', async () => {
  const [first = [], second = [], ...rest] = segments;
  const report = await verifySegments([[...first, ...second], [], ...rest]);
  expect(kindsOf(report)).toEqual(expect.arrayContaining(['misplaced-header', 'changed-torn-bytes']));
  const headless = await verifySegments([first, second.slice(1), ...rest]);
  expect(kindsOf(headless)).toEqual(expect.arrayContaining(['missing-records', 'wrong-segment']));
});

test('files that are no segments are named, not read', async () => {
  using folder = new Folder();
  cpSync(original.trail, folder.trail, { recursive: true });
  renameSync(join(folder.trail, segmentFile(0)), join(folder.trail, 'gateway-1-0000001.jsonl'));
  writeFileSync(join(folder.trail, '../notes.txt'), '');
  writeFileSync(join(folder.trail, 'notes.txt'), '');
  const report = await verifyTrail(folder.trail);
  expect(report.otherFiles).toEqual(['gateway-1-0000001.jsonl', 'notes.txt']);
  expect(report.verdict).toBe('tampered');
});

test('damage without end gives a report with one', async () => {
  const garbage = Array.from({ length: 5000 }, (_, number) => `line ${number}`);
  const report = await verifySegments(withSegment(0, (lines) => [...lines, ...garbage]));
  expect(report.chains[0]?.findings).toHaveLength(1000);
  expect(report.chains[0]?.moreFindings).toBeGreaterThanOrEqual(4000);
});

test('a key that its predecessor has signed is believed like that one', async () => {
  using folder = new Folder();
  await writeTrail(folder);
  const given = await readPublicKeys(folder.path);
  const { keyId } = await rotateSigningKey(folder.path);
  const kept = await writeTrail(folder);
  expect(kept[0]?.keyId).toBe(keyId);
  for (const options of [{}, { publicKeys: given, anchors: kept }]) {
    const report = await verifyTrail(folder.trail, options);
    expect(report.verdict).toBe('intact');
    expect(report.chains[0]?.keys[1]).toMatchObject({ keyId, trust: 'endorsed' });
  }
  // The old key is not kept, and cannot be used to write history.
  expect(readdirSync(join(folder.path, 'keys')).filter((name) => !name.includes('pub'))).toEqual([
    `trail-${keyId}.endorsement.json`,
    'trail.pem',
  ]);
});

test('a key that only claims to be signed by its predecessor is not believed', async () => {
  using folder = new Folder();
  await writeTrail(folder);
  const { keyId } = await rotateSigningKey(folder.path);
  const file = join(folder.path, 'keys', `trail-${keyId}.endorsement.json`);
  const endorsement = readFileSync(file, 'utf8');
  writeFileSync(
    file,
    endorsement.replace(
      /"signature":"./,
      (start) => `${start.slice(0, -1)}${start.endsWith('A') ? 'B' : 'A'}`,
    ),
  );
  await writeTrail(folder);
  expect(kindsOf(await verifyTrail(folder.trail))).toEqual(['unendorsed-key']);
  await rotateSigningKey(folder.path);
  await rotateSigningKey(folder.path);
  await writeTrail(folder);
  // The key between was never used here, so nothing says that the two belong together.
  expect(kindsOf(await verifyTrail(folder.trail))).toEqual(['unendorsed-key', 'unendorsed-key']);
});

test('a key under another key’s name is found', async () => {
  using other = new Folder();
  await writeTrail(other);
  const theirs = JSON.parse(readSegments(other)[0]?.[0] ?? '') as { keyId: string }; // our own header
  const forged = rehashed(
    readSegments(other).map((lines) =>
      lines.map((line) => line.replaceAll(theirs.keyId, anchors[0]?.keyId ?? '')),
    ),
  );
  const report = await verifySegments(forged);
  expect(report.chains[0]?.findings[0]).toMatchObject({
    kind: 'wrong-segment',
    message: expect.stringContaining('no Ed25519 key of the id'),
  });
});

test('a key that nobody has signed has to be vouched for', async () => {
  using folder = new Folder();
  await writeTrail(folder);
  const { privateKey, publicKey } = generateKeyPairSync('ed25519', {
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  await writeTrail(folder, { settings: { signingKey: new Secret(privateKey) } });
  const bare = await verifyTrail(folder.trail);
  expect([bare.verdict, ...kindsOf(bare)]).toEqual(['unproven', 'unendorsed-key']);
  const first = await readPublicKeys(folder.path);
  const withOne = await verifyTrail(folder.trail, { publicKeys: first });
  expect([withOne.verdict, ...kindsOf(withOne)]).toEqual(['tampered', 'untrusted-key']);
  const withBoth = await verifyTrail(folder.trail, { publicKeys: [...first, publicKey] });
  expect(withBoth.verdict).toBe('intact');
});

test.each([
  ['not PEM', 'x'],
  [
    'another kind of key',
    generateKeyPairSync('ec', { namedCurve: 'P-256' })
      .privateKey.export({ type: 'pkcs8', format: 'pem' })
      .toString(),
  ],
])('a signing key that is %s is refused', async (_, pem) => {
  using folder = new Folder();
  await expect(openTestTrail(folder, { settings: { signingKey: new Secret(pem) } })).rejects.toEqual(
    expect.objectContaining({ code: 'bad-key' }),
  );
  expect(existsSync(join(folder.path, 'keys'))).toBe(false);
  // The chain is free again.
  await (await openTestTrail(folder)).close();
});

test('processes that start at once make one key', async () => {
  using folder = new Folder();
  const trails = await Promise.all(['a', 'b', 'c', 'd'].map((chain) => openTestTrail(folder, { chain })));
  await Promise.all(trails.map((trail) => trail.close()));
  const { chains } = await verifyTrail(folder.trail);
  expect(new Set(chains.map((chain) => chain.keys[0]?.keyId)).size).toBe(1);
});

test('anchors survive their file, and a file that holds anything else is refused', async () => {
  using folder = new Folder();
  const file = join(folder.path, 'anchors.jsonl');
  await appendAnchors(file, anchors.slice(0, 1));
  await appendAnchors(file, anchors.slice(1));
  const text = readFileSync(file, 'utf8');
  expect(parseAnchors(text)).toEqual(anchors);
  for (const broken of [
    `${text}x`,
    text.replace('"seq"', '"sec"'),
    text.replace('anchor-1', 'anchor-2'),
    text.slice(0, -9),
  ]) {
    expect(() => parseAnchors(broken)).toThrow(expect.objectContaining({ code: 'bad-anchor' }));
  }
  rmSync(file);
});

test('a live writer is no crash', async () => {
  using folder = new Folder();
  const trail = await openTestTrail(folder);
  for (let number = 1; number <= 200; number += 1) {
    trail.append(action(number));
    const [written, report] = await Promise.all([committed(trail), verifyTrail(folder.trail)]);
    expect([written, report.verdict]).toEqual([true, 'intact']);
  }
  await trail.close();
});
