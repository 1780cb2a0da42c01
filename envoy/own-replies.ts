import { insideStatuses } from '../services/edge/ext-proc/own-answers.ts';
import type { EnvoyMessage } from './message.ts';

/**
 * What the ext_authz filter answers when the edge service could not be asked, on Envoy's inside: nobody else here says 510. Outside it is 503, which
 * the edge service says too, with a document of its own that must not be written over.
 */
export const unasked = { name: 'NotExtended', code: 510 } as const;

/** RFC 9457, for what Envoy answers by itself: no such route, a malformed request, a target or gateway process that is not there. */
const problem = (status: string | number): EnvoyMessage => ({
  json_format: {
    type: 'urn:sallyport:problem:envoy',
    title: 'The request was not forwarded, or got no answer',
    status,
    detail: '%RESPONSE_CODE_DETAILS%',
    code: 'envoy',
    rule: null,
    hint: 'A 4xx is for you to mend. After a 5xx try again in a few seconds; unless detail begins with ext_authz, the target may have got it.',
  },
  content_type: 'application/problem+json',
});

const asItStands: EnvoyMessage = {
  text_format_source: { inline_string: '%LOCAL_REPLY_BODY%' },
  content_type: 'application/problem+json',
};

const isStatus = (code: number, runtimeKey: string): EnvoyMessage => ({
  status_code_filter: {
    comparison: { op: 'EQ', value: { default_value: code, runtime_key: `sallyport.${runtimeKey}` } },
  },
});

/** Clients of Kubernetes take a Status, as plain JSON alone; so was the request decided on. */
const isStatusWanted: EnvoyMessage = {
  metadata_filter: {
    matcher: {
      filter: 'envoy.filters.http.ext_authz',
      path: [{ key: 'document' }],
      value: { string_match: { exact: 'status' } },
    },
    match_if_key_not_found: false,
  },
};

const isRefused: EnvoyMessage = { response_flag_filter: { flags: ['UAEX'] } };

const both = (...filters: readonly EnvoyMessage[]): EnvoyMessage => ({ and_filter: { filters } });

const asStatus: EnvoyMessage = { ...asItStands, content_type: 'application/json' };

export const ownReplies: EnvoyMessage = {
  mappers: [
    // The edge service answers in the target's place.
    ...Object.entries(insideStatuses).flatMap(([status, inside]) => {
      const isInside = isStatus(inside, `inside_${inside}`);
      return [
        {
          filter: both(isInside, isStatusWanted),
          status_code: Number(status),
          body_format_override: asStatus,
        },
        { filter: isInside, status_code: Number(status), body_format_override: asItStands },
      ];
    }),
    {
      filter: isStatus(unasked.code, 'unasked'),
      status_code: 503,
      body_format_override: problem(503),
    },
    // The edge service has refused it, and says so itself.
    { filter: both(isRefused, isStatusWanted), body_format_override: asStatus },
    { filter: isRefused, body_format_override: asItStands },
  ],
  body_format: problem('%RESPONSE_CODE%'),
};
