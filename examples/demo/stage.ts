import { chmod, copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findEnvoy } from '../../envoy/binary.ts';
import { storeToken } from '../../services/console/cli/token-store.ts';
import { messageOf } from '../../services/core/model/errors.ts';
import { Secret } from '../../services/core/model/secret.ts';
import { startDatabase } from './database.ts';
import { DemoError } from './errors.ts';
import { type Gateway, startGateway } from './gateway.ts';
import { type IdentityProvider, startIdentityProvider } from './identity-provider.ts';
import { sallyportYaml } from './sallyport.yaml.ts';
import { step } from './screen.ts';

/** URIs, since the identity provider takes them as resource indicators (RFC 8707). Nothing is behind them. */
const audience = 'https://sallyport.example.com';
const consoleAudience = 'https://sallyport.example.com/console';

/** Tokens that last for as long as somebody may want to play; real ones last for minutes. */
const tokenHours = 8;

export const agent = 'support-agent';
export const approver = 'olivia';

/** All that runs behind the demo, and where it is. */
export interface Stage {
  readonly gateway: Gateway;
  /** The agent's token: its password to the database. */
  readonly token: string;
  readonly files: {
    readonly config: string;
    readonly policy: string;
    readonly log: string;
    /** The agent's token, for psql. */
    readonly token: string;
    /** SALLYPORT_HOME of the approver, with her token in it. */
    readonly home: string;
  };
}

/**
 * Starts everything, one after the other, and puts on `cleanup` how it is stopped.
 *
 * @throws DemoError, EnvoyError; whatever `signal` was aborted with, once the step that runs has come to its end
 */
export async function setStage(cleanup: AsyncDisposableStack, signal: AbortSignal): Promise<Stage> {
  const folder = await makeFolder();
  cleanup.defer(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }));
  // As root the database runs as `nobody`, who must come through. What is secret in here has a mode of its own.
  await chmod(folder, 0o711);
  const files = {
    config: join(folder, 'sallyport.yaml'),
    policy: join(folder, 'policy.yaml'),
    log: join(folder, 'gateway.log'),
    token: join(folder, `${agent}.token`),
    home: join(folder, approver),
  };

  await step(
    'Looking for Envoy',
    (tell) => findEnvoy({ env: process.env, onProgress: tell }),
    ({ version, from }) => `Envoy ${version}${from === 'wheel' ? '' : `, from ${from}`}`,
  );
  signal.throwIfAborted();
  const database = await step(
    'Starting PostgreSQL',
    () => startDatabase(folder, (child) => cleanup.defer(() => child.stop())),
    ({ version }) => `PostgreSQL ${version} with a small shop's data`,
  );
  signal.throwIfAborted();
  const provider = await step('Starting the identity provider', startProvider, ({ url }) => {
    return `identity provider at ${url}`;
  });
  cleanup.defer(() => provider.stop());
  signal.throwIfAborted();

  const token = await provider.agentToken(agent);
  const places = { issuer: provider.url, audience, consoleAudience, databasePort: database.port };
  const secret = { mode: 0o600 };
  await Promise.all([
    writeFile(files.config, sallyportYaml({ ...places, loginClientId: provider.loginClientId })),
    copyFile(join(import.meta.dirname, 'policy.yaml'), files.policy),
    writeFile(join(folder, 'database-password'), database.password, secret),
    writeFile(files.token, token, secret),
    logIn(provider, files.home),
  ]);
  const gateway = await step(
    'Starting the gateway',
    () => startGateway(files, (child) => cleanup.defer(() => child.stop())),
    ({ port }) => `gateway, with Envoy listening on 127.0.0.1:${port}`,
  );
  signal.throwIfAborted();
  return { gateway, token, files };
}

async function makeFolder(): Promise<string> {
  try {
    return await mkdtemp(join(tmpdir(), 'sallyport-demo-'));
  } catch (cause) {
    const message = `A folder of temporary files cannot be made: ${messageOf(cause)}`;
    throw new DemoError(message, 'TMPDIR names another place for it.', { cause });
  }
}

const startProvider = (): Promise<IdentityProvider> =>
  startIdentityProvider({
    port: 0,
    audience,
    consoleAudience,
    agents: { [agent]: { groups: ['agents'] } },
    people: { [approver]: { groups: ['oncall'] } },
    lifetimeSeconds: tokenHours * 3_600,
  });

/** What `sallyport login` would do with her browser. */
async function logIn(provider: IdentityProvider, home: string): Promise<void> {
  const token = new Secret(await provider.personToken(approver));
  const expiresAtMs = Date.now() + tokenHours * 3_600_000;
  await storeToken({ SALLYPORT_HOME: home }, { issuer: provider.url, token, expiresAtMs });
}
