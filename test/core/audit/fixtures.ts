import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openTrail } from '../../../services/core/audit/open-trail.ts';
import type { AuditTrail, TrailOptions } from '../../../services/core/audit/trail.ts';
import { actionId, type SessionId, sessionId, targetName } from '../../../services/core/model/ids.ts';
import type { Logger } from '../../../services/core/model/log.ts';
import type { TrailEntry } from '../../../services/core/model/trail-entry.ts';
import { ManualClock } from './manual-clock.ts';

/** Folders that are removed when the test's scope ends. */
export class Folder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'sallyport-audit-'));

  get trail(): string {
    return join(this.path, 'trail');
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** Keeps what was logged. */
export class MemoryLog implements Logger {
  readonly lines: { readonly level: string; readonly message: string; readonly fields: object }[] = [];

  debug(fields: object, message: string): void {
    this.lines.push({ level: 'debug', message, fields });
  }
  info(fields: object, message: string): void {
    this.lines.push({ level: 'info', message, fields });
  }
  warn(fields: object, message: string): void {
    this.lines.push({ level: 'warn', message, fields });
  }
  error(fields: object, message: string): void {
    this.lines.push({ level: 'error', message, fields });
  }
  child(): Logger {
    return this;
  }
}

export const session = (name: string): SessionId => sessionId(`s_${name}`);

export const action = (number: number, changes: Partial<Extract<TrailEntry, { kind: 'action' }>> = {}) =>
  ({
    kind: 'action',
    action: actionId(`a_one.${number}`),
    session: session('one'),
    target: targetName('shop'),
    decision: 'allow',
    rule: 'agents/read',
    reason: null,
    policyVersion: 'p1',
    effects: ['select app.users'],
    opaque: [],
    text: `SELECT * FROM app.users WHERE id = ${number}`,
    textBytes: 36,
    textSha256: 'a'.repeat(64),
    parameters: [],
    ...changes,
  }) as const satisfies TrailEntry;

export const actionEnded = (number: number, name = 'one') =>
  ({
    kind: 'action-ended',
    action: actionId(`a_one.${number}`),
    session: session(name),
    result: 'completed',
    rows: number,
    bytes: 100,
    maskedValues: 0,
    errorCode: null,
    durationMs: 1.5,
  }) as const satisfies TrailEntry;

export interface OpenOptions extends Partial<Omit<TrailOptions, 'settings'>> {
  readonly settings?: Partial<TrailOptions['settings']>;
}

export const openTestTrail = (
  folder: { readonly path: string },
  options: OpenOptions = {},
): Promise<AuditTrail> =>
  openTrail({
    stateDir: folder.path,
    chain: 'gateway-1',
    clock: new ManualClock(),
    log: new MemoryLog(),
    telemetry: { enabled: false, trailCommitted: () => undefined },
    onHealth: () => undefined,
    ...options,
    settings: {
      segmentBytes: 1024 * 1024,
      checkpointEveryMs: 1000,
      checkpointEveryRecords: 10,
      signingKey: null,
      ...options.settings,
    },
  });

/** Whether everything appended so far was written. */
export const committed = (trail: AuditTrail): Promise<boolean> =>
  new Promise((resolve) => {
    trail.afterCommit({ committed: () => resolve(true), notCommitted: () => resolve(false) });
  });
