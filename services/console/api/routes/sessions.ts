import { z } from 'zod';
import { type SessionId, sessionId } from '../../../core/model/ids.ts';
import type { OpenSession, SessionPlace } from '../../../core/model/peers.ts';
import type { InProcess } from '../../../core/registry/session-registry.ts';
import { type Caller, mustSeeSessions } from '../caller.ts';
import { pageQuery } from '../page.ts';
import { type ApiParts, isoTime } from '../parts.ts';
import { ProblemError } from '../problems.ts';
import { documentRoute, type Route } from '../route.ts';
import { killedSchema, killSchema, type Session, sessionPageSchema } from '../schemas.ts';

export const sessionRoutes = (parts: ApiParts): readonly Route[] => [
  documentRoute({
    method: 'GET',
    path: '/v1/sessions',
    operationId: 'listSessions',
    summary: 'The sessions that are open, in all gateway processes that share Redis',
    description: 'For operators and auditors.',
    params: z.strictObject({}),
    query: z.strictObject(pageQuery),
    body: null,
    answer: sessionPageSchema,
    problems: ['not-permitted'],
    async handle({ caller, query }) {
      mustSeeSessions(caller);
      const { found, silent } = await parts.registry.sessions(placeFrom(query.after), query.limit);
      const last = found.sessions.at(-1);
      return {
        items: found.sessions.map(sessionOf),
        next: found.more && last !== undefined ? `${last.openedAtMs}.${last.id}` : null,
        silent,
      };
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
    problems: ['not-permitted', 'not-found', 'processes-silent'],
    async handle({ caller, params, body }) {
      mayKill(parts, caller, params.id);
      const { found, silent } = await parts.registry.kill(params.id, caller.party, body.reason);
      if (found === 'not-here')
        throw silent.length > 0 ? undetermined(params.id, silent) : noSession(params.id);
      // Not refused while the trail cannot be written: to end a session takes nothing from anybody who should have it.
      return { session: params.id, recorded: found === 'recorded' };
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

const undetermined = (id: SessionId, silent: readonly string[]): ProblemError =>
  new ProblemError(
    'processes-silent',
    `Session ${JSON.stringify(id)} was not ended by any process that answered, and not all did: ${silent.join(', ')}.`,
    'Try again in a moment. A process that has died has no sessions any more.',
  );

/** @throws ProblemError `invalid-request` */
function placeFrom(after: string | undefined): SessionPlace | null {
  if (after === undefined) return null;
  const [, openedAtMs, id] = /^([0-9]{1,15})\.(.+)$/.exec(after) ?? [];
  if (openedAtMs === undefined || id === undefined) {
    throw new ProblemError('invalid-request', 'query.after: must be the `next` of the page before');
  }
  return { openedAtMs: Number(openedAtMs), id: sessionId(id) };
}

const sessionOf = (session: InProcess<OpenSession>): Session => ({
  id: session.id,
  protocol: session.protocol,
  target: session.target,
  principal: session.principal,
  source: session.source,
  openedAt: isoTime(session.openedAtMs),
  lastActiveAt: isoTime(session.lastActiveMs),
  actions: session.actions,
  process: session.process,
});
