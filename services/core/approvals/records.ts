/**
 * The shapes of what a store has written and reads back. Strict: a field that this version does not know could be a
 * condition on approvers that it would then leave out.
 */
import { z } from 'zod';
import type { ApprovalTerms, GrantScope, RuleRef } from '../model/decision.ts';
import type { AlsoApproved, Grant, Hold, HoldRequest, HoldState, Vote } from '../model/hold.ts';
import { grantId, holdId, policyName, ruleName, sessionId, targetName } from '../model/ids.ts';
import { type Party, principalKinds } from '../model/principal.ts';
import type { PrincipalPattern } from '../model/principal-pattern.ts';

const partyRecord: z.ZodType<Party> = z.strictObject({ issuer: z.string(), subject: z.string() });

const patternRecord: z.ZodType<PrincipalPattern> = z.strictObject({
  subjects: z.array(z.string()).exactOptional(),
  kinds: z.array(z.enum(principalKinds)).exactOptional(),
  groups: z.array(z.string()).exactOptional(),
  issuers: z.array(z.string()).exactOptional(),
  claims: z.record(z.string(), z.array(z.union([z.string(), z.number(), z.boolean()]))).exactOptional(),
  actingFor: z.array(z.string()).exactOptional(),
});

const scopeRecord: z.ZodType<GrantScope> = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('exact') }),
  z.strictObject({ kind: z.literal('window'), forMs: z.number(), covers: z.enum(['action', 'rule']) }),
]);

const termsRecord: z.ZodType<ApprovalTerms> = z.strictObject({
  approvers: z.array(z.array(patternRecord)),
  quorum: z.number(),
  withinMs: z.number(),
  mode: z.enum(['wait', 'defer']),
  waitMs: z.number(),
  grant: scopeRecord,
});

const ruleRecord: z.ZodType<RuleRef> = z.strictObject({
  policy: z.string().transform(policyName),
  rule: z.string().transform(ruleName),
});

export const holdIdRecord = z.string().transform(holdId);
export const grantIdRecord = z.string().transform(grantId);

const alsoApprovedRecord: z.ZodType<AlsoApproved> = z.strictObject({
  digest: z.string(),
  text: z.string(),
  effects: z.array(z.string()),
});

export const requestRecord: z.ZodType<HoldRequest> = z.strictObject({
  id: holdIdRecord,
  digest: z.string(),
  ruleDigest: z.string(),
  session: z.string().transform(sessionId),
  protocol: z.string(),
  target: z.string().transform(targetName),
  requester: partyRecord,
  chain: z.array(partyRecord),
  rule: ruleRecord,
  text: z.string(),
  parameters: z.array(z.string().nullable()),
  effects: z.array(z.string()),
  // Holds of before these were shown are read on.
  consequences: z.array(z.string()).default([]),
  sessionState: z.string().default(''),
  command: z.string().nullable().default(null),
  alsoApproves: z.array(alsoApprovedRecord).default([]),
  approval: termsRecord,
  openedAtMs: z.number(),
  expiresAtMs: z.number(),
  owner: z.string().nullable(),
});

export const stateRecord: z.ZodType<HoldState> = z.enum([
  'open',
  'approved',
  'used',
  'rejected',
  'expired',
  'withdrawn',
]);

export const voteRecord: z.ZodType<Vote> = z.strictObject({
  approver: partyRecord,
  verdict: z.enum(['approve', 'reject']),
  reason: z.string(),
  atMs: z.number(),
});

export const holdRecord: z.ZodType<Hold> = z.strictObject({
  request: requestRecord,
  state: stateRecord,
  votes: z.array(voteRecord),
});

export const grantRecord: z.ZodType<Grant> = z.strictObject({
  id: grantIdRecord,
  hold: holdIdRecord,
  scope: scopeRecord,
  digest: z.string(),
  approvers: z.array(partyRecord),
  expiresAtMs: z.number(),
});
