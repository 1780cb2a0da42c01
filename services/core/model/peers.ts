/** What gateway processes that share Redis, on one machine or several, say to each other. */
import type { SessionId, TargetName } from './ids.ts';
import type { Party, PrincipalKind } from './principal.ts';

/** Told to all others, without an answer: who cannot be reached just then never learns of it. */
export type News =
  | { readonly kind: 'login-failed'; readonly ip: string }
  | { readonly kind: 'login-succeeded'; readonly ip: string }
  /** A client asked to stop what another of its connections runs. `key` tells which, and is of no use to a client. */
  | { readonly kind: 'cancel'; readonly protocol: string; readonly key: string }
  /** A session has changed definitions at a target. */
  | { readonly kind: 'definitions-changed'; readonly protocol: string; readonly target: TargetName }
  /** A person has ended a session, and with it what its client may do by the same credential. `key` tells which. */
  | { readonly kind: 'session-revoked'; readonly protocol: string; readonly key: string }
  /** A worker needs more of a principal's commands per minute than its share, and may have what others of its gateway do not use. */
  | {
      readonly kind: 'commands-wanted';
      readonly gateway: string;
      readonly by: string;
      readonly rateKey: string;
      readonly perMinute: number;
    }
  /** A part of a bucket: how much of it, how full it is, and until when. */
  | {
      readonly kind: 'commands-lent';
      readonly gateway: string;
      readonly to: string;
      readonly rateKey: string;
      readonly perMinute: number;
      readonly loan: { readonly capacity: number; readonly commands: number; readonly untilMs: number };
    };

/** Where a list of sessions goes on: behind this one. */
export interface SessionPlace {
  readonly openedAtMs: number;
  readonly id: SessionId;
}

/** Answered by every process for itself. */
export type Question =
  | { readonly kind: 'status' }
  /** The oldest sessions first, at most `limit`. */
  | { readonly kind: 'sessions'; readonly after: SessionPlace | null; readonly limit: number }
  | { readonly kind: 'open-among'; readonly sessions: readonly SessionId[] }
  /** Records it and ends the session, where it is. */
  | { readonly kind: 'kill'; readonly session: SessionId; readonly by: Party; readonly reason: string };

export type Answer =
  | { readonly kind: 'status'; readonly status: ProcessStatus }
  | { readonly kind: 'sessions'; readonly sessions: readonly OpenSession[] }
  | { readonly kind: 'open-among'; readonly sessions: readonly SessionId[] }
  | { readonly kind: 'kill'; readonly outcome: KillOutcome };

/** `unrecorded`: ended, but the trail of its process cannot be written. */
export type KillOutcome = 'not-here' | 'recorded' | 'unrecorded';

export interface OpenSession extends SessionPlace {
  readonly protocol: string;
  readonly target: TargetName;
  readonly principal: Party & { readonly kind: PrincipalKind; readonly actsFor: readonly Party[] };
  /** The client's address and port. */
  readonly source: string;
  readonly lastActiveMs: number;
  readonly actions: number;
}

export interface ProcessStatus {
  readonly version: string;
  readonly startedAtMs: number;
  readonly sessions: number;
  readonly trailWritable: boolean;
  readonly policyVersion: string;
  /** Whether the last load of policies was refused, so that others are in force than the files say. */
  readonly policyRefused: boolean;
}

/** What was answered, with the name of the process, and who should have and did not. */
export interface Asked<Kind extends Question['kind']> {
  readonly answers: readonly {
    readonly from: string;
    readonly answer: Extract<Answer, { readonly kind: Kind }>;
  }[];
  readonly silent: readonly string[];
}

/** The other gateway processes. Nothing here rejects: who cannot be reached is told of. */
export interface Peers {
  /** How many others there are, as far as is known; never fewer than the other workers of this gateway. */
  readonly count: number;
  /** False when it surely has reached nobody. */
  tell(news: News): Promise<boolean>;
  ask<Kind extends Question['kind']>(
    question: Extract<Question, { readonly kind: Kind }>,
  ): Promise<Asked<Kind>>;
}

/** A process that shares nothing. */
export const noPeers: Peers = {
  count: 0,
  tell: () => Promise.resolve(true),
  ask: () => Promise.resolve({ answers: [], silent: [] }),
};
