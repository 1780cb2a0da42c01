import { z } from 'zod';
import { sourceText } from '../../../core/model/address.ts';
import { type SessionId, sessionId } from '../../../core/model/ids.ts';
import { type Caller, mustSeeSessions } from '../caller.ts';
import { pageOf, pageQuery } from '../page.ts';
import { type ApiParts, isoTime, type OpenSession, recorded } from '../parts.ts';
import { ProblemError } from '../problems.ts';
import { documentRoute, type Route } from '../route.ts';
import { killedSchema, killSchema, type Session, sessionPageSchema } from '../schemas.ts';

export const sessionRoutes = (parts: ApiParts): readonly Route[] => [
  documentRoute({
    method: 'GET',
    path: '/v1/sessions',
    operationId: 'listSessions',
    summary: 'The sessions that are open in this gateway process',
    description: 'For operators and auditors.',
    params: z.strictObject({}),
    query: z.strictObject(pageQuery),
    body: null,
    answer: sessionPageSchema,
    problems: ['not-permitted'],
    async handle({ caller, query }) {
      mustSeeSessions(caller);
      const { items, next } = await pageOf(parts.checkpoint.sessions(), ({ id }) => id, query);
      return { items: items.map(sessionOf), next };
    },
  }),
  documentRoute({
    method: 'POST',
    path: '/v1/sessions/{id}/kill',
    operationId: 'killSession',
    summary: 'End a session at once',
    description: 'For operators. Recorded in the trail, and the client is told the reason.',
    params: z.strictObject({
      id: z.string().max(100).transform(sessionId).meta({ description: 'The session’s id' }),
    }),
    query: z.strictObject({}),
    body: killSchema,
    answer: killedSchema,
    problems: ['not-permitted', 'not-found'],
    async handle({ caller, params, body }) {
      mayKill(parts, caller, params.id);
      if (!parts.checkpoint.kill(params.id, caller.party, body.reason)) throw noSession(params.id);
      // Not refused while the trail cannot be written: to end a session takes nothing from anybody who should have it.
      return { session: params.id, recorded: await recorded(parts.trail) };
    },
  }),
];

/** @throws ProblemError */
function mayKill({ log }: ApiParts, caller: Caller, id: SessionId): void {
  if (caller.operator) return;
  log.warn({ session: id, by: caller.party }, 'somebody who is no operator tried to end a session');
  if (!caller.auditor) throw noSession(id);
  throw new ProblemError(
    'not-permitted',
    `${caller.party.subject} may look at sessions, and not end them.`,
    'Ask one of the gateway’s operators (console.operators).',
  );
}

/** The same for a session that is not there and for one that this person may not see. */
const noSession = (id: SessionId): ProblemError =>
  new ProblemError(
    'not-found',
    `There is no open session ${JSON.stringify(id)} here, or you may not see it.`,
    '"sallyport sessions ls" lists those that you may see.',
  );

const sessionOf = (session: OpenSession): Session => ({
  id: session.id,
  protocol: session.protocol,
  target: session.target,
  principal: {
    issuer: session.principal.issuer,
    subject: session.principal.subject,
    kind: session.principal.kind,
    actsFor: session.principal.actsFor,
  },
  source: sourceText(session.source),
  openedAt: isoTime(session.openedAtMs),
  lastActiveAt: isoTime(session.lastActiveMs),
  actions: session.actions,
});
