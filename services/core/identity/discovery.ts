import { z } from 'zod';
import type { IssuerSettings } from '../model/settings.ts';
import { IssuerError, type IssuerFetch } from './issuer-http.ts';

/** What the gateway reads of an issuer's metadata (OpenID Connect Discovery 1.0 section 3, RFC 8414 section 2). */
const metadataSchema = z.looseObject({
  issuer: z.string(),
  jwks_uri: z.string(),
  token_endpoint: z.string().optional(),
  device_authorization_endpoint: z.string().optional(),
  id_token_signing_alg_values_supported: z.array(z.string()).optional(),
});
export type IssuerMetadata = z.infer<typeof metadataSchema>;

export interface FetchedDocument {
  readonly value: unknown;
  /** The issuer's own time (its Date header), to find clocks that disagree; null when it sends none. */
  readonly issuerTimeMs: number | null;
}

/** @throws IssuerError */
export async function fetchJson(fetch: IssuerFetch, url: string): Promise<FetchedDocument> {
  const response = await fetch(url, { method: 'GET', headers: { accept: 'application/json' } });
  if (response.status !== 200) {
    throw new IssuerError('unusable-answer', `${url} answered with status ${response.status}`);
  }
  const issuerTimeMs = Date.parse(response.headers.get('date') ?? '');
  try {
    return {
      value: await response.json(),
      issuerTimeMs: Number.isNaN(issuerTimeMs) ? null : issuerTimeMs,
    };
  } catch (cause) {
    throw new IssuerError('unusable-answer', `${url} did not answer with JSON`, { cause });
  }
}

/**
 * Where the two standards put metadata: OpenID Connect appends to the issuer's path, RFC 8414 section 3.1 puts its
 * part before the path.
 */
function metadataUrls(issuerUrl: string): readonly [string, string] {
  const { origin, pathname } = new URL(issuerUrl);
  const path = pathname.replace(/\/$/, '');
  return [
    `${origin}${path}/.well-known/openid-configuration`,
    `${origin}/.well-known/oauth-authorization-server${path}`,
  ];
}

/**
 * The issuer's metadata, from OpenID Connect's place or else from RFC 8414's.
 *
 * @throws IssuerError; also when the metadata name another issuer than the configured one (RFC 8414 section 3.3):
 * whoever can write a document somewhere on the issuer's host must not become the issuer.
 */
export async function discover(
  issuer: Pick<IssuerSettings, 'url'>,
  fetch: IssuerFetch,
): Promise<IssuerMetadata> {
  const [openIdUrl, oauthUrl] = metadataUrls(issuer.url);
  let metadataUrl = openIdUrl;
  let document: FetchedDocument;
  try {
    document = await fetchJson(fetch, openIdUrl);
  } catch (thrown) {
    // An issuer that cannot be reached will not be reached at the other path either.
    if (!(thrown instanceof IssuerError) || thrown.code !== 'unusable-answer') throw thrown;
    metadataUrl = oauthUrl;
    document = await fetchJson(fetch, oauthUrl).catch(() => {
      throw thrown; // The first place is the usual one: its answer says more about what is wrong.
    });
  }
  const metadata = metadataSchema.safeParse(document.value);
  if (!metadata.success) {
    throw new IssuerError(
      'unusable-answer',
      `${metadataUrl} is not an issuer's metadata: it needs issuer and jwks_uri`,
      {
        cause: metadata.error,
      },
    );
  }
  if (metadata.data.issuer !== issuer.url) {
    throw new IssuerError(
      'unusable-answer',
      `${metadataUrl} names the issuer ${JSON.stringify(metadata.data.issuer.slice(0, 200))}; ` +
        `the config says ${JSON.stringify(issuer.url)}, and the two must be exactly the same`,
    );
  }
  return metadata.data;
}
