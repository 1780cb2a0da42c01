/** A timer that can be called off; calling it off twice, or after it ran, does nothing. */
export interface Timer {
  cancel(): void;
}

/** Time as a dependency, so that tests move it instead of sleeping. */
export interface Clock {
  /** Milliseconds since the Unix epoch; may jump when the machine's clock is set. */
  nowMs(): number;
  /** Milliseconds since some start, fractional; never goes back. For durations. */
  monotonicMs(): number;
  /** Runs `run` once after `delayMs`; does not keep the process alive. */
  after(delayMs: number, run: () => void): Timer;
}

/** setTimeout's limit: a longer delay overflows to 1 ms and would fire at once. */
const longestDelayMs = 2 ** 31 - 1;

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, run) {
    const endsAtMs = performance.now() + delayMs;
    let timeout: NodeJS.Timeout;
    const arm = (): void => {
      const leftMs = endsAtMs - performance.now();
      timeout =
        leftMs > longestDelayMs ? setTimeout(arm, longestDelayMs) : setTimeout(run, Math.max(0, leftMs));
      timeout.unref();
    };
    arm();
    return { cancel: () => clearTimeout(timeout) };
  },
};
