import { z } from 'zod';
import type { Grant, Hold, HoldRequest, HoldState, Vote } from '../../model/hold.ts';
import type { HoldId } from '../../model/ids.ts';
import {
  grantIdRecord,
  grantRecord,
  holdIdRecord,
  holdRecord,
  requestRecord,
  voteRecord,
} from '../records.ts';

/** One line of the journal: what happened, decided already. */
export type LedgerEvent =
  | { readonly kind: 'opened'; readonly request: HoldRequest }
  /** `state` is the hold's after this vote; `grant` is what its approval left behind, and `alsoGrants` for what it also approves. */
  | {
      readonly kind: 'voted';
      readonly hold: HoldId;
      readonly vote: Vote;
      readonly state: Extract<HoldState, 'open' | 'approved' | 'rejected'>;
      readonly grant: Grant | null;
      readonly alsoGrants: readonly Grant[];
    }
  | { readonly kind: 'deferred'; readonly hold: HoldId }
  | {
      readonly kind: 'ended';
      readonly hold: HoldId;
      readonly state: Extract<HoldState, 'used' | 'expired' | 'withdrawn'>;
      readonly atMs: number;
    }
  | { readonly kind: 'grant-used'; readonly grant: Pick<Grant, 'id' | 'digest'> }
  /** What a rewritten journal begins with: a hold as it stood, `endedAtMs` null while it is open. */
  | { readonly kind: 'kept-hold'; readonly hold: Hold; readonly endedAtMs: number | null }
  | { readonly kind: 'kept-grant'; readonly grant: Grant };

export const ledgerEventRecord: z.ZodType<LedgerEvent> = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('opened'), request: requestRecord }),
  z.strictObject({
    kind: z.literal('voted'),
    hold: holdIdRecord,
    vote: voteRecord,
    state: z.enum(['open', 'approved', 'rejected']),
    grant: grantRecord.nullable(),
    // Votes of before there were any are read on.
    alsoGrants: z.array(grantRecord).default([]),
  }),
  z.strictObject({ kind: z.literal('deferred'), hold: holdIdRecord }),
  z.strictObject({
    kind: z.literal('ended'),
    hold: holdIdRecord,
    state: z.enum(['used', 'expired', 'withdrawn']),
    atMs: z.number(),
  }),
  z.strictObject({
    kind: z.literal('grant-used'),
    grant: z.strictObject({ id: grantIdRecord, digest: z.string() }),
  }),
  z.strictObject({ kind: z.literal('kept-hold'), hold: holdRecord, endedAtMs: z.number().nullable() }),
  z.strictObject({ kind: z.literal('kept-grant'), grant: grantRecord }),
]);
