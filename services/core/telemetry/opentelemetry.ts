/** The only file that knows OpenTelemetry's SDK; loaded when telemetry is on. */
import { context, DiagLogLevel, diag, metrics, propagation, trace } from '@opentelemetry/api';
import { NodeSDK, resources } from '@opentelemetry/sdk-node';
import { messageOf } from '../model/errors.ts';
import type { Telemetry } from '../model/telemetry.ts';
import { measured } from './added-latency.ts';
import { createInstruments } from './instruments.ts';
import { shutdownMs } from './limits.ts';
import { untracedSession } from './off.ts';
import type { TelemetryOptions } from './options.ts';
import { SdkLog } from './sdk-log.ts';
import type { Signals } from './signals.ts';
import { TracedSession } from './traces.ts';

const scope = 'sallyport';

/**
 * All but what is not wanted comes from OTEL_* variables: exporters, protocol, sampler, limits, batch sizes, names.
 */
function createSdk(signals: Signals, { version, process: instance }: TelemetryOptions): NodeSDK {
  const own = resources.resourceFromAttributes({
    'service.name': 'sallyport',
    'service.version': version,
    'service.instance.id': instance,
  });
  // Without the process detector, which would put the whole command line into each export.
  const detectors = [resources.envDetector, resources.hostDetector];
  return new NodeSDK({
    resource: resources.defaultResource().merge(own),
    ...(process.env['OTEL_NODE_RESOURCE_DETECTORS'] === undefined ? { resourceDetectors: detectors } : {}),
    ...(signals.traces ? {} : { spanProcessors: [] }),
    ...(signals.metrics ? {} : { metricReaders: [] }),
    // Logs go to standard error, where whoever runs the gateway collects them.
    logRecordProcessors: [],
  });
}

/**
 * An exporter that is down costs neither memory nor time: spans wait in a queue of 2048 (OTEL_BSP_MAX_QUEUE_SIZE) and
 * are dropped beyond it, metrics are sums, and both are sent by timers.
 */
export function startOpenTelemetry(
  signals: Signals,
  withText: boolean,
  options: TelemetryOptions,
): Telemetry {
  const { clock, log } = options;
  const sdkLog = new SdkLog(log, clock);
  const logOptions = { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true };
  diag.setLogger(sdkLog, logOptions);
  const sdk = createSdk(signals, options);
  // Anew, because NodeSDK puts a console there when OTEL_LOG_LEVEL is set.
  diag.setLogger(sdkLog, logOptions);
  sdk.start();
  const instruments = createInstruments(metrics.getMeter(scope, options.version));
  const parts = { tracer: trace.getTracer(scope, options.version), clock, withText };

  const latencyAdded: Telemetry['latencyAdded'] = (protocol, target, durationMs) => {
    const about = { 'sallyport.protocol': protocol, 'sallyport.target': target };
    instruments.latencyAdded.record(durationMs / 1000, about);
  };

  return {
    enabled: true,
    session(known) {
      const session = signals.traces ? new TracedSession(parts, known) : untracedSession;
      return signals.metrics ? measured(session, { clock, latencyAdded }) : session;
    },
    identityVerified(durationMs, accepted) {
      instruments.identityVerification.record(durationMs / 1000, { 'sallyport.accepted': accepted });
    },
    sessionOpened(protocol, target) {
      instruments.sessionsOpen.add(1, { 'sallyport.protocol': protocol, 'sallyport.target': target });
    },
    sessionClosed(protocol, target) {
      instruments.sessionsOpen.add(-1, { 'sallyport.protocol': protocol, 'sallyport.target': target });
    },
    decided(protocol, target, decision, reason) {
      const about = {
        'sallyport.protocol': protocol,
        'sallyport.target': target,
        'sallyport.decision': decision,
      };
      instruments.decisions.add(1, reason === null ? about : { ...about, 'sallyport.reason': reason });
    },
    latencyAdded,
    holdOpened(target) {
      instruments.holdsOpen.add(1, { 'sallyport.target': target });
    },
    holdEnded(target, outcome, waitedMs) {
      instruments.holdsOpen.add(-1, { 'sallyport.target': target });
      const about = { 'sallyport.target': target, 'sallyport.outcome': outcome };
      instruments.holdWait.record(waitedMs / 1000, about);
    },
    valuesMasked(target, count) {
      instruments.valuesMasked.add(count, { 'sallyport.target': target });
    },
    trailCommitted(lagMs, records) {
      instruments.trailLag.record(lagMs / 1000);
      instruments.trailRecords.add(records);
    },
    async shutdown() {
      const { promise: late, resolve } = Promise.withResolvers<'late'>();
      const timer = clock.after(shutdownMs, () => resolve('late'));
      try {
        const first = await Promise.race([sdk.shutdown(), late]);
        if (first === 'late') log.warn({ waitedMs: shutdownMs }, 'telemetry was not taken before shutdown');
      } catch (error) {
        log.warn({ error: messageOf(error) }, 'the last telemetry could not be sent');
      } finally {
        timer.cancel();
        for (const api of [trace, metrics, context, propagation, diag]) api.disable();
      }
    },
  };
}
