import type { Clock } from '../../core/model/clock.ts';
import type { Approvals } from '../../core/model/hold.ts';
import type { Logger } from '../../core/model/log.ts';
import type { Problem } from '../../core/model/problem.ts';
import type { ConsoleSettings, ListenerSettings } from '../../core/model/settings.ts';
import type { Trail } from '../../core/model/trail-entry.ts';
import type { SessionRegistry } from '../../core/registry/session-registry.ts';
import type { CallerParts } from './caller.ts';

/** The policies in force and what the last load found; `PolicyStore.status` has this shape. */
export interface ConsolePolicyStatus {
  readonly version: string;
  readonly policies: readonly string[];
  readonly loadedAtMs: number;
  readonly problems: readonly Problem[];
  readonly refused: boolean;
}

/** What the API is given by main.ts. Methods are asked each time, so a reload needs no word to the API. */
export interface ApiParts extends CallerParts {
  readonly version: string;
  /** Where transcripts are. */
  readonly stateDir: string;
  readonly approvals: Pick<Approvals, 'list' | 'show' | 'vote'>;
  readonly trail: Trail;
  readonly registry: Pick<SessionRegistry, 'sessions' | 'openAmong' | 'kill' | 'processes'>;
  policyStatus(): ConsolePolicyStatus;
  consoleSettings(): ConsoleSettings;
  listeners(): readonly ListenerSettings[];
  readonly clock: Clock;
  readonly log: Logger;
}

export const isoTime = (ms: number): string => new Date(ms).toISOString();

/** Resolves when what was appended has been written (true), or could not be. */
export const recorded = (trail: Trail): Promise<boolean> =>
  new Promise((resolve) => {
    trail.afterCommit({ committed: () => resolve(true), notCommitted: () => resolve(false) });
  });
