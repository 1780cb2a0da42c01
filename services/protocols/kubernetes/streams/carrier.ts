import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { TextMasker } from '../../../core/masking/text-masker.ts';
import type { Intent } from '../../../core/model/action.ts';
import type { Deny } from '../../../core/model/decision.ts';
import type { EngineServices } from '../../protocol.ts';
import type { AnswerPlan } from '../../requests/answer-plan.ts';
import type {
  AllowedStream,
  ForwardedHeaders,
  RoutedRequest,
  StreamCarrier,
} from '../../requests/language.ts';
import type { RequestTarget } from '../../requests/target.ts';
import { streamProcessHeader, streamTicketHeader } from '../../stream-headers.ts';
import { maxMessageBytes, refusedCloseMs } from '../limits.ts';
import { statusDocument } from '../status.ts';
import { CarriedStream, nothingSeen } from './carried.ts';
import { ChannelRelay } from './channel-relay.ts';
import { channel, onChannel } from './channels.ts';
import { Recording } from './recording.ts';
import { type ChannelProtocol, channelProtocols, offeredProtocols, type StreamRequest } from './request.ts';
import { splice } from './splice.ts';
import { Tickets } from './tickets.ts';
import { type Dialled, dial } from './upstream.ts';

type Services = Pick<EngineServices<RequestTarget>, 'clock' | 'log' | 'streamProcess'>;

/** What one ticket stands for. */
type Expected =
  | { readonly kind: 'allowed'; readonly stream: CarriedStream }
  /** Said within the stream: to a handshake that fails kubectl answers with another attempt, and prints nothing. */
  | { readonly kind: 'refused'; readonly status: string; readonly protocols: readonly ChannelProtocol[] };

/** What of a client's upgrade is at hand. */
interface Upgrade {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}

/** exec, attach and port-forward: between Envoy and the API server, in this process. */
export class KubernetesStreams implements StreamCarrier<RequestTarget> {
  readonly #services: Services;
  readonly #asked = new WeakMap<Intent, StreamRequest>();
  readonly #tickets: Tickets<Expected>;
  readonly #live = new Set<CarriedStream>();
  readonly #whenNone: (() => void)[] = [];
  readonly #chosen = new WeakMap<IncomingMessage, ChannelProtocol>();
  readonly #server = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: maxMessageBytes,
    handleProtocols: (_offered, request) => this.#chosen.get(request) ?? false,
  });

  constructor(services: Services) {
    this.#services = services;
    this.#tickets = new Tickets(services.clock, (expected) => {
      if (expected.kind === 'allowed') expected.stream.finish({ result: 'cut-off', ...nothingSeen });
    });
  }

  /** That this intent is a stream which is to be carried. */
  remember(intent: Intent, asked: StreamRequest): void {
    this.#asked.set(intent, asked);
  }

  carries(intent: Intent): boolean {
    return this.#asked.has(intent);
  }

  expect(allowed: AllowedStream<RequestTarget>): ForwardedHeaders {
    const asked = this.#asked.get(allowed.intent);
    if (asked === undefined) throw new TypeError('this intent is no stream');
    const stream = new CarriedStream(allowed, asked, protocolsOf(allowed.request), () => {
      this.#live.delete(stream);
      if (this.#live.size > 0) return;
      for (const told of this.#whenNone.splice(0)) told();
    });
    this.#live.add(stream);
    return this.#forwarded({ kind: 'allowed', stream });
  }

  /** kubectl prints it. */
  refusal(deny: Deny, request: RoutedRequest, intent: Intent): ForwardedHeaders | null {
    const asked = this.#asked.get(intent);
    if (asked === undefined || asked.kind === 'portforward') return null;
    const status = JSON.stringify(statusDocument(deny));
    return this.#forwarded({ kind: 'refused', status, protocols: protocolsOf(request) });
  }

  /** Resolves once none is under way. */
  drained(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#live.size === 0) resolve();
      else this.#whenNone.push(resolve);
    });
  }

  accept(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    const ticket = request.headers[streamTicketHeader];
    const expected = typeof ticket === 'string' ? this.#tickets.take(ticket) : null;
    if (expected === null) {
      this.#services.log.warn({}, 'a stream that nobody has decided on');
      socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    const upgrade = { request, socket, head };
    if (expected.kind === 'refused') return this.#refuse(upgrade, expected.protocols[0], expected.status);
    if (expected.stream.asked.kind === 'portforward') return carryBytes(expected.stream, upgrade);
    this.#carryChannels(expected.stream, upgrade);
  }

  #forwarded(expected: Expected): ForwardedHeaders {
    const ticket = this.#tickets.issue(expected);
    return {
      // This process has what the target is to be told.
      remove: ['authorization', 'cookie'],
      set: [
        { name: streamProcessHeader, value: this.#services.streamProcess },
        { name: streamTicketHeader, value: ticket },
      ],
    };
  }

  #carryChannels(stream: CarriedStream, upgrade: Upgrade): void {
    const { allowed, asked, protocols } = stream;
    const [best] = protocols;
    const fault = unmasked(allowed.plan, asked);
    if (fault !== null) {
      stream.finish({ result: 'failed', ...nothingSeen, errorCode: 'unmasked' });
      return this.#refuse(upgrade, best, failure(fault));
    }
    const given = (): void => void upstream.terminate();
    const upstream = dial(allowed.target, pathOf(allowed.request, asked), protocols, (dialled) => {
      upgrade.socket.off('close', given);
      const isCut = stream.isCut || upgrade.socket.destroyed;
      if (isCut || dialled.kind !== 'open') {
        upstream.terminate();
        stream.finish({
          ...nothingSeen,
          result: isCut ? 'cut-off' : 'failed',
          errorCode: isCut ? null : dialled.kind,
        });
        return this.#refuse(upgrade, best, stream.isCut ? failure(stream.why) : targetsStatus(dialled));
      }
      const isUpgraded = this.#upgrade(upgrade, dialled.protocol, (client) => {
        const { session, action, plan } = allowed;
        const relay = new ChannelRelay({
          client,
          target: dialled.socket,
          protocol: dialled.protocol,
          request: asked,
          recording: new Recording(session.gate, action, plan?.isRecorded ?? true),
          maskers: maskersOf(plan),
          maxBytes: plan?.maxBytes ?? null,
          failure,
          ended: (end) => stream.finish(end),
        });
        stream.onCut(() => relay.end(stream.why));
      });
      if (isUpgraded) return;
      upstream.terminate();
      stream.finish({ result: 'cut-off', ...nothingSeen });
    });
    upgrade.socket.once('close', given);
    stream.onCut(given);
  }

  #refuse(upgrade: Upgrade, protocol: ChannelProtocol | undefined, status: string): void {
    if (protocol === undefined || upgrade.socket.destroyed) {
      upgrade.socket.destroy();
      return;
    }
    this.#upgrade(upgrade, protocol, (client) => {
      client.on('error', () => client.terminate());
      client.send(onChannel(channel.status, Buffer.from(status)));
      client.close(1000);
      const timer = this.#services.clock.after(refusedCloseMs, () => client.terminate());
      client.once('close', () => timer.cancel());
    });
  }

  /** False when the client's handshake is none: ws has said so to it. `done` is called at once or never. */
  #upgrade(
    { request, socket, head }: Upgrade,
    protocol: ChannelProtocol,
    done: (client: WebSocket) => void,
  ): boolean {
    this.#chosen.set(request, protocol);
    let isUpgraded = false;
    this.#server.handleUpgrade(request, socket, head, (client) => {
      isUpgraded = true;
      done(client);
    });
    return isUpgraded;
  }
}

function carryBytes(stream: CarriedStream, { request, socket, head }: Upgrade): void {
  const { allowed, asked } = stream;
  if (stream.isCut || allowed.plan?.masks != null || allowed.plan?.maxBytes != null) {
    const errorCode = stream.isCut ? null : 'unmasked';
    stream.finish({ result: stream.isCut ? 'cut-off' : 'failed', ...nothingSeen, errorCode });
    socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
    return;
  }
  const end = splice({
    request,
    client: socket,
    head,
    target: allowed.target,
    path: pathOf(allowed.request, asked),
    ended: (outcome) => stream.finish({ ...outcome, maskedValues: 0 }),
  });
  stream.onCut(end);
}

/** Why what the target sends cannot be masked as the policy wants it: a terminal shows what has no end of line yet. */
const unmasked = (plan: AnswerPlan | null, { tty }: StreamRequest): string | null =>
  tty && plan?.masks?.scanner != null
    ? 'Refused: the policy masks what is shown, and what a terminal shows cannot be masked. Leave out -t.'
    : null;

function maskersOf(plan: AnswerPlan | null) {
  const scanner = plan?.masks?.scanner ?? null;
  return scanner === null ? null : { stdout: new TextMasker(scanner), stderr: new TextMasker(scanner) };
}

const protocolsOf = ({ headers }: RoutedRequest): readonly ChannelProtocol[] => {
  const offered = offeredProtocols(headers);
  return channelProtocols.filter((protocol) => offered.includes(protocol));
};

/** Written anew of what was read: what was decided on is what is asked. */
function pathOf({ targetPath }: RoutedRequest, asked: StreamRequest): string {
  const query = new URLSearchParams(
    asked.parameters.map(({ name, value }): [string, string] => [name, value]),
  );
  return `${targetPath.split('?', 1)[0] ?? ''}?${query.toString()}`;
}

const failure = (message: string): string =>
  JSON.stringify({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason: 'InternalError',
    code: 500,
  });

/** What the API server says is passed on, when it is a Status. */
function targetsStatus(dialled: Dialled): string {
  switch (dialled.kind) {
    case 'refused':
      return /^\s*\{[\s\S]*"kind"\s*:\s*"Status"/.test(dialled.body)
        ? dialled.body
        : failure(`the cluster answered ${dialled.code}.`);
    case 'unreachable':
      return failure(`the cluster cannot be reached: ${dialled.why}.`);
    case 'open':
      return failure('the client has left.');
  }
}
