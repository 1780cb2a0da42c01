import type { SourceAddress } from '../model/address.ts';
import { type AddressRanges, sourceText } from '../model/address.ts';
import type { Clock, Timer } from '../model/clock.ts';
import type { Deny, Reason } from '../model/decision.ts';
import type { Approvals } from '../model/hold.ts';
import { type ListenerName, newSessionId, type SessionId } from '../model/ids.ts';
import type { Logger } from '../model/log.ts';
import type { News, Peers } from '../model/peers.ts';
import type { Party, Principal } from '../model/principal.ts';
import type { Telemetry } from '../model/telemetry.ts';
import type { Trail, TrailPrincipal } from '../model/trail-entry.ts';
import type { Transcript } from '../model/transcript.ts';
import type { Checkpoint, CheckpointSession, Connection, Policies, SessionOpening } from './contract.ts';
import { maxSessions } from './limits.ts';
import { Lockout, type LockoutTerms } from './lockout.ts';
import { RateLimit } from './rate.ts';
import { deny, trailUnavailable } from './refusals.ts';
import { LiveSession } from './session.ts';

export interface CheckpointParts {
  readonly policies: Policies;
  readonly approvals: Approvals;
  readonly trail: Trail;
  readonly telemetry: Telemetry;
  readonly clock: Clock;
  readonly log: Logger;
  readonly process: string;
  /** Names the gateway whose workers share one limit of commands; the same in all of them. */
  readonly gateway: string;
  readonly workers: number;
  readonly peers: Peers;
  readonly lockout: LockoutTerms;
  readonly credentialGraceMs: number;
  /** The addresses that may connect to this listener at all; null is every one. */
  sources(listener: ListenerName): AddressRanges | null;
  /** Whether the config disables this principal now. */
  disabled(principal: Principal): boolean;
  openTranscript(session: SessionId, opening: SessionOpening): Transcript;
}

/** How often sessions are looked at for expiry: a session ends at most this much late. */
const sweepEveryMs = 1000;

const trailPrincipal = (principal: Principal): TrailPrincipal => ({
  issuer: principal.issuer,
  subject: principal.subject,
  kind: principal.kind,
  actsFor: principal.actsFor,
});

/** The one place that every action of every protocol passes. */
export class GatewayCheckpoint implements Checkpoint {
  readonly #parts: CheckpointParts;
  readonly #lockout: Lockout;
  readonly #rate: RateLimit;
  readonly #sessions = new Map<SessionId, LiveSession>();
  #sweep: Timer;

  constructor(parts: CheckpointParts) {
    this.#parts = parts;
    this.#lockout = new Lockout(parts.lockout, parts.clock);
    const { gateway, process: by, workers, peers } = parts;
    this.#rate = new RateLimit(parts.clock, {
      workers,
      borrow: (rateKey, perMinute) =>
        void peers.tell({ kind: 'commands-wanted', gateway, by, rateKey, perMinute }),
    });
    this.#sweep = this.#sweepLater();
  }

  admit(source: SourceAddress, listener: ListenerName): Deny | null {
    const connection: Connection = { source, listener, principal: null, target: null };
    const refusal = this.#refuseAtTheDoor(connection);
    if (refusal !== null) this.#recordRefusal(connection, refusal.reason, refusal.message);
    return refusal;
  }

  #refuseAtTheDoor(connection: Connection): Deny | null {
    const { source, listener } = connection;
    const { policies, clock } = this.#parts;
    const lockedMs = this.#lockout.lockedForMs(source.ip);
    if (lockedMs > 0) {
      const hint = `Try again in ${Math.ceil(lockedMs / 1000)} s.`;
      return deny('locked-out', `Refused: too many failed logins from ${source.ip}.`, hint);
    }
    if (this.#parts.sources(listener)?.contains(source) === false) {
      const hint = 'Connect from an address among the sources of the listener.';
      return deny(
        'denied-by-rule',
        `Refused: listener ${listener} takes no connections from ${source.ip}.`,
        hint,
      );
    }
    return policies.refuseConnection(connection, clock.nowMs());
  }

  loginRefused(connection: Connection, reason: Reason, message: string): void {
    if (reason === 'unauthenticated') this.#loginFailed(connection.source.ip);
    this.#recordRefusal(connection, reason, message);
  }

  /** Counted by all processes. When the others cannot be told it counts for each of them: more of them do not give more guesses. */
  #loginFailed(ip: string): void {
    const { peers } = this.#parts;
    this.#lockout.failed(ip);
    void peers.tell({ kind: 'login-failed', ip }).then((told) => {
      if (!told) this.#lockout.failed(ip, peers.count);
    });
  }

  /** What another gateway process has told. */
  told(news: News): void {
    const { gateway, process, peers } = this.#parts;
    switch (news.kind) {
      case 'login-failed':
        return this.#lockout.failed(news.ip);
      case 'login-succeeded':
        return void this.#lockout.succeeded(news.ip);
      case 'commands-wanted': {
        if (news.gateway !== gateway) return;
        const { rateKey, perMinute, by: to } = news;
        const loan = this.#rate.lend(rateKey, perMinute);
        if (loan !== null) void peers.tell({ kind: 'commands-lent', gateway, to, rateKey, perMinute, loan });
        return;
      }
      case 'commands-lent':
        if (news.gateway === gateway && news.to === process) {
          this.#rate.borrowed(news.rateKey, news.perMinute, news.loan);
        }
        return;
      case 'cancel':
      case 'definitions-changed':
      case 'session-revoked':
        return; // the protocol's
    }
  }

  openSession(opening: SessionOpening): CheckpointSession | Deny {
    const refusal = this.#refuseOpening(opening);
    if (refusal !== null) {
      this.#recordRefusal(opening, refusal.reason, refusal.message);
      return refusal;
    }
    const { policies, trail, telemetry, credentialGraceMs, approvals, clock, log, process } = this.#parts;
    if (this.#lockout.succeeded(opening.source.ip)) {
      void this.#parts.peers.tell({ kind: 'login-succeeded', ip: opening.source.ip });
    }
    const id = newSessionId();
    const session = new LiveSession({
      id,
      opening,
      policies,
      trail,
      telemetry,
      credentialGraceMs,
      transcript: this.#parts.openTranscript(id, opening),
      rate: this.#rate,
      holds: { approvals, clock, log, process },
      closed: () => this.#sessions.delete(id),
    });
    this.#sessions.set(id, session);
    trail.append({
      kind: 'session-opened',
      session: id,
      listener: opening.listener,
      source: sourceText(opening.source),
      target: opening.target,
      principal: trailPrincipal(opening.principal),
      provenBy: opening.principal.provenBy,
      credentialId: opening.principal.credentialId,
    });
    telemetry.sessionOpened(opening.protocol, opening.target);
    return session;
  }

  /** The sessions of this process that are open now, oldest first. */
  sessions(): readonly LiveSession[] {
    return [...this.#sessions.values()];
  }

  /** Ends a session at once. False when there is none of this id here. */
  kill(id: SessionId, by: Party, reason: string): boolean {
    const session = this.#sessions.get(id);
    if (session === undefined) return false;
    this.#parts.trail.append({ kind: 'session-killed', session: id, by, reason });
    session.end({ reason: 'session-revoked', message: `the session was ended by ${by.subject}: ${reason}` });
    return true;
  }

  /** After the config was reloaded: a principal that is disabled now loses its sessions now. */
  endDisabled(): void {
    for (const session of this.#sessions.values()) {
      if (this.#parts.disabled(session.principal)) {
        session.end({ reason: 'principal-disabled', message: 'the principal was disabled' });
      }
    }
  }

  close(): void {
    this.#sweep.cancel();
  }

  #refuseOpening(opening: SessionOpening): Deny | null {
    const { policies, trail, clock } = this.#parts;
    if (!trail.writable) return trailUnavailable();
    if (this.#parts.disabled(opening.principal)) {
      return deny(
        'principal-disabled',
        `Refused: ${opening.principal.subject} is disabled on this gateway.`,
        "Ask the gateway's operators.",
      );
    }
    if (this.#sessions.size >= maxSessions) {
      return deny('limit-exceeded', 'Refused: the gateway serves too many sessions.', 'Try again later.');
    }
    return policies.refuseConnection(opening, clock.nowMs());
  }

  #recordRefusal(connection: Connection, reason: Reason, message: string): void {
    const { source, listener, principal, target } = connection;
    this.#parts.trail.append({
      kind: 'connect-refused',
      listener,
      source: sourceText(source),
      target,
      principal: principal === null ? null : trailPrincipal(principal),
      reason,
      message,
    });
  }

  #sweepLater(): Timer {
    return this.#parts.clock.after(sweepEveryMs, () => {
      const nowMs = this.#parts.clock.nowMs();
      for (const session of this.#sessions.values()) session.sweep(nowMs);
      this.#sweep = this.#sweepLater();
    });
  }
}
