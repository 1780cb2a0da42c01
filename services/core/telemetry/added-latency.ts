import type { Intent } from '../model/action.ts';
import type { Clock } from '../model/clock.ts';
import type { ActionTrace, Phase, SessionTrace, Telemetry } from '../model/telemetry.ts';

export interface LatencyParts {
  readonly clock: Clock;
  readonly latencyAdded: Telemetry['latencyAdded'];
}

/** A session whose actions are measured, beside the trace that each may have. */
export const measured = (session: SessionTrace, parts: LatencyParts): SessionTrace => ({
  ids: session.ids,
  phase: (phase) => session.phase(phase),
  opened: (attributes) => session.opened(attributes),
  action: (name) => new MeasuredAction(session.action(name), parts),
  end: (why) => session.end(why),
});

/** Made when the action's message was taken from the client; what a person takes to approve is not the gateway's time. */
class MeasuredAction implements ActionTrace {
  readonly #trace: ActionTrace;
  readonly #parts: LatencyParts;
  readonly #takenAtMs: number;
  #intent: Intent | null = null;
  #heldAtMs: number | null = null;
  #heldMs = 0;

  constructor(trace: ActionTrace, parts: LatencyParts) {
    this.#trace = trace;
    this.#parts = parts;
    this.#takenAtMs = parts.clock.monotonicMs();
  }

  get ids(): ActionTrace['ids'] {
    return this.#trace.ids;
  }

  phase(phase: Phase): void {
    this.#trace.phase(phase);
    const nowMs = this.#parts.clock.monotonicMs();
    if (this.#heldAtMs !== null) this.#heldMs += nowMs - this.#heldAtMs;
    this.#heldAtMs = phase === 'hold' ? nowMs : null;
  }

  analysed(intent: Intent): void {
    this.#trace.analysed(intent);
    this.#intent = intent;
  }

  decided(decision: Parameters<ActionTrace['decided']>[0]): void {
    this.#trace.decided(decision);
  }

  sent(): void {
    this.#trace.sent();
    if (this.#intent === null) return;
    const { clock, latencyAdded } = this.#parts;
    const { protocol, target } = this.#intent;
    latencyAdded(protocol, target, clock.monotonicMs() - this.#takenAtMs - this.#heldMs);
  }

  end(outcome: Parameters<ActionTrace['end']>[0]): void {
    this.#trace.end(outcome);
  }
}
