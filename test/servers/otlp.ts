import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { gunzipSync } from 'node:zlib';

/**
 * A real OTLP/HTTP receiver on loopback. It understands `http/json`; of `http/protobuf` it keeps the bytes.
 * https://opentelemetry.io/docs/specs/otlp/#otlphttp
 */
export interface OtlpReceiver {
  /** For OTEL_EXPORTER_OTLP_ENDPOINT. */
  readonly url: string;
  readonly requests: readonly OtlpRequest[];
  spans(): readonly ReceivedSpan[];
  /** The newest state of each series. */
  metrics(): readonly ReceivedPoint[];
  /** Attributes of the resource that the newest request came from. */
  resource(): Attributes;
  /** From now on requests are taken and never answered. */
  hang(): void;
  stop(): Promise<void>;
}

export interface OtlpRequest {
  readonly path: string;
  readonly contentType: string;
  readonly body: Buffer;
}

export type Attributes = Readonly<Record<string, unknown>>;

export interface ReceivedSpan {
  readonly name: string;
  readonly kind: 'internal' | 'server' | 'client';
  readonly traceId: string;
  readonly spanId: string;
  /** null for the root of a trace. */
  readonly parentSpanId: string | null;
  readonly attributes: Attributes;
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly failed: boolean;
  readonly statusMessage: string;
}

export interface ReceivedPoint {
  readonly name: string;
  readonly unit: string;
  readonly attributes: Attributes;
  /** A sum's value, or a histogram's sum. */
  readonly value: number;
  /** A histogram's count and bucket bounds; null for a sum. */
  readonly histogram: { readonly count: number; readonly bounds: readonly number[] } | null;
}

/** The parts of OTLP's JSON that are read here. */
interface AnyValue {
  readonly stringValue?: string;
  readonly intValue?: number | string;
  readonly doubleValue?: number;
  readonly boolValue?: boolean;
  readonly arrayValue?: { readonly values: readonly AnyValue[] };
}
type KeyValues = readonly { readonly key: string; readonly value: AnyValue }[];
interface Resourced {
  readonly resource: { readonly attributes: KeyValues };
}
interface JsonSpan {
  readonly name: string;
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly attributes: KeyValues;
  readonly links?: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly status?: { readonly code?: number; readonly message?: string };
}
interface JsonPoint {
  readonly attributes: KeyValues;
  readonly asInt?: number | string;
  readonly asDouble?: number;
  readonly sum?: number;
  readonly count?: number | string;
  readonly explicitBounds?: readonly number[];
}
interface JsonMetric {
  readonly name: string;
  readonly unit: string;
  readonly sum?: { readonly dataPoints: readonly JsonPoint[] };
  readonly histogram?: { readonly dataPoints: readonly JsonPoint[] };
}
interface TraceExport {
  readonly resourceSpans?: readonly (Resourced & {
    readonly scopeSpans: readonly { readonly spans: readonly JsonSpan[] }[];
  })[];
}
interface MetricExport {
  readonly resourceMetrics?: readonly (Resourced & {
    readonly scopeMetrics: readonly { readonly metrics: readonly JsonMetric[] }[];
  })[];
}

function plainValue(value: AnyValue): unknown {
  if (value.arrayValue !== undefined) return value.arrayValue.values.map(plainValue);
  return value.stringValue ?? value.boolValue ?? value.doubleValue ?? Number(value.intValue);
}

const attributesOf = (pairs: KeyValues): Attributes =>
  Object.fromEntries(pairs.map(({ key, value }) => [key, plainValue(value)]));

const kinds: Readonly<Record<number, ReceivedSpan['kind']>> = { 1: 'internal', 2: 'server', 3: 'client' };
const statusError = 2;

const spanOf = (span: JsonSpan): ReceivedSpan => ({
  name: span.name,
  kind: kinds[span.kind] ?? 'internal',
  traceId: span.traceId,
  spanId: span.spanId,
  parentSpanId: span.parentSpanId ? span.parentSpanId : null,
  attributes: attributesOf(span.attributes),
  links: (span.links ?? []).map(({ traceId, spanId }) => ({ traceId, spanId })),
  startNs: BigInt(span.startTimeUnixNano),
  endNs: BigInt(span.endTimeUnixNano),
  failed: span.status?.code === statusError,
  statusMessage: span.status?.message ?? '',
});

const pointsOf = (metric: JsonMetric): readonly ReceivedPoint[] =>
  [...(metric.sum?.dataPoints ?? []), ...(metric.histogram?.dataPoints ?? [])].map((point) => ({
    name: metric.name,
    unit: metric.unit,
    attributes: attributesOf(point.attributes),
    value: Number(point.asInt ?? point.asDouble ?? point.sum),
    histogram:
      metric.histogram === undefined
        ? null
        : { count: Number(point.count), bounds: point.explicitBounds ?? [] },
  }));

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk));
  const body = Buffer.concat(chunks);
  return request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body;
}

export async function startOtlp(): Promise<OtlpReceiver> {
  const requests: OtlpRequest[] = [];
  let hanging = false;
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await bodyOf(request);
    const contentType = request.headers['content-type'] ?? '';
    requests.push({ path: request.url ?? '', contentType, body });
    if (hanging) return;
    // An empty message, in the encoding of the request, says that all was taken.
    response.writeHead(200, { 'content-type': contentType }).end(contentType.includes('json') ? '{}' : '');
  };
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => response.writeHead(400).end(String(error)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');

  // The shapes are OTLP's own; a wrong one shows as a span or point without a value.
  const exports = <Export>(path: string): readonly Export[] =>
    requests
      .filter((request) => request.path === path && request.contentType.includes('json'))
      .map((request) => JSON.parse(request.body.toString('utf8')) as Export);
  const traces = () => exports<TraceExport>('/v1/traces').flatMap((sent) => sent.resourceSpans ?? []);
  const measurements = () =>
    exports<MetricExport>('/v1/metrics').flatMap((sent) => sent.resourceMetrics ?? []);

  return {
    url: `http://127.0.0.1:${address.port}`,
    requests,
    spans: () => traces().flatMap((part) => part.scopeSpans.flatMap(({ spans }) => spans.map(spanOf))),
    metrics() {
      const points = measurements().flatMap((part) =>
        part.scopeMetrics.flatMap(({ metrics }) => metrics.flatMap(pointsOf)),
      );
      const newest = points.map(
        (point) => [`${point.name} ${JSON.stringify(point.attributes)}`, point] as const,
      );
      return [...new Map(newest).values()];
    },
    resource: () => attributesOf([...measurements(), ...traces()].at(-1)?.resource.attributes ?? []),
    hang() {
      hanging = true;
    },
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
