import { isIP } from 'node:net';
import { rootCertificates } from 'node:tls';
import type { ListenerSettings, TargetSettings } from '../services/core/model/settings.ts';
import { workerNumbers } from '../services/core/model/worker.ts';
import type { HttpVersion, RequestTarget } from '../services/protocols/requests/target.ts';
import { requestLog } from './access-log.ts';
import { boundPort, connectionLimits } from './bound-port.ts';
import { aboutRequests, edgeCluster, edgeService } from './edge-cluster.ts';
import { answerClusters, answerFilters } from './http-answers.ts';
import {
  clusterName,
  httpRoutes,
  httpStatPrefix,
  type NamedTarget,
  type RequestProtocol,
} from './http-names.ts';
import { httpRouteConfiguration } from './http-routes.ts';
import {
  connectionBufferBytes,
  firstByteTimeoutMs,
  initialConnectionWindowBytes,
  initialStreamWindowBytes,
  maxRequestHeaders,
  maxRequestHeadersKib,
  maxStreamsPerConnection,
  maxTargetConnections,
  maxTargetRequests,
  requestBodyHeapBytes,
  requestHeadersTimeoutMs,
  targetIdleMs,
} from './limits.ts';
import type { KeyPair, KindServed, ListenerKind, ResourceFiles } from './listener-kind.ts';
import { any, duration, type EnvoyMessage, extension } from './message.ts';
import { ownReplies, unasked } from './own-replies.ts';
import { streamClusters, streamFilter } from './streams.ts';

// as: these are the protocols whose targets HTTP listeners lead to, and `settings` has the shape that the protocol's targetSchema gives.
const httpTargets = (targets: readonly TargetSettings[]): readonly NamedTarget[] =>
  targets.map(({ name, protocol, settings }) => ({
    ...(settings as RequestTarget),
    name,
    protocol: protocol as RequestProtocol,
  }));

/** Envoy speaks HTTP with both sides, and asks the edge service about each request before it forwards it. */
export const httpRequests: ListenerKind = {
  listener: (settings, served, files) => ({
    ...boundPort(settings),
    filter_chains: [
      {
        name: settings.name,
        filters: [...connectionLimits(settings), connectionManager(settings, served, files)],
        ...(settings.tls === null
          ? {}
          : {
              transport_socket: downstreamTls(settings.name, settings.tls.clientCa, files),
              // What is said before the first request is TLS alone, and takes a few round trips.
              transport_socket_connect_timeout: duration(firstByteTimeoutMs),
            }),
      },
    ],
  }),

  clusters: ({ gateway, targets }, runDir, files) => [
    edgeCluster(aboutRequests, workerNumbers(gateway.workers), runDir),
    ...answerClusters(gateway, runDir),
    ...httpTargets(targets).map((target) => targetCluster(target, files)),
    ...streamClusters(httpTargets(targets), gateway, runDir),
  ],

  heapBytes: requestBodyHeapBytes,

  routes: ({ targets }) => [httpRouteConfiguration(httpTargets(targets))],

  keyPairs: ({ listeners, targets }) => [
    ...listeners.flatMap(({ name, tls }): readonly KeyPair[] =>
      tls === null ? [] : [{ name: listenerKey(name), certificate: tls.certificate, key: tls.key }],
    ),
    ...httpTargets(targets).flatMap(({ name, tls }): readonly KeyPair[] =>
      tls === null || tls.identity === null ? [] : [{ name: targetKey(name), ...tls.identity }],
    ),
  ],
};

const listenerKey = (name: string): string => `listener-${name}`;
const targetKey = (name: string): string => `target-${name}`;

const fromFile = (path: string): EnvoyMessage => ({
  resource_api_version: 'V3',
  path_config_source: { path },
});

/** By name alone it is looked for in the same config. */
const keyPairRef = (name: string, files: ResourceFiles): EnvoyMessage => ({
  name,
  ...(files === null ? {} : { sds_config: fromFile(files.secret(name)) }),
});

const downstreamTls = (name: string, clientCa: string | null, files: ResourceFiles): EnvoyMessage =>
  extension('envoy.transport_sockets.tls', 'envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext', {
    // A certificate that is brought must verify; without one it takes a token.
    require_client_certificate: false,
    common_tls_context: {
      alpn_protocols: ['h2', 'http/1.1'],
      tls_params: { tls_minimum_protocol_version: 'TLSv1_2' },
      tls_certificate_sds_secret_configs: [keyPairRef(listenerKey(name), files)],
      ...(clientCa === null ? {} : { validation_context: { trusted_ca: { inline_string: clientCa } } }),
    },
  });

const connectionManager = (
  settings: ListenerSettings,
  { gateway, targets }: KindServed,
  files: ResourceFiles,
): EnvoyMessage =>
  extension(
    'envoy.filters.network.http_connection_manager',
    'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    {
      stat_prefix: httpStatPrefix,
      codec_type: 'AUTO',
      ...(files === null
        ? { route_config: httpRouteConfiguration(httpTargets(targets)) }
        : { rds: { route_config_name: httpRoutes, config_source: fromFile(files.routes) } }),
      access_log: [requestLog(settings.name)],
      server_name: 'sallyport',
      // The peer's own address, whatever it says in X-Forwarded-For; and its x-envoy-* headers are taken off.
      use_remote_address: true,
      // One reading of each path: what is decided on is what is forwarded (services/protocols/requests/canonical-path.ts looks again).
      normalize_path: true,
      merge_slashes: true,
      path_with_escaped_slashes_action: 'REJECT_REQUEST',
      common_http_protocol_options: {
        idle_timeout: duration(settings.idleTimeoutMs),
        max_headers_count: maxRequestHeaders,
        // `a_b` and `a-b` are one header to CGI and its heirs.
        headers_with_underscores_action: 'REJECT_REQUEST',
      },
      // An absolute URL in the request line would replace Host (RFC 9112 section 3.2.2): servers differ on which counts.
      http_protocol_options: { allow_absolute_url: false },
      http2_protocol_options: {
        max_concurrent_streams: maxStreamsPerConnection,
        initial_stream_window_size: initialStreamWindowBytes,
        initial_connection_window_size: initialConnectionWindowBytes,
      },
      max_request_headers_kb: maxRequestHeadersKib,
      request_headers_timeout: duration(requestHeadersTimeoutMs),
      // By default five minutes: a request that is held has no traffic.
      stream_idle_timeout: duration(settings.idleTimeoutMs),
      local_reply_config: ownReplies,
      http_filters: [
        extension('envoy.filters.http.ext_authz', 'envoy.extensions.filters.http.ext_authz.v3.ExtAuthz', {
          stat_prefix: settings.name,
          transport_api_version: 'V3',
          grpc_service: edgeService(aboutRequests, settings.name, gateway),
          failure_mode_allow: false,
          status_on_error: { code: unasked.name },
          include_peer_certificate: true,
          // Bytes as they came, and a header that came twice stands there twice.
          encode_raw_headers: true,
          // Each route has a limit of its own; that bodies are packed as bytes is only read here.
          with_request_body: { max_request_bytes: 1, allow_partial_message: false, pack_as_bytes: true },
          validate_mutations: true,
        }),
        withoutTrailers,
        ...answerFilters(settings.name, gateway),
        streamFilter,
        extension('envoy.filters.http.router', 'envoy.extensions.filters.http.router.v3.Router', {
          // Targets learn nothing of Envoy's ways, and clients nothing of targets'.
          suppress_envoy_headers: true,
        }),
      ],
    },
  );

/** What is spoken to targets. */
const httpVersions: Readonly<
  Record<HttpVersion, { readonly options: EnvoyMessage; readonly alpn: readonly string[] }>
> = {
  '1.1': { options: { explicit_http_config: { http_protocol_options: {} } }, alpn: ['http/1.1'] },
  '2': { options: { explicit_http_config: { http2_protocol_options: {} } }, alpn: ['h2'] },
  negotiated: {
    options: { auto_config: { http_protocol_options: {}, http2_protocol_options: {} } },
    alpn: ['h2', 'http/1.1'],
  },
};

/** They come behind a body, when the request has been decided on. gRPC's requests have none. */
const withoutTrailers: EnvoyMessage = extension(
  'envoy.filters.http.header_mutation',
  'envoy.extensions.filters.http.header_mutation.v3.HeaderMutation',
  {
    mutations: {
      request_trailers_mutations: [{ remove_on_match: { key_matcher: { safe_regex: { regex: '.+' } } } }],
    },
  },
);

const targetCluster = (target: NamedTarget, files: ResourceFiles): EnvoyMessage => ({
  name: clusterName(target.name),
  // One host with all its addresses, of which the first that answers is used (RFC 8305): a name often has an IPv6 address that leads nowhere.
  type: 'LOGICAL_DNS',
  dns_lookup_family: 'ALL',
  connect_timeout: duration(target.connectTimeoutMs),
  per_connection_buffer_limit_bytes: connectionBufferBytes,
  circuit_breakers: {
    thresholds: [
      {
        max_connections: maxTargetConnections,
        max_pending_requests: maxTargetRequests,
        max_requests: maxTargetRequests,
        max_retries: 0,
      },
    ],
  },
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': any(
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
      {
        common_http_protocol_options: { idle_timeout: duration(targetIdleMs) },
        ...httpVersions[target.httpVersion].options,
      },
    ),
  },
  ...(target.tls === null ? {} : { transport_socket: upstreamTls(target, target.tls, files) }),
  load_assignment: {
    cluster_name: clusterName(target.name),
    endpoints: [
      {
        lb_endpoints: [
          { endpoint: { address: { socket_address: { address: target.host, port_value: target.port } } } },
        ],
      },
    ],
  },
});

function upstreamTls(
  { name, host, httpVersion }: NamedTarget,
  tls: NonNullable<RequestTarget['tls']>,
  files: ResourceFiles,
): EnvoyMessage {
  const isName = isIP(host) === 0;
  return extension(
    'envoy.transport_sockets.tls',
    'envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
    {
      ...(isName ? { sni: host } : {}),
      common_tls_context: {
        tls_params: { tls_minimum_protocol_version: 'TLSv1_2', tls_maximum_protocol_version: 'TLSv1_3' },
        alpn_protocols: httpVersions[httpVersion].alpn,
        ...(tls.identity === null
          ? {}
          : { tls_certificate_sds_secret_configs: [keyPairRef(targetKey(name), files)] }),
        validation_context: {
          trusted_ca: { inline_string: tls.ca ?? rootCertificates.join('\n') },
          match_typed_subject_alt_names: [
            { san_type: isName ? 'DNS' : 'IP_ADDRESS', matcher: { exact: host } },
          ],
        },
      },
    },
  );
}
