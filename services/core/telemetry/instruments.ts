import type { Meter } from '@opentelemetry/api';

/** From what a cached decision takes (10 µs) to what a person notices (1 s). */
const fastSeconds = [1, 2.5, 5, 10, 25, 50, 100, 250, 500].map((us) => us / 1e6);
const slowSeconds = [1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000].map((ms) => ms / 1e3);
const addedSeconds = [...fastSeconds.slice(3), ...slowSeconds];
/** A signature is verified in 50 µs; keys that must be fetched first take a round trip, or a time-out of 10 s. */
const identitySeconds = [...fastSeconds.slice(4), ...slowSeconds, 2.5, 5, 10];
/** From a colleague beside one's desk to one who is asleep. */
const waitedSeconds = [1, 5, 15, 30, 60, 180, 300, 600, 1800, 3600, 4 * 3600, 12 * 3600, 24 * 3600];

/**
 * What an SRE asks for first. Attributes are of closed vocabularies or names from the config, so that the number of
 * series is bounded; beyond 2000 of one instrument OpenTelemetry itself adds up the rest as `otel.metric.overflow`.
 */
export const createInstruments = (meter: Meter) => ({
  decisions: meter.createCounter('sallyport.decisions', {
    description: 'Actions decided, by decision, reason, protocol and target.',
    unit: '{decision}',
  }),
  latencyAdded: meter.createHistogram('sallyport.latency.added', {
    description: 'Time the gateway added to an action, without what a hold took.',
    unit: 's',
    advice: { explicitBucketBoundaries: addedSeconds },
  }),
  holdsOpen: meter.createUpDownCounter('sallyport.holds.open', {
    description: 'Actions of this process that wait for approval now.',
    unit: '{hold}',
  }),
  holdWait: meter.createHistogram('sallyport.hold.wait', {
    description: 'How long holds were waited for, by how they ended.',
    unit: 's',
    advice: { explicitBucketBoundaries: waitedSeconds },
  }),
  valuesMasked: meter.createCounter('sallyport.values.masked', {
    description: 'Values masked in answers.',
    unit: '{value}',
  }),
  trailLag: meter.createHistogram('sallyport.trail.lag', {
    description: 'How long the oldest record of a batch waited for the kernel to take it.',
    unit: 's',
    advice: { explicitBucketBoundaries: addedSeconds },
  }),
  trailRecords: meter.createCounter('sallyport.trail.records', {
    description: 'Records written to the trail.',
    unit: '{record}',
  }),
  sessionsOpen: meter.createUpDownCounter('sallyport.sessions.open', {
    description: 'Sessions of this process that are open now.',
    unit: '{session}',
  }),
  identityVerification: meter.createHistogram('sallyport.identity.verification', {
    description: 'How long verifying a token or certificate took, by whether it was accepted.',
    unit: 's',
    advice: { explicitBucketBoundaries: identitySeconds },
  }),
});
