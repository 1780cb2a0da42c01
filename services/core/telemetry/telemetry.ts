import type { Telemetry } from '../model/telemetry.ts';
import { telemetryOff } from './off.ts';
import type { TelemetryOptions } from './options.ts';
import { signalsWanted } from './signals.ts';

/**
 * Telemetry as the OTEL_* variables of this process ask for it, and off when they ask for nothing. OpenTelemetry
 * reads `process.env` itself, and is loaded only when it is wanted: it takes 300 ms and 35 MB.
 *
 * An action's text is kept off spans, since its literals may be personal data, and a tracing backend is open to
 * more people than the trail. `SALLYPORT_TELEMETRY_TEXT=true` puts its beginning on them. Parameters never are.
 */
export async function createTelemetry(options: TelemetryOptions): Promise<Telemetry> {
  const signals = signalsWanted(process.env);
  if (!signals.traces && !signals.metrics) return telemetryOff;
  const withText = process.env['SALLYPORT_TELEMETRY_TEXT'] === 'true';
  const { startOpenTelemetry } = await import('./opentelemetry.ts');
  return startOpenTelemetry(signals, withText, options);
}
