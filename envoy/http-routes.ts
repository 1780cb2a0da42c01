import type { RouteKind } from '../services/protocols/request.ts';
import { EnvoyError } from './errors.ts';
import { clusterName, httpRoutes, type NamedTarget, pathPrefixes } from './http-names.ts';
import { any, duration, type EnvoyMessage } from './message.ts';
import { routeCheck } from './route-check.ts';
import { streamRoutes } from './streams.ts';

/**
 * Which target a request is for: by a host name of its own, or by a path such as `/t/NAME/`. The route tells the edge service which one it leads to,
 * so that the decision is on the target to which Envoy forwards.
 *
 * @throws EnvoyError `host-taken`
 */
export const httpRouteConfiguration = (targets: readonly NamedTarget[]): EnvoyMessage => ({
  name: httpRoutes,
  ignore_port_in_host_matching: true,
  // A cluster that has just gone is answered with 503; waiting for it would keep a new route from being taken.
  validate_clusters: false,
  virtual_hosts: [
    ...targets.filter(({ hosts }) => hosts.length > 0).map((target) => ownHost(target, targets)),
    {
      name: 'paths',
      domains: ['*'],
      routes: [
        ...targets.flatMap((target) => routes(target, `${pathPrefixes[target.protocol]}/${target.name}`)),
        nowhere,
      ],
    },
  ],
});

/** Without a route the edge service would not be asked, and who is not known would learn which targets there are. */
const nowhere: EnvoyMessage = {
  name: 'nowhere',
  match: { prefix: '/' },
  direct_response: { status: 404 },
  typed_per_filter_config: {
    'envoy.filters.http.ext_authz': any('envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute', {
      check_settings: { disable_request_body_buffering: true },
    }),
  },
};

function ownHost(target: NamedTarget, targets: readonly NamedTarget[]): EnvoyMessage {
  const other = targets.find(
    ({ name, hosts }) => name < target.name && hosts.some((host) => target.hosts.includes(host)),
  );
  if (other !== undefined) {
    const host = other.hosts.find((each) => target.hosts.includes(each));
    throw new EnvoyError(
      'host-taken',
      `Targets ${other.name} and ${target.name} both have the host name ${host}.`,
    );
  }
  return { name: `host-${target.name}`, domains: target.hosts, routes: routes(target, '') };
}

/** A watch, or a log that is followed, may have nothing to say for hours. */
const quietForHours: EnvoyMessage = { idle_timeout: duration(0) };

/**
 * In this order: streams of the gateway's own, what asks for a WebSocket, what is forwarded as it comes, and all else, whose bodies are read first.
 *
 * @param prefix what is taken off the path
 */
const routes = (target: NamedTarget, prefix: string): readonly EnvoyMessage[] => [
  ...streamRoutes(target, prefix),
  ...(target.protocol === 'http' ? [webSocketRoute(target, prefix)] : []),
  ...target.streams.map((path) =>
    route(target, prefix, 'streamed', {
      match: { safe_regex: { regex: prefix + regexOf(path.slice(target.basePath.length)) } },
      regex_rewrite: { pattern: { regex: `^${prefix}/` }, substitution: `${target.basePath}/` },
    }),
  ),
  route(target, prefix, 'whole', { match: { prefix: `${prefix}/` }, prefix_rewrite: `${target.basePath}/` }),
];

const webSocketRoute = (target: NamedTarget, prefix: string): EnvoyMessage =>
  route(target, prefix, 'upgrade', {
    match: { prefix: `${prefix}/`, headers: [isWebSocket] },
    prefix_rewrite: `${target.basePath}/`,
    upgrade_configs: [{ upgrade_type: 'websocket' }],
  });

const isWebSocket: EnvoyMessage = {
  name: 'upgrade',
  string_match: { exact: 'websocket', ignore_case: true },
};

/** Of a path in which dots alone mean something else to a regular expression (services/protocols/requests/target.ts, `streams`). */
const regexOf = (path: string): string =>
  path
    .replaceAll('.', '\\.')
    .replaceAll(/\{[^}]*\}/g, '[^/]+')
    .replace(/\/\*\*$/, '(?:/.*)?');

const route = (
  target: NamedTarget,
  prefix: string,
  kind: RouteKind,
  { match, ...action }: { readonly match: EnvoyMessage } & EnvoyMessage,
): EnvoyMessage => ({
  name: `${prefix === '' ? 'host' : 'path'}-${target.name}${kind === 'whole' ? '' : `-${kind}`}`,
  match,
  route: {
    cluster: clusterName(target.name),
    host_rewrite_literal: target.authority,
    ...action,
    // By default 15 seconds; a target may take its time, and the listener's idle time-out bounds it.
    timeout: duration(0),
    ...(target.protocol === 'kubernetes' ? quietForHours : {}),
  },
  // A session of the target's own would be the gateway's, and no client's to hold. The last one would have shared caches pass over what follows.
  response_headers_to_remove: ['set-cookie', 'set-cookie2', 'cdn-cache-control'],
  // What one principal may see, a cache that many share must not give to others (RFC 9111 section 3), though the target calls it public.
  response_headers_to_add: [
    { header: { key: 'cache-control', value: 'private' }, append_action: 'APPEND_IF_EXISTS_OR_ADD' },
  ],
  typed_per_filter_config: {
    'envoy.filters.http.ext_authz': routeCheck(target, prefix, kind, bodySettings(target, kind)),
  },
});

const bodySettings = ({ maxBodyBytes }: NamedTarget, kind: RouteKind): EnvoyMessage =>
  kind === 'whole'
    ? {
        with_request_body: {
          // One byte more than is let through, so that a body that was cut cannot be taken for a whole one.
          max_request_bytes: maxBodyBytes + 1,
          allow_partial_message: false,
          pack_as_bytes: true,
        },
      }
    : { disable_request_body_buffering: true };
