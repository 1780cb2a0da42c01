import { join } from 'node:path';
import { z } from 'zod';
import {
  type ActionId,
  actionId,
  type SessionId,
  sessionId,
  type TargetName,
  targetName,
} from '../model/ids.ts';
import { principalKinds } from '../model/principal.ts';
import type { TrailPrincipal } from '../model/trail-entry.ts';
import type { TranscriptEntry } from '../model/transcript.ts';

export const transcriptFormat = 'sallyport-transcript-1';

/** The first line of a transcript: whose session it is. */
export interface TranscriptHeader {
  readonly kind: 'header';
  readonly format: typeof transcriptFormat;
  readonly session: SessionId;
  readonly principal: TrailPrincipal;
  readonly target: TargetName;
  readonly protocol: string;
  /** ISO 8601, UTC. */
  readonly started: string;
}

/** What was left out since the line before; `action` is null for what belongs to none. */
export interface CutEntry {
  readonly kind: 'cut';
  readonly action: ActionId | null;
  readonly rowsLeftOut: number;
  readonly bytesLeftOut: number;
}

/** The lines that follow it. */
export type StoredEntry = { /** Since the session started. */ readonly ms: number } & (
  | (Exclude<TranscriptEntry, { kind: 'cut' }> & {
      /** The text or its parameters are not whole: how many characters are not here. */
      readonly leftOutCharacters?: number;
    })
  | CutEntry
  /** The last line of a session that was closed. `linesLost`: the disk refused them until the session was over. */
  | { readonly kind: 'end'; readonly linesLost: number }
);

const partySchema = z.object({ issuer: z.string(), subject: z.string() });
export const headerLineSchema = z.object({
  kind: z.literal('header'),
  format: z.literal(transcriptFormat),
  session: z.string().transform(sessionId),
  principal: partySchema.extend({ kind: z.enum(principalKinds), actsFor: z.array(partySchema) }),
  target: z.string().transform(targetName),
  protocol: z.string(),
  started: z.string(),
});

const actionSchema = z.string().transform(actionId);
const count = z.number().nonnegative();
const common = { ms: count, leftOutCharacters: count.exactOptional() };
const value = z.string().nullable();

/** A line after the first. Whoever changed the file must not be able to break, or to mislead, the one who reads it. */
export const entrySchema: z.ZodType<StoredEntry> = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('action'),
    action: actionSchema,
    text: z.string(),
    parameters: z.array(value),
    decision: z.enum(['allow', 'deny', 'hold']),
    rule: value,
    message: value,
    ...common,
  }),
  z.object({ kind: z.literal('masked'), ring: z.string(), ringVersion: z.string(), ...common }),
  z.object({
    kind: z.literal('result'),
    action: actionSchema,
    columns: z.array(z.string()).nullable(),
    rows: z.array(z.array(value)),
    status: value,
    ...common,
  }),
  z.object({
    kind: z.literal('output'),
    action: actionSchema.nullable(),
    stream: z.enum(['error', 'notice', 'data', 'stdin', 'stdout', 'stderr']),
    text: z.string(),
    ...common,
  }),
  z.object({
    kind: z.literal('cut'),
    action: actionSchema.nullable(),
    rowsLeftOut: count,
    bytesLeftOut: count,
    ms: count,
  }),
  z.object({ kind: z.literal('end'), linesLost: count, ms: count }),
]);

export const transcriptsFolder = (stateDir: string): string => join(stateDir, 'transcripts');
export const dayPattern = /^[0-9]{4}-[0-9]{2}-[0-9]{2}$/;
/** Session ids are base64url: nothing in them can leave the folder. */
export const transcriptNamePattern = /^([A-Za-z0-9_-]{1,64})\.jsonl$/;
export const transcriptName = (session: SessionId): string => `${session}.jsonl`;
/** The day in UTC on which the session began. */
export const dayOf = (started: string): string => started.slice(0, 'yyyy-mm-dd'.length);
