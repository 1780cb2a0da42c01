import type { Socket } from 'node:net';
import type { Clock } from '../../../core/model/clock.ts';
import { ByteSource, ByteSourceError } from '../../byte-source.ts';
import type { PostgresTarget, TargetHost } from '../target.ts';
import { WireError } from '../wire/errors.ts';
import { type CancelKey, cancelRequest } from '../wire/startup.ts';
import { Deadline, dial } from './dial.ts';
import { UpstreamError, type UpstreamErrorCode } from './errors.ts';
import { type Attempt, HostOrder, hostText } from './host-order.ts';
import { cancelDeadlineMs } from './limits.ts';
import { requireAttributes } from './session-attributes.ts';
import { logIn } from './upstream-login.ts';

/** A logged-in connection to a target, idle, with nothing read beyond the first ReadyForQuery. */
export interface Upstream {
  readonly socket: Socket;
  /** Bytes that came behind ReadyForQuery; to be read before the socket. */
  readonly rest: Buffer;
  readonly parameters: ReadonlyMap<string, string>;
  /** Null when the server gave none (some poolers). */
  readonly cancelKey: UpstreamCancelKey | null;
}

/** A key is good at the server that gave it: another one of the same name would know nothing of the session. */
export interface UpstreamCancelKey extends CancelKey {
  readonly host: TargetHost;
  readonly address: string;
}

export interface ReachedUpstream extends Upstream {
  /** Which of the target's hosts it is. */
  readonly host: TargetHost;
}

/** Kept for as long as the target: after a reload it is another object, and nothing is known of its hosts. */
const orders = new WeakMap<PostgresTarget, HostOrder>();

function orderOf(target: PostgresTarget): HostOrder {
  const known = orders.get(target);
  if (known !== undefined) return known;
  const order = new HostOrder(target);
  orders.set(target, order);
  return order;
}

/** As libpq: after these the next host is tried. A refused login or a bad certificate is no reason to ask elsewhere, but a fault to mend. */
const passOn: ReadonlySet<UpstreamErrorCode> = new Set([
  'unreachable',
  'not-accepting',
  'wrong-session-attributes',
]);

/**
 * Connects to the first of the target's hosts that will do, and logs in as the gateway. `parameters` are the session's start-up parameters
 * beside user and database.
 * @throws UpstreamError that says of each host what happened; its code is the last one's
 */
export async function connectUpstream(
  target: PostgresTarget,
  parameters: ReadonlyMap<string, string>,
  clock: Clock,
): Promise<ReachedUpstream> {
  const order = orderOf(target);
  const failures = new Map<string, UpstreamError>();
  for (const attempt of order.attempts(clock)) {
    const { host } = attempt;
    try {
      const upstream = await connectHost(target, attempt, parameters, clock);
      order.reached(host);
      return upstream;
    } catch (error) {
      if (!(error instanceof UpstreamError)) throw error;
      failures.set(hostText(host), error);
      if (error.code === 'unreachable' || error.code === 'not-accepting') order.pause(host, clock);
      // It has answered.
      else order.reached(host);
      if (!passOn.has(error.code)) throw failure(failures, error);
    }
  }
  throw failure(failures, mostTelling([...failures.values()]));
}

/** That a server is there and of the wrong kind says more than that another one is away. */
const mostTelling = (errors: readonly UpstreamError[]): UpstreamError | undefined =>
  errors.find(({ code }) => code === 'wrong-session-attributes') ??
  errors.find(({ code }) => code === 'not-accepting') ??
  errors[0];

function failure(
  failures: ReadonlyMap<string, UpstreamError>,
  cause: UpstreamError | undefined,
): UpstreamError {
  const each = [...failures].map(([host, { message }]) => `${host}: ${message}`);
  return new UpstreamError(cause?.code ?? 'unreachable', each.join('; '), { cause });
}

async function connectHost(
  target: PostgresTarget,
  { host, wanted }: Attempt,
  parameters: ReadonlyMap<string, string>,
  clock: Clock,
): Promise<ReachedUpstream> {
  const deadline = new Deadline(clock, target.connectTimeoutMs);
  const dialed = await dial(target, host, deadline);
  const { socket, address } = dialed;
  const bytes = new ByteSource(socket, clock, deadline.leftMs);
  try {
    const loggedIn = await logIn(target, parameters, dialed, bytes);
    await requireAttributes(wanted, loggedIn, socket, bytes);
    const { cancelKey } = loggedIn;
    return {
      socket,
      rest: bytes.release(),
      parameters: loggedIn.parameters,
      cancelKey: cancelKey === null ? null : { ...cancelKey, host, address },
      host,
    };
  } catch (cause) {
    bytes.release();
    socket.destroy();
    if (cause instanceof WireError) {
      throw new UpstreamError('protocol-violation', `the server's ${cause.message}`, { cause });
    }
    if (!(cause instanceof ByteSourceError)) throw cause;
    const why = cause.code === 'deadline' ? deadline.passed : cause.message;
    throw new UpstreamError('unreachable', why, { cause });
  }
}

/** Asks the server to cancel what this key's session runs. Sent at most once for each wish; nothing comes back. @throws UpstreamError */
export async function cancelUpstream(
  target: PostgresTarget,
  key: UpstreamCancelKey,
  clock: Clock,
): Promise<void> {
  const { socket } = await dial(target, key.host, new Deadline(clock, cancelDeadlineMs), key.address);
  await new Promise<void>((resolve, reject) => {
    const timer = clock.after(cancelDeadlineMs, () => socket.destroy());
    // The server closes once it has handled the request: then the cancel is on its way, and not before.
    socket.once('close', () => {
      timer.cancel();
      resolve();
    });
    socket.once('error', reject);
    socket.resume();
    socket.write(cancelRequest(key));
  });
}
