/** What every listener is, whatever is spoken on it. */
import type { ListenerSettings } from '../services/core/model/settings.ts';
import {
  connectionBufferBytes,
  keepaliveIntervalSeconds,
  keepaliveProbes,
  keepaliveTimeSeconds,
  listenBacklog,
} from './limits.ts';
import { type EnvoyMessage, extension } from './message.ts';

export const boundPort = (settings: ListenerSettings): EnvoyMessage => ({
  name: settings.name,
  stat_prefix: settings.name,
  traffic_direction: 'INBOUND',
  address: { socket_address: { address: settings.address, port_value: settings.port } },
  // With SO_REUSEPORT a second gateway, or any process of this user, could share the port unnoticed and take half of
  // the connections. Without it the workers share one socket, and Envoy spreads long sessions evenly over them.
  enable_reuse_port: false,
  connection_balance_config: { exact_balance: {} },
  tcp_backlog_size: listenBacklog,
  per_connection_buffer_limit_bytes: connectionBufferBytes,
  tcp_keepalive: {
    keepalive_time: keepaliveTimeSeconds,
    keepalive_interval: keepaliveIntervalSeconds,
    keepalive_probes: keepaliveProbes,
  },
});

/** The first filters: they cost least. */
export const connectionLimits = (settings: ListenerSettings): readonly EnvoyMessage[] => [
  extension(
    'envoy.filters.network.connection_limit',
    'envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit',
    { stat_prefix: settings.name, max_connections: settings.maxConnections },
  ),
  extension(
    'envoy.filters.network.local_ratelimit',
    'envoy.extensions.filters.network.local_ratelimit.v3.LocalRateLimit',
    {
      stat_prefix: settings.name,
      token_bucket: {
        max_tokens: settings.connectionsPerSecond,
        tokens_per_fill: settings.connectionsPerSecond,
        fill_interval: '1s',
      },
    },
  ),
];
