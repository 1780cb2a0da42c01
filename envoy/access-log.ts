import { type EnvoyMessage, extension } from './message.ts';

const toStdout = (fields: Readonly<Record<string, string>>): EnvoyMessage =>
  extension('envoy.access_loggers.stdout', 'envoy.extensions.access_loggers.stream.v3.StdoutAccessLog', {
    log_format: { omit_empty_values: true, json_format: fields },
  });

/**
 * One JSON line on stdout for each TCP connection, written when it ends. Who spoke and what was done stands in the trail; this
 * is the network's view of it, for SREs. The fields are Envoy's command operators (its manual, "Access logging").
 */
export const connectionLog = (listener: string): EnvoyMessage =>
  toStdout({
    startedAt: '%START_TIME%',
    listener,
    connectionId: '%CONNECTION_ID%',
    source: '%DOWNSTREAM_REMOTE_ADDRESS%',
    local: '%DOWNSTREAM_LOCAL_ADDRESS%',
    serverName: '%REQUESTED_SERVER_NAME%',
    durationMs: '%DURATION%',
    bytesReceived: '%BYTES_RECEIVED%',
    bytesSent: '%BYTES_SENT%',
    responseFlags: '%RESPONSE_FLAGS%',
    codeDetails: '%RESPONSE_CODE_DETAILS%',
    terminationDetails: '%CONNECTION_TERMINATION_DETAILS%',
    localCloseReason: '%DOWNSTREAM_LOCAL_CLOSE_REASON%',
    refusedBecause: '%DYNAMIC_METADATA(envoy.filters.network.ext_authz:reason)%',
    upstream: '%UPSTREAM_HOST%',
    upstreamFailure: '%UPSTREAM_TRANSPORT_FAILURE_REASON%',
  });

/**
 * One JSON line for each HTTP request, once it is answered. The query is left out, since people put secrets there; `action` leads to the
 * trail, which has it.
 */
export const requestLog = (listener: string): EnvoyMessage =>
  toStdout({
    startedAt: '%START_TIME%',
    listener,
    connectionId: '%CONNECTION_ID%',
    source: '%DOWNSTREAM_REMOTE_ADDRESS%',
    method: '%REQ(:METHOD)%',
    path: '%PATH(NQ:ORIG_OR_PATH)%',
    protocol: '%PROTOCOL%',
    status: '%RESPONSE_CODE%',
    durationMs: '%DURATION%',
    bytesReceived: '%BYTES_RECEIVED%',
    bytesSent: '%BYTES_SENT%',
    responseFlags: '%RESPONSE_FLAGS%',
    codeDetails: '%RESPONSE_CODE_DETAILS%',
    refusedBecause: '%DYNAMIC_METADATA(envoy.filters.http.ext_authz:reason)%',
    target: '%DYNAMIC_METADATA(envoy.filters.http.ext_authz:target)%',
    session: '%DYNAMIC_METADATA(envoy.filters.http.ext_authz:session)%',
    action: '%DYNAMIC_METADATA(envoy.filters.http.ext_authz:action)%',
    upstream: '%UPSTREAM_HOST%',
    upstreamFailure: '%UPSTREAM_TRANSPORT_FAILURE_REASON%',
  });
