import { z } from 'zod';
import { messageOf } from '../../../core/model/errors.ts';
import { ApprovalsError } from '../../../core/model/hold.ts';
import { type ApiParts, isoTime } from '../parts.ts';
import { documentRoute, type Route } from '../route.ts';
import { statusSchema, whoamiSchema } from '../schemas.ts';

const nothing = z.strictObject({});

export function statusRoutes(parts: ApiParts): readonly Route[] {
  const startedAt = isoTime(parts.clock.nowMs());
  return [
    documentRoute({
      method: 'GET',
      path: '/v1/status',
      operationId: 'status',
      summary: 'How the gateway is',
      description: 'For every person with a token.',
      params: nothing,
      query: nothing,
      body: null,
      answer: statusSchema,
      problems: [],
      async handle() {
        const { version, policies, loadedAtMs, refused, problems } = parts.policyStatus();
        const { found, silent } = await parts.registry.processes();
        return {
          version: parts.version,
          startedAt,
          policy: {
            version,
            policies,
            loadedAt: isoTime(loadedAtMs),
            refused,
            problems,
          },
          trail: { writable: found.every(({ trailWritable }) => trailWritable) },
          listeners: parts.listeners().map(({ name, protocol, address, port, tls }) => ({
            name,
            protocol,
            address,
            port,
            tls: tls !== null,
          })),
          sessions: found.reduce((sum, { sessions }) => sum + sessions, 0),
          openHolds: await openHolds(parts),
          processes: found.map(({ startedAtMs, ...process }) => ({
            ...process,
            startedAt: isoTime(startedAtMs),
          })),
          silent,
        };
      },
    }),
    documentRoute({
      method: 'GET',
      path: '/v1/whoami',
      operationId: 'whoami',
      summary: 'Whom the token stands for',
      description: 'For every person with a token.',
      params: nothing,
      query: nothing,
      body: null,
      answer: whoamiSchema,
      problems: [],
      async handle({ caller: { principal, party, operator, auditor } }) {
        return {
          ...party,
          groups: principal.groups,
          roles: { operator, auditor },
          expiresAt: isoTime(principal.expiresAtMs),
        };
      },
    }),
  ];
}

async function openHolds({ approvals, log }: ApiParts): Promise<number | null> {
  try {
    return (await approvals.list()).filter(({ state }) => state === 'open').length;
  } catch (error) {
    if (!(error instanceof ApprovalsError)) throw error;
    log.warn({ error: messageOf(error) }, 'the open holds could not be counted');
    return null;
  }
}
