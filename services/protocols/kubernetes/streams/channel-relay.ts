import type { WebSocket } from 'ws';
import type { BodyMasker } from '../../../core/masking/body-masker.ts';
import { MaskingError } from '../../../core/masking/errors.ts';
import { highWaterBytes, lowWaterBytes } from '../limits.ts';
import { channel, type ExitStatus, fromClient, fromTarget, onChannel } from './channels.ts';
import type { Recording } from './recording.ts';
import type { ChannelProtocol, StreamRequest } from './request.ts';

export interface RelayEnd {
  readonly result: 'completed' | 'failed' | 'cut-off' | 'unknown';
  readonly errorCode: string | null;
  readonly bytes: number;
  readonly maskedValues: number;
}

export interface ChannelRelayParts {
  readonly client: WebSocket;
  readonly target: WebSocket;
  readonly protocol: ChannelProtocol;
  readonly request: StreamRequest;
  readonly recording: Recording;
  /** Of each output; null where nothing is masked. */
  readonly maskers: { readonly stdout: BodyMasker; readonly stderr: BodyMasker } | null;
  /** Of what the client may be shown. */
  readonly maxBytes: number | null;
  /** A Status that says why the gateway ends it, as JSON. */
  failure(message: string): string;
  ended(end: RelayEnd): void;
}

/** `1009` is for messages that are too large; these are RFC 6455 section 7.4.1's. */
const normal = 1000;

/** A stream between client and target, message by message: what is not one of the protocol's own ends it. */
export class ChannelRelay {
  readonly #parts: ChannelRelayParts;
  #status: ExitStatus | null = null;
  #bytes = 0;
  #isOver = false;

  constructor(parts: ChannelRelayParts) {
    this.#parts = parts;
    const { client, target } = parts;
    // As text or binary: Python writes text, and the API server takes either for bytes.
    client.on('message', (data) => this.#fromClient(asBuffer(data)));
    target.on('message', (data, isBinary) => this.#fromTarget(asBuffer(data), isBinary));
    client.on('error', () => client.terminate());
    target.on('error', () => target.terminate());
    client.once('close', () => this.#over('unknown'));
    target.once('close', () => {
      this.#flush();
      if (this.#status === null)
        this.#send(channel.status, Buffer.from(parts.failure('the connection to the cluster was lost.')));
      client.close(normal);
      this.#over('unknown');
    });
  }

  /** The gateway ends it: the client is told why, and the target hears no more. */
  end(message: string): void {
    if (this.#isOver) return;
    this.#flush();
    this.#send(channel.status, Buffer.from(this.#parts.failure(message)));
    this.#parts.client.close(normal);
    this.#over('cut-off');
  }

  #fromClient(message: Buffer): void {
    if (this.#isOver) return;
    const { client, target, protocol, request, recording } = this.#parts;
    const said = fromClient(message, protocol, request);
    if (said === null) return this.end('the client sent what does not belong to this stream.');
    if (said.kind === 'stdin') recording.add('stdin', said.bytes);
    pass(message, client, target);
  }

  #fromTarget(message: Buffer, isBinary: boolean): void {
    if (this.#isOver) return;
    const { client, target } = this.#parts;
    const said = isBinary ? fromTarget(message) : null;
    if (said === null) return this.end('the cluster sent what does not belong to this stream.');
    switch (said.kind) {
      case 'output':
        return this.#show(said.stream, said.bytes);
      case 'status':
        this.#flush();
        this.#status = said.status;
        return pass(message, target, client);
      case 'control':
        return pass(message, target, client);
    }
  }

  #show(stream: 'stdout' | 'stderr', bytes: Buffer): void {
    const { maskers, maxBytes, client, target, recording } = this.#parts;
    const shown = maskers === null ? bytes : this.#masked(() => maskers[stream].write(bytes));
    // The channels are opened by messages without bytes.
    if (shown === null || (shown.length === 0 && bytes.length > 0)) return;
    if (maxBytes !== null && this.#bytes + shown.length > maxBytes) {
      return this.end(`Refused: the policy lets no more than ${maxBytes} bytes through.`);
    }
    this.#bytes += shown.length;
    recording.add(stream, shown);
    pass(onChannel(channel[stream], shown), target, client);
  }

  /** What maskers have kept back: a line without an end. */
  #flush(): void {
    const { maskers, recording } = this.#parts;
    if (maskers === null || this.#isOver) return;
    for (const stream of ['stdout', 'stderr'] as const) {
      const rest = this.#masked(() => maskers[stream].end());
      if (rest === null || rest.length === 0) continue;
      this.#bytes += rest.length;
      recording.add(stream, rest);
      this.#send(channel[stream], rest);
    }
  }

  /** Null, and the stream is over, when what came must not be shown. */
  #masked(mask: () => Buffer): Buffer | null {
    try {
      return mask();
    } catch (error) {
      if (!(error instanceof MaskingError)) throw error;
      this.#parts.client.terminate();
      this.#over('cut-off');
      return null;
    }
  }

  #send(number: number, bytes: Buffer): void {
    const { client } = this.#parts;
    if (client.readyState === client.OPEN) client.send(onChannel(number, bytes));
  }

  #over(result: 'cut-off' | 'unknown'): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const { client, target, recording, maskers, ended } = this.#parts;
    target.terminate();
    // Whoever does not answer the closing handshake is cut off by ws itself.
    if (client.readyState === client.OPEN) client.close(normal);
    recording.end();
    const maskedValues = maskers === null ? 0 : maskers.stdout.count + maskers.stderr.count;
    const end = this.#status ?? { result, errorCode: null };
    ended({ ...end, bytes: this.#bytes, maskedValues });
  }
}

/** ws gives Buffers, unless it is told otherwise. */
function asBuffer(data: unknown): Buffer {
  if (!Buffer.isBuffer(data)) throw new TypeError('a message is no Buffer');
  return data;
}

/** A slow reader makes the other side wait, instead of filling memory. */
function pass(message: Buffer, from: WebSocket, to: WebSocket): void {
  if (to.readyState !== to.OPEN) return;
  to.send(message, () => {
    if (from.isPaused && to.bufferedAmount <= lowWaterBytes) from.resume();
  });
  if (to.bufferedAmount > highWaterBytes) from.pause();
}
