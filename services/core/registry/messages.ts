/** What processes send each other through Redis. Whoever can write to Redis can send it, and another version may: it is read by schema. */
import { z } from 'zod';
import { sessionId, targetName } from '../model/ids.ts';
import type { Answer, News, Question } from '../model/peers.ts';
import { principalKinds } from '../model/principal.ts';

/** A gateway process, as it stands in Redis. */
const processSchema = z.strictObject({ id: z.string(), name: z.string() });
export type GatewayProcess = z.output<typeof processSchema>;

const session = z.string().max(100).transform(sessionId);
const target = z.string().transform(targetName);
const count = z.int().nonnegative();
const party = z.strictObject({ issuer: z.string(), subject: z.string() });
const rate = { gateway: z.string(), rateKey: z.string(), perMinute: z.number().positive() };

const newsSchema: z.ZodType<News> = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('login-failed'), ip: z.string().max(64) }),
  z.strictObject({ kind: z.literal('login-succeeded'), ip: z.string().max(64) }),
  z.strictObject({ kind: z.literal('cancel'), protocol: z.string(), key: z.string().max(1024) }),
  z.strictObject({ kind: z.literal('definitions-changed'), protocol: z.string(), target }),
  z.strictObject({ kind: z.literal('session-revoked'), protocol: z.string(), key: z.string().max(64) }),
  z.strictObject({ kind: z.literal('commands-wanted'), ...rate, by: z.string() }),
  z.strictObject({
    kind: z.literal('commands-lent'),
    ...rate,
    to: z.string(),
    loan: z.strictObject({
      capacity: z.number().positive(),
      commands: z.number().nonnegative(),
      untilMs: z.number(),
    }),
  }),
]);

const questionSchema: z.ZodType<Question> = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('status') }),
  z.strictObject({
    kind: z.literal('sessions'),
    after: z.strictObject({ openedAtMs: z.number(), id: session }).nullable(),
    limit: count,
  }),
  z.strictObject({ kind: z.literal('open-among'), sessions: z.array(session) }),
  z.strictObject({ kind: z.literal('kill'), session, by: party, reason: z.string() }),
]);

const openSession = z.strictObject({
  id: session,
  openedAtMs: z.number(),
  protocol: z.string(),
  target,
  principal: z.strictObject({
    issuer: z.string(),
    subject: z.string(),
    kind: z.enum(principalKinds),
    actsFor: z.array(party),
  }),
  source: z.string(),
  lastActiveMs: z.number(),
  actions: count,
});

const answerSchema: z.ZodType<Answer> = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('status'),
    status: z.strictObject({
      version: z.string(),
      startedAtMs: z.number(),
      sessions: count,
      trailWritable: z.boolean(),
      policyVersion: z.string(),
      policyRefused: z.boolean(),
    }),
  }),
  z.strictObject({ kind: z.literal('sessions'), sessions: z.array(openSession) }),
  z.strictObject({ kind: z.literal('open-among'), sessions: z.array(session) }),
  z.strictObject({
    kind: z.literal('kill'),
    outcome: z.enum(['not-here', 'recorded', 'unrecorded']),
  }),
]);

/** `from` and `asked` are ids: of the process that sends, and of the question. */
const messageSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('news'), from: z.string(), news: newsSchema }),
  z.strictObject({
    kind: z.literal('question'),
    from: z.string(),
    asked: z.string(),
    question: questionSchema,
  }),
  z.strictObject({ kind: z.literal('answer'), from: z.string(), asked: z.string(), answer: answerSchema }),
]);
export type Message = z.output<typeof messageSchema>;

const parsed = <Schema extends z.ZodType>(schema: Schema, text: string): z.output<Schema> | null => {
  try {
    return schema.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    // Not JSON: not a message of ours either, which the caller is told.
    return null;
  }
};

/** Null when it is none that this version knows. */
export const readMessage = (text: string): Message | null => parsed(messageSchema, text);
export const readProcess = (text: string): GatewayProcess | null => parsed(processSchema, text);
