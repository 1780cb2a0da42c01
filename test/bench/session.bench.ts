/**
 * `node test/bench/session.bench.ts [--rounds N] [--only TEXT]`: what a statement costs the session engine itself, from the client's bytes to the
 * masked answer: real catalog, policy of 50 rules, trail and transcripts, but sockets that only call each other. So no noise
 * of other processes is in it. Processor time of the best round, in microseconds a statement; prints, never fails.
 */
import { createSecretKey } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { EmbeddedApprovals } from '../../services/core/approvals/store/embedded.ts';
import { openTrail } from '../../services/core/audit/open-trail.ts';
import { TranscriptStore } from '../../services/core/audit/transcript-store.ts';
import { GatewayCheckpoint } from '../../services/core/checkpoint/checkpoint.ts';
import { systemClock } from '../../services/core/model/clock.ts';
import { listenerName, targetName } from '../../services/core/model/ids.ts';
import { noPeers } from '../../services/core/model/peers.ts';
import type { SourceDocument } from '../../services/core/model/problem.ts';
import { loadPolicies } from '../../services/core/policy/load.ts';
import { PolicySet } from '../../services/core/policy/policy-set.ts';
import { PolicyStore } from '../../services/core/policy/policy-store.ts';
import { telemetryOff } from '../../services/core/telemetry/off.ts';
import { vocabularyOf } from '../../services/gateway-files.ts';
import { postgres } from '../../services/protocols/postgres/index.ts';
import { PostgresSession } from '../../services/protocols/postgres/session/session.ts';
import { TargetWork } from '../../services/protocols/postgres/session/target-work.ts';
import { LargeTexts } from '../../services/protocols/postgres/sql/large-texts.ts';
import { frameOf, int16, int32, readyForQuery } from '../../services/protocols/postgres/wire/backend.ts';
import { principal } from '../core/policy/actors.ts';
import { testTarget } from '../protocols/postgres/session/target.ts';
import { silent } from '../servers/envoy.ts';
import { startPostgres } from '../servers/postgres.ts';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '60' }, only: { type: 'string', default: '' } },
});
const clock = systemClock;
const log = silent;

const server = await startPostgres();
const admin = await server.connect();
await admin.query(`CREATE SCHEMA app;
  CREATE TABLE app.users (id int PRIMARY KEY, name text, email text, note text, at timestamptz)`);
const { oid } = (await admin.query(`SELECT 'app.users'::regclass::oid::int AS oid`)).rows[0];

const shop = targetName('shop');
const listener = listenerName('postgres');
const document: SourceDocument = {
  file: 'bench.yaml',
  value: {
    policies: [
      {
        name: 'agents',
        targets: ['shop'],
        rules: Array.from({ length: 50 }, (_, at) => ({
          name: `rule-${at}`,
          effects: ['select'],
          tables: [at === 40 ? 'app.*' : `app.table_${at}`],
          outcome: 'allow',
        })),
        masks: [
          { fields: ['app.users.email'], with: 'email' },
          { detect: ['card'], with: 'last4' },
        ],
      },
    ],
  },
  locate: () => ({ line: 1, column: 1 }),
};
const targets = [{ name: shop, protocol: 'postgres' }];
const vocabulary = vocabularyOf([postgres], {
  targets,
  listeners: [{ name: listener, protocol: 'postgres' }],
});
const policies = new PolicyStore(PolicySet.none, 0);
const loaded = loadPolicies([document], vocabulary);
if (!policies.replace(loaded, 0)) throw new Error(JSON.stringify(loaded.problems));

const stateDir = await mkdtemp(join(tmpdir(), 'sallyport-bench-'));
const trail = await openTrail({
  stateDir,
  chain: 'bench',
  settings: {
    segmentBytes: 64 * 1024 * 1024,
    checkpointEveryMs: 1000,
    checkpointEveryRecords: 1000,
    signingKey: null,
  },
  clock,
  log,
  telemetry: telemetryOff,
  onHealth: () => undefined,
});
const transcripts = new TranscriptStore({
  stateDir,
  settings: { enabled: true, maxResultBytes: 1024 * 1024, maxSessionBytes: 1024 * 1024 * 1024 },
  clock,
  log,
});
const checkpoint = new GatewayCheckpoint({
  policies,
  approvals: new EmbeddedApprovals({
    journal: join(stateDir, 'journal'),
    maxOpenPerPrincipal: 3,
    clock,
    log,
  }),
  trail,
  telemetry: telemetryOff,
  clock,
  log,
  process: 'bench',
  gateway: 'test',
  workers: 1,
  peers: noPeers,
  lockout: { failures: 3, windowMs: 60_000, lockMs: 60_000 },
  credentialGraceMs: 30_000,
  sources: () => null,
  disabled: () => false,
  openTranscript: (session, opening) => transcripts.open({ session, ...opening }),
});
const target = testTarget({ port: server.port, searchPath: ['app'], catalogRefreshMs: 60_000 });
const work = await TargetWork.open({
  name: shop,
  target,
  maskingKey: createSecretKey(Buffer.alloc(32, 7)),
  largeTexts: new LargeTexts(clock),
  clock,
  log,
  changedHere: () => undefined,
});

/** Takes what is written to it, and gives it to whoever listens; nothing of it is a system call. */
class LoopSocket extends Socket {
  onWrite: (bytes: Buffer) => void = () => undefined;

  override write(bytes: unknown): boolean {
    if (Buffer.isBuffer(bytes)) this.onWrite(bytes);
    return true;
  }
  override end(): this {
    return this;
  }
  override resume(): this {
    return this;
  }
  override pause(): this {
    return this;
  }
}

const chunkBytes = 64 * 1024;
const idle = 0x49;

class Loop {
  readonly client = new LoopSocket();
  readonly upstream = new LoopSocket();
  readonly #request: Buffer;
  #left = 0;
  #done: () => void = () => undefined;

  constructor(request: Buffer, answer: Buffer) {
    this.#request = request;
    const source = { ip: '127.0.0.1', port: 1 };
    const opening = { protocol: 'postgres', listener, source, principal: principal(), target: shop };
    const gate = checkpoint.openSession({ ...opening, onEnd: () => undefined });
    if ('kind' in gate) throw new Error(gate.message);
    const upstream = {
      socket: this.upstream,
      rest: Buffer.alloc(0),
      parameters: new Map<string, string>(),
      cancelKey: null,
    };
    const session = new PostgresSession({
      client: this.client,
      upstream,
      target,
      startParameters: new Map(),
      gate,
      work,
      ring: null,
      clock,
      log,
      trace: null,
      closed: () => undefined,
    });
    session.start(Buffer.alloc(0));
    // A copy each time, as a socket gives one.
    this.upstream.onWrite = () => setImmediate(() => this.#answer(answer));
    this.client.onWrite = (bytes) => {
      // The last byte of ReadyForQuery.
      if (bytes.at(-1) === idle) setImmediate(() => this.#next());
    };
  }

  run(statements: number): Promise<void> {
    this.#left = statements;
    return new Promise((resolve) => {
      this.#done = resolve;
      this.#next();
    });
  }

  /** What only opens the way for what is measured. */
  say(bytes: Buffer, answer: Buffer): Promise<void> {
    const { onWrite } = this.upstream;
    return new Promise((resolve) => {
      const toClient = this.client.onWrite;
      this.upstream.onWrite = () => setImmediate(() => this.upstream.emit('data', answer));
      this.client.onWrite = () => {
        this.upstream.onWrite = onWrite;
        this.client.onWrite = toClient;
        resolve();
      };
      this.client.emit('data', bytes);
    });
  }

  /** In pieces of the size in which a socket gives them. */
  #answer(answer: Buffer): void {
    for (let at = 0; at < answer.length; at += chunkBytes) {
      this.upstream.emit('data', Buffer.from(answer.subarray(at, at + chunkBytes)));
    }
  }

  #next(): void {
    if (this.#left-- > 0) this.client.emit('data', Buffer.from(this.#request));
    else this.#done();
  }
}

const value = (text: string): Buffer[] => [int32(Buffer.byteLength(text)), Buffer.from(text)];
const field = (name: string, attribute: number, type: number): Buffer[] => [
  Buffer.from(`${name}\0`),
  int32(oid),
  int16(attribute),
  int32(type),
  int16(0xffff - 0xffff),
  int32(-1),
  int16(0),
];
const description = frameOf(0x54, int16(1), ...field('name', 2, 25));
const row = frameOf(0x44, int16(1), ...value('Ada Lovelace'));
const tag = frameOf(0x43, 'SELECT 1');
const ready = readyForQuery('I');
const sync = frameOf(0x53);

const text = 'SELECT name FROM app.users WHERE id = ';
const simple = { request: frameOf(0x51, `${text}7;`), answer: Buffer.concat([description, row, tag, ready]) };
const bind = Buffer.concat([
  frameOf(0x42, '', 'p0', int16(0), int16(1), ...value('7'), int16(0)),
  frameOf(0x44, Buffer.from('P'), ''),
  frameOf(0x45, '', int32(0)),
  sync,
]);
const prepared = {
  request: bind,
  answer: Buffer.concat([frameOf(0x32), description, row, tag, ready]),
};
const parse = Buffer.concat([frameOf(0x50, 'p0', `${text}$1`, int16(0)), sync]);
const bigFields = [
  ['id', 1, 23],
  ['name', 2, 25],
  ['email', 3, 25],
  ['note', 4, 25],
  ['at', 5, 1184],
] as const;
const bigRow = frameOf(
  0x44,
  int16(5),
  ...[
    '123456',
    'name of 123456',
    'user123456@example.com',
    'some words '.repeat(8),
    '2026-01-01 00:00:00+00',
  ].flatMap((text) => value(text)),
);
/** Some 10 MB, of which the transcript keeps 1 MiB. */
const bigRows = 60_000;
const rows = {
  request: frameOf(0x51, 'SELECT id, name, email, note, at FROM app.users;'),
  answer: Buffer.concat([
    frameOf(0x54, int16(5), ...bigFields.flatMap(([name, attribute, type]) => field(name, attribute, type))),
    ...Array.from({ length: bigRows }, () => bigRow),
    tag,
    ready,
  ]),
};

async function cost(
  { request, answer }: { readonly request: Buffer; readonly answer: Buffer },
  sessions: number,
  statements: number,
): Promise<number> {
  const loops = Array.from({ length: sessions }, () => new Loop(request, answer));
  for (const loop of loops) await loop.say(parse, Buffer.concat([frameOf(0x31), ready]));
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < Number(values.rounds); round++) {
    const before = process.cpuUsage();
    await Promise.all(loops.map((loop) => loop.run(statements / sessions)));
    const { user, system } = process.cpuUsage(before);
    best = Math.min(best, (user + system) / statements);
  }
  for (const loop of loops) loop.client.emit('close');
  return best;
}

const loads = [
  ['simple, 1 session', simple, 1, 800],
  ['simple, 8 sessions', simple, 8, 1_600],
  ['prepared, 1 session', prepared, 1, 800],
  ['prepared, 8 sessions', prepared, 8, 1_600],
  ['masked rows', rows, 1, 2],
] as const;
for (const [name, load, sessions, statements] of loads) {
  if (!name.includes(values.only)) continue;
  const us = await cost(load, sessions, statements);
  const rate = load === rows ? `, ${(rows.answer.length / us).toFixed(0)} MB/s` : '';
  console.log(`${name.padEnd(20)} ${us.toFixed(1)} µs${rate}`);
}
await admin.end();
await work.close();
await transcripts.close();
await trail.close();
await server.stop();
await rm(stateDir, { recursive: true });
process.exit(0);
