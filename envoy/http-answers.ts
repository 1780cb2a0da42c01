import type { ListenerName } from '../services/core/model/ids.ts';
import { type WorkerNumber, workerNumbers } from '../services/core/model/worker.ts';
import { readerKey, readerOf, ruledBy } from '../services/edge/ext-proc/answer-metadata.ts';
import { edgeCluster, edgeService } from './edge-cluster.ts';
import { answerMessageTimeoutMs, maxAnswerMessageBytes, maxAnswersRead } from './limits.ts';
import type { Workers } from './listener-kind.ts';
import { duration, type EnvoyMessage, extension } from './message.ts';
import { unasked } from './own-replies.ts';

const about = (worker: WorkerNumber) => ({
  cluster: `sallyport_answers${worker === null ? '' : `_${worker}`}`,
  max: maxAnswersRead,
  timeoutMs: null,
  maxAnswerBytes: maxAnswerMessageBytes,
});

/** One for each worker: an answer is read by the process that has let its request through, which alone knows what was decided. */
export const answerClusters = ({ workers }: Workers, runDir: string): readonly EnvoyMessage[] =>
  workerNumbers(workers).map((worker) => edgeCluster(about(worker), [worker], runDir));

/**
 * Filters that have answers of targets read and masked, and streams ended with their sessions: only of the requests of which ext_authz was told so
 * (services/edge), so that others go on without it, and a changed policy counts from the next request on. Metadata of that filter is nobody else's to set.
 */
export const answerFilters = (listener: ListenerName, { workers }: Workers): readonly EnvoyMessage[] =>
  workerNumbers(workers).flatMap((worker) => [
    onlyIf(
      anyOf(isRead(readerOf(worker, 'answer')), allOf(isRead(readerOf(worker, 'streams')), isStream)),
      filter(listener, worker, answerAlone),
    ),
    onlyIf(isRead(readerOf(worker, 'upload')), filter(listener, worker, fromItsHead)),
    onlyIf(isRead(readerOf(worker, 'both-ways')), filter(listener, worker, bothWays)),
  ]);

const onlyIf = (predicate: EnvoyMessage, extensionConfig: EnvoyMessage): EnvoyMessage =>
  extension('envoy.filters.http.match_delegate', 'envoy.extensions.common.matching.v3.ExtensionWithMatcher', {
    xds_matcher: {
      matcher_list: {
        matchers: [
          {
            predicate: { not_matcher: predicate },
            on_match: {
              action: extension('skip', 'envoy.extensions.filters.common.matcher.action.v3.SkipFilter'),
            },
          },
        ],
      },
    },
    extension_config: extensionConfig,
  });

const anyOf = (...predicate: readonly EnvoyMessage[]): EnvoyMessage => ({ or_matcher: { predicate } });
const allOf = (...predicate: readonly EnvoyMessage[]): EnvoyMessage => ({ and_matcher: { predicate } });

const isRead = (reader: string): EnvoyMessage => ({
  single_predicate: {
    input: extension(
      'envoy.matching.inputs.dynamic_metadata',
      'envoy.extensions.matching.common_inputs.network.v3.DynamicMetadataInput',
      { filter: ruledBy, path: [{ key: readerKey }] },
    ),
    custom_match: extension(
      'envoy.matching.matchers.metadata_matcher',
      'envoy.extensions.matching.input_matchers.metadata.v3.Metadata',
      { value: { string_match: { exact: reader } } },
    ),
  },
});

/** Types of answers that targets send as things happen, and not as fast as they can. */
const streamTypes =
  '(?i)\\s*(?:text/event-stream|multipart/(?:x-mixed-replace|mixed)|application/(?:grpc.*|(?:x-)?ndjson|jsonl|x-jsonlines|json-lines|json-seq|[a-z0-9.+_-]+\\+json-seq|x-json-stream|stream\\+json))\\s*(?:;.*)?';

const isStream: EnvoyMessage = {
  single_predicate: {
    input: extension(
      'envoy.matching.inputs.response_headers',
      'envoy.type.matcher.v3.HttpResponseHeaderMatchInput',
      { header_name: 'content-type' },
    ),
    value_match: { safe_regex: { google_re2: {}, regex: streamTypes } },
  },
};

const answerAlone: EnvoyMessage = {
  request_header_mode: 'SKIP',
  request_body_mode: 'NONE',
  request_trailer_mode: 'SKIP',
  response_header_mode: 'SEND',
  response_body_mode: 'FULL_DUPLEX_STREAMED',
  response_trailer_mode: 'SEND',
};

/** The call begins with the head of the request, and whoever ends it ends the request. */
const fromItsHead: EnvoyMessage = { ...answerAlone, request_header_mode: 'SEND' };

const bothWays: EnvoyMessage = {
  ...fromItsHead,
  request_body_mode: 'FULL_DUPLEX_STREAMED',
  request_trailer_mode: 'SEND',
};

const filter = (listener: ListenerName, worker: WorkerNumber, processingMode: EnvoyMessage): EnvoyMessage =>
  extension('envoy.filters.http.ext_proc', 'envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor', {
    stat_prefix: listener,
    grpc_service: edgeService(about(worker), listener, { workers: 1 }),
    failure_mode_allow: false,
    status_on_error: { code: unasked.name },
    processing_mode: processingMode,
    message_timeout: duration(answerMessageTimeoutMs),
    metadata_options: { forwarding_namespaces: { untyped: [ruledBy] } },
    // Whether Envoy itself has answered: a target cannot say so.
    response_attributes: ['response.code_details'],
    mutation_rules: { disallow_is_error: true },
  });
