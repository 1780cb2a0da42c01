import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { recorded } from '../../services/console/api/parts.ts';
import { type Api, type ApiOptions, startApi } from '../../services/console/api/server.ts';
import { consoleSocket, runFolder } from '../../services/console/run-folder.ts';
import { EmbeddedApprovals } from '../../services/core/approvals/store/embedded.ts';
import { openTrail } from '../../services/core/audit/open-trail.ts';
import { readTrail } from '../../services/core/audit/read.ts';
import { trailFolder } from '../../services/core/audit/segment-names.ts';
import type { AuditTrail } from '../../services/core/audit/trail.ts';
import { TranscriptStore } from '../../services/core/audit/transcript-store.ts';
import { GatewayCheckpoint } from '../../services/core/checkpoint/checkpoint.ts';
import type { CheckpointSession } from '../../services/core/checkpoint/contract.ts';
import { GatewayIdentity } from '../../services/core/identity/identity.ts';
import { systemClock } from '../../services/core/model/clock.ts';
import type { HoldRequest } from '../../services/core/model/hold.ts';
import { type HoldId, listenerName } from '../../services/core/model/ids.ts';
import { noPeers } from '../../services/core/model/peers.ts';
import type { Principal } from '../../services/core/model/principal.ts';
import { matchesPrincipal } from '../../services/core/model/principal-pattern.ts';
import { Secret } from '../../services/core/model/secret.ts';
import type { ConsoleSettings } from '../../services/core/model/settings.ts';
import { PolicyStore } from '../../services/core/policy/policy-store.ts';
import type { OwnProcess } from '../../services/core/registry/own-process.ts';
import { SessionRegistry } from '../../services/core/registry/session-registry.ts';
import { telemetryOff } from '../../services/core/telemetry/off.ts';
import { recordingLog, request } from '../core/approvals/people.ts';
import { principal } from '../core/policy/actors.ts';
import { policiesOf } from '../core/policy/documents.ts';
import { shop } from '../core/policy/words.ts';
import { listenerSettings } from '../servers/envoy.ts';
import { startIssuer, type TestIssuer } from '../servers/issuer.ts';

const policies = `policies:
  - name: shop
    targets: [shop]
    rules:
      - {name: read, effects: [select], outcome: allow}
      - {name: writes, effects: [update, delete], outcome: hold, approval: {approvers: [{groups: [dba]}]}}
`;

/** A gateway without listeners: everything that the API speaks to is real. */
export interface TestConsole {
  readonly stateDir: string;
  readonly socketPath: string;
  readonly issuer: TestIssuer;
  readonly approvals: EmbeddedApprovals;
  readonly trail: AuditTrail;
  readonly checkpoint: GatewayCheckpoint;
  readonly logLines: readonly string[];
  /** What the API was started with; a test may start another with something changed. */
  readonly options: ApiOptions;
  /** A person's token for the console. */
  token(subject: string, ...groups: string[]): string;
  /** Opens a hold; by default the agent `agent-7` asks for `ada`, and anybody of the group `dba` decides. */
  hold(changes?: Parameters<typeof request>[0]): Promise<HoldRequest>;
  /** An agent's session, with a transcript. */
  session(subject?: string, changes?: Partial<Principal>): CheckpointSession;
  /** What the trail says of these kinds so far, oldest first. */
  recorded(...kinds: string[]): Promise<readonly Record<string, unknown>[]>;
  stop(): Promise<void>;
}

export const digestOf = (id: HoldId): string => createHash('sha256').update(id).digest('hex');

export const consoleSettings: ConsoleSettings = {
  operators: [{ groups: ['sre'] }],
  auditors: [{ groups: ['audit'] }],
};

export async function startConsole(): Promise<TestConsole> {
  const stateDir = await mkdtemp(join(tmpdir(), 'sallyport-console-'));
  await mkdir(runFolder(stateDir), { mode: 0o700 });
  const issuer = await startIssuer();
  const { log, lines } = recordingLog();
  const clock = systemClock;
  const journal = join(stateDir, 'approvals.journal');
  const approvals = new EmbeddedApprovals({ journal, maxOpenPerPrincipal: 100, clock, log });
  const trail = await openTrail({
    stateDir,
    chain: 'gateway-1',
    settings: {
      segmentBytes: 1024 * 1024,
      checkpointEveryMs: 1000,
      checkpointEveryRecords: 100,
      signingKey: null,
    },
    clock,
    log,
    telemetry: telemetryOff,
    onHealth: () => undefined,
  });
  const transcripts = new TranscriptStore({
    stateDir,
    settings: { enabled: true, maxResultBytes: 64 * 1024, maxSessionBytes: 1024 * 1024 },
    clock,
    log,
  });
  const disabledPatterns = [{ subjects: ['mallory'] }];
  const disabled = (who: Principal): boolean =>
    disabledPatterns.some((pattern) => matchesPrincipal(pattern, who));
  const store = new PolicyStore(policiesOf(policies), clock.nowMs());
  const checkpoint = new GatewayCheckpoint({
    policies: store,
    approvals,
    trail,
    telemetry: telemetryOff,
    clock,
    log,
    process: 'gateway-1',
    gateway: 'test',
    workers: 1,
    peers: noPeers,
    lockout: { failures: 5, windowMs: 60_000, lockMs: 60_000 },
    credentialGraceMs: 0,
    sources: () => null,
    disabled,
    openTranscript: (session, { principal, target, protocol }) =>
      transcripts.open({ session, principal, target, protocol }),
  });
  const own: OwnProcess = {
    name: 'gateway-1',
    status: () => ({
      version: '0.0.0-test',
      startedAtMs: clock.nowMs(),
      sessions: checkpoint.sessions().length,
      trailWritable: trail.writable,
      policyVersion: store.version,
      policyRefused: store.status().refused,
    }),
    sessions: () => checkpoint.sessions(),
    async kill(session, by, reason) {
      if (!checkpoint.kill(session, by, reason)) return 'not-here';
      return (await recorded(trail)) ? 'recorded' : 'unrecorded';
    },
  };
  const options: ApiOptions = {
    socketPath: consoleSocket(stateDir, null),
    version: '0.0.0-test',
    stateDir,
    identity: new GatewayIdentity(
      {
        issuers: [issuer.settings],
        certificates: [],
        disabled: disabledPatterns,
        lockout: { failures: 5, windowMs: 60_000, lockMs: 60_000 },
        credentialGraceMs: 0,
      },
      clock,
      log,
    ),
    disabled,
    consoleSettings: () => consoleSettings,
    approvals,
    trail,
    registry: new SessionRegistry(own, noPeers),
    policyStatus: () => store.status(),
    listeners: () => [listenerSettings('inside', { protocol: 'sql' })],
    clock,
    log,
  };
  const api: Api = await startApi(options);
  const open = new Set<CheckpointSession>();
  return {
    stateDir,
    socketPath: options.socketPath,
    issuer,
    approvals,
    trail,
    checkpoint,
    logLines: lines,
    options,
    token: (subject, ...groups) => issuer.mintConsole(subject, { groups }),
    async hold(changes = {}) {
      const party = (subject: string) => ({ issuer: issuer.url, subject });
      const made = request({
        target: shop,
        requester: party('agent-7'),
        chain: [party('agent-7'), party('ada')],
        owner: null,
        ...changes,
      });
      const asked = { ...made, digest: digestOf(made.id) };
      const opened = await approvals.open(asked);
      if (opened.kind !== 'opened') throw new Error(`the hold was not opened: ${opened.kind}`);
      return asked;
    },
    session(subject = 'agent-7', changes = {}) {
      const opened = checkpoint.openSession({
        protocol: 'sql',
        listener: listenerName('inside'),
        source: { ip: '10.1.2.3', port: 50_000 },
        principal: principal({ issuer: issuer.url, subject, ...changes }),
        target: shop,
        onEnd: ({ message }) => {
          if (!('kind' in opened)) opened.close(message);
        },
      });
      if ('kind' in opened) throw new Error(opened.message);
      open.add(opened);
      return opened;
    },
    async recorded(...kinds) {
      const found: Record<string, unknown>[] = [];
      for await (const record of readTrail(trailFolder(stateDir))) {
        if (kinds.includes(record.kind)) found.push({ ...record });
      }
      return found;
    },
    async stop() {
      await api.close();
      for (const session of open) session.close('the test is over');
      checkpoint.close();
      await approvals.close();
      await transcripts.close();
      await trail.close();
      await issuer.stop();
      await rm(stateDir, { recursive: true });
    },
  };
}

export const secret = (text: string): Secret => new Secret(text);
