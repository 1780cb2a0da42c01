import { type CryptoKey, createLocalJWKSet, type JWK } from 'jose';
import type { Clock } from '../model/clock.ts';
import { messageOf } from '../model/errors.ts';
import type { IssuerSettings } from '../model/settings.ts';
import { discover } from './discovery.ts';
import { type IssuerFetch, issuerFetch } from './issuer-http.ts';
import { fetchKeys } from './key-set.ts';

export interface IssuerProblem {
  readonly severity: 'error' | 'warning';
  readonly message: string;
}

/** What `sallyport check --online` found out about one issuer. */
export interface IssuerReport {
  /** The name and URL of the config. */
  readonly issuer: string;
  readonly url: string;
  /** Where the keys are; null when that could not be found out. */
  readonly jwksUrl: string | null;
  /** The keys that can verify, each with those of the config's algorithms that it is for. */
  readonly keys: readonly { readonly keyId: string | null; readonly algorithms: readonly string[] }[];
  /** Empty when all is well. Without errors, tokens of this issuer can be verified. */
  readonly problems: readonly IssuerProblem[];
}

/** The Date header has whole seconds and is older by the answer's way here, so a second more is no disagreement. */
const dateHeaderErrorMs = 2_000;

/** Fetches what a verification would fetch. Never rejects. */
export async function checkIssuer(issuer: IssuerSettings, clock: Clock): Promise<IssuerReport> {
  const report = { issuer: issuer.name, url: issuer.url };
  const fetch = issuerFetch(issuer, clock);
  const problems: IssuerProblem[] = [];
  const warn = (message: string): number => problems.push({ severity: 'warning', message });
  try {
    const { jwksUrl, keys, leaked, issuerTimeMs } = await fetchKeys(issuer, fetch);
    const usable = await Promise.all(keys.map(async (key) => usableKey(key, issuer.algorithms)));
    const found = usable.filter(({ algorithms }) => algorithms.length > 0);
    if (found.length === 0) {
      const message = `${jwksUrl} has no key for ${issuer.algorithms.join(', ')}: no token can be verified`;
      problems.push({ severity: 'error', message });
    }
    if (leaked > 0) {
      warn(`${jwksUrl} gives away ${leaked} private or symmetric keys, which are ignored; tell the issuer`);
    }
    if (found.length > 1 && found.some(({ keyId }) => keyId === null)) {
      warn(`${jwksUrl} has several keys and some have no id (kid): tokens without kid are refused`);
    }
    const skewMs = issuerTimeMs === null ? 0 : clock.nowMs() - issuerTimeMs;
    if (Math.abs(skewMs) > issuer.clockToleranceMs + dateHeaderErrorMs) {
      const seconds = Math.round(Math.abs(skewMs) / 1000);
      warn(`the clocks disagree: the gateway's is ${seconds} s ${skewMs > 0 ? 'ahead' : 'behind'}`);
    }
    if (issuer.loginClientId !== null) await checkLogin(issuer, fetch, problems);
    return { ...report, jwksUrl, keys: found, problems };
  } catch (thrown) {
    problems.push({ severity: 'error', message: messageOf(thrown) });
    return { ...report, jwksUrl: issuer.jwksUrl, keys: [], problems };
  }
}

/** `sallyport login` finds its endpoints in the metadata, also where the key set is configured. */
async function checkLogin(
  issuer: IssuerSettings,
  fetch: IssuerFetch,
  problems: IssuerProblem[],
): Promise<void> {
  try {
    const metadata = await discover(issuer, fetch);
    if (metadata.device_authorization_endpoint !== undefined) return;
    const message = `${issuer.url} has no device authorization endpoint: sallyport login cannot work`;
    problems.push({ severity: 'warning', message });
  } catch (thrown) {
    problems.push({ severity: 'warning', message: `sallyport login cannot work: ${messageOf(thrown)}` });
  }
}

/** Verifying with a shorter RSA key is refused (RFC 7518 section 3.3). */
const minRsaBits = 2048;

async function usableKey(
  jwk: JWK,
  algorithms: readonly string[],
): Promise<{ keyId: string | null; algorithms: readonly string[] }> {
  const set = createLocalJWKSet({ keys: [jwk] });
  const fitting: string[] = [];
  for (const alg of algorithms) {
    const key = await set({ alg }).catch(() => null); // not for this algorithm, or broken: either way not usable
    if (key !== null && rsaBitsOf(key) >= minRsaBits) fitting.push(alg);
  }
  return { keyId: jwk.kid ?? null, algorithms: fitting };
}

/** The length of an RSA key; other types have no length that could be too short. */
function rsaBitsOf({ algorithm }: CryptoKey): number {
  return 'modulusLength' in algorithm && typeof algorithm.modulusLength === 'number'
    ? algorithm.modulusLength
    : Number.POSITIVE_INFINITY;
}
