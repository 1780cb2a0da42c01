import type { ListenerSettings } from '../services/core/model/settings.ts';
import type { EnvoyMessage } from './message.ts';

/** How Envoy serves the listeners of a protocol. */
export interface ListenerKind {
  /** An envoy.config.listener.v3.Listener. */
  listener(settings: ListenerSettings): EnvoyMessage;
  /** The envoy.config.cluster.v3.Cluster to which the listener leads. */
  cluster(settings: ListenerSettings, runDir: string): EnvoyMessage;
}
