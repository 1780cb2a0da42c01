/**
 * Identity providers for tests, in two forms. `startIssuer` makes keys and signs whatever a test wants, also what no
 * honest issuer would; it can rotate its keys, misbehave and count who asks it. `startOidcProvider` is a real
 * authorization server (oidc-provider) for end-to-end tests: client credentials for agents, the device grant for people.
 */
import { generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto';
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import {
  type IdentityProvider,
  type IdentityProviderOptions,
  startIdentityProvider,
} from '../../examples/demo/identity-provider.ts';
import type { IssuerSettings } from '../../services/core/model/settings.ts';

/** A JSON object as a test writes it; members that are undefined are left out. */
export type Json = Readonly<Record<string, unknown>>;

/** How the issuer answers: as it should, or in one of the ways in which issuers fail. */
export type IssuerBehaviour =
  | 'normal'
  /** Connections are cut off. */
  | 'down'
  /** Connections are accepted and nothing is ever said. */
  | 'silent'
  /** Status 500. */
  | 'failing'
  /** 302 to an address that would answer normally. */
  | 'redirecting'
  /** More bytes than anybody should read. */
  | 'endless'
  /** Status 200, and not JSON. */
  | 'babbling';

export interface TestIssuer {
  /** The `iss`, on loopback. */
  readonly url: string;
  readonly jwksUrl: string;
  /** Ready for `IdentitySettings.issuers`; spread it to change something. */
  readonly settings: IssuerSettings;
  /** How often the issuer was asked for its metadata and for its keys. */
  readonly requests: { metadata: number; keys: number };
  behaviour: IssuerBehaviour;
  /** Resolves when the next request has come in, whether or not it is answered. */
  nextRequest(): Promise<void>;
  /** Replaces the metadata, to lie in it. */
  metadata: Json | null;
  /** Replaces the key set. */
  keySet: Json | null;
  /** Further members of the key set. */
  readonly extraKeys: Json[];
  /** The public key in use, for attacks that sign with it. */
  readonly publicKey: KeyObject;
  /**
   * A good access token of the subject `agent-7`, valid for ten minutes from now; claims and header parameters are
   * laid over it, undefined ones taken away.
   */
  mint(claims?: Json, header?: Json): string;
  /** A good token of a person for the console audience. */
  mintConsole(subject: string, claims?: Json): string;
  /** Signs exactly these texts, with the current key or another one. */
  sign(header: string, payload: string, key?: KeyObject): string;
  /** From now on another key signs; the old one leaves the key set. */
  rotateKeys(): void;
  stop(): Promise<void>;
}

export interface TestIssuerOptions {
  readonly algorithm?: 'ES256' | 'RS256' | 'EdDSA';
  /** The time in minted tokens. */
  readonly nowMs?: () => number;
  /** Serve https with this certificate; the settings then trust `ca`. */
  readonly tls?: { readonly key: string; readonly cert: string; readonly ca: string };
  /** A path behind the host, as tenants have. */
  readonly path?: string;
  /** Serve metadata at RFC 8414's place alone. */
  readonly oauthMetadataOnly?: boolean;
}

/** URIs, since resource indicators (RFC 8707) must be. */
export const testAudience = 'https://sallyport.test/gateway';
export const testConsoleAudience = 'https://sallyport.test/console';

/** How far a test token reaches: longer than any test, shorter than the limits that configs set. */
const lifetimeSeconds = 600;

const testSettings = (name: string, url: string, algorithm: string): IssuerSettings => ({
  name,
  url,
  audience: testAudience,
  consoleAudience: testConsoleAudience,
  algorithms: [algorithm],
  tokenTypes: ['at+jwt'],
  clockToleranceMs: 5_000,
  maxTokenAgeMs: 60 * 60_000,
  requiredClaims: [],
  claims: { subject: 'sub', groups: 'groups', kind: 'kind', defaultKind: 'agent' },
  jwksUrl: null,
  loginClientId: null,
  ca: null,
});

export const encode = (text: string): string => Buffer.from(text).toString('base64url');

function newKey(algorithm: 'ES256' | 'RS256' | 'EdDSA'): { publicKey: KeyObject; privateKey: KeyObject } {
  switch (algorithm) {
    case 'ES256':
      return generateKeyPairSync('ec', { namedCurve: 'P-256' });
    case 'RS256':
      return generateKeyPairSync('rsa', { modulusLength: 2048 });
    case 'EdDSA':
      return generateKeyPairSync('ed25519');
  }
}

const digestOf = { ES256: 'sha256', RS256: 'sha256', EdDSA: null } as const;

export async function startIssuer(options: TestIssuerOptions = {}): Promise<TestIssuer> {
  const algorithm = options.algorithm ?? 'ES256';
  const nowMs = options.nowMs ?? Date.now;
  let pair = newKey(algorithm);
  let keyId = randomUUID();
  const waiting: (() => void)[] = [];

  const answer: RequestListener = (request, response) => {
    const what = request.url === `${path}/keys` ? 'keys' : 'metadata';
    issuer.requests[what] += 1;
    for (const resolve of waiting.splice(0)) resolve();
    if (misbehave(issuer.behaviour, response)) return;
    const places = options.oauthMetadataOnly ? [oauthPlace] : [openIdPlace, oauthPlace];
    const ownKey = { ...pair.publicKey.export({ format: 'jwk' }), kid: keyId, alg: algorithm };
    const body =
      what === 'keys'
        ? (issuer.keySet ?? { keys: [ownKey, ...issuer.extraKeys] })
        : places.includes(request.url ?? '')
          ? (issuer.metadata ?? { issuer: issuer.url, jwks_uri: issuer.jwksUrl })
          : null;
    response.statusCode = body === null ? 404 : 200;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(body));
  };
  const server = options.tls ? createTlsServer(options.tls, answer) : createServer(answer);
  const path = options.path ?? '';
  const openIdPlace = `${path}/.well-known/openid-configuration`;
  const oauthPlace = `/.well-known/oauth-authorization-server${path}`;
  const origin = `${options.tls ? 'https' : 'http'}://127.0.0.1:${await listen(server)}`;
  const url = origin + path;

  const issuer: TestIssuer = {
    url,
    jwksUrl: `${url}/keys`,
    settings: { ...testSettings('test', url, algorithm), ca: options.tls?.ca ?? null },
    requests: { metadata: 0, keys: 0 },
    behaviour: 'normal',
    nextRequest: () => new Promise((resolve) => waiting.push(resolve)),
    metadata: null,
    keySet: null,
    extraKeys: [],
    get publicKey() {
      return pair.publicKey;
    },
    mint(claims = {}, header = {}) {
      const nowSeconds = Math.floor(nowMs() / 1000);
      const allClaims = {
        iss: url,
        sub: 'agent-7',
        aud: testAudience,
        iat: nowSeconds,
        exp: nowSeconds + lifetimeSeconds,
        jti: randomUUID(),
        ...claims,
      };
      const fullHeader = { alg: algorithm, kid: keyId, typ: 'at+jwt', ...header };
      return issuer.sign(JSON.stringify(fullHeader), JSON.stringify(allClaims));
    },
    mintConsole: (subject, claims = {}) =>
      issuer.mint({ sub: subject, aud: testConsoleAudience, kind: 'person', ...claims }),
    sign(header, payload, key = pair.privateKey) {
      const input = `${encode(header)}.${encode(payload)}`;
      const signature = sign(digestOf[algorithm], Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' });
      return `${input}.${signature.toString('base64url')}`;
    },
    rotateKeys() {
      pair = newKey(algorithm);
      keyId = randomUUID();
    },
    stop: () => stop(server),
  };
  return issuer;
}

/** Whether the request was dealt with. */
function misbehave(behaviour: IssuerBehaviour, response: ServerResponse): boolean {
  switch (behaviour) {
    case 'normal':
      return false;
    case 'down':
      response.destroy();
      return true;
    case 'silent':
      return true;
    case 'failing':
      response.statusCode = 500;
      response.end('{}');
      return true;
    case 'redirecting':
      response.writeHead(302, { location: '/.well-known/openid-configuration' });
      response.end();
      return true;
    case 'endless': {
      const more = (): void => {
        while (!response.destroyed && response.write(' '.repeat(64 * 1024)));
      };
      response.on('drain', more);
      more();
      return true;
    }
    case 'babbling':
      response.end('<html>');
      return true;
  }
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  return address.port;
}

async function stop(server: Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeAllConnections();
  await closed;
}

export interface TestOidcProvider extends IdentityProvider {
  /** Ready for `IdentitySettings.issuers`, with a login client. */
  readonly settings: IssuerSettings;
}

/** The demo's identity provider, with the tests' audiences. */
export async function startOidcProvider(
  options: Partial<Pick<IdentityProviderOptions, 'agents' | 'people'>> = {},
): Promise<TestOidcProvider> {
  const { agents = { 'agent-7': {} }, people = { alice: {} } } = options;
  const [audience, consoleAudience] = [testAudience, testConsoleAudience];
  const provider = await startIdentityProvider({
    port: 0,
    audience,
    consoleAudience,
    agents,
    people,
    lifetimeSeconds,
  });
  const { url, loginClientId } = provider;
  return { ...provider, settings: { ...testSettings('oidc-provider', url, 'ES256'), loginClientId } };
}
