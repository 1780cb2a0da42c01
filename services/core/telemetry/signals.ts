/** Which of OpenTelemetry's signals are exported. */
export interface Signals {
  readonly traces: boolean;
  readonly metrics: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

const isSet = (value: string | undefined): boolean => value !== undefined && value.trim() !== '';

function isWanted(environment: Environment, signal: 'TRACES' | 'METRICS'): boolean {
  const exporters = environment[`OTEL_${signal}_EXPORTER`];
  if (isSet(exporters)) {
    return !exporters?.split(',').some((exporter) => exporter.trim().toLowerCase() === 'none');
  }
  return (
    isSet(environment['OTEL_EXPORTER_OTLP_ENDPOINT']) ||
    isSet(environment[`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`])
  );
}

/**
 * Each signal is off unless an exporter or an endpoint is named for it: OpenTelemetry's own default, OTLP to
 * localhost, would have every gateway without a collector fail every few seconds.
 * https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
 */
export function signalsWanted(environment: Environment): Signals {
  const disabled = environment['OTEL_SDK_DISABLED']?.trim().toLowerCase() === 'true';
  return {
    traces: !disabled && isWanted(environment, 'TRACES'),
    metrics: !disabled && isWanted(environment, 'METRICS'),
  };
}
