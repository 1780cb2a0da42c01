import type { SessionId } from '../model/ids.ts';
import type {
  Answer,
  KillOutcome,
  OpenSession,
  Peers,
  ProcessStatus,
  Question,
  SessionPlace,
} from '../model/peers.ts';
import type { Party } from '../model/principal.ts';
import { answerOf, byPlace, type OwnProcess } from './own-process.ts';

/** What is known of all processes, and which of them did not answer. */
export interface Gathered<Of> {
  readonly found: Of;
  readonly silent: readonly string[];
}

export type InProcess<Of> = Of & { readonly process: string };

interface AllAnswers<Kind extends Question['kind']> {
  readonly answers: readonly {
    readonly from: string;
    readonly answer: Extract<Answer, { readonly kind: Kind }>;
  }[];
  readonly silent: readonly string[];
}

/** The sessions of all processes that share them, and those processes. Who is asked does not matter. */
export class SessionRegistry {
  readonly #own: OwnProcess;
  readonly #peers: Peers;

  constructor(own: OwnProcess, peers: Peers) {
    this.#own = own;
    this.#peers = peers;
  }

  /** Oldest first; `more`: there are others behind these. */
  async sessions(
    after: SessionPlace | null,
    limit: number,
  ): Promise<Gathered<{ readonly sessions: readonly InProcess<OpenSession>[]; readonly more: boolean }>> {
    // Each gives one more than is wanted: then the first of all are surely among them, and whether there are more.
    const place = after === null ? null : { openedAtMs: after.openedAtMs, id: after.id };
    const { answers, silent } = await this.#askAll<'sessions'>({
      kind: 'sessions',
      after: place,
      limit: limit + 1,
    });
    const sessions = answers
      .flatMap(({ from, answer }) => answer.sessions.map((session) => ({ ...session, process: from })))
      .sort(byPlace);
    return { found: { sessions: sessions.slice(0, limit), more: sessions.length > limit }, silent };
  }

  /** Those of these sessions that are open. */
  async openAmong(sessions: readonly SessionId[]): Promise<Gathered<ReadonlySet<SessionId>>> {
    const { answers, silent } = await this.#askAll<'open-among'>({ kind: 'open-among', sessions });
    return { found: new Set(answers.flatMap(({ answer }) => answer.sessions)), silent };
  }

  /** Ends a session wherever it is. `not-here`, with nobody silent: there is none of this id anywhere. */
  async kill(session: SessionId, by: Party, reason: string): Promise<Gathered<KillOutcome>> {
    const here = await this.#own.kill(session, by, reason);
    if (here !== 'not-here') return { found: here, silent: [] };
    const { answers, silent } = await this.#peers.ask<'kill'>({ kind: 'kill', session, by, reason });
    const outcomes = answers.map(({ answer }) => answer.outcome);
    return { found: outcomes.find((outcome) => outcome !== 'not-here') ?? 'not-here', silent };
  }

  /** By name; this process is among them. */
  async processes(): Promise<Gathered<readonly InProcess<ProcessStatus>[]>> {
    const { answers, silent } = await this.#askAll<'status'>({ kind: 'status' });
    const found = answers.map(({ from, answer }) => ({ ...answer.status, process: from }));
    return { found: found.sort((left, right) => (left.process < right.process ? -1 : 1)), silent };
  }

  async #askAll<Kind extends Question['kind']>(
    question: Extract<Question, { readonly kind: Kind }>,
  ): Promise<AllAnswers<Kind>> {
    const [own, { answers, silent }] = await Promise.all([
      answerOf(this.#own, question),
      this.#peers.ask<Kind>(question),
    ]);
    // as: `answerOf` answers in kind
    const answer = own as Extract<Answer, { readonly kind: Kind }>;
    return { answers: [{ from: this.#own.name, answer }, ...answers], silent };
  }
}
