import { expect, test } from '@jest/globals';
import { signalsWanted } from '../../../services/core/telemetry/signals.ts';

const both = { traces: true, metrics: true };
const neither = { traces: false, metrics: false };

test.each<[Record<string, string>, { traces: boolean; metrics: boolean }]>([
  [{}, neither],
  [{ OTEL_SERVICE_NAME: 'gateway' }, neither],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' }, both],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: ' ' }, neither],
  [
    { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://collector:4318/v1/traces' },
    { traces: true, metrics: false },
  ],
  [
    { OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://collector:4318/v1/metrics' },
    { traces: false, metrics: true },
  ],
  [{ OTEL_TRACES_EXPORTER: 'otlp' }, { traces: true, metrics: false }],
  [{ OTEL_METRICS_EXPORTER: 'console,otlp' }, { traces: false, metrics: true }],
  [
    { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318', OTEL_TRACES_EXPORTER: 'none' },
    { traces: false, metrics: true },
  ],
  [{ OTEL_TRACES_EXPORTER: 'None', OTEL_METRICS_EXPORTER: 'none' }, neither],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318', OTEL_SDK_DISABLED: 'TRUE' }, neither],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318', OTEL_SDK_DISABLED: 'false' }, both],
])('%j asks for %j', (environment, expected) => {
  expect(signalsWanted(environment)).toEqual(expected);
});
