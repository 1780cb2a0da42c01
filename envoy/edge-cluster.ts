import type { ListenerName } from '../services/core/model/ids.ts';
import type { WorkerNumber } from '../services/core/model/worker.ts';
import { listenerMetadata } from '../services/edge/ext-authz/listener-metadata.ts';
import { healthChecks } from './health-checks.ts';
import {
  checkTimeoutMs,
  connectionBufferBytes,
  connectTimeoutMs,
  edgePingIntervalMs,
  edgePingTimeoutMs,
  maxCheckResponseBytes,
  maxChecks,
  maxRequestCheckResponseBytes,
  maxRequestChecks,
  requestCheckTimeoutMs,
} from './limits.ts';
import type { Workers } from './listener-kind.ts';
import { any, duration, type EnvoyMessage, extension, pipe } from './message.ts';
import { edgeSocket } from './sockets.ts';

/** How a kind of question is put to the edge service. Each kind has a share of its own, so that held requests keep nobody out. */
interface Asking {
  readonly cluster: string;
  readonly max: number;
  /** Null: for as long as it takes. */
  readonly timeoutMs: number | null;
  readonly maxAnswerBytes: number;
}

export const aboutConnections: Asking = {
  cluster: 'sallyport_edge',
  max: maxChecks,
  timeoutMs: checkTimeoutMs,
  maxAnswerBytes: maxCheckResponseBytes,
};

export const aboutRequests: Asking = {
  cluster: 'sallyport_edge_requests',
  max: maxRequestChecks,
  timeoutMs: requestCheckTimeoutMs,
  maxAnswerBytes: maxRequestCheckResponseBytes,
};

/** How a filter calls the edge service. Whatever goes wrong with the call refuses the connection or request. */
export const edgeService = (
  { cluster, timeoutMs, maxAnswerBytes }: Asking,
  listener: ListenerName,
  { workers }: Workers,
): EnvoyMessage => ({
  envoy_grpc: { cluster_name: cluster, max_receive_message_length: maxAnswerBytes },
  ...(timeoutMs === null ? {} : { timeout: duration(timeoutMs) }),
  initial_metadata: [{ key: listenerMetadata, value: listener }],
  ...(workers === 1 ? {} : { retry_policy: askAnother(workers) }),
});

/** When a worker has just died; its answer would have been the same. */
const askAnother = (workers: number): EnvoyMessage => ({
  retry_on: 'connect-failure,refused-stream,reset,unavailable',
  num_retries: workers - 1,
  retry_host_predicate: [
    extension(
      'envoy.retry_host_predicates.previous_hosts',
      'envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate',
    ),
  ],
  host_selection_retry_max_attempts: workers,
});

/** services/edge on its unix socket. */
export const edgeCluster = (
  { cluster: name, max }: Asking,
  workers: readonly WorkerNumber[],
  runDir: string,
): EnvoyMessage => ({
  name,
  type: 'STATIC',
  connect_timeout: duration(connectTimeoutMs),
  per_connection_buffer_limit_bytes: connectionBufferBytes,
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': any(
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
      {
        explicit_http_config: {
          http2_protocol_options: {
            connection_keepalive: {
              interval: duration(edgePingIntervalMs),
              timeout: duration(edgePingTimeoutMs),
            },
          },
        },
      },
    ),
  },
  circuit_breakers: {
    thresholds: [
      {
        max_requests: max,
        max_pending_requests: max,
        max_retries: workers.length === 1 ? 0 : max,
      },
    ],
  },
  common_lb_config: { healthy_panic_threshold: { value: 0 } },
  health_checks: healthChecks({ grpc_health_check: {} }),
  load_assignment: {
    cluster_name: name,
    endpoints: [
      {
        lb_endpoints: workers.map((worker) => ({
          endpoint: { address: pipe(edgeSocket(runDir, worker)) },
        })),
      },
    ],
  },
});
