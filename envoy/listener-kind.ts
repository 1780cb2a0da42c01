import type { Secret } from '../services/core/model/secret.ts';
import type { GatewaySettings, ListenerSettings, TargetSettings } from '../services/core/model/settings.ts';
import type { EnvoyMessage } from './message.ts';

/** What of the gateway as a whole a listener depends on. */
export type Workers = Pick<GatewaySettings, 'workers'>;

/** What of the config is Envoy's concern. */
export interface Served {
  readonly gateway: GatewaySettings;
  readonly targets: readonly TargetSettings[];
}

/** The part of it that one kind of listeners serves. */
export interface KindServed {
  readonly gateway: GatewaySettings;
  readonly listeners: readonly ListenerSettings[];
  /** Those to which listeners of this protocol lead. */
  readonly targets: readonly TargetSettings[];
}

/** A certificate with its key, which stand apart from the rest of the config: neither is a reason to drain a listener. */
export interface KeyPair {
  readonly name: string;
  /** PEM. */
  readonly certificate: string;
  readonly key: Secret;
}

/** Where a listener or cluster finds what is not part of it; Envoy watches the files. Null: in the same config. */
export type ResourceFiles = { readonly routes: string; secret(name: string): string } | null;

/** How Envoy serves the listeners of a protocol. */
export interface ListenerKind {
  /** An envoy.config.listener.v3.Listener. */
  listener(settings: ListenerSettings, served: KindServed, files: ResourceFiles): EnvoyMessage;
  /** The envoy.config.cluster.v3.Clusters to which the listeners lead. */
  clusters(served: KindServed, runDir: string, files: ResourceFiles): readonly EnvoyMessage[];
  /** The envoy.config.route.v3.RouteConfigurations that the listeners name. */
  routes(served: KindServed): readonly EnvoyMessage[];
  /** What Envoy may take for this kind, beside what each connection takes. */
  readonly heapBytes: number;
  keyPairs(served: KindServed): readonly KeyPair[];
}
