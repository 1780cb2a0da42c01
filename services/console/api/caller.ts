import { voteRefusal } from '../../core/approvals/eligibility.ts';
import type { Hold } from '../../core/model/hold.ts';
import { type Identity, IdentityError } from '../../core/model/identity.ts';
import { type Party, type Principal, sameParty } from '../../core/model/principal.ts';
import { matchesPrincipal } from '../../core/model/principal-pattern.ts';
import { Secret } from '../../core/model/secret.ts';
import type { ConsoleSettings } from '../../core/model/settings.ts';
import { ProblemError } from './problems.ts';

/** The person who asks, and what they may do here. */
export interface Caller {
  readonly principal: Principal;
  readonly party: Party;
  /** May list everything, and end sessions. */
  readonly operator: boolean;
  /** May read everything. */
  readonly auditor: boolean;
}

export interface CallerParts {
  readonly identity: Pick<Identity, 'fromToken'>;
  /** Whether the config disables this principal now. */
  disabled(principal: Principal): boolean;
  consoleSettings(): ConsoleSettings;
}

/** RFC 6750 section 2.1. */
const bearer = /^Bearer +([A-Za-z0-9._~+/-]+=*) *$/i;

const logIn = 'Log in with "sallyport login", which gets a token for the gateway’s own API.';

/** @throws ProblemError */
export async function callerOf(authorization: string | undefined, parts: CallerParts): Promise<Caller> {
  if (authorization === undefined) {
    throw new ProblemError('unauthenticated', 'The request carries no token.', logIn);
  }
  const token = bearer.exec(authorization)?.[1];
  if (token === undefined) {
    throw new ProblemError('unauthenticated', 'The request carries no bearer token.', logIn);
  }
  const principal = await verified(new Secret(token), parts);
  if (parts.disabled(principal)) {
    throw new ProblemError('principal-disabled', `${principal.subject} is disabled on this gateway.`);
  }
  const { operators, auditors } = parts.consoleSettings();
  return {
    principal,
    party: { issuer: principal.issuer, subject: principal.subject },
    operator: operators.some((pattern) => matchesPrincipal(pattern, principal)),
    auditor: auditors.some((pattern) => matchesPrincipal(pattern, principal)),
  };
}

async function verified(token: Secret, { identity }: CallerParts): Promise<Principal> {
  try {
    return await identity.fromToken(token, 'console');
  } catch (cause) {
    if (!(cause instanceof IdentityError)) throw cause;
    if (cause.code === 'issuer-unavailable') {
      throw new ProblemError('identity-unavailable', cause.message, 'Try again later.', { cause });
    }
    throw new ProblemError('token-rejected', cause.message, logIn, { cause });
  }
}

/** Whether the caller may know of this hold at all: who could decide it, who asks for it, and who looks after it all. */
export const seesHold = (caller: Caller, { request }: Hold): boolean =>
  caller.operator ||
  caller.auditor ||
  [request.requester, ...request.chain].some((party) => sameParty(party, caller.party)) ||
  voteRefusal(request, caller.principal) === null;

export const mayVote = (caller: Caller, { request, state, votes }: Hold): boolean =>
  state === 'open' &&
  voteRefusal(request, caller.principal) === null &&
  !votes.some((vote) => sameParty(vote.approver, caller.party));

/** @throws ProblemError `not-permitted` */
export function mustSeeSessions(caller: Caller): void {
  if (caller.operator || caller.auditor) return;
  throw new ProblemError(
    'not-permitted',
    `${caller.party.subject} is neither an operator nor an auditor of this gateway.`,
    'Whoever keeps the gateway’s config names them under "console".',
  );
}
