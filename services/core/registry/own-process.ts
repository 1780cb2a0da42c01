import { type SourceAddress, sourceText } from '../model/address.ts';
import type { SessionId, TargetName } from '../model/ids.ts';
import type {
  Answer,
  KillOutcome,
  OpenSession,
  ProcessStatus,
  Question,
  SessionPlace,
} from '../model/peers.ts';
import type { Party, Principal } from '../model/principal.ts';

/** An open session, as `core/checkpoint` knows it. */
export interface LiveSession {
  readonly id: SessionId;
  readonly principal: Principal;
  readonly target: TargetName;
  readonly protocol: string;
  readonly source: SourceAddress;
  readonly openedAtMs: number;
  readonly lastActiveMs: number;
  readonly actions: number;
}

/** What this process tells of itself. */
export interface OwnProcess {
  /** What people know it by. */
  readonly name: string;
  status(): ProcessStatus;
  sessions(): readonly LiveSession[];
  /** Records it and ends the session; resolves when the record is written or cannot be. */
  kill(id: SessionId, by: Party, reason: string): Promise<KillOutcome>;
}

export const byPlace = (left: SessionPlace, right: SessionPlace): number =>
  left.openedAtMs - right.openedAtMs || (left.id < right.id ? -1 : left.id > right.id ? 1 : 0);

/** Answers for this process alone. */
export async function answerOf(own: OwnProcess, question: Question): Promise<Answer> {
  switch (question.kind) {
    case 'status':
      return { kind: 'status', status: own.status() };
    case 'sessions': {
      const { after, limit } = question;
      const behind = own.sessions().filter((session) => after === null || byPlace(session, after) > 0);
      return { kind: 'sessions', sessions: behind.sort(byPlace).slice(0, limit).map(openSession) };
    }
    case 'open-among': {
      const open = new Set(own.sessions().map(({ id }) => id));
      return { kind: 'open-among', sessions: question.sessions.filter((id) => open.has(id)) };
    }
    case 'kill':
      return { kind: 'kill', outcome: await own.kill(question.session, question.by, question.reason) };
  }
}

const openSession = (session: LiveSession): OpenSession => ({
  id: session.id,
  openedAtMs: session.openedAtMs,
  protocol: session.protocol,
  target: session.target,
  principal: {
    issuer: session.principal.issuer,
    subject: session.principal.subject,
    kind: session.principal.kind,
    actsFor: session.principal.actsFor,
  },
  source: sourceText(session.source),
  lastActiveMs: session.lastActiveMs,
  actions: session.actions,
});
