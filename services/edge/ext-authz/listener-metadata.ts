/** The gRPC metadata in which Envoy's config says by which listener a connection came in: Check itself does not tell. */
export const listenerMetadata = 'x-sallyport-listener';

/** The context extensions in which a route says where it leads, and what it takes off the path. */
export const targetExtension = 'target';
export const routePrefixExtension = 'prefix';
/** What it puts in the prefix's place: the path of the target's URL. */
export const basePathExtension = 'basePath';
/** Which kind of route it is (services/protocols/request.ts). */
export const routeKindExtension = 'kind';
