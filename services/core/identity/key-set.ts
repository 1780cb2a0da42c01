import { type CryptoKey, createLocalJWKSet, errors, type JWK } from 'jose';
import { z } from 'zod';
import type { Clock } from '../model/clock.ts';
import { messageOf } from '../model/errors.ts';
import { IdentityError } from '../model/identity.ts';
import type { Logger } from '../model/log.ts';
import type { IssuerSettings } from '../model/settings.ts';
import { discover, fetchJson } from './discovery.ts';
import { IssuerError, type IssuerFetch, issuerFetch } from './issuer-http.ts';
import {
  keysEndMs,
  keysFreshMs,
  maxKeys,
  maxUnknownKeys,
  refetchCooldownMs,
  unknownKeyMs,
} from './limits.ts';

/** RFC 7517 section 5: members that are not understood are ignored, keys of unknown types as well. */
const keySetSchema = z.object({ keys: z.array(z.looseObject({ kty: z.string() })).max(maxKeys) });

/** Members that only private and symmetric keys have (RFC 7518 section 6): whoever can read the set has such a key. */
const privateMembers = ['d', 'k', 'priv'] as const;

export interface FetchedKeys {
  readonly jwksUrl: string;
  /** Those that may verify: no private and no symmetric ones. */
  readonly keys: readonly JWK[];
  /** Keys that were left out because the set gives away their private half. */
  readonly leaked: number;
  readonly issuerTimeMs: number | null;
}

/**
 * The issuer's keys as they are now. Metadata is read again each time, so an issuer may move its key set.
 *
 * @throws IssuerError
 */
export async function fetchKeys(
  issuer: Pick<IssuerSettings, 'url' | 'jwksUrl'>,
  fetch: IssuerFetch,
): Promise<FetchedKeys> {
  const jwksUrl = issuer.jwksUrl ?? (await discover(issuer, fetch)).jwks_uri;
  const { value, issuerTimeMs } = await fetchJson(fetch, jwksUrl);
  const set = keySetSchema.safeParse(value);
  if (!set.success) {
    throw new IssuerError('unusable-answer', `${jwksUrl} is not a JSON Web Key Set`, { cause: set.error });
  }
  const keys = set.data.keys.filter((key) => !privateMembers.some((member) => Object.hasOwn(key, member)));
  return { jwksUrl, keys, leaked: set.data.keys.length - keys.length, issuerTimeMs };
}

/** What a token's header says about its key. */
export interface KeyHint {
  readonly algorithm: string;
  readonly keyId: string | null;
}

export interface FoundKey {
  readonly key: CryptoKey;
  /** The `version` that the keys had when this one was found. */
  readonly keysVersion: number;
}

type FetchOutcome = 'fetched' | 'failed' | 'cooling';

interface CachedKeys {
  readonly find: ReturnType<typeof createLocalJWKSet>;
  readonly fetchedAtMs: number;
  readonly version: number;
  /** To see whether a fetch brought anything new. */
  readonly text: string;
}

/**
 * The keys of one issuer, fetched when first needed and kept: fresh ones answer at once, older ones answer while they
 * are fetched again, and when the issuer is away they go on until `keysEndMs`. A key that is not there causes a fetch, but
 * neither random key ids nor an issuer that is down cause more than one per `refetchCooldownMs`.
 */
export class IssuerKeys {
  readonly #issuer: IssuerSettings;
  readonly #fetch: IssuerFetch;
  readonly #clock: Clock;
  readonly #log: Logger;
  #cached: CachedKeys | null = null;
  #fetching: Promise<FetchOutcome> | null = null;
  #lastFetchEndedMs = Number.NEGATIVE_INFINITY;
  #lastFailure: unknown = null;
  /** Key id to when the issuer was seen not to have it, oldest first. */
  readonly #unknown = new Map<string, number>();

  constructor(issuer: IssuerSettings, clock: Clock, log: Logger) {
    this.#issuer = issuer;
    this.#fetch = issuerFetch(issuer, clock);
    this.#clock = clock;
    this.#log = log;
  }

  /** Whether these keys serve that issuer as well: only where and how they are fetched, and how they are called, matters. */
  serves(issuer: IssuerSettings): boolean {
    const { name, url, jwksUrl, ca } = this.#issuer;
    return name === issuer.name && url === issuer.url && jwksUrl === issuer.jwksUrl && ca === issuer.ca;
  }

  /** Another number whenever the keys changed, -1 without usable ones: what was verified before may not be valid now. */
  get version(): number {
    return this.#usable()?.version ?? -1;
  }

  /** @throws IdentityError `issuer-unavailable`, or `rejected` for a key that the issuer does not have. */
  async find(hint: KeyHint): Promise<FoundKey> {
    let cached = this.#usable();
    if (cached === null) {
      await this.#refetch();
      cached = this.#usable();
      if (cached === null) {
        throw new IdentityError(
          'issuer-unavailable',
          `The keys of the issuer "${this.#issuer.name}" cannot be fetched now, so its tokens cannot be verified. Try again later.`,
          { cause: this.#lastFailure },
        );
      }
    } else if (this.#clock.monotonicMs() - cached.fetchedAtMs >= keysFreshMs) {
      void this.#refetch(); // it never rejects; the known keys answer meanwhile
    }
    const key = await this.#lookUp(cached, hint);
    if (key !== null) return key;
    if (this.#mayHaveAppeared(hint)) {
      const asked = await this.#refetch();
      const refreshed = this.#usable();
      const appeared = refreshed === null ? null : await this.#lookUp(refreshed, hint);
      if (appeared !== null) return appeared;
      // Only when the issuer has said so: a new key that came within the cooldown is to be asked for after it.
      if (asked === 'fetched') this.#rememberUnknown(hint);
    }
    throw new IdentityError(
      'rejected',
      `The token is not signed with a key that the issuer "${this.#issuer.name}" has for its algorithm.`,
    );
  }

  #usable(): CachedKeys | null {
    const cached = this.#cached;
    return cached !== null && this.#clock.monotonicMs() - cached.fetchedAtMs < keysEndMs ? cached : null;
  }

  async #lookUp(cached: CachedKeys, { algorithm, keyId }: KeyHint): Promise<FoundKey | null> {
    try {
      const key = await cached.find({ alg: algorithm, ...(keyId !== null && { kid: keyId }) });
      return { key, keysVersion: cached.version };
    } catch (cause) {
      if (cause instanceof errors.JWKSNoMatchingKey) return null;
      if (cause instanceof errors.JWKSMultipleMatchingKeys) {
        // OpenID Connect Core section 10.1: with several keys, `kid` is required.
        const message = "The token does not say which of its issuer's keys signed it (kid).";
        throw new IdentityError('rejected', message, { cause });
      }
      throw new IdentityError('rejected', 'The key that signed the token cannot be used.', { cause });
    }
  }

  /** A token without key id fits any key, so an absent one can only be for want of the algorithm. */
  #mayHaveAppeared({ keyId }: KeyHint): boolean {
    const seenMs = this.#unknown.get(keyId ?? '');
    return seenMs === undefined || this.#clock.monotonicMs() - seenMs >= unknownKeyMs;
  }

  #rememberUnknown({ keyId }: KeyHint): void {
    const id = keyId ?? '';
    this.#unknown.delete(id);
    this.#unknown.set(id, this.#clock.monotonicMs());
    if (this.#unknown.size <= maxUnknownKeys) return;
    for (const oldest of this.#unknown.keys()) {
      this.#unknown.delete(oldest);
      return;
    }
  }

  /**
   * One fetch at a time, that all who need it wait for, and none within the cooldown after the last one. Never rejects:
   * what it could not fetch is still missing afterwards.
   */
  #refetch(): Promise<FetchOutcome> {
    if (this.#fetching !== null) return this.#fetching;
    if (this.#clock.monotonicMs() - this.#lastFetchEndedMs < refetchCooldownMs)
      return Promise.resolve('cooling');
    this.#fetching = this.#fetchOnce().finally(() => {
      this.#fetching = null;
    });
    return this.#fetching;
  }

  async #fetchOnce(): Promise<FetchOutcome> {
    const { name, url } = this.#issuer;
    try {
      const { keys } = await fetchKeys(this.#issuer, this.#fetch);
      const text = JSON.stringify(keys);
      const unchanged = this.#cached?.text === text ? this.#cached : null;
      const find = unchanged?.find ?? createLocalJWKSet({ keys: [...keys] });
      const version = unchanged?.version ?? (this.#cached?.version ?? 0) + 1;
      this.#cached = { find, text, version, fetchedAtMs: this.#clock.monotonicMs() };
      this.#lastFailure = null;
      if (unchanged === null) {
        this.#log.info({ issuer: name, url, keys: keys.length }, 'fetched the keys of an issuer');
      }
      return 'fetched';
    } catch (thrown) {
      this.#lastFailure = thrown;
      this.#log.warn({ issuer: name, url, error: messageOf(thrown) }, 'cannot fetch the keys of an issuer');
      return 'failed';
    } finally {
      this.#lastFetchEndedMs = this.#clock.monotonicMs();
    }
  }
}
