/** Headers of one request; Envoy has 100 as its own limit (common_http_protocol_options.max_headers_count). */
export const maxHeaders = 100;

/** Requests that are decided alike for their method, path, query and headers; each a few KiB. */
export const maxRememberedIntents = 2_000;

/** Conditions of one rule on paths; more is a list that nobody reads. */
export const maxTemplateCharacters = 1_000;

/**
 * Values of a JSON body that is read: a bulk import of two thousand rows. They take some 20 ms of the event loop, and up to 4 ms for each rule
 * that looks for a field at any depth, here measured on a slow machine.
 */
export const maxJsonValues = 20_000;

/** Objects and lists within each other: Go stops at 10,000, .NET at 64, and nobody writes as many by hand. */
export const maxJsonDepth = 64;

/** Digits of a number that is compared: a double has 17 that count. A longer one is within no bounds. */
export const maxNumberCharacters = 400;

/** Words and signs of a GraphQL document: what the largest dashboards ask for is some hundred. The parser stops there. */
export const maxGraphqlTokens = 5_000;

/** Fields once fragments are unfolded: fragments that use each other twice would double with each line. */
export const maxGraphqlFields = 5_000;

/** Fields within each other: GraphiQL's own introspection has 13. */
export const maxGraphqlDepth = 50;

/** Operations of one request, and fields at their top: each is decided by itself. */
export const maxGraphqlEffects = 100;

/** Names of headers of which is remembered what is done with them: some hundred are in use. Envoy takes 60 KiB of headers, so 12 MB at worst. */
export const maxRememberedNames = 200;
