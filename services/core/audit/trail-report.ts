import type { Anchor } from './anchor.ts';

/** What `verifyTrail` found; plain data. */
export interface TrailReport {
  /** The worst of the chains'. `unproven` when there is no chain at all. */
  readonly verdict: Verdict;
  readonly chains: readonly ChainReport[];
  /** Files in the folder that belong to no chain, and were not read. */
  readonly otherFiles: readonly string[];
}

/**
 * `intact`: nothing is wrong. `torn`: a crash, or a disk that failed, left part of a record, and nothing else is
 * wrong. `unproven`: nothing is wrong, but a key has to be vouched for. `tampered`: somebody changed it.
 */
export type Verdict = 'intact' | 'torn' | 'unproven' | 'tampered';

export interface ChainReport {
  readonly chain: string;
  readonly verdict: Verdict;
  readonly segments: number;
  readonly records: number;
  readonly lastSeq: number;
  readonly lastAt: string | null;
  readonly checkpoints: number;
  /**
   * The last checkpoint before the first sign of tampering: everything up to its `seq` was written by the holder of
   * its key. It can be kept as an anchor. Null when there is none.
   */
  readonly verifiedThrough: Anchor | null;
  /**
   * Records behind the last checkpoint. Nothing signs them yet, and nobody can tell whether more of them were there
   * once: a tail that was cut at the end of a line looks as if it was never written, except to an anchor.
   */
  readonly unsigned: { readonly records: number; readonly firstSeq: number } | null;
  readonly anchorsMet: number;
  /** Other chains that saw this one as it is here, and how far. */
  readonly seenBy: readonly { readonly chain: string; readonly seq: number }[];
  /** The keys in the order of their use. */
  readonly keys: readonly KeyReport[];
  /** Records that a full disk kept out, as the trail itself tells. */
  readonly dropped: number;
  readonly findings: readonly Finding[];
  /** How many more findings there are than are listed. */
  readonly moreFindings: number;
}

export interface KeyReport {
  readonly keyId: string;
  readonly firstSeq: number;
  /** `given`: among the public keys that were given. `endorsed`: signed by the key before it. `own-word`: only the trail says so. */
  readonly trust: 'given' | 'endorsed' | 'own-word';
}

export interface Finding {
  readonly kind: FindingKind;
  /** Name within the trail's folder. */
  readonly file: string;
  /** From 1; 0 for the file as a whole. */
  readonly line: number;
  /** The record's number, as far as it can be told. */
  readonly seq: number;
  readonly message: string;
}

export type FindingKind =
  /** The line does not give the hash that stands in it, or is no record. */
  | 'changed-record'
  /** It names another hash than that of the record before it. */
  | 'broken-link'
  | 'missing-records'
  /** A record that was missing before stands here. */
  | 'reordered-record'
  /** A number that was there already: a copy, or a record that was put in. */
  | 'repeated-record'
  | 'bad-signature'
  /** A file does not begin with the header of this segment. */
  | 'wrong-segment'
  | 'misplaced-header'
  /** What a crash left is not what the next segment's header says of it. */
  | 'changed-torn-bytes'
  | 'untrusted-key'
  /** An anchor's record is another one, or is not there. */
  | 'anchor-mismatch'
  /** The chain ends before an anchor, or before what another chain saw of it, or is not there at all. */
  | 'cut-off'
  /** Another chain saw another record under this number. */
  | 'seen-otherwise'
  | 'torn-record'
  | 'unendorsed-key';

const verdicts: Readonly<Partial<Record<FindingKind, Verdict>>> = {
  'torn-record': 'torn',
  'unendorsed-key': 'unproven',
};
const byWeight: readonly Verdict[] = ['intact', 'torn', 'unproven', 'tampered'];

/** What a finding alone makes of its chain. */
export const verdictOf = (kind: FindingKind): Verdict => verdicts[kind] ?? 'tampered';

export const worse = (left: Verdict, right: Verdict): Verdict =>
  byWeight.indexOf(left) >= byWeight.indexOf(right) ? left : right;
