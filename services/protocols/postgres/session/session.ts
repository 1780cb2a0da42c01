import type { Socket } from 'node:net';
import type { CheckpointSession, SessionEnd } from '../../../core/checkpoint/contract.ts';
import type { Clock } from '../../../core/model/clock.ts';
import type { Deny } from '../../../core/model/decision.ts';
import { messageOf } from '../../../core/model/errors.ts';
import type { Logger } from '../../../core/model/log.ts';
import type { SessionTrace } from '../../../core/model/telemetry.ts';
import type { PostgresTarget } from '../target.ts';
import { frameOf } from '../wire/backend.ts';
import type { WireError } from '../wire/errors.ts';
import { frontend } from '../wire/frontend.ts';
import { ClientOutput } from './client-output.ts';
import { Conversation } from './conversation.ts';
import { cancelGraceMs, closeGraceMs, maxBytesBehindHold } from './limits.ts';
import { Outbox } from './outbox.ts';
import { farewell, protocolViolation } from './refusal.ts';
import { Replies } from './replies.ts';
import { Requests } from './requests.ts';
import type { RingSession } from './ring-session.ts';
import { SettingsMade } from './settings-made.ts';
import type { TargetWork } from './target-work.ts';
import { cancelUpstream, type Upstream } from './upstream.ts';

export interface SessionParts {
  readonly client: Socket;
  readonly upstream: Upstream;
  readonly target: PostgresTarget;
  /** What the gateway has asked the target for, in the client's name. */
  readonly startParameters: ReadonlyMap<string, string>;
  readonly gate: CheckpointSession;
  readonly work: TargetWork;
  /** Null when the session is logged in as the target's own login. */
  readonly ring: RingSession | null;
  readonly clock: Clock;
  readonly log: Logger;
  readonly trace: SessionTrace | null;
  /** The session has ended, for whatever reason. */
  closed(): void;
}

const trailUnavailable: Deny = {
  kind: 'deny',
  rule: null,
  reason: 'trail-unavailable',
  message: 'Refused: the gateway cannot write its audit trail, and nothing passes unrecorded.',
  hint: 'Nothing was sent to the target. Try again later.',
};

export const shuttingDown: SessionEnd = { reason: 'shutting-down', message: 'the gateway is shutting down' };

const terminate = frameOf(frontend.terminate);

/** A running session: a client, a target, and between them requests one way and replies the other. */
export class PostgresSession {
  readonly #parts: SessionParts;
  readonly #conversation: Conversation;
  readonly #requests: Requests;
  readonly #replies: Replies;
  #draining = false;
  #ended = false;

  constructor(parts: SessionParts) {
    this.#parts = parts;
    const { gate, work, clock, trace, client } = parts;
    const conversation = new Conversation(new SettingsMade(parts.startParameters));
    this.#conversation = conversation;
    const asked = parts.ring ?? work;
    const outbox = new Outbox(
      gate,
      conversation,
      (bytes) => this.#writeUpstream(bytes),
      trailUnavailable,
      () => this.#requests.progress(),
    );
    this.#requests = new Requests({
      gate,
      conversation,
      outbox,
      work: asked,
      ring: parts.ring,
      clock,
      trace,
      tellClient: (message) => client.write(message),
      fail: (error) => this.#fail(error, 'the client broke the protocol'),
      broken: (error) => this.#broken(error),
      terminated: () => this.#clientLeft('the client said goodbye'),
    });
    this.#replies = new Replies({
      gate,
      conversation,
      masking: asked.masking,
      output: new ClientOutput(client),
      cancelRunning: () => this.#pauseUntil(this.#cancelUpstream()),
      catalogChanged: (settled) =>
        this.#pauseUntil(settled === null ? work.refresh() : work.changed().finally(settled)),
      fail: (error) => this.#fail(error, 'the target broke the protocol'),
      ended: (why) => this.#end(why),
    });
  }

  /** `rest`: bytes that came behind the client's start-up. */
  start(rest: Buffer): void {
    const { client, upstream } = this.#parts;
    client.on('data', (chunk: Buffer) => {
      if (this.#ended) return;
      this.#requests.receive(chunk);
      if (this.#requests.bufferedBytes > maxBytesBehindHold && !this.#requests.waitsForPerson) client.pause();
    });
    client.on('drain', () => {
      upstream.socket.resume();
      this.#endIfDrained();
    });
    client.on('close', () => this.#clientLeft('the client closed the connection'));
    client.on('error', (error) => this.#clientLeft(`the client's connection failed: ${error.message}`));
    upstream.socket.on('data', (chunk: Buffer) => {
      if (this.#ended) return;
      if (!this.#replies.receive(chunk)) upstream.socket.pause();
      this.#requests.progress();
      if (this.#requests.bufferedBytes <= maxBytesBehindHold && !upstream.socket.writableNeedDrain)
        client.resume();
      this.#endIfDrained();
    });
    upstream.socket.on('drain', () => client.resume());
    upstream.socket.on('close', () => this.#upstreamLost('the target closed the connection'));
    upstream.socket.on('error', (error) => this.#upstreamLost(error.message));
    if (rest.length > 0) this.#requests.receive(rest);
    if (upstream.rest.length > 0) this.#replies.receive(upstream.rest);
    upstream.socket.resume();
    client.resume();
  }

  /** The client sent a CancelRequest with this session's key. */
  cancel(): void {
    if (this.#ended || this.#requests.withdrawHold() || !this.#runs) return;
    void this.#cancelUpstream();
  }

  /** The gateway ends the session: revoked, expired, shutting down. Resolves once the target knows that what runs is to stop. */
  async finish(end: SessionEnd): Promise<void> {
    if (this.#ended) return;
    this.#parts.client.write(farewell(end.reason, end.message));
    await this.#leave(end.message);
  }

  /** The gateway stops: the session ends as soon as nothing is lost by it. What waits for a person does not wait on. */
  drain(): void {
    this.#draining = true;
    this.#requests.deferHolds();
    this.#endIfDrained();
  }

  /** An open transaction may yet be committed; a failed one has nothing to lose. */
  #endIfDrained(): void {
    if (!this.#draining || this.#conversation.status === 'T' || !this.#requests.idle) return;
    if (!this.#parts.client.writableNeedDrain) void this.finish(shuttingDown);
  }

  #pauseUntil(settled: Promise<void>): void {
    this.#requests.pauseUntil(settled);
    void settled.finally(() => this.#endIfDrained());
  }

  get #runs(): boolean {
    return this.#conversation.awaited.some(({ kind }) => kind === 'query' || kind === 'execute');
  }

  #writeUpstream(bytes: Buffer): void {
    const { client, upstream } = this.#parts;
    if (this.#ended) return;
    // A held client is read on, because a paused socket never shows that the client has gone.
    if (!upstream.socket.write(bytes) && !this.#requests.waitsForPerson) client.pause();
  }

  /** Resolves once the target has taken note; a cancel that cannot be sent leaves the statement running. */
  async #cancelUpstream(): Promise<void> {
    const { target, upstream, clock, log } = this.#parts;
    if (upstream.cancelKey === null) return;
    try {
      await cancelUpstream(target, upstream.cancelKey, clock);
    } catch (error) {
      log.warn({ error: messageOf(error) }, 'a statement could not be cancelled at the target');
    }
  }

  #clientLeft(why: string): void {
    void this.#leave(why);
  }

  /** What still runs is cancelled at the target: nobody is there to take its result. Resolves when the target knows. */
  async #leave(why: string): Promise<void> {
    if (this.#ended) return;
    const { upstream, clock } = this.#parts;
    if (!this.#runs) return this.#end(why);
    const { socket } = upstream;
    this.#end(why, () => {
      const timer = clock.after(cancelGraceMs, () => socket.destroy());
      socket.removeAllListeners('data').resume();
      socket.once('close', () => timer.cancel());
    });
    await this.#cancelUpstream();
    socket.end(terminate);
  }

  #upstreamLost(why: string): void {
    if (this.#ended) return;
    this.#parts.client.write(farewell('target-unavailable', 'the connection to the target was lost'));
    this.#parts.log.warn({ why }, 'the connection to the target was lost');
    this.#end(`the target's connection was lost: ${why}`);
  }

  #fail(error: WireError, whose: string): void {
    if (this.#ended) return;
    this.#parts.log.warn({ code: error.code, error: error.message }, whose);
    this.#parts.client.write(protocolViolation(error.message));
    this.#end(`${whose}: ${error.message}`);
  }

  /** Our own fault: the client hears nothing of it, the log all. */
  #broken(error: unknown): void {
    if (this.#ended) return;
    this.#parts.log.error({ error }, 'a session failed in the gateway itself');
    this.#parts.client.write(
      farewell('target-unavailable', 'the gateway failed while it looked at a statement'),
    );
    this.#end(`failed in the gateway: ${messageOf(error)}`);
  }

  #end(why: string, leaveUpstream: (() => void) | null = null): void {
    this.#ended = true;
    const { client, upstream, gate, clock, trace, closed } = this.#parts;
    this.#requests.end();
    this.#replies.end();
    gate.close(why);
    trace?.end(why);
    if (leaveUpstream !== null) leaveUpstream();
    else upstream.socket.end(terminate);
    client.end();
    // A client that does not take our last words is not waited for.
    const timer = clock.after(closeGraceMs, () => {
      client.destroy();
      if (leaveUpstream === null) upstream.socket.destroy();
    });
    client.once('close', () => {
      if (upstream.socket.destroyed) timer.cancel();
    });
    closed();
  }
}
