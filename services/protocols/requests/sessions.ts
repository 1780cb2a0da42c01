/** One session for the related requests of one principal to one target: what is listed, ended and replayed as one. */
import { createHash } from 'node:crypto';
import type { CheckpointSession, SessionEnd } from '../../core/checkpoint/contract.ts';
import type { Clock } from '../../core/model/clock.ts';
import type { Deny } from '../../core/model/decision.ts';
import type { TargetName } from '../../core/model/ids.ts';
import type { Principal } from '../../core/model/principal.ts';
import type { SessionTrace } from '../../core/model/telemetry.ts';
import type { EngineServices } from '../protocol.ts';
import type { ArrivedRequest, RequestRoute } from '../request.ts';
import { maxRevoked, revokedMs, sessionIdleMs } from './limits.ts';
import type { RequestTarget } from './target.ts';

type Services = Pick<
  EngineServices<RequestTarget>,
  'checkpoint' | 'telemetry' | 'clock' | 'log' | 'tellOthers'
>;

/** A session while it is open. */
export interface RequestSession {
  readonly gate: CheckpointSession;
  readonly trace: SessionTrace | null;
  /** Why the gateway has ended it; what still waits in it is refused with this. */
  readonly ended: Deny | null;
  /** A request goes through it until `leave` is called: it does not become idle meanwhile. */
  enter(): void;
  leave(): void;
  /** Called once when it ends, unless it was taken back. */
  onClosed(closed: () => void): void;
  offClosed(closed: () => void): void;
}

class OpenSession implements RequestSession {
  readonly gate: CheckpointSession;
  readonly trace: SessionTrace | null;
  readonly key: string;
  readonly revocationKey: string;
  readonly #clock: Clock;
  readonly #onClosed = new Set<() => void>();
  ended: Deny | null = null;
  #requests = 0;
  #lastActiveMs: number;

  constructor(parts: {
    gate: CheckpointSession;
    trace: SessionTrace | null;
    key: string;
    revocationKey: string;
    clock: Clock;
  }) {
    this.gate = parts.gate;
    this.trace = parts.trace;
    this.key = parts.key;
    this.revocationKey = parts.revocationKey;
    this.#clock = parts.clock;
    this.#lastActiveMs = parts.clock.monotonicMs();
  }

  enter(): void {
    this.#requests += 1;
  }

  onClosed(closed: () => void): void {
    this.#onClosed.add(closed);
  }

  offClosed(closed: () => void): void {
    this.#onClosed.delete(closed);
  }

  closed(): void {
    for (const closed of [...this.#onClosed]) closed();
    this.#onClosed.clear();
  }

  leave(): void {
    this.#requests -= 1;
    this.#lastActiveMs = this.#clock.monotonicMs();
  }

  /** How long until it has been idle for long enough; 0 or less when it has. */
  idleInMs(): number {
    return this.#requests > 0
      ? sessionIdleMs
      : this.#lastActiveMs + sessionIdleMs - this.#clock.monotonicMs();
  }
}

/** Digests of a principal, which each of its requests would make anew. */
interface Identity {
  /** All that a session's rights hang on. */
  readonly identity: string;
  /** By target. */
  readonly revocationKeys: Map<TargetName, string>;
}

export class Sessions {
  readonly #protocol: string;
  readonly #services: Services;
  readonly #open = new Map<string, OpenSession>();
  /** By revocation key, until when (monotonic), with what is said. */
  readonly #revoked = new Map<string, { readonly untilMs: number; readonly deny: Deny }>();
  readonly #identities = new WeakMap<Principal, Identity>();

  constructor(protocol: string, services: Services) {
    this.#protocol = protocol;
    this.#services = services;
  }

  /** The session that the request belongs to; a new one, where the policy has nothing against it. */
  of(principal: Principal, { listener, source }: ArrivedRequest, route: RequestRoute): RequestSession | Deny {
    const { target } = route;
    const { identity, revocationKey } = this.#identityOf(principal, target);
    const revoked = this.#revokedBy(revocationKey);
    if (revoked !== null) return revoked;
    // The address too: rules may ask for it, and the checkpoint holds it for the whole session.
    const key = [identity, target, listener, source.ip].join('\n');
    const known = this.#open.get(key);
    if (known !== undefined) return known;
    const { checkpoint, telemetry, clock } = this.#services;
    const gate = checkpoint.openSession({
      protocol: this.#protocol,
      listener,
      source,
      principal,
      target,
      onEnd: (end) => this.#ended(key, end),
    });
    if ('kind' in gate) return gate;
    const trace = telemetry.enabled
      ? telemetry.session({ protocol: this.#protocol, listener, source, target, principal, session: gate.id })
      : null;
    trace?.opened({});
    const session = new OpenSession({ gate, trace, key, revocationKey, clock });
    this.#open.set(key, session);
    this.#closeWhenIdle(session, sessionIdleMs);
    return session;
  }

  /** One that is open. */
  byId(id: string): RequestSession | null {
    for (const session of this.#open.values()) if (session.gate.id === id) return session;
    return null;
  }

  /** Another process has ended a session for good. */
  revokedElsewhere(key: string): void {
    this.#revoke(key, revokedDeny('the session was ended by an operator.'));
  }

  close(why: string): void {
    for (const session of [...this.#open.values()]) this.#close(session, why);
  }

  /** A token that is verified again gives another object that says the same. */
  #identityOf(principal: Principal, target: TargetName): { identity: string; revocationKey: string } {
    let known = this.#identities.get(principal);
    if (known === undefined) {
      known = { identity: digest([JSON.stringify(principal)]), revocationKeys: new Map() };
      this.#identities.set(principal, known);
    }
    let revocationKey = known.revocationKeys.get(target);
    if (revocationKey === undefined) {
      revocationKey = digest([principal.issuer, principal.credentialId, target]);
      known.revocationKeys.set(target, revocationKey);
    }
    return { identity: known.identity, revocationKey };
  }

  #ended(key: string, { reason, message }: SessionEnd): void {
    const session = this.#open.get(key);
    if (session === undefined) return;
    session.ended =
      reason === 'session-revoked'
        ? revokedDeny(`${message}.`)
        : {
            kind: 'deny',
            rule: null,
            reason,
            message: `Refused: ${message}.`,
            hint: 'Send it again: a new session begins.',
          };
    if (reason === 'session-revoked') {
      this.#revoke(session.revocationKey, session.ended);
      this.#services.tellOthers({ kind: 'session-revoked', key: session.revocationKey });
    }
    this.#close(session, message);
  }

  #revoke(key: string, deny: Deny): void {
    this.#revoked.delete(key);
    if (this.#revoked.size >= maxRevoked) {
      const oldest = this.#revoked.keys().next();
      if (!oldest.done) this.#revoked.delete(oldest.value);
    }
    this.#revoked.set(key, { deny, untilMs: this.#services.clock.monotonicMs() + revokedMs });
    // The same credential may have come from other addresses or by other listeners.
    for (const session of [...this.#open.values()]) {
      if (session.revocationKey !== key) continue;
      session.ended ??= deny;
      this.#close(session, deny.message);
    }
  }

  #revokedBy(key: string): Deny | null {
    const revoked = this.#revoked.get(key);
    if (revoked === undefined) return null;
    if (revoked.untilMs > this.#services.clock.monotonicMs()) return revoked.deny;
    this.#revoked.delete(key);
    return null;
  }

  #close(session: OpenSession, why: string): void {
    if (this.#open.get(session.key) !== session) return;
    this.#open.delete(session.key);
    // What still runs is recorded as a part of it.
    session.closed();
    session.gate.close(why);
    session.trace?.end(why);
  }

  #closeWhenIdle(session: OpenSession, afterMs: number): void {
    this.#services.clock.after(afterMs, () => {
      if (this.#open.get(session.key) !== session) return;
      const leftMs = session.idleInMs();
      if (leftMs > 0) this.#closeWhenIdle(session, leftMs);
      else this.#close(session, 'no request came for a while');
    });
  }
}

const revokedDeny = (why: string): Deny => ({
  kind: 'deny',
  rule: null,
  reason: 'session-revoked',
  message: `Refused: ${why}`,
  hint: 'Stop, and ask the person who ended it. A fresh token begins a new session.',
});

const digest = (parts: readonly string[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('hex');
