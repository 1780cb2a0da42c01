import { hash } from 'node:crypto';
import { z } from 'zod';
import type { TrailEntry } from '../model/trail-entry.ts';

/**
 * One line of a segment:
 *
 *   {"seq":7,"at":"2026-11-21T12:00:00.000Z","kind":…,…,"prev":"<64 hex>","hash":"<64 hex>"}\n
 *
 * `hash` is SHA-256 over the line's bytes up to `,"hash":`, and `prev`, the hash of the record before, is among them:
 * nobody has to serialise anything anew to verify it. `sha256sum` and `cut` suffice.
 */
const previousField = ',"prev":"';
const hashField = ',"hash":"';
const lineEnd = '"}';
const hexDigits = 64;
/** The end of a line, which its hash does not cover. */
export const uncoveredBytes = hashField.length + hexDigits + lineEnd.length;
const tailBytes = previousField.length + hexDigits + '"'.length + uncoveredBytes;
const tailPattern = /,"prev":"([0-9a-f]{64})","hash":"([0-9a-f]{64})"\}$/;
const headPattern = /^\{"seq":([1-9][0-9]{0,15}),"at":"/;
const maxHeadBytes = 40;

export const recordHash = (covered: Uint8Array | string): string => hash('sha256', covered, 'hex');
export const headText = (seq: number, at: string): string => `{"seq":${seq},"at":"${at}"`;
export const previousText = (previous: string): string => `${previousField}${previous}"`;
export const hashText = (ownHash: string): string => `${hashField}${ownHash}${lineEnd}\n`;

/** The `prev` of a chain's first record. */
export const noHash = '0'.repeat(hexDigits);

/** A place in a chain: a record's number and hash. */
export interface ChainPlace {
  readonly seq: number;
  readonly hash: string;
}

export const chainStart: ChainPlace = { seq: 0, hash: noHash };

/** A record's place and its predecessor's hash, as its line says. */
export interface RecordFrame extends ChainPlace {
  readonly prev: string;
  /** Whether the line's bytes give the hash that stands in it. */
  readonly selfHashed: boolean;
}

/** `line` is without its line feed. Null when it is no record at all. */
export function readFrame(line: Buffer): RecordFrame | null {
  const head = headPattern.exec(line.toString('latin1', 0, maxHeadBytes));
  const tail = tailPattern.exec(line.toString('latin1', Math.max(0, line.length - tailBytes)));
  const [seq, prev, stated] = [head?.[1], tail?.[1], tail?.[2]];
  if (seq === undefined || prev === undefined || stated === undefined) return null;
  const selfHashed = recordHash(line.subarray(0, line.length - uncoveredBytes)) === stated;
  return { seq: Number(seq), prev, hash: stated, selfHashed };
}

const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/);
const seqSchema = z.int().nonnegative();

export const trailFormat = 'sallyport-trail-1';

/** Bytes at the end of a segment that are not a whole record: a process died, or a disk failed, while they were written. */
const tornSchema = z.object({ segment: seqSchema, bytes: seqSchema, sha256: sha256Schema });
export type TornBytes = z.infer<typeof tornSchema>;

const headerFields = {
  format: z.literal(trailFormat),
  chain: z.string(),
  segment: z.int().positive(),
  /** Torn ends of segments since the last whole record before this one. */
  torn: z.array(tornSchema).readonly(),
  keyId: z.string(),
  /** Ed25519 public key, SubjectPublicKeyInfo (RFC 8410) in base64. */
  publicKey: z.base64(),
};

const genesisSchema = z.object({ kind: z.literal('genesis'), ...headerFields });

const segmentSchema = z.object({
  kind: z.literal('segment'),
  ...headerFields,
  why: z.enum(['started', 'size', 'fault']),
  previous: z.object({ segment: z.int().positive(), lastSeq: seqSchema, lastHash: sha256Schema }),
  /** The former key's signature of this one, when the key has changed and the former could still sign. */
  endorsement: z.object({ keyId: z.string(), signature: z.base64() }).nullable(),
});

/** The first record of every segment. */
export const headerSchema = z.discriminatedUnion('kind', [genesisSchema, segmentSchema]);
export type SegmentHeader = z.infer<typeof headerSchema>;

/** Signs the record before it: everything up to there is what it was at this time. */
export const checkpointSchema = z.object({
  kind: z.literal('checkpoint'),
  at: z.string(),
  keyId: z.string(),
  signature: z.base64(),
});

/** One chain as another saw it. */
const chainSeenSchema = z.object({
  chain: z.string(),
  seq: z.int().positive(),
  hash: sha256Schema,
  at: z.string(),
});
export type ChainSeen = z.infer<typeof chainSeenSchema>;

export const chainsSeenSchema = z.object({
  kind: z.literal('chains-seen'),
  chains: z.array(chainSeenSchema),
});

export type ActionEnded = Extract<TrailEntry, { kind: 'action-ended' }>;
/** What has a record of its own. */
export type SingleEntry = Exclude<TrailEntry, ActionEnded>;

/** What the trail says of itself, or in another form than it is told. */
export type ChainEntry =
  | SegmentHeader
  /** How actions ended in the last milliseconds: nobody waits for these, so many share a record. Readers get one each. */
  | { readonly kind: 'actions-ended'; readonly ended: readonly ActionEnded[] }
  | { readonly kind: 'checkpoint'; readonly keyId: string; readonly signature: string }
  | {
      /**
       * The disk had refused records `from` to `through`. They stand in the trail, and what waited for them was
       * refused: actions allowed among them were not carried out. `dropped` more found no room in memory.
       */
      readonly kind: 'write-resumed';
      readonly error: string;
      readonly from: number;
      readonly through: number;
      readonly dropped: number;
    };

/** A record as readers of the trail get it. Ends of actions that share a line share all of what is below. */
export type TrailRecord = (TrailEntry | Exclude<ChainEntry, { kind: 'actions-ended' }>) & RecordPlace;

/** The rest of a line. */
export interface RecordPlace {
  readonly seq: number;
  /** ISO 8601, UTC, milliseconds. */
  readonly at: string;
  readonly prev: string;
  readonly hash: string;
}
