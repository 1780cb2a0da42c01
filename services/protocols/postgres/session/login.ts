import type { Socket } from 'node:net';
import type { CheckpointSession, Connection } from '../../../core/checkpoint/contract.ts';
import { sourceText } from '../../../core/model/address.ts';
import { messageOf } from '../../../core/model/errors.ts';
import { type TargetName, targetName } from '../../../core/model/ids.ts';
import type { SessionTrace } from '../../../core/model/telemetry.ts';
import { ByteSourceError } from '../../byte-source.ts';
import type { AcceptedConnection, EngineServices } from '../../protocol.ts';
import { ringSearchPath } from '../ring/ring.ts';
import { CatalogError } from '../sql/errors.ts';
import type { PostgresTarget } from '../target.ts';
import { backend, frameOf, int32, ownMessage, parameterStatus, readyForQuery } from '../wire/backend.ts';
import { WireError } from '../wire/errors.ts';
import { type CancelKey, newestMinor } from '../wire/startup.ts';
import { TokenWanted } from './ask-for-token.ts';
import { type CancelKeys, cancelKeyDigest } from './cancel-keys.ts';
import { UpstreamError } from './errors.ts';
import { type Greeting, GreetingError, greet } from './greeting.ts';
import { identify } from './identify.ts';
import { LoginRefused, refuseLogin } from './login-refused.ts';
import { parameterMayPass } from './parameter-status.ts';
import { farewell, protocolViolation } from './refusal.ts';
import { RingSession, ringHint } from './ring-session.ts';
import { PostgresSession } from './session.ts';
import { protocolOption, type SessionParameters, sessionParameters } from './session-parameters.ts';
import type { TargetWork, TargetWorks } from './target-work.ts';
import { connectUpstream, type ReachedUpstream, type Upstream } from './upstream.ts';

export interface LoginParts {
  readonly services: EngineServices<PostgresTarget>;
  readonly cancelKeys: CancelKeys<PostgresSession>;
  readonly works: TargetWorks;
  /** Whether the gateway stops: no more sessions then, but clients may still cancel what runs. */
  isDraining(): boolean;
  opened(session: PostgresSession): void;
  closed(session: PostgresSession): void;
}

/** 57P03 (cannot_connect_now), as PostgreSQL itself says it: libpq goes on to its next host. */
function cannotConnectNow(): LoginRefused {
  const message = 'the gateway is shutting down';
  return new LoginRefused(ownMessage({ severity: 'FATAL', sqlState: '57P03', message }), message);
}

type Startup = Extract<Greeting['packet'], { kind: 'startup' }>;

/**
 * From a new connection to a running session: start-up, identity, target, checkpoint, target's login. Never rejects; what goes
 * wrong is told to the client, in the trail or in the log.
 */
export async function login(parts: LoginParts, connection: AcceptedConnection): Promise<void> {
  const { services } = parts;
  const { listener, source } = connection;
  const log = services.log.child({ listener, source: sourceText(source) });
  const trace = services.telemetry.enabled
    ? services.telemetry.session({ protocol: 'postgres', listener, source })
    : null;
  let socket: Socket = connection.socket;
  socket.on('error', (error) => log.debug({ error: error.message }, 'a connection failed while starting up'));
  try {
    const tls = services.tls(connection.listener);
    const greeting = await greet(connection.socket, tls, services.clock, (secure) => {
      socket = secure;
    });
    if (greeting.packet.kind === 'cancel') {
      const key = cancelKeyDigest(greeting.packet.key);
      const session = parts.cancelKeys.find(key);
      // Envoy brings it to any worker, and a load balancer to any gateway.
      if (session !== undefined) session.cancel();
      else services.tellOthers({ kind: 'cancel', key });
      greeting.bytes.release();
      socket.end();
      trace?.end(null);
      return;
    }
    if (parts.isDraining()) throw cannotConnectNow();
    await openSession(parts, connection, greeting, greeting.packet, trace);
  } catch (error) {
    trace?.end(error instanceof TokenWanted ? null : messageOf(error));
    const words = lastWords(error);
    if (words === null) log.debug({ error: messageOf(error) }, 'a connection ended before it had begun');
    else if (error instanceof TokenWanted) log.debug({}, 'a client was told where it gets a token');
    else log.info({ error: messageOf(error) }, 'a connection was refused');
    if (words !== null) socket.write(words);
    socket.end();
    services.clock.after(1000, () => socket.destroy());
  }
}

/** What the client is told; null when there is nobody to tell or nothing to say. */
function lastWords(error: unknown): Buffer | null {
  if (error instanceof LoginRefused) return error.words;
  if (error instanceof WireError) return protocolViolation(error.message);
  if (error instanceof GreetingError) {
    if (error.code === 'tls-failed' || error.code === 'wrong-alpn') return null;
    return ownMessage({ severity: 'FATAL', sqlState: '08P01', message: error.message });
  }
  if (error instanceof ByteSourceError) return null;
  return farewell('target-unavailable', 'the gateway failed while it opened the session');
}

async function openSession(
  parts: LoginParts,
  connection: AcceptedConnection,
  greeting: Greeting,
  startup: Startup,
  trace: SessionTrace | null,
): Promise<void> {
  const { services } = parts;
  const { clock, checkpoint } = services;
  negotiateVersion(greeting.socket, startup);
  const name = targetName(startup.parameters.get('database') ?? startup.parameters.get('user') ?? '');
  const known: Connection = { ...connection, principal: null, target: name };
  trace?.phase('identity');
  const principal = await identify(services, connection, greeting, startup.parameters, known);
  const target = services.target(name);
  if (target === null) {
    throw refuseLogin(services, { ...known, principal, target: null }, 'unknown-target', unknownTarget(name));
  }
  const parameters = sessionParameters(startup.parameters, target.searchPath, principal.subject);
  if (parameters.kind === 'refused') throw refuseParameter(services, { ...known, principal }, parameters);

  let running: PostgresSession | null = null;
  const opened = checkpoint.openSession({
    protocol: 'postgres',
    listener: connection.listener,
    source: connection.source,
    principal,
    target: name,
    onEnd: (end) => {
      if (running !== null) void running.finish(end);
      else greeting.socket.destroy();
    },
  });
  if ('kind' in opened) {
    throw new LoginRefused(farewell(opened.reason, opened.message, opened.hint), opened.message);
  }
  const gate: CheckpointSession = opened;
  try {
    trace?.phase('upstream');
    const { work, upstream, ring } = await reachTarget(parts, target, name, parameters, gate);
    trace?.opened({
      target: name,
      principal,
      session: gate.id,
      protocolAttributes: spanAttributes(target, upstream),
    });
    let key: CancelKey | null = null;
    // It was told to stop meanwhile; a session opened now would not be drained.
    if (parts.isDraining()) {
      upstream.socket.destroy();
      throw cannotConnectNow();
    }
    const session: PostgresSession = new PostgresSession({
      client: greeting.socket,
      upstream,
      target,
      startParameters: parameters.parameters,
      gate,
      work,
      ring,
      clock,
      log: services.log.child({ session: gate.id, target: name }),
      trace,
      closed: () => {
        if (key !== null) parts.cancelKeys.revoke(key);
        parts.closed(session);
      },
    });
    running = session;
    key = parts.cancelKeys.issue(session, startup.minor);
    const rest = greeting.bytes.release();
    greeting.socket.write(welcome(upstream, key));
    parts.opened(session);
    session.start(rest);
  } catch (error) {
    gate.close(`the session could not be opened: ${messageOf(error)}`);
    if (!(error instanceof UpstreamError || error instanceof CatalogError)) throw error;
    services.log.warn(
      { target: name, code: error.code, error: error.message },
      'a target could not be reached',
    );
    const message = `the gateway could not open a session on target "${name}" (${error.code})`;
    throw new LoginRefused(farewell('target-unavailable', message), message);
  }
}

/** OpenTelemetry's names for a database. */
const spanAttributes = (
  { database }: PostgresTarget,
  { host }: ReachedUpstream,
): Record<string, string | number> => ({
  'db.system.name': 'postgresql',
  'db.namespace': database,
  'server.address': host.host,
  'server.port': host.port,
});

interface ReachedTarget {
  readonly work: TargetWork;
  readonly upstream: ReachedUpstream;
  readonly ring: RingSession | null;
}

async function reachTarget(
  parts: LoginParts,
  target: PostgresTarget,
  name: TargetName,
  { parameters }: Extract<SessionParameters, { kind: 'parameters' }>,
  gate: CheckpointSession,
): Promise<ReachedTarget> {
  const { clock, maskingKey } = parts.services;
  const opening = parts.works.get(name, target);
  if (target.ring === null) {
    // Both at once: the catalog is needed before the first statement, and mostly there already.
    const [work, upstream] = await Promise.allSettled([opening, connectUpstream(target, parameters, clock)]);
    if (work.status === 'fulfilled' && upstream.status === 'fulfilled') {
      return { work: work.value, upstream: upstream.value, ring: null };
    }
    if (upstream.status === 'fulfilled') upstream.value.socket.destroy();
    throw upstream.status === 'rejected' ? upstream.reason : work.status === 'rejected' ? work.reason : null;
  }
  const work = await opening;
  const { rings } = work;
  const ring = rings.of(gate.obligations);
  if (ring === null) return { work, upstream: await connectUpstream(target, parameters, clock), ring: null };
  // It may have been installed a moment ago.
  if ((await rings.find(ring)).kind !== 'installed') await work.refresh();
  const { kind } = rings.state(ring);
  if (kind !== 'installed') throw ringRefused(name, kind);
  const inRing = new Map([...parameters, ['search_path', ringSearchPath(ring, target)]]);
  const upstream = await connectUpstream(rings.loginTo(ring), inRing, clock);
  const session = new RingSession({
    ring,
    rings,
    work,
    gate,
    catalog: () => work.catalog,
    maskingKey,
    target: name,
  });
  session.opened();
  return { work, upstream, ring: session };
}

/** With `ring` in the target's section, nobody who is under masks is let in without it. */
function ringRefused(name: TargetName, state: 'missing' | 'stale'): LoginRefused {
  const message = `the masking ring that your masks need is ${state} in target "${name}"`;
  return new LoginRefused(farewell('target-unavailable', message, ringHint(name)), message);
}

const unknownTarget = (name: string): { readonly message: string; readonly hint: string } => ({
  message: `there is no target "${name}" here`,
  hint: 'The database name names a target of the gateway: psql "host=... dbname=TARGET".',
});

function refuseParameter(
  services: EngineServices<PostgresTarget>,
  connection: Connection,
  { name, hint }: Extract<SessionParameters, { kind: 'refused' }>,
): LoginRefused {
  const message = `start-up parameter "${name}" is not accepted`;
  return refuseLogin(services, connection, 'unsupported', { message, hint });
}

/**
 * Says which version and options are spoken when that is not what was asked for; before anything else, where libpq expects it.
 * There is no 3.1 (https://www.postgresql.org/docs/current/protocol.html#PROTOCOL-VERSIONS).
 */
function negotiateVersion(socket: Socket, { minor, parameters }: Startup): void {
  const negotiated = minor >= newestMinor ? newestMinor : 0;
  const unknownOptions = [...parameters.keys()].filter((name) => name.startsWith(protocolOption));
  if (negotiated === minor && unknownOptions.length === 0) return;
  const version = int32((3 << 16) | negotiated);
  socket.write(
    frameOf(backend.negotiateProtocolVersion, version, int32(unknownOptions.length), ...unknownOptions),
  );
}

/** From AuthenticationOk to ReadyForQuery, in the gateway's own name where it is the gateway's. */
function welcome(upstream: Upstream, key: CancelKey): Buffer {
  const parameters = [...upstream.parameters].filter(([name]) => parameterMayPass(name));
  return Buffer.concat([
    frameOf(backend.authentication, int32(0)),
    ...parameters.map(([name, value]) => parameterStatus(name, value)),
    frameOf(backend.backendKeyData, int32(key.processId), key.secret),
    readyForQuery('I'),
  ]);
}
