import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findEnvoy } from '../../envoy/binary.ts';
import type { Served } from '../../envoy/listener-kind.ts';
import { EnvoyProcess } from '../../envoy/process.ts';
import { systemClock } from '../../services/core/model/clock.ts';
import { listenerName } from '../../services/core/model/ids.ts';
import type { Logger } from '../../services/core/model/log.ts';
import type { GatewaySettings, ListenerSettings } from '../../services/core/model/settings.ts';

/** The Envoy that the tests run: fetched on the first use on this machine. */
export async function envoyBinary(): Promise<string> {
  const onProgress = (message: string): void => {
    process.stderr.write(`${message}\n`);
  };
  return (await findEnvoy({ env: process.env, onProgress })).path;
}

/** A listener on loopback and any free port that limits nothing a test would notice. */
export const listenerSettings = (
  name: string,
  changes: Partial<Omit<ListenerSettings, 'name'>> = {},
): ListenerSettings => ({
  name: listenerName(name),
  protocol: 'postgres',
  address: '127.0.0.1',
  port: 0,
  tls: null,
  oauth: null,
  sources: null,
  maxConnections: 1_000,
  connectionsPerSecond: 1_000,
  idleTimeoutMs: 3_600_000,
  ...changes,
});

export const gatewaySettings = (...listeners: readonly ListenerSettings[]): GatewaySettings => ({
  stateDir: '/var/lib/sallyport',
  workers: 1,
  listeners,
  envoy: { admin: null, concurrency: 1 },
});

/** The config of a gateway whose targets are no concern of Envoy's. */
export const served = (gateway: GatewaySettings): Served => ({ gateway, targets: [] });

export const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silent,
};

/** A folder with a short enough path for unix sockets. */
export const makeSocketDir = (): Promise<string> => mkdtemp(join(tmpdir(), 'sallyport-run-'));

/** A real Envoy for one test file. */
export interface EnvoyServer {
  readonly process: EnvoyProcess;
  /** Where Envoy expects the sockets: `edge.sock` and one `<listener>.sock` for each listener. */
  readonly runDir: string;
  /** The port that the listener is bound to now. */
  port(listener: string): Promise<number>;
  stop(): Promise<void>;
}

export interface EnvoyServerOptions {
  readonly gateway: GatewaySettings;
  /** A folder of the caller's (see makeSocketDir), which stays; by default one of its own, which goes with Envoy. */
  readonly runDir?: string;
  readonly log?: Logger;
}

export async function startEnvoy(options: EnvoyServerOptions): Promise<EnvoyServer> {
  const runDir = options.runDir ?? (await makeSocketDir());
  const envoy = await EnvoyProcess.start({
    binary: await envoyBinary(),
    served: served(options.gateway),
    runDir,
    log: options.log ?? silent,
    clock: systemClock,
  });
  return {
    process: envoy,
    runDir,
    async port(listener) {
      const bound = (await envoy.addresses()).get(listenerName(listener));
      if (bound === undefined) throw new Error(`Envoy has no listener ${listener}`);
      return bound.port;
    },
    async stop() {
      await envoy.stop();
      if (options.runDir === undefined) await rm(runDir, { recursive: true, force: true });
    },
  };
}
