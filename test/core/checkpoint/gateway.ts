/** A checkpoint over a real trail, real transcripts, the embedded approvals and policies as people write them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EmbeddedApprovals } from '../../../services/core/approvals/store/embedded.ts';
import type { ChainEntry } from '../../../services/core/audit/record.ts';
import type { AuditTrail } from '../../../services/core/audit/trail.ts';
import { TranscriptStore } from '../../../services/core/audit/transcript-store.ts';
import { type CheckpointParts, GatewayCheckpoint } from '../../../services/core/checkpoint/checkpoint.ts';
import type {
  CheckpointSession,
  HeldSubmission,
  HoldNotice,
  PendingHold,
  SessionEnd,
  SessionOpening,
} from '../../../services/core/checkpoint/contract.ts';
import type { Action, Intent } from '../../../services/core/model/action.ts';
import type { Deny } from '../../../services/core/model/decision.ts';
import type { Hold } from '../../../services/core/model/hold.ts';
import { listenerName } from '../../../services/core/model/ids.ts';
import { noPeers } from '../../../services/core/model/peers.ts';
import type { Principal } from '../../../services/core/model/principal.ts';
import type { TrailEntry } from '../../../services/core/model/trail-entry.ts';
import { loadPolicies } from '../../../services/core/policy/load.ts';
import { PolicySet } from '../../../services/core/policy/policy-set.ts';
import { PolicyStore } from '../../../services/core/policy/policy-store.ts';
import { telemetryOff } from '../../../services/core/telemetry/off.ts';
import { ManualClock } from '../approvals/manual-clock.ts';
import { committed, Folder, MemoryLog, openTestTrail } from '../audit/fixtures.ts';
import { intent, principal } from '../policy/actors.ts';
import { told, yaml } from '../policy/documents.ts';
import { shop, vocabulary } from '../policy/words.ts';

/** What most tests run under: reading is free, changing is held, dropping is refused. */
export const policy = (given: { readonly approval?: string; readonly limits?: string } = {}): string => `
policies:
  - name: shop
    targets: [shop]
    limits: {${given.limits ?? ''}}
    rules:
      - {name: read, effects: [select], tables: [app.*], outcome: allow}
      - name: change
        effects: [update, delete]
        tables: [app.*]
        outcome: hold
        approval: {approvers: [{groups: [dba]}]${given.approval === undefined ? '' : `, ${given.approval}`}}
      - {name: never, effects: [drop], outcome: deny}
`;

/** Chain records are the trail's own; everything else is what the gateway has told it. */
const chainKinds: ReadonlySet<string> = new Set(['genesis', 'segment', 'checkpoint', 'write-resumed']);

export class TestGateway implements AsyncDisposable {
  readonly clock: ManualClock;
  readonly folder: Folder;
  readonly log = new MemoryLog();
  readonly policies = new PolicyStore(PolicySet.none, 0);
  readonly trail: AuditTrail;
  readonly approvals: EmbeddedApprovals;
  readonly checkpoint: GatewayCheckpoint;
  /** Why sessions were ended from the gateway's side, in order. */
  readonly ends: SessionEnd[] = [];
  disabled: (principal: Principal) => boolean = () => false;

  private constructor(
    trail: AuditTrail,
    clock: ManualClock,
    folder: Folder,
    parts: Partial<CheckpointParts>,
  ) {
    this.clock = clock;
    this.folder = folder;
    this.trail = trail;
    const { log } = this;
    this.approvals = new EmbeddedApprovals({
      journal: join(folder.path, 'approvals.journal'),
      maxOpenPerPrincipal: 3,
      clock,
      log,
    });
    const transcripts = new TranscriptStore({
      stateDir: folder.path,
      settings: { enabled: true, maxResultBytes: 1000, maxSessionBytes: 100_000 },
      clock,
      log,
    });
    this.checkpoint = new GatewayCheckpoint({
      policies: this.policies,
      approvals: this.approvals,
      trail,
      telemetry: telemetryOff,
      clock,
      log,
      process: 'gateway-1',
      gateway: 'test',
      workers: 1,
      peers: noPeers,
      lockout: { failures: 3, windowMs: 60_000, lockMs: 300_000 },
      credentialGraceMs: 30_000,
      sources: () => null,
      disabled: (who) => this.disabled(who),
      openTranscript: (session, opening) => transcripts.open({ session, ...opening }),
      ...parts,
    });
  }

  static async start(text: string = policy(), parts: Partial<CheckpointParts> = {}): Promise<TestGateway> {
    const folder = new Folder();
    const clock = new ManualClock();
    const gateway = new TestGateway(await openTestTrail(folder, { clock }), clock, folder, parts);
    gateway.load(text);
    return gateway;
  }

  load(text: string): void {
    const loaded = loadPolicies([yaml(text)], vocabulary);
    if (!this.policies.replace(loaded, this.clock.nowMs())) throw new Error(told(loaded.problems).join('\n'));
  }

  opening(who: Principal = principal(), given: Partial<SessionOpening> = {}): SessionOpening {
    return {
      protocol: 'sql',
      listener: listenerName('inside'),
      source: { ip: '10.1.2.3', port: 5000 },
      principal: who,
      target: shop,
      onEnd: (end) => this.ends.push(end),
      ...given,
    };
  }

  session(who?: Principal, given?: Partial<SessionOpening>): CheckpointSession {
    const session = this.checkpoint.openSession(this.opening(who, given));
    if (!('submit' in session)) throw new Error(`refused: ${session.message}`);
    return session;
  }

  /** Everything that is on record by now, without the trail's own records. */
  async records<Kind extends TrailEntry['kind']>(
    kind?: Kind,
  ): Promise<readonly Extract<TrailEntry, { kind: Kind }>[]> {
    await committed(this.trail);
    return this.written().filter(
      (record): record is Extract<TrailEntry, { kind: Kind }> => kind === undefined || record.kind === kind,
    );
  }

  /** As `records`, once there is one: what a file must be read for comes some turns of the event loop later. */
  async recordsWhenThere<Kind extends TrailEntry['kind']>(
    kind: Kind,
  ): Promise<readonly Extract<TrailEntry, { kind: Kind }>[]> {
    for (;;) {
      const records = await this.records(kind);
      if (records.length > 0) return records;
    }
  }

  /** What the kernel has of the trail at this very moment. */
  written(): readonly TrailEntry[] {
    const { trail } = this.folder;
    return readdirSync(trail)
      .filter((name) => name.endsWith('.jsonl'))
      .sort()
      .flatMap((name) => readFileSync(join(trail, name), 'utf8').split('\n').slice(0, -1))
      .map((line) => JSON.parse(line) as TrailEntry | ChainEntry) // the trail's own tests hold its shape
      .flatMap((record): readonly (TrailEntry | ChainEntry)[] =>
        record.kind === 'actions-ended' ? record.ended : [record],
      )
      .filter((record): record is TrailEntry => !chainKinds.has(record.kind));
  }

  async openHold(): Promise<Hold> {
    const open = (await this.approvals.list()).filter((hold) => hold.state === 'open');
    const [hold] = open;
    if (hold === undefined || open.length > 1) throw new Error(`${open.length} holds are open, not one`);
    return hold;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const session of this.checkpoint.sessions()) session.close('the test is over');
    this.checkpoint.close();
    await this.approvals.close();
    await committed(this.trail);
    await this.trail.close().catch((error: unknown) => this.log.debug({ error }, 'the trail was broken'));
    this.folder[Symbol.dispose]();
  }
}

export const actionOf = (text: string, effects: readonly string[], given: Partial<Action> = {}): Action => ({
  intent: intent(effects, { text }),
  parameters: [],
  sessionState: '',
  ...given,
});

export const reading = actionOf('SELECT 1 FROM app.users', ['select app.users']);
export const deleting = actionOf('DELETE FROM app.orders', ['delete app.orders'], {
  intent: intent(['delete app.orders'], { text: 'DELETE FROM app.orders', versions: ['app.orders@1'] }),
});
export const dropping = actionOf('DROP TABLE app.users', ['drop app.users']);

export interface Waiting {
  readonly held: HeldSubmission;
  readonly pending: PendingHold;
  /** Resolves when the client is told to wait. */
  readonly noticed: Promise<HoldNotice>;
}

/** Submits an action that is held, and goes on with it as a protocol does. */
export function holdOn(
  session: CheckpointSession,
  action: Action = deleting,
  revalidate: () => Promise<Intent> = async () => action.intent,
  estimate: () => Promise<readonly string[]> = async () => [],
  ahead: () => Promise<readonly Action[]> = async () => [],
): Waiting {
  const held = session.submit(action, null);
  if (held.kind !== 'hold') throw new Error(`the action was not held: ${held.kind}`);
  const pending = session.hold(held, { revalidate, estimate, ahead });
  const noticed = new Promise<HoldNotice>((resolve) => pending.onNotice(resolve));
  return { held, pending, noticed };
}

export async function denied(pending: PendingHold): Promise<Deny> {
  const settlement = await pending.settled;
  if (settlement.kind !== 'deny') throw new Error('the action was released');
  return settlement.deny;
}
