/**
 * A real authorization server (oidc-provider) on loopback: client credentials for agents, the device grant for people. The demo's
 * identity provider, and that of end-to-end tests. Its people and their groups are whatever it is told; it asks nobody for a
 * password, which is why it is for demonstrations only.
 */
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { createServer, type RequestListener } from 'node:http';

type Json = Readonly<Record<string, unknown>>;

export interface IdentityProviderOptions {
  /** 0 lets the kernel choose. */
  readonly port: number;
  /** `aud` of agents' tokens and of people's; URIs, since resource indicators (RFC 8707) must be. */
  readonly audience: string;
  readonly consoleAudience: string;
  /** OAuth client id (the token's `sub`) to further claims of its tokens, such as `groups`. */
  readonly agents: Readonly<Record<string, Json>>;
  /** Subject to further claims. Their tokens get `kind: person`. */
  readonly people: Readonly<Record<string, Json>>;
  readonly lifetimeSeconds: number;
}

export interface IdentityProvider {
  /** The `iss`. */
  readonly url: string;
  /** OAuth client of `sallyport login`. */
  readonly loginClientId: string;
  /** An agent's access token for the gateway, by the client credentials grant. */
  agentToken(agent: string): Promise<string>;
  /** A person's access token for the gateway's own API, by the device grant, confirmed at once. */
  personToken(person: string): Promise<string>;
  /** What a person does in the browser during `sallyport login`: enter the code, log in, agree. */
  confirmLogin(userCode: string, person: string): Promise<void>;
  /** The person says no. */
  refuseLogin(userCode: string): Promise<void>;
  stop(): Promise<void>;
}

/** What we use of oidc-provider, which comes without types. */
interface Provider {
  callback(): RequestListener;
  use(middleware: (context: KoaContext, next: () => Promise<void>) => Promise<void>): void;
  readonly DeviceCode: { findByUserCode(code: string): Promise<DeviceCode | undefined> };
  readonly Grant: new (of: {
    readonly accountId: string;
    readonly clientId: string;
  }) => { addOIDCScope(scope: string): void; save(): Promise<string> };
}
interface KoaContext {
  readonly oidc?: { readonly route: string };
  body: unknown;
}
/** A device code as the server keeps it; setting an account and a grant is what its consent page does. */
interface DeviceCode {
  clientId: string;
  accountId?: string;
  grantId?: string;
  authTime?: number;
  scope?: string;
  resource?: string;
  error?: string;
  save(): Promise<string>;
}
interface AccessToken {
  readonly accountId?: string;
  readonly clientId?: string;
}

const loginClientId = 'sallyport-cli';
const agentSecret = randomUUID();
const deviceGrant = 'urn:ietf:params:oauth:grant-type:device_code';

/** What servers answer when a client may ask again at once; RFC 8628's default of 5 s would make everybody wait. */
const pollIntervalSeconds = 0.05;

export async function startIdentityProvider(options: IdentityProviderOptions): Promise<IdentityProvider> {
  const { agents, people, audience, consoleAudience, lifetimeSeconds } = options;
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(options.port, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  const url = `http://127.0.0.1:${address.port}`;
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const signingKey = { ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), use: 'sig' };
  const common = { redirect_uris: [], response_types: [], id_token_signed_response_alg: 'ES256' };
  const claimsOf = ({ accountId, clientId = '' }: AccessToken): Json =>
    accountId === undefined
      ? { kind: 'agent', ...agents[clientId] }
      : { kind: 'person', ...people[accountId] };
  // By names that the compiler cannot follow: the package has no types. Its memory adapter is the default; made here, each
  // provider has its own memory and nobody is warned.
  const packageName: string = 'oidc-provider';
  const { createMemoryAdapter }: { createMemoryAdapter: (clockToleranceSeconds: number) => unknown } =
    await import(`${packageName}/lib/adapters/memory_adapter.js`);
  const { default: Provider }: { default: new (issuer: string, config: Json) => Provider } = await import(
    packageName
  );
  const provider = new Provider(url, {
    jwks: { keys: [signingKey] },
    adapter: createMemoryAdapter(0),
    cookies: { keys: [randomUUID()] },
    ttl: {
      DeviceCode: lifetimeSeconds,
      Grant: lifetimeSeconds,
      AccessToken: lifetimeSeconds,
      ClientCredentials: lifetimeSeconds,
      IdToken: lifetimeSeconds,
    },
    clients: [
      ...Object.keys(agents).map((agent) => ({
        ...common,
        client_id: agent,
        client_secret: agentSecret,
        grant_types: ['client_credentials'],
      })),
      {
        ...common,
        client_id: loginClientId,
        token_endpoint_auth_method: 'none',
        application_type: 'native',
        grant_types: [deviceGrant],
      },
    ],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      deviceFlow: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_context: unknown, audience: string) => ({
          audience,
          scope: '',
          accessTokenFormat: 'jwt',
          accessTokenTTL: lifetimeSeconds,
          jwt: { sign: { alg: 'ES256' } },
        }),
      },
    },
    extraTokenClaims: (_context: unknown, token: AccessToken) => claimsOf(token),
    findAccount: (_context: unknown, accountId: string) => ({
      accountId,
      claims: () => ({ sub: accountId }),
    }),
  });
  provider.use(async (context, next) => {
    await next();
    if (context.oidc?.route === 'device_authorization' && typeof context.body === 'object') {
      context.body = { ...context.body, interval: pollIntervalSeconds };
    }
  });
  server.on('request', provider.callback());

  const post = async (path: string, form: Record<string, string>, authorization?: string): Promise<Json> => {
    const headers = authorization === undefined ? {} : { authorization };
    const response = await fetch(url + path, { method: 'POST', headers, body: new URLSearchParams(form) });
    const body = (await response.json()) as Json; // OAuth answers are JSON objects, errors as well
    if (!response.ok) throw new Error(`${path} answered ${JSON.stringify(body)}`);
    return body;
  };
  const codeOf = async (userCode: string): Promise<DeviceCode> => {
    const code = await provider.DeviceCode.findByUserCode(userCode.replaceAll('-', ''));
    if (code === undefined) throw new Error(`no login waits for the code ${userCode}`);
    return code;
  };

  const running: IdentityProvider = {
    url,
    loginClientId,
    async agentToken(agent) {
      const basic = `Basic ${Buffer.from(`${agent}:${encodeURIComponent(agentSecret)}`).toString('base64')}`;
      const form = { grant_type: 'client_credentials', resource: audience };
      return String((await post('/token', form, basic))['access_token']);
    },
    async personToken(person) {
      const resource = consoleAudience;
      const started = await post('/device/auth', { client_id: loginClientId, scope: 'openid', resource });
      await running.confirmLogin(String(started['user_code']), person);
      const device_code = String(started['device_code']);
      const form = { client_id: loginClientId, grant_type: deviceGrant, device_code, resource };
      return String((await post('/token', form))['access_token']);
    },
    async confirmLogin(userCode, person) {
      const code = await codeOf(userCode);
      const grant = new provider.Grant({ accountId: person, clientId: code.clientId });
      grant.addOIDCScope('openid');
      code.accountId = person;
      code.grantId = await grant.save();
      code.authTime = Math.floor(Date.now() / 1000);
      code.scope = 'openid';
      code.resource = consoleAudience;
      await code.save();
    },
    async refuseLogin(userCode) {
      const code = await codeOf(userCode);
      code.error = 'access_denied';
      await code.save();
    },
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
  return running;
}
