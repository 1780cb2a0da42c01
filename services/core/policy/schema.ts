/** How a policy is written: the same for YAML, for TypeScript's plain result, and for an editor's JSON Schema. */
import { z } from 'zod';
import { conditionTreatments, derivedTreatments, ruleOutcomes } from '../model/decision.ts';
import { principalKinds } from '../model/principal.ts';
import { durationText } from '../model/quantity.ts';
import { listenersSchema, sourcesSchema } from './conditions/origin.ts';
import { parametersSchema } from './conditions/parameters.ts';
import { timesSchema } from './conditions/times.ts';
import {
  maxApprovalMs,
  maxListItems,
  maxMessageCharacters,
  maxNameCharacters,
  maxPolicies,
  maxQuorum,
  maxRulesPerPolicy,
} from './limits.ts';
import { duration, size } from './quantities.ts';
import { name, strict, texts, word } from './shapes.ts';
import { everyVerb, type Vocabulary } from './vocabulary.ts';

/** Stands in trail, messages and terminals as `policy/rule`, so it has nothing that could mislead there. */
const ownName = z
  .string({ error: 'must be a name' })
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, {
    error: 'must be a name of letters, digits, ".", "_" and "-", beginning with a letter or digit',
  })
  .max(maxNameCharacters);

const claimValue = z.union([z.string(), z.number(), z.boolean()], {
  error: 'must be text, a number, true or false',
});

export const principalPatternSchema = strict({
  subjects: texts.exactOptional(),
  kinds: z.array(word('a kind of principal', principalKinds)).max(maxListItems).exactOptional(),
  groups: texts.exactOptional(),
  issuers: texts.exactOptional(),
  claims: z.record(z.string(), z.array(claimValue).max(maxListItems)).exactOptional(),
  actingFor: texts.exactOptional(),
});

const principals = z.array(principalPatternSchema).max(maxListItems);

const approvalTime = duration.refine((ms) => ms <= maxApprovalMs, {
  error: `must be at most ${durationText(maxApprovalMs)}`,
});

const count = z.int().min(1, { error: 'must be 1 or more' });

export const defaultApproval = {
  quorum: 1,
  withinMs: 15 * 60_000,
  mode: 'wait',
  /** Many agents give a tool up after three minutes: the answer must be there before. */
  waitMs: 2 * 60_000,
  grant: 'exact',
} as const;

export const approvalSchema = strict({
  approvers: principals.min(1, { error: 'must name somebody who can approve' }),
  quorum: count.max(maxQuorum, { error: `must be at most ${maxQuorum}` }).exactOptional(),
  within: approvalTime.exactOptional(),
  mode: word('a way to hold', ['wait', 'defer']).exactOptional(),
  wait: approvalTime.exactOptional(),
  grant: z
    .union([
      z.literal('exact'),
      strict({ for: approvalTime, covers: word('a scope of grants', ['action', 'rule']) }),
    ])
    .exactOptional(),
}).superRefine((approval, context) => {
  const { mode = defaultApproval.mode, wait, within = defaultApproval.withinMs } = approval;
  if (wait === undefined) return;
  const addIssue = (message: string): void => context.addIssue({ code: 'custom', path: ['wait'], message });
  if (mode === 'defer') addIssue('belongs to mode: wait; a deferred hold answers at once');
  else if (wait > within) addIssue('is longer than the hold itself stays open (within)');
});
export type ApprovalSource = z.output<typeof approvalSchema>;

const agentText = z.string().min(1).max(maxMessageCharacters);

const ruleShape = {
  name: ownName,
  principals: principals.exactOptional(),
  effects: texts.exactOptional(),
  opaque: texts.exactOptional(),
  times: timesSchema.exactOptional(),
  sources: sourcesSchema.exactOptional(),
  listeners: listenersSchema.exactOptional(),
  parameters: parametersSchema.exactOptional(),
  outcome: word('an outcome', ruleOutcomes),
  message: agentText.exactOptional(),
  hint: agentText.exactOptional(),
  approval: approvalSchema.exactOptional(),
};

/** What every rule may say; its other keys are conditions in its protocols' words. */
export const ruleKeys: readonly string[] = Object.keys(ruleShape);
export const ruleSchema = strict(ruleShape);
export type RuleSource = z.output<typeof ruleSchema>;

const maskShape = {
  fields: texts.exactOptional(),
  detect: texts.exactOptional(),
  // YAML reads the transform `null` as the value null.
  with: z
    .union([z.string(), z.null()], { error: 'must be the name of a transform' })
    .transform((transform) => transform ?? 'null'),
  inConditions: word('a way to treat conditions', conditionTreatments).exactOptional(),
  derived: word('a way to treat what is computed', derivedTreatments).exactOptional(),
};
export const maskSchema = strict(maskShape);
export type MaskSource = z.output<typeof maskSchema>;

export const limitsSchema = strict({
  rows: count.exactOptional(),
  bytes: size.exactOptional(),
  commandsPerMinute: count.exactOptional(),
  guessesPerMinute: count.exactOptional(),
  session: duration.exactOptional(),
  idle: duration.exactOptional(),
});

const policyShape = {
  name: ownName.refine((text) => text !== 'builtin', { error: 'is the name of the gateway’s own rules' }),
  principals: principals.exactOptional(),
  targets: z.array(name).min(1, { error: 'must name a target; "*" is all of them' }).max(maxListItems),
  limits: limitsSchema.exactOptional(),
  record: strict({ results: z.boolean() }).exactOptional(),
};

/** A policy without its rules and masks, which are read one by one so that one mistake does not hide another. */
export const policySchema = strict({
  ...policyShape,
  rules: z.array(z.unknown()).max(maxRulesPerPolicy).exactOptional(),
  masks: z.array(z.unknown()).max(maxListItems).exactOptional(),
});
export type PolicySource = z.output<typeof policySchema>;

export const fileSchema = strict({ policies: z.array(z.unknown()).max(maxPolicies) });

/** The whole of a policy file, for `z.toJSONSchema(schema, { io: 'input' })`: what an editor completes and checks. */
export function editorSchema(vocabulary: Vocabulary): z.ZodType {
  const protocols = Object.values(vocabulary.protocols);
  const conditions = new Map<string, z.ZodType[]>();
  for (const words of protocols) {
    for (const [condition, { schema }] of Object.entries(words.conditions)) {
      conditions.set(condition, [...(conditions.get(condition) ?? []), schema]);
    }
  }
  const conditionShape = [...conditions].map(([condition, schemas]) => [
    condition,
    z.union(schemas).optional(),
  ]);
  const verbs = [everyVerb, ...new Set(protocols.flatMap((words) => words.verbs))];
  const rule = strict({
    ...ruleShape,
    ...Object.fromEntries(conditionShape),
    effects: z.array(z.enum(verbs)).optional(),
    opaque: z.array(z.enum([...new Set(protocols.flatMap((words) => words.opaqueReasons))])).optional(),
  });
  const mask = strict({
    ...maskShape,
    detect: z.array(z.enum(vocabulary.detectors)).optional(),
    with: z.union([z.enum(vocabulary.transforms), z.null()]),
  });
  const policy = strict({
    ...policyShape,
    rules: z.array(rule).optional(),
    masks: z.array(mask).optional(),
  });
  return strict({ policies: z.array(policy) });
}
