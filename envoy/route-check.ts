import {
  basePathExtension,
  routeKindExtension,
  routePrefixExtension,
  targetExtension,
} from '../services/edge/ext-authz/listener-metadata.ts';
import type { RouteKind } from '../services/protocols/request.ts';
import type { NamedTarget } from './http-names.ts';
import { any, type EnvoyMessage } from './message.ts';

/**
 * How ext_authz asks about the requests of one route: for which target they are, and what of their bodies it sends along.
 *
 * @param prefix what is taken off the path
 * @param body fields of an envoy.extensions.filters.http.ext_authz.v3.CheckSettings
 */
export const routeCheck = (
  target: NamedTarget,
  prefix: string,
  kind: RouteKind,
  body: EnvoyMessage,
): EnvoyMessage =>
  any('envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute', {
    check_settings: {
      context_extensions: {
        [targetExtension]: target.name,
        [routePrefixExtension]: prefix,
        [basePathExtension]: target.basePath,
        [routeKindExtension]: kind,
      },
      ...body,
    },
  });
