import type { GatewaySettings } from '../services/core/model/settings.ts';
import { type AdminAddress, adminAddress } from './admin-address.ts';
import { baseHeapBytes, connectionHeadroom, connectionHeapBytes, grpcClientIdleMs } from './limits.ts';
import { duration, type EnvoyMessage, extension } from './message.ts';

/**
 * What does not change while Envoy runs: who it is, its admin interface, its log, its limits.
 *
 * @param requestHeapBytes what requests may take beside their connections; 0 where none come in
 */
export const bootstrap = (
  gateway: GatewaySettings,
  runDir: string,
  requestHeapBytes: number,
): EnvoyMessage => ({
  node: { id: 'sallyport', cluster: 'sallyport' },
  admin: {
    address: listenOn(adminAddress(gateway.envoy, runDir)),
    // It must answer just when the gateway is full.
    ignore_global_conn_limit: true,
    // What one reads. Nobody can change Envoy, or end it, through this port.
    allow_paths: [
      { exact: '/ready' },
      { exact: '/server_info' },
      { exact: '/memory' },
      { exact: '/certs' },
      { prefix: '/stats' },
      { prefix: '/listeners' },
      { prefix: '/clusters' },
      { prefix: '/config_dump' },
    ],
  },
  // One JSON object a line on stderr; %j is the message with JSON's escapes.
  application_log_config: {
    log_format: { json_format: { time: '%Y-%m-%dT%T.%e%z', level: '%l', component: '%n', message: '%j' } },
  },
  overload_manager: overloadManager(gateway, requestHeapBytes),
  grpc_async_client_manager_config: { max_cached_entry_idle_duration: duration(grpcClientIdleMs) },
  ...(requestHeapBytes === 0
    ? {}
    : { layered_runtime: { layers: [{ name: 'fixed', static_layer: answersFailClosed }] } }),
});

/** What of ext_proc's behaviour is a matter of flags, some of which are off by default in some releases. */
const answersFailClosed: EnvoyMessage = {
  // A stream that is done is ended, and not reset, which Node's HTTP/2 server takes for an attack when there are many.
  'envoy.reloadable_features.ext_proc_graceful_grpc_close': true,
  // A processor that cannot be called at all (envoyproxy/envoy#45220), or answers what it was not asked: 503.
  'envoy.reloadable_features.ext_proc_report_client_creation_error': true,
  'envoy.reloadable_features.ext_proc_fail_close_spurious_resp': true,
};

const listenOn = (address: AdminAddress): EnvoyMessage =>
  'socketPath' in address
    ? { pipe: { path: address.socketPath, mode: 0o600 } }
    : { socket_address: { address: address.host, port_value: address.port } };

/** Envoy's best practices for edge proxies: it refuses new connections before it dies of the old ones. */
function overloadManager(gateway: GatewaySettings, requestHeapBytes: number): EnvoyMessage {
  const connections = gateway.listeners.reduce((sum, listener) => sum + listener.maxConnections, 0);
  // Envoy does not take 0; with no listeners there is nothing to limit.
  const maxConnections = Math.max(1, connections * connectionHeadroom);
  const heap = 'envoy.resource_monitors.fixed_heap';
  const whenHeapIsAt = (value: number): readonly EnvoyMessage[] => [{ name: heap, threshold: { value } }];
  return {
    refresh_interval: duration(250),
    resource_monitors: [
      extension(heap, 'envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig', {
        max_heap_size_bytes: baseHeapBytes + connections * connectionHeapBytes + requestHeapBytes,
      }),
      extension(
        'envoy.resource_monitors.global_downstream_max_connections',
        'envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig',
        { max_active_downstream_connections: maxConnections },
      ),
    ],
    actions: [
      { name: 'envoy.overload_actions.shrink_heap', triggers: whenHeapIsAt(0.9) },
      { name: 'envoy.overload_actions.stop_accepting_connections', triggers: whenHeapIsAt(0.95) },
      // Connections that are there could bring any number of requests.
      ...(requestHeapBytes === 0
        ? []
        : [{ name: 'envoy.overload_actions.stop_accepting_requests', triggers: whenHeapIsAt(0.95) }]),
    ],
  };
}
