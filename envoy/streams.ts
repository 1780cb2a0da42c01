import { workerNumbers } from '../services/core/model/worker.ts';
import { streamProcess, streamProcessHeader } from '../services/protocols/stream-headers.ts';
import type { NamedTarget, RequestProtocol } from './http-names.ts';
import { connectionBufferBytes, connectTimeoutMs, maxStreams } from './limits.ts';
import type { Workers } from './listener-kind.ts';
import { any, duration, type EnvoyMessage, extension, pipe } from './message.ts';
import { routeCheck } from './route-check.ts';
import { streamsSocket } from './sockets.ts';

/** Requests that become streams: they go to the gateway process that has decided on them, which carries them to the target. */
const streamPaths: Readonly<Record<RequestProtocol, string | null>> = {
  http: null,
  kubernetes: '/api/v1/namespaces/[^/]+/pods/[^/]+/(?:exec|attach|portforward)',
};

const clusterOf = (protocol: RequestProtocol): string => `streams_${protocol}`;

const headerToMetadata = 'envoy.filters.http.header_to_metadata';
const headerToMetadataType = 'envoy.extensions.filters.http.header_to_metadata.v3.Config';
/** Envoy's own name for what choosing an endpoint looks at. */
const loadBalancing = 'envoy.lb';
const processKey = 'process';

/** Does nothing but on the routes of streams: there it reads, behind ext_authz, which process the answer has named. */
export const streamFilter: EnvoyMessage = extension(headerToMetadata, headerToMetadataType);

/** @param prefix of the target's paths */
export function streamRoutes(target: NamedTarget, prefix: string): readonly EnvoyMessage[] {
  const paths = streamPaths[target.protocol];
  if (paths === null) return [];
  return [
    {
      name: `streams-${prefix === '' ? 'host' : 'path'}-${target.name}`,
      match: { safe_regex: { regex: `${prefix.replaceAll(/[.\\+*?()[\]{}|^$]/g, '\\$&')}${paths}` } },
      route: {
        cluster: clusterOf(target.protocol),
        timeout: duration(0),
        idle_timeout: duration(0),
        // Without SPDY here Envoy would refuse it in its own words, which kubectl does not print.
        upgrade_configs: [{ upgrade_type: 'websocket' }, { upgrade_type: 'SPDY/3.1' }],
      },
      typed_per_filter_config: {
        [headerToMetadata]: any(headerToMetadataType, {
          request_rules: [
            {
              header: streamProcessHeader,
              on_header_present: { metadata_namespace: loadBalancing, key: processKey, type: 'STRING' },
            },
          ],
        }),
        'envoy.filters.http.ext_authz': routeCheck(target, prefix, 'upgrade', {
          // There is none, and a POST that is to be upgraded would be waited for.
          disable_request_body_buffering: true,
        }),
      },
    },
  ];
}

export const streamClusters = (
  targets: readonly NamedTarget[],
  { workers }: Workers,
  runDir: string,
): readonly EnvoyMessage[] =>
  [...new Set(targets.map(({ protocol }) => protocol))]
    .filter((protocol) => streamPaths[protocol] !== null)
    .map((protocol) => ({
      name: clusterOf(protocol),
      type: 'STATIC',
      connect_timeout: duration(connectTimeoutMs),
      per_connection_buffer_limit_bytes: connectionBufferBytes,
      circuit_breakers: {
        thresholds: [
          {
            max_connections: maxStreams,
            max_requests: maxStreams,
            max_pending_requests: maxStreams,
            max_retries: 0,
          },
        ],
      },
      // No other process knows what was decided.
      lb_subset_config: { fallback_policy: 'NO_FALLBACK', subset_selectors: [{ keys: [processKey] }] },
      load_assignment: {
        cluster_name: clusterOf(protocol),
        endpoints: [
          {
            lb_endpoints: workerNumbers(workers).map((worker) => ({
              endpoint: { address: pipe(streamsSocket(runDir, protocol, worker)) },
              metadata: { filter_metadata: { [loadBalancing]: { [processKey]: streamProcess(worker) } } },
            })),
          },
        ],
      },
    }));
