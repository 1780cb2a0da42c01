/** What the API answers with: the same schemas write its OpenAPI document and read its answers in the CLI. */
import { z } from 'zod';
import { principalKinds } from '../../core/model/principal.ts';
import { maxReasonBytes } from './limits.ts';

/** What a schema lets through; nobody changes it. */
export type Wire<Schema extends z.ZodType> = Frozen<z.output<Schema>>;
type Frozen<Value> = Value extends readonly (infer Item)[]
  ? readonly Frozen<Item>[]
  : Value extends object
    ? { readonly [Key in keyof Value]: Frozen<Value[Key]> }
    : Value;

const time = z.iso.datetime().meta({ description: 'UTC, with milliseconds' });

const party = z
  .strictObject({ issuer: z.string(), subject: z.string() })
  .meta({ description: 'One party in a delegation chain: a subject is unique only within its issuer' });

const principal = z
  .strictObject({
    issuer: z.string(),
    subject: z.string(),
    kind: z.enum(principalKinds),
    actsFor: z.array(party).meta({ description: 'Everybody behind the speaker, nearest first' }),
  })
  .meta({ description: 'Who speaks' });

const roles = z
  .strictObject({ operator: z.boolean(), auditor: z.boolean() })
  .meta({ description: 'What sallyport.yaml says of a person under `console`' });

export const whoamiSchema = z
  .strictObject({
    issuer: z.string(),
    subject: z.string(),
    groups: z.array(z.string()),
    roles,
    expiresAt: time.meta({ description: 'When the token ends' }),
  })
  .meta({ description: 'Whom the token stands for' });
export type Whoami = Wire<typeof whoamiSchema>;

const silent = z
  .array(z.string())
  .meta({ description: 'Gateway processes that did not answer, so that what they have is missing here' });

const process = z
  .strictObject({
    process: z.string().meta({ description: 'Its name, and that of its machine where several share Redis' }),
    version: z.string(),
    startedAt: time,
    sessions: z.int().meta({ description: 'Open in it' }),
    trailWritable: z.boolean(),
    policyVersion: z.string(),
    policyRefused: z.boolean().meta({ description: 'Whether its last load of policies was refused' }),
  })
  .meta({ description: 'A gateway process' });

const fileProblem = z
  .strictObject({
    severity: z.enum(['error', 'warning']),
    file: z.string(),
    line: z.int(),
    column: z.int(),
    message: z.string(),
  })
  .meta({ description: 'Something wrong in a policy file' });

export const statusSchema = z
  .strictObject({
    version: z.string(),
    startedAt: time,
    policy: z.strictObject({
      version: z.string().meta({ description: 'Changes with every change of what the policies say' }),
      policies: z.array(z.string()),
      loadedAt: time,
      refused: z.boolean().meta({
        description: 'Whether the last load was refused; the policies in force are those from before it',
      }),
      problems: z.array(fileProblem),
    }),
    trail: z.strictObject({
      writable: z.boolean().meta({
        description: 'False when a process cannot write its chain, and refuses every new action',
      }),
    }),
    listeners: z.array(
      z.strictObject({
        name: z.string(),
        protocol: z.string(),
        address: z.string(),
        port: z.int().meta({ description: 'Of the config: 0 is a port that the kernel chose' }),
        tls: z.boolean(),
      }),
    ),
    sessions: z.int().meta({ description: 'Open in all processes that answered' }),
    openHolds: z
      .int()
      .nullable()
      .meta({ description: 'Of all gateways that share the approvals; null while they cannot be reached' }),
    processes: z.array(process).meta({ description: 'Of this gateway, and of all that share its Redis' }),
    silent,
  })
  .meta({ description: 'How the gateway is; listeners and policies are those of the process that answers' });
export type Status = Wire<typeof statusSchema>;

export const holdStates = ['open', 'approved', 'used', 'rejected', 'expired', 'withdrawn'] as const;

const holdHead = {
  id: z.string(),
  state: z.enum(holdStates),
  target: z.string(),
  protocol: z.string(),
  rule: z.string().meta({ description: 'policy/rule' }),
  requester: party,
  chain: z
    .array(party)
    .meta({ description: 'The requester and everybody it acts for: none of them approves' }),
  openedAt: time,
  expiresAt: time,
  approvals: z.int().meta({ description: 'People who have approved so far' }),
  quorum: z.int().meta({ description: 'People who must approve' }),
  mayVote: z.boolean().meta({ description: 'Whether the person who asks could decide it now' }),
  command: z.string().nullable().meta({
    description:
      'The client’s command that it is a part of, by the client’s own word, which nobody has checked; null when it named none',
  }),
};

export const holdSummarySchema = z
  .strictObject({
    ...holdHead,
    preview: z.string().meta({ description: 'The beginning of the text: never enough to approve by' }),
    textCharacters: z.int(),
    effects: z.array(z.string()),
    effectsLeftOut: z.int(),
    alsoApproves: z.int().meta({ description: 'How many other actions an approval lets through as well' }),
  })
  .meta({ description: 'A hold, in a list' });
export type HoldSummary = Wire<typeof holdSummarySchema>;

const pattern = z
  .strictObject({
    subjects: z.array(z.string()).exactOptional(),
    kinds: z.array(z.enum(principalKinds)).exactOptional(),
    groups: z.array(z.string()).exactOptional(),
    issuers: z.array(z.string()).exactOptional(),
    claims: z.record(z.string(), z.array(z.union([z.string(), z.number(), z.boolean()]))).exactOptional(),
    actingFor: z.array(z.string()).exactOptional(),
  })
  .meta({ description: 'A condition on a principal: every field that is given must match' });

export const holdSchema = z
  .strictObject({
    ...holdHead,
    session: z.string(),
    digest: z.string().meta({ description: 'Binds all that is shown here; a vote names it' }),
    text: z.string().meta({ description: 'Exactly what was sent, never cut' }),
    parameters: z.array(z.string().nullable()),
    effects: z.array(z.string()).meta({ description: 'What it does, in the words of its protocol' }),
    consequences: z.array(z.string()).meta({
      description:
        'What that sets off at the target by itself (triggers, rules, cascades), and how many rows the target expects',
    }),
    sessionState: z.string().meta({
      description: 'What the session has set before that changes what the text means; empty when nothing',
    }),
    alsoApproves: z
      .array(z.strictObject({ digest: z.string(), text: z.string(), effects: z.array(z.string()) }))
      .meta({
        description:
          'Other actions that an approval lets through as well, once each: what the same command is about to ask for',
      }),
    clientWaits: z.boolean().meta({
      description: 'Whether the client is kept waiting; else it must send the same again after the approval',
    }),
    approvers: z.array(z.array(pattern)).meta({
      description: 'An approver must match every clause, by at least one of its patterns',
    }),
    grant: z
      .discriminatedUnion('kind', [
        z.strictObject({ kind: z.literal('exact') }),
        z.strictObject({
          kind: z.literal('window'),
          forMs: z.number(),
          covers: z.enum(['action', 'rule']),
        }),
      ])
      .meta({ description: 'What an approval lets through: this action once, or more of it for some time' }),
    votes: z.array(
      z.strictObject({
        approver: party,
        verdict: z.enum(['approve', 'reject']),
        reason: z.string(),
        at: time,
      }),
    ),
  })
  .meta({ description: 'A hold, with all that an approver must know' });
export type HoldDetail = Wire<typeof holdSchema>;

/** Said of the vote and of the end of a session: a word that stands in the trail. */
const reason = z
  .string()
  .trim()
  .min(1, { error: 'must say why' })
  .refine((text) => Buffer.byteLength(text) <= maxReasonBytes, {
    error: `must have at most ${maxReasonBytes} bytes`,
  })
  .meta({ description: 'Why, in the person’s own words; it stands in the trail, and the client is told' });

export const voteSchema = z
  .strictObject({
    verdict: z.enum(['approve', 'reject']),
    reason,
    digest: z
      .string()
      .regex(/^[0-9a-f]{64}$/, { error: 'must be the digest of the hold that was shown' })
      .meta({ description: 'The digest of what the person was shown' }),
  })
  .meta({ description: 'A person’s decision on a hold' });
export type VoteBody = Wire<typeof voteSchema>;

export const voteAnswerSchema = z
  .strictObject({
    hold: holdSchema,
    approvalsLeft: z.int().meta({ description: 'People who must still approve' }),
  })
  .meta({ description: 'The vote was counted' });
export type VoteAnswer = Wire<typeof voteAnswerSchema>;

export const sessionSchema = z
  .strictObject({
    id: z.string(),
    protocol: z.string(),
    target: z.string(),
    principal,
    source: z.string().meta({ description: 'The client’s address and port' }),
    openedAt: time,
    lastActiveAt: time,
    actions: z.int(),
    process: z.string().meta({ description: 'The gateway process that serves it' }),
  })
  .meta({ description: 'A session that is open now' });
export type Session = Wire<typeof sessionSchema>;

export const killSchema = z.strictObject({ reason }).meta({ description: 'The end of a session' });

export const killedSchema = z
  .strictObject({
    session: z.string(),
    recorded: z.boolean().meta({
      description: 'Whether the trail has it: a session is ended also while the trail cannot be written',
    }),
  })
  .meta({ description: 'The session was ended' });
export type Killed = Wire<typeof killedSchema>;

export const transcriptSummarySchema = z
  .strictObject({
    session: z.string(),
    bytes: z.int(),
    changedAt: time.meta({ description: 'When it was last written to' }),
    live: z.boolean().nullable().meta({
      description:
        'Whether the session is open; null when that is not known, since not every process answered',
    }),
    header: z
      .strictObject({ principal, target: z.string(), protocol: z.string(), started: z.string() })
      .nullable()
      .meta({ description: 'Whose session it was; null when the file cannot be read as a transcript' }),
  })
  .meta({ description: 'A transcript, in a list' });
export type TranscriptSummary = Wire<typeof transcriptSummarySchema>;

const page = <Item extends z.ZodType>(items: Item) =>
  z.strictObject({
    items: z.array(items),
    next: z.string().nullable().meta({ description: 'The `after` of the next page; null on the last' }),
  });

export const holdPageSchema = page(holdSummarySchema).meta({ description: 'Holds, newest first' });
export const sessionPageSchema = page(sessionSchema)
  .extend({ silent })
  .meta({ description: 'Open sessions, oldest first' });
export const transcriptPageSchema = page(transcriptSummarySchema).meta({
  description: 'Transcripts, newest day first',
});

/** Schemas that stand in the OpenAPI document under a name of their own. */
export const namedSchemas = {
  Party: party,
  Principal: principal,
  PrincipalPattern: pattern,
  Roles: roles,
  Whoami: whoamiSchema,
  FileProblem: fileProblem,
  Process: process,
  Status: statusSchema,
  HoldSummary: holdSummarySchema,
  Hold: holdSchema,
  HoldPage: holdPageSchema,
  Vote: voteSchema,
  VoteAnswer: voteAnswerSchema,
  Session: sessionSchema,
  SessionPage: sessionPageSchema,
  Kill: killSchema,
  Killed: killedSchema,
  TranscriptSummary: transcriptSummarySchema,
  TranscriptPage: transcriptPageSchema,
} as const;
