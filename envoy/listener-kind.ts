import type { GatewaySettings, ListenerSettings } from '../services/core/model/settings.ts';
import type { EnvoyMessage } from './message.ts';

/** What of the gateway as a whole a listener depends on. */
export type Workers = Pick<GatewaySettings, 'workers'>;

/** How Envoy serves the listeners of a protocol. */
export interface ListenerKind {
  /** An envoy.config.listener.v3.Listener. */
  listener(settings: ListenerSettings, gateway: Workers): EnvoyMessage;
  /** The envoy.config.cluster.v3.Cluster to which the listener leads. */
  cluster(settings: ListenerSettings, gateway: Workers, runDir: string): EnvoyMessage;
}
