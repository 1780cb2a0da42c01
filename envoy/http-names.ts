import type { HttpTarget } from '../services/protocols/http/target.ts';

/** The one RouteConfiguration of all HTTP listeners, and the prefix under which their statistics stand together. */
export const httpRoutes = 'http_targets';
export const httpStatPrefix = 'http_requests';

/** An HTTP target, as its protocol's schema has made it. */
export interface NamedTarget extends HttpTarget {
  readonly name: string;
}

export const clusterName = (target: string): string => `target_${target}`;
