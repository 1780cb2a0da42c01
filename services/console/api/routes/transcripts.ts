import { z } from 'zod';
import { AuditError } from '../../../core/audit/errors.ts';
import { entrySchema, headerLineSchema } from '../../../core/audit/transcript-format.ts';
import {
  findTranscript,
  type ListedTranscript,
  listTranscripts,
  readTranscript,
  type StoredTranscript,
} from '../../../core/audit/transcript-reader.ts';
import { type SessionId, sessionId } from '../../../core/model/ids.ts';
import { type Caller, mustSeeSessions } from '../caller.ts';
import { maxConcurrentTranscripts } from '../limits.ts';
import { pageOf, pageQuery } from '../page.ts';
import { type ApiParts, isoTime } from '../parts.ts';
import { ProblemError } from '../problems.ts';
import { documentRoute, linesRoute, type Route } from '../route.ts';
import { type TranscriptSummary, transcriptPageSchema } from '../schemas.ts';

export function transcriptRoutes(parts: ApiParts): readonly Route[] {
  const { stateDir } = parts;
  const reading = { count: 0 };
  return [
    documentRoute({
      method: 'GET',
      path: '/v1/transcripts',
      operationId: 'listTranscripts',
      summary: 'The transcripts on this gateway’s disk',
      description: 'For operators and auditors.',
      params: z.strictObject({}),
      query: z.strictObject({
        ...pageQuery,
        since: z.iso
          .datetime()
          .optional()
          .meta({ description: 'Only sessions that began on this day (UTC) or later' }),
      }),
      body: null,
      answer: transcriptPageSchema,
      problems: ['not-permitted', 'transcripts-unavailable'],
      async handle({ caller, query }) {
        mustSeeSessions(caller);
        const filter = query.since === undefined ? {} : { sinceMs: Date.parse(query.since) };
        return fromDisk(async () => {
          const { items, next } = await pageOf(
            listTranscripts(stateDir, filter),
            ({ session }) => session,
            query,
          );
          const { found, silent } = await parts.registry.openAmong(items.map(({ session }) => session));
          const live = (session: SessionId): boolean | null =>
            found.has(session) || (silent.length > 0 ? null : false);
          return { items: await Promise.all(items.map((item) => summaryOf(item, live))), next };
        });
      },
    }),
    linesRoute({
      method: 'GET',
      path: '/v1/transcripts/{id}',
      operationId: 'readTranscript',
      summary: 'One transcript: its header, and then its entries, one a line',
      description: 'For auditors.',
      params: z.strictObject({
        id: z.string().max(100).transform(sessionId).meta({ description: 'The session’s id' }),
      }),
      query: z.strictObject({}),
      answer: z.union([headerLineSchema, entrySchema]),
      problems: ['not-permitted', 'not-found', 'busy', 'transcripts-unavailable'],
      async handle({ caller, params }) {
        mayRead(caller, params.id);
        const transcript = await fromDisk(() => openTranscript(stateDir, params.id));
        if (reading.count >= maxConcurrentTranscripts) {
          throw new ProblemError('busy', 'Too many transcripts are being read.', 'Try again in a moment.');
        }
        parts.log.info({ session: params.id, by: caller.party }, 'a transcript is read');
        return linesOf(transcript, reading);
      },
    }),
  ];
}

/** @throws ProblemError */
function mayRead(caller: Caller, id: SessionId): void {
  if (caller.auditor) return;
  if (!caller.operator) throw noTranscript(id);
  throw new ProblemError(
    'not-permitted',
    `${caller.party.subject} may list transcripts, and not read them.`,
    'They hold what targets answered: only auditors read them (console.auditors).',
  );
}

/** The same for a transcript that is not there and for one that this person may not see. */
const noTranscript = (id: SessionId): ProblemError =>
  new ProblemError(
    'not-found',
    `There is no transcript of session ${JSON.stringify(id)}, or you may not see it.`,
    '"sallyport sessions ls --recorded" lists those that you may see.',
  );

async function openTranscript(stateDir: string, id: SessionId): Promise<StoredTranscript> {
  const path = await findTranscript(stateDir, id);
  if (path === null) throw noTranscript(id);
  return readTranscript(path);
}

async function* linesOf(
  transcript: StoredTranscript,
  reading: { count: number },
): AsyncGenerator<unknown, void, undefined> {
  // Counted from when it is read: an answer whose client has gone before is never begun.
  reading.count += 1;
  try {
    yield transcript.header;
    yield* transcript.entries();
  } finally {
    reading.count -= 1;
  }
}

async function summaryOf(
  { session, path, bytes, changedAtMs }: ListedTranscript,
  live: (session: SessionId) => boolean | null,
): Promise<TranscriptSummary> {
  const header = await headerOf(path);
  return {
    session,
    bytes,
    changedAt: isoTime(changedAtMs),
    live: live(session),
    header: header && {
      principal: header.principal,
      target: header.target,
      protocol: header.protocol,
      started: header.started,
    },
  };
}

async function headerOf(path: string): Promise<StoredTranscript['header'] | null> {
  try {
    return (await readTranscript(path)).header;
  } catch (error) {
    // One that is damaged, or of another version, must not hide the others.
    if (error instanceof AuditError) return null;
    throw error;
  }
}

/** @throws ProblemError `transcripts-unavailable` */
async function fromDisk<Result>(read: () => Promise<Result>): Promise<Result> {
  try {
    return await read();
  } catch (cause) {
    if (!(cause instanceof AuditError)) throw cause;
    throw new ProblemError('transcripts-unavailable', cause.message, null, { cause });
  }
}
