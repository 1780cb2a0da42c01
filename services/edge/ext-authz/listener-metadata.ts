/** The gRPC metadata in which Envoy's config says by which listener a connection came in: Check itself does not tell. */
export const listenerMetadata = 'x-sallyport-listener';

/** The context extensions in which a route says where it leads, and what it takes off the path. */
export const targetExtension = 'target';
export const routePrefixExtension = 'prefix';
