/**
 * One gateway process, wired by hand: config -> stores -> checkpoint -> protocols -> servers. The only file that knows
 * everything. Started by `sallyport up`, or by whoever supervises instead: `node services/main.ts --config FILE`.
 */
import { mkdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { edgeSocket, engineSocket, streamsSocket } from '../envoy/sockets.ts';
import packageJson from '../package.json' with { type: 'json' };
import { recorded } from './console/api/parts.ts';
import { type Api, startApi } from './console/api/server.ts';
import { type FromGateway, toGateway } from './console/process-messages.ts';
import { consoleSocket, runFolder } from './console/run-folder.ts';
import { EmbeddedApprovals } from './core/approvals/store/embedded.ts';
import { RedisApprovals } from './core/approvals/store/redis.ts';
import { openTrail } from './core/audit/open-trail.ts';
import { SiblingChains } from './core/audit/sibling-chains.ts';
import { TranscriptStore } from './core/audit/transcript-store.ts';
import { GatewayCheckpoint } from './core/checkpoint/checkpoint.ts';
import { watchFiles } from './core/config/watch.ts';
import { verifiedCertificate } from './core/identity/certificate.ts';
import { GatewayIdentity } from './core/identity/identity.ts';
import { systemClock } from './core/model/clock.ts';
import { messageOf } from './core/model/errors.ts';
import type { ListenerName } from './core/model/ids.ts';
import type { Logger } from './core/model/log.ts';
import { noPeers, type Peers } from './core/model/peers.ts';
import { matchesPrincipal } from './core/model/principal-pattern.ts';
import { type Problem, problemText } from './core/model/problem.ts';
import type { Settings } from './core/model/settings.ts';
import { processNameOf, type WorkerNumber } from './core/model/worker.ts';
import { PolicySet } from './core/policy/policy-set.ts';
import { PolicyStore } from './core/policy/policy-store.ts';
import { answerOf, type OwnProcess } from './core/registry/own-process.ts';
import { RedisPeers } from './core/registry/redis-peers.ts';
import { SessionRegistry } from './core/registry/session-registry.ts';
import { createProcessLogger, type LogLevel, logLevels } from './core/telemetry/logger.ts';
import { createTelemetry } from './core/telemetry/telemetry.ts';
import { startEdge } from './edge/server.ts';
import { type GatewayFiles, loadGatewayFiles } from './gateway-files.ts';
import { drainMs } from './limits.ts';
import { Live } from './live.ts';
import { maskingKey } from './masking-key.ts';
import { protocols } from './protocols/index.ts';
import { type Intake, openIntake } from './protocols/intake.ts';
import type { Engine, EngineServices, Protocol, RequestEngine } from './protocols/protocol.ts';
import type { AnswerReader } from './protocols/request.ts';
import { streamProcess } from './protocols/stream-headers.ts';
import { openStreamIntake } from './protocols/stream-intake.ts';

const { version } = packageJson;
const clock = systemClock;

const tell = (message: FromGateway): void => {
  process.send?.(message);
};

interface Gateway {
  reload(): Promise<void>;
  /** Drains the sessions first, unless and until whoever stops us is in a hurry. */
  close(hurry: AbortSignal): Promise<void>;
}

async function drain(engines: readonly Engine[], hurry: AbortSignal): Promise<void> {
  const { promise: enough, resolve } = Promise.withResolvers<void>();
  const timer = clock.after(drainMs, resolve);
  hurry.addEventListener('abort', () => resolve());
  if (hurry.aborted) resolve();
  await Promise.race([Promise.all(engines.map((engine) => engine.drain())), enough]);
  timer.cancel();
}

/** Which of the gateway's processes this is. */
interface Place {
  readonly worker: WorkerNumber;
  readonly workers: number;
}

async function startGateway(
  config: string,
  files: GatewayFiles,
  settings: Settings,
  { worker, workers }: Place,
  log: Logger,
): Promise<Gateway> {
  const processName = processNameOf(worker);
  const { stateDir } = settings.gateway;
  const runDir = runFolder(stateDir);
  await mkdir(runDir, { recursive: true, mode: 0o700 });
  const live = new Live(settings);

  const telemetry = await createTelemetry({ clock, log, version, process: processName });
  const trail = await openTrail({
    stateDir,
    chain: processName,
    settings: settings.audit,
    clock,
    log,
    telemetry,
    onHealth: ({ writable, error }) =>
      writable
        ? log.info({}, 'the trail can be written again')
        : log.error({ error }, 'the trail cannot be written: every action is refused'),
  });
  trail.append({ kind: 'gateway-started', version, process: processName });
  const siblings = new SiblingChains({ stateDir, chain: processName, trail, clock, log });
  await siblings.start();
  const transcripts = new TranscriptStore({ stateDir, settings: settings.audit.transcripts, clock, log });

  const { redisUrl, maxOpenPerPrincipal } = settings.approvals;
  const approvals =
    redisUrl === null
      ? new EmbeddedApprovals({ journal: join(stateDir, 'approvals.jsonl'), maxOpenPerPrincipal, clock, log })
      : await RedisApprovals.start({ url: redisUrl, maxOpenPerPrincipal, clock, log });

  const shared =
    redisUrl === null
      ? null
      : await RedisPeers.start({
          url: redisUrl,
          name: `${processName} on ${hostname()}`,
          workers,
          clock,
          log,
        });
  const peers: Peers = shared ?? noPeers;

  const identity = new GatewayIdentity(settings.identity, clock, log);
  const policies = new PolicyStore(PolicySet.none, clock.nowMs());
  const replacePolicies = (loaded: GatewayFiles['policies']): void => {
    if (policies.replace(loaded, clock.nowMs())) {
      const { version: policyVersion, policies: names } = policies.status();
      trail.append({ kind: 'policy-loaded', policyVersion, policies: names });
      log.info({ policyVersion, policies: names }, 'policies are in force');
    } else {
      trail.append({ kind: 'policy-refused', problems: loaded.problems.map(problemText) });
      for (const problem of loaded.problems) log.error({}, problemText(problem));
      log.error(
        { policyVersion: policies.version },
        'the new policies are broken; the old ones stay in force',
      );
    }
  };
  replacePolicies(files.policies);

  const checkpoint = new GatewayCheckpoint({
    policies,
    approvals,
    trail,
    telemetry,
    clock,
    log,
    process: processName,
    gateway: `${hostname()} ${stateDir}`,
    workers,
    peers,
    lockout: settings.identity.lockout,
    credentialGraceMs: settings.identity.credentialGraceMs,
    disabled: (principal) =>
      live.settings.identity.disabled.some((pattern) => matchesPrincipal(pattern, principal)),
    sources: (listener) => live.listeners.get(listener)?.sources ?? null,
    openTranscript: (session, { principal, target, protocol }) =>
      transcripts.open({ session, principal, target, protocol }),
  });

  const key = await maskingKey(stateDir);
  const engines = new Map<string, Engine>();
  for (const protocol of protocols as readonly Protocol[]) {
    const services: EngineServices<unknown> = {
      checkpoint,
      identity,
      telemetry,
      clock,
      log: log.child({ protocol: protocol.name }),
      maskingKey: key,
      tls: (listener) => live.listeners.get(listener)?.tls ?? null,
      oauth: (listener) => live.listeners.get(listener)?.settings.oauth ?? null,
      readCertificate: verifiedCertificate,
      target: (name) => live.target(protocol.name, name),
      streamProcess: streamProcess(worker),
      tellOthers: (news) => void peers.tell({ ...news, protocol: protocol.name }),
    };
    engines.set(protocol.name, protocol.createEngine(services));
  }

  const intakes = new Map<ListenerName, Intake>();
  /** Opens the sockets of listeners that are new and closes those that are gone; sessions that run go on. */
  const serveListeners = async (): Promise<void> => {
    for (const [listener, intake] of intakes) {
      if (live.listeners.has(listener)) continue;
      intakes.delete(listener);
      intake.close();
    }
    for (const [
      listener,
      {
        settings: { protocol },
      },
    ] of live.listeners) {
      const engine = engines.get(protocol);
      if (engine?.takes !== 'connections' || intakes.has(listener)) continue;
      const path = engineSocket(runDir, listener, worker);
      intakes.set(listener, await openIntake({ path, listener, engine, clock, log }));
    }
  };
  await serveListeners();

  const streamIntakes: Intake[] = [];
  for (const [protocol, engine] of engines) {
    if (engine.takes !== 'requests' || engine.streams === null) continue;
    const path = streamsSocket(runDir, protocol, worker);
    streamIntakes.push(await openStreamIntake({ path, streams: engine.streams, log }));
  }

  const firstReader = (readerOf: (engine: RequestEngine) => AnswerReader | null): AnswerReader | null => {
    for (const engine of engines.values()) {
      const reader = engine.takes === 'requests' ? readerOf(engine) : null;
      if (reader !== null) return reader;
    }
    return null;
  };
  const edge = await startEdge({
    socketPath: edgeSocket(runDir, worker),
    checkpoint,
    requests: (listener, target) => {
      const engine = engines.get(live.protocolOf(listener, target));
      return engine?.takes === 'requests' ? engine : null;
    },
    answerTo: (action) => firstReader((engine) => engine.answerTo(action)),
    streamIn: (session) => firstReader((engine) => engine.streamIn(session)),
    worker,
    log,
  });
  const startedAtMs = clock.nowMs();
  const own: OwnProcess = {
    name: redisUrl === null ? processName : `${processName} on ${hostname()}`,
    status: () => {
      const { version: policyVersion, refused } = policies.status();
      const sessions = checkpoint.sessions().length;
      const trailWritable = trail.writable;
      return { version, startedAtMs, sessions, trailWritable, policyVersion, policyRefused: refused };
    },
    sessions: () => checkpoint.sessions(),
    async kill(session, by, reason) {
      if (!checkpoint.kill(session, by, reason)) return 'not-here';
      return (await recorded(trail)) ? 'recorded' : 'unrecorded';
    },
  };
  shared?.serve({
    answer: (question) => answerOf(own, question),
    told: (news) => {
      checkpoint.told(news);
      if ('protocol' in news) engines.get(news.protocol)?.told(news);
    },
  });
  const api: Api = await startApi({
    socketPath: consoleSocket(stateDir, worker),
    version,
    stateDir,
    identity,
    approvals,
    trail,
    registry: new SessionRegistry(own, peers),
    policyStatus: () => policies.status(),
    consoleSettings: () => live.settings.console,
    listeners: () => live.settings.gateway.listeners,
    disabled: (principal) =>
      live.settings.identity.disabled.some((pattern) => matchesPrincipal(pattern, principal)),
    clock,
    log,
  });

  /** What cannot change without a new process; said once a reload finds it changed. */
  const fixed = ({ gateway, approvals: store, audit }: Settings): string =>
    JSON.stringify([gateway.stateDir, gateway.workers, store, audit]);

  const reload = async (): Promise<void> => {
    const loaded = await loadGatewayFiles(config, { protocols, env: process.env, clock });
    watch.update(loaded.watched);
    if (loaded.settings === null) {
      for (const problem of loaded.problems) log.error({}, problemText(problem));
      log.error({}, 'the new config is broken; the old one stays in force');
      return replacePolicies({ ...loaded.policies, policies: null, problems: loaded.problems });
    }
    if (fixed(loaded.settings) !== fixed(live.settings)) {
      log.warn(
        {},
        'stateDir, workers, approvals or audit have changed: that takes a restart; the rest is in force now',
      );
    }
    const forEnvoy = ({ gateway, targets }: Settings): unknown => [gateway, targets];
    const settingsChanged = !isDeepStrictEqual(forEnvoy(loaded.settings), forEnvoy(live.settings));
    live.replace(loaded.settings);
    identity.reload(loaded.settings.identity);
    replacePolicies(loaded.policies);
    checkpoint.endDisabled();
    await serveListeners();
    tell({ kind: 'reloaded', settingsChanged });
  };

  let reloading: Promise<void> = Promise.resolve();
  /** One at a time, in order; what goes wrong is in the log, and what was in force stays. */
  const reloadInTurn = (): Promise<void> => {
    reloading = reloading.then(reload).catch((error: unknown) => log.error({ error }, 'a reload failed'));
    return reloading;
  };
  const watch = watchFiles(files.watched, () => void reloadInTurn(), { clock, log });

  return {
    reload: reloadInTurn,
    async close(hurry) {
      watch.close();
      await reloading;
      // Clients can still cancel what runs meanwhile, and people approve: sockets and API close after it.
      await drain([...engines.values()], hurry);
      for (const intake of [...intakes.values(), ...streamIntakes]) intake.close();
      await Promise.all([...engines.values()].map((engine) => engine.close()));
      checkpoint.close();
      await Promise.all([edge.close(), api.close(), approvals.close(), shared?.close(), transcripts.close()]);
      await siblings.close();
      trail.append({ kind: 'gateway-stopped', why: 'it was told to stop' });
      await trail.close();
      await telemetry.shutdown();
    },
  };
}

/** EX_USAGE-like: the supervisor does not start a process again whose config is broken. */
const configBroken = 2;

function logLevel(text: string): LogLevel {
  const found = logLevels.find((level) => level === text);
  if (found === undefined) throw new Error(`--log-level is one of ${logLevels.join(', ')}`);
  return found;
}

/** By `--worker 2 --workers 3`; without them, the only one. */
function placeOf(worker: string | undefined, workers: string | undefined): Place {
  if (worker === undefined && workers === undefined) return { worker: null, workers: 1 };
  const [number, count] = [Number(worker), Number(workers)];
  if (Number.isInteger(number) && Number.isInteger(count) && 1 <= number && number <= count && count > 1) {
    return { worker: number, workers: count };
  }
  throw new Error('--worker is a number from 1 to --workers, of which there are at least 2');
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      config: { type: 'string' },
      'log-level': { type: 'string' },
      worker: { type: 'string' },
      workers: { type: 'string' },
    },
  });
  const config = values.config ?? 'sallyport.yaml';
  const place = placeOf(values.worker, values.workers);
  const log = createProcessLogger(logLevel(values['log-level'] ?? 'info')).child({
    process: processNameOf(place.worker),
  });
  const files = await loadGatewayFiles(config, { protocols, env: process.env, clock });
  const broken = files.settings === null || files.policies.policies === null;
  const problems: readonly Problem[] = files.problems;
  for (const problem of problems) {
    if (problem.severity === 'error') log.error({}, problemText(problem));
    else log.warn({}, problemText(problem));
  }
  if (broken || files.settings === null) {
    tell({ kind: 'failed', problems: problems.map(problemText) });
    process.exitCode = configBroken;
    return process.disconnect?.();
  }
  const gateway = await startGateway(config, files, files.settings, place, log);

  const hurry = new AbortController();
  let stopping = false;
  const stop = (why: string): void => {
    if (stopping) return hurry.abort();
    stopping = true;
    log.info({ why }, 'stopping');
    gateway.close(hurry.signal).then(
      () => process.exit(0),
      (error: unknown) => {
        log.error({ error }, 'the gateway did not stop cleanly');
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
  process.on('SIGHUP', () => void gateway.reload());
  // Without its supervisor nobody restarts it, and Envoy is gone too, and with it all clients.
  process.on('disconnect', () => {
    hurry.abort();
    stop('the supervisor is gone');
  });
  process.on('message', (message) => {
    const told = toGateway.parse(message);
    if (told.kind === 'stop') stop('the supervisor said so');
    else void gateway.reload();
  });
  tell({ kind: 'ready' });
  log.info({ version }, 'ready');
}

main().catch((error: unknown) => {
  // The logger may be what failed; stderr is always there.
  process.stderr.write(`sallyport: the gateway could not start: ${messageOf(error)}\n`);
  process.exit(1);
});
