import type { ActionTrace, SessionTrace, Telemetry } from '../model/telemetry.ts';

const nothing = (): void => undefined;
/** The ids that OpenTelemetry calls invalid: of no trace. */
const ids = { trace_id: '0'.repeat(32), span_id: '0'.repeat(16) };

export const untracedAction: ActionTrace = {
  ids,
  phase: nothing,
  analysed: nothing,
  decided: nothing,
  sent: nothing,
  end: nothing,
};

export const untracedSession: SessionTrace = {
  ids,
  phase: nothing,
  opened: nothing,
  action: () => untracedAction,
  end: nothing,
};

/** Telemetry that nobody asked for: callers test `enabled` and build nothing. */
export const telemetryOff: Telemetry = {
  enabled: false,
  session: () => untracedSession,
  identityVerified: nothing,
  sessionOpened: nothing,
  sessionClosed: nothing,
  decided: nothing,
  latencyAdded: nothing,
  holdOpened: nothing,
  holdEnded: nothing,
  valuesMasked: nothing,
  trailCommitted: nothing,
  shutdown: () => Promise.resolve(),
};
