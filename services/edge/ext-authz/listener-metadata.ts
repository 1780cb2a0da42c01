/** The gRPC metadata in which Envoy's config says by which listener a connection came in: Check itself does not tell. */
export const listenerMetadata = 'x-sallyport-listener';
