import { GatewayIdentity } from '../../../services/core/identity/identity.ts';
import type { Clock, Timer } from '../../../services/core/model/clock.ts';
import {
  IdentityError,
  type TokenUse,
  type VerifiedCertificate,
} from '../../../services/core/model/identity.ts';
import type { Logger } from '../../../services/core/model/log.ts';
import type { Principal } from '../../../services/core/model/principal.ts';
import { Secret } from '../../../services/core/model/secret.ts';
import type {
  CertificateRule,
  IdentitySettings,
  IssuerSettings,
} from '../../../services/core/model/settings.ts';

/** Time that a test moves. */
export class TestClock implements Clock {
  #nowMs: number;
  readonly #timers = new Map<() => void, number>();

  constructor(nowMs: number) {
    this.#nowMs = nowMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, run: () => void): Timer {
    this.#timers.set(run, this.#nowMs + delayMs);
    return { cancel: () => this.#timers.delete(run) };
  }

  advance(durationMs: number): void {
    this.#nowMs += durationMs;
    for (const [run, atMs] of [...this.#timers]) {
      if (atMs > this.#nowMs) continue;
      this.#timers.delete(run);
      run();
    }
  }

  get timers(): number {
    return this.#timers.size;
  }
}

/** Keeps what is logged, and tells when a message comes. */
export class TestLog implements Logger {
  readonly lines: string[] = [];
  readonly #waiting: { readonly message: string; readonly resolve: () => void }[] = [];

  /** Resolves when this message is logged next. */
  next(message: string): Promise<void> {
    return new Promise((resolve) => this.#waiting.push({ message, resolve }));
  }

  debug(fields: Readonly<Record<string, unknown>>, message: string): void {
    this.lines.push(`${message} ${JSON.stringify(fields)}`);
    for (const waiter of this.#waiting) if (waiter.message === message) waiter.resolve();
  }

  info = this.debug;
  warn = this.debug;
  error = this.debug;

  child(): Logger {
    return this;
  }
}

/** What the tests' tokens are issued at: any time will do, as long as the issuer has the same. */
export const startMs = Date.UTC(2026, 0, 15, 12);

export const identitySettings = (
  issuers: readonly IssuerSettings[],
  certificates: readonly CertificateRule[] = [],
): IdentitySettings => ({
  issuers,
  certificates,
  disabled: [],
  lockout: { failures: 5, windowMs: 60_000, lockMs: 60_000 },
  credentialGraceMs: 0,
});

/** An identity under test, with its time and its log. */
export class TestGateway {
  readonly clock: TestClock;
  readonly log = new TestLog();
  readonly identity: GatewayIdentity;

  constructor(issuers: readonly IssuerSettings[], clock = new TestClock(startMs)) {
    this.clock = clock;
    this.identity = new GatewayIdentity(identitySettings(issuers), clock, this.log);
  }

  verify(
    token: string,
    use: TokenUse = 'access',
    certificate: VerifiedCertificate | null = null,
  ): Promise<Principal> {
    return this.identity.fromToken(new Secret(token), use, certificate);
  }

  /** The refusal of a token; anything but an IdentityError, an accepted token among it, fails the test. */
  async refusal(
    token: string,
    use: TokenUse = 'access',
    certificate: VerifiedCertificate | null = null,
  ): Promise<IdentityError> {
    try {
      await this.verify(token, use, certificate);
    } catch (thrown) {
      if (thrown instanceof IdentityError) return thrown;
      throw thrown;
    }
    throw new Error('the token was accepted');
  }

  /** The code of a token's refusal, or `accepted`. */
  async outcome(token: string, use: TokenUse = 'access'): Promise<string> {
    try {
      await this.verify(token, use);
      return 'accepted';
    } catch (thrown) {
      if (thrown instanceof IdentityError) return thrown.code;
      throw thrown;
    }
  }
}
