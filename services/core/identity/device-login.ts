import * as oauth from 'openid-client';
import type { Clock } from '../model/clock.ts';
import { messageOf, SallyportError } from '../model/errors.ts';
import { Secret } from '../model/secret.ts';
import type { IssuerSettings } from '../model/settings.ts';
import { isPlainName } from './claims.ts';
import { discover } from './discovery.ts';
import { IssuerError, issuerFetch, isTrustworthy } from './issuer-http.ts';
import { maxLoginMs } from './limits.ts';

export type LoginErrorCode =
  /** The config names no OAuth client or no console audience for this issuer. */
  | 'not-configured'
  /** The issuer cannot be reached, has no device grant, or answers with what the standard does not allow. */
  | 'issuer-unusable'
  /** The person, or the issuer's policy, said no. */
  | 'denied'
  /** Nobody confirmed the code in time. */
  | 'expired'
  /** The caller's signal ended it. */
  | 'aborted';

export class LoginError extends SallyportError<LoginErrorCode> {}

export interface LoginToken {
  /** For `Identity.fromToken(token, 'console')`. */
  readonly accessToken: Secret;
  /** In milliseconds since the Unix epoch; null when the issuer does not say. */
  readonly expiresAtMs: number | null;
}

/** A login that waits for a person. */
export interface DeviceLogin {
  /** Where the person enters `userCode`. */
  readonly verificationUrl: string;
  /** The same with the code in it, for a link or a QR code; null when the issuer has none. */
  readonly verificationUrlComplete: string | null;
  readonly userCode: string;
  readonly expiresAtMs: number;
  /**
   * Asks the issuer, as often as it permits, until the person has decided.
   *
   * @throws LoginError
   */
  token(signal?: AbortSignal): Promise<LoginToken>;
}

/**
 * Starts a login by the device authorization grant (RFC 8628) for a token with the issuer's console audience.
 *
 * @throws LoginError
 */
export async function startDeviceLogin(issuer: IssuerSettings, clock: Clock): Promise<DeviceLogin> {
  const { loginClientId, consoleAudience, name } = issuer;
  if (loginClientId === null || consoleAudience === null) {
    const message = `The issuer "${name}" needs a login client and a console audience in the config for sallyport login.`;
    throw new LoginError('not-configured', message);
  }
  const parameters = { scope: 'openid', ...audienceParameters(consoleAudience) };
  const client = await clientOf(issuer, loginClientId, clock);
  const started = await oauth.initiateDeviceAuthorization(client, parameters).catch((cause: unknown) => {
    throw loginError(cause, issuer);
  });
  const lifetimeMs = Math.min(started.expires_in * 1000, maxLoginMs);
  if (!isPlainName(started.user_code)) {
    throw new LoginError('issuer-unusable', `The issuer "${name}" gave a code that cannot be shown.`);
  }
  const complete = started.verification_uri_complete;
  return {
    verificationUrl: webPage(started.verification_uri, issuer),
    verificationUrlComplete: complete === undefined ? null : webPage(complete, issuer),
    userCode: started.user_code,
    expiresAtMs: clock.nowMs() + lifetimeMs,
    async token(signal) {
      const ended = new AbortController();
      const timer = clock.after(lifetimeMs, () => ended.abort(new LoginError('expired', expired)));
      const abort = (): void => ended.abort(new LoginError('aborted', 'The login was called off.'));
      if (signal?.aborted) abort();
      signal?.addEventListener('abort', abort, { once: true });
      try {
        // Between two polls the library looks at the signal only every few seconds: a person's Ctrl-C is not to wait.
        const tokens = await Promise.race([
          oauth.pollDeviceAuthorizationGrant(client, started, audienceParameters(consoleAudience), {
            signal: ended.signal,
          }),
          rejectionOf(ended.signal),
        ]);
        const expiresInSeconds = tokens.expiresIn();
        return {
          accessToken: new Secret(tokens.access_token),
          expiresAtMs: expiresInSeconds === undefined ? null : clock.nowMs() + expiresInSeconds * 1000,
        };
      } catch (cause) {
        throw loginError(cause, issuer);
      } finally {
        timer.cancel();
        signal?.removeEventListener('abort', abort);
        ended.abort();
      }
    },
  };
}

const expired = 'Nobody confirmed the code in time. Start the login again.';

/** Rejects when the signal is aborted, with its reason. */
const rejectionOf = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });

/**
 * How the token is asked to be for us: RFC 8707 has `resource`, which must be an absolute URI; Auth0 has `audience` for any
 * text. Issuers ignore parameters that they do not know (RFC 6749 section 3.1).
 */
const audienceParameters = (audience: string): Record<string, string> =>
  URL.canParse(audience) ? { resource: audience, audience } : { audience };

async function clientOf(
  issuer: IssuerSettings,
  clientId: string,
  clock: Clock,
): Promise<oauth.Configuration> {
  const fetch = issuerFetch(issuer, clock);
  const metadata = await discover(issuer, fetch).catch((cause: unknown) => {
    throw loginError(cause, issuer);
  });
  if (metadata.device_authorization_endpoint === undefined || metadata.token_endpoint === undefined) {
    const message = `The issuer "${issuer.name}" offers no device login (it has no device authorization endpoint).`;
    throw new LoginError('issuer-unusable', message);
  }
  // Without the last one the library takes RS256 for the only algorithm of the ID token that comes along.
  const { id_token_signing_alg_values_supported = issuer.algorithms } = metadata;
  const server = {
    issuer: issuer.url,
    device_authorization_endpoint: metadata.device_authorization_endpoint,
    token_endpoint: metadata.token_endpoint,
    jwks_uri: metadata.jwks_uri,
    id_token_signing_alg_values_supported: [...id_token_signing_alg_values_supported],
  };
  // A public client: whoever can run the command can read what it would keep secret.
  const client = new oauth.Configuration(server, clientId, undefined, oauth.None());
  client[oauth.customFetch] = fetch;
  // Ours refuses plain http except on loopback; the library's own check would refuse it there as well.
  oauth.allowInsecureRequests(client);
  return client;
}

/** Opened in a person's browser, who then logs in there: it has to be a page, and the issuer's own. */
function webPage(url: string, issuer: IssuerSettings): string {
  const page = URL.canParse(url) ? new URL(url) : null;
  if (page === null || !isTrustworthy(page)) {
    const message = `The issuer "${issuer.name}" gave no https page to confirm the login.`;
    throw new LoginError('issuer-unusable', message);
  }
  return page.href;
}

function loginError(thrown: unknown, issuer: IssuerSettings): LoginError {
  if (thrown instanceof LoginError) return thrown;
  if (thrown instanceof oauth.ResponseBodyError) {
    const { error } = thrown;
    const options = { cause: thrown };
    if (error === 'access_denied') return new LoginError('denied', 'The login was refused.', options);
    if (error === 'expired_token') return new LoginError('expired', expired, options);
    const message = `The issuer "${issuer.name}" refused the login: ${JSON.stringify(error)}.`;
    return new LoginError('issuer-unusable', message, options);
  }
  // openid-client wraps what the replacement for fetch throws into "something went wrong".
  const cause = thrown instanceof Error && thrown.cause instanceof IssuerError ? thrown.cause : thrown;
  const message = `The issuer "${issuer.name}" cannot be used for the login: ${messageOf(cause)}`;
  return new LoginError('issuer-unusable', message, { cause });
}
