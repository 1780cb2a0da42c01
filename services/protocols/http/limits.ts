/** Headers of one request; Envoy has 100 as its own limit (common_http_protocol_options.max_headers_count). */
export const maxHeaders = 100;

/** Requests that are decided alike for their method, path, query and headers; each a few KiB. */
export const maxRememberedIntents = 2_000;

/** Conditions of one rule on paths; more is a list that nobody reads. */
export const maxTemplateCharacters = 1_000;
