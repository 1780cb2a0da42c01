/** The ways from a client to the same PostgreSQL, each as its users have it. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type GatewayOptions, TestGateway, targetPassword } from '../e2e/gateway.ts';
import { gatewaySettings, listenerSettings, makeSocketDir, startEnvoy } from '../servers/envoy.ts';
import type { WayName } from './figures.ts';
import { startPgbouncer } from './pgbouncer.ts';
import { policyText, prepareShop } from './shop.ts';
import { startTcpProxy } from './tcp-proxy.ts';

export interface Way {
  /** The environment of a libpq program that goes this way. */
  readonly env: Readonly<Record<string, string>>;
  /** Whose processor time is counted; null where nothing stands between but Envoy, or nothing at all. */
  readonly enginePid: number | null;
}

export interface Ways {
  readonly gateway: TestGateway;
  /** Asked for each time anew: tokens end, and the gateway may have been started again. */
  way(name: WayName): Promise<Way>;
}

export const gatewayOptions = (changes: GatewayOptions = {}): GatewayOptions => ({
  prepare: prepareShop,
  policy: policyText(),
  // No limit of the defaults is what is measured here: a thousand idle sessions, and as many new ones as there can be.
  listener: ['maxConnections: 1200', 'connectionsPerSecond: 100000'],
  postgres: { config: ['max_connections = 1300'] },
  ...changes,
});

/** Starts all of them; what is started is ended with `stack`. */
export async function startWays(
  env: Readonly<Record<string, string>>,
  stack: AsyncDisposableStack,
): Promise<Ways> {
  const gateway = stack.use(await TestGateway.start(gatewayOptions({ env })));
  const { port } = gateway.postgres;
  const relay = stack.use(await startRelay(port));
  const proxy = stack.use(await startTcpProxy(port));
  const pgbouncer = stack.use(await startPgbouncer(port));
  // Everybody but the gateway's clients logs in with the password that the gateway itself uses.
  const login = (loginPort: number) => ({
    PGHOST: '127.0.0.1',
    PGPORT: String(loginPort),
    PGDATABASE: 'shop',
    PGUSER: 'gateway',
    PGPASSWORD: targetPassword,
  });
  const way = async (name: WayName): Promise<Way> => {
    switch (name) {
      case 'direct':
        return { env: login(port), enginePid: null };
      case 'envoy':
        return { env: login(proxy.port), enginePid: null };
      case 'relay':
        return { env: login(relay.port), enginePid: relay.pid };
      case 'pgbouncer':
        return { env: login(pgbouncer.port), enginePid: pgbouncer.pid };
      case 'gateway':
        return { env: gateway.libpq(), enginePid: await gateway.processId() };
    }
  };
  return { gateway, way };
}

/** bare-relay.ts behind an Envoy that is set up as the gateway's own. */
async function startRelay(postgresPort: number) {
  const runDir = await makeSocketDir();
  const relay = fork(join(import.meta.dirname, 'bare-relay.ts'), [runDir, String(postgresPort)]);
  await once(relay, 'message');
  const limits = { connectionsPerSecond: 100_000, maxConnections: 1_200 };
  const settings = gatewaySettings(listenerSettings('postgres', limits));
  // As many threads as the gateway's own Envoy has.
  const envoy = await startEnvoy({
    gateway: { ...settings, envoy: { admin: null, concurrency: null } },
    runDir,
  });
  return {
    port: await envoy.port('postgres'),
    pid: relay.pid ?? 0,
    async [Symbol.asyncDispose]() {
      await envoy.stop();
      relay.kill();
      await once(relay, 'exit');
      await rm(runDir, { recursive: true });
    },
  };
}
