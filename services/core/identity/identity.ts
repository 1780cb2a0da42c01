import { createHash } from 'node:crypto';
import { type CryptoKey, compactVerify } from 'jose';
import type { Clock } from '../model/clock.ts';
import { InvariantError } from '../model/errors.ts';
import { type Identity, IdentityError, type TokenUse, type VerifiedCertificate } from '../model/identity.ts';
import type { Logger } from '../model/log.ts';
import type { Principal } from '../model/principal.ts';
import type { Secret } from '../model/secret.ts';
import type { IdentitySettings, IssuerSettings } from '../model/settings.ts';
import { principalOfCertificate } from './certificate.ts';
import { isPlainName } from './claims.ts';
import { type CompactJws, parseCompactJws } from './compact-jws.ts';
import { checkConfirmation } from './confirmation.ts';
import { checkIssuer, type IssuerReport } from './issuer-check.ts';
import { IssuerKeys } from './key-set.ts';
import { checkToken } from './token-checks.ts';
import { principalOf } from './token-principal.ts';
import { VerifiedTokens } from './verified-tokens.ts';

interface TrustedIssuer {
  readonly settings: IssuerSettings;
  readonly keys: IssuerKeys;
}

/** One config: replaced as a whole, so that what began under an old one never mixes with a new one. */
interface Config {
  readonly settings: IdentitySettings;
  /** By the exact `iss`. */
  readonly issuers: ReadonlyMap<string, TrustedIssuer>;
  readonly verified: VerifiedTokens;
}

/** Tokens and client certificates -> Principal, as sallyport.yaml says. Needs no network until the first token. */
export class GatewayIdentity implements Identity {
  readonly #clock: Clock;
  readonly #log: Logger;
  #config: Config;

  constructor(settings: IdentitySettings, clock: Clock, log: Logger) {
    this.#clock = clock;
    this.#log = log;
    this.#config = this.#configure(settings, []);
  }

  /** Takes new settings at once; issuers that stayed as they were keep their keys. */
  reload(settings: IdentitySettings): void {
    this.#config = this.#configure(settings, [...this.#config.issuers.values()]);
  }

  async fromToken(
    token: Secret,
    use: TokenUse,
    certificate: VerifiedCertificate | null = null,
  ): Promise<Principal> {
    const config = this.#config;
    const text = token.reveal();
    const principal = config.verified.get(text, use) ?? (await this.#verify(config, text, use));
    checkConfirmation(principal.claims, certificate);
    return principal;
  }

  fromCertificate(certificate: VerifiedCertificate): Principal {
    return principalOfCertificate(certificate, this.#config.settings.certificates, this.#clock.nowMs());
  }

  /** Reaches every issuer, for `sallyport check --online`. Never rejects: what is wrong is in the reports. */
  check(): Promise<readonly IssuerReport[]> {
    return Promise.all(this.#config.settings.issuers.map((issuer) => checkIssuer(issuer, this.#clock)));
  }

  async #verify(config: Config, token: string, use: TokenUse): Promise<Principal> {
    const jws = parseCompactJws(token);
    // The unverified `iss` only chooses whose keys may verify; checkToken requires it again of the verified claims.
    const iss = jws.claims['iss'];
    const issuer = typeof iss === 'string' ? config.issuers.get(iss) : undefined;
    if (issuer === undefined) {
      throw new IdentityError(
        'unknown-issuer',
        "The token's issuer (iss) is not one that this gateway trusts.",
      );
    }
    const { settings, keys } = issuer;
    if (!settings.algorithms.includes(jws.algorithm)) {
      throw new IdentityError(
        'rejected',
        `The token's algorithm (alg) is not one that the gateway takes from this issuer: ${settings.algorithms.join(', ')}.`,
      );
    }
    const audience = audienceFor(settings, use);
    const found = await keys.find(jws);
    await verifySignature(token, settings.algorithms, found.key);
    const expiresAtMs = checkToken(jws.type, jws.claims, settings, audience, this.#clock.nowMs());
    const principal: Principal = {
      ...principalOf(jws.claims, settings, (url) => config.issuers.has(url)),
      credentialId: credentialIdOf(jws, settings),
      expiresAtMs,
    };
    if (use === 'console') checkPerson(principal);
    config.verified.set(token, use, principal, keys, found);
    return principal;
  }

  #configure(settings: IdentitySettings, before: readonly TrustedIssuer[]): Config {
    const issuers = new Map<string, TrustedIssuer>();
    for (const issuer of settings.issuers) {
      if (issuers.has(issuer.url)) {
        throw new InvariantError(`two issuers of the config share the URL ${issuer.url}`);
      }
      for (const algorithm of issuer.algorithms) {
        if (!asymmetric.test(algorithm)) {
          throw new InvariantError(
            `the issuer ${issuer.name} has ${algorithm}, which is no asymmetric JWS algorithm`,
          );
        }
      }
      const known = before.find(({ keys }) => keys.serves(issuer));
      issuers.set(issuer.url, {
        settings: issuer,
        keys: known?.keys ?? new IssuerKeys(issuer, this.#clock, this.#log),
      });
    }
    return { settings, issuers, verified: new VerifiedTokens(this.#clock) };
  }
}

/**
 * JWS algorithms with a private and a public key (RFC 7518 section 3.1, RFC 8037, RFC 9864). Config refuses others; this
 * holds if it does not: with HS256 allowed, whoever reads an issuer's public key can sign with it.
 */
const asymmetric = /^(RS|PS|ES)(256|384|512)$|^EdDSA$|^Ed25519$/;

/** The audience that a token must have to be used so; agents' tokens must not approve, people's must not open sessions. */
function audienceFor(issuer: IssuerSettings, use: TokenUse): string {
  const { audience, consoleAudience } = issuer;
  if (use === 'access') return audience;
  if (consoleAudience === null || consoleAudience === audience) {
    throw new IdentityError(
      'rejected',
      `The issuer "${issuer.name}" gives no tokens for the gateway's own API.`,
    );
  }
  return consoleAudience;
}

async function verifySignature(token: string, algorithms: readonly string[], key: CryptoKey): Promise<void> {
  try {
    await compactVerify(token, key, { algorithms: [...algorithms] });
  } catch (cause) {
    throw new IdentityError('rejected', "The token's signature is not its issuer's.", { cause });
  }
}

/** Approving is for people themselves: not for programs, and not for whoever acts for a person. */
function checkPerson(principal: Principal): void {
  if (principal.kind !== 'person' || principal.actsFor.length > 0) {
    throw new IdentityError(
      'rejected',
      "Only a person, with their own token, may use the gateway's own API.",
    );
  }
}

/**
 * What revocation and the trail know the token by. Never its text or a digest of it: an ECDSA signature can be
 * rewritten by anybody into another one that is as valid. The signed payload cannot.
 */
function credentialIdOf({ claims, payload }: CompactJws, issuer: IssuerSettings): string {
  const { jti } = claims;
  if (jti === undefined) return `sha256:${createHash('sha256').update(payload).digest('hex')}`;
  if (typeof jti !== 'string' || !isPlainName(jti)) {
    throw new IdentityError('rejected', "The token's id (jti) is not a plain, short string.");
  }
  return `${issuer.url}#${jti}`;
}
