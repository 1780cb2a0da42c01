import type { ListenerSettings } from '../services/core/model/settings.ts';
import { workerNumbers } from '../services/core/model/worker.ts';
import { probeAnswer } from '../services/protocols/probe.ts';
import { connectionLog } from './access-log.ts';
import { boundPort, connectionLimits } from './bound-port.ts';
import { aboutConnections, edgeService } from './edge-cluster.ts';
import { healthChecks } from './health-checks.ts';
import {
  connectionBufferBytes,
  connectTimeoutMs,
  ejectionMs,
  engineHeadroom,
  failuresToEject,
  firstByteTimeoutMs,
} from './limits.ts';
import type { ListenerKind, Workers } from './listener-kind.ts';
import { duration, type EnvoyMessage, extension, pipe } from './message.ts';
import { engineSocket } from './sockets.ts';

const clusterName = (settings: ListenerSettings): string => `engine_${settings.name}`;

/** A TCP connection, once it has been admitted, is given to a session engine on a unix socket: client speaks first. */
export const tcpEngine: ListenerKind = {
  listener: (settings, { gateway }) => ({
    ...boundPort(settings),
    // The inspector waits for the first five bytes (a TLS record's header; no Postgres client sends fewer) and peeks at
    // them, so that a client that says nothing is closed: the filters below would wait for ever, since Check and the
    // engine come with the first byte.
    listener_filters: [
      extension(
        'envoy.filters.listener.tls_inspector',
        'envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector',
      ),
    ],
    listener_filters_timeout: duration(firstByteTimeoutMs),
    // Not tcp_proxy's: it would not show the connections that end before their filters are made.
    access_log: [connectionLog(settings.name)],
    filter_chains: [{ name: settings.name, filters: filters(settings, gateway) }],
  }),

  clusters: ({ listeners, gateway }, runDir) =>
    listeners.map((settings) => engineCluster(settings, gateway, runDir)),

  // Each listener leads to one engine, whatever the target, and the engine terminates TLS.
  heapBytes: 0,
  routes: () => [],
  keyPairs: () => [],
};

const engineCluster = (settings: ListenerSettings, { workers }: Workers, runDir: string): EnvoyMessage => ({
  name: clusterName(settings),
  type: 'STATIC',
  connect_timeout: duration(connectTimeoutMs),
  per_connection_buffer_limit_bytes: connectionBufferBytes,
  circuit_breakers: { thresholds: [connectionsTo(settings)] },
  // Not by the fewest connections: one that has just died has none, and would be chosen first.
  lb_policy: 'ROUND_ROBIN',
  // Only when none is healthy does Envoy use them all: the only one, too busy to answer the health check in time, must not be taken
  // for dead; to one that is dead no connection can be made anyway.
  common_lb_config: { healthy_panic_threshold: { value: 1 } },
  health_checks: healthChecks({
    // What is sent comes behind a PROXY header that says LOCAL, and that is what engines answer.
    tcp_health_check: {
      send: { text: '00' },
      receive: [{ text: Buffer.from(probeAnswer).toString('hex') }],
    },
  }),
  outlier_detection: {
    consecutive_local_origin_failure: failuresToEject,
    split_external_local_origin_errors: true,
    base_ejection_time: duration(ejectionMs),
    max_ejection_time: duration(ejectionMs),
    max_ejection_percent: 100,
    // By comparison with the others (from five on): the busiest is not dead.
    enforcing_success_rate: 0,
    enforcing_local_origin_success_rate: 0,
  },
  transport_socket: extension(
    'envoy.transport_sockets.upstream_proxy_protocol',
    'envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport',
    {
      config: { version: 'V2' },
      transport_socket: extension(
        'envoy.transport_sockets.raw_buffer',
        'envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer',
      ),
    },
  ),
  load_assignment: {
    cluster_name: clusterName(settings),
    endpoints: [
      {
        lb_endpoints: workerNumbers(workers).map((worker) => ({
          endpoint: { address: pipe(engineSocket(runDir, settings.name, worker)) },
        })),
      },
    ],
  },
});

function connectionsTo({ maxConnections }: ListenerSettings): EnvoyMessage {
  const max = Math.ceil(maxConnections * engineHeadroom);
  // Each waits for a connection of its own for a moment, so as many may wait as may be there.
  return { max_connections: max, max_pending_requests: max };
}

/** In this order: the cheap limits first, then the question, and the engine is not connected to before the answer. */
const filters = (settings: ListenerSettings, gateway: Workers): readonly EnvoyMessage[] => [
  ...connectionLimits(settings),
  extension('envoy.filters.network.ext_authz', 'envoy.extensions.filters.network.ext_authz.v3.ExtAuthz', {
    stat_prefix: settings.name,
    transport_api_version: 'V3',
    failure_mode_allow: false,
    grpc_service: edgeService(aboutConnections, settings.name, gateway),
  }),
  extension('envoy.filters.network.tcp_proxy', 'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy', {
    stat_prefix: settings.name,
    cluster: clusterName(settings),
    // By default tcp_proxy connects at once, and engine and client exchange bytes before Check has answered.
    upstream_connect_mode: 'ON_DOWNSTREAM_DATA',
    max_early_data_bytes: connectionBufferBytes,
    // From a worker that has just died to the next: nothing of the client's has been sent by then.
    max_connect_attempts: gateway.workers,
    idle_timeout: duration(settings.idleTimeoutMs),
  }),
];
