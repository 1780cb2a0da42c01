import type { ApprovalTerms } from '../../../services/core/model/decision.ts';
import type { HoldRequest } from '../../../services/core/model/hold.ts';
import {
  newHoldId,
  newSessionId,
  policyName,
  ruleName,
  targetName,
} from '../../../services/core/model/ids.ts';
import type { Logger } from '../../../services/core/model/log.ts';
import type { Party, Principal } from '../../../services/core/model/principal.ts';

export const issuer = 'https://login.example';
export const party = (subject: string): Party => ({ issuer, subject });

const principal = (kind: Principal['kind'], subject: string, given: Partial<Principal>): Principal => ({
  issuer,
  subject,
  kind,
  groups: ['dba'],
  claims: {},
  actsFor: [],
  provenBy: 'token',
  credentialId: 'jti',
  expiresAtMs: Number.MAX_SAFE_INTEGER,
  ...given,
});

export const person = (subject: string, given: Partial<Principal> = {}): Principal =>
  principal('person', subject, given);
export const agent = (subject: string, given: Partial<Principal> = {}): Principal =>
  principal('agent', subject, given);

export const ada = person('ada');
export const bob = person('bob');
export const cleo = person('cleo');

export const minuteMs = 60_000;

export const terms = (given: Partial<ApprovalTerms> = {}): ApprovalTerms => ({
  approvers: [[{ groups: ['dba'] }]],
  quorum: 1,
  withinMs: minuteMs,
  mode: 'wait',
  waitMs: minuteMs,
  grant: { kind: 'exact' },
  ...given,
});

type Given = Partial<Omit<HoldRequest, 'approval'>> & { readonly approval?: Partial<ApprovalTerms> };

/** A hold of `agent-1`, which acts for `ada`; its client waits unless `owner: null` is given. */
export function request({ approval, ...given }: Given = {}): HoldRequest {
  const id = newHoldId();
  return {
    id,
    digest: `digest of ${id}`,
    ruleDigest: `rule digest of ${id}`,
    session: newSessionId(),
    protocol: 'postgres',
    target: targetName('shop'),
    requester: party('agent-1'),
    chain: [party('agent-1'), party('ada')],
    rule: { policy: policyName('shop'), rule: ruleName('writes') },
    text: 'DELETE FROM app.orders',
    parameters: ['1', null],
    effects: ['delete app.orders'],
    consequences: ['trigger audit on app.orders runs app.log (plpgsql)'],
    sessionState: '',
    command: null,
    alsoApproves: [],
    openedAtMs: 0,
    expiresAtMs: 0,
    owner: 'gateway-1',
    ...given,
    approval: terms(approval),
  };
}

export interface Logged {
  readonly log: Logger;
  /** Level, message and fields of each line. */
  readonly lines: string[];
}

export function recordingLog(): Logged {
  const lines: string[] = [];
  const write =
    (level: string) =>
    (fields: Readonly<Record<string, unknown>>, message: string): void => {
      lines.push(`${level} ${message} ${JSON.stringify(fields)}`);
    };
  const log: Logger = {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: () => log,
  };
  return { log, lines };
}
