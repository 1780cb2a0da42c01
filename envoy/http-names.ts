/** The one RouteConfiguration of all HTTP listeners, and the prefix under which their statistics stand together. */
export const httpRoutes = 'http_targets';
export const httpStatPrefix = 'http_requests';
