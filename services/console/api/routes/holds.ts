import { z } from 'zod';
import { ruleText } from '../../../core/model/decision.ts';
import { unreachable } from '../../../core/model/errors.ts';
import { ApprovalsError, type Hold, type VoteRefusal, type VoteResult } from '../../../core/model/hold.ts';
import { type HoldId, holdId } from '../../../core/model/ids.ts';
import { type Caller, mayVote, seesHold } from '../caller.ts';
import { maxPreviewCharacters, maxPreviewEffects } from '../limits.ts';
import { pageOf, pageQuery } from '../page.ts';
import { type ApiParts, isoTime, recorded } from '../parts.ts';
import { type ProblemCode, ProblemError } from '../problems.ts';
import { documentRoute, type Route } from '../route.ts';
import {
  type HoldDetail,
  type HoldSummary,
  holdPageSchema,
  holdSchema,
  type VoteAnswer,
  type VoteBody,
  voteAnswerSchema,
  voteSchema,
} from '../schemas.ts';

const oneHold = z.strictObject({
  // No more is asked of its form: an id that is none is one that nobody has.
  id: z.string().max(100).transform(holdId).meta({ description: 'The hold’s id' }),
});

const whoSees =
  'A hold is seen by who could decide it, by the person who asks or for whom it is asked, and by operators and auditors.';

export const holdRoutes = (parts: ApiParts): readonly Route[] => [
  documentRoute({
    method: 'GET',
    path: '/v1/holds',
    operationId: 'listHolds',
    summary: 'The holds that you may see',
    description: whoSees,
    params: z.strictObject({}),
    query: z.strictObject({
      ...pageQuery,
      state: z.enum(['open', 'ended', 'all']).default('open').meta({ description: 'Which of them' }),
    }),
    body: null,
    answer: holdPageSchema,
    problems: ['approvals-unavailable'],
    async handle({ caller, query }) {
      const holds = await asked(() => parts.approvals.list());
      const wanted = holds.filter(
        (hold) =>
          (query.state === 'all' || (hold.state === 'open') === (query.state === 'open')) &&
          seesHold(caller, hold),
      );
      const { items, next } = await pageOf(wanted, ({ request }) => request.id, query);
      return { items: items.map((hold) => summaryOf(caller, hold)), next };
    },
  }),
  documentRoute({
    method: 'GET',
    path: '/v1/holds/{id}',
    operationId: 'showHold',
    summary: 'One hold, whole',
    description: whoSees,
    params: oneHold,
    query: z.strictObject({}),
    body: null,
    answer: holdSchema,
    problems: ['not-found', 'approvals-unavailable'],
    async handle({ caller, params }) {
      const hold = await asked(() => parts.approvals.show(params.id));
      if (hold === null || !seesHold(caller, hold)) throw noHold(params.id);
      return detailOf(caller, hold);
    },
  }),
  documentRoute({
    method: 'POST',
    path: '/v1/holds/{id}/votes',
    operationId: 'vote',
    summary: 'Approve or reject a hold',
    description:
      'The digest must be that of the hold that the person was shown. Every vote is recorded in the trail, refused ones as well.',
    params: oneHold,
    query: z.strictObject({}),
    body: voteSchema,
    answer: voteAnswerSchema,
    problems: [
      'not-found',
      'digest-mismatch',
      'requester-cannot-approve',
      'not-an-approver',
      'not-open',
      'hold-expired',
      'already-voted',
      'owner-gone',
      'trail-unavailable',
      'approvals-unavailable',
    ],
    handle: ({ caller, params, body }) => vote(parts, caller, params.id, body),
  }),
];

/** @throws ProblemError */
async function vote(parts: ApiParts, caller: Caller, id: HoldId, body: VoteBody): Promise<VoteAnswer> {
  const { trail, approvals } = parts;
  if (!trail.writable) {
    throw new ProblemError(
      'trail-unavailable',
      'The gateway cannot write its trail, and nothing is decided unrecorded.',
      'Try again once an operator has mended it.',
    );
  }
  const { verdict, reason } = body;
  const record = (refused: string | null): void =>
    trail.append({ kind: 'hold-vote', hold: id, approver: caller.party, verdict, reason, refused });
  let answer: VoteAnswer | ProblemError;
  try {
    const hold = await asked(() => approvals.show(id));
    const seen = hold !== null && seesHold(caller, hold);
    if (hold !== null && seen && hold.request.digest !== body.digest) {
      record('digest-mismatch');
      answer = new ProblemError(
        'digest-mismatch',
        `Hold ${id} is not what you were shown: its digest is another one.`,
        'Look at it again, and decide then.',
      );
    } else {
      const result: VoteResult =
        hold === null
          ? { kind: 'refused', why: 'unknown-hold' }
          : await asked(() => approvals.vote(id, caller.principal, verdict, reason));
      record(result.kind === 'refused' ? result.why : null);
      answer = result.kind === 'refused' ? refusal(id, result.why, seen) : counted(caller, result);
    }
  } catch (error) {
    // A store that did not answer in time may have counted the vote all the same, so the trail must know of it.
    if (error instanceof ProblemError) record(error.code);
    throw error;
  }
  const written = await recorded(trail);
  if (answer instanceof ProblemError) throw answer;
  if (written) return answer;
  throw new ProblemError(
    'trail-unavailable',
    'The vote was counted, but the gateway could not record it: what it released is refused.',
    'Look at the hold again once an operator has mended the trail.',
  );
}

const counted = (caller: Caller, { hold, approvalsLeft }: Extract<VoteResult, { kind: 'counted' }>) => ({
  hold: detailOf(caller, hold),
  approvalsLeft,
});

/** The same for a hold that is not there and for one that this person may not see. */
const noHold = (id: HoldId): ProblemError =>
  new ProblemError(
    'not-found',
    `There is no hold ${JSON.stringify(id)}, or you may not see it.`,
    '"sallyport holds ls" lists those that you may see.',
  );

function refusal(id: HoldId, why: VoteRefusal, seen: boolean): ProblemError {
  if (!seen) return noHold(id);
  const problem = (code: ProblemCode, message: string, hint: string | null = null): ProblemError =>
    new ProblemError(code, message, hint);
  switch (why) {
    case 'unknown-hold':
      return noHold(id);
    case 'not-open':
      return problem('not-open', `Hold ${id} has been decided or withdrawn already.`);
    case 'expired':
      return problem('hold-expired', `Hold ${id} has expired.`, 'The requester must ask again.');
    case 'requester-cannot-approve':
      return problem(
        'requester-cannot-approve',
        `Hold ${id} was asked for by you, or in your name: somebody else must decide it.`,
      );
    case 'not-an-approver':
      return problem('not-an-approver', `The rule that holds ${id} names other approvers than you.`);
    case 'already-voted':
      return problem('already-voted', `You have voted on hold ${id} already.`);
    case 'owner-gone':
      return problem(
        'owner-gone',
        `Nobody waits for hold ${id} any more: the gateway that had its client is gone.`,
        'The requester must ask again.',
      );
    default:
      return unreachable(why);
  }
}

/** @throws ProblemError `approvals-unavailable` */
async function asked<Result>(ask: () => Promise<Result>): Promise<Result> {
  try {
    return await ask();
  } catch (cause) {
    if (!(cause instanceof ApprovalsError)) throw cause;
    throw new ProblemError('approvals-unavailable', `The approvals failed: ${cause.message}`, 'Try again.', {
      cause,
    });
  }
}

function headOf(caller: Caller, hold: Hold) {
  const { request, state, votes } = hold;
  return {
    id: request.id,
    state,
    target: request.target,
    protocol: request.protocol,
    rule: ruleText(request.rule),
    requester: request.requester,
    chain: request.chain,
    openedAt: isoTime(request.openedAtMs),
    expiresAt: isoTime(request.expiresAtMs),
    approvals: votes.filter(({ verdict }) => verdict === 'approve').length,
    quorum: request.approval.quorum,
    mayVote: mayVote(caller, hold),
    command: request.command,
  };
}

const summaryOf = (caller: Caller, hold: Hold): HoldSummary => {
  const { text, effects } = hold.request;
  return {
    ...headOf(caller, hold),
    preview: text.slice(0, maxPreviewCharacters),
    textCharacters: text.length,
    effects: effects.slice(0, maxPreviewEffects),
    effectsLeftOut: Math.max(0, effects.length - maxPreviewEffects),
    alsoApproves: hold.request.alsoApproves.length,
  };
};

function detailOf(caller: Caller, hold: Hold): HoldDetail {
  const { request, votes } = hold;
  const { approval } = request;
  return {
    ...headOf(caller, hold),
    session: request.session,
    digest: request.digest,
    text: request.text,
    parameters: request.parameters,
    effects: request.effects,
    consequences: request.consequences,
    sessionState: request.sessionState,
    alsoApproves: request.alsoApproves,
    clientWaits: request.owner !== null,
    approvers: approval.approvers,
    grant: approval.grant,
    votes: votes.map(({ approver, verdict, reason, atMs }) => ({
      approver,
      verdict,
      reason,
      at: isoTime(atMs),
    })),
  };
}
