import { type Anchor, anchorFormat } from './anchor.ts';
import { ChainKeys } from './chain-keys.ts';
import { maxFindings, maxGaps } from './limits.ts';
import type { Line } from './line-reader.ts';
import {
  type ChainSeen,
  chainStart,
  chainsSeenSchema,
  checkpointSchema,
  headerSchema,
  type RecordFrame,
  readFrame,
  recordHash,
  type SegmentHeader,
  type TornBytes,
} from './record.ts';
import { type SegmentPlace, segmentName } from './segment-names.ts';
import { checkpointText, type VerifyingKey } from './signing.ts';
import { type ChainReport, type Finding, type FindingKind, verdictOf, worse } from './trail-report.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Where the verifier is. */
interface Position {
  readonly segment: SegmentPlace;
  readonly line: Line;
}

/** The end of a file that is not a whole record, until a header explains it. */
interface Tail extends TornBytes {
  readonly file: string;
  readonly line: number;
}

/**
 * Reads one chain from its first line to its last. Its memory does not grow with the chain.
 *
 * After damage it goes on with what stands there, so that one changed record is one finding and not a thousand.
 */
export class ChainVerifier {
  readonly #chain: string;
  readonly #keys: ChainKeys;
  /** Of this chain, by number, those still to be met. */
  readonly #anchors: Anchor[];
  readonly #findings: Finding[] = [];
  #moreFindings = 0;
  #verdict: ChainReport['verdict'] = 'intact';

  /** The last record in order. A hash of null: it was damaged, and what follows may name any. */
  #last: { readonly seq: number; readonly hash: string | null } = chainStart;
  #lastAt: string | null = null;
  #gaps: { readonly from: number; readonly to: number }[] = [];
  #tails: Tail[] = [];
  #file: string;
  #lines = 0;

  #segments = 0;
  #records = 0;
  #checkpoints = 0;
  #anchorsMet = 0;
  /** What it says of other chains: the last of each. */
  readonly #saw = new Map<string, ChainSeen>();
  readonly #seenBy: { readonly chain: string; readonly seq: number }[] = [];
  #dropped = 0;
  #verifiedThrough: Anchor | null = null;
  #unsignedFrom = 1;

  constructor(chain: string, anchors: readonly Anchor[], publicKeys: readonly VerifyingKey[] | null) {
    this.#chain = chain;
    this.#file = segmentName(chain, 1);
    this.#keys = new ChainKeys(publicKeys);
    this.#anchors = anchors.filter((anchor) => anchor.chain === chain).sort((a, b) => a.seq - b.seq);
  }

  beginSegment(segment: SegmentPlace): void {
    this.#segments += 1;
    this.#file = segment.file;
    this.#lines = 0;
  }

  line(segment: SegmentPlace, line: Line): void {
    this.#lines += 1;
    if (!line.terminated) {
      this.#tail(segment, line.number, line.bytes, line.sha256());
      return;
    }
    const at = { segment, line };
    this.#records += 1;
    const frame = line.content === null ? null : readFrame(line.content);
    const fields = frame?.selfHashed === true && line.content !== null ? parse(line.content) : null;
    if (frame === null || fields === null) {
      this.#changed(at, frame);
      return;
    }
    const inOrder = this.#follows(at, frame);
    if (line.number === 1) this.#header(at, frame, fields);
    else if (fields['kind'] === 'genesis' || fields['kind'] === 'segment') {
      this.#find('misplaced-header', at, frame.seq, 'a segment’s header stands within a segment');
    }
    if (!inOrder) return;
    this.#last = frame;
    this.#lastAt = typeof fields['at'] === 'string' ? fields['at'] : null;
    if (fields['kind'] === 'checkpoint') this.#checkpoint(at, frame, fields);
    if (fields['kind'] === 'chains-seen') this.#seesOthers(fields);
    if (fields['kind'] === 'write-resumed') this.#dropped += Number(fields['dropped']);
    this.#meetAnchors(at, frame);
  }

  endSegment(segment: SegmentPlace): void {
    if (this.#lines === 0) this.#tail(segment, 0, 0, recordHash(Buffer.alloc(0)));
  }

  /** The last of what this chain saw of each other one. Each chain is linked by hashes, so what it saw before is behind that. */
  get saw(): readonly ChainSeen[] {
    return [...this.#saw.values()];
  }

  /** Another chain saw a record of this one; `hash` is of the record with that number as it is here, null when there is none. */
  meetSeen(by: string, seen: ChainSeen, hash: string | null): void {
    const what = `chain ${by} saw record ${seen.seq} of this one, signed at ${seen.at}`;
    if (hash === seen.hash) {
      this.#seenBy.push({ chain: by, seq: seen.seq });
    } else if (hash !== null) {
      this.#add('seen-otherwise', this.#file, 0, seen.seq, `${what}, and it was another`);
    } else if (this.#segments === 0) {
      this.#add('cut-off', this.#file, 0, seen.seq, `${what}, and nothing of it is here`);
    } else {
      this.#add('cut-off', this.#file, 0, seen.seq, `${what}, and it is not here`);
    }
  }

  #seesOthers(fields: Fields): void {
    for (const seen of chainsSeenSchema.safeParse(fields).data?.chains ?? []) this.#saw.set(seen.chain, seen);
  }

  finish(): ChainReport {
    for (const tail of this.#tails) {
      this.#add(
        'torn-record',
        tail.file,
        tail.line,
        this.#last.seq + 1,
        `the trail ends with ${tail.bytes} bytes of an unfinished record: its writer was killed, is writing now, or the file was cut here`,
      );
    }
    for (const anchor of this.#anchors) {
      this.#add(
        'cut-off',
        this.#file,
        0,
        anchor.seq,
        `an anchor of ${anchor.at} vouches for records up to ${anchor.seq}, and the trail ends at ${this.#last.seq}`,
      );
    }
    const unsigned = this.#last.seq - this.#unsignedFrom + 1;
    return {
      chain: this.#chain,
      verdict: this.#verdict,
      segments: this.#segments,
      records: this.#records,
      lastSeq: this.#last.seq,
      lastAt: this.#lastAt,
      checkpoints: this.#checkpoints,
      verifiedThrough: this.#verifiedThrough,
      unsigned: unsigned > 0 ? { records: unsigned, firstSeq: this.#unsignedFrom } : null,
      anchorsMet: this.#anchorsMet,
      seenBy: this.#seenBy,
      keys: this.#keys.reports,
      dropped: this.#dropped,
      findings: this.#findings,
      moreFindings: this.#moreFindings,
    };
  }

  /** Whether the record is the next one, or stands behind a gap. */
  #follows(at: Position, frame: RecordFrame): boolean {
    const last = this.#last;
    const expected = last.seq + 1;
    if (frame.seq < expected) {
      const moved = this.#gaps.some((gap) => gap.from <= frame.seq && frame.seq <= gap.to);
      if (moved) {
        this.#find('reordered-record', at, frame.seq, `record ${frame.seq} stands behind ${last.seq}`);
      } else {
        this.#find('repeated-record', at, frame.seq, `record ${frame.seq} stands here, behind ${last.seq}`);
      }
      return false;
    }
    if (frame.seq > expected) {
      const missing = frame.seq - 1 === expected ? `${expected} is` : `${expected} to ${frame.seq - 1} are`;
      this.#find('missing-records', at, expected, `record ${missing} missing before record ${frame.seq}`);
      if (this.#gaps.length < maxGaps) this.#gaps.push({ from: expected, to: frame.seq - 1 });
    } else if (last.hash !== null && frame.prev !== last.hash) {
      const message = `record ${frame.seq} was written behind another record ${last.seq} than stands here`;
      this.#find('broken-link', at, frame.seq, message);
    }
    return true;
  }

  #changed(at: Position, frame: RecordFrame | null): void {
    const expected = this.#last.seq + 1;
    const message = frame === null ? 'not a record of the trail' : 'the record’s bytes do not give its hash';
    this.#find('changed-record', at, expected, message);
    this.#last = { seq: expected, hash: null };
    this.#meetAnchors(at, { seq: expected, hash: null });
  }

  // Headers.

  #header(at: Position, frame: RecordFrame, fields: Fields): void {
    const header = headerSchema.safeParse(fields).data;
    if (header === undefined) {
      this.#find('wrong-segment', at, frame.seq, 'the file does not begin with a segment’s header');
      return;
    }
    const problem = headerProblem(header, at.segment, frame);
    if (problem !== null) this.#find('wrong-segment', at, frame.seq, problem);
    this.#explainTails(at, frame, header);
    const keyProblem = this.#keys.use(header, frame.seq);
    if (keyProblem !== null) this.#find(keyProblem.kind, at, frame.seq, keyProblem.message);
  }

  #tail(segment: SegmentPlace, line: number, bytes: number, sha256: string): void {
    this.#tails.push({ file: segment.file, segment: segment.number, line, bytes, sha256 });
  }

  /** A header tells of every torn end since the last whole record: what it does not tell of, or otherwise, was made. */
  #explainTails(at: Position, frame: RecordFrame, header: SegmentHeader): void {
    const told = new Map(header.torn.map((torn) => [torn.segment, torn]));
    for (const tail of this.#tails) {
      const torn = told.get(tail.segment);
      told.delete(tail.segment);
      const { file, line, bytes } = tail;
      if (torn?.bytes === bytes && torn.sha256 === tail.sha256) {
        const message = `${bytes} bytes of an unfinished record: its writer was killed or its disk failed, as ${at.segment.file} tells`;
        this.#add('torn-record', file, line, frame.seq, message);
      } else {
        const message = `the file ends within a record, after ${bytes} bytes, and ${at.segment.file} does not tell of that`;
        this.#add('changed-torn-bytes', file, line, frame.seq, message);
      }
    }
    for (const torn of told.values()) {
      const message = `segment ${torn.segment} ended with ${torn.bytes} bytes of an unfinished record that are not there now`;
      this.#find('changed-torn-bytes', at, frame.seq, message);
    }
    this.#tails = [];
  }

  // Signatures and anchors.

  #checkpoint(at: Position, frame: RecordFrame, fields: Fields): void {
    this.#checkpoints += 1;
    const checkpoint = checkpointSchema.safeParse(fields).data;
    const key = this.#keys.current;
    const signs = { seq: frame.seq - 1, hash: frame.prev };
    const good =
      checkpoint !== undefined &&
      key?.id === checkpoint.keyId &&
      key.verifies(checkpointText(this.#chain, signs.seq, signs.hash, checkpoint.at), checkpoint.signature);
    if (!good) {
      const message = `the signature is not of these records: one of ${this.#unsignedFrom} to ${signs.seq} was changed`;
      this.#find('bad-signature', at, frame.seq, message);
      return;
    }
    this.#unsignedFrom = frame.seq + 1;
    if (this.#verdict === 'tampered') return;
    const { at: time, keyId, signature } = checkpoint;
    this.#verifiedThrough = {
      format: anchorFormat,
      chain: this.#chain,
      ...signs,
      at: time,
      keyId,
      signature,
    };
  }

  #meetAnchors(at: Position, place: { readonly seq: number; readonly hash: string | null }): void {
    for (let anchor = this.#anchors[0]; anchor !== undefined && anchor.seq <= place.seq; ) {
      if (anchor.seq === place.seq && anchor.hash === place.hash) this.#anchorsMet += 1;
      else this.#anchorMissed(at, anchor);
      this.#anchors.shift();
      anchor = this.#anchors[0];
    }
  }

  #anchorMissed(at: Position, anchor: Anchor): void {
    const key = this.#keys.current?.id;
    const rewritten =
      key === undefined || key === anchor.keyId
        ? ''
        : `; the anchor was signed with key ${anchor.keyId}, this with ${key}`;
    const message = `record ${anchor.seq} is not the one that the anchor of ${anchor.at} vouches for${rewritten}`;
    this.#find('anchor-mismatch', at, anchor.seq, message);
  }

  #find(kind: FindingKind, { segment, line }: Position, seq: number, message: string): void {
    this.#add(kind, segment.file, line.number, seq, message);
  }

  #add(kind: FindingKind, file: string, line: number, seq: number, message: string): void {
    this.#verdict = worse(this.#verdict, verdictOf(kind));
    if (this.#findings.length < maxFindings) this.#findings.push({ kind, file, line, seq, message });
    else this.#moreFindings += 1;
  }
}

function parse(content: Buffer): Fields | null {
  try {
    const value: unknown = JSON.parse(content.toString());
    return typeof value === 'object' && value !== null ? (value as Fields) : null; // an object has string keys
  } catch {
    // Not JSON: somebody gave it a hash that fits, but we did not write it. The caller reports it.
    return null;
  }
}

function headerProblem(header: SegmentHeader, segment: SegmentPlace, frame: RecordFrame): string | null {
  if (header.chain !== segment.chain) return `the header is of the chain ${header.chain}`;
  if (header.segment !== segment.number) return `the header is of segment ${header.segment}`;
  if ((header.kind === 'genesis') !== (frame.seq === 1)) {
    return `a ${header.kind} header stands at record ${frame.seq}`;
  }
  if (header.kind === 'genesis') return null;
  const { lastSeq, lastHash } = header.previous;
  return lastSeq === frame.seq - 1 && lastHash === frame.prev
    ? null
    : 'the header does not follow the record that it names';
}
