import type { RequestTarget } from '../services/protocols/requests/target.ts';

/** The one RouteConfiguration of all HTTP listeners, and the prefix under which their statistics stand together. */
export const httpRoutes = 'http_targets';
export const httpStatPrefix = 'http_requests';

/** A target of one of the protocols whose requests Envoy forwards, as their schemas have made it. */
export interface NamedTarget extends RequestTarget {
  readonly name: string;
  readonly protocol: RequestProtocol;
}

/** Under which path each protocol's targets stand by their names. */
export const pathPrefixes = { http: '/t', kubernetes: '/k8s' } as const;
export type RequestProtocol = keyof typeof pathPrefixes;

export const clusterName = (target: string): string => `target_${target}`;
