import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { workerNumbers } from '../services/core/model/worker.ts';
import { bootstrap } from './bootstrap.ts';
import { aboutConnections, edgeCluster } from './edge-cluster.ts';
import { EnvoyError } from './errors.ts';
import { listenerKinds } from './kinds.ts';
import type { KeyPair, KindServed, ListenerKind, ResourceFiles, Served } from './listener-kind.ts';
import { any, type EnvoyMessage } from './message.ts';

/** The files that Envoy reads in the run folder. It watches all but the first. */
export const configFiles = (runDir: string) => ({
  bootstrap: join(runDir, 'envoy.json'),
  listeners: join(runDir, 'envoy-listeners.json'),
  clusters: join(runDir, 'envoy-clusters.json'),
  routes: join(runDir, 'envoy-routes.json'),
});

/** Certificates with their keys have a file each: Envoy takes one secret out of a file, and refuses it when there are more. */
export const secretFileName = (name: string): string => `envoy-secret-${name}.json`;
export const isSecretFileName = (file: string): boolean => /^envoy-secret-.*\.json$/.test(file);

/** Envoy's whole configuration, a text for each of its files. */
export interface EnvoyConfig {
  readonly bootstrap: string;
  readonly listeners: string;
  readonly clusters: string;
  readonly routes: string;
  /** By name. */
  readonly secrets: ReadonlyMap<string, string>;
  /** `version_info` of those that Envoy's statistics name once it works by them; null: nothing in force would name it. */
  readonly versions: {
    readonly listeners: string;
    readonly clusters: string;
    readonly routes: string | null;
  };
}

/**
 * The same settings and folder always give the same bytes. Listeners do not depend on targets and policies: one that changes drains its
 * sessions.
 *
 * @throws EnvoyError `unknown-protocol`, `bad-admin-address`, `bad-listener-name`, `socket-path-too-long`, `host-taken`
 */
export function renderConfig(served: Served, runDir: string): EnvoyConfig {
  const files = configFiles(runDir);
  const watched = (path: string): EnvoyMessage => ({
    resource_api_version: 'V3',
    path_config_source: { path },
  });
  const resourceFiles: ResourceFiles = {
    routes: files.routes,
    secret: (name) => join(runDir, secretFileName(name)),
  };
  const lds = resources('envoy.config.listener.v3.Listener', listeners(served, resourceFiles));
  const cds = resources('envoy.config.cluster.v3.Cluster', clusters(served, runDir, resourceFiles));
  const routed = routes(served);
  const rds = resources('envoy.config.route.v3.RouteConfiguration', routed);
  return {
    bootstrap: text({
      ...bootstrap(served.gateway, runDir, requestHeapBytes(served)),
      dynamic_resources: { cds_config: watched(files.clusters), lds_config: watched(files.listeners) },
    }),
    listeners: text(lds),
    clusters: text(cds),
    routes: text(rds),
    secrets: new Map(
      keyPairs(served).map((pair) => [
        pair.name,
        text(resources('envoy.extensions.transport_sockets.tls.v3.Secret', [secret(pair, keyInline)])),
      ]),
    ),
    versions: {
      listeners: lds.version_info,
      clusters: cds.version_info,
      routes: routed.length === 0 ? null : rds.version_info,
    },
  };
}

/** How a private key stands in a config: an envoy.config.core.v3.DataSource. */
type KeySource = (pair: KeyPair) => EnvoyMessage;

/** The key itself, for files that only this user may read. */
export const keyInline: KeySource = ({ key }) => ({ inline_string: key.reveal() });

/** For eyes: the path of a file that whoever runs this Envoy lays there. */
export const keyInFile =
  (runDir: string): KeySource =>
  ({ name }) => ({ filename: join(runDir, `${name}.key`) });

/** The same as one file that stands alone, for people who run their own Envoy, and for `--mode validate`. */
export function renderStandalone(served: Served, runDir: string, keySource: KeySource): string {
  const pairs = keyPairs(served);
  return text({
    ...bootstrap(served.gateway, runDir, requestHeapBytes(served)),
    static_resources: {
      listeners: listeners(served, null),
      clusters: clusters(served, runDir, null),
      ...(pairs.length === 0 ? {} : { secrets: pairs.map((pair) => secret(pair, keySource)) }),
    },
  });
}

const listeners = (served: Served, files: ResourceFiles): readonly EnvoyMessage[] =>
  served.gateway.listeners.map((settings) => {
    const { kind, part } = kindOf(settings.protocol, settings.name, served);
    return kind.listener(settings, part, files);
  });

const clusters = (served: Served, runDir: string, files: ResourceFiles): readonly EnvoyMessage[] => [
  edgeCluster(aboutConnections, workerNumbers(served.gateway.workers), runDir),
  ...kindsOf(served).flatMap(({ kind, part }) => kind.clusters(part, runDir, files)),
];

const routes = (served: Served): readonly EnvoyMessage[] =>
  kindsOf(served).flatMap(({ kind, part }) => kind.routes(part));

const requestHeapBytes = (served: Served): number =>
  kindsOf(served).reduce((sum, { kind }) => sum + kind.heapBytes, 0);

const keyPairs = (served: Served): readonly KeyPair[] =>
  kindsOf(served).flatMap(({ kind, part }) => kind.keyPairs(part));

interface KindInUse {
  readonly kind: ListenerKind;
  readonly part: KindServed;
}

/** Each protocol that has a listener, once, in the listeners' order. */
const kindsOf = (served: Served): readonly KindInUse[] =>
  [...new Map(served.gateway.listeners.map(({ protocol, name }) => [protocol, name]))].map(
    ([protocol, name]) => kindOf(protocol, name, served),
  );

function kindOf(protocol: string, listener: string, { gateway, targets }: Served): KindInUse {
  const kind = listenerKinds.get(protocol);
  if (kind === undefined) {
    throw new EnvoyError(
      'unknown-protocol',
      `Listener ${listener} has protocol "${protocol}", and Envoy is set up for ` +
        `${[...listenerKinds.keys()].join(', ')} only.`,
    );
  }
  return {
    kind,
    part: {
      gateway,
      listeners: gateway.listeners.filter((each) => each.protocol === protocol),
      targets: targets.filter((each) => each.listeners === protocol),
    },
  };
}

/** An envoy.extensions.transport_sockets.tls.v3.Secret. */
const secret = (pair: KeyPair, keySource: KeySource): EnvoyMessage => ({
  name: pair.name,
  tls_certificate: {
    certificate_chain: { inline_string: pair.certificate },
    private_key: keySource(pair),
  },
});

/** An xDS DiscoveryResponse. Its version is of its content, so that Envoy's statistics tell which one is in force. */
function resources(type: string, messages: readonly EnvoyMessage[]) {
  const typed = messages.map((message) => any(type, message));
  const digest = createHash('sha256').update(JSON.stringify(typed)).digest('hex');
  return { version_info: digest.slice(0, 16), resources: typed };
}

const text = (message: EnvoyMessage): string => `${JSON.stringify(message, null, 2)}\n`;
