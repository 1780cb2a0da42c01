import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { GatewaySettings, ListenerSettings } from '../services/core/model/settings.ts';
import { bootstrap } from './bootstrap.ts';
import { edgeCluster } from './edge-cluster.ts';
import { EnvoyError } from './errors.ts';
import { listenerKinds } from './kinds.ts';
import type { ListenerKind } from './listener-kind.ts';
import { any, type EnvoyMessage } from './message.ts';

/** The three files that Envoy reads in the run folder. It watches the last two. */
export const configFiles = (runDir: string) => ({
  bootstrap: join(runDir, 'envoy.json'),
  listeners: join(runDir, 'envoy-listeners.json'),
  clusters: join(runDir, 'envoy-clusters.json'),
});

/** Envoy's whole configuration, a text for each of its files. */
export interface EnvoyConfig {
  readonly bootstrap: string;
  readonly listeners: string;
  readonly clusters: string;
  /** `version_info` of the last two: what Envoy's statistics name once it works by them. */
  readonly versions: { readonly listeners: string; readonly clusters: string };
}

/**
 * The same settings and folder always give the same bytes, and targets and policies are not among what it depends on: a
 * listener that changes drains its sessions.
 *
 * @throws EnvoyError `unknown-protocol`, `bad-admin-address`, `bad-listener-name`, `socket-path-too-long`
 */
export function renderConfig(gateway: GatewaySettings, runDir: string): EnvoyConfig {
  const files = configFiles(runDir);
  const watched = (path: string): EnvoyMessage => ({
    resource_api_version: 'V3',
    path_config_source: { path },
  });
  const lds = resources('envoy.config.listener.v3.Listener', listeners(gateway));
  const cds = resources('envoy.config.cluster.v3.Cluster', clusters(gateway, runDir));
  return {
    bootstrap: text({
      ...bootstrap(gateway, runDir),
      dynamic_resources: { cds_config: watched(files.clusters), lds_config: watched(files.listeners) },
    }),
    listeners: text(lds),
    clusters: text(cds),
    versions: { listeners: lds.version_info, clusters: cds.version_info },
  };
}

/** The same as one file that stands alone, for people who run their own Envoy, and for `--mode validate`. */
export const renderStandalone = (gateway: GatewaySettings, runDir: string): string =>
  text({
    ...bootstrap(gateway, runDir),
    static_resources: { listeners: listeners(gateway), clusters: clusters(gateway, runDir) },
  });

const listeners = (gateway: GatewaySettings): readonly EnvoyMessage[] =>
  gateway.listeners.map((settings) => kindOf(settings).listener(settings, gateway));

const clusters = (gateway: GatewaySettings, runDir: string): readonly EnvoyMessage[] => [
  edgeCluster(gateway, runDir),
  ...gateway.listeners.map((settings) => kindOf(settings).cluster(settings, gateway, runDir)),
];

function kindOf(settings: ListenerSettings): ListenerKind {
  const kind = listenerKinds.get(settings.protocol);
  if (kind !== undefined) return kind;
  throw new EnvoyError(
    'unknown-protocol',
    `Listener ${settings.name} has protocol "${settings.protocol}", and Envoy is set up for ` +
      `${[...listenerKinds.keys()].join(', ')} only.`,
  );
}

/** An xDS DiscoveryResponse. Its version is of its content, so that Envoy's statistics tell which one is in force. */
function resources(type: string, messages: readonly EnvoyMessage[]) {
  const typed = messages.map((message) => any(type, message));
  const digest = createHash('sha256').update(JSON.stringify(typed)).digest('hex');
  return { version_info: digest.slice(0, 16), resources: typed };
}

const text = (message: EnvoyMessage): string => `${JSON.stringify(message, null, 2)}\n`;
